//! Condition → a condition, or the statement that none is known.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    family_history::file_undated,
    json::Node,
    organization, read, value,
};
use std::collections::BTreeMap;
use wardline_record::{Body, Certainty, Condition, ConditionStatus, Finding, Text, When};

/// SNOMED CT for "no current problems or disability".
const NO_PROBLEMS: &str = "160245001";

/// A condition.
///
/// # Errors
/// When a date is none.
pub(crate) fn map(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    let clinical = node.get("clinicalStatus").and_then(read::token).unwrap_or_default();
    let verification = node.get("verificationStatus").and_then(read::token).unwrap_or_default();
    draft.status = if verification == "entered-in-error" { verification } else { clinical }.to_owned();

    let since = onset(node, "onset", &mut draft)?;
    let ended = onset(node, "abatement", &mut draft)?;
    draft.recorded = read::when_at(node, "recordedDate")?;
    draft.occurred = since.clone();
    for who in ["asserter", "recorder"] {
        if let Some(reference) = node.get(who) {
            draft.done_by(r, if who == "asserter" { "Asserted by" } else { "Recorded by" }, reference);
        }
    }
    draft.remark("Site", &read::words_of_each(node.list("bodySite")));
    for stage in node.list("stage") {
        draft.remark("Stage", &read::words_at(stage, "summary"));
    }
    for evidence in node.list("evidence") {
        draft.remark("Evidence", &read::words_of_each(evidence.list("code")));
    }
    draft.annotations(node);

    let finding = finding(node);
    let (name, code) = match finding {
        Finding::Present => node.get("code").and_then(read::named).unwrap_or_default(),
        _ => {
            node.skip("code");
            Default::default()
        }
    };
    let body = Condition {
        finding: Some(finding),
        name,
        code,
        status: status(clinical, ended.as_ref()),
        certainty: certainty(verification),
        since,
        ended,
        category: read::words_of_each(node.list("category")),
        severity: read::words_at(node, "severity"),
        verification: Text::from(verification),
    };
    file_undated(cx, &mut draft);
    draft.finish(Body::from(body))
}

/// Files conditions that name no visit under the one visit that names them among its diagnoses: many sources link them
/// only from there. What several visits name belongs to none of them.
pub(crate) fn file(cx: &Context<'_>, records: &mut [Taken]) {
    let mut named: BTreeMap<Text, Option<&Resource<'_>>> = BTreeMap::new();
    for visit in cx.of_kind("Encounter") {
        let listed = visit.node.list("diagnosis").iter().filter_map(|entry| entry.get("condition"));
        for reference in listed.chain(visit.node.list("reasonReference")) {
            let Some(condition) = cx.resolve(visit, reference) else { continue };
            let only = named.entry(Text::from(condition.name())).or_insert(Some(visit));
            *only = only.filter(|first| first.id == visit.id);
        }
    }
    for Taken { record, organization } in records {
        let Some(source) = record.source.as_mut().filter(|source| source.visit.is_empty()) else { continue };
        let visit = source.ids.first().and_then(|leading| named.get(leading).copied().flatten());
        let (Body::Condition(_), Some(visit)) = (&record.body, visit) else { continue };
        source.visit = Text::from(visit.name());
        if organization.is_none() {
            *organization = organization::at(cx, visit);
            record.organization =
                organization.as_ref().map(|at| Text::from(at.name.as_str())).unwrap_or_default();
        }
    }
}

/// Nothing known, or a condition.
fn finding(node: &Node<'_>) -> Finding {
    let codings = node.get("code").map(|code| code.list("coding")).unwrap_or_default();
    let none = codings.iter().any(|coding| coding.peek_str("code") == Some(NO_PROBLEMS));
    if none { Finding::NoneKnown } else { Finding::Present }
}

fn status(clinical: &str, ended: Option<&When>) -> Option<ConditionStatus> {
    Some(match clinical {
        "active" => ConditionStatus::Active,
        "recurrence" | "relapse" => ConditionStatus::Recurrence,
        "resolved" => ConditionStatus::Resolved,
        // FHIR's parent of remission and resolved.
        "inactive" if ended.is_some() => ConditionStatus::Resolved,
        "remission" | "inactive" => ConditionStatus::Remission,
        _ => return None,
    })
}

fn certainty(verification: &str) -> Option<Certainty> {
    Some(match verification {
        "confirmed" => Certainty::Confirmed,
        "unconfirmed" | "provisional" | "differential" => Certainty::Suspected,
        "refuted" => Certainty::Refuted,
        _ => return None,
    })
}

/// When it began or ended, in any of FHIR's five ways; what is no date is remarked.
pub(crate) fn onset(node: &Node<'_>, element: &str, draft: &mut Draft<'_>) -> Result<Option<When>, Refusal> {
    let (start, end) = read::period_at(node, &format!("{element}Period"))?;
    let label = if element == "onset" { "Onset" } else { "Ended" };
    let age = value::quantity(node, &format!("{element}Age"));
    if !age.is_empty() {
        draft.remark(label, &format!("at the age of {age}"));
    }
    let range = value::range_at(node, &format!("{element}Range"));
    draft.remark(label, &range);
    draft.remark(label, &read::line_at(node, &format!("{element}String")));
    if let (Some(start), Some(end)) = (&start, &end) {
        draft.remark(label, &read::period_words(Some(start), Some(end)));
    }
    let moment = read::when_at(node, &format!("{element}DateTime"))?;
    Ok(moment.or(start).or(end))
}

//! AllergyIntolerance → an allergy, or the statement that none is known.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    condition::onset,
    draft::Draft,
    family_history::file_undated,
    json::Node,
    read,
};
use wardline_record::{Allergy, AllergyCategory, Body, Criticality, Finding, Severity, Text};

/// An allergy.
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
    draft.recorded = read::when_at(node, "recordedDate")?;
    draft.occurred = since.clone();
    for who in ["asserter", "recorder"] {
        if let Some(reference) = node.get(who) {
            draft.done_by(r, if who == "asserter" { "Asserted by" } else { "Recorded by" }, reference);
        }
    }
    if let Some(last) = read::when_at(node, "lastOccurrence")? {
        draft.remark("Last reaction", last.as_str());
    }
    // "allergy" is what the record says anyway.
    draft.remark("Type", node.str("type").filter(|kind| *kind != "allergy").unwrap_or_default());
    draft.annotations(node);

    let none_known = none_known(node);
    let categories = node.list("category").iter().filter_map(Node::text).map(category);
    let mut body = Allergy {
        finding: Some(if none_known.is_some() { Finding::NoneKnown } else { Finding::Present }),
        category: match none_known {
            Some(NoneKnown::Of(category)) => category.or_else(|| categories.flatten().next()),
            Some(NoneKnown::Within(category)) => Some(category),
            None => categories.flatten().next(),
        },
        activity: Text::from(clinical),
        verification: Text::from(verification),
        ..Allergy::default()
    };
    if let Some(none_known) = none_known {
        match none_known {
            NoneKnown::Of(_) => node.skip("code"),
            // The category is wider than the statement, so its own words stay with it.
            NoneKnown::Within(_) => {
                (body.substance, body.code) = node.get("code").and_then(read::named).unwrap_or_default();
                draft.remark("In the words of the source", &body.substance);
            }
        }
    } else {
        (body.substance, body.code) = node.get("code").and_then(read::named).unwrap_or_default();
        body.criticality = node.str("criticality").and_then(|word| word.parse::<Criticality>().ok());
        body.confirmed = verification == "confirmed";
        body.since = since;
        let reactions: Vec<Text> =
            node.list("reaction").iter().map(|entry| reaction(entry, &mut body)).collect();
        body.reaction = Text::from(reactions.iter().map(Text::as_str).collect::<Vec<_>>().join("; "));
    }
    file_undated(cx, &mut draft);
    draft.finish(Body::from(body))
}

/// What there is nothing known of.
#[derive(Clone, Copy)]
enum NoneKnown {
    /// A whole category, or anything at all.
    Of(Option<AllergyCategory>),
    /// Some things of a category.
    Within(AllergyCategory),
}

/// SNOMED CT's codes for "nothing known".
fn none_known(node: &Node<'_>) -> Option<NoneKnown> {
    let mut codes = node.get("code")?.list("coding").iter().filter_map(|coding| coding.peek_str("code"));
    codes.find_map(|code| match code {
        "716186003" | "160244002" => Some(NoneKnown::Of(None)),
        "409137002" => Some(NoneKnown::Of(Some(AllergyCategory::Medicine))),
        "429625007" => Some(NoneKnown::Of(Some(AllergyCategory::Food))),
        "428607008" => Some(NoneKnown::Of(Some(AllergyCategory::Environment))),
        // Insects, animals.
        "428197003" | "716220001" => Some(NoneKnown::Within(AllergyCategory::Environment)),
        // Latex.
        "716184000" | "1003774007" => Some(NoneKnown::Within(AllergyCategory::Material)),
        _ => None,
    })
}

fn category(word: &str) -> Option<AllergyCategory> {
    match word {
        // FHIR's biologics are vaccines, sera and the like.
        "medication" | "biologic" => Some(AllergyCategory::Medicine),
        "food" => Some(AllergyCategory::Food),
        "environment" => Some(AllergyCategory::Environment),
        _ => None,
    }
}

/// One reaction in words: "Rash; Nausea (to Penicillin V, 2004-05, oral)". The worst severity is the record's.
fn reaction(entry: &Node<'_>, body: &mut Allergy) -> Text {
    let severity = entry.str("severity").and_then(|word| word.parse::<Severity>().ok());
    body.severity = body.severity.max(severity);
    let mut words = read::words_of_each(entry.list("manifestation"));
    let description = read::line_at(entry, "description");
    if description != words {
        words = Text::from(read::join(": ", &[&words, &description]));
    }
    let substance = read::words_at(entry, "substance");
    let to = if substance.is_empty() { String::new() } else { format!("to {substance}") };
    let onset = read::line_at(entry, "onset");
    let route = read::words_at(entry, "exposureRoute");
    let more = read::join(", ", &[&to, &onset, &route]);
    if more.is_empty() { words } else { Text::from(format!("{words} ({more})")) }
}

//! Procedure → an operation: what was done, by whom, why, and what came of it.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    read, value,
};
use wardline_record::{Body, Operation, Practitioner, TeamMember, Text};

/// Something that was done.
///
/// # Errors
/// When a date is none.
pub(crate) fn map(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    let (start, ended) = read::period_at(node, "performedPeriod")?;
    let started = read::when_at(node, "performedDateTime")?.or(start);
    draft.occurred = started.clone().or_else(|| ended.clone());
    draft.remark("Performed", &read::line_at(node, "performedString"));
    let age = value::quantity(node, "performedAge");
    if !age.is_empty() {
        draft.remark("Performed", &format!("at the age of {age}"));
    }
    let (practitioner, team) = performers(cx, r);
    draft.practitioner = practitioner;
    for who in ["asserter", "recorder"] {
        if let Some(reference) = node.get(who) {
            draft.done_by(r, if who == "asserter" { "Asserted by" } else { "Recorded by" }, reference);
        }
    }
    if let Some(location) = node.get("location") {
        draft.elsewhere(r, "Place", location);
    }
    draft.remark("Not done because", &read::words_at(node, "statusReason"));

    let (procedure, code) = node.get("code").and_then(read::named).unwrap_or_default();
    let body = Operation {
        procedure,
        code,
        category: read::words_at(node, "category"),
        indication: indication(cx, r),
        started,
        ended,
        team,
        site: read::words_of_each(node.list("bodySite")),
        outcome: read::words_at(node, "outcome"),
        report: report(r),
        complications: read::words_of_each(node.list("complication")),
        implants: implants(cx, r),
        ..Operation::default()
    };
    draft.finish(Body::from(body))
}

/// The first performer is the record's, the others are the team.
fn performers(cx: &Context<'_>, r: &Resource<'_>) -> (Practitioner, Vec<TeamMember>) {
    let mut practitioner = None;
    let mut team = Vec::new();
    for entry in r.node.list("performer") {
        let Some(actor) = entry.get("actor") else { continue };
        let person = read::practitioner(cx, r, actor);
        let role = read::words_at(entry, "function");
        match practitioner {
            None => practitioner = Some(person),
            Some(_) if person.name.is_empty() => {}
            Some(_) => {
                let role = if role.is_empty() { Text::from("performer") } else { role };
                team.push(TeamMember { role, name: person.name });
            }
        }
    }
    (practitioner.unwrap_or_default(), team)
}

/// Why: in words, else the conditions that it refers to.
fn indication(cx: &Context<'_>, r: &Resource<'_>) -> Text {
    let words = read::words_of_each(r.node.list("reasonCode"));
    let mut reasons = read::Once::default();
    for reference in r.node.list("reasonReference") {
        let found = cx.resolve(r, reference).and_then(|found| found.node.get("code"));
        let name = found.map_or_else(|| read::line_at(reference, "display"), read::words);
        reasons.add(name);
    }
    if words.is_empty() { reasons.joined("; ") } else { words }
}

/// What the source writes about it: its notes, what was used, what is to follow.
fn report(r: &Resource<'_>) -> Text {
    let mut lines: Vec<String> = Vec::new();
    for note in r.node.list("note") {
        lines.extend(note.str("text").map(|text| text.trim().to_owned()));
    }
    for (label, element) in [("Used", "usedCode"), ("Follow-up", "followUp")] {
        let words = read::words_of_each(r.node.list(element));
        if !words.is_empty() {
            lines.push(format!("{label}: {words}"));
        }
    }
    Text::from(lines.join("\n"))
}

/// Devices that were put in or changed, one a line.
fn implants(cx: &Context<'_>, r: &Resource<'_>) -> Text {
    let mut lines: Vec<String> = Vec::new();
    for device in r.node.list("focalDevice") {
        let action = read::words_at(device, "action");
        let name = device.get("manipulated").map(|what| read::name_at(cx, r, what)).unwrap_or_default();
        lines.push(read::join(": ", &[&action, &name]));
    }
    Text::from(lines.join("\n"))
}

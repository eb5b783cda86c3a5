//! FamilyMemberHistory → the conditions of one relative.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    read, value,
};
use wardline_record::{Body, FamilyHistory, Finding, Relative, Text};

/// What is known of one relative.
///
/// # Errors
/// When a date is none.
pub(crate) fn map(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, None);
    draft.occurred = read::when_at(node, "date")?;
    draft.remark("Reason", &read::words_of_each(node.list("reasonCode")));
    draft.annotations(node);

    // Who it is, without the name: relatives have not agreed to be in this record.
    let relation = read::words_at(node, "relationship");
    let (died, fate) = fate(node)?;
    let told = |condition: &Node<'_>| of_condition(condition, &relation, died, &fate);
    let mut relatives = node.list("condition").iter().map(told).collect::<Result<Vec<_>, _>>()?;
    let unasked = relatives.is_empty() && draft.status == "health-unknown";
    if relatives.is_empty() && !unasked {
        // A relative without conditions is no statement that there are none.
        relatives.push(Relative { relation, died, note: Text::from(fate), ..Relative::default() });
    }
    let finding = if unasked { Finding::NotAsked } else { Finding::Present };
    file_undated(cx, &mut draft);
    draft.finish(Body::from(FamilyHistory { finding: Some(finding), relatives }))
}

fn of_condition(condition: &Node<'_>, relation: &Text, died: bool, fate: &str) -> Result<Relative, Refusal> {
    let (name, code) = condition.get("code").and_then(read::named).unwrap_or_default();
    let age = condition.get("onsetAge");
    let years = age.and_then(in_years);
    let onset = match (years, age) {
        (None, Some(age)) => format!("onset at {}", value::amount(age).words()),
        _ => String::new(),
    };
    let (start, end) = read::period_at(condition, "onsetPeriod")?;
    let from = read::period_words(start.as_ref(), end.as_ref());
    let range = value::range_at(condition, "onsetRange");
    let mut parts = vec![onset, from, range.to_string(), read::line_at(condition, "onsetString").to_string()];
    let outcome = read::words_at(condition, "outcome");
    parts.extend([outcome.to_string(), fate.to_owned()]);
    parts.extend(condition.list("note").iter().map(|note| read::line_at(note, "text").to_string()));
    Ok(Relative {
        relation: relation.clone(),
        condition: name,
        code,
        age_at_onset: years,
        died_of_it: condition.boolean("contributedToDeath") == Some(true),
        died,
        note: Text::from(read::join(", ", &parts.iter().map(String::as_str).collect::<Vec<_>>())),
    })
}

/// An age in whole years.
fn in_years(age: &Node<'_>) -> Option<u16> {
    let years =
        matches!(age.peek_str("code"), Some("a")) || matches!(age.peek_str("unit"), Some("years" | "a"));
    let whole = age.get("value").filter(|_| years)?.number()?.parse().ok()?;
    for said in ["code", "unit", "system"] {
        age.skip(said);
    }
    Some(whole)
}

/// Whether the relative has died, and what is known of birth and death.
fn fate(node: &Node<'_>) -> Result<(bool, String), Refusal> {
    let dead = node.boolean("deceasedBoolean") == Some(true);
    let at_age = value::quantity(node, "deceasedAge");
    let in_range = value::range_at(node, "deceasedRange");
    let on = read::when_at(node, "deceasedDate")?.map(|date| date.to_string()).unwrap_or_default();
    let when = read::join(", ", &[&at_age, &in_range, &on, &read::line_at(node, "deceasedString")]);
    let born = read::when_at(node, "bornDate")?.map(|date| format!("born {date}")).unwrap_or_default();
    let age = value::quantity(node, "ageAge");
    let age = if age.is_empty() { String::new() } else { format!("aged {age}") };
    let death = if when.is_empty() { String::new() } else { format!("died: {when}") };
    Ok((dead || !when.is_empty(), read::join(", ", &[&born, &age, &death])))
}

/// Files a statement about the patient's whole life that neither its source nor its visit dates under the last visit
/// of the file, and says so: it is worth more than its date.
pub(crate) fn file_undated(cx: &Context<'_>, draft: &mut Draft<'_>) {
    if draft.occurred.is_some() || draft.recorded.is_some() || draft.has_dated_visit() {
        return;
    }
    if let Some(last) = cx.last_visit() {
        draft.note("Not dated at the source: filed at the last visit of its file.");
        draft.occurred = Some(last.clone());
    }
}

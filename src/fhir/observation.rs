//! Observations: measured values, vital signs, answers of surveys. Each becomes one or more measurements.
//!
//! It must not know which report an observation belongs to: `report` asks first.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    read,
    value::{Amount, amount, fixed, joined, labelled, number, period, range, range_at, ratio_at},
};
use std::collections::{BTreeMap, BTreeSet};
use wardline_record::{Body, Decimal, Flag, LaboratoryResult, Measurement, ResultStatus, Text, When};

/// Most measurements in one record.
pub(crate) const MAX_MEASUREMENTS: usize = 500;

/// What groups observations of no report into one record: visit, category, status, day.
type Key<'r> = (&'r str, String, &'r str, String);

/// The observations that no report has taken, grouped by visit, category, status and, in a stay or without a visit,
/// by day.
pub(crate) fn ungrouped(cx: &Context<'_>, taken: &BTreeSet<&str>) -> Result<Vec<Taken>, Refusal> {
    let mut groups: BTreeMap<Key<'_>, Vec<&Resource<'_>>> = BTreeMap::new();
    let mut order: Vec<Key<'_>> = Vec::new();
    for r in cx.of_kind("Observation").filter(|r| !taken.contains(r.place.as_str())) {
        let visit = cx.follow(r, &r.node, "encounter");
        let by_day = visit.is_none_or(is_stay);
        let day = if by_day { effective(r)? } else { None };
        let key = (
            visit.map_or("", |visit| visit.place.as_str()),
            category(r),
            r.node.peek_str("status").unwrap_or_default(),
            day.map(|day| day.as_str().chars().take(10).collect()).unwrap_or_default(),
        );
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(r);
    }
    let mut records = Vec::new();
    for group in order.iter().filter_map(|key| groups.get(key)) {
        let mut dated = Vec::new();
        for r in group {
            dated.push((effective(r)?, *r));
        }
        dated.sort_by_key(|(at, _)| at.as_ref().map(When::utc_seconds));
        let sorted: Vec<&Resource<'_>> = dated.into_iter().map(|(_, r)| r).collect();
        for part in parts(&sorted) {
            let category = part.first().map(|r| category(r)).unwrap_or_default();
            records.extend(one_record(cx, part, &Text::default(), &Text::from(category), "")?);
        }
    }
    Ok(records)
}

/// How many of the first observations fit into one record; one at least.
pub(crate) fn that_fit(group: &[&Resource<'_>]) -> usize {
    let mut sum = 0;
    let fits = group.iter().take_while(|r| {
        sum += 1 + r.node.list("component").len();
        sum <= MAX_MEASUREMENTS
    });
    fits.count().max(1).min(group.len())
}

/// Splits observations so that no record gets more than [`MAX_MEASUREMENTS`].
pub(crate) fn parts<'g, 'r>(mut group: &'g [&'r Resource<'r>]) -> Vec<&'g [&'r Resource<'r>]> {
    let mut parts = Vec::new();
    while !group.is_empty() {
        let (part, rest) = group.split_at(that_fit(group));
        parts.push(part);
        group = rest;
    }
    parts
}

/// One record of these observations, which are of one visit and status.
pub(crate) fn one_record(
    cx: &Context<'_>,
    group: &[&Resource<'_>],
    panel: &Text,
    category: &Text,
    note: &str,
) -> Result<Option<Taken>, Refusal> {
    let Some(first) = group.first() else { return Ok(None) };
    let mut draft = Draft::new(cx, first, first.node.get("encounter"));
    draft.note(note);
    for r in group {
        draft.occurred = draft.occurred.or(effective(r)?);
    }
    let mut body = LaboratoryResult {
        status: result_status(&draft.status),
        panel: panel.clone(),
        category: category.clone(),
        ..LaboratoryResult::default()
    };
    for r in group {
        add(cx, r, &mut draft, &mut body)?;
    }
    draft.finish(Body::LaboratoryResult(body))
}

/// Adds one observation to a record: its measurements, its specimen, who measured, and what is not as the record says.
pub(crate) fn add(
    cx: &Context<'_>,
    r: &Resource<'_>,
    draft: &mut Draft<'_>,
    body: &mut LaboratoryResult,
) -> Result<(), Refusal> {
    let node = &r.node;
    draft.also(r);
    draft.of_visit(r, node.get("encounter"));
    for reference in node.list("performer") {
        draft.done_by(r, "Measured by", reference);
    }
    draft.recorded_at(read::when_at(node, "issued")?);
    let at = effective(r)?;
    let collected = match node.get("specimen") {
        Some(reference) => specimen(cx, r, reference, draft, body)?,
        None => None,
    };
    let collected =
        collected.filter(|time| at.as_ref() != Some(time) && body.collected.as_ref() != Some(time));
    let status = node.str("status").unwrap_or_default();
    let category = category(r);
    let remarks = [
        // A value that was taken back must not pass for one that stands.
        labelled("status", if status == draft.status { "" } else { status }),
        labelled("category", if category == body.category.as_str() { "" } else { &category }),
        labelled("specimen of", collected.as_ref().map(When::as_str).unwrap_or_default()),
    ];
    let taken = at.filter(|at| draft.occurred.as_ref() != Some(at));
    for mut measurement in measurements(r)? {
        measurement.taken = taken.clone();
        let note = std::iter::once(measurement.note.to_string()).chain(remarks.iter().cloned());
        measurement.note = Text::from(joined("; ", &note.collect::<Vec<_>>()));
        body.measurements.push(measurement);
    }
    Ok(())
}

/// What was examined, from every specimen of the record, and when this one was taken.
pub(crate) fn specimen(
    cx: &Context<'_>,
    from: &Resource<'_>,
    reference: &Node<'_>,
    draft: &mut Draft<'_>,
    body: &mut LaboratoryResult,
) -> Result<Option<When>, Refusal> {
    let shown = read::line_at(reference, "display");
    let Some(found) = cx.resolve(from, reference) else {
        if body.specimen.is_empty() {
            body.specimen = shown;
        }
        return Ok(None);
    };
    draft.also(found);
    let what = read::words_at(&found.node, "type");
    // Few: a record has no more than it has values, and a report's own are bounded.
    let known = body.specimen.split(", ").map(Text::from);
    body.specimen = known.chain([what]).collect::<read::Once>().joined(", ");
    let Some(collection) = found.node.get("collection") else { return Ok(None) };
    let (start, _) = read::period_at(collection, "collectedPeriod")?;
    Ok(start.or(read::when_at(collection, "collectedDateTime")?))
}

/// The measurements of one observation: its own value, then its components.
pub(crate) fn measurements(r: &Resource<'_>) -> Result<Vec<Measurement>, Refusal> {
    let node = &r.node;
    let (test, code) = node.get("code").and_then(read::concept).unwrap_or_default();
    let own = one(node, &test, code)?;
    let mut all = Vec::new();
    for component in node.list("component") {
        let (part, code) = component.get("code").and_then(read::concept).unwrap_or_default();
        all.push(one(component, &read::join(": ", &[&test, &part]), code)?);
    }
    let mut remarks = Vec::new();
    if all.is_empty() || !own.value.is_empty() {
        all.insert(0, own);
    } else {
        // A mark on the whole, such as a blood pressure, is not a mark on each part.
        remarks.push(labelled("overall", own.flag.map(Flag::name).unwrap_or_default()));
        remarks.push(own.note.to_string());
    }
    remarks.push(labelled("body site", &read::words_at(node, "bodySite")));
    remarks.push(labelled("device", node.get("device").and_then(|d| d.str("display")).unwrap_or_default()));
    remarks.extend(node.list("note").iter().filter_map(|note| note.str("text")).map(str::to_owned));
    let method = read::words_at(node, "method");
    for measurement in &mut all {
        measurement.method = method.clone();
    }
    if let Some(first) = all.first_mut() {
        remarks.insert(0, first.note.to_string());
        first.note = Text::from(joined("; ", &remarks));
    }
    Ok(all)
}

/// The value, mark and reference range of an observation or of a component.
fn one(node: &Node<'_>, test: &str, code: Text) -> Result<Measurement, Refusal> {
    let amount = value(node)?;
    let mut measurement = Measurement {
        test: Text::from(test),
        code,
        value: Text::from(amount.number.as_str()),
        unit: Text::from(amount.unit.as_str()),
        ..Measurement::default()
    };
    if let Some(reason) = node.get("dataAbsentReason") {
        measurement.value = Text::from(labelled("not known", &read::words(reason)));
    }
    let mut notes = Vec::new();
    for interpretation in node.list("interpretation") {
        let (flag, words) = interpreted(interpretation);
        measurement.flag = measurement.flag.or(flag);
        notes.push(words);
    }
    for range in node.list("referenceRange").iter().map(|range| reference_range(range, &amount.unit)) {
        let first = measurement.low.is_none() && measurement.high.is_none() && measurement.range.is_empty();
        match (first && range.usual, range.ends) {
            (true, Some(ends)) => {
                (measurement.low, measurement.high) = ends;
                notes.push(labelled("range", &range.whom));
            }
            (true, None) => measurement.range = Text::from(range.words),
            (false, _) => notes.push(range.words),
        }
    }
    measurement.note = Text::from(joined("; ", &notes));
    Ok(measurement)
}

/// The value of an observation or of a component, whichever type it has; nothing when there is none.
fn value(node: &Node<'_>) -> Result<Amount, Refusal> {
    if let Some(quantity) = node.get("valueQuantity") {
        return Ok(amount(quantity));
    }
    let words = [
        read::words_at(node, "valueCodeableConcept").to_string(),
        node.str("valueString").unwrap_or_default().to_owned(),
        node.get("valueInteger").map(number).unwrap_or_default(),
        node.boolean("valueBoolean").map_or("", |yes| if yes { "yes" } else { "no" }).to_owned(),
        range_at(node, "valueRange"),
        ratio_at(node, "valueRatio"),
        node.str("valueTime").unwrap_or_default().to_owned(),
        read::when_at(node, "valueDateTime")?.map(|at| at.to_string()).unwrap_or_default(),
        period(node, "valuePeriod")?,
    ];
    Ok(Amount { number: joined(" ", &words), unit: String::new() })
}

/// The mark (HL7 v3 ObservationInterpretation), and the words that it does not say by itself: "critical high".
fn interpreted(node: &Node<'_>) -> (Option<Flag>, String) {
    let code = node.list("coding").first().and_then(|coding| coding.peek_str("code"));
    let flag = match code {
        Some("N") => Some(Flag::Normal),
        Some("L") => Some(Flag::Low),
        Some("H") => Some(Flag::High),
        Some("A") => Some(Flag::Abnormal),
        Some("LL" | "HH" | "AA" | "LU" | "HU") => Some(Flag::Critical),
        _ => None,
    };
    let words = read::words(node);
    if flag.is_some() {
        node.skip("coding");
    }
    // A text of its own says more than the mark, and "critical" does not say whether high or low.
    let told = flag.is_none() || flag == Some(Flag::Critical) || node.get("text").is_some();
    (flag, if told { words.to_string() } else { String::new() })
}

/// A reference range.
struct Range {
    /// Whether it is the one that a value is compared with: normal, or nothing said; not critical or therapeutic.
    usual: bool,
    /// All of it in words.
    words: String,
    /// For whom it is: "for adults".
    whom: String,
    /// Its ends, where they are exact decimals in the unit of the value.
    ends: Option<(Option<Decimal>, Option<Decimal>)>,
}

fn reference_range(node: &Node<'_>, unit: &str) -> Range {
    let codings = node.get("type").map(|kind| kind.list("coding")).unwrap_or_default();
    let normal = codings.iter().any(|coding| coding.peek_str("code") == Some("normal"));
    let kind = fixed(node, "type");
    let told = read::line_at(node, "text");
    let people = read::words_of_each(node.list("appliesTo"));
    let people = if people.is_empty() { String::new() } else { format!("for {people}") };
    let whom = joined(", ", &[people, labelled("age", &range_at(node, "age"))]);
    let end = |name| node.get(name).map(amount);
    let exact = |end: Option<Amount>| match end {
        Some(end) if end.unit.is_empty() || end.unit == unit => end.decimal().map(Some),
        Some(_) => None,
        None => Some(None),
    };
    let usual = normal || kind.is_empty() || kind.to_lowercase().starts_with("normal");
    let ends = exact(end("low")).zip(exact(end("high")));
    // Its own text says more than "normal"; but without its type another range would pass for a normal one.
    let kind = if usual && !told.is_empty() || told.to_lowercase().contains(&kind.to_lowercase()) {
        ""
    } else {
        kind.as_str()
    };
    Range {
        usual,
        words: read::join(" ", &[kind, &told, &range(node), &whom]),
        whom,
        ends: ends.filter(|(low, high)| low.is_some() || high.is_some()),
    }
}

/// When it was measured: the moment, or the start of the period.
pub(crate) fn effective(r: &Resource<'_>) -> Result<Option<When>, Refusal> {
    let (start, _) = read::period_at(&r.node, "effectivePeriod")?;
    Ok(start.or(read::when_at(&r.node, "effectiveDateTime")?).or(read::when_at(&r.node, "effectiveInstant")?))
}

/// What sort of observation: the code of HL7's own list as words, else the source's words.
pub(crate) fn category(r: &Resource<'_>) -> String {
    let own = |coding: &&Node<'_>| {
        coding.peek_str("system").is_some_and(|system| system.ends_with("/observation-category"))
    };
    for category in r.node.list("category") {
        if let Some(coding) = category.list("coding").iter().find(own) {
            category.skip("text");
            coding.skip("system");
            coding.skip("display");
            return coding.str("code").unwrap_or_default().replace('-', " ");
        }
    }
    r.node.list("category").first().map(read::words).unwrap_or_default().to_string()
}

/// How final it is, where ours are the same words.
pub(crate) fn result_status(status: &str) -> Option<ResultStatus> {
    match status {
        "final" | "amended" | "corrected" | "appended" => Some(ResultStatus::Final),
        "registered" | "partial" | "preliminary" => Some(ResultStatus::Preliminary),
        _ => None,
    }
}

/// Whether a visit is a stay in hospital (HL7 v3 ActCode).
fn is_stay(visit: &Resource<'_>) -> bool {
    let class = visit.node.get("class").and_then(|class| class.peek_str("code"));
    matches!(class, Some("IMP" | "ACUTE" | "NONAC"))
}

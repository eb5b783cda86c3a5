//! Diagnostic reports → laboratory results and imaging reports with everything that they are made of; then the
//! observations and imaging studies that no report has.
//!
//! Reports that are only a document are `document`'s. It must not know how a value is read.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    imaging,
    json::Node,
    observation::{self, result_status},
    read,
    value::{joined, labelled},
};
use std::collections::BTreeSet;
use wardline_record::{Body, LaboratoryResult, Text};

/// Most specimens of one report that are taken over.
const MAX_SPECIMENS: usize = 100;

/// What is already in a record, by place, and what may come into one: never another patient's.
struct Pool<'r> {
    own: BTreeSet<&'r str>,
    taken: BTreeSet<&'r str>,
}

/// All results of a patient. Each observation and each study ends in one record.
pub(crate) fn map_all(cx: &Context<'_>, _patient: &Resource<'_>) -> Result<Vec<Taken>, Refusal> {
    let results = cx.of_kind("Observation").chain(cx.of_kind("ImagingStudy"));
    let mut pool = Pool { own: results.map(|r| r.place.as_str()).collect(), taken: BTreeSet::new() };
    let mut records = Vec::new();
    for r in cx.of_kind("DiagnosticReport").filter(|r| !is_document(cx, r)) {
        let studies = pool.take(cx, r, "imagingStudy", "ImagingStudy");
        let results = pool.results(cx, r);
        if studies.is_empty() && !is_imaging(r) {
            records.extend(laboratory(cx, r, &results)?);
        } else {
            records.extend(imaging::report(cx, r, &studies, &results)?);
        }
    }
    records.extend(observation::ungrouped(cx, &pool.taken)?);
    for study in cx.of_kind("ImagingStudy").filter(|study| !pool.taken.contains(study.place.as_str())) {
        records.extend(imaging::study(cx, study)?);
    }
    Ok(records)
}

impl<'r> Pool<'r> {
    /// What a list of references names and no record has yet.
    fn take(
        &mut self,
        cx: &Context<'r>,
        from: &Resource<'_>,
        member: &str,
        kind: &str,
    ) -> Vec<&'r Resource<'r>> {
        let mut all = Vec::new();
        for reference in from.node.list(member) {
            let shown = reference.peek_str("display").unwrap_or_default().to_owned();
            match cx.of_anybody(from, reference).filter(|found| found.kind == kind) {
                Some(found) if !self.own.contains(found.place.as_str()) => {
                    cx.note(format!("{}.{member}: about another patient", from.kind));
                }
                Some(found) if self.taken.insert(&found.place) => all.push(found),
                Some(_) => cx.note(format!("{}.{member}: already in another report", from.kind)),
                None => {
                    let reason = if shown.is_empty() { "not found" } else { "not found, only its name" };
                    cx.note(format!("{}.{member}: {reason}", from.kind));
                }
            }
        }
        all
    }

    /// The observations of a report with the members of groups, each after its group.
    fn results(&mut self, cx: &Context<'r>, report: &Resource<'_>) -> Vec<&'r Resource<'r>> {
        let mut waiting = self.take(cx, report, "result", "Observation");
        waiting.reverse();
        let mut all = Vec::new();
        while let Some(next) = waiting.pop() {
            let members = self.take(cx, next, "hasMember", "Observation");
            waiting.extend(members.into_iter().rev());
            all.push(next);
        }
        all
    }
}

/// A laboratory report; more than one record when it has more values than one takes.
fn laboratory(cx: &Context<'_>, r: &Resource<'_>, results: &[&Resource<'_>]) -> Result<Vec<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    head(r, &mut draft)?;
    let (panel, code) = node.get("code").and_then(read::concept).unwrap_or_default();
    let mut body = LaboratoryResult {
        status: result_status(&draft.status),
        panel,
        comment: Text::from(labelled("Code", &code)),
        category: category(r),
        conclusion: conclusion(node),
        ..LaboratoryResult::default()
    };
    for _ in node.list("specimen").iter().skip(MAX_SPECIMENS) {
        cx.note("DiagnosticReport.specimen: one of too many");
    }
    for reference in node.list("specimen").iter().take(MAX_SPECIMENS) {
        let collected = observation::specimen(cx, r, reference, &mut draft, &mut body)?;
        body.collected = body.collected.or(collected);
    }
    let fits = observation::that_fit(results);
    let (first, rest) = results.split_at(fits);
    for result in first {
        observation::add(cx, result, &mut draft, &mut body)?;
    }
    let (panel, category) = (body.panel.clone(), body.category.clone());
    let mut records: Vec<Taken> = draft.finish(Body::LaboratoryResult(body))?.into_iter().collect();
    for part in observation::parts(rest) {
        records.extend(observation::one_record(
            cx,
            part,
            &panel,
            &category,
            &format!("Continues {}", r.name()),
        )?);
    }
    Ok(records)
}

/// When it was, who reported, and what was said about it.
pub(crate) fn head(r: &Resource<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    draft.occurred = observation::effective(r)?;
    draft.recorded_at(read::when_at(&r.node, "issued")?);
    draft.numbered(&r.node);
    for (label, member) in [("Performed by", "performer"), ("Interpreted by", "resultsInterpreter")] {
        for reference in r.node.list(member) {
            draft.done_by(r, label, reference);
        }
    }
    Ok(())
}

/// What the report concludes, in its words and in those of its codes.
pub(crate) fn conclusion(node: &Node<'_>) -> Text {
    let codes = read::words_of_each(node.list("conclusionCode"));
    let told = node.str("conclusion").unwrap_or_default().to_owned();
    let codes = if told.contains(codes.as_str()) { String::new() } else { codes.to_string() };
    Text::from(joined("\n", &[told, codes]))
}

/// The codings of a report's categories.
fn codings<'n, 'a>(r: &'n Resource<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    r.node.list("category").iter().flat_map(|category| category.list("coding"))
}

/// "laboratory", as observations say it; else the source's words.
fn category(r: &Resource<'_>) -> Text {
    let laboratory = codings(r).find(|coding| coding.peek_str("code") == Some("LAB"));
    match laboratory {
        Some(coding) => {
            coding.mark();
            Text::from("laboratory")
        }
        None => read::words_of_each(r.node.list("category")),
    }
}

/// Whether it reports images (HL7 v2 table 0074 and SNOMED CT).
fn is_imaging(r: &Resource<'_>) -> bool {
    codings(r).any(says_imaging)
}

fn says_imaging(coding: &Node<'_>) -> bool {
    let v2 =
        |code| matches!(code, "RAD" | "CT" | "CUS" | "NMR" | "NMS" | "OUS" | "RUS" | "RX" | "VUS" | "XRC");
    let sct = |code| matches!(code, "394914008" | "4201000179104");
    coding.peek_str("code").is_some_and(|code| v2(code) || sct(code) || code == "imaging")
}

/// What else a report on images says that it is: nothing when that is all.
pub(crate) fn other_category(r: &Resource<'_>) -> Text {
    for coding in codings(r).filter(|coding| says_imaging(coding)) {
        coding.mark();
    }
    let told =
        r.node.list("category").iter().filter(|category| !category.list("coding").iter().any(says_imaging));
    Text::from(joined(", ", &told.map(|category| read::words(category).to_string()).collect::<Vec<_>>()))
}

/// Whether it is nothing but a document of a visit: a note. Without a visit it is a result with a document.
fn is_document(cx: &Context<'_>, r: &Resource<'_>) -> bool {
    let has = |member: &str| !r.node.list(member).is_empty();
    let visit = cx.follow(r, &r.node, "encounter").is_some_and(|found| found.kind == "Encounter");
    visit
        && has("presentedForm")
        && !has("result")
        && !has("imagingStudy")
        && !is_imaging(r)
        && !codings(r).any(|coding| coding.peek_str("code") == Some("LAB"))
}

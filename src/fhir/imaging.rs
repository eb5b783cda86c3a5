//! Imaging studies and the reports on them → imaging reports. The images stay where they are.
//!
//! It must not know how observations are read.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    observation, read,
    report::{conclusion, head, other_category},
    value::{joined, labelled},
};
use wardline_record::{Body, ImagingReport, Measurement, Modality, Series, Side, Text, When};

/// A report with its studies and the observations that it rests on.
pub(crate) fn report(
    cx: &Context<'_>,
    r: &Resource<'_>,
    studies: &[&Resource<'_>],
    results: &[&Resource<'_>],
) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    head(r, &mut draft)?;
    let mut body = ImagingReport { impression: conclusion(node), ..ImagingReport::default() };
    draft.remark("Examination", &examination(node.get("code")));
    draft.remark("Category", &other_category(r));
    let mut findings = Vec::new();
    for result in results {
        draft.also(result);
        draft.of_visit(result, result.node.get("encounter"));
        draft.recorded_at(read::when_at(&result.node, "issued")?);
        let status = result.node.str("status").unwrap_or_default();
        if status != draft.status {
            draft.remark(&result.name(), status);
        }
        for reference in result.node.list("performer") {
            draft.done_by(result, "Observed by", reference);
        }
        findings.extend(observation::measurements(result)?.iter().map(finding));
    }
    body.findings = Text::from(joined("\n", &findings));
    for study in studies {
        draft.also(study);
        draft.of_visit(study, study.node.get("encounter"));
        let started = started(study)?;
        if draft.occurred.is_none() {
            draft.occurred = started;
        } else if draft.occurred != started {
            draft.remark("Images of", started.as_ref().map(When::as_str).unwrap_or_default());
        }
        let status = study.node.str("status").unwrap_or_default();
        if status != "available" {
            draft.remark("Images", status);
        }
        add(cx, study, &mut draft, &mut body);
    }
    draft.finish(Body::ImagingReport(body))
}

/// A study that no report names.
pub(crate) fn study(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let mut draft = Draft::new(cx, r, r.node.get("encounter"));
    draft.occurred = started(r)?;
    let mut body = ImagingReport::default();
    add(cx, r, &mut draft, &mut body);
    draft.finish(Body::ImagingReport(body))
}

/// When a study began, else when its first series did.
fn started(study: &Resource<'_>) -> Result<Option<When>, Refusal> {
    let own = read::when_at(&study.node, "started")?;
    let mut series = None;
    for each in study.node.list("series") {
        series = series.or(read::when_at(each, "started")?);
    }
    Ok(own.or(series))
}

/// What a study says.
fn add(cx: &Context<'_>, study: &Resource<'_>, draft: &mut Draft<'_>, body: &mut ImagingReport) {
    let node = &study.node;
    let mut regions = read::Once::default();
    regions.add(body.region.clone());
    let mut codes: Vec<String> = Vec::new();
    for series in node.list("series") {
        let region = series.get("bodySite").map(coding_words).unwrap_or_default();
        regions.add(region.clone());
        let modality = series.get("modality");
        codes.extend(modality.and_then(|modality| modality.peek_str("code")).map(str::to_owned));
        let side = series.get("laterality").and_then(side);
        body.side = match (body.side, side) {
            (Some(one), Some(other)) if one != other => Some(Side::Both),
            (known, side) => known.or(side),
        };
        for performer in series.list("performer") {
            if let Some(actor) = performer.get("actor") {
                draft.done_by(study, "Imaged by", actor);
            }
        }
        body.series.push(Series {
            modality: modality.map(modality_words).unwrap_or_default(),
            description: read::line_at(series, "description"),
            region,
            instances: series.decimal("numberOfInstances").and_then(|n| n.parse().ok()),
        });
    }
    for modality in node.list("modality") {
        codes.extend(modality.peek_str("code").map(str::to_owned));
        let words = modality_words(modality);
        if body.series.is_empty() {
            draft.remark("Modality", &words);
        }
    }
    if body.modality.is_none() {
        body.modality = codes.first().map(|code| modality(code));
    }
    body.region = regions.joined(", ");
    draft.remark("Description", &read::line_at(node, "description"));
    for procedure in node.list("procedureCode") {
        draft.remark("Examination", &examination(Some(procedure)));
    }
    body.question = reasons(cx, study, body);
    body.study = Text::from(joined(", ", &[body.study.to_string(), uid(node)]));
    for reference in node.list("interpreter") {
        draft.done_by(study, "Interpreted by", reference);
    }
    if let Some(reference) = node.get("referrer") {
        draft.remark("Referred by", &read::name_at(cx, study, reference));
    }
    draft.annotations(node);
    counts(node, draft);
}

/// "CT Chest without contrast (LOINC 29252-4)".
fn examination(code: Option<&Node<'_>>) -> String {
    let (words, code) = code.and_then(read::concept).unwrap_or_default();
    if code.is_empty() || code == words { words.to_string() } else { format!("{words} ({code})") }
}

/// How many series and images there are, where the series themselves do not say it.
fn counts(node: &Node<'_>, draft: &mut Draft<'_>) {
    let listed = node.list("series");
    let series = node.decimal("numberOfSeries").unwrap_or_default();
    let images = node.decimal("numberOfInstances").unwrap_or_default();
    let each = |each: &Node<'_>| each.decimal("numberOfInstances").and_then(|n| n.parse::<u64>().ok());
    let sum: Option<u64> = listed.iter().map(each).sum();
    if series != listed.len().to_string() {
        draft.remark("Series", series);
    }
    if sum.is_none_or(|sum| images != sum.to_string()) {
        draft.remark("Images", images);
    }
}

/// Why it was made, each reason once.
fn reasons(cx: &Context<'_>, study: &Resource<'_>, body: &ImagingReport) -> Text {
    let known = [body.question.clone(), read::words_of_each(study.node.list("reasonCode"))];
    let conditions = study.node.list("reasonReference").iter().map(|reference| {
        let shown = read::line_at(reference, "display");
        let found = cx.resolve(study, reference).map(|found| read::words_at(&found.node, "code"));
        found.filter(|words| !words.is_empty()).unwrap_or(shown)
    });
    known.into_iter().chain(conditions).collect::<read::Once>().joined("; ")
}

/// The study's number: its DICOM UID, else its first identifier.
fn uid(node: &Node<'_>) -> String {
    let dicom = |identifier: &&Node<'_>| identifier.peek_str("system") == Some("urn:dicom:uid");
    let identifiers = node.list("identifier");
    let Some(found) = identifiers.iter().find(dicom).or(identifiers.first()) else { return String::new() };
    found.skip("system");
    found.skip("use");
    read::line_at(found, "value").to_string()
}

/// "Size of tumour: 32 mm".
fn finding(measurement: &Measurement) -> String {
    let value = read::join(" ", &[&measurement.value, &measurement.unit]);
    let told =
        if value.is_empty() { measurement.test.to_string() } else { labelled(&measurement.test, &value) };
    read::join(", ", &[&told, &measurement.method, &measurement.note])
}

/// The words of a Coding.
fn coding_words(coding: &Node<'_>) -> Text {
    let display = read::line_at(coding, "display");
    if display.is_empty() { read::line_at(coding, "code") } else { display }
}

/// The words of a DICOM modality; its code is that of the record's own list.
fn modality_words(coding: &Node<'_>) -> Text {
    let words = coding_words(coding);
    coding.skip("system");
    coding.skip("code");
    words
}

/// DICOM's modality (CID 29) as one of ours.
fn modality(code: &str) -> Modality {
    match code {
        "CR" | "DX" | "XA" | "RF" | "RG" | "IO" | "PX" => Modality::Radiography,
        "CT" => Modality::Ct,
        "MR" => Modality::Mri,
        "US" | "IVUS" => Modality::Ultrasound,
        "MG" => Modality::Mammography,
        "NM" | "PT" => Modality::Nuclear,
        "ES" => Modality::Endoscopy,
        _ => Modality::Other,
    }
}

/// The side by its SNOMED CT code.
fn side(coding: &Node<'_>) -> Option<Side> {
    let side = match coding.peek_str("code")? {
        "7771000" | "419161000" => Side::Left,
        "24028007" | "419465000" => Side::Right,
        "51440002" => Side::Both,
        _ => return None,
    };
    for member in ["system", "code", "display"] {
        coding.skip(member);
    }
    Some(side)
}

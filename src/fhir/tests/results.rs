//! Observations, laboratory reports, imaging.

use super::sample::{ids, import, record, records};
use wardline_record::{
    Body, Flag, ImagingReport, LaboratoryResult, Measurement, Modality, Record, ResultStatus, Side,
};

fn observation(id: &str, elements: &str) -> String {
    format!(
        r#"{{"resourceType": "Observation", "id": "{id}", "status": "final", "subject": {{"reference": "Patient/p"}},
        "encounter": {{"reference": "Encounter/v"}}, "effectiveDateTime": "2024-03-01T09:30:00+01:00",
        "category": [{{"coding": [{{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs"}}]}}], {elements}}}"#
    )
}

fn result(record: &Record) -> &LaboratoryResult {
    match &record.body {
        Body::LaboratoryResult(result) => result,
        other => panic!("{other:?}"),
    }
}

fn imaging(record: &Record) -> &ImagingReport {
    match &record.body {
        Body::ImagingReport(report) => report,
        other => panic!("{other:?}"),
    }
}

/// The only measurement of an observation with these elements.
fn measured(elements: &str) -> Measurement {
    let record = record(&[&observation("x", elements)]);
    let [only] = result(&record).measurements.as_slice() else { panic!("{record:?}") };
    only.clone()
}

#[test]
fn values_of_every_type_are_text_as_written() {
    let cases = [
        (r#""valueQuantity": {"value": 13.20, "unit": "g/dL", "code": "g/dL"}"#, "13.20", "g/dL"),
        (r#""valueQuantity": {"value": 1.3E+2, "code": "mm[Hg]"}"#, "130", "mm[Hg]"),
        (r#""valueQuantity": {"value": 0.5, "comparator": "<", "unit": "mg/L"}"#, "< 0.5", "mg/L"),
        (
            r#""valueQuantity": {"value": 0.12345678901234567890123, "unit": "1"}"#,
            "0.12345678901234567890123",
            "1",
        ),
        (
            r#""valueCodeableConcept": {"coding": [{"code": "LA6576-8", "display": "Positive"}]}"#,
            "Positive",
            "",
        ),
        (r#""valueString": "nasal cannula""#, "nasal cannula", ""),
        (r#""valueInteger": 15"#, "15", ""),
        (r#""valueBoolean": false"#, "no", ""),
        (
            r#""valueRange": {"low": {"value": 2, "unit": "h"}, "high": {"value": 3, "unit": "h"}}"#,
            "2 to 3 h",
            "",
        ),
        (r#""valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}"#, "1:128", ""),
        (r#""valuePeriod": {"start": "2024-01-01", "end": "2024-01-02"}"#, "2024-01-01 to 2024-01-02", ""),
        (r#""dataAbsentReason": {"text": "sample clotted"}"#, "not known: sample clotted", ""),
    ];
    for (elements, value, unit) in cases {
        let measured = measured(&format!(r#""code": {{"text": "test"}}, {elements}"#));
        assert_eq!((measured.value.as_str(), measured.unit.as_str()), (value, unit), "{elements}");
    }
}

#[test]
fn marks_and_ranges_lose_nothing() {
    let measured = measured(
        r#""code": {"text": "Potassium", "coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueQuantity": {"value": 6.9, "unit": "mmol/L"},
        "interpretation": [{"coding": [{"code": "HH", "display": "Critical high"}]}], "method": {"text": "ISE"},
        "bodySite": {"text": "left arm"}, "note": [{"text": "haemolytic?"}],
        "referenceRange": [
            {"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.10, "unit": "mmol/L"},
             "type": {"coding": [{"code": "normal"}]}, "appliesTo": [{"text": "adults"}]},
            {"low": {"value": 2.5, "unit": "mmol/L"}, "high": {"value": 6.5, "unit": "mmol/L"}, "text": "Critical range"}]"#,
    );
    assert_eq!((measured.test.as_str(), measured.code.as_str()), ("Potassium", "LOINC 2823-3"));
    assert_eq!(measured.flag, Some(Flag::Critical));
    assert_eq!(measured.low.map(|low| low.to_string()).as_deref(), Some("3.5"));
    assert_eq!(measured.high.map(|high| high.to_string()).as_deref(), Some("5.10"));
    assert_eq!(measured.method.as_str(), "ISE");
    assert_eq!(
        measured.note.as_str(),
        "Critical high; range: for adults; Critical range 2.5 to 6.5 mmol/L; body site: left arm; haemolytic?"
    );
}

#[test]
fn a_range_in_another_unit_or_in_words_stays_words() {
    let range = |range: &str| {
        let measured = measured(&format!(
            r#""code": {{"text": "x"}}, "valueQuantity": {{"value": 1, "unit": "mg/dL"}}, "referenceRange": [{range}]"#
        ));
        (measured.low.or(measured.high).is_some(), measured.range.to_string())
    };
    assert_eq!(range(r#"{"high": {"value": 2, "unit": "mmol/L"}}"#), (false, "up to 2 mmol/L".to_owned()));
    assert_eq!(range(r#"{"text": "negative"}"#), (false, "negative".to_owned()));
    assert_eq!(
        range(r#"{"low": {"value": 0.1234567890123456789}}"#),
        (false, "from 0.1234567890123456789".to_owned())
    );
    assert_eq!(range(r#"{"low": {"value": 1}}"#), (true, String::new()));
}

#[test]
fn only_a_usual_range_is_what_a_value_is_compared_with() {
    let range = |ranges: &str| {
        let measured = measured(&format!(
            r#""code": {{"text": "x"}}, "valueQuantity": {{"value": 1, "unit": "mg/L"}}, "referenceRange": [{ranges}]"#
        ));
        let end = |end: Option<wardline_record::Decimal>| end.map(|end| end.to_string()).unwrap_or_default();
        (end(measured.low), end(measured.high), measured.range.to_string(), measured.note.to_string())
    };
    let told = |low: &str, high: &str, range: &str, note: &str| {
        (low.to_owned(), high.to_owned(), range.to_owned(), note.to_owned())
    };
    let therapeutic = r#"{"low": {"value": 10}, "high": {"value": 20}, "type": {"coding": [{"code": "therapeutic", "display": "Therapeutic Desired Level"}]}}"#;
    let critical = r#"{"text": "below 2", "type": {"text": "critical"}}"#;
    let twice = r#"{"low": {"value": 2}, "text": "Critical range", "type": {"text": "Critical Range"}}"#;
    assert_eq!(range(twice), told("", "", "", "Critical range from 2"));
    let german = r#"{"low": {"value": 3}, "type": {"text": "Referenz", "coding": [{"code": "normal"}]}}"#;
    assert_eq!(range(therapeutic), told("", "", "", "Therapeutic Desired Level 10 to 20"));
    assert_eq!(range(critical), told("", "", "", "critical below 2"));
    assert_eq!(
        range(&[critical, therapeutic, german].join(",")),
        told("3", "", "", "critical below 2; Therapeutic Desired Level 10 to 20")
    );
}

#[test]
fn components_are_measurements_of_their_own() {
    let pressure = observation(
        "bp",
        r#""code": {"text": "Blood pressure"}, "interpretation": [{"coding": [{"code": "H"}]}],
        "component": [
            {"code": {"text": "systolic"}, "valueQuantity": {"value": 150, "unit": "mmHg"}, "interpretation": [{"coding": [{"code": "H"}]}]},
            {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80, "unit": "mmHg"}}]"#,
    );
    let record = record(&[&pressure]);
    let all: Vec<_> =
        result(&record).measurements.iter().map(|m| (m.test.as_str(), m.value.as_str(), m.flag)).collect();
    assert_eq!(
        all,
        [("Blood pressure: systolic", "150", Some(Flag::High)), ("Blood pressure: diastolic", "80", None)]
    );
    assert_eq!(result(&record).measurements[0].note.as_str(), "overall: high");
}

#[test]
fn observations_of_no_report_are_grouped_by_visit_category_and_status() {
    let value = |n: u32| format!(r#""code": {{"text": "pulse {n}"}}, "valueInteger": {n}"#);
    let later = observation("b", &value(2)).replace("09:30", "09:45");
    let wrong = observation("c", &value(3)).replace("final", "entered-in-error");
    let survey = observation("d", &value(4)).replace("vital-signs", "survey");
    let all = records(&[&later, &observation("a", &value(1)), &wrong, &survey]);
    let groups: Vec<_> = all.iter().map(ids).collect();
    assert_eq!(
        groups,
        [vec!["Observation/a", "Observation/b"], vec!["Observation/c"], vec!["Observation/d"]]
    );
    assert!(all[1].source.as_ref().unwrap().is_withdrawn());
    let first = result(&all[0]);
    assert_eq!((first.category.as_str(), first.status), ("vital signs", Some(ResultStatus::Final)));
    assert_eq!(all[0].occurred.as_str(), "2024-03-01T09:30:00+01:00");
    let taken: Vec<_> =
        first.measurements.iter().map(|m| m.taken.as_ref().map(|at| at.to_string())).collect();
    assert_eq!(taken, [None, Some("2024-03-01T09:45:00+01:00".to_owned())]);
}

#[test]
fn long_groups_are_cut_at_five_hundred_values() {
    let many: Vec<String> = (0..1001)
        .map(|n| {
            observation(&format!("o{n:04}"), &format!(r#""code": {{"text": "pulse"}}, "valueInteger": {n}"#))
        })
        .collect();
    let all = records(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let lengths: Vec<usize> = all.iter().map(|record| result(record).measurements.len()).collect();
    assert_eq!(lengths, [500, 500, 1]);
    let report = format!(
        r#"{{"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {{"text": "Holter"}},
        "subject": {{"reference": "Patient/p"}}, "effectiveDateTime": "2024-03-01", "result": [{}]}}"#,
        (0..1001).map(|n| format!(r#"{{"reference": "Observation/o{n:04}"}}"#)).collect::<Vec<_>>().join(",")
    );
    let all = records(&many.iter().map(String::as_str).chain([report.as_str()]).collect::<Vec<_>>());
    let lengths: Vec<usize> = all.iter().map(|record| result(record).measurements.len()).collect();
    assert_eq!(lengths, [500, 500, 1]);
    assert_eq!(ids(&all[0])[0], "DiagnosticReport/r");
    assert_eq!(
        (ids(&all[1])[0], all[1].note.as_str()),
        ("Observation/o0500", "Continues DiagnosticReport/r")
    );
}

#[test]
fn a_laboratory_report_has_its_results_and_those_of_their_groups() {
    let report = r#"{"resourceType": "DiagnosticReport", "id": "r", "status": "preliminary",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": {"text": "Blood count"}, "subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/v"},
        "effectiveDateTime": "2024-03-01T09:30:00+01:00", "issued": "2024-03-01T11:00:00+01:00",
        "specimen": [{"reference": "Specimen/s"}], "performer": [{"reference": "Organization/o"}],
        "conclusion": "Anaemia.", "conclusionCode": [{"text": "Abnormal"}],
        "result": [{"reference": "Observation/group"}, {"reference": "Observation/gone"}]}"#;
    let specimen = r#"{"resourceType": "Specimen", "id": "s", "type": {"text": "venous blood"},
        "subject": {"reference": "Patient/p"}, "collection": {"collectedDateTime": "2024-03-01T09:20:00+01:00"}}"#;
    let group = observation(
        "group",
        r#""code": {"text": "Red cells"}, "hasMember": [{"reference": "Observation/hb"}]"#,
    );
    let hb = observation("hb", r#""code": {"text": "Hb"}, "valueQuantity": {"value": 9.1, "unit": "g/dL"}"#);
    let all = [report, specimen, &hb, &group];
    let record = record(&all);
    assert_eq!(ids(&record), ["DiagnosticReport/r", "Observation/group", "Observation/hb", "Specimen/s"]);
    let body = result(&record);
    assert_eq!((body.panel.as_str(), body.category.as_str()), ("Blood count", "laboratory"));
    assert_eq!((body.specimen.as_str(), body.status), ("venous blood", Some(ResultStatus::Preliminary)));
    assert_eq!(body.collected.as_ref().unwrap().as_str(), "2024-03-01T09:20:00+01:00");
    assert_eq!(body.conclusion.as_str(), "Anaemia.\nAbnormal");
    assert_eq!(body.measurements.iter().map(|m| m.test.as_str()).collect::<Vec<_>>(), ["Red cells", "Hb"]);
    assert_eq!(record.recorded.as_ref().unwrap().as_str(), "2024-03-01T11:00:00+01:00");
    assert_eq!(record.practitioner.name.as_str(), "Mercy Hospital");
    let left = import(&all).unwrap().left;
    assert!(left.iter().any(|left| left.path == "DiagnosticReport.result: not found"), "{left:?}");
}

#[test]
fn a_result_that_was_taken_back_says_so_in_a_report_that_stands() {
    let report = r#"{"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "Panel"},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-03-01", "result": [{"reference": "Observation/x"}]}"#;
    let wrong = observation("x", r#""code": {"text": "Na"}, "valueInteger": 14"#)
        .replace("final", "entered-in-error");
    let record = record(&[report, &wrong]);
    let [only] = result(&record).measurements.as_slice() else { panic!() };
    assert_eq!(only.note.as_str(), "status: entered-in-error; category: vital signs");
}

#[test]
fn an_observation_of_two_reports_is_in_the_first() {
    let report = |id: &str| {
        format!(
            r#"{{"resourceType": "DiagnosticReport", "id": "{id}", "status": "final", "code": {{"text": "Panel"}},
            "subject": {{"reference": "Patient/p"}}, "effectiveDateTime": "2024-03-01",
            "result": [{{"reference": "Observation/x"}}]}}"#
        )
    };
    let shared = observation("x", r#""code": {"text": "Na"}, "valueInteger": 140"#);
    let all = records(&[&report("one"), &report("two"), &shared]);
    assert_eq!(ids(&all[0]), ["DiagnosticReport/one", "Observation/x"]);
    assert_eq!(ids(&all[1]), ["DiagnosticReport/two"]);
}

#[test]
fn another_patients_result_is_not_taken() {
    let other = r#"{"resourceType": "Patient", "id": "q", "name": [{"family": "Ray"}], "identifier": [{"value": "MRN-2"}]}"#;
    let foreign = observation("x", r#""code": {"text": "HIV"}, "valueBoolean": true"#)
        .replace("Patient/p", "Patient/q");
    let report = r#"{"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "Panel"},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-03-01", "result": [{"reference": "Observation/x"}]}"#;
    let import = import(&[other, &foreign, report]).unwrap();
    assert!(import.left.iter().any(|left| left.path == "DiagnosticReport.result: about another patient"));
    for patient in &import.patients {
        for taken in &patient.records {
            let source = taken.record.source.as_ref().unwrap();
            let foreign = source.ids.iter().any(|id| id.as_str() == "Observation/x");
            assert_eq!(foreign, patient.source == "Patient/q" && source.ids.len() == 1, "{source:?}");
        }
    }
}

#[test]
fn an_imaging_report_has_its_study_and_findings() {
    let report = r#"{"resourceType": "DiagnosticReport", "id": "r", "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": {"text": "Mammography"}, "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-03-01",
        "conclusion": "Suspicious.", "result": [{"reference": "Observation/size"}],
        "resultsInterpreter": [{"reference": "Practitioner/d"}], "imagingStudy": [{"reference": "ImagingStudy/s"}]}"#;
    let study = r#"{"resourceType": "ImagingStudy", "id": "s", "status": "available", "subject": {"reference": "Patient/p"},
        "encounter": {"reference": "Encounter/v"}, "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
        "reasonCode": [{"text": "lump"}], "numberOfSeries": 1, "numberOfInstances": 4, "description": "Left breast",
        "series": [{"uid": "1.2.3.4", "modality": {"code": "MG", "display": "Mammography"}, "numberOfInstances": 4,
            "bodySite": {"display": "Breast"}, "laterality": {"code": "7771000", "display": "Left"}, "description": "MLO"}]}"#;
    let alone = study.replace(r#""id": "s""#, r#""id": "t", "started": "2024-03-02""#);
    let size =
        observation("size", r#""code": {"text": "Tumour"}, "valueQuantity": {"value": 32, "unit": "mm"}"#);
    let all = records(&[report, study, &alone, &size]);
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(ids(first), ["DiagnosticReport/r", "ImagingStudy/s", "Observation/size"]);
    assert_eq!(first.source.as_ref().unwrap().visit.as_str(), "Encounter/v");
    let body = imaging(first);
    assert_eq!((body.modality, body.side), (Some(Modality::Mammography), Some(Side::Left)));
    assert_eq!((body.region.as_str(), body.question.as_str()), ("Breast", "lump"));
    assert_eq!((body.findings.as_str(), body.impression.as_str()), ("Tumour: 32 mm", "Suspicious."));
    assert_eq!(body.study.as_str(), "urn:oid:1.2.3");
    let [series] = body.series.as_slice() else { panic!() };
    assert_eq!((series.description.as_str(), series.instances), ("MLO", Some(4)));
    assert_eq!(first.note.as_str(), "Examination: Mammography\nDescription: Left breast");
    assert_eq!(ids(second), ["ImagingStudy/t"]);
}

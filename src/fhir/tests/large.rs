//! Bundles at the limits: time grows with the size, and memory stays bounded.
//!
//! The figures of `docs/import.md`: `cargo test --release -p wardline-fhir --lib large -- --ignored --nocapture
//! --test-threads 1`, each test in a process of its own for its memory.

use super::data;
use crate::{Import, Shared, read};
use std::{fmt::Write as _, time::Instant};

/// The most memory that this process ever had, in MiB, where the system tells.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn measured(what: &str, json: &str) -> Import {
    let before = peak_mib();
    let start = Instant::now();
    let import = read(json.as_bytes(), &Shared::new()).unwrap();
    let took = start.elapsed();
    let records: usize = import.patients.iter().map(|patient| patient.records.len()).sum();
    println!(
        "{what}: {:.1} MB, {records} records in {took:?}, {:.1} MB/s; memory {before} -> {} MiB",
        json.len() as f64 / 1e6,
        json.len() as f64 / 1e6 / took.as_secs_f64(),
        peak_mib(),
    );
    import
}

fn bundle(entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}

fn patient(id: usize) -> String {
    format!(
        r#"{{"fullUrl":"urn:uuid:p{id}","resource":{{"resourceType":"Patient","id":"p{id}","name":[{{"family":"Muster"}}],"identifier":[{{"system":"urn:mrn","value":"{id}"}}],"birthDate":"1970-08-12"}}}}"#
    )
}

/// One patient's observations, as many as asked for, spread over days.
fn observations(count: usize) -> String {
    let mut entries = vec![patient(0)];
    for at in 1..count {
        let mut entry = String::new();
        write!(
            entry,
            r#"{{"fullUrl":"urn:uuid:o{at}","resource":{{"resourceType":"Observation","id":"o{at}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"2339-0","display":"Glucose"}}],"text":"Glucose"}},"subject":{{"reference":"urn:uuid:p0"}},"effectiveDateTime":"20{:02}-{:02}-{:02}T10:{:02}:00Z","valueQuantity":{{"value":{}.{},"unit":"mg/dL"}}}}}}"#,
            at % 24, at / 24 % 12 + 1, at / 288 % 28 + 1, at % 60, at % 200, at % 10,
        )
        .unwrap();
        entries.push(entry);
    }
    bundle(&entries)
}

#[test]
fn time_grows_with_the_size() {
    let time = |json: &str| {
        let start = Instant::now();
        read(json.as_bytes(), &Shared::new()).unwrap();
        start.elapsed()
    };
    let patients = |count| bundle(&(0..count).map(patient).collect::<Vec<_>>());
    for make in [observations as fn(usize) -> String, patients] {
        let (small, large) = (time(&make(1_000)), time(&make(8_000)));
        // linear would be 8, quadratic 64
        assert!(large < small * 30, "8 times the size took {large:?} instead of {small:?}");
    }
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_entries() {
    let import = measured("100,000 entries of one patient", &observations(100_000));
    assert_eq!(import.resources["Observation"], 99_999);
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_patients() {
    let json = bundle(&(0..100_000).map(patient).collect::<Vec<_>>());
    assert_eq!(measured("100,000 patients", &json).patients.len(), 100_000);
}

#[test]
#[ignore = "prints figures"]
fn one_attachment_of_twenty_megabytes() {
    let data = "QUFB".repeat(20_000_000 / 3);
    let visit = r#"{"fullUrl":"urn:uuid:e","resource":{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"urn:uuid:p0"},"period":{"start":"2024-05-02"}}}"#;
    let document = format!(
        r#"{{"fullUrl":"urn:uuid:d","resource":{{"resourceType":"DocumentReference","id":"d","status":"current","subject":{{"reference":"urn:uuid:p0"}},"date":"2024-05-02T10:00:00Z","content":[{{"attachment":{{"contentType":"application/pdf","title":"scan","data":"{data}"}}}}],"context":{{"encounter":[{{"reference":"urn:uuid:e"}}]}}}}}}"#
    );
    let import = measured("one attachment of 20 MB", &bundle(&[patient(0), visit.into(), document]));
    let attached: usize = import.patients[0]
        .records
        .iter()
        .flat_map(|taken| &taken.record.attachments)
        .map(|one| one.data.as_slice().len())
        .sum();
    assert_eq!(attached, 20_000_000 / 3 * 3);
}

#[test]
#[ignore = "prints figures"]
fn the_public_bundles() {
    let Some(folder) = data::folder() else { return };
    let shared = data::shared(&folder);
    let files = data::unpacked(&folder.join("patients"));
    let bytes: usize = files.iter().map(|(_, json)| json.len()).sum();
    let start = Instant::now();
    let mut records = 0;
    for (name, json) in &files {
        let import = read(json, &shared).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        records += import.patients.iter().map(|patient| patient.records.len()).sum::<usize>();
    }
    let took = start.elapsed();
    println!(
        "67 public bundles: {:.1} MB, {records} records in {took:?}, {:.1} MB/s",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / took.as_secs_f64()
    );
}

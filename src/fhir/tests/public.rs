//! The 67 public patients: nothing is refused, nothing is lost from sight.

use super::data;
use crate::{holds_patients, read};
use std::{collections::BTreeMap, fs, time::Instant};

/// Every record that the public bundles give, by kind.
const RECORDS: [(&str, u64); 12] = [
    ("allergy", 53),
    ("condition", 515),
    ("family-history", 13),
    ("hospital-stay", 129),
    ("imaging-report", 53),
    ("immunization", 1227),
    ("laboratory-result", 2133),
    ("medication-given", 606),
    ("operation", 1372),
    ("prescription", 690),
    ("receipt", 2521),
    ("visit", 2082),
];

#[test]
fn every_public_bundle_is_read() {
    let Some(folder) = data::folder() else { return };
    let shared = data::shared(&folder);
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut records: BTreeMap<&str, u64> = BTreeMap::new();
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    let (mut patients, mut resources, mut unknown) = (0, 0, 0);
    let start = Instant::now();
    for (name, json) in data::unpacked(&folder.join("patients")) {
        assert!(holds_patients(&json), "{name}");
        let import = read(&json, &shared).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let file = format!("patients/{name}");
        let listed = manifest.as_array().unwrap().iter().find(|one| one["file"] == file.as_str()).unwrap();
        let counts: BTreeMap<String, u64> = serde_json::from_value(listed["counts"].clone()).unwrap();
        assert_eq!(import.resources, counts, "{name}");
        assert!(import.left.is_sorted(), "{name}");
        for patient in &import.patients {
            assert!(patient.identity.check().is_empty(), "{name}");
            patients += 1;
        }
        for taken in import.patients.iter().flat_map(|patient| &patient.records) {
            let source = taken.record.source.as_ref().unwrap();
            assert!(!source.ids.is_empty(), "{name}: a record without a source");
            *records.entry(taken.record.kind().name()).or_default() += 1;
            unknown += u64::from(taken.organization.is_none());
        }
        resources += import.resources.values().sum::<u64>();
        for one in import.left {
            *left.entry(one.path).or_default() += one.count;
        }
    }
    println!(
        "{resources} resources of {patients} patients in {:?}, debug build, with unpacking",
        start.elapsed()
    );
    println!("{records:?}, of them {unknown} at an unknown place");
    for (path, count) in &left {
        println!("left {count:>6} {path}");
    }
    // two newborns' stays are part of deliveries by mothers who have no file
    assert_eq!(patients, 67 + 2);
    assert_eq!(records, BTreeMap::from(RECORDS));
}

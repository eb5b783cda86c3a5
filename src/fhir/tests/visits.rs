//! Every visit of the public data against a table of them that was made independently.

use super::data;
use crate::{Patient, Taken, read};
use std::collections::BTreeMap;
use wardline_record::{Body, RecordKind, When};

/// What the table says of a visit, and what became of it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    patient: String,
    status: String,
    class: String,
    start: Option<i64>,
    end: Option<i64>,
    organization: (String, String),
}

fn row(patient: &Patient, taken: &Taken) -> Option<(String, Row)> {
    let record = &taken.record;
    let source = record.source.as_ref()?;
    let id = source.ids.first()?.strip_prefix("Encounter/")?;
    let (class, start, end) = match &record.body {
        Body::Visit(visit) => (&visit.class_code, Some(&record.occurred), visit.ended.as_ref()),
        Body::HospitalStay(stay) => (&stay.class_code, stay.admitted.as_ref(), stay.discharged.as_ref()),
        _ => return None,
    };
    let organization =
        taken.organization.as_ref().map(|o| (o.id.clone(), o.name.clone())).unwrap_or_default();
    assert_eq!(record.organization.as_str(), organization.1);
    let row = Row {
        patient: patient.source.clone(),
        status: source.status.to_string(),
        class: class.to_string(),
        start: start.map(When::utc_seconds),
        end: end.map(When::utc_seconds),
        organization,
    };
    Some((id.to_owned(), row))
}

#[test]
fn every_visit_of_the_public_data_is_one_record() {
    let Some(folder) = data::folder() else { return };
    let shared = data::shared(&folder);
    let mut found: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut kinds: BTreeMap<RecordKind, usize> = BTreeMap::new();
    for (name, json) in data::unpacked(&folder.join("patients")) {
        let import = read(&json, &shared).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        for patient in &import.patients {
            assert_eq!(patient.identity.check(), [], "{name}");
            for taken in &patient.records {
                *kinds.entry(taken.record.kind()).or_default() += 1;
                assert_eq!(taken.record.check(), [], "{name}: {:?}", taken.record.source);
                if let Some((id, row)) = row(patient, taken) {
                    let twice = found.insert((format!("patients/{name}"), id), row);
                    assert_eq!(twice, None, "one record for each visit");
                }
            }
        }
    }
    let table = String::from_utf8(data::gunzip(&folder.join("visits.tsv.gz"))).unwrap();
    let mut asked = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, patient, id, status, class, start, end, _, organization_id, organization] =
            columns.as_slice()
        else {
            panic!("ten columns: {line}");
        };
        let seconds = |date: &&str| date.parse::<When>().ok().map(|when| when.utc_seconds());
        let expected = Row {
            // Written out where the patient is not in the file.
            patient: format!("Patient/{}", patient.trim_start_matches("Patient/")),
            status: (*status).to_owned(),
            class: (*class).to_owned(),
            start: seconds(start),
            end: seconds(end),
            organization: ((*organization_id).to_owned(), (*organization).to_owned()),
        };
        let key = ((*file).to_owned(), (*id).to_owned());
        assert_eq!(found.remove(&key), Some(expected), "{file} Encounter/{id}");
        asked += 1;
    }
    assert!(found.is_empty(), "{} visits that the table does not have", found.len());
    assert_eq!(asked, 2_211);
    println!(
        "{asked} visits of the table, each one record with the same instants and organization; {kinds:?}"
    );
}

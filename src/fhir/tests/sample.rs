//! Small bundles written by hand: one patient, one visit, and what a test adds.

use crate::{Import, Refusal, Shared, Taken, read};
use wardline_record::{Body, Record};

const PATIENT: &str = r#"{"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-01-02",
    "name": [{"family": "Kim", "given": ["Ada"]}], "identifier": [{"system": "urn:mrn", "value": "MRN-1"}]}"#;

const VISIT: &str = r#"{"resourceType": "Encounter", "id": "v", "status": "finished", "subject": {"reference": "Patient/p"},
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "period": {"start": "2024-03-01T09:00:00+01:00", "end": "2024-03-01T10:00:00+01:00"},
    "serviceProvider": {"reference": "Organization/o"}}"#;

const ORGANIZATION: &str = r#"{"resourceType": "Organization", "id": "o", "name": "Mercy Hospital"}"#;

const DOCTOR: &str = r#"{"resourceType": "Practitioner", "id": "d", "name": [{"prefix": ["Dr."], "family": "Lee"}],
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "99"}]}"#;

/// Reads a bundle of the patient, the visit, and these resources.
pub(super) fn import(resources: &[&str]) -> Result<Import, Refusal> {
    let all: Vec<String> = [PATIENT, VISIT, ORGANIZATION, DOCTOR]
        .iter()
        .chain(resources)
        .map(|resource| format!(r#"{{"resource": {resource}}}"#))
        .collect();
    let bundle =
        format!(r#"{{"resourceType": "Bundle", "type": "collection", "entry": [{}]}}"#, all.join(","));
    read(bundle.as_bytes(), &Shared::new())
}

/// The records of these resources, without that of the visit.
pub(super) fn records(resources: &[&str]) -> Vec<Record> {
    let import = import(resources).unwrap();
    let all = import.patients.into_iter().flat_map(|patient| patient.records);
    all.map(|Taken { record, .. }| record).filter(|record| !matches!(record.body, Body::Visit(_))).collect()
}

/// The only record of these resources.
pub(super) fn record(resources: &[&str]) -> Record {
    let mut all = records(resources);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Leading id and the others.
pub(super) fn ids(record: &Record) -> Vec<&str> {
    record.source.as_ref().unwrap().ids.iter().map(|id| id.as_str()).collect()
}

//! Shapes of bundles and references: what names what, whom a resource is about, and what is left.

use crate::{Import, Left, Refusal, Shared, bundle::Bundle, context::Context, read};
use serde_json::{Value, json};
use std::cell::RefCell;

/// A bundle of these resources, with their ids as `fullUrl`.
fn bundle(resources: &[Value]) -> Value {
    let entry = |resource: &Value| {
        let url = format!(
            "http://a.example/{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        json!({ "fullUrl": url, "resource": resource })
    };
    json!({ "resourceType": "Bundle", "type": "collection", "entry": resources.iter().map(entry).collect::<Vec<_>>() })
}

fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "name": [{ "family": "Muster" }],
        "identifier": [{ "system": "urn:mrn", "value": format!("{id}-1") }],
    })
}

fn condition(id: &str, subject: Value) -> Value {
    json!({
        "resourceType": "Condition", "id": id, "code": { "text": "Asthma" }, "recordedDate": "2024-05-02",
        "subject": subject,
    })
}

fn import(bundle: &Value) -> Result<Import, Refusal> {
    read(bundle.to_string().as_bytes(), &Shared::new())
}

/// The sources of each patient's records.
fn sources(import: &Import) -> Vec<(String, Vec<String>)> {
    let ids = |patient: &crate::Patient| {
        let sources = patient.records.iter().map(|taken| taken.record.source.as_ref().unwrap());
        sources.flat_map(|source| source.ids.iter().map(|id| id.as_str().to_owned())).collect()
    };
    import.patients.iter().map(|patient| (patient.source.clone(), ids(patient))).collect()
}

#[test]
fn a_subject_is_named_in_every_shape() {
    for subject in [
        json!({ "reference": "Patient/p1" }),
        json!({ "reference": "Patient/p1/_history/3" }),
        json!({ "reference": "http://a.example/Patient/p1" }),
        json!({ "reference": "http://a.example/Patient/p1/_history/3" }),
        json!({ "reference": "Patient?identifier=urn:mrn|p1-1" }),
        json!({ "reference": "Patient?identifier=urn%3Amrn%7Cp1-1" }),
        json!({ "reference": "Patient?identifier=p1-1" }),
        json!({ "type": "Patient", "identifier": { "system": "urn:mrn", "value": "p1-1" } }),
    ] {
        let read = import(&bundle(&[patient("p1"), patient("p2"), condition("c", subject.clone())])).unwrap();
        let expected = [("Patient/p1".into(), vec!["Condition/c".into()]), ("Patient/p2".into(), vec![])];
        assert_eq!(sources(&read), expected, "{subject}");
    }
}

#[test]
fn a_record_names_the_server_of_its_patient() {
    let of_server = |base: &str| {
        let mut bundle = bundle(&[patient("p"), condition("c", json!({ "reference": "Patient/p" }))]);
        bundle["entry"][0]["fullUrl"] = json!(format!("{base}p"));
        let patient = import(&bundle).unwrap().patients.remove(0);
        let source = patient.records[0].record.source.clone().unwrap();
        assert_eq!((source.server.as_str(), source.subject.as_str()), (patient.server.as_str(), "Patient/p"));
        patient.server
    };
    assert_eq!(of_server("https://a.example/fhir/Patient/"), "https://a.example/fhir");
    assert_eq!(of_server("https://b.example/fhir/Patient/"), "https://b.example/fhir");
    assert_eq!(of_server("urn:uuid:"), "");
}

#[test]
fn urns_name_resources_and_give_ids() {
    let read = import(&json!({
        "resourceType": "Bundle", "type": "transaction", "entry": [
            { "fullUrl": "urn:oid:1.2.3", "resource": condition("c", json!({ "reference": "urn:uuid:0B8A4E3A-1" })) },
            { "fullUrl": "urn:uuid:0b8a4e3a-1", "resource": { "resourceType": "Patient" }, "request": { "method": "POST" } },
        ],
    }))
    .unwrap();
    assert_eq!(sources(&read), [("Patient/0b8a4e3a-1".into(), vec!["Condition/c".into()])]);
}

#[test]
fn every_patient_has_their_own_records_and_nobody_gets_what_names_nobody() {
    let nameless = json!({ "resourceType": "Condition", "id": "c3", "code": { "text": "Gout" } });
    let group = json!({ "resourceType": "Group", "id": "g" });
    let read = import(&bundle(&[
        patient("p1"),
        patient("p2"),
        group,
        condition("c1", json!({ "reference": "Patient/p1" })),
        condition("c2", json!({ "reference": "Patient/p2" })),
        nameless,
        condition("c4", json!({ "reference": "Group/g" })),
    ]))
    .unwrap();
    assert_eq!(
        sources(&read),
        [
            ("Patient/p1".into(), vec!["Condition/c1".into()]),
            ("Patient/p2".into(), vec!["Condition/c2".into()])
        ]
    );
    assert_eq!(
        read.left,
        [
            Left { path: "Condition: names no patient".into(), count: 2 },
            Left { path: "Group".into(), count: 1 },
        ]
    );
    assert_eq!(read.resources["Condition"], 4);
}

#[test]
fn a_mother_who_is_not_there_keeps_the_delivery_that_a_newborns_stay_is_part_of() {
    let stay = |id: &str, subject: &str| {
        json!({
            "resourceType": "Encounter", "id": id, "status": "finished", "class": { "code": "IMP" },
            "subject": { "reference": subject }, "period": { "start": "2024-05-02" },
        })
    };
    let mut newborn = stay("e1", "Patient/child");
    newborn["partOf"] = json!({ "reference": "Encounter/e2" });
    let mut delivery = stay("e2", "Patient/mother");
    delivery["reasonReference"] = json!([{ "reference": "Condition/c" }]);
    let reason = condition("c", json!({ "reference": "Patient/mother" }));
    let read =
        import(&bundle(&[patient("child"), newborn.clone(), delivery.clone(), reason.clone()])).unwrap();
    let [(child, childs), (mother, mothers)] = sources(&read).try_into().unwrap();
    assert_eq!((child.as_str(), childs.as_slice()), ("Patient/child", &["Encounter/e1".to_owned()][..]));
    assert_eq!(mother, "Patient/mother");
    assert_eq!(read.patients[1].server, "http://a.example", "the server that names her");
    assert!(mothers.iter().any(|id| id == "Encounter/e2") && mothers.iter().any(|id| id == "Condition/c"));
    assert_eq!(read.resources["Patient"], 1, "a patient known by id alone is no resource of the bundle");

    let unrelated = condition("c2", json!({ "reference": "Patient/mother" }));
    let refusal = import(&bundle(&[patient("child"), newborn, delivery, reason, unrelated])).unwrap_err();
    assert_eq!(refusal, Refusal::NoSubject { place: "entry[4].resource.subject".into() });
}

#[test]
fn references_find_what_is_contained_shared_or_beside() {
    let organization = json!({
        "resourceType": "Organization", "id": "o", "identifier": [{ "system": "urn:org", "value": "7|7" }],
    });
    let beside = json!({ "resourceType": "Organization", "id": "b", "identifier": [{ "value": "8" }] });
    let mut condition = condition("c", json!({ "reference": "Patient/p" }));
    condition["contained"] = json!([{ "resourceType": "Practitioner", "id": "in" }]);
    let mut shared = Shared::new();
    assert_eq!(shared.add(bundle(&[organization]).to_string().as_bytes()), Ok(1));
    let json = bundle(&[patient("p"), condition, beside]).to_string();
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let notes = RefCell::default();
    let cx = Context::new(&bundle, &shared, 0, &notes);
    let from = cx.of_kind("Condition").next().unwrap();
    let found = |target: &str| {
        let reference = json!({ "reference": target }).to_string();
        cx.resolve(from, &crate::json::parse(reference.as_bytes()).unwrap()).map(|found| found.name())
    };
    assert_eq!(found("#in").as_deref(), Some("Practitioner/in"));
    assert_eq!(found("#").as_deref(), Some("Condition/c"));
    assert_eq!(found("#out"), None);
    assert_eq!(found("Organization?identifier=urn:org|7%7C7").as_deref(), Some("Organization/o"));
    assert_eq!(found("Organization?identifier=%7C8").as_deref(), Some("Organization/b"));
    assert_eq!(found("Organization?identifier=8").as_deref(), Some("Organization/b"));
    assert_eq!(found("Practitioner?identifier=urn:org|7%7C7"), None, "of another type");
    assert_eq!(found("Organization?name=x"), None);
    assert_eq!(found("Organization?identifier=8&active=true"), None, "a query that is not understood");
    assert_eq!(found("Organization/o"), None, "shared resources have no names here");
    assert_eq!(found("http://b.example/Organization/b"), None, "of another server");
    assert_eq!(found("Organization/b").as_deref(), Some("Organization/b"));
}

#[test]
fn what_nobody_reads_is_counted_by_its_path() {
    let mut patient = patient("p");
    patient["extension"] = json!([{ "url": "u", "extension": [{ "url": "v", "valueCoding": { "code": "x", "display": "y" } }] }]);
    patient["_birthDate"] = json!({ "id": "b" });
    patient["Erika Muster"] = json!(true);
    patient["meta"] = json!({ "versionId": "1" });
    patient["text"] = json!({ "status": "generated", "div": "<div/>" });
    let plan = json!({ "resourceType": "CarePlan", "id": "c", "subject": { "reference": "Patient/p" }, "title": "x" });
    let mut bundle = bundle(&[patient, plan]);
    bundle["signature"] = json!({ "who": { "reference": "Practitioner/1" } });
    let left = import(&bundle).unwrap().left;
    let left: Vec<(&str, u64)> = left.iter().map(|one| (one.path.as_str(), one.count)).collect();
    assert_eq!(
        left,
        [
            ("Bundle.signature.who.reference", 1),
            ("CarePlan", 1),
            ("Patient.?", 1),
            ("Patient._birthDate.id", 1),
            ("Patient.extension.extension.url", 1),
            ("Patient.extension.extension.valueCoding", 2),
            ("Patient.extension.url", 1),
        ]
    );
}

#[test]
fn a_byte_order_mark_is_let_pass() {
    let json = format!("\u{feff}{}", bundle(&[patient("p")]));
    assert!(crate::holds_patients(json.as_bytes()));
    assert_eq!(read(json.as_bytes(), &Shared::new()).unwrap().patients.len(), 1);
}

#[test]
fn the_same_bytes_give_the_same_import() {
    let bundle = bundle(&[patient("p1"), condition("c", json!({ "reference": "Patient/p1" }))]);
    assert_eq!(import(&bundle), import(&bundle));
}

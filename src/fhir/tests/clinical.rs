//! Small bundles, each for one thing that a source can say of people, visits and their documents; helpers for others.

use crate::{Import, Organization, Shared, Taken, read};
use serde_json::{Value, json};
use wardline_record::{AdmissionClass, Body, DiagnosisRank, Discharge, Identity, Sex};

pub(super) const VISIT: &str = "Encounter/v";

pub(super) fn import(resources: impl IntoIterator<Item = Value>) -> Import {
    let entry: Vec<Value> = resources.into_iter().map(|resource| json!({"resource": resource})).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entry});
    read(bundle.to_string().as_bytes(), &Shared::new()).unwrap()
}

pub(super) fn patient() -> Value {
    json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Weiß"}]})
}

pub(super) fn hospital() -> Value {
    json!({"resourceType": "Organization", "id": "h", "name": "St. Anna",
        "identifier": [{"system": "urn:houses", "value": "7"}]})
}

pub(super) fn visit() -> Value {
    json!({"resourceType": "Encounter", "id": "v", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"}, "serviceProvider": {"reference": "Organization/h"},
        "period": {"start": "2024-03-01T09:00:00+01:00", "end": "2024-03-01T09:20:00+01:00"}})
}

/// A resource with the members of another one besides.
pub(super) fn with(mut resource: Value, members: Value) -> Value {
    let (Value::Object(to), Value::Object(from)) = (&mut resource, members) else { panic!("objects") };
    to.extend(from);
    resource
}

pub(super) fn of_p1(kind: &str, members: Value) -> Value {
    let subject = json!({"resourceType": kind, "id": "x", "encounter": {"reference": VISIT},
        "subject": {"reference": "Patient/p1"}});
    with(subject, members)
}

pub(super) fn about_p1(kind: &str, members: Value) -> Value {
    let about = json!({"resourceType": kind, "id": "x", "patient": {"reference": "Patient/p1"}});
    with(about, members)
}

/// The record of the resource besides the visit, in a bundle with patient, hospital and visit.
pub(super) fn taken(resource: Value) -> Taken {
    let id = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let import = import([patient(), hospital(), visit(), resource]);
    let records = &import.patients[0].records;
    records.iter().find(|taken| leading(taken) == id).unwrap_or_else(|| panic!("no {id}")).clone()
}

pub(super) fn leading(taken: &Taken) -> &str {
    taken.record.source.as_ref().unwrap().ids[0].as_str()
}

fn identity(patient: Value) -> Identity {
    import([patient]).patients[0].identity.clone()
}

macro_rules! body {
    ($taken:expr, $kind:ident) => {
        match &$taken.record.body {
            Body::$kind(body) => body.clone(),
            other => panic!("{:?}", other.kind()),
        }
    };
}
pub(super) use body;

fn left(import: &Import, path: &str) -> u64 {
    import.left.iter().filter(|left| left.path == path).map(|left| left.count).sum()
}

#[test]
fn the_official_name_leads_and_the_others_are_kept() {
    let clara = identity(json!({"resourceType": "Patient", "id": "p", "gender": "female",
        "name": [{"use": "maiden", "family": "Wieck"},
                 {"use": "official", "family": "Schumann", "given": ["Clara", "Josephine"]}],
        "identifier": [{"system": "https://charite.example/fall", "value": "42285243"},
                       {"type": {"text": "Versichertennummer"}, "value": "Z234567890"},
                       {"system": "urn:no-digit", "value": "abc"}, {"system": "urn:spaces", "value": "12 34"}],
        "birthDate": "1819-09-13", "deceasedDateTime": "1896-05-20",
        "telecom": [{"system": "email", "value": "c@example.org"}, {"system": "phone", "value": "030 1"},
                    {"system": "phone", "use": "mobile", "value": "0171 2"}],
        "address": [{"line": ["Schöneberger Ufer 22"], "postalCode": "10785", "city": "Berlin", "country": "DE"}],
        "communication": [{"language": {"text": "English"}},
                          {"language": {"coding": [{"code": "de", "display": "German"}]}, "preferred": true}]}));
    assert_eq!((clara.family.as_str(), clara.given.as_str()), ("Schumann", "Clara Josephine"));
    assert_eq!(clara.other_names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["Wieck"]);
    assert_eq!(clara.sex, Some(Sex::Female));
    assert_eq!(clara.birth_date.as_ref().map(|date| date.as_str()), Some("1819-09-13"));
    assert_eq!(clara.died.as_ref().map(|date| date.as_str()), Some("1896-05-20"));
    let numbers: Vec<_> = clara.mrns.iter().map(|mrn| (mrn.system.as_str(), mrn.value.as_str())).collect();
    assert_eq!(numbers, [("https://charite.example/fall", "42285243"), ("Versichertennummer", "Z234567890")]);
    assert_eq!(clara.phone.as_str(), "0171 2");
    assert_eq!(clara.address.as_str(), "Schöneberger Ufer 22, 10785 Berlin, DE");
    assert_eq!(clara.language.as_str(), "German");
    assert_eq!(clara.check(), []);
}

#[test]
fn a_patient_without_name_and_number_can_still_be_enrolled() {
    let nobody = identity(json!({"resourceType": "Patient", "id": "unknown"}));
    assert_eq!(nobody.family.as_str(), "Unknown");
    assert_eq!(nobody.mrns[0].value.as_str(), "unknown-0");
    assert_eq!(nobody.check(), []);
    let written_out =
        identity(json!({"resourceType": "Patient", "id": "p1", "name": [{"text": "山田 太郎"}]}));
    assert_eq!(written_out.family.as_str(), "山田 太郎");
}

#[test]
fn death_without_a_date_is_counted() {
    let dead = import([with(patient(), json!({"deceasedBoolean": true}))]);
    assert_eq!(left(&dead, "Patient.deceasedBoolean: without a date"), 1);
    let alive = import([with(patient(), json!({"deceasedBoolean": false}))]);
    assert_eq!(alive.left, []);
}

#[test]
fn a_visit_has_its_practitioner_first_and_the_others_as_team() {
    let doctor = |id: &str, family: &str| {
        json!({"resourceType": "Practitioner", "id": id, "name": [{"prefix": ["Dr."], "given": ["Ana"], "family": family}],
            "identifier": [{"system": "urn:keys", "value": "0a1b2c3d-0000-0000-0000-00000000"},
                           {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9999912345"}]})
    };
    let part = |role: &str, word: &str, id: &str| {
        json!({"type": [{"coding": [{"code": role, "display": word}]}],
            "individual": {"reference": format!("Practitioner/{id}")}})
    };
    let import = import([
        patient(),
        hospital(),
        doctor("a", "Admin"),
        doctor("b", "Berg"),
        with(
            visit(),
            json!({"participant": [part("ADM", "admitter", "a"), part("ATND", "attender", "b")],
                "serviceType": {"text": "Cardiology"}, "type": [{"text": "Check-up"}],
                "priority": {"coding": [{"code": "UR", "display": "urgent"}]},
                "reasonCode": [{"coding": [{"display": "Chest pain", "code": "29857009"}]}]}),
        ),
    ]);
    let taken = &import.patients[0].records[0];
    let visit = body!(taken, Visit);
    assert_eq!(taken.record.practitioner.name.as_str(), "Dr. Ana Berg");
    assert_eq!(taken.record.practitioner.id.as_str(), "9999912345");
    let team: Vec<_> = visit.team.iter().map(|m| (m.role.as_str(), m.name.as_str())).collect();
    assert_eq!(team, [("admitter", "Dr. Ana Admin")]);
    assert_eq!((visit.class, visit.class_code.as_str()), (Some(AdmissionClass::Ambulatory), "AMB"));
    assert_eq!((visit.visit_type.as_str(), visit.reason.as_str()), ("Check-up", "Chest pain"));
    assert_eq!(visit.department.as_str(), "Cardiology");
    assert_eq!(taken.record.note.as_str(), "Priority: urgent");
    assert_eq!(taken.record.occurred.as_str(), "2024-03-01T09:00:00+01:00");
    assert_eq!(visit.ended.unwrap().as_str(), "2024-03-01T09:20:00+01:00");
    assert_eq!(taken.record.organization.as_str(), "St. Anna");
    assert_eq!(taken.record.source.as_ref().unwrap().status.as_str(), "finished");
    assert_eq!(left(&import, "Encounter.reasonCode.coding.code"), 1);
    assert_eq!(taken.record.check(), []);
}

#[test]
fn who_is_named_through_a_role_or_only_in_words() {
    let doctor =
        json!({"resourceType": "Practitioner", "id": "d", "name": [{"family": "Koch", "given": ["Robert"]}]});
    let role = json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d"}});
    let seen_by = |individual: Value| with(visit(), json!({"participant": [{"individual": individual}]}));
    let name = |individual: Value| {
        let import = import([patient(), hospital(), doctor.clone(), role.clone(), seen_by(individual)]);
        import.patients[0].records[0].record.practitioner.name.to_string()
    };
    assert_eq!(name(json!({"reference": "PractitionerRole/r"})), "Robert Koch");
    assert_eq!(name(json!({"reference": "Practitioner/gone", "display": "Dr. Gone"})), "Dr. Gone");
    assert_eq!(name(json!({"display": "Dr. Words"})), "Dr. Words");
}

#[test]
fn an_organization_is_named_in_every_shape() {
    let at = |provider: Value| {
        let visit = with(
            visit(),
            json!({"serviceProvider": provider, "contained": [
            {"resourceType": "Organization", "id": "in", "name": "Inside"}]}),
        );
        let mut house = hospital();
        house["id"] = json!("h");
        let import = import([patient(), house, visit]);
        let taken = &import.patients[0].records[0];
        let organization = taken.organization.clone();
        assert_eq!(taken.record.organization.as_str(), organization.as_ref().map_or("", |o| o.name.as_str()));
        organization.map(|Organization { key, id, name }| format!("{key} {id} {name}"))
    };
    assert_eq!(at(json!({"reference": "Organization/h"})).unwrap(), "urn:houses|7 h St. Anna");
    assert_eq!(
        at(json!({"reference": "Organization?identifier=urn:houses|7"})).unwrap(),
        "urn:houses|7 h St. Anna"
    );
    assert_eq!(at(json!({"reference": "#in"})).unwrap(), "Organization/in in Inside");
    // Not in the file: it still says where.
    assert_eq!(
        at(json!({"reference": "Organization?identifier=urn:houses|9", "display": "Far"})).unwrap(),
        "urn:houses|9 9 Far"
    );
    assert_eq!(at(json!({"reference": "Organization/f", "display": "Far"})).unwrap(), "Organization/f f Far");
    assert_eq!(
        at(json!({"identifier": {"system": "urn:houses", "value": "9"}, "display": "Far"})).unwrap(),
        "urn:houses|9 9 Far"
    );
    assert_eq!(at(json!({})), None);
}

#[test]
fn a_visit_without_organization_is_nowhere() {
    let mut visit = visit();
    visit.as_object_mut().unwrap().remove("serviceProvider");
    let fever = of_p1("Condition", json!({"recordedDate": "2024-03-01", "code": {"text": "Fever"}}));
    let import = import([patient(), hospital(), visit, fever]);
    for taken in &import.patients[0].records {
        assert_eq!((&taken.organization, taken.record.organization.as_str()), (&None, ""));
    }
}

#[test]
fn an_admission_is_a_stay_with_its_diagnoses() {
    let condition = |id: &str, text: &str, status: &str| {
        json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"},
            "recordedDate": "2024-03-02", "code": {"text": text},
            "verificationStatus": {"coding": [{"code": status}]}})
    };
    let diagnosis =
        |id: &str, rank: u32| json!({"condition": {"reference": format!("Condition/{id}")}, "rank": rank});
    let stay = with(
        visit(),
        json!({"class": {"code": "ACUTE"},
            "diagnosis": [diagnosis("a", 2), diagnosis("b", 1), diagnosis("c", 3), diagnosis("b", 4)],
            "reasonReference": [{"reference": "Condition/b"}],
            "hospitalization": {"admitSource": {"text": "From outpatient department"},
                "dietPreference": [{"text": "Clear liquids"}],
                "dischargeDisposition": {"coding": [{"system": "http://www.nubc.org/patient-discharge", "code": "07"}],
                    "text": "Left against medical advice"}}}),
    );
    let import = import([
        patient(),
        hospital(),
        stay,
        condition("a", "Hypertension", "confirmed"),
        condition("b", "Pneumonia", "confirmed"),
        condition("c", "Lung cancer", "provisional"),
    ]);
    let taken = &import.patients[0].records[0];
    let stay = body!(taken, HospitalStay);
    let diagnoses: Vec<_> = stay.diagnoses.iter().map(|d| (d.text.as_str(), d.rank)).collect();
    assert_eq!(
        diagnoses,
        [
            ("Hypertension", Some(DiagnosisRank::Secondary)),
            ("Pneumonia", Some(DiagnosisRank::Primary)),
            ("Lung cancer", Some(DiagnosisRank::Suspected)),
        ]
    );
    assert_eq!((stay.class, stay.class_code.as_str()), (Some(AdmissionClass::Inpatient), "ACUTE"));
    assert_eq!(stay.reason.as_str(), "Pneumonia");
    assert_eq!(stay.admitted.unwrap().as_str(), "2024-03-01T09:00:00+01:00");
    assert_eq!(stay.discharged.unwrap().as_str(), "2024-03-01T09:20:00+01:00");
    assert_eq!(stay.admit_source.as_str(), "From outpatient department");
    assert_eq!(stay.discharge, Some(Discharge::AgainstAdvice));
    assert_eq!(stay.discharge_text.as_str(), "Left against medical advice");
    assert_eq!(taken.record.note.as_str(), "Diet: Clear liquids");
    assert_eq!(taken.record.check(), []);
}

#[test]
fn a_part_of_a_visit_belongs_to_it() {
    let part = with(visit(), json!({"id": "part", "partOf": {"reference": VISIT}}));
    let import = import([patient(), hospital(), visit(), part]);
    let records = &import.patients[0].records;
    assert_eq!(records[1].record.source.as_ref().unwrap().visit.as_str(), VISIT);
}

#[test]
fn a_visit_without_a_date_is_counted() {
    let mut undated = visit();
    undated.as_object_mut().unwrap().remove("period");
    let import = import([patient(), hospital(), undated]);
    assert!(import.patients[0].records.is_empty());
    assert_eq!(left(&import, "Encounter: no date"), 1);
}

fn letter(id: &str, data: &str) -> Value {
    json!({"resourceType": "DocumentReference", "id": id, "status": "superseded", "date": "2024-03-01T12:00:00Z",
        "subject": {"reference": "Patient/p1"}, "type": {"text": "Discharge letter"},
        "author": [{"display": "Dr. Berg"}], "context": {"encounter": [{"reference": VISIT}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}]})
}

#[test]
fn documents_go_onto_their_visit_the_same_bytes_once() {
    let import =
        import([patient(), hospital(), visit(), letter("d2", "SGVs\nbG8="), letter("d1", "SGVsbG8=")]);
    let record = &import.patients[0].records[0].record;
    let [attachment] = record.attachments.as_slice() else { panic!("once") };
    assert_eq!(attachment.title.as_str(), "Discharge letter, 2024-03-01T12:00:00Z, Dr. Berg, superseded");
    assert_eq!((attachment.content_type.as_str(), attachment.text()), ("text/plain", Some("Hello")));
    let ids: Vec<_> = record.source.as_ref().unwrap().ids.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, [VISIT, "DocumentReference/d1", "DocumentReference/d2"]);
}

#[test]
fn documents_that_belong_nowhere_are_counted() {
    let mut stray = letter("d", "SGVsbG8=");
    stray.as_object_mut().unwrap().remove("context");
    let mut elsewhere = letter("e", "");
    elsewhere["content"] = json!([{"attachment": {"url": "https://example.org/letter.pdf"}}]);
    let import = import([patient(), hospital(), visit(), stray, elsewhere, letter("f", "not base64!")]);
    assert!(import.patients[0].records[0].record.attachments.is_empty());
    assert_eq!(left(&import, "DocumentReference: no visit to attach it to"), 1);
    assert_eq!(left(&import, "DocumentReference: document not in the file"), 1);
    assert_eq!(left(&import, "DocumentReference: document not in base64"), 1);
    assert_eq!(left(&import, "DocumentReference"), 0, "each is counted once");
}

#[test]
fn notes_that_are_text_become_documents_of_their_visit() {
    let note = of_p1(
        "Composition",
        json!({"id": "c", "status": "final", "title": "Progress note", "date": "2024-03-01",
            "type": {"text": "Outpatient note"}, "author": [{"display": "Dr. Berg"}],
            "section": [{"title": "Plan", "text": {"status": "generated", "div": "<div>Rest &amp; tea</div>"},
                         "section": [{"title": "Later", "text": {"div": "<div>Control</div>"}}]}]}),
    );
    let impression = of_p1(
        "ClinicalImpression",
        json!({"id": "i", "status": "completed", "code": {"text": "Ward round"}, "description": "Getting better.",
            "summary": "Home tomorrow"}),
    );
    let import = import([patient(), hospital(), visit(), note, impression]);
    let attachments = &import.patients[0].records[0].record.attachments;
    let texts: Vec<_> = attachments.iter().map(|a| (a.title.as_str(), a.text().unwrap())).collect();
    assert_eq!(
        texts,
        [
            ("Progress note, 2024-03-01, Dr. Berg", "Plan\nRest & tea\n\nLater\nControl"),
            ("Ward round", "Getting better.\n\nHome tomorrow"),
        ]
    );
}

/// Lists of a hostile length take time in step with their length.
#[test]
fn long_lists_take_no_longer_than_their_length() {
    const MANY: usize = 20_000;
    let each = |make: &dyn Fn(usize) -> Value| (0..MANY).map(make).collect::<Vec<_>>();
    let long = with(
        visit(),
        json!({"type": each(&|i| json!({"text": format!("t{i}")})),
            "participant": each(&|i| json!({"individual": {"display": format!("d{i}")}})),
            "reasonCode": [{"coding": each(&|i| json!({"code": format!("c{i}")}))}]}),
    );
    let undated = |i: usize| {
        json!({"resourceType": "FamilyMemberHistory", "id": format!("f{i}"), "status": "completed",
            "patient": {"reference": "Patient/p1"}, "relationship": {"text": "aunt"}})
    };
    let visits = (0..MANY).map(|i| with(visit(), json!({"id": format!("v{i}")})));
    let all = [patient(), hospital(), long].into_iter().chain(visits).chain((0..MANY).map(undated));
    let start = std::time::Instant::now();
    assert_eq!(import(all).patients[0].records.len(), 1 + 2 * MANY);
    let took = start.elapsed();
    assert!(took.as_secs() < 60, "{took:?}");
}

/// Two patients in one bundle: nothing of the one comes into a record of the other.
#[test]
fn no_record_takes_anything_from_another_patients() {
    let other = json!({"resourceType": "Patient", "id": "p2", "name": [{"family": "Roth"}]});
    let of_p2 = |resource: Value| with(resource, json!({"subject": {"reference": "Patient/p2"}}));
    let theirs = json!({"reference": "Condition/hiv"});
    let visit = with(visit(), json!({"diagnosis": [{"condition": theirs}], "reasonReference": [theirs]}));
    let their_visit = of_p2(json!({"resourceType": "Encounter", "id": "w", "status": "finished",
        "class": {"code": "IMP"}, "period": {"start": "2023-01-01"},
        "serviceProvider": {"display": "Hidden Clinic"}}));
    let order = of_p1(
        "MedicationRequest",
        json!({"status": "active", "intent": "order",
        "encounter": {"reference": "Encounter/w"}, "authoredOn": "2024-03-01",
        "medicationCodeableConcept": {"text": "Ibuprofen"}, "reasonReference": [theirs]}),
    );
    let claim = json!({"resourceType": "Claim", "id": "c", "status": "active", "use": "claim",
        "patient": {"reference": "Patient/p1"}, "billablePeriod": {"start": "2024-03-01"},
        "diagnosis": [{"sequence": 1, "diagnosisReference": theirs}],
        "item": [{"sequence": 1, "encounter": [{"reference": "Encounter/w"}]}]});
    let import = import([
        patient(),
        other,
        hospital(),
        visit,
        their_visit,
        of_p2(
            json!({"resourceType": "Condition", "id": "hiv", "code": {"text": "HIV"}, "recordedDate": "2023"}),
        ),
        order,
        claim,
    ]);
    let mine = &import.patients[0].records;
    assert_eq!(mine.len(), 3);
    for taken in mine {
        let bytes = String::from_utf8(taken.record.to_bytes()).unwrap();
        for foreign in ["HIV", "Encounter/w", "Hidden Clinic"] {
            assert!(!bytes.contains(foreign), "{foreign}: {bytes}");
        }
    }
    let noted: Vec<(&str, u64)> = import
        .left
        .iter()
        .filter(|left| left.path.ends_with("about another patient"))
        .map(|left| (left.path.as_str(), left.count))
        .collect();
    assert_eq!(
        noted,
        [
            ("Claim: reference to Condition about another patient", 1),
            ("Claim: reference to Encounter about another patient", 1),
            ("Encounter: reference to Condition about another patient", 1),
            ("MedicationRequest: reference to Condition about another patient", 1),
            ("MedicationRequest: reference to Encounter about another patient", 1),
        ]
    );
    assert_eq!(left(&import, "Encounter.diagnosis: condition not found"), 0);
}

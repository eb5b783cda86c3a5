//! Medicines: orders, statements, doses given.

use super::sample::{ids, import, record, records};
use wardline_record::{Body, Given, MedicationGiven, Prescription, Record, Route};

const ORDER: &str = r#"{"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
    "subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/v"},
    "requester": {"reference": "Practitioner/d"}, "authoredOn": "2024-03-01T09:30:00+01:00",
    "medicationCodeableConcept": {"text": "Prednisone",
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "8640"}]},
    "reasonCode": [{"text": "asthma"}],
    "dispenseRequest": {"numberOfRepeatsAllowed": 2, "validityPeriod": {"end": "2024-06-01"},
        "quantity": {"value": 30, "unit": "tablets"}},
    "dosageInstruction": [
        {"sequence": 1, "text": "with food", "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
         "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "boundsDuration": {"value": 5, "unit": "days"}}},
         "doseAndRate": [{"doseQuantity": {"value": 40.0, "unit": "mg"}}]},
        {"sequence": 2, "asNeededCodeableConcept": {"text": "wheezing"},
         "timing": {"repeat": {"frequencyMax": 6, "period": 1, "periodUnit": "d"}},
         "doseAndRate": [{"doseRange": {"low": {"value": 5, "unit": "mg"}, "high": {"value": 10, "unit": "mg"}}}],
         "maxDosePerPeriod": {"numerator": {"value": 60, "unit": "mg"}, "denominator": {"value": 24, "unit": "h"}}}]}"#;

fn prescription(record: &Record) -> &Prescription {
    match &record.body {
        Body::Prescription(prescription) => prescription,
        other => panic!("{other:?}"),
    }
}

fn given(record: &Record) -> &MedicationGiven {
    match &record.body {
        Body::MedicationGiven(given) => given,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_has_an_item_for_each_dosage() {
    let record = record(&[ORDER]);
    let source = record.source.as_ref().unwrap();
    assert_eq!((source.status.as_str(), source.visit.as_str()), ("active", "Encounter/v"));
    assert_eq!(source.subject.as_str(), "Patient/p");
    assert_eq!(ids(&record), ["MedicationRequest/m1"]);
    assert_eq!(record.occurred.as_str(), "2024-03-01T09:30:00+01:00");
    assert_eq!(record.organization.as_str(), "Mercy Hospital");
    assert_eq!((record.practitioner.name.as_str(), record.practitioner.id.as_str()), ("Dr. Lee", "99"));
    let body = prescription(&record);
    assert_eq!(body.repeats, Some(2));
    assert_eq!(body.valid_until.as_ref().unwrap().as_str(), "2024-06-01");
    assert_eq!(body.indication.as_str(), "asthma");
    let [first, second] = body.items.as_slice() else { panic!("{body:?}") };
    assert_eq!((first.medicine.as_str(), first.code.as_str()), ("Prednisone", "RxNorm 8640"));
    assert_eq!((first.dose.as_str(), first.frequency.as_str()), ("40.0 mg", "2 times in 1 day"));
    assert_eq!((first.route, first.duration.as_str()), (Some(Route::Oral), "5 days"));
    assert_eq!((first.quantity.as_str(), first.instructions.as_str()), ("30 tablets", "with food"));
    assert!(!first.as_needed && second.as_needed);
    assert_eq!((second.dose.as_str(), second.frequency.as_str()), ("5 to 10 mg", "up to 6 times in 1 day"));
    assert_eq!(second.instructions.as_str(), "Needed for: wheezing\nAt most: 60 mg per 24 h");
}

#[test]
fn what_forbids_or_only_proposes_is_said() {
    let forbidden = ORDER.replace(r#""intent": "order""#, r#""intent": "proposal", "doNotPerform": true"#);
    let record = record(&[&forbidden]);
    assert!(prescription(&record).forbidden);
    assert_eq!(record.summary(), "NOT TO BE GIVEN: Prednisone 40.0 mg, Prednisone 5 to 10 mg");
    let page = record.page(|_| String::new());
    assert!(page.statements[0].text.starts_with("NOT TO BE GIVEN: "), "{page:?}");
    assert!(record.note.contains("Intent: proposal"), "{}", record.note);
}

#[test]
fn a_mistake_keeps_its_status_word() {
    let record = record(&[&ORDER.replace(r#""active""#, r#""entered-in-error""#)]);
    assert!(record.source.as_ref().unwrap().is_withdrawn());
}

#[test]
fn a_medicine_by_reference_gives_name_strength_and_form() {
    let statement = r##"{"resourceType": "MedicationStatement", "id": "s", "status": "unknown",
        "contained": [{"resourceType": "Medication", "id": "med",
            "code": {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/atc", "code": "N02BB02", "display": "Metamizole"}]},
            "form": {"coding": [{"display": "Tablet"}]},
            "ingredient": [{"itemCodeableConcept": {"text": "metamizole sodium"},
                "strength": {"numerator": {"value": 500, "unit": "mg"}, "denominator": {"value": 1, "unit": "Tablet"}}}]}],
        "medicationReference": {"reference": "#med"}, "subject": {"reference": "Patient/p"},
        "effectivePeriod": {"start": "2024-02-01", "end": "2024-02-20"}, "dateAsserted": "2024-03-01"}"##;
    let record = record(&[statement]);
    assert_eq!(ids(&record), ["MedicationStatement/s", "Medication/med"]);
    assert_eq!(record.occurred.as_str(), "2024-02-01");
    assert_eq!(record.recorded.as_ref().unwrap().as_str(), "2024-03-01");
    assert!(record.note.contains("not an order"), "{}", record.note);
    let [item] = prescription(&record).items.as_slice() else { panic!() };
    assert_eq!(
        [item.medicine.as_str(), item.code.as_str(), item.strength.as_str(), item.form.as_str()],
        ["Metamizole", "ATC N02BB02", "500 mg", "Tablet"]
    );
}

#[test]
fn a_dose_says_whether_it_was_given() {
    let dose = r#"{"resourceType": "MedicationAdministration", "id": "a", "status": "completed",
        "subject": {"reference": "Patient/p"}, "context": {"reference": "Encounter/v"},
        "request": {"reference": "MedicationRequest/m1"}, "reasonCode": [{"text": "pain"}],
        "medicationCodeableConcept": {"text": "Morphine"}, "performer": [{"actor": {"reference": "Practitioner/d"}}],
        "effectivePeriod": {"start": "2024-03-01T09:40:00+01:00", "end": "2024-03-01T09:45:00+01:00"},
        "dosage": {"text": "5 mg", "dose": {"value": 5.0, "unit": "mg"}, "route": {"text": "intrathecal"},
            "rateRatio": {"numerator": {"value": 1, "unit": "mg"}, "denominator": {"value": 1, "unit": "min"}}}}"#;
    let all = records(&[
        ORDER,
        dose,
        &dose.replace(r#""id": "a""#, r#""id": "b""#).replace("completed", "not-done"),
    ]);
    let [_, first, second] = all.as_slice() else { panic!("{all:?}") };
    let body = given(first);
    assert_eq!((body.status, body.reason.as_str()), (Some(Given::Given), "pain"));
    assert_eq!(body.dose.as_str(), "5.0 mg, 1 mg per min; 5 mg");
    assert_eq!(body.route, Some(Route::Other));
    assert_eq!(body.ended.as_ref().unwrap().as_str(), "2024-03-01T09:45:00+01:00");
    assert!(first.note.contains("Route: intrathecal") && first.note.contains("Order: MedicationRequest/m1"));
    assert_eq!(given(second).status, Some(Given::Withheld));
}

#[test]
fn what_has_no_date_is_filed_at_its_visit_and_says_so() {
    let undated = ORDER.replace(r#""authoredOn": "2024-03-01T09:30:00+01:00","#, "");
    let record = record(&[&undated]);
    assert_eq!(record.occurred.as_str(), "2024-03-01T09:00:00+01:00");
    assert!(record.note.contains("Not dated at the source"), "{}", record.note);
    let second = r#"{"resourceType": "Encounter", "id": "w", "status": "finished", "subject": {"reference": "Patient/p"},
        "class": {"code": "AMB"}, "period": {"start": "2025-01-01"}}"#;
    let nowhere = undated.replace(r#""encounter": {"reference": "Encounter/v"},"#, "");
    let left = import(&[&nowhere, second]).unwrap().left;
    assert!(left.iter().any(|left| left.path == "MedicationRequest: no date" && left.count == 1), "{left:?}");
}

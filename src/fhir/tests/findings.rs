//! Small bundles, each for one thing that a source can say of what was found and done.

use super::clinical::{VISIT, about_p1, body, hospital, import, of_p1, patient, taken, visit, with};
use serde_json::json;
use wardline_record::{AllergyCategory, Body, ConditionStatus, Criticality, Finding, Route, Severity};

#[test]
fn a_condition_says_what_since_when_and_how_sure() {
    let taken = taken(of_p1(
        "Condition",
        json!({"clinicalStatus": {"coding": [{"code": "resolved"}]},
            "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "category": [{"coding": [{"code": "encounter-diagnosis", "display": "Encounter Diagnosis"}]}],
            "severity": {"text": "Mild"}, "bodySite": [{"text": "Appendix"}],
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "74400008", "display": "Appendicitis"},
                                {"system": "http://hl7.org/fhir/sid/icd-10", "code": "K35"}]},
            "onsetDateTime": "2023-12-31", "abatementDateTime": "2024-03-09",
            "recordedDate": "2024-03-01T09:10:00+01:00", "note": [{"text": "after new year"}]}),
    ));
    let condition = body!(taken, Condition);
    assert_eq!(
        (condition.name.as_str(), condition.code.as_str()),
        ("Appendicitis", "SNOMED CT 74400008, ICD-10 K35")
    );
    assert_eq!(
        (condition.finding, condition.status),
        (Some(Finding::Present), Some(ConditionStatus::Resolved))
    );
    assert_eq!(condition.since.unwrap().as_str(), "2023-12-31");
    assert_eq!(condition.ended.unwrap().as_str(), "2024-03-09");
    assert_eq!((condition.severity.as_str(), condition.category.as_str()), ("Mild", "Encounter Diagnosis"));
    assert_eq!(taken.record.occurred.as_str(), "2023-12-31");
    assert_eq!(taken.record.recorded.as_ref().unwrap().as_str(), "2024-03-01T09:10:00+01:00");
    assert_eq!(taken.record.note.as_str(), "Site: Appendix\nafter new year");
    let source = taken.record.source.unwrap();
    assert_eq!((source.visit.as_str(), source.status.as_str()), (VISIT, "resolved"));
    assert_eq!(taken.organization.unwrap().id, "h");
}

#[test]
fn what_was_entered_in_error_says_so() {
    let condition = taken(of_p1(
        "Condition",
        json!({"code": {"text": "Fever"}, "recordedDate": "2024-03-01",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}),
    ));
    assert!(condition.record.source.unwrap().is_withdrawn());
    let allergy = taken(about_p1(
        "AllergyIntolerance",
        json!({"code": {"text": "Latex"}, "recordedDate": "2024-03-01",
            "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}),
    ));
    assert!(allergy.record.source.unwrap().is_withdrawn());
}

#[test]
fn an_allergy_has_its_worst_reaction() {
    let taken = taken(about_p1(
        "AllergyIntolerance",
        json!({"clinicalStatus": {"coding": [{"code": "active"}]},
            "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "type": "intolerance", "category": ["medication"], "criticality": "high",
            "code": {"text": "Penicillin"}, "onsetString": "in childhood", "recordedDate": "2020-05",
            "recorder": {"display": "Ward 3"},
            "reaction": [{"manifestation": [{"text": "Rash"}], "severity": "mild"},
                         {"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe",
                          "substance": {"text": "Penicillin V"}}]}),
    ));
    let allergy = body!(taken, Allergy);
    assert_eq!((allergy.finding, allergy.substance.as_str()), (Some(Finding::Present), "Penicillin"));
    assert_eq!(
        (allergy.category, allergy.criticality),
        (Some(AllergyCategory::Medicine), Some(Criticality::High))
    );
    assert_eq!(allergy.reaction.as_str(), "Rash; Anaphylaxis (to Penicillin V)");
    assert_eq!((allergy.severity, allergy.confirmed), (Some(Severity::Severe), true));
    assert_eq!(taken.record.note.as_str(), "Onset: in childhood\nType: intolerance");
    assert_eq!(taken.record.occurred.as_str(), "2020-05");
    assert_eq!(taken.record.practitioner.name.as_str(), "Ward 3");
    assert_eq!(taken.organization, None);
}

#[test]
fn none_known_is_a_finding() {
    for (code, category) in [
        ("716186003", None),
        ("160244002", None),
        ("409137002", Some(AllergyCategory::Medicine)),
        ("429625007", Some(AllergyCategory::Food)),
        ("428607008", Some(AllergyCategory::Environment)),
    ] {
        let taken = taken(about_p1(
            "AllergyIntolerance",
            json!({"code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]}, "recordedDate": "2020"}),
        ));
        let allergy = body!(taken, Allergy);
        assert_eq!((allergy.finding, allergy.category), (Some(Finding::NoneKnown), category), "{code}");
        assert!(allergy.substance.is_empty() && allergy.code.is_empty());
    }
    let latex = taken(about_p1(
        "AllergyIntolerance",
        json!({"code": {"coding": [{"code": "716184000", "display": "No known latex allergy"}]}, "recordedDate": "2020"}),
    ));
    assert_eq!(latex.record.note.as_str(), "In the words of the source: No known latex allergy");
    let allergy = body!(latex, Allergy);
    assert_eq!(
        (allergy.finding, allergy.category),
        (Some(Finding::NoneKnown), Some(AllergyCategory::Material))
    );
    let taken = taken(of_p1(
        "Condition",
        json!({"code": {"coding": [{"system": "http://snomed.info/sct", "code": "160245001"}]}, "recordedDate": "2020"}),
    ));
    assert_eq!(body!(taken, Condition).finding, Some(Finding::NoneKnown));
}

#[test]
fn a_relative_has_a_line_for_each_condition() {
    let taken = taken(about_p1(
        "FamilyMemberHistory",
        json!({"status": "completed", "date": "2024-03-01", "name": "Friedrich Wieck", "bornDate": "1957",
            "relationship": {"coding": [{"code": "FTH", "display": "father"}]},
            "deceasedAge": {"value": 72, "unit": "years", "code": "a"},
            "condition": [{"code": {"text": "Heart disease"}, "onsetAge": {"value": 60, "unit": "years"},
                           "contributedToDeath": true},
                          {"code": {"text": "Gout"}, "onsetString": "late"}]}),
    ));
    let history = body!(taken, FamilyHistory);
    let [heart, gout] = history.relatives.as_slice() else { panic!("two") };
    assert_eq!((heart.relation.as_str(), heart.condition.as_str()), ("father", "Heart disease"));
    assert_eq!((heart.age_at_onset, heart.died_of_it, heart.died), (Some(60), true, true));
    assert_eq!(heart.note.as_str(), "born 1957, died: 72 years");
    assert_eq!((gout.age_at_onset, gout.note.as_str()), (None, "late, born 1957, died: 72 years"));
    assert_eq!(taken.record.occurred.as_str(), "2024-03-01");
    assert!(
        !String::from_utf8(taken.record.to_bytes()).unwrap().contains("Friedrich"),
        "relatives are not named"
    );
}

#[test]
fn undated_family_history_is_filed_at_the_last_visit_and_says_so() {
    let taken = taken(about_p1(
        "FamilyMemberHistory",
        json!({"status": "completed", "relationship": {"text": "mother"}, "deceasedBoolean": false}),
    ));
    assert_eq!(taken.record.occurred.as_str(), "2024-03-01T09:00:00+01:00");
    assert!(taken.record.note.starts_with("Not dated at the source"));
    let history = body!(taken, FamilyHistory);
    assert_eq!(history.finding, Some(Finding::Present), "no condition is no statement that there is none");
    assert_eq!(history.relatives[0].relation.as_str(), "mother");
}

#[test]
fn a_vaccine_was_given_or_not() {
    let dose = json!({"status": "completed", "occurrenceDateTime": "2024-03-01", "primarySource": false,
        "encounter": {"reference": VISIT}, "lotNumber": "L1", "expirationDate": "2025-01",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}], "text": "Influenza"},
        "route": {"coding": [{"system": "http://snomed.info/sct", "code": "78421000"}]}, "site": {"text": "Left deltoid"},
        "doseQuantity": {"value": 0.5, "unit": "mL"}, "protocolApplied": [{"doseNumberPositiveInt": 2}],
        "performer": [{"actor": {"display": "Nurse Joy"}}]});
    let given = taken(about_p1("Immunization", dose.clone()));
    let body = body!(given, Immunization);
    assert_eq!((body.vaccine.as_str(), body.code.as_str()), ("Influenza", "CVX 140"));
    assert_eq!((body.batch.as_str(), body.dose.as_str(), body.dose_number), ("L1", "0.5 mL", Some(2)));
    assert_eq!((body.route, body.site.as_str()), (Some(Route::Intramuscular), "Left deltoid"));
    assert_eq!(body.expires.unwrap().as_str(), "2025-01");
    assert_eq!(body.not_given.as_str(), "");
    assert_eq!(given.record.note.as_str(), "Reported by: another source");
    assert_eq!(given.record.practitioner.name.as_str(), "Nurse Joy");
    assert_eq!(given.organization.unwrap().id, "h");
    for (reason, words) in
        [(json!({}), "not done"), (json!({"statusReason": {"text": "Refused"}}), "Refused")]
    {
        let refused = with(with(dose.clone(), json!({"status": "not-done"})), reason);
        assert_eq!(body!(taken(about_p1("Immunization", refused)), Immunization).not_given.as_str(), words);
    }
}

#[test]
fn a_procedure_has_team_reason_and_outcome() {
    let taken = taken(of_p1(
        "Procedure",
        json!({"status": "completed", "category": {"text": "Surgical procedure"},
            "code": {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/ops", "code": "5-470"}], "text": "Appendectomy"},
            "performedPeriod": {"start": "2024-03-01T10:00:00+01:00", "end": "2024-03-01T10:40:00+01:00"},
            "performer": [{"actor": {"display": "Dr. Knife"}, "function": {"text": "Surgeon"}},
                          {"actor": {"display": "Dr. Sleep"}, "function": {"text": "Anaesthetist"}}],
            "reasonReference": [{"reference": "Condition/gone", "display": "Appendicitis"}],
            "bodySite": [{"text": "Appendix"}], "outcome": {"text": "Successful"},
            "complication": [{"text": "Bleeding"}], "note": [{"text": "Uneventful."}],
            "usedCode": [{"text": "Stapler"}], "followUp": [{"text": "Wound control"}]}),
    ));
    let operation = body!(taken, Operation);
    assert_eq!((operation.procedure.as_str(), operation.code.as_str()), ("Appendectomy", "OPS 5-470"));
    assert_eq!((operation.indication.as_str(), operation.site.as_str()), ("Appendicitis", "Appendix"));
    assert_eq!(taken.record.practitioner.name.as_str(), "Dr. Knife");
    assert_eq!(
        (operation.team[0].role.as_str(), operation.team[0].name.as_str()),
        ("Anaesthetist", "Dr. Sleep")
    );
    assert_eq!(operation.ended.unwrap().as_str(), "2024-03-01T10:40:00+01:00");
    assert_eq!(operation.report.as_str(), "Uneventful.\nUsed: Stapler\nFollow-up: Wound control");
    assert_eq!((operation.outcome.as_str(), operation.complications.as_str()), ("Successful", "Bleeding"));
}

#[test]
fn a_condition_belongs_to_the_only_visit_that_lists_it() {
    let condition = |id: &str| {
        json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"}, "recordedDate": "2024",
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}]}})
    };
    let lists = |ids: &[&str]| {
        let references = ids.iter().map(|id| json!({"condition": {"reference": format!("Condition/{id}")}}));
        json!({"diagnosis": references.collect::<Vec<_>>()})
    };
    let first = with(visit(), lists(&["once", "once", "often"]));
    let second = with(with(visit(), json!({"id": "w"})), lists(&["often"]));
    let import = import([patient(), hospital(), first, second, condition("once"), condition("often")]);
    let records = &import.patients[0].records;
    let (once, often) = (&records[2], &records[3]);
    assert_eq!(once.record.source.as_ref().unwrap().visit.as_str(), VISIT);
    assert_eq!(once.record.organization.as_str(), "St. Anna");
    assert_eq!(often.record.source.as_ref().unwrap().visit.as_str(), "");
    assert_eq!(often.organization, None);
    let named = body!(once, Condition);
    assert_eq!((named.name.as_str(), named.code.as_str()), ("ICD-10 I10", ""), "the code is the name, once");
}

/// Where and when an allergy without a date is filed beside these visits: by the words of its note, and its date.
fn undated(visits: &[(&str, &str, &str)], allergy: serde_json::Value) -> (String, String) {
    let visits = visits.iter().map(|(id, status, start)| {
        with(visit(), json!({"id": id, "status": status, "period": {"start": start}}))
    });
    let measured = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Na"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2024-03-01", "valueInteger": 140});
    let patient = with(patient(), json!({"birthDate": "1970-08-12"}));
    let allergy = with(about_p1("AllergyIntolerance", json!({"code": {"text": "Latex"}})), allergy);
    let import = import([patient, hospital(), measured, allergy].into_iter().chain(visits));
    let records = &import.patients[0].records;
    let found = records.iter().find(|taken| matches!(taken.record.body, Body::Allergy(_))).unwrap();
    let (_, place) = found.record.note.split_once("filed at ").unwrap();
    (place.to_owned(), found.record.occurred.to_string())
}

#[test]
fn what_is_undated_is_filed_at_a_visit_that_took_place() {
    let first = ("v", "finished", "2023-05-02");
    let second = ("w", "finished", "2024-03-01T10:00:00+01:00");
    let last = |date: &str| ("the last visit of its file.".to_owned(), date.to_owned());
    assert_eq!(undated(&[first, second], json!({})), last(second.2));
    for status in ["planned", "cancelled", "entered-in-error"] {
        assert_eq!(undated(&[first, (second.0, status, second.2)], json!({})), last(first.2), "{status}");
    }
    // nothing else in the file reaches the year 2204
    assert_eq!(undated(&[first, second, ("x", "finished", "2204-03-01")], json!({})), last(second.2));
    // a file of visits alone: the only one is the best there is
    let only = ("the start of the patient's only visit.".to_owned(), "2025-01-01".to_owned());
    assert_eq!(undated(&[("v", "finished", "2025-01-01")], json!({})), only);
}

#[test]
fn what_is_undated_is_filed_at_its_own_visit_first() {
    let own = json!({"encounter": {"reference": VISIT}});
    let (first, second) = (("v", "finished", "2023-05-02"), ("w", "finished", "2024-03-01"));
    let at_own = ("the start of its visit.".to_owned(), first.2.to_owned());
    assert_eq!(undated(&[first, second], own.clone()), at_own);
    let (place, date) = undated(&[("v", "planned", "2025-05-02"), second], own);
    assert_eq!((place.as_str(), date.as_str()), ("the last visit of its file.", second.2));
}

#[test]
fn a_vaccine_is_not_given_only_where_its_status_says_so() {
    let vaccine = |status: &str, more: serde_json::Value| {
        let base =
            json!({"status": status, "vaccineCode": {"text": "MMR"}, "occurrenceDateTime": "2024-03-01"});
        taken(with(about_p1("Immunization", base), more))
    };
    let reason = json!({"statusReason": {"text": "documented late"}, "route": {"text": "Subcutaneous use"}});
    let given = vaccine("completed", reason.clone());
    let body = body!(given, Immunization);
    assert_eq!((body.not_given.as_str(), body.route), ("", Some(Route::Subcutaneous)));
    assert_eq!(given.record.summary(), "MMR");
    assert!(given.record.note.contains("Reason for the status: documented late"), "{}", given.record.note);
    // words that only resemble a route of ours are kept
    assert!(given.record.note.contains("Route: Subcutaneous use"), "{}", given.record.note);
    assert_eq!(body!(vaccine("not-done", reason), Immunization).not_given.as_str(), "documented late");
    assert_eq!(body!(vaccine("not-done", json!({})), Immunization).not_given.as_str(), "not done");
}

/// The list line and the first statement of the page of what did not happen, or counts no more.
#[test]
fn what_did_not_happen_never_looks_done() {
    let medicine = json!({"text": "Morphine"});
    let cases = [
        (
            of_p1("Procedure", json!({"code": {"text": "Appendectomy"}, "performedDateTime": "2024-03-01"})),
            vec![
                ("not-done", "NOT DONE: Appendectomy"),
                ("stopped", "STOPPED: Appendectomy"),
                ("completed", "Appendectomy"),
            ],
        ),
        (
            of_p1(
                "MedicationRequest",
                json!({"intent": "order", "authoredOn": "2024-03-01",
                "medicationCodeableConcept": medicine}),
            ),
            vec![
                ("stopped", "STOPPED: Morphine"),
                ("cancelled", "CANCELLED: Morphine"),
                ("active", "Morphine"),
            ],
        ),
        (
            of_p1(
                "MedicationAdministration",
                json!({"effectiveDateTime": "2024-03-01",
                "medicationCodeableConcept": medicine}),
            ),
            vec![
                ("not-done", "WITHHELD: Morphine"),
                ("on-hold", "ON HOLD: Morphine"),
                ("completed", "Morphine"),
            ],
        ),
        (
            about_p1(
                "Immunization",
                json!({"vaccineCode": {"text": "MMR"}, "occurrenceDateTime": "2024-03-01"}),
            ),
            vec![("not-done", "NOT GIVEN: MMR"), ("completed", "MMR")],
        ),
        (
            about_p1(
                "Claim",
                json!({"use": "claim", "created": "2024-03-01", "identifier": [{"value": "R-1"}],
                "total": {"value": 10.5, "currency": "EUR"}}),
            ),
            vec![("cancelled", "CANCELLED: R-1: 10.5 EUR"), ("active", "R-1: 10.5 EUR")],
        ),
        (
            of_p1(
                "Encounter",
                json!({"class": {"code": "AMB"}, "type": [{"text": "Check-up"}],
                "period": {"start": "2024-03-01"}}),
            ),
            vec![
                ("planned", "PLANNED: Check-up"),
                ("cancelled", "CANCELLED: Check-up"),
                ("finished", "Check-up"),
            ],
        ),
    ];
    for (resource, expected) in cases {
        for (status, summary) in expected {
            let record = taken(with(resource.clone(), json!({"status": status}))).record;
            assert_eq!(record.summary(), summary, "{status}");
            let page = record.page(|_| String::new());
            let first = page.statements.first().map(|first| first.text.clone()).unwrap_or_default();
            let said = summary.split(": ").next().unwrap_or_default();
            let happened = matches!(status, "completed" | "active" | "finished");
            assert_eq!(happened, first.is_empty(), "{status}: {first}");
            let told = first.starts_with(said) || status == "not-done" && first.starts_with("NOT DONE: ");
            assert!(happened || told, "{status}: {first}");
        }
    }
}

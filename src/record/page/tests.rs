//! What a reader finds on the page of each kind, and in which order.

use crate::{layout::Line, page::Mark, tests::*, *};

/// The page of a body at 78 columns, without the two lines on when and by whom.
fn page_of(body: impl Into<Body>) -> Vec<String> {
    let all = lines(&record(body), 78);
    let common = all.iter().position(|line| line.starts_with("By  ")).unwrap();
    let (before, after) = all.split_at(common + 1);
    let before = before.iter().take(common - 1).filter(|line| !line.is_empty());
    before.chain(after.iter().skip_while(|line| line.is_empty())).cloned().collect()
}

/// The mark of a piece of a line.
fn mark_of(record: &Record, text: &str) -> Mark {
    let page = record.page(|_| String::new()).lines(78);
    let spans = page.iter().flat_map(|line: &Line| &line.spans);
    spans.filter(|(span, _)| span.as_str() == text).map(|(_, mark)| *mark).next().unwrap()
}

#[test]
fn every_page_says_when_by_whom_and_where() {
    for record in one_of_each() {
        let all = lines(&record, 78);
        assert!(all.iter().any(|line| line.starts_with("When             2025-03-31")), "{all:?}");
        assert!(all.contains(&"By               Dr. Aylin Şahin (D-204), North".to_owned()), "{all:?}");
    }
}

#[test]
fn visits_and_stays_list_their_diagnoses_and_their_text() {
    let Body::Visit(visit) = one_of_each().remove(0).body else { panic!("a visit comes first") };
    let with_end =
        Visit { ended: Some(when("2025-03-31T14:30:00+02:00")), follow_up: text("in May"), ..visit };
    assert_eq!(lines(&record(with_end.clone()), 78)[0], "When             2025-03-31 14:05 to 14:30 +02:00");
    assert_eq!(
        page_of(with_end),
        [
            "Visit            check-up, ambulatory",
            "Reason           headache for two weeks",
            "",
            "Diagnosis     Code  Rank",
            "hypertension  I10   primary",
            "",
            "Notes",
            "  Blood pressure 165/95.",
            "  Advice given.",
            "",
            "Follow-up        in May",
        ]
    );
    let stay =
        HospitalStay { admitted: Some(when("2025-03-30")), ward: text("3B"), ..HospitalStay::default() };
    assert_eq!(lines(&record(stay.clone()), 78)[0], "When             2025-03-30, no discharge recorded");
    assert_eq!(page_of(stay), ["Ward             3B"]);
}

#[test]
fn a_prescription_says_how_each_medicine_is_taken() {
    let mut prescription = prescription();
    let first = prescription.items[0].clone();
    prescription.items.push(PrescriptionItem {
        medicine: text("Paracetamol"),
        dose: text("1 to 2 tablets"),
        frequency: text("every 6 hours"),
        as_needed: true,
        instructions: text("Not more than 4 a day."),
        ..PrescriptionItem::default()
    });
    prescription.items.push(PrescriptionItem { dose: text("2"), ..first });
    assert_eq!(
        page_of(prescription),
        [
            "Medicine              Dose            How often            Route  For how long",
            "Ramipril 5 mg tablet  1 tablet        once a day           oral   90 days",
            "    Dispense 90 tablets.",
            "Paracetamol           1 to 2 tablets  every 6 hours, when",
            "                                      needed",
            "    Not more than 4 a day.",
            "Ramipril 5 mg tablet  2               once a day           oral   90 days",
            "    Dispense 90 tablets.",
        ]
    );
    assert_eq!(page_of(Prescription::default()), ["Medicine         not said"]);
}

#[test]
fn a_dose_that_was_not_given_says_so_first() {
    let refused = one_of_each().remove(3);
    let all = lines(&refused, 78);
    assert_eq!(all[..2], ["REFUSED: nausea", ""]);
    assert_eq!(mark_of(&refused, "REFUSED: nausea"), Mark::Warning);
    let given = MedicationGiven {
        status: Some(Given::Given),
        medicine: text("Cefuroxime"),
        strength: text("1.5 g"),
        dose: text("1.5 g in 20 minutes"),
        route: Some(Route::Intravenous),
        ..MedicationGiven::default()
    };
    assert_eq!(
        page_of(given),
        [
            "Medicine         Cefuroxime 1.5 g",
            "Dose             1.5 g in 20 minutes",
            "Route            intravenous",
        ]
    );
    assert_eq!(page_of(MedicationGiven::default()), ["Given            not said whether it was"]);
}

fn measured(test: &str, value: &str, range: [&str; 2], flag: Option<Flag>) -> Measurement {
    Measurement {
        test: text(test),
        value: text(value),
        unit: text("mmol/L"),
        low: range[0].parse().ok(),
        high: range[1].parse().ok(),
        flag,
        ..Measurement::default()
    }
}

#[test]
fn values_stand_in_columns_and_what_is_remarkable_is_in_words() {
    let result = record(LaboratoryResult {
        status: Some(ResultStatus::Preliminary),
        measurements: vec![
            measured("sodium", "139", ["135", "145"], Some(Flag::Normal)),
            measured("glucose", "9.25", ["", "7.8"], None),
            measured("potassium", "6.4", ["3.5", "5.1"], Some(Flag::Critical)),
            measured("ketones", "positive", ["", ""], Some(Flag::Abnormal)),
            Measurement { note: text("clotted"), ..measured("lactate", "", ["", ""], None) },
        ],
        conclusion: text("Act on the potassium."),
        ..LaboratoryResult::default()
    });
    assert_eq!(
        lines(&result, 78),
        [
            "PRELIMINARY: more is to come, or it is to be confirmed.",
            "3 of 5 remarkable: potassium CRITICAL, glucose HIGH*, ketones ABNORMAL",
            "",
            "When             2025-03-31 14:05 +02:00",
            "By               Dr. Aylin Şahin (D-204), North",
            "Conclusion       Act on the potassium.",
            "",
            "Test           Value  Unit    Mark      Range",
            "sodium     139        mmol/L            135 to 145",
            "glucose      9.25     mmol/L  HIGH*     up to 7.8",
            "potassium    6.4      mmol/L  CRITICAL  3.5 to 5.1",
            "ketones    positive   mmol/L  ABNORMAL",
            "lactate    not given  mmol/L",
            "    clotted",
            "",
            "*                outside the reference range; the laboratory did not mark it",
        ]
    );
    assert_eq!(mark_of(&result, "CRITICAL"), Mark::Alarm);
    assert_eq!(mark_of(&result, "HIGH*"), Mark::Warning);
}

#[test]
fn a_mark_follows_from_the_range_only_for_a_plain_number() {
    let remarkable = |value, range, flag| measured("x", value, range, flag).remarkable();
    assert_eq!(remarkable("3.4", ["3.5", "5.1"], None), Some(Flag::Low));
    assert_eq!(remarkable("3.50", ["3.5", "5.1"], None), None);
    assert_eq!(remarkable("< 3", ["3.5", "5.1"], None), None);
    // the number decides against "normal", and the laboratory's word stays where it has one
    assert_eq!(remarkable("5.2", ["3.5", "5.1"], Some(Flag::Normal)), Some(Flag::High));
    assert_eq!(remarkable("5.2", ["3.5", "5.1"], Some(Flag::Critical)), Some(Flag::Critical));
}

#[test]
fn a_value_that_was_measured_at_another_time_says_when() {
    let other = Measurement { taken: Some(when("2025-04-01")), ..measured("x", "1", ["", ""], None) };
    let same = Measurement { taken: Some(when("2025-03-31T14:05:00+02:00")), ..other.clone() };
    let result = LaboratoryResult { measurements: vec![same, other], ..LaboratoryResult::default() };
    let page = page_of(result);
    assert_eq!(
        page,
        ["Test  Value  Unit    Taken", "x         1  mmol/L", "x         1  mmol/L  2025-04-01"]
    );
}

#[test]
fn what_an_image_means_comes_before_what_is_seen() {
    let page = page_of(one_of_each().remove(5).body);
    let at = |what: &str| page.iter().position(|line| line.starts_with(what)).unwrap();
    assert!(at("Imaging          radiography left wrist") < at("Impression"));
    assert!(at("Impression") < at("Findings"));
    let images = ImagingReport {
        series: vec![Series { modality: text("DX"), instances: Some(12), ..Series::default() }],
        ..ImagingReport::default()
    };
    assert_eq!(
        page_of(images),
        [
            "Report           none came with the images: neither findings nor impression",
            "",
            "Series         Modality  Images",
            "not described  DX            12",
        ]
    );
}

#[test]
fn no_known_allergies_not_asked_and_not_said_are_three_statements() {
    let stated = |finding| {
        let record = record(Allergy { finding, ..Allergy::default() });
        let page = record.page(|_| String::new());
        (page.statements[0].mark, page.statements[0].text.clone())
    };
    assert_eq!(
        stated(Some(Finding::NoneKnown)),
        (Mark::Good, "No known allergies: the patient was asked.".to_owned())
    );
    assert_eq!(
        stated(Some(Finding::NotAsked)),
        (Mark::Warning, "NOT ASKED about allergies: this does not say there are none.".to_owned())
    );
    let (mark, told) = stated(None);
    assert_eq!((mark, told.as_str()), (Mark::Alarm, "Allergy to a substance that is not named"));
    let foods = Allergy {
        finding: Some(Finding::NoneKnown),
        category: Some(AllergyCategory::Food),
        ..Allergy::default()
    };
    assert_eq!(page_of(foods), ["No known food allergies: the patient was asked."]);
    for (kind, told) in [
        (RecordKind::Condition, "NOT ASKED about conditions: this does not say there are none."),
        (
            RecordKind::FamilyHistory,
            "NOT ASKED about conditions in the family: this does not say there are none.",
        ),
    ] {
        let finding = Some(Finding::NotAsked);
        let body: Body = match kind {
            RecordKind::Condition => Condition { finding, ..Condition::default() }.into(),
            _ => FamilyHistory { finding, relatives: vec![] }.into(),
        };
        assert_eq!(page_of(body), [told]);
    }
}

#[test]
fn what_was_withdrawn_refuted_or_is_suspected_says_so_before_anything_else() {
    let first = |record: &Record| record.page(|_| String::new()).statements[0].clone();
    let mut withdrawn = taken_over();
    withdrawn.source.as_mut().unwrap().status = text("entered-in-error");
    assert_eq!(first(&withdrawn).mark, Mark::Alarm);
    assert!(first(&withdrawn).text.starts_with("WITHDRAWN: its source says"));
    assert!(withdrawn.summary().starts_with("WITHDRAWN: "));
    withdrawn.source.as_mut().unwrap().status = text("not-done");
    assert_eq!(first(&withdrawn).text, "NOT DONE: that is how it stands at its source.");
    withdrawn.source.as_mut().unwrap().status = text("finished");
    assert!(withdrawn.page(|_| String::new()).statements.is_empty());

    let condition = |certainty, verification: &str| {
        let condition = Condition {
            finding: Some(Finding::Present),
            name: text("asthma"),
            certainty,
            verification: text(verification),
            ..Condition::default()
        };
        let record = record(condition);
        (record.page(|_| String::new()).statements.first().map(|s| s.text.clone()), record.summary())
    };
    for (certainty, verification, start, summary) in [
        (Some(Certainty::Refuted), "", "REFUTED: ", "REFUTED: asthma"),
        (None, "refuted", "REFUTED: ", "REFUTED: asthma"),
        (None, "entered-in-error", "WITHDRAWN: ", "WITHDRAWN: asthma"),
        (Some(Certainty::Suspected), "", "SUSPECTED: ", "suspected: asthma"),
        (None, "provisional", "PROVISIONAL: ", "provisional: asthma"),
    ] {
        let (statement, told) = condition(certainty, verification);
        assert!(statement.unwrap().starts_with(start));
        assert_eq!(told, summary);
    }
    assert_eq!(condition(Some(Certainty::Confirmed), "confirmed"), (None, "asthma".to_owned()));
}

#[test]
fn what_did_not_happen_or_counts_no_more_says_so_first_in_lists_and_on_pages() {
    let with_status = |status: &str, body: Body| {
        let mut record = Record { body, ..taken_over() };
        record.source.as_mut().unwrap().status = text(status);
        let first = record.page(|_| String::new()).statements.first().map(|s| s.text.clone());
        (record.summary(), first.unwrap_or_default())
    };
    let operation = || Body::from(Operation { procedure: text("appendectomy"), ..Operation::default() });
    for (status, words) in [
        ("not-done", "NOT DONE"),
        ("not-taken", "NOT TAKEN"),
        ("stopped", "STOPPED"),
        ("cancelled", "CANCELLED"),
        ("planned", "PLANNED"),
        ("intended", "INTENDED"),
        ("on-hold", "ON HOLD"),
        ("draft", "DRAFT"),
        ("preparation", "PREPARATION"),
        ("entered-in-error", "WITHDRAWN"),
    ] {
        let (summary, first) = with_status(status, operation());
        assert_eq!(summary, format!("{words}: appendectomy"));
        assert!(first.starts_with(&format!("{words}: ")), "{status}: {first}");
    }
    for status in ["completed", "active", "finished", "final", "amended", "in-progress", ""] {
        assert_eq!(with_status(status, operation()), ("appendectomy".to_owned(), String::new()), "{status}");
    }
    // what the fields say themselves is not said twice
    let withheld =
        MedicationGiven { status: Some(Given::Withheld), medicine: text("morphine"), ..Default::default() };
    assert_eq!(with_status("not-done", withheld.clone().into()).0, "WITHHELD: morphine");
    assert_eq!(with_status("entered-in-error", withheld.into()).0, "WITHDRAWN: WITHHELD: morphine");
    let refused = Immunization { vaccine: text("MMR"), not_given: text("fever"), ..Immunization::default() };
    assert_eq!(with_status("not-done", refused.into()).0, "NOT GIVEN: MMR");
    let forbidden = Prescription { forbidden: true, ..prescription() };
    assert!(with_status("active", forbidden.clone().into()).0.starts_with("NOT TO BE GIVEN: "));
    assert!(with_status("stopped", forbidden.into()).0.starts_with("STOPPED: NOT TO BE GIVEN: "));
    // nor is it said twice that the source took it back
    let mut wrong = Record {
        body: Condition {
            finding: Some(Finding::Present),
            name: text("asthma"),
            verification: text("entered-in-error"),
            ..Condition::default()
        }
        .into(),
        ..taken_over()
    };
    wrong.source.as_mut().unwrap().status = text("entered-in-error");
    assert_eq!(wrong.summary(), "WITHDRAWN: asthma");
    assert_eq!(wrong.page(|_| String::new()).statements.len(), 1);
}

#[test]
fn relatives_vaccines_and_operations_read_well() {
    assert_eq!(
        page_of(one_of_each().remove(8).body),
        ["Relative  Condition      From age  Died", "mother    breast cancer        44  of it"]
    );
    let refused = Immunization { vaccine: text("MMR"), not_given: text("fever"), ..Immunization::default() };
    assert_eq!(page_of(refused.clone()), ["NOT GIVEN: fever", "Vaccine          MMR"]);
    assert_eq!(record(refused).summary(), "NOT GIVEN: MMR");
    let operation = page_of(one_of_each().remove(10).body);
    assert_eq!(operation[..2], ["Procedure        inguinal hernia repair", "Side             RIGHT"]);
}

#[test]
fn amounts_stand_on_their_point_and_the_sums_under_a_line() {
    let mut bill = receipt();
    bill.benefits = vec![Benefit {
        insurer: text("Sickness fund"),
        outcome: text("complete"),
        paid: Some(decimal("33.328")),
        amounts: vec![NamedAmount { label: text("deductible"), amount: decimal("-0.01") }],
        ..Benefit::default()
    }];
    assert_eq!(
        page_of(bill),
        [
            "40.00 EUR due.",
            "Receipt          N-2025-17",
            "",
            "Charged       Amount EUR",
            "consultation       42.10",
            "ECG                18.20",
            "reduction          -0.30",
            "              ──────────",
            "Total              60.00",
            "Paid, cash         20.00",
            "Due                40.00",
            "",
            "Insurance, Sickness fund: complete  Amount EUR",
            "Paid by the insurer                     33.328",
            "deductible                              -0.01",
        ]
    );
    let unpaid = Receipt { currency: text("EUR"), ..Receipt::default() };
    assert_eq!(record(unpaid.clone()).summary(), "0 EUR");
    assert!(page_of(unpaid).contains(&"Paid             not recorded".to_owned()));
}

#[test]
fn what_was_taken_over_says_from_where_and_what_nobody_knows() {
    let mut taken = taken_over();
    let source = taken.source.as_mut().unwrap();
    source.ids = (0..9).map(|n| text(&format!("Observation/{n}"))).collect();
    let page = lines(&taken, 78);
    for line in [
        "Place            not known: its source does not say where it was made",
        "Status at source finished",
        "Server           https://a.example/fhir",
        "Part of visit    Encounter/7b2f",
        "Taken over from  FHIR R4",
        "                 Observation/5",
        "                 and 3 more",
    ] {
        assert!(page.contains(&line.to_owned()), "{line}: {page:?}");
    }
    assert!(!page.iter().any(|line| line.contains("Observation/6")));
}

#[test]
fn a_text_document_is_shown_and_a_long_one_says_how_much_is_missing() {
    let page = lines(&taken_over(), 78);
    let at = page.iter().position(|line| line == "Document 1: letter").unwrap();
    assert_eq!(
        page[at + 1..at + 4],
        [
            "Text             Grüße",
            "Type             text/plain; charset=utf-8, 7 bytes",
            "SHA-256          digest of 7 bytes",
        ]
    );
    let document = |content_type: &str, data: Vec<u8>| {
        let mut record = taken_over();
        record.attachments[0].content_type = text(content_type);
        record.attachments[0].data = data.into();
        lines(&record, 78)
    };
    let letter: String = (1..=130).map(|n| format!("line {n}\n")).collect();
    let page = document("text/plain", letter.into_bytes());
    assert!(page.contains(&"  line 100".to_owned()) && !page.contains(&"  line 101".to_owned()));
    assert!(page.iter().any(|line| line.starts_with("  [30 more lines: ")), "{page:?}");
    let page = document("text/plain", "é".repeat(10_000).into_bytes());
    assert!(page.iter().any(|line| line.starts_with("  [3616 more bytes: ")), "{page:?}");
    for (content_type, data) in [("application/pdf", b"%PDF".to_vec()), ("text/plain", vec![0xff, 0xfe])] {
        let page = document(content_type, data);
        assert!(!page.iter().any(|line| line.starts_with("Text")), "{page:?}");
        assert!(page.iter().any(|line| line.starts_with("SHA-256")), "{page:?}");
    }
}

#[test]
fn what_turns_a_record_around_is_read_before_its_body() {
    let noted = |note: &str, taken: bool| {
        let mut record = if taken { taken_over() } else { record(prescription()) };
        record.body = prescription().into();
        record.note = text(note);
        lines(&record, 78)
    };
    let at = |page: &[String], start: &str| page.iter().position(|line| line.starts_with(start)).unwrap();
    let forbidden = noted("Number: 17\nNOT to be given: the order forbids it.\nIntent: plan", true);
    assert_eq!(forbidden[0], "NOT to be given: the order forbids it.");
    assert!(at(&forbidden, "Note") > at(&forbidden, "Medicine"));
    assert!(
        forbidden.contains(&"  Number: 17".to_owned()) && forbidden.contains(&"  Intent: plan".to_owned())
    );
    let statement = noted("A statement of what the patient takes, not an order.\nNumber: 17", true);
    assert!(at(&statement, "Note             A statement") < at(&statement, "Medicine"));
    assert!(at(&statement, "Note             Number: 17") > at(&statement, "Medicine"));
    // what a person here wrote in several lines stays together
    let own = noted("NOT sure of the dose.\nAsked the pharmacy.", false);
    assert!(at(&own, "  NOT sure") + 1 == at(&own, "  Asked the") && at(&own, "Note") > at(&own, "Medicine"));
    assert!(at(&noted("copied from paper", false), "Note") < 3);
}

/// A list has no room for traces of what is missing.
#[test]
fn summaries_have_no_traces_of_what_is_missing() {
    for &kind in RecordKind::ALL {
        let empty = Record { body: Body::empty(kind), ..taken_over() };
        let summary = empty.summary();
        let traces = [": ", ", ", "()", "  "];
        assert!(!summary.is_empty(), "{kind}");
        assert!(!traces.iter().any(|trace| summary.starts_with(trace)), "{kind}: {summary}");
        assert!(!summary.ends_with([' ', ':', ',']) && !summary.contains(", ,"), "{kind}: {summary}");
        assert!(!lines(&empty, 78).is_empty());
    }
}

//! The canonical form, the checks and the search terms, as promises to the rest of the house.

use crate::*;
use proptest::prelude::*;

pub(crate) fn text(text: &str) -> Text {
    text.into()
}

pub(crate) fn when(text: &str) -> When {
    text.parse().unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn record(body: impl Into<Body>) -> Record {
    Record {
        occurred: when("2025-03-31T14:05:00+02:00"),
        recorded: None,
        practitioner: Practitioner { name: text("Dr. Aylin Şahin"), id: text("D-204") },
        organization: text("North"),
        body: body.into(),
        note: Text::default(),
        corrects: None,
        source: None,
        attachments: Vec::new(),
    }
}

fn visit() -> Visit {
    Visit {
        class: Some(AdmissionClass::Ambulatory),
        visit_type: text("check-up"),
        reason: text("headache for two weeks"),
        diagnoses: vec![Diagnosis {
            text: text("hypertension"),
            code: text("I10"),
            rank: Some(DiagnosisRank::Primary),
        }],
        notes: text("Blood pressure 165/95.\nAdvice given."),
        ..Visit::default()
    }
}

pub(crate) fn receipt() -> Receipt {
    let line = |what, amount| ReceiptLine {
        description: text(what),
        amount: Some(decimal(amount)),
        ..ReceiptLine::default()
    };
    Receipt {
        number: text("N-2025-17"),
        currency: text("EUR"),
        lines: vec![line("consultation", "42.10"), line("ECG", "18.20"), line("reduction", "-0.30")],
        total: decimal("60.00"),
        paid: Some(decimal("20.00")),
        due: Some(decimal("40.00")),
        method: text("cash"),
        ..Receipt::default()
    }
}

pub(crate) fn prescription() -> Prescription {
    let item = PrescriptionItem {
        medicine: text("Ramipril"),
        strength: text("5 mg"),
        form: text("tablet"),
        dose: text("1 tablet"),
        frequency: text("once a day"),
        route: Some(Route::Oral),
        duration: text("90 days"),
        quantity: text("90 tablets"),
        ..PrescriptionItem::default()
    };
    Prescription { items: vec![item], ..Prescription::default() }
}

/// One well-filled record of each kind.
pub(crate) fn one_of_each() -> Vec<Record> {
    let measurement = Measurement {
        test: text("haemoglobin"),
        value: text("10.9"),
        unit: text("g/dL"),
        low: Some(decimal("12.0")),
        high: Some(decimal("15.5")),
        flag: Some(Flag::Low),
        ..Measurement::default()
    };
    let relative = Relative {
        relation: text("mother"),
        condition: text("breast cancer"),
        age_at_onset: Some(44),
        died_of_it: true,
        ..Relative::default()
    };
    let bodies: Vec<Body> = vec![
        visit().into(),
        HospitalStay {
            class: Some(AdmissionClass::Inpatient),
            admitted: Some(when("2025-03-31")),
            discharged: Some(when("2025-04-03")),
            discharge: Some(Discharge::Home),
            reason: text("pneumonia"),
            ..HospitalStay::default()
        }
        .into(),
        prescription().into(),
        MedicationGiven {
            status: Some(Given::Refused),
            medicine: text("Paracetamol"),
            reason: text("nausea"),
            prescription: Some(RecordRef::new([7; 16])),
            ..MedicationGiven::default()
        }
        .into(),
        LaboratoryResult {
            status: Some(ResultStatus::Final),
            specimen: text("venous blood"),
            measurements: vec![measurement],
            ..LaboratoryResult::default()
        }
        .into(),
        ImagingReport {
            modality: Some(Modality::Radiography),
            region: text("wrist"),
            side: Some(Side::Left),
            findings: text("No fracture line."),
            impression: text("No fracture.\nControl if pain lasts."),
            ..ImagingReport::default()
        }
        .into(),
        Allergy {
            finding: Some(Finding::Present),
            substance: text("penicillin"),
            severity: Some(Severity::Severe),
            since: Some(when("1998")),
            ..Allergy::default()
        }
        .into(),
        Condition {
            finding: Some(Finding::Present),
            name: text("type 2 diabetes"),
            code: text("E11.9"),
            status: Some(ConditionStatus::Active),
            since: Some(when("2019-05")),
            ..Condition::default()
        }
        .into(),
        FamilyHistory { finding: Some(Finding::Present), relatives: vec![relative] }.into(),
        Immunization {
            vaccine: text("Tetanus toxoid"),
            batch: text("T4711"),
            dose_number: Some(2),
            ..Immunization::default()
        }
        .into(),
        Operation {
            procedure: text("inguinal hernia repair"),
            side: Some(Side::Right),
            indication: text("symptomatic hernia"),
            report: text("Mesh placed."),
            ..Operation::default()
        }
        .into(),
        receipt().into(),
    ];
    bodies.into_iter().map(record).collect()
}

/// The page as text, with a stand-in for digests.
pub(crate) fn lines(record: &Record, columns: usize) -> Vec<String> {
    let page = record.page(|bytes| format!("digest of {} bytes", bytes.len()));
    page.lines(columns).iter().map(layout::Line::text).collect()
}

fn messages(record: &Record) -> Vec<String> {
    record.check().iter().map(ToString::to_string).collect()
}

#[test]
fn every_kind_passes_its_checks_and_comes_back_from_its_bytes() {
    let records = one_of_each();
    let kinds: Vec<RecordKind> = records.iter().map(Record::kind).collect();
    assert_eq!(kinds, RecordKind::ALL);
    for record in records {
        assert_eq!(messages(&record), [""; 0], "{}", record.kind());
        assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Ok(&record));
        assert_eq!(Body::empty(record.kind()).kind(), record.kind());
    }
}

#[test]
fn the_canonical_form_is_the_specified_one() {
    let mut full = record(visit());
    full.recorded = Some(when("2025-04-01"));
    full.note = text("copied from paper");
    full.corrects = Some(RecordRef::new([0xab; 16]));
    let expected = r#"{"v":1,"kind":"visit","occurred":"2025-03-31T14:05:00+02:00","recorded":"2025-04-01","practitioner":{"name":"Dr. Aylin Şahin","id":"D-204"},"organization":"North","body":{"class":"ambulatory","visit_type":"check-up","reason":"headache for two weeks","diagnoses":[{"text":"hypertension","code":"I10","rank":"primary"}],"notes":"Blood pressure 165/95.\nAdvice given."},"note":"copied from paper","corrects":"abababababababababababababababab"}"#;
    assert_eq!(String::from_utf8(full.to_bytes()).unwrap(), expected);
}

#[test]
fn the_examples_of_the_specification_are_canonical() {
    let page = include_str!("../../docs/format/record.md");
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|part| part.split("\n```").next()).collect();
    let [record, identity] = examples.as_slice() else { panic!("{} examples", examples.len()) };
    assert_eq!(Record::from_bytes(record.as_bytes()).unwrap().summary(), "no known allergies");
    assert_eq!(Identity::from_bytes(identity.as_bytes()).unwrap().name(), "Müller, Mei");
}

#[test]
fn any_other_spelling_of_the_same_record_is_refused() {
    let good = String::from_utf8(record(visit()).to_bytes()).unwrap();
    assert!(Record::from_bytes(good.as_bytes()).is_ok());
    let respelled = [
        good.replace("\"v\":1,", "\"v\": 1,"),
        good.replace("\"v\":1,\"kind\":\"visit\"", "\"kind\":\"visit\",\"v\":1"),
        good.replace("headache", "\\u0068eadache"),
        good.replace("Ş", "S\u{327}"),
        good.replace("\"North\"", "\" North\""),
        good.replace("\"diagnoses\":[{", "\"department\":\"\",\"diagnoses\":[{"),
        good.replace("\"diagnoses\":[{", "\"ended\":null,\"diagnoses\":[{"),
        good.replace("Advice", "\\r\\nAdvice"),
        format!("{good}\n"),
    ];
    for other in respelled {
        assert_ne!(other, good);
        assert_eq!(Record::from_bytes(other.as_bytes()), Err(DecodeError::NotCanonical), "{other}");
    }
}

#[test]
fn a_file_written_by_hand_is_read_in_any_spelling_but_with_no_other_members() {
    let by_hand = r#"{ "kind": "allergy", "v": 1, "occurred": "31.03.2025",
        "organization": " North ", "practitioner": { "id": "", "name": "Dr. S\u0327ahin" },
        "body": { "finding": "none-known", "since": null } }"#;
    let record = Record::from_json(by_hand.as_bytes()).unwrap();
    let expected = r#"{"v":1,"kind":"allergy","occurred":"2025-03-31","practitioner":{"name":"Dr. Şahin"},"organization":"North","body":{"finding":"none-known"}}"#;
    assert_eq!(String::from_utf8(record.to_bytes()).unwrap(), expected);
    assert_eq!(record.check(), []);
    assert!(Record::from_json(by_hand.replace("since", "sinse").as_bytes()).is_err());
}

#[test]
fn unknown_missing_and_doubled_members_are_refused_without_quoting_them() {
    let good = String::from_utf8(record(visit()).to_bytes()).unwrap();
    let broken = [
        good.replace("\"reason\"", "\"secret\":\"Meyer\",\"reason\""),
        good.replace("\"organization\"", "\"secret\":\"Meyer\",\"organization\""),
        good.replace("\"text\":\"hyper", "\"secret\":\"Meyer\",\"text\":\"hyper"),
        good.replace("\"ambulatory\"", "\"Meyer\""),
        good.replace("\"occurred\":\"2025-03-31T14:05:00+02:00\",", ""),
        good.replace("\"occurred\":\"", "\"occurred\":\"Meyer"),
        good.replace("\"v\":1,", "\"v\":1,\"v\":1,"),
        good.replace("\"kind\":\"visit\"", "\"kind\":\"receipt\""),
        good.replace("\"kind\":\"visit\"", "\"kind\":\"Meyer\""),
        good.replace("\"check-up\"", "7"),
        good.trim_end_matches('}').to_owned(),
        String::new(),
    ];
    for other in broken {
        let error = Record::from_bytes(other.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}: {other}");
        assert!(!error.to_string().contains("Meyer"), "{error}");
    }
}

#[test]
fn another_version_is_named_before_its_fields_are_judged() {
    let newer = br#"{"v":2,"kind":"hologram","everything":{"is":"different"}}"#;
    assert_eq!(Record::from_bytes(newer), Err(DecodeError::UnknownVersion(2)));
    assert_eq!(Identity::from_bytes(newer), Err(DecodeError::UnknownVersion(2)));
    let long = vec![b' '; MAX_BYTES + 1];
    assert_eq!(Record::from_bytes(&long), Err(DecodeError::TooLong { size: MAX_BYTES + 1 }));
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    let missing = |kind| messages(&Record { body: Body::empty(kind), ..record(visit()) });
    assert_eq!(
        missing(RecordKind::Visit),
        ["body.class: choose one", "body.visit_type: fill this in", "body.reason: fill this in"]
    );
    assert_eq!(missing(RecordKind::Prescription), ["body.items: add at least one medicine"]);
    for &kind in RecordKind::ALL {
        assert!(!missing(kind).is_empty(), "an empty {kind} passes");
    }
    let nobody =
        Record { practitioner: Practitioner::default(), organization: Text::default(), ..record(visit()) };
    assert_eq!(messages(&nobody), ["practitioner.name: fill this in", "organization: fill this in"]);
    let item = PrescriptionItem { dose: Text::default(), ..prescription().items[0].clone() };
    let second =
        Prescription { items: vec![prescription().items[0].clone(), item], ..Prescription::default() };
    assert_eq!(messages(&record(second)), ["body.items[1].dose: fill this in"]);
}

#[test]
fn limits_hold_at_their_edge_and_messages_repeat_no_data() {
    let with_reason = |reason: String| record(Visit { reason: reason.into(), ..visit() });
    assert_eq!(messages(&with_reason("ü".repeat(limits::LINE))), [""; 0]);
    assert_eq!(
        messages(&with_reason("ü".repeat(limits::LINE + 1))),
        ["body.reason: keep it to 200 characters"]
    );
    let many = Visit { diagnoses: vec![visit().diagnoses[0].clone(); limits::ENTRIES + 1], ..visit() };
    assert!(messages(&record(many)).iter().any(|m| m.starts_with("body.diagnoses: keep it to 100 entries")));
    let huge = Record {
        attachments: vec![Attachment {
            title: text("film"),
            content_type: text("video/mp4"),
            data: vec![0; MAX_BYTES / 4 * 3].into(),
        }],
        ..record(visit())
    };
    assert!(messages(&huge).contains(&"body: shorten it, or write several records".to_owned()));
}

#[test]
fn control_characters_are_refused_and_line_breaks_belong_in_notes() {
    let hidden =
        ["a\nb", "a\tb", "a\u{1b}[31mb", "a\u{7f}b", "a\u{9b}b", "a\u{202e}b", "a\u{2028}b", "a\u{0}b"];
    for bad in hidden {
        let errors = messages(&record(Visit { reason: text(bad), ..visit() }));
        assert_eq!(errors, ["body.reason: keep it on one line, without control characters"], "{bad:?}");
    }
    for bad in &hidden[1..] {
        let errors = messages(&record(Visit { notes: text(bad), ..visit() }));
        assert_eq!(errors, ["body.notes: remove tabs and control characters"], "{bad:?}");
    }
    assert_eq!(messages(&record(Visit { notes: text("one\r\ntwo\n\nthree"), ..visit() })), [""; 0]);
    assert_eq!(messages(&record(Visit { reason: text("می\u{200c}خواهم"), ..visit() })), [""; 0]);
}

#[test]
fn what_is_shown_cannot_disturb_a_terminal() {
    let evil = record(Visit {
        reason: text("a\u{1b}[2Jb\nc"),
        notes: text("x\u{9b}y\nz"),
        diagnoses: vec![],
        ..visit()
    });
    let evil = Record::from_bytes(&evil.to_bytes()).unwrap();
    assert_eq!(sanitise::line(&evil.summary()), "check-up: a<U+001B>[2Jb c");
    let page = lines(&evil, 80);
    assert!(page.windows(2).any(|pair| pair == ["  x<U+009B>y", "  z"]), "{page:?}");
}

#[test]
fn a_receipt_must_add_up_exactly() {
    let checked = |change: fn(&mut Receipt)| {
        let mut changed = receipt();
        change(&mut changed);
        messages(&record(changed))
    };
    assert_eq!(checked(|_| {}), [""; 0]);
    let total = "body.total: make the total the exact sum of the lines";
    let due = "body.due: make paid and due together the total";
    assert_eq!(checked(|r| r.total = decimal("60.01")), [total, due]);
    assert_eq!(checked(|r| r.paid = Some(decimal("20.01"))), [due]);
    assert_eq!(checked(|r| r.lines[0].amount = Some(decimal("42.11"))), [total]);
    assert_eq!(
        checked(|r| r.paid = Some(decimal("-1.00")))[0],
        "body.paid: give what was paid as zero or more"
    );
    assert_eq!(
        checked(|r| r.due = Some(decimal("40"))),
        ["body.due: give the amount with 2 digits after the point"]
    );
    assert!(checked(|r| r.currency = text("eur"))[0].contains("three capital letters"));
    assert!(
        checked(|r| r.currency = text("JPY"))
            .iter()
            .any(|m| m == "body.lines[0].amount: give the amount with 0 digits after the point")
    );
    assert_eq!(
        checked(|r| (r.paid, r.due) = (Some(decimal("70.00")), Some(decimal("-10.00")))),
        [""; 0],
        "paid too much"
    );
}

#[test]
fn none_known_differs_from_not_asked_and_from_something() {
    let none = Allergy { finding: Some(Finding::NoneKnown), ..Allergy::default() };
    let unasked = Allergy { finding: Some(Finding::NotAsked), ..Allergy::default() };
    assert_eq!(record(none.clone()).summary(), "no known allergies");
    assert_eq!(record(unasked.clone()).summary(), "allergies not asked about");
    assert_ne!(record(none.clone()).to_bytes(), record(unasked).to_bytes());
    let medicines = Allergy { category: Some(AllergyCategory::Medicine), ..none.clone() };
    assert_eq!(
        (messages(&record(medicines.clone())).len(), record(medicines).summary().as_str()),
        (0, "no known medicine allergies")
    );
    let both = Allergy { substance: text("latex"), ..none };
    assert_eq!(messages(&record(both)), ["body.substance: leave this empty, or choose present"]);
    assert_eq!(messages(&record(Allergy::default())), ["body.finding: choose one"]);
    let family = FamilyHistory { finding: Some(Finding::NoneKnown), ..FamilyHistory::default() };
    assert_eq!(record(family).summary(), "no known conditions in the family");
}

#[test]
fn times_are_in_order_where_their_precision_can_tell() {
    let stay = |admitted, discharged| {
        let mut stay = HospitalStay {
            class: Some(AdmissionClass::Inpatient),
            reason: text("fall"),
            discharge: Some(Discharge::Home),
            ..HospitalStay::default()
        };
        (stay.admitted, stay.discharged) = (Some(when(admitted)), Some(when(discharged)));
        messages(&record(stay))
    };
    assert_eq!(stay("2025-03-31", "2025-03-30"), ["body.discharged: put the end after the beginning"]);
    assert_eq!(stay("2025-03-31T23:00:00+02:00", "2025-03-31T21:30:00Z"), [""; 0]);
    assert_eq!(stay("2025-03-31T23:00:00+02:00", "2025-03-31"), [""; 0]);
}

#[test]
fn summaries_read_well() {
    let summaries: Vec<String> = one_of_each().iter().map(Record::summary).collect();
    assert_eq!(
        summaries,
        [
            "check-up: hypertension (I10)",
            "pneumonia",
            "Ramipril 5 mg tablet",
            "REFUSED: Paracetamol",
            "haemoglobin LOW 10.9 g/dL (range 12.0 to 15.5)",
            "radiography left wrist: No fracture.",
            "allergy to penicillin, severe",
            "type 2 diabetes (E11.9)",
            "mother: breast cancer, at 44, died of it",
            "Tetanus toxoid, dose 2",
            "inguinal hernia repair, right",
            "N-2025-17: 60.00 EUR, 40.00 EUR due",
        ]
    );
}

#[test]
fn corrections_name_a_record_by_its_id() {
    let id: RecordRef = "00112233445566778899aabbccddeeff".parse().unwrap();
    assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
    assert_eq!(id.bytes()[1], 0x11);
    for bad in [
        "",
        "00112233445566778899AABBCCDDEEFF",
        "00112233445566778899aabbccddeef",
        "+0112233445566778899aabbccddeeff",
    ] {
        assert!(bad.parse::<RecordRef>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_comes_back_as_the_same_record(reason in "\\PC*", notes in any::<String>(), name in any::<String>()) {
        let mut record = record(Visit { reason: reason.into(), notes: notes.into(), ..visit() });
        record.practitioner.name = name.into();
        let bytes = record.to_bytes();
        if bytes.len() <= MAX_BYTES {
            let again = Record::from_bytes(&bytes);
            prop_assert_eq!(again.as_ref(), Ok(&record));
            prop_assert_eq!(again.unwrap().to_bytes(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_pass_in_two_spellings(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Record::from_bytes(&bytes).is_err());
        prop_assert!(Identity::from_bytes(&bytes).is_err());
    }
}

/// A visit as another system gave it: without what our own form demands.
pub(crate) fn taken_over() -> Record {
    Record {
        organization: Text::default(),
        practitioner: Practitioner::default(),
        source: Some(Source {
            system: text("FHIR R4"),
            server: text("https://a.example/fhir"),
            subject: text("Patient/3c1a"),
            ids: vec![text("Encounter/7b2f"), text("Condition/1")],
            status: text("finished"),
            visit: text("Encounter/7b2f"),
        }),
        attachments: vec![Attachment {
            title: text("letter"),
            content_type: text("text/plain; charset=utf-8"),
            data: b"Gr\xc3\xbc\xc3\x9fe".to_vec().into(),
        }],
        ..record(Visit { class_code: text("AMB"), ..Visit::default() })
    }
}

#[test]
fn what_was_taken_over_is_kept_as_it_came_and_says_from_where() {
    let taken = taken_over();
    assert_eq!(taken.check(), []);
    assert_eq!(Record::from_bytes(&taken.to_bytes()), Ok(taken.clone()));
    assert_eq!(taken.source.as_ref().unwrap().leading_id(), "7b2f");
    assert_eq!(taken.attachments[0].text(), Some("Grüße"));
    let unnamed = Record { source: Some(Source::default()), ..taken_over() };
    assert_eq!(
        messages(&unnamed),
        ["source.system: fill this in", "source.ids: name at least one thing that the record was made from"]
    );
    // written here, the same content is not enough
    assert!(!Record { source: None, ..taken_over() }.check().is_empty());
}

#[test]
fn a_document_has_one_spelling() {
    let text = String::from_utf8(taken_over().to_bytes()).unwrap();
    assert!(text.contains(r#""data":"R3LDvMOfZQ==""#), "{text}");
    for other in ["R3LDvMOfZQ", "R3LDvMOfZR==", "R3LDvMOf\\u005aQ=="] {
        let changed = text.replace("R3LDvMOfZQ==", other);
        assert!(Record::from_bytes(changed.as_bytes()).is_err(), "{other}");
    }
}

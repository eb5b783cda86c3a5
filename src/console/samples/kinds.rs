//! A record of each kind as this group writes it, and one as another system gave it: with gaps, in other scripts, long.
//! Nobody in them exists.

use super::data::record;
use wardline_record::*;

/// Each kind with what is usual in it.
pub fn local(kind: RecordKind) -> Record {
    let body: Body = match kind {
        RecordKind::Visit => Visit {
            class: Some(AdmissionClass::Emergency),
            visit_type: "first consultation".into(),
            department: "emergency department".into(),
            reason: "fall from a bicycle, pain in the left wrist".into(),
            ended: when("2026-02-27T16:40:00Z"),
            diagnoses: vec![
                diagnosis("distal radius fracture", "S52.5", DiagnosisRank::Primary),
                diagnosis("concussion", "S06.0", DiagnosisRank::Suspected),
            ],
            notes: "Swollen left wrist, no wound, fingers warm and moving.\n\
                    X-ray, splint, told to come back at once with headache or vomiting."
                .into(),
            follow_up: "control in 5 days".into(),
            team: vec![member("nurse", "Samira Haddad")],
            ..Visit::default()
        }
        .into(),
        RecordKind::HospitalStay => HospitalStay {
            class: Some(AdmissionClass::Inpatient),
            admitted: when("2026-02-20T21:10:00Z"),
            discharged: when("2026-02-27T10:30:00Z"),
            ward: "internal medicine 3B".into(),
            reason: "fever and cough for six days".into(),
            diagnoses: vec![diagnosis("pneumonia", "J18.9", DiagnosisRank::Primary)],
            discharge: Some(Discharge::Home),
            course:
                "Ampicillin for five days, without fever from the third.\nWalked the stairs on the sixth day."
                    .into(),
            instructions: "Rest for a week. Come back with fever.".into(),
            admit_source: "emergency department".into(),
            ..HospitalStay::default()
        }
        .into(),
        RecordKind::Prescription => Prescription {
            items: vec![
                medicine("Ramipril", "5 mg", "1 tablet", "once a day in the morning", "3 months"),
                PrescriptionItem {
                    as_needed: true,
                    instructions: "Not more than 4 in 24 hours.".into(),
                    ..medicine("Paracetamol", "500 mg", "1 to 2 tablets", "every 6 hours", "1 week")
                },
            ],
            indication: "hypertension, headache".into(),
            valid_until: when("2026-05-27"),
            repeats: Some(2),
            ..Prescription::default()
        }
        .into(),
        RecordKind::MedicationGiven => MedicationGiven {
            status: Some(Given::Withheld),
            medicine: "Metoprolol".into(),
            strength: "50 mg".into(),
            code: "C07AB02".into(),
            dose: "1 tablet".into(),
            route: Some(Route::Oral),
            reason: "heart rate 48".into(),
            prescription: Some(RecordRef::new([0x21; 16])),
            ..MedicationGiven::default()
        }
        .into(),
        RecordKind::LaboratoryResult => LaboratoryResult {
            status: Some(ResultStatus::Final),
            specimen: "venous blood".into(),
            collected: when("2026-02-27T07:10:00Z"),
            panel: "full blood count, potassium".into(),
            measurements: vec![
                measured("haemoglobin", "10.9", "g/dL", ["12.0", "15.5"], Some(Flag::Low)),
                measured("leucocytes", "7.85", "10*9/L", ["4.0", "10.0"], None),
                measured("thrombocytes", "412", "10*9/L", ["150", "400"], None),
                Measurement {
                    note: "told to Dr. Okafor by telephone at 08:05".into(),
                    ..measured("potassium", "6.4", "mmol/L", ["3.5", "5.1"], Some(Flag::Critical))
                },
                measured("haemolysis", "none", "", ["", ""], None),
            ],
            ..LaboratoryResult::default()
        }
        .into(),
        RecordKind::ImagingReport => ImagingReport {
            modality: Some(Modality::Radiography),
            region: "wrist, two planes".into(),
            side: Some(Side::Left),
            question: "fracture?".into(),
            findings: "Fracture of the distal radius without displacement. Soft tissue swelling.".into(),
            impression: "Undisplaced fracture of the distal radius.\nControl in plaster after 5 days.".into(),
            study: "N-RX-2026-3307".into(),
            ..ImagingReport::default()
        }
        .into(),
        RecordKind::Allergy => Allergy {
            finding: Some(Finding::Present),
            category: Some(AllergyCategory::Medicine),
            substance: "penicillin".into(),
            reaction: "swollen lips, short of breath".into(),
            severity: Some(Severity::Severe),
            since: when("1998"),
            confirmed: true,
            criticality: Some(Criticality::High),
            ..Allergy::default()
        }
        .into(),
        RecordKind::Condition => Condition {
            finding: Some(Finding::Present),
            name: "type 2 diabetes".into(),
            code: "E11.9".into(),
            status: Some(ConditionStatus::Active),
            certainty: Some(Certainty::Suspected),
            since: when("2025-12"),
            ..Condition::default()
        }
        .into(),
        RecordKind::FamilyHistory => FamilyHistory {
            finding: Some(Finding::Present),
            relatives: vec![
                relative("mother", "breast cancer", Some(44), true),
                Relative {
                    note: "takes warfarin".into(),
                    ..relative("brother", "thrombosis", Some(31), false)
                },
            ],
        }
        .into(),
        RecordKind::Immunization => Immunization {
            vaccine: "Tetanus toxoid".into(),
            code: "CVX 35".into(),
            disease: "tetanus".into(),
            dose_number: Some(3),
            batch: "T4711".into(),
            expires: when("2027-06"),
            site: "left upper arm".into(),
            route: Some(Route::Intramuscular),
            dose: "0.5 mL".into(),
            ..Immunization::default()
        }
        .into(),
        RecordKind::Operation => Operation {
            procedure: "inguinal hernia repair".into(),
            side: Some(Side::Right),
            indication: "symptomatic hernia".into(),
            started: when("2026-02-27T08:15:00Z"),
            ended: when("2026-02-27T09:05:00Z"),
            team: vec![member("first assistant", "Dr. Kim"), member("anaesthesia", "Dr. Lena Fischer")],
            anaesthesia: "general".into(),
            report: "Lichtenstein repair. Nerves seen and spared. Mesh fixed without tension.".into(),
            complications: "none".into(),
            implants: "mesh 6 x 11 cm, lot M-2231".into(),
            ..Operation::default()
        }
        .into(),
        RecordKind::Receipt => Receipt {
            number: "N-2026-0481".into(),
            currency: "EUR".into(),
            lines: vec![
                charged("consultation, 20 min", "", "45.00"),
                charged("dressing", "3 x", "1212.30"),
                charged("reduction for early payment", "", "-7.30"),
            ],
            total: decimal("1250.00"),
            paid: Some(decimal("250.00")),
            due: Some(decimal("1000.00")),
            method: "card".into(),
            due_by: when("2026-03-27"),
            ..Receipt::default()
        }
        .into(),
    };
    record("2026-02-27T14:05:00Z", "Dr. Amara Okafor", "North", body)
}

/// Each kind as another system may have given it.
pub fn imported(kind: RecordKind) -> Record {
    let long = "a sentence without an end ".repeat(9);
    let body: Body = match kind {
        RecordKind::Visit => Visit {
            class_code: "AMB".into(),
            reason: "頭痛が二週間続いています。薬は飲んでいません。".into(),
            team: vec![member("attender", "د. ليلى حداد"), member("", "鈴木 一郎")],
            ..Visit::default()
        }
        .into(),
        RecordKind::HospitalStay => HospitalStay {
            class_code: "IMP".into(),
            reason: long.as_str().into(),
            discharge_text: long.as_str().into(),
            ..HospitalStay::default()
        }
        .into(),
        RecordKind::Prescription => Prescription {
            items: vec![
                PrescriptionItem {
                    medicine: "Hydrochlorothiazide 12.5 MG / Lisinopril 10 MG Oral Tablet [Zestoretic]"
                        .into(),
                    code: "823971".into(),
                    frequency: "1 in 1 d".into(),
                    ..PrescriptionItem::default()
                },
                PrescriptionItem {
                    dose: "2".into(),
                    instructions: long.as_str().into(),
                    ..Default::default()
                },
            ],
            ..Prescription::default()
        }
        .into(),
        RecordKind::MedicationGiven => MedicationGiven {
            medicine: "アセトアミノフェン".into(),
            dose: "0.33333333333333 mL".into(),
            ended: when("2019"),
            ..MedicationGiven::default()
        }
        .into(),
        RecordKind::LaboratoryResult => LaboratoryResult {
            category: "laboratory".into(),
            measurements: (0..300).map(odd_measurement).collect(),
            ..LaboratoryResult::default()
        }
        .into(),
        RecordKind::ImagingReport => ImagingReport {
            region: "胸部".into(),
            series: vec![
                Series { modality: "DX".into(), instances: Some(2), ..Series::default() },
                Series { description: long.as_str().into(), instances: Some(1024), ..Series::default() },
            ],
            ..ImagingReport::default()
        }
        .into(),
        RecordKind::Allergy => Allergy {
            finding: Some(Finding::Present),
            substance: "ペニシリン".into(),
            verification: "unconfirmed".into(),
            activity: "resolved".into(),
            ..Allergy::default()
        }
        .into(),
        RecordKind::Condition => Condition {
            finding: Some(Finding::Present),
            name: long.as_str().into(),
            verification: "refuted".into(),
            since: when("2020-02-01T10:00:00-05:00"),
            ended: when("2020-02-14"),
            ..Condition::default()
        }
        .into(),
        RecordKind::FamilyHistory => FamilyHistory {
            finding: None,
            relatives: vec![
                relative("والدة", "داء السكري", None, false),
                Relative { note: long.as_str().into(), ..relative("", "", Some(7), false) },
            ],
        }
        .into(),
        RecordKind::Immunization => Immunization {
            vaccine: "Influenza, seasonal, injectable, preservative free".into(),
            not_given: "patient objection".into(),
            ..Immunization::default()
        }
        .into(),
        RecordKind::Operation => Operation {
            procedure: "Suture open wound".into(),
            code: "288086009".into(),
            ..Default::default()
        }
        .into(),
        RecordKind::Receipt => odd_receipt().into(),
    };
    let mut record = record("2019-08-01T04:12:09.250-04:00", "", "", body);
    let ids = (0..40).map(|n| format!("Observation/9f1c{n:04}-5e0f-4be5-9c55-3a6c2c0d7b11").into());
    record.source = Some(Source {
        system: "FHIR R4".into(),
        ids: ids.collect(),
        status: if kind == RecordKind::Allergy { "entered-in-error" } else { "cancelled" }.into(),
        visit: "Encounter/7b2f".into(),
        ..Source::default()
    });
    if kind == RecordKind::Operation {
        let letter: String = (1..=130).map(|n| format!("Line {n} of the discharge letter.\n")).collect();
        record.attachments =
            [("Discharge letter", "text/plain", letter), ("", "application/pdf", "%PDF".into())]
                .map(|(title, content_type, data)| Attachment {
                    title: title.into(),
                    content_type: content_type.into(),
                    data: data.into_bytes().into(),
                })
                .into();
    }
    record
}

fn when(text: &str) -> Option<When> {
    text.parse().ok()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

fn diagnosis(text: &str, code: &str, rank: DiagnosisRank) -> Diagnosis {
    Diagnosis { text: text.into(), code: code.into(), rank: Some(rank) }
}

fn member(role: &str, name: &str) -> TeamMember {
    TeamMember { role: role.into(), name: name.into() }
}

fn medicine(name: &str, strength: &str, dose: &str, frequency: &str, duration: &str) -> PrescriptionItem {
    PrescriptionItem {
        medicine: name.into(),
        strength: strength.into(),
        form: "tablet".into(),
        dose: dose.into(),
        frequency: frequency.into(),
        route: Some(Route::Oral),
        duration: duration.into(),
        quantity: "20 tablets".into(),
        ..PrescriptionItem::default()
    }
}

fn measured(test: &str, value: &str, unit: &str, range: [&str; 2], flag: Option<Flag>) -> Measurement {
    let [low, high] = range.map(|end| end.parse().ok());
    Measurement {
        test: test.into(),
        value: value.into(),
        unit: unit.into(),
        low,
        high,
        flag,
        ..Measurement::default()
    }
}

/// Values in every shape that a laboratory may send.
fn odd_measurement(number: u16) -> Measurement {
    let plain = measured(&format!("analyte {number}"), &number.to_string(), "mg/dL", ["", ""], None);
    match number % 6 {
        0 => Measurement { value: "27.84159613241328".into(), unit: "kg/m2".into(), ..plain },
        1 => Measurement { high: Some(decimal("100")), ..plain },
        2 => Measurement { test: "総コレステロール".into(), range: "200未満".into(), ..plain },
        3 => Measurement {
            test: "Are you worried about losing your housing? [PRAPARE]".into(),
            value: "I choose not to answer this question".into(),
            unit: "".into(),
            ..plain
        },
        4 => Measurement { value: "".into(), note: "specimen clotted".into(), ..plain },
        _ => Measurement { value: "-0.5".into(), flag: Some(Flag::Critical), ..plain },
    }
}

fn relative(relation: &str, condition: &str, age: Option<u16>, died_of_it: bool) -> Relative {
    Relative {
        relation: relation.into(),
        condition: condition.into(),
        age_at_onset: age,
        died_of_it,
        ..Relative::default()
    }
}

fn charged(description: &str, quantity: &str, amount: &str) -> ReceiptLine {
    ReceiptLine {
        description: description.into(),
        quantity: quantity.into(),
        amount: Some(decimal(amount)),
        ..ReceiptLine::default()
    }
}

fn odd_receipt() -> Receipt {
    let named = |label: &str, amount| NamedAmount { label: label.into(), amount: decimal(amount) };
    Receipt {
        currency: "USD".into(),
        lines: vec![
            charged("Encounter for check up (procedure)", "", "129.16"),
            charged("", "2", "-18.33333333333333"),
            ReceiptLine { description: "処置料".into(), ..ReceiptLine::default() },
        ],
        total: decimal("110.82666666666667"),
        category: "institutional".into(),
        benefits: vec![Benefit {
            id: "ExplanationOfBenefit/ad9b37e3-7d9f-4b9e-8a0a-0d3a3b0f0b7e".into(),
            insurer: "Blue Cross Blue Shield".into(),
            outcome: "complete".into(),
            submitted: Some(decimal("129.16")),
            paid: Some(decimal("103.328")),
            amounts: vec![named("Line Beneficiary Coinsurance Amount", "25.832"), named("tax", "-0.01")],
            ..Benefit::default()
        }],
        ..Receipt::default()
    }
}

//! What brings the made-up patients to a branch: illnesses with their words, medicines, values and prices.
//!
//! Plausible, not medical advice: doses are common ones for adults, written for a demonstration.

use wardline_record::{
    AdmissionClass::{self, Ambulatory, Emergency, Remote},
    Route::{self, Inhaled, Ophthalmic, Oral, Subcutaneous, Topical},
    Sex,
};

/// A reason to come, and what follows from it.
pub struct Scenario {
    pub diagnosis: &'static str,
    /// ICD-10.
    pub code: &'static str,
    /// From and to which age in years.
    pub ages: (u64, u64),
    /// Whom it concerns, if not everyone.
    pub sex: Option<Sex>,
    pub class: AdmissionClass,
    pub department: &'static str,
    pub visit_type: &'static str,
    pub reasons: &'static [&'static str],
    pub notes: &'static [&'static str],
    pub follow_ups: &'static [&'static str],
    pub medicines: &'static [Medicine],
    pub laboratory: &'static [Measured],
    /// What is charged besides the consultation, in cents.
    pub charges: &'static [(&'static str, i64)],
}

impl Scenario {
    /// Whether somebody of this sex and age could come with it.
    pub fn fits(&self, sex: Sex, age: u64) -> bool {
        (self.ages.0..=self.ages.1).contains(&age) && self.sex.is_none_or(|only| only == sex)
    }
}

/// A medicine as it is usually ordered. The code is ATC.
pub struct Medicine {
    pub name: &'static str,
    pub code: &'static str,
    pub strength: &'static str,
    pub form: &'static str,
    pub dose: &'static str,
    pub frequency: &'static str,
    pub route: Route,
    pub duration: &'static str,
    pub quantity: &'static str,
}

const fn medicine(
    [name, code, strength, form]: [&'static str; 4],
    [dose, frequency, duration, quantity]: [&'static str; 4],
    route: Route,
) -> Medicine {
    Medicine { name, code, strength, form, dose, frequency, route, duration, quantity }
}

/// A laboratory value: normal range and the range that is seen, in units of ten to the power of minus `scale`.
pub struct Measured {
    pub test: &'static str,
    /// LOINC.
    pub code: &'static str,
    pub unit: &'static str,
    pub scale: u8,
    pub normal: (i64, i64),
    pub seen: (i64, i64),
}

/// Unless told otherwise: an adult's appointment in the outpatient clinic.
const APPOINTMENT: Scenario = Scenario {
    diagnosis: "",
    code: "",
    ages: (18, 100),
    sex: None,
    class: Ambulatory,
    department: "outpatient clinic",
    visit_type: "appointment",
    reasons: &[],
    notes: &[],
    follow_ups: &[""],
    medicines: &[],
    laboratory: &[],
    charges: &[],
};

/// Unless told otherwise: a regular control.
const CONTROL: Scenario = Scenario {
    visit_type: "regular control",
    follow_ups: &["control in 3 months", "control in 6 months"],
    ..APPOINTMENT
};

/// Unless told otherwise: anyone, unplanned.
const WALK_IN: Scenario = Scenario {
    ages: (0, 100),
    visit_type: "unplanned visit",
    follow_ups: &["", "come back if it does not get better"],
    ..APPOINTMENT
};

/// What stays with a person.
pub const CHRONIC: &[Scenario] = &[
    Scenario {
        diagnosis: "essential hypertension",
        code: "I10",
        ages: (35, 100),
        department: "cardiology",
        reasons: &["blood pressure control", "headache in the mornings", "new prescription"],
        notes: &[
            "Home readings mostly below 140/90. Tablets are well tolerated.",
            "Readings too high at home; less salt advised, dose kept.",
        ],
        medicines: &[
            medicine(
                ["Ramipril", "C09AA05", "5 mg", "tablet"],
                ["1 tablet", "once a day in the morning", "90 days", "90 tablets"],
                Oral,
            ),
            medicine(
                ["Amlodipine", "C08CA01", "5 mg", "tablet"],
                ["1 tablet", "once a day", "90 days", "90 tablets"],
                Oral,
            ),
        ],
        charges: &[("ECG, 12 leads", 1_820)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "type 2 diabetes mellitus",
        code: "E11.9",
        ages: (35, 100),
        department: "internal medicine",
        reasons: &["diabetes control", "high readings at home", "foot check"],
        notes: &[
            "Feet without wounds, pulses present. Diet discussed.",
            "Weight steady. Knows the signs of low sugar.",
        ],
        medicines: &[medicine(
            ["Metformin", "A10BA02", "850 mg", "tablet"],
            ["1 tablet", "twice a day with meals", "90 days", "180 tablets"],
            Oral,
        )],
        laboratory: &[
            Measured { test: "HbA1c", code: "4548-4", unit: "%", scale: 1, normal: (40, 60), seen: (58, 91) },
            Measured {
                test: "glucose, fasting",
                code: "1558-6",
                unit: "mg/dL",
                scale: 0,
                normal: (70, 100),
                seen: (92, 188),
            },
        ],
        charges: &[("HbA1c", 1_340), ("foot examination", 950)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "asthma",
        code: "J45.9",
        ages: (6, 100),
        department: "pulmonology",
        reasons: &["shortness of breath on exertion", "cough at night", "asthma control"],
        notes: &[
            "Wheezing on both sides, better after the spray.",
            "Lungs clear. Inhaler technique shown again.",
        ],
        medicines: &[
            medicine(
                ["Salbutamol", "R03AC02", "100 µg", "spray"],
                ["2 puffs", "up to four times a day when short of breath", "90 days", "1 inhaler"],
                Inhaled,
            ),
            medicine(
                ["Budesonide", "R03BA02", "200 µg", "powder"],
                ["1 puff", "twice a day", "90 days", "1 inhaler"],
                Inhaled,
            ),
        ],
        charges: &[("spirometry", 2_480)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "chronic obstructive pulmonary disease",
        code: "J44.9",
        ages: (45, 100),
        department: "pulmonology",
        reasons: &["cough with sputum", "less breath on stairs"],
        notes: &["Still smoking, ten a day. Help to stop offered.", "No fever. Walking distance unchanged."],
        medicines: &[medicine(
            ["Tiotropium", "R03BB04", "18 µg", "capsule for inhalation"],
            ["1 capsule", "once a day", "30 days", "30 capsules"],
            Inhaled,
        )],
        charges: &[("spirometry", 2_480)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "hypothyroidism",
        code: "E03.9",
        department: "internal medicine",
        reasons: &["tired for weeks", "thyroid control"],
        notes: &["No goitre. Takes the tablet before breakfast as advised.", "Less tired than last time."],
        medicines: &[medicine(
            ["Levothyroxine", "H03AA01", "75 µg", "tablet"],
            ["1 tablet", "once a day before breakfast", "90 days", "90 tablets"],
            Oral,
        )],
        laboratory: &[Measured {
            test: "TSH",
            code: "3016-3",
            unit: "mIU/L",
            scale: 2,
            normal: (40, 400),
            seen: (35, 720),
        }],
        charges: &[("TSH", 1_190)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "heart failure",
        code: "I50.9",
        ages: (55, 100),
        department: "cardiology",
        reasons: &["swollen legs", "short of breath lying flat", "weight up by two kilograms"],
        notes: &["Ankle oedema on both sides, lungs clear. Weighs daily.", "Stable. No oedema."],
        medicines: &[
            medicine(
                ["Bisoprolol", "C07AB07", "2.5 mg", "tablet"],
                ["1 tablet", "once a day", "90 days", "90 tablets"],
                Oral,
            ),
            medicine(
                ["Furosemide", "C03CA01", "40 mg", "tablet"],
                ["1 tablet", "once a day in the morning", "30 days", "30 tablets"],
                Oral,
            ),
        ],
        laboratory: &[
            Measured {
                test: "potassium",
                code: "2823-3",
                unit: "mmol/L",
                scale: 1,
                normal: (35, 51),
                seen: (33, 54),
            },
            Measured {
                test: "creatinine",
                code: "2160-0",
                unit: "mg/dL",
                scale: 2,
                normal: (60, 120),
                seen: (70, 168),
            },
        ],
        charges: &[("ECG, 12 leads", 1_820), ("echocardiography", 7_250)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "atrial fibrillation",
        code: "I48.9",
        ages: (55, 100),
        department: "cardiology",
        reasons: &["palpitations", "control of blood thinning"],
        notes: &["Pulse irregular, no bleeding reported.", "No palpitations since the last visit."],
        medicines: &[medicine(
            ["Apixaban", "B01AF02", "5 mg", "tablet"],
            ["1 tablet", "twice a day", "90 days", "180 tablets"],
            Oral,
        )],
        charges: &[("ECG, 12 leads", 1_820)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "migraine",
        code: "G43.9",
        ages: (14, 70),
        department: "neurology",
        reasons: &["attacks more often", "headache on one side with nausea"],
        notes: &[
            "Neurological examination without findings. Keeps a diary.",
            "Four attacks last month. Sleep discussed.",
        ],
        medicines: &[medicine(
            ["Sumatriptan", "N02CC01", "50 mg", "tablet"],
            [
                "1 tablet",
                "at the beginning of an attack, at most 2 a day",
                "until the next visit",
                "6 tablets",
            ],
            Oral,
        )],
        ..CONTROL
    },
    Scenario {
        diagnosis: "moderate depressive episode",
        code: "F32.1",
        department: "psychiatry",
        reasons: &["low mood", "sleeps badly", "talk as arranged"],
        notes: &[
            "Sleep better, appetite back. No thoughts of self-harm.",
            "Mood still low, works half days. Talks continue.",
        ],
        follow_ups: &["talk in 4 weeks", "talk in 2 weeks"],
        medicines: &[medicine(
            ["Sertraline", "N06AB06", "50 mg", "tablet"],
            ["1 tablet", "once a day in the morning", "60 days", "60 tablets"],
            Oral,
        )],
        ..CONTROL
    },
    Scenario {
        diagnosis: "rheumatoid arthritis",
        code: "M06.9",
        ages: (30, 100),
        department: "rheumatology",
        reasons: &["stiff fingers in the morning", "blood control under methotrexate"],
        notes: &["Two swollen joints, less than last time.", "No swollen joints. Injects without trouble."],
        medicines: &[
            medicine(
                ["Methotrexate", "L04AX03", "15 mg", "prefilled syringe"],
                ["1 syringe", "once a WEEK, on Mondays", "12 weeks", "12 syringes"],
                Subcutaneous,
            ),
            medicine(
                ["Folic acid", "B03BB01", "5 mg", "tablet"],
                ["1 tablet", "once a week, on Tuesdays", "12 weeks", "12 tablets"],
                Oral,
            ),
        ],
        laboratory: &[
            Measured {
                test: "haemoglobin",
                code: "718-7",
                unit: "g/dL",
                scale: 1,
                normal: (120, 160),
                seen: (108, 152),
            },
            Measured {
                test: "C-reactive protein",
                code: "1988-5",
                unit: "mg/L",
                scale: 1,
                normal: (0, 50),
                seen: (8, 260),
            },
        ],
        charges: &[("full blood count", 680), ("C-reactive protein", 520)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "epilepsy",
        code: "G40.9",
        ages: (10, 80),
        department: "neurology",
        reasons: &["control", "one seizure since the last visit"],
        notes: &["Free of seizures since the last visit.", "One short seizure after a night without sleep."],
        medicines: &[medicine(
            ["Levetiracetam", "N03AX14", "500 mg", "tablet"],
            ["1 tablet", "twice a day", "90 days", "180 tablets"],
            Oral,
        )],
        charges: &[("EEG", 4_960)],
        ..CONTROL
    },
    Scenario {
        diagnosis: "atopic eczema",
        code: "L20.9",
        ages: (1, 60),
        department: "dermatology",
        reasons: &["itching elbows", "skin control"],
        notes: &["Dry, red areas in both elbows. Care of the skin explained.", "Calm at present."],
        medicines: &[medicine(
            ["Hydrocortisone", "D07AA02", "10 mg/g", "cream"],
            ["a thin layer", "twice a day on red areas", "7 days", "1 tube of 30 g"],
            Topical,
        )],
        ..CONTROL
    },
];

/// What passes.
pub const ACUTE: &[Scenario] = &[
    Scenario {
        diagnosis: "acute upper respiratory infection",
        code: "J06.9",
        reasons: &["cough and runny nose", "sore throat and fever"],
        notes: &["Throat red, lungs clear. Rest and fluids advised.", "No sign of pneumonia."],
        medicines: &[medicine(
            ["Paracetamol", "N02BE01", "500 mg", "tablet"],
            ["1 tablet", "up to three times a day when feverish", "5 days", "20 tablets"],
            Oral,
        )],
        ages: (12, 100),
        ..WALK_IN
    },
    Scenario {
        diagnosis: "acute otitis media",
        code: "H66.9",
        ages: (0, 15),
        department: "paediatrics",
        reasons: &["ear ache since last night", "fever and ear ache"],
        notes: &["Right ear drum red and bulging.", "Left ear drum red. Parents know when to come back."],
        medicines: &[medicine(
            ["Ibuprofen", "M01AE01", "20 mg/ml", "syrup"],
            ["by weight, see label", "up to three times a day when in pain", "3 days", "1 bottle of 100 ml"],
            Oral,
        )],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "routine child health examination",
        code: "Z00.1",
        ages: (0, 15),
        department: "paediatrics",
        visit_type: "check-up",
        reasons: &["check-up", "check-up before a school trip"],
        notes: &["Growth along the curve. No concerns.", "Hearing and sight tested, both good."],
        follow_ups: &["check-up in 12 months"],
        charges: &[("hearing test", 1_150)],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "acute cystitis",
        code: "N30.0",
        ages: (16, 100),
        sex: Some(Sex::Female),
        reasons: &["burning when passing water"],
        notes: &[
            "No fever, no flank pain. Urine: leucocytes positive.",
            "Second time this year. Urine sent for culture.",
        ],
        medicines: &[medicine(
            ["Fosfomycin", "J01XX01", "3 g", "granules"],
            ["1 sachet", "once, in the evening", "1 day", "1 sachet"],
            Oral,
        )],
        charges: &[("urine test strip", 430)],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "infectious gastroenteritis",
        code: "A09.9",
        class: Emergency,
        department: "emergency department",
        reasons: &["vomiting since the night", "diarrhoea for two days"],
        notes: &["Abdomen soft. Drinks again after the first glass.", "Slightly dry, no blood in the stool."],
        medicines: &[medicine(
            ["Oral rehydration salts", "A07CA", "5 g", "powder"],
            ["1 sachet in 200 ml of water", "after every loose stool", "3 days", "10 sachets"],
            Oral,
        )],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "sprain of the ankle",
        code: "S93.4",
        ages: (8, 80),
        class: Emergency,
        department: "emergency department",
        reasons: &["twisted the ankle on the stairs", "twisted the ankle at football"],
        notes: &[
            "Swelling on the outer side. Ottawa rules negative, no images.",
            "X-ray without fracture. Bandage, crutches for a week.",
        ],
        medicines: &[medicine(
            ["Diclofenac", "M02AA15", "10 mg/g", "gel"],
            ["a thin layer", "three times a day", "7 days", "1 tube of 100 g"],
            Topical,
        )],
        charges: &[("elastic bandage", 1_275)],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "low back pain",
        code: "M54.5",
        ages: (18, 90),
        reasons: &["back pain after lifting", "back pain for a week"],
        notes: &["No weakness, no numbness. Keep moving.", "Muscles tense, straight leg raise negative."],
        medicines: &[medicine(
            ["Ibuprofen", "M01AE01", "400 mg", "tablet"],
            ["1 tablet", "up to three times a day with meals", "7 days", "20 tablets"],
            Oral,
        )],
        charges: &[("physiotherapy, first session", 2_890)],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "open wound of the hand",
        code: "S61.9",
        ages: (3, 90),
        class: Emergency,
        department: "emergency department",
        reasons: &["cut in the kitchen", "cut at work"],
        notes: &[
            "Clean edge, 2 cm, three stitches. Tetanus protection is valid.",
            "Cleaned and closed with strips. Moves all fingers.",
        ],
        follow_ups: &["stitches out in 10 days"],
        charges: &[("wound closure", 4_150), ("dressing", 640)],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "seasonal allergic rhinitis",
        code: "J30.1",
        ages: (6, 70),
        reasons: &["sneezing outdoors", "itching eyes since April"],
        notes: &["Nasal mucosa pale. Worse on windy days.", "Tablets helped last year."],
        medicines: &[medicine(
            ["Cetirizine", "R06AE07", "10 mg", "tablet"],
            ["1 tablet", "once a day in the evening", "30 days", "30 tablets"],
            Oral,
        )],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "acute conjunctivitis",
        code: "H10.9",
        reasons: &["red, sticky eye"],
        notes: &["Right eye red, sight unchanged.", "Both eyes red. Own towel advised."],
        medicines: &[medicine(
            ["Chloramphenicol", "S01AA01", "5 mg/ml", "eye drops"],
            ["1 drop", "four times a day", "5 days", "1 bottle of 10 ml"],
            Ophthalmic,
        )],
        ..WALK_IN
    },
    Scenario {
        diagnosis: "general medical examination",
        code: "Z00.0",
        visit_type: "check-up",
        reasons: &["check-up", "examination for the employer"],
        notes: &["No complaints. Examination without findings.", "Exercise and sleep discussed."],
        follow_ups: &["check-up in 24 months"],
        laboratory: &[
            Measured {
                test: "haemoglobin",
                code: "718-7",
                unit: "g/dL",
                scale: 1,
                normal: (120, 160),
                seen: (118, 158),
            },
            Measured {
                test: "cholesterol, total",
                code: "2093-3",
                unit: "mg/dL",
                scale: 0,
                normal: (0, 200),
                seen: (142, 261),
            },
        ],
        charges: &[("full blood count", 680), ("lipid profile", 1_160)],
        ..APPOINTMENT
    },
    Scenario {
        diagnosis: "advice about a result",
        code: "Z71.2",
        class: Remote,
        visit_type: "telephone consultation",
        reasons: &["asks about a result", "asks about a medicine"],
        notes: &["Result explained, no change.", "Question answered. Will come if it gets worse."],
        ..APPOINTMENT
    },
];

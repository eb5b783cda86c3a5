//! The places of the entry form: label, way of filling in, and which field of the record each one is.
//!
//! It must not hold what was typed; [`form`](super::form) does.

use wardline_record::{AdmissionClass, Route};

/// Most medicines in one form.
pub const MEDICINES_MAX: u8 = 3;
/// Most charges in one form.
pub const CHARGES_MAX: u8 = 4;
/// How a receipt was paid.
pub const METHODS: &[&str] = &["cash", "card", "transfer", "insurance"];

/// The records that one form can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The visit.
    Visit,
    /// The prescription.
    Prescription,
    /// The receipt.
    Receipt,
}

impl Part {
    /// Its name on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visit => "Visit",
            Self::Prescription => "Prescription",
            Self::Receipt => "Receipt",
        }
    }
}

/// A place of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the labels say what they are")]
pub enum Slot {
    When,
    Doctor,
    Class,
    VisitType,
    Department,
    Reason,
    Diagnosis,
    OtherDiagnosis,
    Notes,
    FollowUp,
    Medicines,
    Charges,
    Medicine(u8, MedicineSlot),
    ReceiptNumber,
    Currency,
    Charge(u8, ChargeSlot),
    Paid,
    Method,
    Send,
}

/// A place of one medicine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the labels say what they are")]
pub enum MedicineSlot {
    Name,
    Strength,
    Dose,
    Frequency,
    Route,
    Duration,
    Quantity,
    Instructions,
}

/// A place of one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the labels say what they are")]
pub enum ChargeSlot {
    Description,
    Amount,
}

/// How a place is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Typed; shown over so many lines.
    Text {
        /// Lines.
        lines: u16,
    },
    /// One of these.
    Choice(Vec<String>),
    /// Pressed.
    Button,
}

/// The places of a medicine, in order.
pub const MEDICINE_SLOTS: [MedicineSlot; 8] = [
    MedicineSlot::Name,
    MedicineSlot::Strength,
    MedicineSlot::Dose,
    MedicineSlot::Frequency,
    MedicineSlot::Route,
    MedicineSlot::Duration,
    MedicineSlot::Quantity,
    MedicineSlot::Instructions,
];

/// The visit's places, in order.
pub const VISIT_SLOTS: [Slot; 10] = [
    Slot::When,
    Slot::Doctor,
    Slot::Class,
    Slot::VisitType,
    Slot::Department,
    Slot::Reason,
    Slot::Diagnosis,
    Slot::OtherDiagnosis,
    Slot::Notes,
    Slot::FollowUp,
];

impl Slot {
    /// What stands before it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::When => "When",
            Self::Doctor => "Doctor",
            Self::Class => "Received as",
            Self::VisitType => "Kind of visit",
            Self::Department => "Department",
            Self::Reason => "Reason",
            Self::Diagnosis => "Diagnosis",
            Self::OtherDiagnosis => "Another",
            Self::Notes => "Notes",
            Self::FollowUp => "Comes next",
            Self::Medicines => "Prescription",
            Self::Charges => "Receipt",
            Self::Medicine(_, MedicineSlot::Name) => "Medicine",
            Self::Medicine(_, MedicineSlot::Strength) => "Strength",
            Self::Medicine(_, MedicineSlot::Dose) => "Dose",
            Self::Medicine(_, MedicineSlot::Frequency) => "How often",
            Self::Medicine(_, MedicineSlot::Route) => "Route",
            Self::Medicine(_, MedicineSlot::Duration) => "For how long",
            Self::Medicine(_, MedicineSlot::Quantity) => "Dispense",
            Self::Medicine(_, MedicineSlot::Instructions) => "Instructions",
            Self::ReceiptNumber => "Number",
            Self::Currency => "Currency",
            Self::Charge(_, ChargeSlot::Description) => "Charged for",
            Self::Charge(_, ChargeSlot::Amount) => "Amount",
            Self::Paid => "Paid",
            Self::Method => "Paid by",
            Self::Send => "",
        }
    }

    /// How it is filled in.
    pub fn kind(self) -> Kind {
        let words = |words: &[&str]| Kind::Choice(words.iter().map(|&word| word.to_owned()).collect());
        match self {
            Self::Notes => Kind::Text { lines: 3 },
            Self::Reason => Kind::Text { lines: 2 },
            Self::Class => Kind::Choice(AdmissionClass::ALL.iter().map(|class| class.words()).collect()),
            Self::Medicines => words(&["none", "1 medicine", "2", "3"]),
            Self::Charges => words(&["none", "1 charge", "2", "3", "4"]),
            Self::Medicine(_, MedicineSlot::Route) => {
                Kind::Choice(Route::ALL.iter().map(|route| route.words()).collect())
            }
            Self::Medicine(_, MedicineSlot::Instructions) => Kind::Text { lines: 2 },
            Self::Method => words(METHODS),
            Self::Send => Kind::Button,
            _ => Kind::Text { lines: 1 },
        }
    }

    /// Places with the same number belong together: the visit, each medicine, the receipt, the button.
    pub const fn group(self) -> u8 {
        match self {
            Self::Medicine(medicine, _) => 1 + medicine,
            Self::Charge(..) | Self::ReceiptNumber | Self::Currency | Self::Paid | Self::Method => {
                u8::MAX - 1
            }
            Self::Send => u8::MAX,
            _ => 0,
        }
    }

    /// The heading of its group.
    pub fn heading(self) -> String {
        match self {
            Self::Medicine(medicine, _) => format!("Prescription, medicine {}", medicine + 1),
            Self::Charge(..) | Self::ReceiptNumber | Self::Currency | Self::Paid | Self::Method => {
                "Receipt".into()
            }
            Self::Send => String::new(),
            _ => "Visit".into(),
        }
    }

    /// The place that an error of [`Record::check`](wardline_record::Record::check) belongs to. `diagnoses` are the
    /// places that the record's diagnoses were taken from, in their order.
    pub fn of_error(part: Part, path: &str, diagnoses: &[Self]) -> Self {
        let (name, index) = split_index(path.strip_prefix("body.").unwrap_or(path));
        let index8 = u8::try_from(index).unwrap_or(u8::MAX);
        match (part, name.as_str()) {
            (_, "practitioner.name" | "practitioner.id") => Self::Doctor,
            (_, "occurred" | "recorded") => Self::When,
            (Part::Visit, "class") => Self::Class,
            (Part::Visit, "visit_type") => Self::VisitType,
            (Part::Visit, "department") => Self::Department,
            (Part::Visit, "reason") => Self::Reason,
            (Part::Visit, "notes") => Self::Notes,
            (Part::Visit, "follow_up") => Self::FollowUp,
            (Part::Visit, name) if name.starts_with("diagnoses") => {
                diagnoses.get(index).copied().unwrap_or(Self::Diagnosis)
            }
            (Part::Prescription, "items.medicine") => Self::Medicine(index8, MedicineSlot::Name),
            (Part::Prescription, "items.strength") => Self::Medicine(index8, MedicineSlot::Strength),
            (Part::Prescription, "items.dose") => Self::Medicine(index8, MedicineSlot::Dose),
            (Part::Prescription, "items.frequency") => Self::Medicine(index8, MedicineSlot::Frequency),
            (Part::Prescription, "items.route") => Self::Medicine(index8, MedicineSlot::Route),
            (Part::Prescription, "items.duration") => Self::Medicine(index8, MedicineSlot::Duration),
            (Part::Prescription, "items.quantity") => Self::Medicine(index8, MedicineSlot::Quantity),
            (Part::Prescription, "items.instructions") => Self::Medicine(index8, MedicineSlot::Instructions),
            (Part::Receipt, "number") => Self::ReceiptNumber,
            (Part::Receipt, "currency") => Self::Currency,
            (Part::Receipt, "lines.description") => Self::Charge(index8, ChargeSlot::Description),
            (Part::Receipt, "lines.amount") => Self::Charge(index8, ChargeSlot::Amount),
            (Part::Receipt, "total") => Self::Charge(0, ChargeSlot::Amount),
            (Part::Receipt, "paid" | "due") => Self::Paid,
            (Part::Receipt, "method") => Self::Method,
            _ => Self::Send,
        }
    }
}

/// "items[1].dose" as "items.dose" and 1.
fn split_index(path: &str) -> (String, usize) {
    match path.split_once('[').and_then(|(head, rest)| Some((head, rest.split_once(']')?))) {
        Some((head, (index, tail))) => (format!("{head}{tail}"), index.parse().unwrap_or(0)),
        None => (path.to_owned(), 0),
    }
}

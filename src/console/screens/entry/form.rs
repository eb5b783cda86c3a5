//! What was typed into the entry form, and the records that it makes.
//!
//! It must not send anything, nor know how it looks.

use super::slot::{
    CHARGES_MAX, ChargeSlot, Kind, MEDICINE_SLOTS, MEDICINES_MAX, METHODS, MedicineSlot, Part, Slot,
    VISIT_SLOTS,
};
use crate::{message::Edit, widgets::field::TextField};
use jiff::{civil, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};
use wardline_record::{
    AdmissionClass, Body, Decimal, Diagnosis, DiagnosisRank, Practitioner, Prescription, PrescriptionItem,
    Receipt, ReceiptLine, Record, RecordRef, Route, Visit, When, WhenError,
};

/// How far in the future a record may be dated: clocks and zones differ.
const FUTURE_S: i64 = 86_400;

/// What one place holds.
#[derive(Clone, Debug)]
enum Content {
    Text(TextField),
    Choice(Option<usize>),
}

/// The form.
#[derive(Clone, Debug)]
pub struct Form {
    values: BTreeMap<Slot, Content>,
    prefilled: BTreeMap<Slot, String>,
    zone: TimeZone,
}

/// A record that the form makes, and the places with what must be put right in them.
#[derive(Clone, Debug)]
pub struct Made {
    /// Which record.
    pub part: Part,
    /// The record.
    pub record: Record,
}

impl Form {
    /// An empty form with time and doctor filled in.
    pub fn new(when: &str, doctor: &str, zone: TimeZone) -> Self {
        let mut form = Self { values: BTreeMap::new(), prefilled: BTreeMap::new(), zone };
        form.set_text(Slot::When, when);
        form.set_text(Slot::Doctor, doctor);
        form.set_text(Slot::Currency, "EUR");
        form.choose(Slot::Medicines, 0);
        form.choose(Slot::Charges, 0);
        form.prefilled = form.values.keys().map(|&slot| (slot, form.shown(slot))).collect();
        form
    }

    /// The places to fill in, in their order; those of records that arrived already are left out.
    pub fn slots(&self, arrived: &BTreeSet<Part>) -> Vec<Slot> {
        let mut slots = Vec::new();
        if !arrived.contains(&Part::Visit) {
            slots.extend(VISIT_SLOTS);
        }
        let (prescription, receipt) =
            (!arrived.contains(&Part::Prescription), !arrived.contains(&Part::Receipt));
        slots.extend(prescription.then_some(Slot::Medicines));
        slots.extend(receipt.then_some(Slot::Charges));
        if prescription {
            for medicine in 0..self.count(Slot::Medicines) {
                slots.extend(MEDICINE_SLOTS.map(|slot| Slot::Medicine(medicine, slot)));
            }
        }
        if receipt && self.count(Slot::Charges) > 0 {
            slots.extend([Slot::ReceiptNumber, Slot::Currency]);
            for charge in 0..self.count(Slot::Charges) {
                slots.extend(
                    [ChargeSlot::Description, ChargeSlot::Amount].map(|slot| Slot::Charge(charge, slot)),
                );
            }
            slots.extend([Slot::Paid, Slot::Method]);
        }
        slots.push(Slot::Send);
        slots
    }

    /// Whether anything was typed or chosen that was not there at the beginning.
    pub fn changed(&self) -> bool {
        self.values
            .keys()
            .any(|&slot| self.prefilled.get(&slot).map_or("", String::as_str) != self.shown(slot))
    }

    /// The text field of a place.
    pub fn field(&self, slot: Slot) -> Option<&TextField> {
        match self.values.get(&slot) {
            Some(Content::Text(field)) => Some(field),
            _ => None,
        }
    }

    /// The chosen option of a place.
    pub fn chosen(&self, slot: Slot) -> Option<usize> {
        match self.values.get(&slot) {
            Some(Content::Choice(chosen)) => *chosen,
            _ => None,
        }
    }

    /// One step of typing in a place.
    pub fn edit(&mut self, slot: Slot, edit: Edit) {
        if let Some(field) = self.field_mut(slot) {
            field.edit(edit);
        }
    }

    /// Pasted text in a place.
    pub fn paste(&mut self, slot: Slot, text: &str) {
        if let Some(field) = self.field_mut(slot) {
            field.paste(text);
        }
    }

    /// The next option of a choice, round and round.
    pub fn turn(&mut self, slot: Slot, forward: bool) {
        let Kind::Choice(options) = slot.kind() else { return };
        let next = match (self.chosen(slot), forward) {
            (None, true) => 0,
            (None | Some(0), false) => options.len().saturating_sub(1),
            (Some(at), true) => (at + 1) % options.len().max(1),
            (Some(at), false) => at - 1,
        };
        self.choose(slot, next);
    }

    /// Takes an option.
    pub fn choose(&mut self, slot: Slot, option: usize) {
        self.values.insert(slot, Content::Choice(Some(option)));
    }

    /// Puts a text into a place.
    pub fn set_text(&mut self, slot: Slot, text: &str) {
        if let Some(field) = self.field_mut(slot) {
            field.set(text);
        }
    }

    fn field_mut(&mut self, slot: Slot) -> Option<&mut TextField> {
        let Kind::Text { .. } = slot.kind() else { return None };
        let content = self.values.entry(slot).or_insert_with(|| Content::Text(TextField::long()));
        match content {
            Content::Text(field) => Some(field),
            Content::Choice(_) => None,
        }
    }

    fn text(&self, slot: Slot) -> &str {
        self.field(slot).map_or("", |field| field.value().trim())
    }

    fn shown(&self, slot: Slot) -> String {
        match self.values.get(&slot) {
            Some(Content::Text(field)) => field.value().to_owned(),
            Some(Content::Choice(Some(at))) => at.to_string(),
            Some(Content::Choice(None)) | None => String::new(),
        }
    }

    /// How many medicines or charges are wanted.
    fn count(&self, slot: Slot) -> u8 {
        let most = if slot == Slot::Medicines { MEDICINES_MAX } else { CHARGES_MAX };
        self.chosen(slot).and_then(|count| u8::try_from(count).ok()).unwrap_or(0).min(most)
    }

    /// The records that the form makes, or the places with what must be put right.
    ///
    /// # Errors
    /// Every place that is wrong, in the form's order, with what to do.
    pub fn records(
        &self,
        arrived: &BTreeSet<Part>,
        organization: &str,
        now_s: u64,
        visit: Option<RecordRef>,
    ) -> Result<Vec<Made>, Vec<(Slot, String)>> {
        let mut errors = Vec::new();
        let occurred = self.occurred(now_s).unwrap_or_else(|why| {
            errors.push((Slot::When, why));
            When::day(civil::date(2000, 1, 1))
        });
        let mut made = Vec::new();
        let mut add = |part, body, diagnoses: &[Slot]| {
            let record = Record {
                occurred: occurred.clone(),
                recorded: None,
                practitioner: Practitioner {
                    name: self.text(Slot::Doctor).into(),
                    ..Practitioner::default()
                },
                organization: organization.into(),
                body,
                note: "".into(),
                corrects: None,
                source: None,
                attachments: Vec::new(),
            };
            for error in record.check() {
                // Sums of an amount that is wrong are wrong too: only the amount is to be put right.
                let amount_wrong =
                    errors.iter().any(|(slot, _)| matches!(slot, Slot::Charge(_, ChargeSlot::Amount)));
                if amount_wrong && matches!(error.field.as_str(), "body.total" | "body.due") {
                    continue;
                }
                let slot = Slot::of_error(part, &error.field, diagnoses);
                if !errors.iter().any(|(wrong, _)| *wrong == slot) {
                    errors.push((slot, in_short(slot, error.message)));
                }
            }
            made.push(Made { part, record });
        };
        let mut amounts_wrong = Vec::new();
        if !arrived.contains(&Part::Visit) {
            let (body, diagnoses) = self.visit();
            add(Part::Visit, body.into(), &diagnoses);
        }
        if !arrived.contains(&Part::Prescription) && self.count(Slot::Medicines) > 0 {
            add(Part::Prescription, self.prescription().into(), &[]);
        }
        if !arrived.contains(&Part::Receipt) && self.count(Slot::Charges) > 0 {
            let body = self.receipt(visit, &mut amounts_wrong);
            add(Part::Receipt, Body::from(body), &[]);
        }
        // What is no number comes first: the check speaks of the zero that stands in for it.
        errors.retain(|(slot, _)| !amounts_wrong.iter().any(|(wrong, _)| wrong == slot));
        errors.extend(amounts_wrong.into_iter().map(|(slot, why)| (slot, why.to_owned())));
        if errors.is_empty() {
            return Ok(made);
        }
        let order = self.slots(arrived);
        errors.sort_by_key(|(slot, _)| order.iter().position(|at| at == slot));
        Err(errors)
    }

    /// "2026-03-01 14:05", or whatever else a record may be dated with.
    fn occurred(&self, now_s: u64) -> Result<When, String> {
        let text = self.text(Slot::When);
        let when = match text.split_once(' ') {
            Some((day, time)) => self.moment(day, time.trim()),
            None => text.parse::<When>().map_err(|WhenError| ()),
        };
        let when = when.map_err(|()| "such as 2026-03-01 14:05".to_owned())?;
        if when.utc_seconds() > i64::try_from(now_s).unwrap_or(i64::MAX).saturating_add(FUTURE_S) {
            return Err("this date is in the future".into());
        }
        Ok(when)
    }

    fn moment(&self, day: &str, time: &str) -> Result<When, ()> {
        let day = day.parse::<When>().map_err(|_| ())?;
        let local: civil::DateTime = format!("{day}T{time}").parse().map_err(|_| ())?;
        let zoned = local.to_zoned(self.zone.clone()).map_err(|_| ())?;
        When::moment(local, zoned.offset().seconds() / 60).map_err(|_| ())
    }

    fn visit(&self) -> (Visit, Vec<Slot>) {
        let diagnoses: Vec<Slot> = [Slot::Diagnosis, Slot::OtherDiagnosis]
            .into_iter()
            .filter(|&slot| !self.text(slot).is_empty())
            .collect();
        let visit = Visit {
            class: self.chosen(Slot::Class).and_then(|at| AdmissionClass::ALL.get(at).copied()),
            visit_type: self.text(Slot::VisitType).into(),
            department: self.text(Slot::Department).into(),
            reason: self.text(Slot::Reason).into(),
            diagnoses: diagnoses
                .iter()
                .enumerate()
                .map(|(at, &slot)| Diagnosis {
                    text: self.text(slot).into(),
                    rank: Some(if at == 0 { DiagnosisRank::Primary } else { DiagnosisRank::Secondary }),
                    ..Diagnosis::default()
                })
                .collect(),
            notes: self.text(Slot::Notes).into(),
            follow_up: self.text(Slot::FollowUp).into(),
            ..Visit::default()
        };
        (visit, diagnoses)
    }

    fn prescription(&self) -> Prescription {
        let item = |n: u8| {
            let text = |slot| self.text(Slot::Medicine(n, slot)).into();
            let route = self.chosen(Slot::Medicine(n, MedicineSlot::Route));
            PrescriptionItem {
                medicine: text(MedicineSlot::Name),
                strength: text(MedicineSlot::Strength),
                dose: text(MedicineSlot::Dose),
                frequency: text(MedicineSlot::Frequency),
                route: route.and_then(|at| Route::ALL.get(at).copied()),
                duration: text(MedicineSlot::Duration),
                quantity: text(MedicineSlot::Quantity),
                instructions: text(MedicineSlot::Instructions),
                ..PrescriptionItem::default()
            }
        };
        Prescription {
            items: (0..self.count(Slot::Medicines)).map(item).collect(),
            ..Prescription::default()
        }
    }

    /// The receipt with its sums; places whose amount is none in this currency are added to `wrong`.
    fn receipt(&self, visit: Option<RecordRef>, wrong: &mut Vec<(Slot, &'static str)>) -> Receipt {
        let mut receipt = Receipt {
            number: self.text(Slot::ReceiptNumber).into(),
            currency: self.text(Slot::Currency).to_ascii_uppercase().into(),
            method: self
                .chosen(Slot::Method)
                .and_then(|at| METHODS.get(at))
                .copied()
                .unwrap_or_default()
                .into(),
            visit,
            ..Receipt::default()
        };
        let digits = receipt.currency_digits();
        let mut amount = |slot: Slot| {
            read_amount(self.text(slot), digits).unwrap_or_else(|| {
                wrong.push((slot, like(digits)));
                zero(digits)
            })
        };
        for charge in 0..self.count(Slot::Charges) {
            receipt.lines.push(ReceiptLine {
                description: self.text(Slot::Charge(charge, ChargeSlot::Description)).into(),
                amount: Some(amount(Slot::Charge(charge, ChargeSlot::Amount))),
                ..ReceiptLine::default()
            });
        }
        let paid = if self.text(Slot::Paid).is_empty() { zero(digits) } else { amount(Slot::Paid) };
        receipt.paid = Some(paid);
        receipt.total = receipt.sum().unwrap_or(zero(digits));
        receipt.due = receipt.total.plus(negative(paid)).or(Some(zero(digits)));
        receipt
    }

    /// "Total 45.00, due 5.00", as soon as the amounts are numbers.
    pub fn sums(&self) -> Option<String> {
        let mut wrong = Vec::new();
        let receipt = self.receipt(None, &mut wrong);
        let due = receipt.due.filter(|_| wrong.is_empty())?;
        Some(format!("Total {}, due {due}", receipt.total))
    }
}

/// What is wrong, in as few words as stand beside a field on 80 columns.
fn in_short(slot: Slot, message: String) -> String {
    match slot {
        Slot::Currency => "three letters, like EUR".into(),
        Slot::Charge(_, ChargeSlot::Amount) => "the sum is too large".into(),
        Slot::Paid => "write zero or more".into(),
        Slot::Medicine(_, MedicineSlot::Instructions) if message.starts_with("say") => {
            "say which other route".into()
        }
        _ => message,
    }
}

/// An amount; its smallest coins may be left out. A comma is refused: it parts the thousands for one reader and the
/// coins for another.
fn read_amount(text: &str, digits: u8) -> Option<Decimal> {
    let (whole, coins) = text.split_once('.').unwrap_or((text, ""));
    let places = usize::from(digits);
    let spelled =
        if text.contains('.') || places > 0 { format!("{whole}.{coins:0<places$}") } else { text.into() };
    spelled.parse().ok().filter(|amount: &Decimal| amount.scale() == digits)
}

/// How an amount is written in a currency with so many digits after the point.
fn like(digits: u8) -> &'static str {
    match digits {
        0 => "write it like 1250",
        2 => "write it like 12.50",
        _ => "write it like 12.500",
    }
}

fn zero(digits: u8) -> Decimal {
    Decimal::new(0, digits).unwrap_or(Decimal::ZERO)
}

fn negative(amount: Decimal) -> Decimal {
    let text = amount.to_string();
    let negated = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
    // Zero has no negative spelling and is its own negative.
    negated.parse().unwrap_or(amount)
}

/// Ties a receipt to the visit that it is for, once the visit has its temporary ID.
pub fn tie_to_visit(record: &mut Record, visit: RecordRef) {
    if let Body::Receipt(receipt) = &mut record.body {
        receipt.visit = Some(visit);
    }
}

#[cfg(test)]
#[path = "form/tests.rs"]
mod tests;

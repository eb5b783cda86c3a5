//! What is typed, the records that come of it, and what is said about mistakes.

use super::*;

const NOW_S: u64 = 1_772_366_520;

fn berlin() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(1))
}

fn form() -> Form {
    let mut form = Form::new("2026-03-01 12:02", "Mei Tan", berlin());
    form.choose(Slot::Class, 0);
    form.set_text(Slot::VisitType, "control");
    form.set_text(Slot::Reason, "blood pressure");
    form
}

fn records(form: &Form) -> Result<Vec<Made>, Vec<(Slot, String)>> {
    form.records(&BTreeSet::new(), "North", NOW_S, None)
}

fn wrong(form: &Form) -> Vec<Slot> {
    records(form).unwrap_err().into_iter().map(|(slot, _)| slot).collect()
}

fn with_receipt(amounts: &[&str], paid: &str, currency: &str) -> Form {
    let mut form = form();
    form.choose(Slot::Charges, amounts.len());
    form.set_text(Slot::ReceiptNumber, "N-1");
    form.set_text(Slot::Currency, currency);
    for (at, amount) in (0..).zip(amounts) {
        form.set_text(Slot::Charge(at, ChargeSlot::Description), "consultation");
        form.set_text(Slot::Charge(at, ChargeSlot::Amount), amount);
    }
    form.set_text(Slot::Paid, paid);
    form
}

fn receipt(form: &Form) -> Receipt {
    match records(form).unwrap().pop().unwrap().record.body {
        Body::Receipt(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_untouched_form_is_unchanged_and_says_what_is_missing() {
    let form = Form::new("2026-03-01 12:02", "Mei Tan", TimeZone::UTC);
    assert!(!form.changed());
    assert_eq!(wrong(&form), [Slot::Class, Slot::VisitType, Slot::Reason]);
}

#[test]
fn any_touch_is_a_change_and_undoing_it_is_none() {
    let mut form = Form::new("2026-03-01 12:02", "Mei Tan", TimeZone::UTC);
    form.edit(Slot::Notes, Edit::Insert('x'));
    assert!(form.changed());
    form.edit(Slot::Notes, Edit::Backspace);
    assert!(!form.changed());
    form.turn(Slot::Medicines, true);
    assert!(form.changed());
    form.turn(Slot::Medicines, false);
    assert!(!form.changed());
}

#[test]
fn a_visit_alone_is_one_record_with_its_local_time() {
    let made = records(&form()).unwrap();
    let [Made { part: Part::Visit, record }] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!(record.occurred.as_str(), "2026-03-01T12:02:00+01:00");
    assert_eq!((record.practitioner.name.as_str(), record.organization.as_str()), ("Mei Tan", "North"));
    assert_eq!(record.check(), []);
}

#[test]
fn times_are_read_as_people_write_them() {
    for (text, kept) in [
        ("2026-02-27 9:05", None),
        ("2026-02-27 09:05", Some("2026-02-27T09:05:00+01:00")),
        ("27.02.2026 09:05", Some("2026-02-27T09:05:00+01:00")),
        ("27.2.2026", Some("2026-02-27")),
        ("2026-02-27", Some("2026-02-27")),
        ("2026-02-30", None),
        ("yesterday", None),
        ("", None),
        ("2026-03-09 12:00", None), // a week in the future
    ] {
        let mut form = form();
        form.set_text(Slot::When, text);
        let read = records(&form).map(|made| made[0].record.occurred.to_string());
        assert_eq!(read.as_deref().ok(), kept, "{text}");
        if let Err(errors) = read {
            assert_eq!(errors[0].0, Slot::When, "{text}");
        }
    }
}

#[test]
fn errors_stand_at_their_field() {
    let mut form = form();
    form.choose(Slot::Medicines, 2);
    form.set_text(Slot::Medicine(0, MedicineSlot::Name), "Ramipril");
    let first = wrong(&form)[0];
    assert_eq!(first, Slot::Medicine(0, MedicineSlot::Strength));
    let wrong = wrong(&form);
    assert!(wrong.contains(&Slot::Medicine(1, MedicineSlot::Name)), "{wrong:?}");
    assert!(wrong.contains(&Slot::Medicine(1, MedicineSlot::Route)), "{wrong:?}");
    assert!(!wrong.contains(&Slot::Send), "{wrong:?}");
}

/// Every path that a check can name leads to a field, so that no error is shown at the button.
#[test]
fn every_error_of_the_three_kinds_has_a_field() {
    let mut form = Form::new("2026-03-01", "Mei Tan", TimeZone::UTC);
    form.choose(Slot::Medicines, 3);
    form.choose(Slot::Charges, 4);
    let slots = form.slots(&BTreeSet::new());
    for &slot in slots.iter().filter(|slot| **slot != Slot::When) {
        form.values.insert(
            slot,
            match slot.kind() {
                Kind::Text { .. } => Content::Text(TextField::new(
                    &"x".repeat(if slot == Slot::Notes { 21_000 } else { 300 }),
                    usize::MAX,
                )),
                _ => Content::Choice(form.chosen(slot)),
            },
        );
    }
    let wrong = wrong(&form);
    assert!(wrong.len() > 30 && !wrong.contains(&Slot::Send), "{wrong:?}");
    for (slot, error) in records(&form).unwrap_err() {
        assert!(error.len() <= 27, "{error} does not stand beside {slot:?} on 80 columns");
    }
}

#[test]
fn a_diagnosis_error_stands_at_the_field_it_was_typed_in() {
    let mut form = form();
    form.values.insert(Slot::OtherDiagnosis, Content::Text(TextField::new(&"x".repeat(300), usize::MAX)));
    assert_eq!(wrong(&form), [Slot::OtherDiagnosis]);
}

#[test]
fn amounts_are_summed_exactly() {
    let receipt = receipt(&with_receipt(&["45", "0.1", "0.20"], "20.5", "eur"));
    let amounts =
        [receipt.total, receipt.paid.unwrap(), receipt.due.unwrap()].map(|amount| amount.to_string());
    assert_eq!(amounts, ["45.30", "20.50", "24.80"]);
    assert_eq!(receipt.currency.as_str(), "EUR");
    assert_eq!(form_sums(&["45"], "50"), "Total 45.00, due -5.00");
    assert_eq!(form_sums(&["-5"], ""), "Total -5.00, due -5.00");
}

fn form_sums(amounts: &[&str], paid: &str) -> String {
    with_receipt(amounts, paid, "EUR").sums().unwrap()
}

#[test]
fn the_currency_says_how_many_digits() {
    assert_eq!(receipt(&with_receipt(&["4500"], "4500", "JPY")).total.to_string(), "4500");
    assert_eq!(receipt(&with_receipt(&["1.5"], "", "KWD")).total.to_string(), "1.500");
    assert_eq!(wrong(&with_receipt(&["1.234"], "", "EUR")), [Slot::Charge(0, ChargeSlot::Amount)]);
}

#[test]
fn what_is_no_number_is_said_at_its_field() {
    for bad in ["", "free", "1.2.3", "1 000", "--5", "12,5", "99.999"] {
        let form = with_receipt(&["45", bad], "", "EUR");
        assert_eq!(wrong(&form), [Slot::Charge(1, ChargeSlot::Amount)], "{bad}");
        assert_eq!(form.sums(), None);
    }
    assert_eq!(wrong(&with_receipt(&["45"], "some", "EUR")), [Slot::Paid]);
}

#[test]
fn what_arrived_is_not_made_again_and_the_receipt_names_its_visit() {
    let mut form = with_receipt(&["45"], "", "EUR");
    form.choose(Slot::Medicines, 1);
    let arrived = BTreeSet::from([Part::Visit, Part::Prescription]);
    let visit = RecordRef::new([9; 16]);
    let made = form.records(&arrived, "North", NOW_S, Some(visit)).unwrap();
    assert_eq!(made.iter().map(|made| made.part).collect::<Vec<_>>(), [Part::Receipt]);
    assert!(matches!(&made[0].record.body, Body::Receipt(receipt) if receipt.visit == Some(visit)));
    let slots = form.slots(&arrived);
    assert!(
        !slots.contains(&Slot::Class) && !slots.contains(&Slot::Medicines) && slots.contains(&Slot::Paid)
    );
}

#[test]
fn a_receipt_sent_with_its_visit_is_tied_to_it() {
    let mut record = records(&with_receipt(&["45"], "", "EUR")).unwrap().pop().unwrap().record;
    tie_to_visit(&mut record, RecordRef::new([3; 16]));
    let visit = RecordRef::new([3; 16]);
    assert!(matches!(&record.body, Body::Receipt(receipt) if receipt.visit == Some(visit)));
}

#[test]
fn choices_go_round() {
    let mut form = form();
    form.choose(Slot::Method, 0);
    form.turn(Slot::Method, false);
    assert_eq!(form.chosen(Slot::Method), Some(METHODS.len() - 1));
    form.turn(Slot::Method, true);
    assert_eq!(form.chosen(Slot::Method), Some(0));
}

//! The lines that never leave a patient's screens.

use super::*;
use crate::samples::data;
use wardline_client::RowState;

/// A history with these allergy records, each open or not.
fn with_allergies(open: &[bool]) -> History {
    let mut history = data::history();
    let allergy = history.rows.iter().find(|row| row.kind == Some(RecordKind::Allergy)).cloned().unwrap();
    history.rows.retain(|row| row.kind != Some(RecordKind::Allergy));
    for open in open {
        let mut row = allergy.clone();
        if !open {
            (row.opened, row.state) = (None, RowState::Altered);
        }
        history.rows.push(row);
    }
    history
}

fn line(history: &History) -> (String, Tone) {
    Allergies::of(history).line()
}

#[test]
fn allergies_are_unknown_while_one_cannot_be_opened() {
    assert_eq!(line(&with_allergies(&[])), ("not recorded".to_owned(), Tone::Warning));
    let unknown = ("UNKNOWN: 1 record cannot be opened".to_owned(), Tone::Bad);
    assert_eq!(line(&with_allergies(&[false])), unknown);
    let (text, tone) = line(&with_allergies(&[true, false]));
    assert!(text.ends_with("), and 1 that cannot be opened"), "{text}");
    assert_eq!(tone, Tone::Bad);

    // What nobody can open and nobody knows the kind of may be one.
    let mut history = with_allergies(&[]);
    (history.rows[0].kind, history.rows[0].opened) = (None, None);
    assert_eq!(line(&history), unknown);

    // Neither does a list that is not proven whole, nor "none known" beside a closed record, sound safe.
    let mut history = with_allergies(&[]);
    history.whole = Wholeness::NotProven { reason: String::new() };
    assert_eq!(line(&history), ("UNKNOWN: records may be missing".to_owned(), Tone::Bad));
    let none = Allergies { present: Vec::new(), none_known: true, closed: 0, incomplete: false };
    assert_eq!(none.line(), ("none known".to_owned(), Tone::Good));
    let closed = Allergies { closed: 2, ..none };
    assert_eq!(closed.line(), ("UNKNOWN: 2 records cannot be opened".to_owned(), Tone::Bad));
    let many = Allergies { present: vec![(None, "latex".into()), (None, "nuts".into())], ..closed };
    assert_eq!(many.line().0, "2 known, and 2 that cannot be opened: latex, nuts");
}

#[test]
fn answered_is_answered_and_reasons_fit() {
    let told = |branches: &[BranchAnswer]| answers_line(branches, 0, &TimeZone::UTC);
    let mut branches = data::all_answered(5);
    assert_eq!(told(&branches), ("4 of 4 branches answered".to_owned(), Tone::Good));
    branches[3].lacking = 1;
    let name = branches[3].name.clone();
    assert_eq!(told(&branches).0, format!("4 of 4 branches answered; {name} lacks 1 record it should keep"));
    branches[3].lacking = 0;
    branches[0].state = AnswerState::Invalid { reason: "it served altered records".into() };
    assert_eq!(
        told(&branches),
        ("4 of 4 branches answered; North served altered records".into(), Tone::Warning)
    );

    branches[1].state = AnswerState::Silent { since_s: None };
    let long = "its list of the patient's records leaves out, adds or moves some";
    branches[2].state = AnswerState::Invalid { reason: long.into() };
    let (text, _) = told(&branches);
    assert!(text.starts_with("3 of 4 branches answered; North served"), "{text}");
    for trouble in text.split("; ").skip(1) {
        assert!(trouble.chars().count() <= REASON_MIN + 1, "{trouble}");
    }
    assert!(troubles(&branches, 0, &TimeZone::UTC).iter().any(|text| text.ends_with(long)));
}

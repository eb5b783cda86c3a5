//! The lines that never leave a patient's screens.

use super::*;
use crate::samples::data;
use wardline_client::RowState;
use wardline_record::Source;

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
    let none = Allergies { none_known: vec![None], ..Allergies::default() };
    assert_eq!(none.line(), ("none known".to_owned(), Tone::Good));
    let closed = Allergies { closed: 2, ..none };
    assert_eq!(closed.line(), ("UNKNOWN: 2 records cannot be opened".to_owned(), Tone::Bad));
    let many = Allergies { present: vec![(None, "latex".into()), (None, "nuts".into())], ..closed };
    assert_eq!(many.line().0, "2 known, and 2 that cannot be opened: latex, nuts");
}

#[test]
fn none_known_not_asked_and_not_recorded_are_three_things() {
    let told = |change: &dyn Fn(&mut Allergy, &mut Option<Source>)| {
        let mut history = with_allergies(&[true]);
        let record = history.rows.last_mut().unwrap().opened.as_mut().unwrap();
        let Body::Allergy(allergy) = &mut record.body else { panic!("not an allergy") };
        change(allergy, &mut record.source);
        line(&history)
    };
    let only = |finding, category| {
        told(&move |allergy, _| {
            *allergy = Allergy { finding: Some(finding), category, ..Allergy::default() };
        })
    };
    assert_eq!(only(Finding::NoneKnown, None), ("none known".to_owned(), Tone::Good));
    assert_eq!(only(Finding::NotAsked, None), ("not asked".to_owned(), Tone::Warning));
    // "none known" of one sort says nothing of the others
    assert_eq!(
        only(Finding::NoneKnown, Some(AllergyCategory::Food)),
        ("none known of food, others not recorded".to_owned(), Tone::Warning)
    );
    // what was taken back or refuted is no allergy, and is not silently gone either
    let gone = ("not recorded; 1 refuted or withdrawn".to_owned(), Tone::Warning);
    assert_eq!(told(&|allergy, _| allergy.verification = "refuted".into()), gone);
    assert_eq!(told(&|allergy, _| allergy.verification = "entered-in-error".into()), gone);
    let withdrawn = Source { status: "entered-in-error".into(), ..Source::default() };
    assert_eq!(told(&|_, source| *source = Some(withdrawn.clone())), gone);
    // over is not gone, and a substance without a name is one all the same
    let (text, tone) = told(&|allergy, _| allergy.activity = "resolved".into());
    assert_eq!((text.contains("(resolved)"), tone), (true, Tone::Bad), "{text}");
    let unnamed = Allergy { finding: Some(Finding::Present), ..Allergy::default() };
    assert_eq!(told(&|allergy, _| *allergy = unnamed.clone()).0, "not named");
}

#[test]
fn a_patient_is_told_by_death_birth_and_short_numbers() {
    let mut identity = data::patient();
    identity.died = "2025-11-30".parse().ok();
    identity.mrns[1].system = "http://hospital.example/ids/insurance".into();
    assert_eq!(
        particulars(&identity),
        "DIED 2025-11-30, born 1980-02-03, female, North 00123, insurance 8831"
    );
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

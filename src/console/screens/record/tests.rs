//! The page of the open record: what stands where, and when it is laid out and forgotten.

use super::*;
use crate::{
    keymap::Key,
    message::Message,
    samples::{self, asked, data, press},
    screenshot::picture,
    update::update,
};
use wardline_client::RowState;

fn shown(model: &Model) -> Vec<String> {
    let buffer = picture(model).0;
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

fn state(name: &str) -> Model {
    let mut model = samples::model(name).unwrap();
    update(&mut model, Message::Resize { width: 80, height: 24 });
    model
}

#[test]
fn what_matters_most_is_the_first_line_of_the_page() {
    for (name, first) in [
        (
            "record-laboratory-result",
            " 3 of 5 remarkable: potassium CRITICAL, haemoglobin LOW, thrombocytes HIGH*",
        ),
        ("record-medication-given", " WITHHELD: heart rate 48"),
        ("record-allergy", " Allergy to penicillin, SEVERE, HIGH CRITICALITY, swollen lips, short of breath"),
        (
            "record-allergy-imported",
            " WITHDRAWN: its source says that this was entered in error. Do not act on it.",
        ),
        ("record-receipt", " 1000.00 EUR due by 2026-03-27."),
        ("record-mismatch", " linked at North, and the main chain has it from East"),
    ] {
        let mut model = state(name);
        press(&mut model, Key::Home);
        assert_eq!(shown(&model)[6], first, "{name}");
    }
}

#[test]
fn a_record_without_a_place_says_only_who_keeps_it() {
    let mut model = state("record-visit-imported");
    assert!(shown(&model)[5].starts_with(" VERIFIED visit kept at North"));
    let page = shown(&model).join("\n");
    assert!(page.contains("Place            not known") && !page.contains("Made at"), "{page}");
    press(&mut model, Key::End);
    let end = shown(&model).join("\n");
    assert!(
        end.contains("Made at          not known: its source does not say\n Kept at          North"),
        "{end}"
    );

    let list = shown(&samples::model("history-imported").unwrap()).join("\n");
    assert!(list.contains("> 2019-08-01 unknown visit") && list.contains("kept at North"), "{list}");
}

#[test]
fn the_page_is_laid_out_when_it_opens_and_kept_while_it_is_read() {
    let mut model = state("record-laboratory-result-imported");
    let at = |model: &Model| model.record.shown.as_ref().map(|shown| shown.lines.as_ptr());
    let first = at(&model);
    assert!(first.is_some());
    for key in [Key::Down, Key::PageDown, Key::End, Key::Char('?'), Key::Esc] {
        press(&mut model, key);
        assert_eq!(at(&model), first);
    }
    update(&mut model, Message::Resize { width: 132, height: 43 });
    assert_eq!(model.record.shown.as_ref().unwrap().columns, 131);
}

#[test]
fn nothing_of_a_record_stays_when_it_is_left_or_the_console_is_locked() {
    let mut model = state("record-allergy");
    press(&mut model, Key::Esc);
    assert!(model.record.shown.is_none());
    let mut model = state("record-allergy");
    press(&mut model, Key::Char('l'));
    assert!(model.who.is_none() && model.record.shown.is_none());
}

#[test]
fn a_record_that_is_fetched_again_is_laid_out_again() {
    let mut model = samples::model("history").unwrap();
    let ticket = asked(press(&mut model, Key::Char('r')));
    press(&mut model, Key::Enter);
    assert!(shown(&model).join("\n").contains("high blood pressure"));
    let mut again = data::history();
    (again.rows[0].opened, again.rows[0].state) = (None, RowState::Withheld);
    update(&mut model, Message::Fetched(ticket, Ok(Box::new(again))));
    let page = shown(&model).join("\n");
    assert!(page.contains("WITHHELD") && page.contains("This record is not open here"), "{page}");
    assert!(!page.contains("high blood pressure"), "{page}");
}

#[test]
fn a_low_screen_shows_the_state_and_three_lines() {
    let mut model = state("record-laboratory-result");
    model.size = (40, 10);
    let low = shown(&model);
    assert!(low[4].starts_with(" VERIFIED lab result"), "{low:?}");
    assert_eq!(low[5], " 3 of 5 remarkable: potassium");
    assert!(low[5..8].iter().all(|line| !line.is_empty()), "{low:?}");
}

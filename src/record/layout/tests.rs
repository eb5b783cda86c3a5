//! Lines never wider than asked, in which nothing that was given is missing and nothing can disturb a terminal.

use super::*;
use crate::{Record, tests::*};
use serde_json::Value;

#[test]
fn words_are_kept_whole_and_long_ones_broken() {
    assert_eq!(wrap("chest pain since Monday", 11), ["chest pain", "since", "Monday"]);
    assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    assert_eq!(wrap("a bcdefghij k", 4), ["a", "bcde", "fghi", "j k"]);
    assert_eq!(wrap("one\ntwo", 20), ["one", "two"]);
    assert_eq!(wrap("陳美玲陳", 4), ["陳美", "玲陳"]);
    assert_eq!(wrap("", 4), [""]);
}

/// A record from outside may hold megabytes without a space; each character is measured a few times only.
#[test]
fn a_word_of_megabytes_is_broken_in_time_that_grows_with_its_length() {
    let lines = wrap(&"ab\u{301}".repeat(100_000), 60);
    assert_eq!(lines.len(), 200_000 / 60 + 1);
}

#[test]
fn a_long_value_keeps_whole_on_a_line_of_its_own() {
    let digest = "0123456789abcdef".repeat(4);
    let mut page = Page::default();
    page.field("SHA-256", &digest);
    let text = |columns| page.lines(columns).iter().map(Line::text).collect::<Vec<_>>();
    assert_eq!(text(90), [format!("SHA-256          {digest}")]);
    assert_eq!(text(78), ["SHA-256".to_owned(), format!("  {digest}")]);
    assert_eq!(text(40).len(), 3);
}

#[test]
fn a_row_that_has_no_room_becomes_an_entry() {
    let entry = lines(&record(prescription()), 32);
    assert_eq!(
        entry[entry.len() - 6..],
        [
            "Ramipril 5 mg tablet",
            "  Dose: 1 tablet",
            "  How often: once a day",
            "  Route: oral",
            "  For how long: 90 days",
            "    Dispense 90 tablets.",
        ]
    );
}

/// Every record of the other tests with each of its texts replaced, where the record still reads.
fn with_every_text_replaced(by: &str) -> Vec<Record> {
    fn replace(value: &mut Value, at: &mut usize, wanted: usize, by: &str) {
        match value {
            Value::String(text) => {
                if *at == wanted {
                    *text = by.to_owned();
                }
                *at += 1;
            }
            Value::Array(all) => all.iter_mut().for_each(|value| replace(value, at, wanted, by)),
            Value::Object(all) => all.values_mut().for_each(|value| replace(value, at, wanted, by)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    for record in one_of_each().into_iter().chain([taken_over()]) {
        let mut json: Value = serde_json::from_slice(&record.to_bytes()).unwrap();
        for wanted in 0.. {
            let (mut changed, mut at) = (json.clone(), 0);
            replace(&mut changed, &mut at, wanted, by);
            if wanted >= at {
                break;
            }
            if Record::from_json(changed.to_string().as_bytes()).is_ok() {
                json = changed;
            }
        }
        out.push(Record::from_json(json.to_string().as_bytes()).unwrap());
    }
    out
}

#[test]
fn no_text_of_any_kind_disturbs_a_terminal_or_leaves_its_lines() {
    let hostile = "A\u{202e}B\u{1b}[2J\u{1b}]0;x\u{7}C\u{200b}\r\nD\u{9b}31m\t陳\u{301}\u{301}\u{301}\u{301}\u{301} والدة "
        .repeat(3);
    for record in with_every_text_replaced(&hostile) {
        for columns in [0, 1, 7, 20, 38, 49, 50, 78, 130, 400] {
            for line in record.page(|_| hostile.clone()).lines(columns) {
                let text = line.text();
                assert!(!text.chars().any(sanitise::is_unsafe), "{columns}: {text:?}");
                assert!(columns < 20 || text.width() <= columns, "{columns}: {text}");
            }
        }
    }
}

/// Wrapped, stacked or in columns: what stands on the page stands in its lines.
#[test]
fn nothing_is_cut_at_any_width() {
    for record in with_every_text_replaced("Lorem 12.5 ipsum dolor sit amet consectetur 4711") {
        let page = record.page(|_| "digest".to_owned());
        let letters = |columns: usize| {
            let text: String = page.lines(columns).iter().map(Line::text).collect();
            text.matches(['4', 'q', 'L']).count()
        };
        let wide = letters(2_000);
        assert!(wide > 2);
        for columns in [20, 38, 50, 78, 130] {
            let details = page.sections.iter().flat_map(|section| &section.blocks);
            let hidden = details.filter(|block| {
                matches!(block, Block::Table(table)
                    if table.columns.iter().any(|column| column.role == crate::page::Role::Detail))
            });
            if hidden.count() == 0 {
                assert!(letters(columns) >= wide, "{columns} {}", record.kind());
            }
        }
    }
}

/// Three hundred values on every size of screen.
#[test]
fn long_tables_keep_every_row() {
    let mut result = one_of_each().remove(4);
    let crate::Body::LaboratoryResult(panel) = &mut result.body else { panic!("the fifth kind") };
    panel.measurements = vec![panel.measurements[0].clone(); 300];
    for columns in [30, 38, 78, 130] {
        let rows = lines(&result, columns).iter().filter(|line| line.contains("haemoglobin")).count();
        // the statement before the table names five of them
        assert!((300..=306).contains(&rows), "{columns}: {rows}");
    }
}

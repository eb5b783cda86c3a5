//! What the screens look like, and what must hold for every one of them.

use crate::{
    draw,
    keymap::{self, BINDINGS, Key, Place},
    message::Action,
    model::{Model, Screen},
    samples::{self, press},
    sanitise, screenshot,
    screenshot::picture,
    screenshot_names,
    theme::Theme,
    widgets::footer,
};
use ratatui::{buffer::Buffer, layout::Position, style::Color};
use std::collections::BTreeSet;

fn states() -> BTreeSet<&'static str> {
    samples::NAMES.iter().map(|name| name.trim_end_matches("-mono")).chain(IMPORTED).collect()
}

/// States of records from elsewhere, odd in every way: tested like the others, not pictured.
const IMPORTED: [&str; 13] = [
    "history-imported",
    "record-visit-imported",
    "record-hospital-stay-imported",
    "record-prescription-imported",
    "record-medication-given-imported",
    "record-laboratory-result-imported",
    "record-imaging-report-imported",
    "record-allergy-imported",
    "record-condition-imported",
    "record-family-history-imported",
    "record-immunization-imported",
    "record-operation-imported",
    "record-receipt-imported",
];

fn state(name: &str, size: (u16, u16)) -> Model {
    let mut model = samples::model(name).unwrap();
    model.size = size;
    model
}

fn text(buffer: &Buffer) -> String {
    let lines = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    let lines =
        lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(model: &Model) -> String {
    let (buffer, cursor) = picture(model);
    let cursor = cursor.map_or_else(|| "none".into(), |Position { x, y }| format!("{x},{y}"));
    format!("{}\n-- cursor {cursor}", text(&buffer))
}

#[test]
fn every_screen_at_80x24() {
    for name in states() {
        insta::assert_snapshot!(format!("80x24 {name}"), shown(&state(name, (80, 24))));
    }
}

#[test]
fn the_main_screens_at_other_sizes() {
    for size in [(132, 43), (40, 10), (20, 5)] {
        for name in [
            "unlock",
            "overview",
            "patients-found",
            "lookup",
            "history-faults",
            "entry-errors",
            "confirm",
            "chain",
            "block-alarm",
            "transaction",
            "strip",
            "strip-twelve",
            "strip-unasked",
            "strip-cell",
            "bisect-differs",
            "bisect-shorter",
            "alarm-overview",
            "alarm-patients",
            "alarm-entry",
            "alarm",
            "alarm-reason",
            "record-verdict",
        ] {
            insta::assert_snapshot!(format!("{}x{} {name}", size.0, size.1), shown(&state(name, size)));
        }
    }
}

#[test]
fn the_pages_with_tables_at_other_sizes() {
    for size in [(132, 43), (40, 10)] {
        for kind in ["prescription", "laboratory-result", "family-history", "receipt"] {
            for name in [format!("record-{kind}"), format!("record-{kind}-imported")] {
                let mut model = state(&name, size);
                if size.1 == 10 {
                    press(&mut model, Key::PageDown);
                }
                insta::assert_snapshot!(format!("{}x{} {name}", size.0, size.1), shown(&model));
            }
        }
    }
}

#[test]
fn no_size_and_no_key_panics() {
    const KEYS: [Key; 8] =
        [Key::PageDown, Key::Down, Key::End, Key::PageUp, Key::Up, Key::Home, Key::Right, Key::BackTab];
    for name in states() {
        for size in [
            (0, 0),
            (1, 1),
            (2, 24),
            (80, 1),
            (3, 3),
            (40, 9),
            (39, 10),
            (40, 10),
            (41, 11),
            (60, 14),
            (300, 90),
        ] {
            let mut model = state(name, size);
            picture(&model);
            for key in KEYS {
                press(&mut model, key);
                picture(&model);
            }
        }
    }
}

#[test]
fn a_terminal_that_is_too_small_is_told_the_size() {
    for size in [(39, 24), (80, 9), (20, 5)] {
        let shown = text(&picture(&state("history", size)).0);
        assert!(shown.starts_with("40x10 needed"), "{shown}");
        assert!(shown.contains(&format!("is {}x{}", size.0, size.1)), "{shown}");
    }
}

#[test]
fn the_cursor_stands_on_something_on_every_screen() {
    for name in states().into_iter().filter(|&name| name != "overview-empty") {
        let (_, cursor) = picture(&state(name, (80, 24)));
        assert!(cursor.is_some_and(|cursor| cursor.y > 0 && cursor.y < 23), "{name}: {cursor:?}");
    }
}

#[test]
fn nothing_from_outside_reaches_the_screen_as_it_is() {
    let mut model = samples::hostile();
    let mut pictures = vec![shown(&model)];
    for key in [Key::Enter, Key::PageDown, Key::Esc, Key::Char('n'), Key::PageDown, Key::Ctrl('s')] {
        press(&mut model, key);
        for size in [(80, 24), (132, 43)] {
            model.size = size;
            pictures.push(shown(&model));
        }
    }
    let mut block = samples::hostile_block();
    for key in [Key::Down, Key::End, Key::Enter, Key::Left, Key::Esc, Key::Esc] {
        pictures.push(shown(&block));
        press(&mut block, key);
    }
    // The list itself has nothing from outside but the names of those who signed.
    for line in block.chain.side.lines.values_mut() {
        let signers = vec![samples::hostile_text()];
        line.certified = wardline_client::Certified::Own { signers, of: 1 };
    }
    pictures.push(shown(&block));
    // What branches call themselves and what an alarm says of them.
    for name in ["strip-cell", "bisect-differs", "alarm", "alarm-closed", "alarm-entry"] {
        let mut model = state(name, (80, 24));
        let evil = samples::hostile_text();
        let alarm = wardline_client::Alarm {
            what: evil.clone(),
            branch_name: Some(evil.clone()),
            evidence: Some(evil.clone().into()),
            ..samples::alarms::fork()
        };
        samples::alarms::raise(&mut model, vec![alarm]);
        for branch in &mut model.chain.main.branches {
            (branch.name, branch.detail) = (evil.clone(), Some(evil.clone()));
        }
        if let Some(crate::model::Dialog::Bisect(bisect)) = model.dialogs.last_mut() {
            bisect.names = (evil.clone(), evil.clone());
        }
        pictures.push(shown(&model));
        model.size = (132, 43);
        pictures.push(shown(&model));
    }
    model.who.as_mut().unwrap().name = samples::hostile_text();
    model.say(crate::theme::Tone::Bad, samples::hostile_text());
    pictures.push(shown(&model));
    for picture in &pictures {
        assert!(picture.contains("<U+202E>"), "{picture}");
        let unsafe_character = picture.chars().find(|&c| c != '\n' && sanitise::is_unsafe(c));
        assert_eq!(unsafe_character, None, "{picture}");
    }
}

#[test]
fn mono_uses_no_colour_and_the_words_stay() {
    for name in states() {
        let mut model = state(name, (80, 24));
        let colour = picture(&model).0;
        model.theme = Theme::Mono;
        let mono = picture(&model).0;
        assert!(mono.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset), "{name}");
        assert_eq!(text(&mono), text(&colour), "{name}");
    }
}

#[test]
fn only_the_sixteen_colours_are_used() {
    for name in states() {
        for cell in &picture(&state(name, (80, 24))).0.content {
            let rich = |color| matches!(color, Color::Rgb(..) | Color::Indexed(_));
            assert!(!rich(cell.fg) && !rich(cell.bg), "{name}");
        }
    }
}

/// Bytes matter on a serial line: a step in a list moves the marker, nothing else.
#[test]
fn a_step_in_a_list_changes_few_cells() {
    for (name, list_end) in [("overview-well", 16), ("patients-found", 19), ("history", 19), ("chain", 17)] {
        let mut model = state(name, (80, 24));
        let before = picture(&model).0;
        press(&mut model, Key::Down);
        let after = picture(&model).0;
        let changed = before.diff(&after).into_iter().filter(|&(_, y, _)| y < list_end).count();
        // The strip's marked cell stands in brackets: those of two cells move with the marker.
        assert_eq!(changed, if name == "chain" { 6 } else { 2 }, "{name}");
    }
}

#[test]
fn the_same_state_gives_the_same_picture() {
    assert!(screenshot_names().len() >= 20);
    for name in screenshot_names() {
        let svg = screenshot(name);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("Wardline"), "{name}");
        assert_eq!(svg, screenshot(name), "{name}");
    }
    assert!(!screenshot("no such screen").contains("<text"));
}

const PLACES: [Place; 25] = [
    Place::Unlock,
    Place::Overview,
    Place::SearchField,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::EntryText,
    Place::EntryChoice,
    Place::EntryButton,
    Place::Sending,
    Place::Chain,
    Place::Block,
    Place::Transaction,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::LookupReason,
    Place::LookupWaiting,
    Place::Cell,
    Place::Bisect,
    Place::Alarms,
    Place::Alarm,
    Place::AlarmReason,
    Place::Confirm,
    Place::Help,
    Place::Staff,
];

#[test]
fn every_binding_works_where_the_table_says() {
    for binding in BINDINGS {
        for &place in binding.places {
            let works = keymap::bindings(place).any(|(found, _)| std::ptr::eq(found, binding));
            // The help's own keys close it.
            let closes = binding.action == Action::Help && matches!(place, Place::Help | Place::Staff);
            assert!(works || closes, "{:?} at {place:?}", binding.action);
        }
    }
}

#[test]
fn every_place_has_its_way_out_the_lock_and_the_help() {
    for place in PLACES {
        let actions: Vec<_> = keymap::bindings(place).map(|(binding, _)| binding.action).collect();
        assert!(actions.contains(&Action::Quit) && actions.contains(&Action::Redraw), "{place:?}");
        assert_eq!(actions.contains(&Action::Lock), place != Place::Unlock, "{place:?}");
        let way_out = actions.contains(&Action::Back) || actions.contains(&Action::No);
        assert_eq!(way_out, place != Place::Overview, "{place:?}");
        let help = actions.contains(&Action::Help);
        assert_eq!(help, !matches!(place, Place::Help | Place::Staff), "{place:?}");
    }
}

#[test]
fn characters_are_no_commands_where_text_is_typed() {
    for place in PLACES.into_iter().filter(|place| place.typing()) {
        for c in ('!'..='~').chain([' ', 'é']) {
            assert!(keymap::binding(place, Key::Char(c)).is_none(), "{c} at {place:?}");
        }
    }
}

/// F-keys and Ctrl combinations that a serial terminal may lack have a twin.
#[test]
fn function_keys_have_a_twin() {
    for binding in BINDINGS {
        let only_f = binding.keys.iter().all(|key| matches!(key, Key::F(_)));
        assert!(!only_f, "{:?}", binding.action);
    }
}

#[test]
fn the_help_fits_and_has_every_key_of_the_place() {
    for place in PLACES {
        let model = state("history", (80, 24));
        let lines = crate::dialogs::help::lines(&model, place);
        for (binding, key) in keymap::bindings(place) {
            let mut described = lines.iter().filter(|(_, text)| text == binding.help);
            let named = described.any(|(keys, _)| keys.split(", ").any(|shown| shown == key.to_string()));
            assert!(named, "{key} at {place:?}");
        }
        for (keys, text) in lines {
            assert!(keys.len() < 22 && text.len() <= 54, "{keys}: {text}");
        }
    }
}

#[test]
fn the_footer_shows_keys_of_the_table_and_always_help() {
    for name in states() {
        let model = state(name, (80, 24));
        let (buffer, _) = picture(&model);
        let footer = text(&buffer).lines().last().unwrap().to_owned();
        let place = model.place();
        for (binding, key) in footer::entries(&model) {
            assert_eq!(keymap::binding(place, key).map(|found| found.action), Some(binding.action));
        }
        if !matches!(place, Place::Help | Place::Staff) {
            assert!(footer.trim_end().ends_with("help"), "{name}: {footer}");
        }
        // What stands there is made of whole entries of the table, in their order.
        let mut rest = footer.trim();
        for (binding, key) in footer::entries(&model) {
            let entry = format!("{key} {}", binding.label);
            let refused = format!("({entry})");
            rest = rest
                .strip_prefix(&entry)
                .or_else(|| rest.strip_prefix(&refused))
                .unwrap_or(rest)
                .trim_start();
        }
        assert_eq!(rest, "", "{name}: {footer}");
    }
}

#[test]
fn a_refused_action_stays_visible_and_says_why() {
    let model = state("refused", (80, 24));
    assert_eq!(model.screen, Screen::Overview);
    let shown = shown(&model);
    assert!(shown.contains("(2 Patients)") && shown.contains("(2 patients)"), "{shown}");
    assert!(shown.contains("operators see no patient data"), "{shown}");
    let help = crate::dialogs::help::lines(&model, Place::Overview);
    assert!(help.iter().any(|(_, text)| text.starts_with("not for you: needs role")), "{help:?}");
}

#[test]
fn the_screens_lie_between_header_and_notice() {
    let none = crate::alarms::Alarms::default();
    assert_eq!(draw::body_of((80, 24), &none), ratatui::layout::Rect::new(0, 1, 80, 21));
    assert_eq!(draw::body_of((1, 1), &none).height, 0);
}

//! The strip shows what the client knows, cell by cell, and nothing it does not know.

use super::*;
use crate::{
    backend::{Charset, Lean},
    effects::Effect,
    keymap::Key,
    message::Message,
    model::Dialog,
    samples::{self, data, press, strip as sample},
    screenshot::picture,
    theme::Theme,
    update::update,
};
use ratatui::Terminal;
use std::{cell::RefCell, collections::BTreeSet, io, rc::Rc};
use wardline_client::StripRow;

/// What goes to the terminal.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn state(name: &str) -> Model {
    samples::model(name).unwrap()
}

fn shown(model: &Model) -> String {
    let (buffer, _) = picture(model);
    let lines = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
}

#[test]
fn every_kind_of_cell_has_its_own_ascii_sign_and_its_word_in_the_legend() {
    let signs: BTreeSet<_> = CELLS.iter().map(|cell| cell.letter()).collect();
    assert_eq!(signs.len(), CELLS.len());
    assert!(signs.iter().all(char::is_ascii_graphic));
    let legend = legend();
    for cell in CELLS {
        let sign = format!("{} ", cell.letter());
        let place = legend.find(&sign).unwrap() + sign.len();
        assert!(legend[place..].to_uppercase().starts_with(cell.word()), "{legend}");
    }
    assert!(width(&legend) <= 79, "{legend}");
}

#[test]
fn what_must_not_be_missed_stands_out_without_colours() {
    let mut model = state("strip");
    model.theme = Theme::Mono;
    let buffer = picture(&model).0;
    let styles = |sign: &str| -> BTreeSet<String> {
        let rows = buffer.content.chunks(80).skip(6).take(11);
        let cells = rows.flat_map(|row| row.iter().skip(20).take(45)).filter(|cell| cell.symbol() == sign);
        cells.map(|cell| format!("{:?}", cell.modifier)).collect()
    };
    for sign in [Cell::Conflict, Cell::Invalid].map(|cell| cell.letter().to_string()) {
        assert!(
            styles(&sign).iter().all(|style| style.contains("REVERSED")) && !styles(&sign).is_empty(),
            "{sign}"
        );
    }
    assert!(styles(&Cell::Verified.letter().to_string()).iter().all(|style| !style.contains("REVERSED")));
}

#[test]
fn enter_explains_the_cell_with_both_hashes_and_the_block_page_stays_near() {
    let mut model = state("strip");
    press(&mut model, Key::Down);
    (0..3).for_each(|_| drop(press(&mut model, Key::Right)));
    press(&mut model, Key::Enter);
    let screen = shown(&model);
    let marked = marked(&model).unwrap();
    assert_eq!(
        (marked.height, marked.branch.name.as_str(), marked.cell.cell),
        (1204, "West", Cell::Conflict)
    );
    for hash in [marked.verified.unwrap(), marked.cell.theirs.unwrap()] {
        assert!(screen.contains(&hash.to_string()), "{screen}");
    }
    assert!(matches!(
        press(&mut model, Key::Char('o')).as_slice(),
        [Effect::FetchBlock { height: 1204, .. }]
    ));
    assert!(model.dialogs.is_empty());
}

#[test]
fn a_block_that_is_not_verified_has_no_page() {
    let mut model = state("strip");
    assert!(press(&mut model, Key::Char('o')).is_empty());
    assert!(model.notice.as_ref().unwrap().text.contains("1205 is not verified yet"));
    assert!(!press(&mut model, Key::Down).iter().any(|effect| matches!(effect, Effect::FetchBlocks { .. })));
    assert!(!press(&mut model, Key::Char('o')).is_empty());
}

#[test]
fn one_key_compares_the_marked_branch_with_the_own() {
    let mut model = state("strip");
    assert!(press(&mut model, Key::Char('b')).is_empty(), "the own branch with itself");
    assert!(model.notice.as_ref().unwrap().text.contains("your own branch"));
    press(&mut model, Key::Right);
    let effects = press(&mut model, Key::Char('b'));
    let [Effect::Bisect { ticket, chain: Chain::Main, a: 1, b: 2 }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(model.animated());
    let effects = press(&mut model, Key::Esc);
    assert!(matches!(effects.as_slice(), [Effect::Cancel(cancelled)] if cancelled == ticket));
    update(&mut model, Message::Bisected(*ticket, Err("late".into())));
    assert!(model.dialogs.is_empty());
}

#[test]
fn what_was_given_and_is_not_verified_yet_is_not_called_unasked() {
    let model = state("strip");
    let mut marked = marked(&model).unwrap();
    marked.cell = StripCell { cell: Cell::Unchecked, theirs: None, why: None };
    assert!(meaning(&marked).contains("was not asked"));
    let advised = advice(&marked.cell);
    marked.cell.theirs = Some(Digest::of(b"given"));
    let text = meaning(&marked);
    assert!(text.contains("gave a block") && !text.contains("not asked"), "{text}");
    assert_ne!(advice(&marked.cell), advised);
}

#[test]
fn unchecked_cells_in_sight_are_asked_for_once_and_again_on_demand() {
    let mut model = state("chain-old");
    let blocks = |model: &Model| model.chain.blocks().checked.clone();
    assert!(!blocks(&model).is_empty());
    let before = blocks(&model);
    assert!(press(&mut model, Key::Down).iter().all(|effect| !matches!(effect, Effect::CheckStrip { .. })));
    assert_eq!(before, blocks(&model));
    let ticket = model.chain.blocks().checking.unwrap();
    let cell = |cell| StripCell { cell, theirs: None, why: None };
    let row = |height| StripRow {
        height,
        digest: None,
        time_s: None,
        transactions: None,
        cells: vec![
            cell(Cell::Verified),
            cell(Cell::Behind),
            cell(Cell::Silent),
            cell(Cell::Verified),
            cell(Cell::Unchecked),
        ],
    };
    let effects = update(&mut model, Message::Checked(ticket, before.iter().copied().map(row).collect()));
    let again = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::CheckStrip { .. }));
    assert!(!again(&effects), "a branch that has nothing to say is not asked for ever");
    let screen = shown(&model);
    assert!(screen.contains(" +        <        -        +        ."), "{screen}");
    assert!(again(&press(&mut model, Key::Char('r'))));
    // Rows of another number of branches are nobody's.
    let ticket = model.chain.blocks().checking.unwrap();
    let short = StripRow { cells: vec![cell(Cell::Conflict)], ..row(1160) };
    update(&mut model, Message::Checked(ticket, vec![short]));
    assert!(!shown(&model).contains("CONFLICT;"));
}

#[test]
fn the_marked_branch_stays_marked_when_branches_come_and_go() {
    let mut model = state("strip");
    (0..2).for_each(|_| drop(press(&mut model, Key::Right)));
    let mut watched = sample::watched(&data::overview_well());
    watched.main.branches.remove(1);
    watched.main.rows.iter_mut().for_each(|row| drop(row.cells.remove(1)));
    update(&mut model, Message::Watched(Box::new(watched)));
    assert_eq!(marked(&model).unwrap().branch.name, "South");
    assert!(model.chain.main.rows.values().all(|row| row.cells.len() == 4));
}

/// Bytes matter on a serial line: what one more block costs on a screen of twelve branches.
#[test]
fn a_new_block_costs_few_bytes_and_nothing_new_costs_none() {
    let mut model = state("strip-twelve");
    let mut known = model.overview.known.clone().unwrap();
    let bytes = Bytes::default();
    let mut terminal = Terminal::new(Lean::new(bytes.clone(), || Ok((80, 24)), Charset::Ascii)).unwrap();
    let mut costs = |model: &Model| {
        terminal
            .draw(|frame| {
                crate::draw::draw(model, frame);
            })
            .unwrap();
        bytes.0.take().len()
    };
    costs(&model);
    let step = |model: &mut Model, known: &wardline_client::Overview| {
        let effects = update(model, Message::Watched(Box::new(sample::watched(known))));
        samples::chain::answer(model, effects);
    };
    step(&mut model, &known);
    assert_eq!(costs(&model), 0);
    known.main.height += 1;
    known.main.digest = wardline_crypto::Digest::of(b"one more");
    known.branches.iter_mut().for_each(|branch| branch.main_height = branch.main_height.map(|at| at + 1));
    step(&mut model, &known);
    let cost = costs(&model);
    assert!(cost < 520, "{cost} bytes: half of what 9600 baud carry in a second");
}

#[test]
fn names_are_cut_so_that_numbers_stay() {
    let names = ["Branch 15", "North", "Old Town", "100200", "B1"].map(|name| shortened(name, 3));
    assert_eq!(names, ["B15", "Nor", "Old", "100", "B1"]);
}

#[test]
fn as_many_branches_as_fit_are_shown_and_the_marked_one_always() {
    let mut model = state("strip-twenty");
    for (key, names) in [(Key::Right, "B15"), (Key::Left, "B15")] {
        press(&mut model, key);
        assert!(shown(&model).contains(names));
    }
    (0..20).for_each(|_| drop(press(&mut model, Key::Left)));
    assert!(
        shown(&model).contains("branches 1-14 of 20") && shown(&model).contains("[+]"),
        "{}",
        shown(&model)
    );
    press(&mut model, Key::Enter);
    assert!(matches!(model.dialogs.last(), Some(Dialog::Cell(_))));
}

#[test]
fn a_word_is_shown_for_the_very_head_that_it_stands_for() {
    let mut model = state("overview-well");
    let word = model.chain.main.word.as_ref().unwrap().1.to_string();
    assert!(shown(&model).contains(&word));
    model.overview.known.as_mut().unwrap().main.height += 1;
    assert!(!shown(&model).contains(&word), "{}", shown(&model));
}

//! The list follows the chain, fetches what is on the screen, and stays where the reader is.

use super::*;
use crate::{
    keymap::Key,
    message::Message,
    model::Dialog,
    samples::{self, asked, chain as sample, press, signed_in, strip as strip_sample},
    update::update,
};
use wardline_client::Overview;
use wardline_policy::Role;

fn state(name: &str) -> Model {
    samples::model(name).unwrap()
}

/// The blocks that were asked for.
fn wanted(effects: &[Effect]) -> Vec<RangeInclusive<u64>> {
    let heights = |effect: &Effect| match effect {
        Effect::FetchBlocks { heights, .. } => Some(heights.clone()),
        _ => None,
    };
    effects.iter().filter_map(heights).collect()
}

/// What the streams bring when the main chain has grown.
fn grow(model: &mut Model, blocks: u64) -> Vec<Effect> {
    let now_s = model.now_s + 1;
    assert!(update(model, Message::Tick { now_s }).is_empty(), "nobody is asked while the streams run");
    let mut known: Overview = model.overview.known.clone().unwrap();
    known.main.height += blocks;
    known.branches.iter_mut().for_each(|branch| branch.main_height = Some(known.main.height));
    update(model, Message::Watched(Box::new(strip_sample::watched(&known))))
}

fn shown(model: &Model) -> String {
    let (buffer, _) = crate::picture(model);
    let lines = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
}

fn selected_line(model: &Model) -> String {
    shown(model).lines().find(|line| line.starts_with(" > ")).unwrap().to_owned()
}

#[test]
fn new_blocks_appear_at_the_top_while_the_selection_stays_on_its_block() {
    let mut model = state("chain");
    assert!(selected_line(&model).contains(" 1204 "));
    let effects = grow(&mut model, 2);
    assert_eq!(wanted(&effects), [1205..=1206], "only what is new");
    assert!(
        shown(&model).contains("      1206 "),
        "verified, and who signed is not fetched yet:\n{}",
        shown(&model)
    );
    sample::answer(&mut model, effects);
    assert!(selected_line(&model).contains(" 1204 "));
    let screen = shown(&model);
    assert!(screen.contains("VERIFIED to block 1206") && !screen.contains("newer above"), "{screen}");
    assert!(screen.find(" 1206 ").unwrap() < screen.find("> ").unwrap(), "{screen}");
    // Home goes to the newest.
    press(&mut model, Key::Home);
    assert!(selected_line(&model).contains(" 1206 "));
}

#[test]
fn a_reader_far_down_is_not_moved_by_new_blocks() {
    let mut model = state("chain");
    for _ in 0..4 {
        let effects = press(&mut model, Key::PageDown);
        sample::answer(&mut model, effects);
    }
    let before = shown(&model);
    assert_eq!(wanted(&grow(&mut model, 3)), [], "nothing of them is on the screen");
    let after = shown(&model);
    assert!(before.contains("39 newer above") && after.contains("42 newer above"), "{before}\n{after}");
    let list = |screen: &str| screen.lines().skip(5).take(11).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(list(&before), list(&after));
}

#[test]
fn while_the_chain_does_not_grow_nothing_is_fetched_and_nothing_changes() {
    let mut model = state("chain");
    let before = shown(&model);
    for _ in 0..3 {
        assert_eq!(wanted(&grow(&mut model, 0)), []);
    }
    assert_eq!(before, shown(&model));
    // Elsewhere nobody is asked, and what comes late fetches no blocks.
    press(&mut model, Key::Char('2'));
    let now_s = model.now_s + 60;
    assert!(update(&mut model, Message::Tick { now_s }).is_empty());
}

#[test]
fn older_blocks_are_fetched_down_to_the_genesis_when_they_come_into_sight() {
    let mut model = state("chain");
    let mut asked = 0;
    for _ in 0..200 {
        let effects = press(&mut model, Key::PageDown);
        asked += wanted(&effects).len();
        sample::answer(&mut model, effects);
    }
    assert!(
        selected_line(&model).contains("     0 ") && shown(&model).contains("genesis"),
        "{}",
        shown(&model)
    );
    assert!((20..200).contains(&asked), "{asked}");
    assert!(press(&mut model, Key::Down).is_empty());
    let mut model = state("chain");
    let effects = press(&mut model, Key::End);
    assert_eq!(wanted(&effects).iter().map(|heights| *heights.start()).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_chain_that_is_long_does_not_fill_the_memory() {
    let mut blocks = Blocks { selected: Some(10), ..Blocks::default() };
    blocks.lines.extend(sample::lines(0..=KEPT as u64 + 50).into_iter().map(|line| (line.height, line)));
    prune(&mut blocks);
    assert_eq!((blocks.lines.len(), blocks.lines.first_key_value().map(|(low, _)| *low)), (KEPT, Some(0)));
}

#[test]
fn the_side_chain_is_shown_where_the_role_allows_it() {
    for (role, chain) in
        [(Role::Ward, Chain::Side), (Role::Operator, Chain::Side), (Role::Researcher, Chain::Main)]
    {
        let mut model = sample::chain(role, samples::data::overview_well());
        press(&mut model, Key::Tab);
        assert_eq!((model.chain.chain, model.notice.is_some()), (chain, chain == Chain::Main), "{role}");
        press(&mut model, Key::Char('s'));
        assert_eq!(model.chain.chain, Chain::Main, "{role}");
    }
}

#[test]
fn escape_leads_back_to_where_the_screen_was_opened() {
    let mut model = state("record");
    press(&mut model, Key::Char('c'));
    assert_eq!(model.screen, Screen::Chain);
    let effects = press(&mut model, Key::Char('o'));
    assert!(matches!(effects.as_slice(), [Effect::FetchBlock { .. }]) || effects.is_empty(), "{effects:?}");
    for (key, screen) in [(Key::Esc, Screen::Chain), (Key::Esc, Screen::Record)] {
        if model.screen != screen {
            press(&mut model, key);
        }
        assert_eq!(model.screen, screen);
    }
    let mut model = state("chain");
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Overview);
    // A patient that is open stays open.
    let mut model = state("history");
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Char('2'));
    assert_eq!(model.screen, Screen::History);
}

#[test]
fn a_block_that_was_left_is_not_taken_for_another() {
    let mut model = state("block-asking");
    let first = model.chain.open.as_ref().and_then(|open| open.pending).unwrap().ticket;
    let effects = press(&mut model, Key::Right);
    assert!(
        matches!(effects.as_slice(), [Effect::Cancel(ticket), Effect::FetchBlock { height: 1203, .. }] if *ticket == first)
    );
    let late = sample::detail(Chain::Main, wardline_client::BlockBody::Alarm);
    update(&mut model, Message::Block(first, Ok(Box::new(late))));
    assert!(model.chain.open.as_ref().unwrap().detail.is_none());
    assert!(shown(&model).contains("NOT CHECKED YET"), "{}", shown(&model));
    press(&mut model, Key::Esc);
    assert!(selected_line(&model).contains(" 1203 "), "the list is where the reader was");
}

#[test]
fn what_could_not_be_fetched_says_why_and_is_asked_for_again() {
    let mut model = state("chain");
    let effects = grow(&mut model, 1);
    let ticket = asked(effects);
    assert!(
        update(&mut model, Message::Blocks(ticket, Err("East: no answer within 3000 ms".into()))).is_empty()
    );
    let screen = shown(&model);
    assert!(screen.contains("NOT FETCHED: East: no answer") && !screen.contains("LIVE"), "{screen}");
    let effects = grow(&mut model, 0);
    assert_eq!(wanted(&effects), [1205..=1205]);
    sample::answer(&mut model, effects);
    assert!(shown(&model).contains("LIVE: "));

    let mut model = state("block-asking");
    let ticket = model.chain.open.as_ref().and_then(|open| open.pending).unwrap().ticket;
    update(&mut model, Message::Block(ticket, Err("no branch answered (North, East)".into())));
    let screen = shown(&model);
    assert!(screen.contains("NOT FETCHED") && screen.contains("Press r to ask again"), "{screen}");
    assert!(matches!(
        press(&mut model, Key::Char('r')).as_slice(),
        [Effect::FetchBlock { height: 1204, .. }]
    ));
}

#[test]
fn nothing_is_called_live_before_the_branches_were_asked() {
    let mut model = state("history");
    let effects = press(&mut model, Key::Char('3'));
    sample::answer(&mut model, effects);
    let screen = shown(&model);
    assert!(!screen.contains("LIVE") && screen.contains("what is shown was verified before"), "{screen}");
    let ticket = model.overview.asking.unwrap();
    let some = Overview { asking: true, ..samples::data::overview_well() };
    update(&mut model, Message::Refreshed(ticket, Box::new(some)));
    assert!(!shown(&model).contains("LIVE"));
    update(&mut model, Message::Refreshed(ticket, Box::new(samples::data::overview_well())));
    assert!(shown(&model).contains("LIVE: 5 of 5"));
}

#[test]
fn what_a_branch_claims_and_does_not_prove_is_no_block() {
    let mut model = state("chain");
    let mut watched = strip_sample::watched(model.overview.known.as_ref().unwrap());
    watched.overview.branches[1].main_height = Some(1300);
    assert_eq!(wanted(&update(&mut model, Message::Watched(Box::new(watched)))), []);
    let screen = shown(&model);
    assert!(screen.contains("NOT VERIFIED: East claims block 1300"), "{screen}");
    assert!(screen.contains("VERIFIED to block 1204"), "{screen}");
}

#[test]
fn transactions_are_walked_through_and_the_list_goes_with_them() {
    let mut model = state("transaction");
    press(&mut model, Key::Char('j'));
    press(&mut model, Key::Char('j'));
    assert!(shown(&model).contains("Transaction 3 of 4"), "{}", shown(&model));
    press(&mut model, Key::Esc);
    assert!(selected_line(&model).contains("access"), "{}", shown(&model));
}

#[test]
fn the_lock_wipes_what_the_chain_showed() {
    let mut model = state("transaction-lookup");
    assert!(shown(&model).contains("ramipril"));
    press(&mut model, Key::Char('l'));
    assert!(model.chain.open.is_none() && model.chain.side.lines.is_empty());
}

#[test]
fn a_small_screen_shows_every_line_of_a_block() {
    let mut model = state("block");
    model.size = (40, 10);
    let mut seen = String::new();
    press(&mut model, Key::Home);
    for _ in 0..20 {
        seen.push_str(&shown(&model));
        press(&mut model, Key::PageDown);
    }
    for text in ["Parent", "Tx root", "State root", "Signed by", "Given by", "registry"] {
        assert!(seen.contains(text), "{text}");
    }
}

#[test]
fn the_help_names_the_keys_of_the_chain() {
    let mut model = signed_in(Role::Researcher);
    press(&mut model, Key::Char('3'));
    press(&mut model, Key::Char('?'));
    assert!(matches!(model.dialogs.last(), Some(Dialog::Help(_))));
    let screen = shown(&model);
    assert!(screen.contains("Tab, s") && screen.contains("not for you: needs role"), "{screen}");
}

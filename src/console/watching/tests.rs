//! What the streams bring is taken in, rings once, and makes the questions of each second needless.

use super::*;
use crate::{
    keymap::Key,
    message::Message,
    samples::{self, alarms, data, press, signed_in, strip},
    screenshot::picture,
    update::update,
};
use wardline_client::{Alarm, BranchWord};
use wardline_policy::Role;

fn brought(model: &mut Model, alarms: Vec<Alarm>) -> Vec<Effect> {
    let watched = Watched { alarms, ..strip::watched(&data::overview_well()) };
    update(model, Message::Watched(Box::new(watched)))
}

fn rings(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Bell)).count()
}

fn shown(model: &Model) -> String {
    let (buffer, _) = picture(model);
    let lines = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    lines.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
}

#[test]
fn while_the_streams_run_nobody_is_asked_each_second() {
    let mut model = signed_in(Role::Ward);
    let ticket = model.overview.asking.unwrap();
    update(&mut model, Message::Refreshed(ticket, Box::new(data::overview_well())));
    assert_eq!(model.wake_in_s(), Some(1));
    brought(&mut model, Vec::new());
    assert!(model.wake_in_s() > Some(5));
    for second in 1..10 {
        let now_s = data::NOW_S + second;
        assert!(update(&mut model, Message::Tick { now_s }).is_empty(), "asked after {second} s");
    }
    // What the streams do not tell is asked for now and then; without them each second again.
    let now_s = data::NOW_S + 10;
    assert!(matches!(update(&mut model, Message::Tick { now_s }).as_slice(), [Effect::Refresh { .. }]));
    model.overview.asking = None;
    assert!(matches!(update(&mut model, Message::WatchEnded).as_slice(), [Effect::Refresh { .. }]));
}

#[test]
fn what_the_streams_say_of_a_branch_is_on_the_overview_at_once() {
    let mut model = signed_in(Role::Ward);
    let ticket = model.overview.asking.unwrap();
    update(&mut model, Message::Refreshed(ticket, Box::new(data::overview_well())));
    let mut watched = strip::watched(&data::overview_well());
    watched.overview.branches[1].word = BranchWord::RolledBack;
    watched.overview.branches[2].word = BranchWord::Silent;
    update(&mut model, Message::Watched(Box::new(watched)));
    let screen = shown(&model);
    assert!(screen.contains("East        ROLLED BACK") && screen.contains("South       SILENT"), "{screen}");
}

#[test]
fn a_branch_whose_streams_fall_silent_is_asked_at_once_and_once() {
    let mut model = signed_in(Role::Ward);
    let ticket = model.overview.asking.unwrap();
    update(&mut model, Message::Refreshed(ticket, Box::new(data::overview_well())));
    let silent = |answers: BranchWord| {
        let mut watched = strip::watched(&data::overview_well());
        watched.main.branches[2].word = BranchWord::Silent;
        watched.overview.branches[2].word = answers;
        Message::Watched(Box::new(watched))
    };
    let effects = update(&mut model, silent(BranchWord::Verified));
    assert!(matches!(effects.as_slice(), [Effect::Refresh { .. }]), "{effects:?}");
    assert!(update(&mut model, silent(BranchWord::Verified)).is_empty(), "it is being asked");
    model.overview.asking = None;
    assert!(update(&mut model, silent(BranchWord::Silent)).is_empty(), "it did not answer");
}

#[test]
fn nothing_is_called_live_while_no_branch_was_heard() {
    let mut model = signed_in(Role::Ward);
    let mut watched = strip::watched(&data::overview_well());
    let views = watched.overview.branches.iter_mut().map(|view| &mut view.word);
    views.chain(watched.main.branches.iter_mut().map(|branch| &mut branch.word)).for_each(|word| {
        *word = BranchWord::NotAsked;
    });
    watched.side = None;
    update(&mut model, Message::Watched(Box::new(watched)));
    press(&mut model, Key::Char('3'));
    assert!(
        shown(&model).contains("Asking every branch") && !shown(&model).contains("LIVE"),
        "{}",
        shown(&model)
    );
}

#[test]
fn an_alarm_rings_once_and_is_on_every_screen() {
    let mut model = signed_in(Role::Ward);
    assert_eq!(rings(&brought(&mut model, vec![alarms::altered()])), 0, "it is older than this console");
    assert_eq!(rings(&brought(&mut model, vec![alarms::fork(), alarms::altered()])), 1);
    assert_eq!(rings(&brought(&mut model, vec![alarms::fork(), alarms::altered()])), 0);
    for key in ['1', '3', 'w', '?'] {
        press(&mut model, Key::Char(key));
        assert!(shown(&model).lines().nth(1).unwrap().contains("2 ALARMS: FORK"), "{key}: {}", shown(&model));
        press(&mut model, Key::Esc);
    }
    model.size = (30, 6);
    assert!(shown(&model).contains("2 ALARMS: FORK"), "however small: {}", shown(&model));
    model.size = (80, 24);
    press(&mut model, Key::Char('l'));
    assert!(shown(&model).contains("FORK") && shown(&model).contains("unlock to read it"));

    let mut quiet = signed_in(Role::Ward);
    quiet.bell = false;
    brought(&mut quiet, Vec::new());
    assert_eq!(rings(&brought(&mut quiet, vec![alarms::fork()])), 0);
    assert!(shown(&quiet).contains("ALARM: FORK"));
}

#[test]
fn what_comes_after_the_lock_is_not_taken() {
    let mut model = samples::locked();
    assert!(brought(&mut model, vec![alarms::fork()]).is_empty());
    assert!(model.alarms.all().is_empty() && model.overview.known.is_none());
}

#[test]
fn a_form_says_that_nothing_can_be_sent_before_anything_is_typed_and_keeps_the_text() {
    let mut model = samples::full_entry();
    brought(&mut model, vec![alarms::fork()]);
    assert!(shown(&model).contains("WRITES ARE STOPPED"), "{}", shown(&model));
    assert!(press(&mut model, Key::Ctrl('s')).is_empty());
    assert!(model.dialogs.is_empty() && model.has_unsent_text());
    assert!(model.notice.as_ref().unwrap().text.contains("kept here"));
    // An alarm that comes while the question stands open is not too late.
    let mut model = samples::full_entry();
    press(&mut model, Key::Ctrl('s'));
    brought(&mut model, vec![alarms::fork()]);
    assert!(press(&mut model, Key::Char('y')).is_empty() && model.has_unsent_text());
    // One about another branch stops nothing here.
    let mut model = samples::full_entry();
    brought(&mut model, vec![alarms::altered()]);
    press(&mut model, Key::Ctrl('s'));
    assert!(!press(&mut model, Key::Char('y')).is_empty());
}

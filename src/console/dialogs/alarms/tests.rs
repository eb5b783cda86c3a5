//! Who may close an alarm, and how often that is asked.

use super::*;
use crate::{
    keymap::Key,
    message::Message,
    samples::{self, alarms as sample, asked, press, typed},
    update::update,
};
use wardline_policy::Role;

/// Somebody with this role, with these alarms open.
fn with(role: Role, alarms: Vec<Alarm>) -> Model {
    let mut model = samples::signed_in(role);
    sample::raise(&mut model, alarms);
    model
}

fn open_alarm(model: &Model) -> Option<&Open> {
    match model.dialogs.last() {
        Some(Dialog::Alarms(alarms)) => alarms.open.as_ref(),
        _ => None,
    }
}

#[test]
fn one_alarm_is_shown_in_full_at_once_and_more_as_a_list() {
    let mut model = with(Role::Ward, vec![sample::fork()]);
    press(&mut model, Key::Char('!'));
    assert_eq!(open_alarm(&model).unwrap().id, sample::fork().id);
    press(&mut model, Key::Esc);
    assert!(model.dialogs.is_empty());

    let mut model = with(Role::Ward, vec![sample::fork(), sample::altered()]);
    press(&mut model, Key::F(2));
    assert!(open_alarm(&model).is_none());
    press(&mut model, Key::Down);
    press(&mut model, Key::Enter);
    assert_eq!(open_alarm(&model).unwrap().id, sample::altered().id);
    press(&mut model, Key::Esc);
    press(&mut model, Key::Esc);
    assert!(model.dialogs.is_empty());
}

#[test]
fn the_signs_that_open_the_alarms_are_typed_where_text_is_typed() {
    let mut model = samples::entry();
    sample::raise(&mut model, vec![sample::fork()]);
    press(&mut model, Key::PageDown);
    (0..2).for_each(|_| drop(press(&mut model, Key::Tab)));
    press(&mut model, Key::Char('!'));
    assert!(model.dialogs.is_empty());
    press(&mut model, Key::F(2));
    assert!(open_alarm(&model).is_some());
}

#[test]
fn closing_needs_the_role_a_reason_and_a_second_word() {
    for role in [Role::Ward, Role::Registrar, Role::Researcher] {
        let mut model = with(role, vec![sample::fork()]);
        press(&mut model, Key::Char('!'));
        press(&mut model, Key::Char('x'));
        assert!(open_alarm(&model).unwrap().reason.is_none(), "{role}");
        let why = &model.notice.as_ref().unwrap().text;
        assert!(why.starts_with("You cannot close an alarm: ") && why.contains("operator"), "{role}: {why}");
    }
    for role in [Role::Operator, Role::Supervisor, Role::Auditor] {
        let mut model = with(role, vec![sample::fork()]);
        press(&mut model, Key::Char('!'));
        press(&mut model, Key::Char('x'));
        for (text, takes) in [("ok", false), (" restored from the copies", true)] {
            typed(&mut model, text);
            assert!(press(&mut model, Key::Enter).is_empty(), "nothing is closed by one key");
            assert_eq!(matches!(model.dialogs.last(), Some(Dialog::Confirm(_))), takes, "{role}: {text}");
        }
        // No is marked.
        assert!(press(&mut model, Key::Enter).is_empty());
        press(&mut model, Key::Enter);
        let effects = press(&mut model, Key::Char('y'));
        let [Effect::CloseAlarm { ticket, id, reason }] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!((id.as_str(), reason.as_str()), ("fork-main-1204", "ok restored from the copies"));
        assert!(model.alarms.lines() > 0, "it is open until the client closed it");
        let closed = Alarm { closed: sample::closed().closed, ..sample::fork() };
        update(&mut model, Message::AlarmClosed(*ticket, Ok(vec![closed])));
        assert_eq!(model.alarms.lines(), 0);
        press(&mut model, Key::Char('x'));
        assert!(model.notice.as_ref().unwrap().text.contains("closed already"));
    }
}

#[test]
fn an_alarm_that_was_not_closed_says_why_and_keeps_the_reason() {
    let mut model = with(Role::Operator, vec![sample::fork()]);
    press(&mut model, Key::Char('!'));
    press(&mut model, Key::Char('x'));
    typed(&mut model, "looked into it");
    press(&mut model, Key::Enter);
    let ticket = asked(press(&mut model, Key::Char('y')));
    update(&mut model, Message::AlarmClosed(ticket, Err("the disk is full".into())));
    let open = open_alarm(&model).unwrap();
    assert_eq!(open.error.as_deref(), Some("not closed: the disk is full"));
    assert_eq!(open.reason.as_ref().unwrap().value(), "looked into it");
    assert!(model.alarms.lines() > 0);
}

//! Keys and answers in, model and effects out. No network, no clock.

use super::*;
use crate::{
    message::Ticket,
    samples::{self, NOW_S, asked, press, signed_in, typed},
    screens::{entry::slot::Slot, patients::Focus},
};
use wardline_client::{FinalLookup, Progress, SearchOutcome};
use wardline_ledger::{LookupId, StaffId};
use wardline_policy::{Purpose, Role};

fn state(name: &str) -> Model {
    samples::model(name).unwrap()
}

fn keys(model: &mut Model, keys: &[Key]) -> Vec<Effect> {
    keys.iter().flat_map(|&key| press(model, key)).collect()
}

fn at(model: &mut Model, now_s: u64) -> Vec<Effect> {
    update(model, Message::Tick { now_s })
}

fn names(effects: &[Effect]) -> Vec<&'static str> {
    let name = |effect: &Effect| match effect {
        Effect::Unlock { .. } => "unlock",
        Effect::Refresh { .. } => "refresh",
        Effect::Search { .. } => "search",
        Effect::LookUp { .. } => "look up",
        Effect::FetchHistory { .. } => "fetch",
        Effect::FetchBlocks { .. } => "blocks",
        Effect::FetchBlock { .. } => "block",
        Effect::SendRecords { .. } => "send",
        Effect::CheckStrip { .. } => "check",
        Effect::Bisect { .. } => "bisect",
        Effect::CloseAlarm { .. } => "close",
        Effect::FetchCustody { .. } => "custody",
        Effect::Cancel(_) => "cancel",
        Effect::EndSession => "end session",
        Effect::Bell => "bell",
        Effect::Redraw => "redraw",
        Effect::Quit => "quit",
    };
    effects.iter().map(name).collect()
}

#[test]
fn the_passphrase_leaves_the_field_with_the_try() {
    let mut model = samples::locked();
    assert!(press(&mut model, Key::Enter).is_empty());
    assert_eq!(model.unlock.error.as_deref(), Some("type the passphrase"));
    press(&mut model, Key::Down);
    typed(&mut model, "qp1?l");
    let effects = press(&mut model, Key::Enter);
    let [Effect::Unlock { choice: 1, passphrase, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(passphrase.expose(), b"qp1?l");
    assert!(model.unlock.passphrase.is_empty());
    // Nothing is typed or chosen while the file is being opened, and Enter does not try twice.
    typed(&mut model, "x");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.unlock.passphrase.is_empty());
    assert_eq!(names(&press(&mut model, Key::Esc)), ["cancel"]);
}

#[test]
fn a_late_unlock_opens_nothing() {
    let mut model = samples::locked();
    typed(&mut model, "slow");
    let ticket = asked(press(&mut model, Key::Enter));
    press(&mut model, Key::Esc);
    assert!(update(&mut model, Message::Unlocked(ticket, Ok(samples::who(Role::Ward)))).is_empty());
    assert_eq!((model.screen, model.who), (Screen::Unlock, None));
}

#[test]
fn the_overview_asks_once_a_second_while_it_is_shown_and_no_streams_tell() {
    let mut model = state("overview");
    update(&mut model, Message::WatchEnded);
    let ticket = model.overview.asking.take();
    assert_eq!(ticket, None);
    model.overview.next_s = NOW_S + 1;
    assert!(at(&mut model, NOW_S).is_empty());
    assert_eq!(model.wake_in_s(), Some(1));
    assert_eq!(names(&at(&mut model, NOW_S + 1)), ["refresh"]);
    assert!(at(&mut model, NOW_S + 2).is_empty(), "asked again before the answer");
    press(&mut model, Key::Char('2'));
    model.overview.asking = None;
    assert!(at(&mut model, NOW_S + 60).is_empty(), "asked while another screen is shown");
    assert_eq!(names(&press(&mut model, Key::Char('1'))), Vec::<&str>::new(), "typed into the search");
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn a_stale_answer_is_no_answer() {
    let mut model = state("patients");
    typed(&mut model, "tan");
    let first = asked(press(&mut model, Key::Enter));
    let effects = press(&mut model, Key::Enter);
    assert_eq!(names(&effects), ["cancel", "search"]);
    let outcome = SearchOutcome { candidates: Vec::new(), more: false, branches: Vec::new() };
    update(&mut model, Message::Found(first, Ok(Box::new(outcome))));
    assert!(model.patients.outcome.is_none() && model.patients.pending.is_some());
}

#[test]
fn a_search_needs_something_to_search_for() {
    let mut model = state("patients");
    typed(&mut model, "  ");
    assert!(press(&mut model, Key::Enter).is_empty());
    assert!(model.patients.error.is_some());
}

#[test]
fn letters_are_typed_in_fields_and_commands_in_lists() {
    let mut model = state("patients");
    assert!(press(&mut model, Key::Char('q')).is_empty());
    assert_eq!(model.patients.query.value(), "q");
    let mut model = state("patients-found");
    assert_eq!(names(&press(&mut model, Key::Char('q'))), ["quit"]);
}

#[test]
fn the_search_field_and_the_list_hand_over() {
    let mut model = state("patients-found");
    assert_eq!(model.patients.focus, Focus::List);
    press(&mut model, Key::Up);
    assert_eq!(model.patients.focus, Focus::Field);
    press(&mut model, Key::Down);
    press(&mut model, Key::Char('/'));
    assert_eq!(model.patients.focus, Focus::Field);
    keys(&mut model, &[Key::Esc, Key::Esc]);
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn a_lookup_needs_an_allowed_purpose_and_a_reason() {
    let mut model = state("patients-found");
    press(&mut model, Key::Enter);
    // To payment, which a ward may not have.
    press(&mut model, Key::Down);
    assert!(press(&mut model, Key::Enter).is_empty());
    let Some(Dialog::Lookup(lookup)) = model.dialogs.last() else { panic!() };
    assert!(lookup.error.as_deref().unwrap().contains("role ward may not look up for payment"));
    keys(&mut model, &[Key::Up, Key::BackTab]);
    assert!(press(&mut model, Key::Enter).is_empty(), "no reason");
    typed(&mut model, "wound control");
    let effects = press(&mut model, Key::Enter);
    let [Effect::LookUp { purpose: Purpose::Treatment, reason, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(reason, "wound control");
    assert_eq!(names(&press(&mut model, Key::Esc)), ["cancel"]);
    assert!(model.dialogs.is_empty());
}

#[test]
fn nothing_of_a_history_is_asked_before_the_lookup_is_final() {
    let mut model = state("lookup");
    let effects = press(&mut model, Key::Enter);
    assert_eq!(names(&effects), ["look up"]);
    let ticket = asked(effects);
    assert!(update(&mut model, Message::LookedUp(Ticket(0), Ok(lookup(1)))).is_empty());
    assert_eq!(names(&update(&mut model, Message::LookedUp(ticket, Ok(lookup(2))))), ["fetch"]);
    assert_eq!(model.screen, Screen::History);
}

fn lookup(height: u64) -> FinalLookup {
    FinalLookup { id: LookupId::from_bytes([1; 16]), height }
}

#[test]
fn a_refused_lookup_stays_in_its_dialog() {
    let mut model = state("lookup");
    let ticket = asked(press(&mut model, Key::Enter));
    update(&mut model, Message::LookedUp(ticket, Err("East: no answer within 3000 ms".into())));
    let Some(Dialog::Lookup(lookup)) = model.dialogs.last() else { panic!() };
    assert_eq!((lookup.pending, lookup.error.as_deref()), (None, Some("East: no answer within 3000 ms")));
}

#[test]
fn a_list_that_grew_keeps_the_selected_record() {
    let mut model = state("history");
    keys(&mut model, &[Key::Down, Key::Down]);
    let looking_at = model.history.as_ref().unwrap().rows()[2].record;
    let mut grown = model.history.as_ref().unwrap().history.clone().unwrap();
    let mut newer = grown.rows[0].clone();
    newer.record = wardline_ledger::RecordId::from_bytes([0xff; 16]);
    grown.rows.insert(0, newer);
    let ticket = asked(press(&mut model, Key::Char('r')));
    update(&mut model, Message::Fetched(ticket, Ok(Box::new(grown))));
    let screen = model.history.as_ref().unwrap();
    assert_eq!(screen.rows()[screen.selected].record, looking_at);
}

#[test]
fn a_failed_fetch_keeps_what_was_there_and_says_so() {
    let mut model = state("history");
    let ticket = asked(press(&mut model, Key::Char('r')));
    update(&mut model, Message::Fetched(ticket, Err("no branch answered".into())));
    let screen = model.history.as_ref().unwrap();
    assert_eq!((screen.rows().len(), screen.error.as_deref()), (9, Some("no branch answered")));
}

#[test]
fn roles_decide_what_can_be_begun() {
    let begun = |role: Role, steps: &[Key]| {
        let mut model = signed_in(role);
        keys(&mut model, steps);
        (model.screen, model.notice.is_some())
    };
    let to_patients = [Key::Char('2')];
    for role in [Role::Ward, Role::Registrar, Role::Supervisor, Role::Crew] {
        assert_eq!(begun(role, &to_patients), (Screen::Patients, false), "{role}");
    }
    for role in [Role::Operator, Role::Researcher, Role::Auditor] {
        assert_eq!(begun(role, &to_patients), (Screen::Overview, true), "{role}");
    }
    let mut model = state("history");
    model.who = Some(samples::who(Role::Supervisor));
    press(&mut model, Key::Char('n'));
    assert_eq!((model.screen, model.entry.is_some()), (Screen::History, false));
    assert!(model.notice.unwrap().text.contains("needs role ward or registrar"));
}

#[test]
fn escape_asks_before_it_throws_text_away() {
    let mut model = samples::entry();
    press(&mut model, Key::Esc);
    assert_eq!((model.screen, model.entry.is_some()), (Screen::History, false), "nothing was typed");
    let mut model = state("entry");
    keys(&mut model, &[Key::Esc, Key::Enter]);
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Entry, true), "no is marked");
    keys(&mut model, &[Key::Esc, Key::Char('y')]);
    assert_eq!((model.screen, model.entry.is_some()), (Screen::History, false));
}

#[test]
fn leaving_asks_only_when_something_would_be_lost() {
    for (name, asks) in
        [("overview", false), ("history", false), ("entry", true), ("sending", true), ("failed", true)]
    {
        let mut model = state(name);
        let effects = press(&mut model, Key::Ctrl('c'));
        assert_eq!(names(&effects), if asks { vec![] } else { vec!["quit"] }, "{name}");
        if asks {
            press(&mut model, Key::Ctrl('c'));
            assert_eq!(model.dialogs.len(), 1, "{name}: asked twice");
            assert_eq!(names(&press(&mut model, Key::Char('y'))), ["quit"], "{name}");
        }
    }
    assert_eq!(names(&press(&mut state("unlock"), Key::Ctrl('c'))), ["quit"]);
}

#[test]
fn a_form_with_errors_is_not_sent() {
    let mut model = samples::entry();
    assert!(press(&mut model, Key::Ctrl('s')).is_empty());
    assert!(model.dialogs.is_empty() && model.notice.is_some());
    let entry = model.entry.as_ref().unwrap();
    assert_eq!((entry.focus, entry.errors(NOW_S).len()), (Slot::Class, 3));
}

#[test]
fn errors_show_when_a_field_was_left() {
    let mut model = samples::entry();
    assert!(model.entry.as_ref().unwrap().errors(NOW_S).is_empty());
    press(&mut model, Key::Tab);
    assert_eq!(model.entry.as_ref().unwrap().errors(NOW_S).len(), 1);
    press(&mut model, Key::Tab);
    assert_eq!(model.entry.as_ref().unwrap().errors(NOW_S).len(), 2);
}

#[test]
fn what_is_sent_was_shown_and_confirmed() {
    let mut model = state("confirm");
    let Some(Dialog::Confirm(confirm)) = model.dialogs.last() else { panic!() };
    let text = format!("{:?}", confirm.lines);
    for part in ["Ramipril 5 mg", "45.00 EUR", "Tan, Mei Ling", "kept at North", "network default policy"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!confirm.yes, "the safe answer is marked");
    assert!(press(&mut model, Key::Enter).is_empty());
    press(&mut model, Key::Ctrl('s'));
    let effects = press(&mut model, Key::Char('y'));
    let [Effect::SendRecords { records, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(records.len(), 3);
}

#[test]
fn sending_goes_on_in_the_background_and_fetches_the_history_at_its_end() {
    let mut model = state("sending");
    let ticket = samples::sending_ticket(&model).unwrap();
    press(&mut model, Key::Esc);
    assert_eq!((model.screen, model.is_sending()), (Screen::History, true));
    assert!(update(&mut model, Message::Sent { ticket, part: 1, outcome: Ok(samples::added()) }).is_empty());
    let effects = update(&mut model, Message::Sent { ticket, part: 2, outcome: Ok(samples::added()) });
    assert_eq!(names(&effects), ["fetch"]);
    assert!(model.entry.is_none());
    assert!(
        model
            .notice
            .unwrap()
            .text
            .starts_with("AGREED on the main chain: Visit at 1205, Prescription at 1205")
    );
}

#[test]
fn the_history_that_is_fetched_after_sending_has_the_new_record_selected() {
    let mut model = state("sending");
    let ticket = samples::sending_ticket(&model).unwrap();
    press(&mut model, Key::Esc);
    let asked_before = asked(press(&mut model, Key::Char('r')));
    update(&mut model, Message::Sent { ticket, part: 1, outcome: Ok(samples::added()) });
    let effects = update(&mut model, Message::Sent { ticket, part: 2, outcome: Ok(samples::added()) });
    assert_eq!(names(&effects), ["cancel", "fetch"], "what was asked before cannot have the new records");
    let mut history = model.history.as_ref().unwrap().history.clone().unwrap();
    history.rows[6].record = samples::added().record;
    update(&mut model, Message::Fetched(asked_before, Ok(Box::new(history.clone()))));
    assert_eq!(model.history.as_ref().unwrap().selected, 0, "a stale answer");
    update(&mut model, Message::Fetched(asked(effects), Ok(Box::new(history))));
    assert_eq!(model.history.as_ref().unwrap().selected, 6);
}

#[test]
fn copies_are_counted_up_in_one_place() {
    let mut model = state("sending");
    let ticket = samples::sending_ticket(&model).unwrap();
    let progress = Progress::Copied { receipts: 2, wanted: 2 };
    update(&mut model, Message::Progressed { ticket, part: 1, progress });
    let sending = model.entry.as_ref().unwrap().sending.as_ref().unwrap();
    assert_eq!(sending.parts[1].2.len(), 3);
    assert_eq!(sending.parts[1].2.last(), Some(&progress));
}

#[test]
fn after_a_failure_the_text_stays_and_what_arrived_is_not_sent_again() {
    let mut model = state("failed");
    assert!(!model.is_sending() && model.has_unsent_text());
    press(&mut model, Key::Ctrl('s'));
    let effects = press(&mut model, Key::Char('y'));
    let [Effect::SendRecords { records, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let kinds: Vec<_> = records.iter().map(|record| record.kind().name()).collect();
    assert_eq!(kinds, ["prescription", "receipt"]);
}

#[test]
fn a_failure_in_the_background_is_said_and_the_form_is_there_again() {
    let mut model = state("sending");
    let ticket = samples::sending_ticket(&model).unwrap();
    press(&mut model, Key::Esc);
    update(&mut model, Message::Sent { ticket, part: 1, outcome: Err("not copied".into()) });
    assert!(model.notice.as_ref().unwrap().text.contains("was not sent"));
    press(&mut model, Key::Char('n'));
    assert_eq!(model.screen, Screen::Entry);
    assert!(
        model
            .entry
            .as_ref()
            .unwrap()
            .failure
            .as_deref()
            .unwrap()
            .contains("The prescription was not sent: not copied")
    );
}

#[test]
fn the_lock_wipes_what_was_shown() {
    for key in [Key::Char('l'), Key::Ctrl('x')] {
        let mut model = state("history");
        assert_eq!(names(&press(&mut model, key)), ["end session", "redraw"]);
        assert!(model.who.is_none() && model.history.is_none() && model.patients.outcome.is_none());
        assert!(
            model.entry.is_none()
                && model.overview.known.is_none()
                && model.patients.query.value().is_empty()
        );
        assert_eq!(model.screen, Screen::Unlock);
    }
}

#[test]
fn the_console_locks_itself_when_nobody_presses_a_key() {
    let mut model = state("history");
    let minute = model.idle_lock_s - 1;
    assert!(at(&mut model, NOW_S + minute).is_empty());
    press(&mut model, Key::Down);
    assert_eq!(model.wake_in_s(), Some(model.idle_lock_s));
    assert!(at(&mut model, NOW_S + minute + 1).is_empty(), "a key was pressed since");
    let over = NOW_S + minute + model.idle_lock_s;
    assert_eq!(names(&at(&mut model, over)), ["end session", "redraw"]);
    assert_eq!(model.unlock.reason.as_deref(), Some("Locked after 5 min without a key."));
    assert_eq!(model.wake_in_s(), None, "a locked console needs no timer");
    assert!(at(&mut model, over + 9_999).is_empty());
}

#[test]
fn a_session_ends_with_its_grant() {
    let mut model = state("overview");
    model.idle_lock_s = u64::MAX;
    assert_eq!(names(&at(&mut model, NOW_S + 43_200)), ["end session", "redraw"]);
    assert!(model.unlock.reason.as_deref().unwrap().contains("session is over"));
}

#[test]
fn a_form_waits_for_its_person_over_a_lock() {
    let unlock_as = |model: &mut Model, staff: StaffId| {
        typed(model, "words");
        let ticket = asked(press(model, Key::Enter));
        update(
            model,
            Message::Unlocked(ticket, Ok(crate::message::Who { staff, ..samples::who(Role::Ward) })),
        );
    };
    let mut model = state("entry");
    let owner = model.who.as_ref().unwrap().staff;
    press(&mut model, Key::Ctrl('x'));
    assert_eq!(model.screen, Screen::Unlock);
    unlock_as(&mut model, owner);
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Entry, true));

    press(&mut model, Key::Ctrl('x'));
    unlock_as(&mut model, StaffId::from_bytes([99; 16]));
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Overview, false));
}

#[test]
fn sending_over_a_lock_goes_on_and_shows_nothing() {
    let mut model = state("sending");
    let ticket = samples::sending_ticket(&model).unwrap();
    press(&mut model, Key::Ctrl('x'));
    update(&mut model, Message::Sent { ticket, part: 1, outcome: Ok(samples::added()) });
    let effects = update(&mut model, Message::Sent { ticket, part: 2, outcome: Ok(samples::added()) });
    assert!(effects.is_empty(), "the session is over: {effects:?}");
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Unlock, false));
}

#[test]
fn a_paste_outside_a_field_does_nothing() {
    for name in ["overview", "history", "confirm", "help", "patients-found"] {
        let mut model = state(name);
        let before = format!("{:?}", model.dialogs);
        assert!(update(&mut model, Message::Paste("qy2n".into())).is_empty(), "{name}");
        assert_eq!(format!("{:?}", model.dialogs), before, "{name}");
    }
    let mut model = state("patients");
    update(&mut model, Message::Paste("Tan Mei".into()));
    assert_eq!(model.patients.query.value(), "Tan Mei");
}

#[test]
fn the_help_opens_over_everything_and_closes_back() {
    for name in ["unlock", "patients", "lookup", "confirm", "entry", "sending"] {
        let mut model = state(name);
        let place = model.place();
        press(&mut model, Key::F(1));
        assert_eq!(model.place(), Place::Help, "{name}");
        press(&mut model, Key::Esc);
        assert_eq!(model.place(), place, "{name}");
    }
}

#[test]
fn another_patients_unsent_form_is_asked_about() {
    let mut model = state("entry");
    model.screen = Screen::History;
    model.history.as_mut().unwrap().patient = wardline_ledger::PatientId::from_bytes([42; 16]);
    press(&mut model, Key::Char('n'));
    assert_eq!((model.screen, model.place()), (Screen::History, Place::Confirm));
    press(&mut model, Key::Char('y'));
    assert_eq!(model.screen, Screen::Entry);
    let entry = model.entry.as_ref().unwrap();
    assert_eq!(entry.patient, wardline_ledger::PatientId::from_bytes([42; 16]));
    assert!(!entry.has_unsent_text());
}

#[test]
fn nothing_is_written_for_a_patient_who_is_not_proven() {
    let mut model = state("history-not-proven");
    assert_eq!((model.screen, model.entry.is_none()), (Screen::History, true));
    assert!(model.notice.as_ref().unwrap().text.contains("IDENTITY NOT PROVEN"));
    // Proven to be somebody else than the search showed: no better.
    let screen = model.history.as_mut().unwrap();
    screen.history.as_mut().unwrap().identity = Some(samples::hostile_patient());
    press(&mut model, Key::Char('n'));
    assert!(model.entry.is_none());
    // Not fetched yet: not proven yet.
    model.history.as_mut().unwrap().history = None;
    press(&mut model, Key::Char('n'));
    assert!(model.entry.is_none() && model.notice.as_ref().unwrap().text.contains("not proven yet"));

    // A form that was begun when it was proven is not sent once it is not.
    let mut model = samples::full_entry();
    press(&mut model, Key::Ctrl('s'));
    model.history.as_mut().unwrap().history.as_mut().unwrap().identity = None;
    assert!(press(&mut model, Key::Char('y')).is_empty());
    assert!(!model.entry.as_ref().unwrap().is_sending());
    press(&mut model, Key::Ctrl('s'));
    assert!(model.dialogs.is_empty());
}

#[test]
fn fields_are_walked_by_tab_and_arrows_and_sections_by_pages() {
    let mut model = samples::full_entry();
    let focus = |model: &Model| model.entry.as_ref().unwrap().focus;
    assert_eq!(focus(&model), Slot::Class);
    keys(&mut model, &[Key::Tab, Key::Enter]);
    assert_eq!(focus(&model), Slot::Department);
    keys(&mut model, &[Key::Up, Key::BackTab, Key::BackTab, Key::BackTab, Key::BackTab]);
    assert_eq!(focus(&model), Slot::When);
    keys(&mut model, &[Key::PageDown, Key::PageDown]);
    assert_eq!(focus(&model), Slot::ReceiptNumber);
    keys(&mut model, &[Key::PageUp, Key::PageUp]);
    assert_eq!(focus(&model), Slot::When);
}

fn reason(model: &Model) -> (String, Place) {
    let Some(Dialog::Lookup(lookup)) = model.dialogs.last() else { panic!() };
    (lookup.reason.value().to_owned(), model.place())
}

#[test]
fn a_letter_in_the_lookup_dialog_goes_to_the_words() {
    for steps in [&[][..], &[Key::Enter][..], &[Key::Tab, Key::Down][..]] {
        let mut model = state("patients-found");
        press(&mut model, Key::Enter);
        keys(&mut model, steps);
        typed(&mut model, "look quite? 2gG");
        assert_eq!(reason(&model), ("look quite? 2gG".into(), Place::LookupReason), "{steps:?}");
        let effects = press(&mut model, Key::Enter);
        let [Effect::LookUp { reason, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(reason, "look quite? 2gG", "what stands there is what is recorded");
    }
    let mut model = state("patients-found");
    press(&mut model, Key::Enter);
    update(&mut model, Message::Paste("admission".into()));
    assert_eq!(reason(&model), ("admission".into(), Place::LookupReason));
}

#[test]
fn the_footer_promises_the_lookup_only_where_enter_looks_up() {
    let mut model = state("patients-found");
    press(&mut model, Key::Enter);
    for (label, effect) in [("next", 0), ("next", 0), ("look up", 1)] {
        let entries = crate::widgets::footer::entries(&model);
        let enter = entries.iter().find(|(_, key)| *key == Key::Enter).unwrap();
        assert_eq!(enter.0.label, label);
        assert_eq!(press(&mut model, Key::Enter).len(), effect);
    }
}

#[test]
fn letters_do_not_lock_or_leave_while_something_is_filled_in() {
    let open_lookup = || {
        let mut model = state("patients-found");
        press(&mut model, Key::Enter);
        model
    };
    let mut button = state("entry");
    keys(&mut button, &[Key::PageDown, Key::PageDown]);
    assert_eq!(button.place(), Place::EntryButton);
    let states =
        [open_lookup(), state("lookup"), state("lookup-waiting"), state("entry"), button, state("confirm")];
    for mut model in states {
        let (place, screen, dialogs) = (model.place(), model.screen, model.dialogs.len());
        for c in "lqpw12rgG?".chars().filter(|&c| place != Place::Confirm || c != '?') {
            assert!(press(&mut model, Key::Char(c)).is_empty(), "{c} at {place:?}");
            assert_eq!((model.screen, model.who.is_some()), (screen, true), "{c} at {place:?}");
            assert_eq!(model.dialogs.len(), dialogs, "{c} at {place:?}");
        }
    }
    let mut model = state("entry");
    press(&mut model, Key::F(1));
    keys(&mut model, &[Key::Char('l')]);
    assert!(model.who.is_some(), "the help lies over a form");
    assert_eq!(names(&press(&mut model, Key::Ctrl('x'))), ["end session", "redraw"]);
}

fn demo() -> Model {
    let mut model = samples::locked();
    model.unlock.prefilled.append("demo words");
    model.unlock.hint = Some("Demo: the passphrase is filled in".into());
    model.unlock.reset(None);
    model
}

fn says_filled_in(model: &Model) -> bool {
    let (buffer, _) = crate::screenshot::picture(model);
    let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
    text.contains("is filled in")
}

#[test]
fn the_demos_passphrase_is_filled_in_whenever_the_screen_says_so() {
    let filled = |model: &Model| model.unlock.passphrase.is_same(&model.unlock.prefilled);
    let mut model = demo();
    assert!(filled(&model) && says_filled_in(&model));
    typed(&mut model, "x");
    assert!(!says_filled_in(&model));
    let ticket = asked(press(&mut model, Key::Enter));
    assert!(!says_filled_in(&model));
    update(&mut model, Message::Unlocked(ticket, Err("wrong passphrase".into())));
    assert!(filled(&model) && says_filled_in(&model), "after a failure");
    press(&mut model, Key::Esc);
    assert!(!says_filled_in(&model));
    press(&mut model, Key::Down);
    assert!(filled(&model) && says_filled_in(&model), "for another person");
    let mut model = samples::locked();
    typed(&mut model, "mine");
    press(&mut model, Key::Down);
    assert!(!model.unlock.passphrase.is_empty(), "without a demo nothing typed is thrown away");
}

#[test]
fn a_locked_console_offers_no_lock() {
    let mut model = samples::locked();
    press(&mut model, Key::F(1));
    let offered = crate::widgets::footer::entries(&model);
    assert!(offered.iter().all(|(binding, _)| binding.action != Action::Lock));
}

#[test]
fn a_reason_that_is_too_long_is_told_and_not_cut() {
    let long = "x".repeat(231);
    let mut model = state("patients-found");
    press(&mut model, Key::Enter);
    update(&mut model, Message::Paste(long.clone()));
    assert_eq!(reason(&model).0, long);
    let shown = |model: &Model| {
        let (buffer, _) = crate::screenshot::picture(model);
        let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
        text.contains("to 200 characters")
    };
    assert!(!shown(&model));
    press(&mut model, Key::Tab);
    assert!(shown(&model), "on leaving the field");
    assert_eq!(names(&keys(&mut model, &[Key::Enter, Key::Enter])), Vec::<&str>::new());
    assert!(shown(&model));

    let mut model = state("entry");
    model.entry.as_mut().unwrap().focus = Slot::Reason;
    keys(&mut model, &[Key::Ctrl('u')]);
    update(&mut model, Message::Paste(long));
    assert!(!shown(&model));
    press(&mut model, Key::Tab);
    assert!(shown(&model), "on leaving the field");
}

#[test]
fn an_amount_and_a_date_are_told_on_leaving_them() {
    let told = |slot: Slot, text: &str| {
        let mut model = samples::full_entry();
        let entry = model.entry.as_mut().unwrap();
        entry.focus = slot;
        entry.form.set_text(slot, text);
        press(&mut model, Key::Tab);
        let errors = model.entry.as_ref().unwrap().errors(NOW_S);
        errors.into_iter().find(|(wrong, _)| *wrong == slot).map(|(_, error)| error)
    };
    let amount = Slot::Charge(0, crate::screens::entry::slot::ChargeSlot::Amount);
    for slot in [amount, Slot::Paid] {
        for wrong in ["12,5", "99.999", "1 000"] {
            assert_eq!(told(slot, wrong).as_deref(), Some("write it like 12.50"), "{wrong}");
        }
        assert_eq!(told(slot, "12.50"), None);
    }
    assert_eq!(told(Slot::When, "2026-03-03 12:03").as_deref(), Some("this date is in the future"));
    assert_eq!(told(Slot::When, "2031").as_deref(), Some("this date is in the future"));
    assert_eq!(told(Slot::When, "2026-03-02 11:00"), None);
}

#[test]
fn the_reason_is_shown_before_it_is_sealed() {
    let model = state("confirm");
    let Some(Dialog::Confirm(confirm)) = model.dialogs.last() else { panic!() };
    let reason = confirm.lines.iter().find(|(label, _)| label == "Reason").unwrap();
    assert!(reason.1.starts_with("blood pressure control"), "{reason:?}");
}

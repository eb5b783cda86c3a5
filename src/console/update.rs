//! What follows from a message: the model changes, and effects are asked for. Nothing else happens here.
//!
//! It must not do any work: no file, no clock, no network. The same model and message give the same result.

use crate::{
    dialogs::{
        alarms, bisect, cell,
        confirm::{self, Confirm, Question},
        help::{self, Help},
        lookup, staff,
    },
    effects::Effect,
    keymap::{self, Key, Place},
    message::{Action, Edit, Message},
    model::{Dialog, Model, Screen},
    screens::{chain, entry, history, overview, patients, record, unlock},
    watching,
};

/// Takes one message.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = take(model, message);
    effects.extend(record::prepare(model));
    effects
}

fn take(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Key(key) => key_pressed(model, key),
        Message::Paste(text) => {
            model.last_key_s = model.now_s;
            paste(model, &text);
            Vec::new()
        }
        Message::Resize { width, height } => {
            model.size = (width, height);
            Vec::new()
        }
        Message::Tick { now_s } => tick(model, now_s),
        Message::Spin => {
            model.spin = model.spin.wrapping_add(1);
            Vec::new()
        }
        Message::Unlocked(ticket, outcome) => unlock::unlocked(model, ticket, outcome),
        Message::Refreshed(ticket, known) => {
            overview::refreshed(model, ticket, *known);
            chain::follow(model)
        }
        Message::Found(ticket, outcome) => {
            patients::found(model, ticket, outcome);
            Vec::new()
        }
        Message::LookedUp(ticket, outcome) => lookup::looked_up(model, ticket, outcome),
        Message::Fetched(ticket, outcome) => {
            history::fetched(model, ticket, outcome);
            Vec::new()
        }
        Message::Blocks(ticket, outcome) => chain::fetched(model, ticket, outcome),
        Message::Block(ticket, outcome) => {
            chain::block::fetched(model, ticket, outcome);
            Vec::new()
        }
        Message::Watched(watched) => watching::watched(model, *watched),
        Message::WatchEnded => {
            model.overview.streams = false;
            overview::tick(model)
        }
        Message::Checked(ticket, rows) => chain::checked(model, ticket, rows),
        Message::Bisected(ticket, outcome) => {
            bisect::found(model, ticket, outcome);
            Vec::new()
        }
        Message::AlarmClosed(ticket, outcome) => {
            alarms::closed(model, ticket, outcome);
            Vec::new()
        }
        Message::Custody(ticket, outcome) => {
            record::custody(model, ticket, outcome);
            Vec::new()
        }
        Message::Progressed { ticket, part, progress } => {
            entry::progressed(model, ticket, part, progress);
            Vec::new()
        }
        Message::Sent { ticket, part, outcome } => entry::sent(model, ticket, part, outcome),
    }
}

/// A key means what the table says at this place; where text is typed and the table says nothing, it is typed.
fn key_pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    model.last_key_s = model.now_s;
    model.notice = None;
    let place = model.place();
    if let Some(binding) = keymap::binding(place, key) {
        return act(model, binding.action);
    }
    if let Some(edit) = place.typing().then(|| Edit::of(key)).flatten() {
        type_edit(model, edit);
    }
    Vec::new()
}

fn type_edit(model: &mut Model, edit: Edit) {
    match model.dialogs.last_mut() {
        Some(Dialog::Alarms(alarms)) => alarms.edit(edit),
        Some(Dialog::Lookup(lookup)) => lookup.edit(edit),
        Some(_) => {}
        None => match model.screen {
            Screen::Unlock => model.unlock.edit(edit),
            Screen::Patients => model.patients.edit(edit),
            Screen::Entry => {
                if let Some(entry) = &mut model.entry {
                    entry.edit(edit);
                }
            }
            Screen::Overview
            | Screen::History
            | Screen::Record
            | Screen::Chain
            | Screen::Block
            | Screen::Transaction => {}
        },
    }
}

/// Pasted text goes into a field or nowhere: it must not press keys.
fn paste(model: &mut Model, text: &str) {
    match model.place() {
        Place::Unlock => model.unlock.paste(text),
        Place::SearchField => model.patients.query.paste(text),
        Place::AlarmReason => {
            if let Some(Dialog::Alarms(alarms)) = model.dialogs.last_mut() {
                alarms.paste(text);
            }
        }
        Place::LookupPurpose | Place::LookupUsual | Place::LookupReason => {
            if let Some(Dialog::Lookup(lookup)) = model.dialogs.last_mut() {
                lookup.paste(text);
            }
        }
        Place::EntryText => {
            if let Some(entry) = &mut model.entry {
                entry.paste(text);
            }
        }
        _ => {}
    }
}

/// Does what a person asked for.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit => return quit(model),
        Action::Lock => return lock(model, None),
        Action::Redraw => return vec![Effect::Redraw],
        Action::Help => {
            let place = model.place();
            model.dialogs.push(Dialog::Help(Help { place, scroll: 0 }));
            return Vec::new();
        }
        Action::Alarms => {
            alarms::open(model);
            return Vec::new();
        }
        _ => {}
    }
    match model.dialogs.last() {
        Some(Dialog::Alarms(_)) => return alarms::act(model, action),
        Some(Dialog::Bisect(_)) => return bisect::act(model, action),
        Some(Dialog::Cell(_)) => return cell::act(model, action),
        Some(Dialog::Lookup(_)) => return lookup::act(model, action),
        Some(Dialog::Confirm(_)) => return confirm::act(model, action),
        Some(Dialog::Help(_)) => return help::act(model, action),
        Some(Dialog::Staff(_)) => return staff::act(model, action),
        None => {}
    }
    match action {
        Action::Staff => {
            model.dialogs.push(Dialog::Staff(staff::Staff::default()));
            Vec::new()
        }
        Action::Overview => overview::open(model),
        Action::Patients => patients::open(model),
        Action::Chain => chain::open(model),
        _ => match model.screen {
            Screen::Unlock => unlock::act(model, action),
            Screen::Overview => overview::act(model, action),
            Screen::Patients => patients::act(model, action),
            Screen::History => history::act(model, action),
            Screen::Record => record::act(model, action),
            Screen::Entry => entry::act(model, action),
            Screen::Chain => chain::act(model, action),
            Screen::Block => chain::block::act(model, action),
            Screen::Transaction => chain::transaction::act(model, action),
        },
    }
}

/// Leaves at once when nothing would be lost.
fn quit(model: &mut Model) -> Vec<Effect> {
    let text = match (&model.who, model.is_sending(), model.has_unsent_text()) {
        // Nobody is asked on the locked screen: whoever stands there could not see what it is about.
        (None, ..) | (_, false, false) => return vec![Effect::Quit],
        (_, true, _) => "A record is still being sent. What is not kept at the branch yet would be lost.",
        (_, false, true) => "The form has text that was not sent. It would be lost.",
    };
    let asked = |dialog: &Dialog| matches!(dialog, Dialog::Confirm(Confirm { question: Question::Quit, .. }));
    if !model.dialogs.iter().any(asked) {
        let confirm = Confirm::new(Question::Quit, "Leave the console?", text, ["Leave", "Stay"]);
        model.dialogs.push(Dialog::Confirm(confirm));
    }
    Vec::new()
}

/// The clock moved on: the session may be over, the person gone, the overview old.
fn tick(model: &mut Model, now_s: u64) -> Vec<Effect> {
    model.now_s = now_s;
    let Some(who) = &model.who else { return Vec::new() };
    if now_s >= who.expires_s {
        return lock(model, Some("The session is over after its full time. Unlock again.".into()));
    }
    if now_s >= model.last_key_s.saturating_add(model.idle_lock_s) {
        let minutes = model.idle_lock_s.div_ceil(60);
        return lock(model, Some(format!("Locked after {minutes} min without a key.")));
    }
    overview::tick(model)
}

/// Wipes what the session showed and ends it. A form with text waits for the same person; what is being sent goes on.
fn lock(model: &mut Model, reason: Option<String>) -> Vec<Effect> {
    if model.who.is_none() {
        return Vec::new();
    }
    model.who = None;
    model.screen = Screen::Unlock;
    model.dialogs.clear();
    model.notice = None;
    model.overview = overview::OverviewScreen::default();
    model.patients = patients::Patients::default();
    model.history = None;
    model.record = record::RecordScreen::default();
    model.chain = chain::ChainScreen::default();
    if !model.is_sending() && !model.has_unsent_text() {
        model.entry = None;
    }
    model.unlock.reset(reason);
    vec![Effect::EndSession, Effect::Redraw]
}

#[cfg(test)]
#[path = "update/tests.rs"]
mod tests;

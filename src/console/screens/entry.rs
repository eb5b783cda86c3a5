//! Entry: one form for a visit with its prescription and receipt, then the progress of what is sent.
//!
//! Text is never thrown away unasked: not by Esc, not by a failure, not by the lock (the form then waits for the same
//! person). Records that arrived are not sent a second time.

mod draw;
pub mod form;
pub mod slot;

use crate::{
    dialogs::confirm::{Confirm, Question},
    effects::Effect,
    keymap::Place,
    message::{Action, Edit, Outcome, Ticket},
    model::{Dialog, Model, Pending, Screen},
    theme::Tone,
    when::form_time,
    widgets::patient::particulars,
};
use form::{Form, Made};
use slot::{Kind, Part, Slot};
use std::collections::{BTreeMap, BTreeSet};
use wardline_client::{Added, Progress};
use wardline_ledger::{PatientId, StaffId};
use wardline_record::{Body, Identity, RecordRef};

pub use draw::draw;

/// The screen's state, for one patient and one person.
#[derive(Debug)]
pub struct Entry {
    /// Whose form it is: nobody else sees it.
    pub owner: StaffId,
    /// The patient.
    pub patient: PatientId,
    /// Who that is.
    pub identity: Identity,
    /// The branch that it is written at.
    pub branch_name: String,
    /// What was typed.
    pub form: Form,
    /// Which place takes the keys.
    pub focus: Slot,
    /// Places that were left once: their errors are shown.
    pub touched: BTreeSet<Slot>,
    /// Whether sending was tried: all errors are shown.
    pub tried: bool,
    /// Records that arrived.
    pub arrived: BTreeMap<Part, Added>,
    /// Records on their way.
    pub sending: Option<Sending>,
    /// Why the last sending stopped.
    pub failure: Option<String>,
}

/// Records on their way.
#[derive(Debug)]
pub struct Sending {
    /// The work.
    pub pending: Pending,
    /// Each record: which, its summary, how far it has come.
    pub parts: Vec<(Part, String, Vec<Progress>)>,
}

impl Entry {
    /// An empty form.
    pub fn new(model: &Model, owner: StaffId, patient: PatientId, identity: Identity) -> Self {
        let who = model.who.as_ref();
        let doctor = who.map_or("", |who| &who.name);
        Self {
            owner,
            patient,
            identity,
            branch_name: who.map_or_else(String::new, |who| who.branch_name.clone()),
            form: Form::new(&form_time(model.now_s, &model.zone), doctor, model.zone.clone()),
            focus: Slot::Class,
            touched: BTreeSet::new(),
            tried: false,
            arrived: BTreeMap::new(),
            sending: None,
            failure: None,
        }
    }

    /// Where keys go.
    pub fn place(&self) -> Place {
        match (&self.sending, self.focus.kind()) {
            (Some(_), _) => Place::Sending,
            (None, Kind::Text { .. }) => Place::EntryText,
            (None, Kind::Choice(_)) => Place::EntryChoice,
            (None, Kind::Button) => Place::EntryButton,
        }
    }

    /// Whether records are on their way.
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Whether text would be lost with the form.
    pub fn has_unsent_text(&self) -> bool {
        self.sending.is_none() && self.form.changed()
    }

    /// One step of typing.
    pub fn edit(&mut self, edit: Edit) {
        if self.sending.is_none() {
            self.form.edit(self.focus, edit);
        }
    }

    /// Pasted text.
    pub fn paste(&mut self, text: &str) {
        if self.sending.is_none() {
            self.form.paste(self.focus, text);
        }
    }

    /// The places of the form.
    pub fn slots(&self) -> Vec<Slot> {
        self.form.slots(&self.arrived.keys().copied().collect())
    }

    fn records(&self, now_s: u64) -> Result<Vec<Made>, Vec<(Slot, String)>> {
        let arrived = self.arrived.keys().copied().collect();
        self.form.records(&arrived, &self.branch_name, now_s, self.visit())
    }

    /// The visit that a receipt belongs to, once it arrived.
    fn visit(&self) -> Option<RecordRef> {
        self.arrived.get(&Part::Visit).map(|added| RecordRef::new(*added.record.bytes()))
    }

    /// What must be put right, as far as it is to be shown already.
    pub fn errors(&self, now_s: u64) -> Vec<(Slot, String)> {
        let errors = self.records(now_s).err().unwrap_or_default();
        errors.into_iter().filter(|(slot, _)| self.tried || self.touched.contains(slot)).collect()
    }

    /// What is wrong with the place that takes the keys.
    pub fn focus_error(&self, now_s: u64) -> Option<String> {
        let shown = self.sending.is_none();
        let errors = if shown { self.errors(now_s) } else { Vec::new() };
        errors.into_iter().find(|(slot, _)| *slot == self.focus).map(|(_, error)| error)
    }

    fn go(&mut self, to: Option<Slot>) {
        if let Some(to) = to {
            self.touched.insert(self.focus);
            self.focus = to;
        }
    }

    fn step(&mut self, by: isize) {
        let slots = self.slots();
        let at = slots.iter().position(|&slot| slot == self.focus).unwrap_or(0);
        self.go(at.checked_add_signed(by).and_then(|at| slots.get(at)).copied());
    }

    /// To the first place of the group after or before this one.
    fn section(&mut self, forward: bool) {
        let slots = self.slots();
        let at = slots.iter().position(|&slot| slot == self.focus).unwrap_or(0);
        let other = |slot: &&Slot| slot.group() != self.focus.group();
        let to = if forward {
            slots.iter().skip(at).find(other).or(slots.last())
        } else {
            let before = slots.iter().take(at).rfind(other).map(|slot| slot.group());
            slots.iter().find(|slot| Some(slot.group()) == before).or(slots.first())
        };
        self.go(to.copied());
    }
}

/// Opens the form for the patient whose history is open, or the one that is under way for that patient.
pub fn open(model: &mut Model) {
    let Some(screen) = &model.history else { return };
    let Ok(identity) = screen.proven() else { return };
    let (patient, identity) = (screen.patient, identity.clone());
    let Some(owner) = model.who.as_ref().map(|who| who.staff) else { return };
    match &model.entry {
        Some(entry) if entry.patient != patient && entry.is_sending() => {
            let name = entry.identity.name();
            return model.say(Tone::Warning, format!("Wait: the records for {name} are still being sent."));
        }
        Some(entry) if entry.patient != patient && entry.has_unsent_text() => {
            let text = format!(
                "There is a form with unsent text for {} ({}). Throw it away and begin a new one?",
                entry.identity.name(),
                particulars(&entry.identity)
            );
            let answers = ["Throw it away", "Keep it"];
            let confirm = Confirm::new(Question::DiscardOther, "Unsent form", &text, answers);
            return model.dialogs.push(Dialog::Confirm(confirm));
        }
        Some(entry) if entry.patient == patient => {}
        _ => model.entry = Some(Entry::new(model, owner, patient, identity)),
    }
    model.screen = Screen::Entry;
}

/// Throws the form away and leaves it.
pub fn discard(model: &mut Model) {
    model.entry = None;
    leave(model);
}

fn leave(model: &mut Model) {
    if model.screen == Screen::Entry {
        model.screen = if model.history.is_some() { Screen::History } else { Screen::Patients };
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(entry) = &mut model.entry else {
        leave(model);
        return Vec::new();
    };
    match action {
        Action::Back if entry.is_sending() => leave(model),
        Action::Back if entry.form.changed() => {
            let text = "The form has text that was not sent.";
            let answers = ["Throw it away", "Keep writing"];
            let confirm = Confirm::new(Question::Discard, "Leave the form?", text, answers);
            model.dialogs.push(Dialog::Confirm(confirm));
        }
        Action::Back => discard(model),
        _ if entry.is_sending() => {}
        Action::Next => entry.step(1),
        Action::Previous => entry.step(-1),
        Action::PageDown => entry.section(true),
        Action::PageUp => entry.section(false),
        Action::Left => entry.form.turn(entry.focus, false),
        Action::Right => entry.form.turn(entry.focus, true),
        Action::Send | Action::Accept => review(model),
        _ => {}
    }
    Vec::new()
}

/// Why the form may not be sent: the history that is open says that its patient is somebody else.
fn unproven(model: &Model) -> Option<String> {
    let entry = model.entry.as_ref()?;
    let screen = model.history.as_ref().filter(|screen| screen.patient == entry.patient)?;
    match screen.proven() {
        Ok(identity) if *identity == entry.identity => None,
        Ok(_) => Some("The form was begun under another identity of this patient: begin a new one.".into()),
        Err(why) => Some(why),
    }
}

/// Why nothing can be written here now, before anybody types for nothing.
pub(super) fn stopped(model: &Model) -> Option<String> {
    let who = model.who.as_ref()?;
    let why = model.alarms.stopped(who.branch)?;
    Some(format!("{why}. What you type is kept here; it can be sent when the alarm is closed."))
}

/// Checks the form; shows what will be sealed, where, on which assent, and asks.
fn review(model: &mut Model) {
    if let Some(why) = stopped(model).or_else(|| unproven(model)) {
        return model.say(Tone::Bad, why);
    }
    let Some(entry) = &mut model.entry else { return };
    entry.tried = true;
    match entry.records(model.now_s) {
        Err(errors) => {
            let first = errors.first().map(|(slot, _)| *slot).filter(|&slot| slot != Slot::Send);
            if let Some(slot) = first {
                entry.focus = slot;
            }
            let fields =
                if errors.len() == 1 { "One field is" } else { &format!("{} fields are", errors.len()) };
            let first =
                errors.first().map(|(slot, error)| format!("{}: {error}", slot.label())).unwrap_or_default();
            model.say(Tone::Bad, format!("{fields} to be put right before this can be sent. {first}."));
        }
        Ok(made) => {
            let line = |label: &str, text: String| (label.to_owned(), text);
            let mut lines: Vec<_> =
                made.iter().map(|made| line(made.part.name(), made.record.summary())).collect();
            if let Some(Body::Visit(visit)) = made.first().map(|made| &made.record.body) {
                lines.insert(1, line("Reason", visit.reason.to_string()));
            }
            let patient = format!("{}, {}", entry.identity.name(), particulars(&entry.identity));
            lines.push(line("For", patient));
            lines.push(line(
                "Sealed",
                format!("on this machine; kept at {} and copied to others", entry.branch_name),
            ));
            lines.push(line("Assent", "network default policy".into()));
            lines.push(line("", "A record can be corrected by another one, never removed.".into()));
            model.dialogs.push(Dialog::Confirm(Confirm {
                question: Question::Send,
                title: "Seal and send".into(),
                lines,
                answers: ["Seal and send", "Back to the form"],
                yes: false,
            }));
        }
    }
}

/// Sends what the form makes; asked and answered before.
pub fn send(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = stopped(model).or_else(|| unproven(model)) {
        model.say(Tone::Bad, why);
        return Vec::new();
    }
    let pending = model.pending();
    let Some(entry) = &mut model.entry else { return Vec::new() };
    let Ok(made) = entry.records(model.now_s) else { return Vec::new() };
    entry.failure = None;
    entry.sending = Some(Sending {
        pending,
        parts: made.iter().map(|made| (made.part, made.record.summary(), Vec::new())).collect(),
    });
    vec![Effect::SendRecords {
        ticket: pending.ticket,
        patient: entry.patient,
        records: made.into_iter().map(|made| made.record).collect(),
    }]
}

fn sending_of(model: &mut Model, ticket: Ticket) -> Option<&mut Entry> {
    model
        .entry
        .as_mut()
        .filter(|entry| entry.sending.as_ref().is_some_and(|sending| sending.pending.ticket == ticket))
}

/// A record went one step on.
pub fn progressed(model: &mut Model, ticket: Ticket, part: usize, progress: Progress) {
    let sending = sending_of(model, ticket).and_then(|entry| entry.sending.as_mut());
    let Some((_, _, steps)) = sending.and_then(|sending| sending.parts.get_mut(part)) else { return };
    // Copies are counted up in place.
    if let (Some(Progress::Copied { .. }), Progress::Copied { .. }) = (steps.last(), &progress) {
        steps.pop();
    }
    steps.push(progress);
}

/// A record arrived, or did not.
pub fn sent(model: &mut Model, ticket: Ticket, part: usize, outcome: Outcome<Added>) -> Vec<Effect> {
    let Some(entry) = sending_of(model, ticket) else { return Vec::new() };
    let Some(sending) = &entry.sending else { return Vec::new() };
    let Some(&(kind, ..)) = sending.parts.get(part) else { return Vec::new() };
    match outcome {
        Ok(added) => {
            let last = part + 1 == sending.parts.len();
            entry.arrived.insert(kind, added);
            if last { finish(model) } else { Vec::new() }
        }
        Err(why) => {
            let why = why.trim_end_matches('.');
            entry.failure = Some(format!("The {} was not sent: {why}.", kind.name().to_lowercase()));
            entry.sending = None;
            if !entry.slots().contains(&entry.focus) {
                entry.focus = Slot::Send;
            }
            if model.screen != Screen::Entry {
                model.say(Tone::Bad, "A record was not sent: open the form again with n for the reason.");
            }
            Vec::new()
        }
    }
}

/// Everything arrived: the form is done, and the history is fetched again with the new records.
fn finish(model: &mut Model) -> Vec<Effect> {
    let Some(entry) = model.entry.take() else { return Vec::new() };
    let parts: Vec<_> = entry
        .arrived
        .iter()
        .map(|(part, added)| format!("{} at {}", part.name(), added.main_height))
        .collect();
    let copies = entry.arrived.values().map(|added| added.receipts.len()).min().unwrap_or(0);
    let text = format!("AGREED on the main chain: {}; kept by {copies} branches.", parts.join(", "));
    model.say(Tone::Good, text);
    leave(model);
    if model.history.as_ref().is_some_and(|screen| screen.patient == entry.patient) {
        let first = entry.arrived.values().next().map(|added| added.record);
        return super::history::fetch_new(model, first);
    }
    Vec::new()
}

//! Unlock: choose a key file, type its passphrase.
//!
//! The passphrase leaves this screen once, for the task that opens the file, and is wiped here in the same step.

use crate::{
    effects::Effect,
    message::{Action, Edit, Outcome, Ticket, Who},
    model::{Model, Pending, Screen},
    theme::Tone,
    widgets::{
        canvas::{Canvas, indent, row, width, wrap},
        field::Passphrase,
        table::moved,
    },
};
use ratatui::layout::Rect;

/// Columns of the labels.
const LABEL: u16 = 14;
/// Columns of the passphrase field.
const FIELD: u16 = 30;

/// Lines for everything but the list of key files.
const STATUS_LINES: u16 = 11;

/// The screen's state.
#[derive(Debug, Default)]
pub struct Unlock {
    /// Who the key files belong to, as the caller labelled them.
    pub staff: Vec<String>,
    /// Which is chosen.
    pub selected: usize,
    /// What is typed.
    pub passphrase: Passphrase,
    /// Where the passphrase is to be found, for a demo.
    pub hint: Option<String>,
    /// Why the last try failed, shown beside the field.
    pub error: Option<String>,
    /// Why the console is locked, when it locked itself.
    pub reason: Option<String>,
    /// The file is being opened.
    pub pending: Option<Pending>,
    /// A demo's passphrase, put into the field whenever it would be empty; wiped like the field.
    pub prefilled: Passphrase,
}

impl Unlock {
    /// Choices by their labels.
    pub fn new(staff: Vec<String>, hint: Option<String>, prefilled: Passphrase) -> Self {
        let mut unlock = Self { staff, hint, prefilled, ..Self::default() };
        unlock.reset(None);
        unlock
    }

    /// The screen as it opens: nothing typed, or the demo's passphrase.
    pub fn reset(&mut self, reason: Option<String>) {
        self.passphrase.copy_of(&self.prefilled);
        (self.error, self.reason, self.pending) = (None, reason, None);
    }

    /// The demo's passphrase stands in the field again, after a try or for another person.
    fn refill(&mut self) {
        if !self.prefilled.is_empty() {
            self.passphrase.copy_of(&self.prefilled);
        }
    }

    /// Where the passphrase is to be found. The demo's hint says that it is filled in, so only while it is.
    fn hint(&self) -> Option<&String> {
        let true_now = self.prefilled.is_empty() || self.passphrase.is_same(&self.prefilled);
        self.hint.as_ref().filter(|_| true_now)
    }

    /// One step of typing.
    pub fn edit(&mut self, edit: Edit) {
        if self.pending.is_none() {
            self.error = None;
            self.passphrase.edit(edit);
        }
    }

    /// A pasted passphrase.
    pub fn paste(&mut self, text: &str) {
        if self.pending.is_none() {
            self.passphrase.append(text);
        }
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Up => choose(model, -1),
        Action::Down if model.unlock.selected + 1 == model.unlock.staff.len() => choose(model, isize::MIN),
        Action::Down => choose(model, 1),
        Action::Back => return leave(model),
        Action::Accept => return accept(model),
        _ => {}
    }
    Vec::new()
}

fn choose(model: &mut Model, by: isize) {
    if model.unlock.pending.is_none() {
        model.unlock.selected = moved(model.unlock.selected, model.unlock.staff.len(), by);
        model.unlock.error = None;
        model.unlock.refill();
    }
}

/// Esc stops a try that takes too long, else clears the field.
fn leave(model: &mut Model) -> Vec<Effect> {
    match model.unlock.pending.take() {
        Some(pending) => vec![Effect::Cancel(pending.ticket)],
        None => {
            model.unlock.passphrase.clear();
            Vec::new()
        }
    }
}

fn accept(model: &mut Model) -> Vec<Effect> {
    if model.unlock.pending.is_some() {
        return Vec::new();
    }
    if model.unlock.passphrase.is_empty() {
        model.unlock.error = Some("type the passphrase".into());
        return Vec::new();
    }
    let pending = model.pending();
    model.unlock.pending = Some(pending);
    model.unlock.error = None;
    let passphrase = model.unlock.passphrase.take();
    vec![Effect::Unlock { ticket: pending.ticket, choice: model.unlock.selected, passphrase }]
}

/// The key file opened, or did not.
pub fn unlocked(model: &mut Model, ticket: Ticket, outcome: Outcome<Who>) -> Vec<Effect> {
    if model.unlock.pending.is_none_or(|pending| pending.ticket != ticket) {
        return Vec::new();
    }
    model.unlock.pending = None;
    match outcome {
        Err(why) => {
            model.unlock.error = Some(why);
            model.unlock.refill();
            Vec::new()
        }
        Ok(who) => {
            model.unlock.reset(None);
            model.last_key_s = model.now_s;
            // A form that another person left is nobody else's to read; what it is sending goes on by itself.
            if model.entry.as_ref().is_some_and(|entry| entry.owner != who.staff) {
                model.entry = None;
            }
            model.who = Some(who);
            if model.entry.is_some() {
                model.screen = Screen::Entry;
                model.say(Tone::Plain, "This is the form that was open when the console locked.");
                return Vec::new();
            }
            super::overview::open(model)
        }
    }
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let unlock = &model.unlock;
    let area = indent(area, 3);
    canvas.write(row(area, 1), "Who are you?", Tone::Strong);
    let mut line = 2;
    let rows = usize::from(area.height.saturating_sub(STATUS_LINES)).max(1);
    let first = unlock.selected / rows * rows;
    for (at, label) in unlock.staff.iter().enumerate().skip(first).take(rows) {
        let place = row(area, line);
        canvas.mark(place, at == unlock.selected);
        canvas.write(indent(place, 2), label, Tone::Plain);
        line += 1;
    }
    line += 1;
    let place = row(area, line);
    canvas.write(place, "Passphrase", Tone::Strong);
    let field = Rect { width: FIELD.min(indent(place, LABEL).width), ..indent(place, LABEL) };
    unlock.passphrase.draw(canvas, field);
    let beside = indent(place, LABEL + FIELD + 2);
    if let Some(pending) = unlock.pending {
        canvas.write(beside, &format!("unlocking {}", model.spinner(pending)), Tone::Plain);
    } else if let Some(error) = &unlock.error {
        if width(error) <= beside.width {
            canvas.write(beside, error, Tone::Bad);
        } else {
            // Too long for the place beside the field: the lines under it.
            for text in wrap(error, indent(place, LABEL).width) {
                line += 1;
                canvas.write(indent(row(area, line), LABEL), &text, Tone::Bad);
            }
        }
    }
    for text in unlock.reason.iter().chain(unlock.hint()) {
        line += 1;
        for text in wrap(text, area.width) {
            line += 1;
            canvas.write(row(area, line), &text, Tone::Plain);
        }
    }
}

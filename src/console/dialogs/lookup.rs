//! Lookup: purpose and reason, before anything of a patient's history is asked for.
//!
//! It must not fetch anything by itself: the history is asked for only when the lookup is final and verified.

use crate::{
    effects::Effect,
    keymap::Place,
    message::{Action, Edit, Outcome, Ticket},
    model::{Dialog, Model, Pending},
    screens::history,
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, row, wrap},
        field::TextField,
        patient::particulars,
        table::moved,
    },
};
use ratatui::layout::Rect;
use wardline_client::FinalLookup;
use wardline_ledger::PatientId;
use wardline_policy::{Operation, Purpose};
use wardline_record::Identity;

/// Most bytes of a reason, as the ledger has it.
const REASON_MAX: usize = 200;
/// Reasons that are given most often.
const USUAL: &[&str] =
    &["Visit today", "Ward round", "Appointment ahead", "Patient on the telephone", "Emergency"];

/// Which part takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The list of purposes.
    Purpose,
    /// The list of usual reasons.
    Usual,
    /// The reason's field.
    Reason,
}

/// The dialog's state.
#[derive(Debug)]
pub struct Lookup {
    /// Who is meant.
    pub patient: PatientId,
    /// Who that is.
    pub identity: Identity,
    /// Every purpose, with why the person may not have it.
    pub purposes: Vec<(Purpose, Option<String>)>,
    /// The chosen purpose.
    pub purpose: usize,
    /// The marked usual reason.
    pub usual: usize,
    /// The reason.
    pub reason: TextField,
    /// Which part takes the keys.
    pub focus: Focus,
    /// What is wrong, shown beside the part.
    pub error: Option<String>,
    /// The lookup is on its way.
    pub pending: Option<Pending>,
}

impl Lookup {
    /// Opens on the first purpose that is allowed.
    pub fn new(model: &Model, patient: PatientId, identity: Identity) -> Self {
        let purposes: Vec<_> = Purpose::ALL
            .iter()
            .map(|&purpose| (purpose, model.refusal_for(Operation::SubmitLookup, Some(purpose))))
            .collect();
        let purpose = purposes.iter().position(|(_, refusal)| refusal.is_none()).unwrap_or(0);
        Self {
            patient,
            identity,
            purposes,
            purpose,
            usual: 0,
            reason: TextField::long(),
            focus: Focus::Purpose,
            error: None,
            pending: None,
        }
    }

    /// Where keys go.
    pub fn place(&self) -> Place {
        match (self.pending, self.focus) {
            (Some(_), _) => Place::LookupWaiting,
            (None, Focus::Purpose) => Place::LookupPurpose,
            (None, Focus::Usual) => Place::LookupUsual,
            (None, Focus::Reason) => Place::LookupReason,
        }
    }

    /// One step of typing. A letter goes to the reason's words from the lists too: whoever types means them.
    pub fn edit(&mut self, edit: Edit) {
        if matches!(edit, Edit::Insert(_)) {
            self.focus = Focus::Reason;
        }
        if self.focus == Focus::Reason {
            self.error = None;
            self.reason.edit(edit);
        }
    }

    /// Pasted text goes where typed text goes.
    pub fn paste(&mut self, text: &str) {
        self.focus = Focus::Reason;
        self.error = None;
        self.reason.paste(text);
    }

    /// What is wrong with the reason's length.
    fn too_long(&self) -> Option<String> {
        let reason = self.reason.value().trim();
        let characters = reason.chars().count();
        if reason.len() <= REASON_MAX {
            return None;
        }
        Some(if characters > REASON_MAX {
            format!("keep the reason to {REASON_MAX} characters: it has {characters}")
        } else {
            "keep the reason shorter: letters with accents and other scripts take more room".into()
        })
    }

    fn step(&mut self, forward: bool) {
        self.error = None;
        self.focus = match (self.focus, forward) {
            (Focus::Purpose, true) | (Focus::Reason, false) => Focus::Usual,
            (Focus::Usual, true) | (Focus::Purpose, false) => Focus::Reason,
            (Focus::Reason, true) | (Focus::Usual, false) => Focus::Purpose,
        };
    }

    /// Up and down go through the lists, and from the end of one to the next.
    fn move_by(&mut self, by: isize) {
        self.error = None;
        let (selected, count) = match self.focus {
            Focus::Purpose => (&mut self.purpose, self.purposes.len()),
            Focus::Usual => (&mut self.usual, USUAL.len()),
            Focus::Reason => return,
        };
        let before = *selected;
        *selected = moved(before, count, by);
        let over_the_end = *selected == before && matches!(by, 1 | -1);
        if over_the_end && (self.focus, by) != (Focus::Purpose, -1) {
            self.step(by > 0);
        }
    }
}

/// What an action does while the dialog is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(Dialog::Lookup(lookup)) = model.dialogs.last_mut() else { return Vec::new() };
    match action {
        Action::Accept => return accept(model),
        Action::Back => {
            let pending = lookup.pending.take();
            model.dialogs.pop();
            return pending.map(|pending| Effect::Cancel(pending.ticket)).into_iter().collect();
        }
        Action::Next => lookup.step(true),
        Action::Previous => lookup.step(false),
        Action::Up => lookup.move_by(-1),
        Action::Down => lookup.move_by(1),
        Action::First | Action::PageUp => lookup.move_by(isize::MIN),
        Action::Last | Action::PageDown => lookup.move_by(isize::MAX),
        _ => {}
    }
    Vec::new()
}

fn accept(model: &mut Model) -> Vec<Effect> {
    let pending = model.pending();
    let Some(Dialog::Lookup(lookup)) = model.dialogs.last_mut() else { return Vec::new() };
    lookup.error = None;
    if lookup.focus == Focus::Usual {
        let usual = USUAL.get(lookup.usual).copied().unwrap_or_default();
        lookup.reason.set(usual);
        lookup.focus = Focus::Reason;
        return Vec::new();
    }
    let Some((purpose, refusal)) = lookup.purposes.get(lookup.purpose).cloned() else { return Vec::new() };
    if let Some(refusal) = refusal {
        lookup.focus = Focus::Purpose;
        lookup.error = Some(refusal);
        return Vec::new();
    }
    let reason = lookup.reason.value().trim().to_owned();
    if lookup.focus == Focus::Purpose {
        // Words that stand already are not offered to be replaced.
        lookup.focus = if reason.is_empty() { Focus::Usual } else { Focus::Reason };
        return Vec::new();
    }
    lookup.error = if reason.is_empty() { Some("say why in a few words".into()) } else { lookup.too_long() };
    if lookup.error.is_some() {
        return Vec::new();
    }
    lookup.pending = Some(pending);
    vec![Effect::LookUp { ticket: pending.ticket, patient: lookup.patient, purpose, reason }]
}

/// The lookup is final and verified, or is not.
pub fn looked_up(model: &mut Model, ticket: Ticket, outcome: Outcome<FinalLookup>) -> Vec<Effect> {
    let waiting = |dialog: &Dialog| matches!(dialog, Dialog::Lookup(lookup) if lookup.pending.is_some_and(|pending| pending.ticket == ticket));
    let Some(at) = model.dialogs.iter().position(waiting) else { return Vec::new() };
    match outcome {
        Err(why) => {
            if let Some(Dialog::Lookup(lookup)) = model.dialogs.get_mut(at) {
                lookup.pending = None;
                lookup.error = Some(why);
            }
            Vec::new()
        }
        Ok(lookup) => match model.dialogs.remove(at) {
            Dialog::Lookup(dialog) => history::open(model, dialog.patient, dialog.identity, lookup),
            _ => Vec::new(),
        },
    }
}

/// First line of the purposes, of the usual reasons, and the line of the reason, counted from the patient's name.
const PURPOSES: u16 = 4;
const REASONS: u16 = 11;
const REASON: u16 = REASONS + 5;
/// Lines in all: the reason and two for what is wrong.
const LINES: u16 = REASON + 3;

impl Lookup {
    /// The line that must be seen.
    fn focus_line(&self) -> u16 {
        let nth = |first: u16, at: usize| first.saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
        match self.focus {
            _ if self.pending.is_some() => REASON + 1,
            Focus::Purpose => nth(PURPOSES, self.purpose),
            Focus::Usual => nth(REASONS, self.usual),
            Focus::Reason => REASON,
        }
    }
}

/// The dialog's lines under the patient's name, scrolled on a low screen so that the focus is seen.
#[derive(Clone, Copy)]
struct Page {
    area: Rect,
    skip: u16,
}

impl Page {
    fn line(self, n: u16) -> Rect {
        match n.checked_sub(1 + self.skip) {
            Some(n) => row(below(self.area, 1), n),
            None => Rect::default(),
        }
    }
}

/// Draws the dialog over the screen.
pub fn draw(model: &Model, lookup: &Lookup, canvas: &mut Canvas<'_>, screen: Rect) {
    let place = super::centred(screen, 76, LINES + 2);
    let area = canvas.framed(place, "Look up this patient");
    let over = LINES.saturating_sub(area.height);
    let page = Page { area, skip: (lookup.focus_line() + 2).saturating_sub(area.height).min(over) };
    canvas.write(row(area, 0), &lookup.identity.name(), Tone::Strong);
    canvas.write(page.line(1), &particulars(&lookup.identity), Tone::Plain);
    let kept = "The lookup is kept for good, with your name, purpose and reason.";
    canvas.write(page.line(2), kept, Tone::Quiet);
    draw_purposes(lookup, canvas, page);
    draw_reasons(lookup, canvas, page);
    let under = page.line(REASON + 1);
    if let Some(pending) = lookup.pending {
        let text = format!("recording the lookup at all branches {}", model.spinner(pending));
        canvas.write(under, &text, Tone::Plain);
        return canvas.set_cursor(under.x, under.y);
    }
    let refusal = lookup.purposes.get(lookup.purpose).and_then(|(_, refusal)| refusal.as_ref());
    // While the words are typed nobody is told that they are too long; once they are left, and on Enter.
    let error =
        lookup.error.clone().or_else(|| (lookup.focus != Focus::Reason).then(|| lookup.too_long()).flatten());
    let (text, tone) = match (&error, refusal) {
        (Some(error), _) => (error.as_str(), Tone::Bad),
        (None, Some(refusal)) => (refusal.as_str(), Tone::Warning),
        (None, None) => return,
    };
    for (text, line) in wrap(text, area.width).iter().zip(REASON + 1..) {
        canvas.write(page.line(line), text, tone);
    }
}

fn draw_purposes(lookup: &Lookup, canvas: &mut Canvas<'_>, page: Page) {
    canvas.write(page.line(PURPOSES), "Purpose", Tone::Strong);
    for ((at, (purpose, refusal)), line) in lookup.purposes.iter().enumerate().zip(PURPOSES..) {
        let chosen = at == lookup.purpose;
        let tone = if refusal.is_some() { Tone::Quiet } else { Tone::Plain };
        let text = format!("{} {:<16}", if chosen { "(x)" } else { "( )" }, purpose.words());
        let rest =
            draw_option(canvas, page.line(line), chosen && lookup.focus == Focus::Purpose, &text, tone);
        if refusal.is_some() {
            canvas.write(rest, "not with your role", tone);
        }
    }
}

fn draw_reasons(lookup: &Lookup, canvas: &mut Canvas<'_>, page: Page) {
    canvas.write(page.line(REASONS), "Reason", Tone::Strong);
    for ((at, usual), line) in USUAL.iter().enumerate().zip(REASONS..) {
        let marked = at == lookup.usual && lookup.focus == Focus::Usual;
        draw_option(canvas, page.line(line), marked, usual, Tone::Plain);
    }
    canvas.write(page.line(REASON), "In words", Tone::Plain);
    let field = indent(page.line(REASON), 12);
    if field.height > 0 {
        lookup.reason.draw(canvas, field, lookup.focus == Focus::Reason && lookup.pending.is_none());
    }
}

fn draw_option(canvas: &mut Canvas<'_>, line: Rect, marked: bool, text: &str, tone: Tone) -> Rect {
    let place = indent(line, 10);
    canvas.mark(place, marked);
    if marked && place.height > 0 {
        canvas.set_cursor(place.x, place.y);
    }
    canvas.write(indent(place, 2), text, tone)
}

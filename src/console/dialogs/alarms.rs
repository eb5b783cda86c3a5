//! Alarms: what was found out, one alarm in full words, and closing one with a reason.
//!
//! It must not close anything by itself: the client does, for whom it may, and keeps who did and why.

use crate::{
    alarms::{REASON, advice, consequence, headline},
    dialogs::confirm::{Confirm, Question},
    effects::Effect,
    keymap::Place,
    message::{Action, Edit, Outcome, Ticket},
    model::{Dialog, Model, Pending},
    theme::Tone,
    when::{clock_time, date_time},
    widgets::{
        canvas::{Canvas, indent, row, wrap},
        field::TextField,
        page::Page,
        table::{moved, page as page_of},
    },
};
use ratatui::layout::Rect;
use wardline_client::Alarm;
use wardline_policy::Operation;

/// Lines under an alarm's page for the reason: label with field, and what is wrong with it.
const REASON_LINES: u16 = 3;

/// The dialog's state.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    /// The selected alarm.
    pub selected: usize,
    /// The one that is open in full.
    pub open: Option<Open>,
}

/// One alarm in full.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// Which one.
    pub id: String,
    /// First line that is shown.
    pub scroll: usize,
    /// Why it is to be closed, while that is typed.
    pub reason: Option<TextField>,
    /// It is being closed.
    pub pending: Option<Pending>,
    /// Why it was not closed.
    pub error: Option<String>,
}

impl Alarms {
    /// Where keys go.
    pub fn place(&self) -> Place {
        match &self.open {
            None => Place::Alarms,
            Some(Open { reason: Some(_), .. }) => Place::AlarmReason,
            Some(_) => Place::Alarm,
        }
    }

    /// The field for the reason.
    fn reason(&mut self) -> Option<&mut TextField> {
        let open = self.open.as_mut().filter(|open| open.pending.is_none())?;
        open.error = None;
        open.reason.as_mut()
    }

    /// One step of typing.
    pub fn edit(&mut self, edit: Edit) {
        if let Some(reason) = self.reason() {
            reason.edit(edit);
        }
    }

    /// Pasted text.
    pub fn paste(&mut self, text: &str) {
        if let Some(reason) = self.reason() {
            reason.paste(text);
        }
    }
}

/// Opens the list, or the one alarm that there is.
pub fn open(model: &mut Model) {
    let mut dialog = Alarms::default();
    if let [only] = model.alarms.all() {
        dialog.open = Some(Open { id: only.id.clone(), ..Open::default() });
    }
    model.dialogs.push(Dialog::Alarms(dialog));
}

/// What an action does while the dialog is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let screen = crate::draw::body_of(model.size, &model.alarms);
    let count = model.alarms.all().len();
    let Some(Dialog::Alarms(dialog)) = model.dialogs.last_mut() else { return Vec::new() };
    let Some(open) = &mut dialog.open else {
        let rows = isize::try_from(page_of(screen, 0).1).unwrap_or(1);
        let by = match action {
            Action::Up => -1,
            Action::Down => 1,
            Action::PageUp => -rows,
            Action::PageDown => rows,
            Action::First => isize::MIN,
            Action::Last => isize::MAX,
            Action::Accept => {
                let id = model.alarms.all().get(dialog.selected).map(|alarm| alarm.id.clone());
                dialog.open = id.map(|id| Open { id, ..Open::default() });
                return Vec::new();
            }
            _ => {
                model.dialogs.pop();
                return Vec::new();
            }
        };
        dialog.selected = moved(dialog.selected, count, by);
        return Vec::new();
    };
    match action {
        Action::Back if open.reason.is_some() && open.pending.is_none() => open.reason = None,
        Action::Back if count > 1 => dialog.open = None,
        Action::Back => drop(model.dialogs.pop()),
        Action::CloseAlarm => begin_closing(model),
        Action::Accept if open.reason.is_some() => ask(model),
        _ => {
            if let Some(alarm) = model.alarms.find(&open.id) {
                let page = page(alarm, &model.zone, model.now_s, screen);
                open.scroll = page.scrolled(screen, 0, open.scroll, action);
            }
        }
    }
    Vec::new()
}

/// The reason is asked for, of whom may close it.
fn begin_closing(model: &mut Model) {
    let refusal = model.refusal(Operation::CloseAlarm);
    let Some(Dialog::Alarms(Alarms { open: Some(open), .. })) = model.dialogs.last_mut() else { return };
    let closed = model.alarms.find(&open.id).and_then(|alarm| alarm.closed.as_ref());
    let why = match (closed, refusal) {
        (Some(closed), _) => format!("It is closed already, by {}.", closed.by),
        (None, Some(why)) => format!("You cannot close an alarm: {why}."),
        (None, None) => {
            (open.reason, open.error) = (Some(TextField::long()), None);
            return;
        }
    };
    model.say(Tone::Warning, why);
}

/// Holds the reason against its length, then asks once more.
fn ask(model: &mut Model) {
    let Some(Dialog::Alarms(Alarms { open: Some(open), .. })) = model.dialogs.last_mut() else { return };
    let Some(reason) = open.reason.as_ref().filter(|_| open.pending.is_none()) else { return };
    let reason = reason.value().trim();
    let characters = reason.chars().count();
    if !REASON.contains(&characters) {
        let (least, most) = (REASON.start(), REASON.end());
        open.error = Some(format!("say why in {least} to {most} characters: it has {characters}"));
        return;
    }
    let Some(alarm) = model.alarms.find(&open.id) else { return };
    let line = |label: &str, text: String| (label.to_owned(), text);
    let lines = vec![
        line("Alarm", headline(alarm)),
        line("Reason", reason.to_owned()),
        line(
            "",
            "It is closed for this console with your name and reason, which are kept beside the evidence. \
                  What it stopped can be written again."
                .to_owned(),
        ),
    ];
    model.dialogs.push(Dialog::Confirm(Confirm {
        question: Question::CloseAlarm,
        title: "Close this alarm?".into(),
        lines,
        answers: ["Close the alarm", "Keep it open"],
        yes: false,
    }));
}

/// Closes the open alarm; asked and answered before.
pub fn close(model: &mut Model) -> Vec<Effect> {
    let pending = model.pending();
    let Some(Dialog::Alarms(Alarms { open: Some(open), .. })) = model.dialogs.last_mut() else {
        return Vec::new();
    };
    let Some(reason) = &open.reason else { return Vec::new() };
    let reason = reason.value().trim().to_owned();
    open.pending = Some(pending);
    vec![Effect::CloseAlarm { ticket: pending.ticket, id: open.id.clone(), reason }]
}

/// It is closed, or is not; the alarms as they are now.
pub fn closed(model: &mut Model, ticket: Ticket, outcome: Outcome<Vec<Alarm>>) {
    let waiting = |dialog: &&mut Dialog| {
        matches!(dialog, Dialog::Alarms(Alarms { open: Some(open), .. })
            if open.pending.is_some_and(|pending| pending.ticket == ticket))
    };
    let dialog = model.dialogs.iter_mut().find(waiting);
    let open = match dialog {
        Some(Dialog::Alarms(Alarms { open: Some(open), .. })) => Some(open),
        _ => None,
    };
    match outcome {
        Ok(alarms) => {
            if let Some(open) = open {
                (open.pending, open.reason, open.scroll) = (None, None, 0);
                model.notice = None;
            }
            model.alarms.take(alarms);
            model.say(Tone::Good, "The alarm is closed.");
        }
        Err(why) => {
            if let Some(open) = open {
                (open.pending, open.error) = (None, Some(format!("not closed: {why}")));
            }
        }
    }
}

/// The whole alarm in words.
fn page(alarm: &Alarm, zone: &jiff::tz::TimeZone, now_s: u64, screen: Rect) -> Page {
    let mut page = Page::over(screen);
    let open = alarm.closed.is_none();
    page.text(&headline(alarm), if open { Tone::Bad } else { Tone::Strong });
    page.text(&sentence(&alarm.what), Tone::Plain);
    page.gap();
    page.field("Seen", &date_time(alarm.seen_s, zone), Tone::Plain);
    if let Some(record) = &alarm.record {
        page.field("Record", &record.to_string(), Tone::Plain);
    }
    let evidence = alarm
        .evidence
        .as_ref()
        .map_or_else(|| "NONE: no file was written".to_owned(), |path| path.display().to_string());
    page.field("Evidence", &evidence, if alarm.evidence.is_some() { Tone::Plain } else { Tone::Warning });
    page.field("Stopped", &consequence(alarm), Tone::Plain);
    page.gap();
    if let Some(closed) = &alarm.closed {
        let at = clock_time(closed.at_s, now_s, zone);
        page.field("Closed", &format!("by {} at {at}: {}", closed.by, closed.reason), Tone::Plain);
    } else {
        page.field("To do", advice(alarm.kind), Tone::Plain);
        if alarm.evidence.is_some() {
            let proof = "wardline evidence check FILE shows on any machine, offline, what it proves.";
            page.field("Proof", proof, Tone::Plain);
        }
    }
    page
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}

/// Draws the dialog over the screen.
pub fn draw(model: &Model, dialog: &Alarms, canvas: &mut Canvas<'_>, screen: Rect) {
    let open = dialog.open.as_ref().and_then(|open| Some((open, model.alarms.find(&open.id)?)));
    let Some((open, alarm)) = open else { return draw_list(model, dialog, canvas, screen) };
    let title = if alarm.closed.is_none() { "ALARM" } else { "Closed alarm" };
    let page = page(alarm, &model.zone, model.now_s, screen);
    let under = if open.reason.is_some() { REASON_LINES } else { 0 };
    let under = page.draw(canvas, screen, title, open.scroll, under);
    let Some(reason) = &open.reason else { return };
    canvas.write(row(under, 0), "Why can it be closed?", Tone::Strong);
    reason.draw(canvas, indent(row(under, 1), 0), open.pending.is_none());
    let (text, tone) = match (&open.error, open.pending) {
        (Some(error), _) => (error.clone(), Tone::Bad),
        (None, Some(pending)) => (format!("closing {}", model.spinner(pending)), Tone::Plain),
        (None, None) => return,
    };
    canvas.write(row(under, 2), &text, tone);
}

fn draw_list(model: &Model, dialog: &Alarms, canvas: &mut Canvas<'_>, screen: Rect) {
    let alarms = model.alarms.all();
    let height = u16::try_from(alarms.len().max(1)).unwrap_or(u16::MAX).saturating_add(2);
    let area = canvas.framed(super::centred(screen, 80, height), "Alarms, open ones first");
    canvas.set_cursor(area.x, area.y);
    if alarms.is_empty() {
        canvas.write(row(area, 0), "None: nothing false was seen on this machine.", Tone::Plain);
    }
    let rows = usize::from(area.height).max(1);
    let first = dialog.selected / rows * rows;
    for (at, alarm) in alarms.iter().enumerate().skip(first).take(rows) {
        let line = row(area, u16::try_from(at - first).unwrap_or(u16::MAX));
        canvas.mark(line, at == dialog.selected);
        if at == dialog.selected {
            canvas.set_cursor(line.x, line.y);
        }
        let when = format!(" {}", clock_time(alarm.seen_s, model.now_s, &model.zone));
        let rest = canvas.write_right(indent(line, 2), &when, Tone::Quiet);
        let (word, tone) =
            if alarm.closed.is_none() { ("OPEN  ", Tone::Bad) } else { ("closed", Tone::Quiet) };
        let rest = indent(canvas.write(rest, word, tone), 1);
        let text = wrap(&headline(alarm), u16::MAX).concat();
        canvas.write(rest, &text, Tone::Plain);
    }
}

#[cfg(test)]
#[path = "alarms/tests.rs"]
mod tests;

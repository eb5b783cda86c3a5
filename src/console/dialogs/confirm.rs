//! Confirm: one question, two answers, the safe one marked. Every irreversible step passes through here.

use crate::{
    effects::Effect,
    message::Action,
    model::{Dialog, Model},
    screens::entry,
    theme::Tone,
    widgets::canvas::{Canvas, below, indent, row, wrap},
};
use ratatui::layout::Rect;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Seal and send what the form says?
    Send,
    /// Throw the form's text away?
    Discard,
    /// Throw away the form that is open for another patient?
    DiscardOther,
    /// Leave the console although something would be lost?
    Quit,
    /// Close an alarm?
    CloseAlarm,
}

/// The dialog's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// What is asked.
    pub question: Question,
    /// The heading.
    pub title: String,
    /// What follows from yes, line by line: label and text.
    pub lines: Vec<(String, String)>,
    /// The two answers in words.
    pub answers: [&'static str; 2],
    /// Whether yes is marked.
    pub yes: bool,
}

impl Confirm {
    /// A question with no marked.
    pub fn new(question: Question, title: &str, text: &str, answers: [&'static str; 2]) -> Self {
        Self { question, title: title.into(), lines: vec![(String::new(), text.into())], answers, yes: false }
    }
}

/// What an action does while the dialog is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(Dialog::Confirm(confirm)) = model.dialogs.last_mut() else { return Vec::new() };
    let yes = match action {
        Action::Next => {
            confirm.yes = !confirm.yes;
            return Vec::new();
        }
        Action::Accept => confirm.yes,
        Action::Yes => true,
        Action::No => false,
        _ => return Vec::new(),
    };
    let question = confirm.question;
    model.dialogs.pop();
    match (question, yes) {
        (_, false) => Vec::new(),
        (Question::Send, true) => entry::send(model),
        (Question::Discard, true) => {
            entry::discard(model);
            Vec::new()
        }
        (Question::DiscardOther, true) => {
            entry::discard(model);
            entry::open(model);
            Vec::new()
        }
        (Question::Quit, true) => vec![Effect::Quit],
        (Question::CloseAlarm, true) => super::alarms::close(model),
    }
}

/// Draws the dialog over the screen.
pub fn draw(confirm: &Confirm, canvas: &mut Canvas<'_>, screen: Rect) {
    const LABEL: u16 = 14;
    let columns = super::centred(screen, 74, 3).width.saturating_sub(4);
    let mut lines = Vec::new();
    for (label, text) in &confirm.lines {
        let room = if label.is_empty() { columns } else { columns.saturating_sub(LABEL) };
        for (at, text) in wrap(text, room).into_iter().enumerate() {
            lines.push((if at == 0 { label.clone() } else { String::new() }, label.is_empty(), text));
        }
    }
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
    let place = super::centred(screen, columns + 4, height);
    let area = canvas.framed(place, &confirm.title);
    for (at, (label, whole, text)) in lines.iter().enumerate() {
        let line = row(area, u16::try_from(at).unwrap_or(u16::MAX));
        if line.bottom() + 2 > area.bottom() {
            // Nobody shall answer without knowing that there is more to read.
            let last = row(area, area.height.saturating_sub(2));
            canvas.blank(last);
            canvas.write(last, "(more: make the window larger)", Tone::Warning);
            break;
        }
        canvas.write(line, label, Tone::Quiet);
        canvas.write(if *whole { line } else { indent(line, LABEL) }, text, Tone::Plain);
    }
    let mut place = row(below(area, area.height.saturating_sub(1)), 0);
    for (yes, answer) in [(true, confirm.answers[0]), (false, confirm.answers[1])] {
        let marked = yes == confirm.yes;
        if marked {
            canvas.set_cursor(place.x, place.y);
        }
        let text = format!("{} {answer}", if marked { ">" } else { " " });
        let tone = if marked { Tone::Strong } else { Tone::Plain };
        place = indent(canvas.write(place, &text, tone), 4);
    }
}

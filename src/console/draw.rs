//! The whole picture: header, banner of the alarms, screen, dialogs, notice, footer. It only reads the model.

use crate::{
    alarms::Alarms,
    dialogs::{alarms, bisect, cell, confirm, help, lookup, staff},
    model::{Dialog, Model, Notice, Screen},
    screens::{chain, entry, history, overview, patients, record, unlock},
    theme::Tone,
    widgets::{
        banner,
        canvas::{Canvas, indent, row, wrap},
        footer, header,
    },
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
};

/// Least columns and rows; below them only that is said.
pub const LEAST: (u16, u16) = (40, 10);

/// Most lines that a notice takes.
const NOTICE_LINES: u16 = 3;

/// Draws the model; returns where the cursor was put.
pub fn draw(model: &Model, frame: &mut Frame<'_>) -> Option<Position> {
    let area = frame.area();
    let mut canvas = Canvas::new(frame.buffer_mut(), model.theme);
    draw_on(model, &mut canvas, area);
    let cursor = canvas.cursor();
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    cursor
}

fn draw_on(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        let text = format!("{width}x{height} needed, this is {}x{}", area.width, area.height);
        for (at, text) in wrap(&text, area.width).iter().enumerate() {
            canvas.write(row(area, u16::try_from(at).unwrap_or(u16::MAX)), text, Tone::Plain);
        }
        // However small the window is.
        return banner::draw(model, canvas, row(area, area.height.saturating_sub(1)));
    }
    header::draw(model, canvas, row(area, 0));
    let body = body(area, &model.alarms);
    if model.alarms.lines() > 0 {
        banner::draw(model, canvas, row(area, 1));
    }
    match model.screen {
        Screen::Unlock => unlock::draw(model, canvas, body),
        Screen::Overview => overview::draw(model, canvas, body),
        Screen::Patients => patients::draw(model, canvas, body),
        Screen::History => history::draw(model, canvas, body),
        Screen::Record => record::draw(model, canvas, body),
        Screen::Entry => entry::draw(model, canvas, body),
        Screen::Chain => chain::draw(model, canvas, body),
        Screen::Block => chain::block::draw(model, canvas, body),
        Screen::Transaction => chain::transaction::draw(model, canvas, body),
    }
    for dialog in &model.dialogs {
        match dialog {
            Dialog::Alarms(dialog) => alarms::draw(model, dialog, canvas, body),
            Dialog::Bisect(dialog) => bisect::draw(model, dialog, canvas, body),
            Dialog::Cell(dialog) => cell::draw(model, *dialog, canvas, body),
            Dialog::Lookup(dialog) => lookup::draw(model, dialog, canvas, body),
            Dialog::Confirm(dialog) => confirm::draw(dialog, canvas, body),
            Dialog::Help(dialog) => help::draw(model, dialog, canvas, body),
            Dialog::Staff(dialog) => staff::draw(model, *dialog, canvas, body),
        }
    }
    draw_notice(model, canvas, area);
    footer::draw(model, canvas, row(area, area.height - 1));
}

/// The line above the footer; a longer text takes lines from the screen, since it must be read to its end.
fn draw_notice(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let error = || {
        let form = model.entry.as_ref().filter(|_| model.screen == Screen::Entry && model.dialogs.is_empty());
        let text = form?.focus_error(model.now_s)?;
        Some(Notice { text, tone: Tone::Bad })
    };
    let Some(notice) = model.notice.clone().or_else(error) else { return };
    let lines = wrap(&notice.text, area.width.saturating_sub(2));
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(NOTICE_LINES);
    for (at, text) in lines.iter().take(usize::from(count)).enumerate() {
        let line = row(area, area.height - 1 - count + u16::try_from(at).unwrap_or(0));
        canvas.blank(line);
        canvas.write(indent(line, 1), text, notice.tone);
    }
}

/// What the screens draw on: all but header, the alarms' banner, notice and footer.
pub fn body(area: Rect, alarms: &Alarms) -> Rect {
    let above = 1 + alarms.lines();
    Rect { y: area.y + above.min(area.height), height: area.height.saturating_sub(above + 2), ..area }
}

/// The same for a terminal of this size.
pub fn body_of((width, height): (u16, u16), alarms: &Alarms) -> Rect {
    body(Rect::new(0, 0, width, height), alarms)
}

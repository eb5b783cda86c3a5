//! How the entry form and its progress look.

use super::{
    Entry, Sending,
    slot::{Kind, Part, Slot},
};
use crate::{
    model::Model,
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, left, row, width, wrap},
        patient,
    },
};
use ratatui::layout::Rect;
use wardline_client::Progress;

/// Columns of marker and label.
const LABEL: u16 = 17;
/// Columns of a text field, when there is room for errors beside it.
const FIELD: u16 = 34;
/// Least columns for the error beside a field.
const BESIDE: u16 = 22;

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(entry) = &model.entry else { return };
    let history = model.history.as_ref().filter(|screen| screen.patient == entry.patient);
    let history = history.and_then(|screen| screen.history.as_ref());
    patient::draw(canvas, area, &entry.identity, history, model.now_s, &model.zone);
    let area = below(area, patient::LINES);
    match &entry.sending {
        Some(sending) => draw_sending(model, entry, sending, canvas, area),
        None => {
            let under = draw_stopped(model, canvas, area);
            draw_form(model, entry, canvas, under);
        }
    }
}

/// Most lines of the word that nothing can be sent now.
const STOPPED_LINES: usize = 2;

/// Says before anything is typed that it cannot be sent; returns the place that is left.
fn draw_stopped(model: &Model, canvas: &mut Canvas<'_>, area: Rect) -> Rect {
    let Some(why) = super::stopped(model) else { return area };
    let lines = wrap(&why, area.width.saturating_sub(2));
    let mut at = 0;
    for text in lines.iter().take(STOPPED_LINES) {
        canvas.write(indent(row(area, at), 1), text, Tone::Bad);
        at += 1;
    }
    below(area, at)
}

fn draw_form(model: &Model, entry: &Entry, canvas: &mut Canvas<'_>, area: Rect) {
    let errors = entry.errors(model.now_s);
    let notes =
        entry.failure.as_ref().map(|failure| wrap(failure, area.width.saturating_sub(2))).unwrap_or_default();
    let notes_height = u16::try_from(notes.len()).unwrap_or(0).min(4);
    let form = Rect { height: area.height.saturating_sub(notes_height), ..area };
    for (at, text) in notes.iter().enumerate().take(4) {
        canvas.write(
            indent(row(below(area, form.height), u16::try_from(at).unwrap_or(0)), 1),
            text,
            Tone::Bad,
        );
    }

    let pages = pages(&entry.slots(), form.width, form.height);
    let shown = pages.iter().position(|page| page.contains(&entry.focus)).unwrap_or(0);
    let mut line = 0;
    let mut group = None;
    for &slot in pages.get(shown).into_iter().flatten() {
        if group != Some(slot.group()) && slot != Slot::Send {
            let heading = row(form, line);
            canvas.rule(heading);
            let arrived = entry.arrived.get(&Part::Visit).filter(|_| slot.group() == Slot::When.group());
            let title = match arrived {
                Some(added) => format!(" Visit: AGREED at {} already ", added.main_height),
                None => format!(" {} ", slot.heading()),
            };
            canvas.write(indent(heading, 1), &title, Tone::Strong);
            if pages.len() > 1 && group.is_none() {
                let page = format!(" page {} of {} ", shown + 1, pages.len());
                canvas.write_right(
                    Rect { width: heading.width.saturating_sub(2), ..heading },
                    &page,
                    Tone::Quiet,
                );
            }
            line += 1;
        }
        group = Some(slot.group());
        let height = height(slot, form.width);
        let place = Rect { height: height.min(form.height.saturating_sub(line)), ..below(form, line) };
        let error = errors.iter().find(|(wrong, _)| *wrong == slot).map(|(_, error)| error.as_str());
        draw_slot(entry, slot, error, canvas, place);
        line += height;
    }
}

fn beside(area: Rect) -> Option<u16> {
    let room = area.width.saturating_sub(LABEL + FIELD + 2);
    (room >= BESIDE).then_some(room)
}

/// Lines that a place takes.
fn height(slot: Slot, columns: u16) -> u16 {
    match slot.kind() {
        Kind::Text { lines } => lines,
        Kind::Choice(options) => {
            let rows = choice_rows(&options, columns.saturating_sub(LABEL));
            u16::try_from(rows.last().map_or(1, |&(row, ..)| row + 1)).unwrap_or(1)
        }
        Kind::Button => 1,
    }
}

/// The places that are on one page together: groups stay whole where a page is long enough for them.
fn pages(slots: &[Slot], columns: u16, rows: u16) -> Vec<Vec<Slot>> {
    let mut pages: Vec<Vec<Slot>> = vec![Vec::new()];
    let mut used = 0;
    for group in slots.chunk_by(|a, b| a.group() == b.group()) {
        let heading = u16::from(group != [Slot::Send]);
        let whole: u16 = group.iter().map(|&slot| height(slot, columns)).sum();
        let mut fresh = used > 0 && used + heading + whole > rows && heading + whole <= rows;
        for (at, &slot) in group.iter().enumerate() {
            let needed = height(slot, columns) + if at == 0 { heading } else { 0 };
            if fresh || used > 0 && used + needed > rows {
                pages.push(Vec::new());
                used = if at == 0 { 0 } else { heading };
                fresh = false;
            }
            used += needed;
            if let Some(page) = pages.last_mut() {
                page.push(slot);
            }
        }
    }
    pages
}

/// Where each option stands: row and column.
fn choice_rows(options: &[String], columns: u16) -> Vec<(usize, u16)> {
    let (mut at_row, mut column) = (0, 0);
    let mut places = Vec::new();
    for option in options {
        let needed = width(option) + 4;
        if column > 0 && column + needed > columns {
            at_row += 1;
            column = 0;
        }
        places.push((at_row, column));
        column += needed + 2;
    }
    places
}

fn draw_slot(entry: &Entry, slot: Slot, error: Option<&str>, canvas: &mut Canvas<'_>, place: Rect) {
    let focused = slot == entry.focus;
    let line = row(place, 0);
    canvas.mark(line, focused);
    if slot != Slot::Send {
        let label = if error.is_some() { Tone::Bad } else { Tone::Plain };
        canvas.write(indent(line, 2), slot.label(), label);
    }
    let inside = indent(place, LABEL);
    match slot.kind() {
        Kind::Text { .. } => {
            let field = if beside(place).is_some() { left(inside, FIELD) } else { indent(inside, 0) };
            draw_text(entry, slot, focused, canvas, field);
            if let (Some(error), Some(_)) = (error, beside(place)) {
                canvas.write(indent(line, LABEL + FIELD + 2), error, Tone::Bad);
            } else if let Some(hint) = hint(entry, slot) {
                canvas.write(indent(line, LABEL + FIELD + 2), &hint, Tone::Quiet);
            }
        }
        Kind::Choice(options) => {
            draw_choice(entry, slot, &options, canvas, inside);
            let end = choice_rows(&options, inside.width).last().copied().unwrap_or_default();
            if let (Some(error), Some(last)) = (error, options.last()) {
                let line = row(inside, u16::try_from(end.0).unwrap_or(0));
                canvas.write(indent(line, end.1 + width(last) + 6), error, Tone::Bad);
            }
        }
        Kind::Button => {
            canvas.write(
                indent(line, 2),
                "[ Seal and send ]",
                if focused { Tone::Strong } else { Tone::Plain },
            );
            if let Some(error) = error {
                canvas.write(indent(line, 22), error, Tone::Bad);
            }
        }
    }
    if focused && slot.kind() == Kind::Button {
        canvas.set_cursor(line.x, line.y);
    }
}

fn draw_text(entry: &Entry, slot: Slot, focused: bool, canvas: &mut Canvas<'_>, place: Rect) {
    match entry.form.field(slot) {
        Some(field) => field.draw(canvas, place, focused),
        None => crate::widgets::field::TextField::default().draw(canvas, place, focused),
    }
}

/// The sums, beside what is paid.
fn hint(entry: &Entry, slot: Slot) -> Option<String> {
    (slot == Slot::Paid).then(|| entry.form.sums()).flatten()
}

fn draw_choice(entry: &Entry, slot: Slot, options: &[String], canvas: &mut Canvas<'_>, place: Rect) {
    let chosen = entry.form.chosen(slot);
    for (at, (option, (at_row, column))) in options.iter().zip(choice_rows(options, place.width)).enumerate()
    {
        let here = indent(row(place, u16::try_from(at_row).unwrap_or(u16::MAX)), column);
        let is_chosen = chosen == Some(at);
        let text = format!("{} {option}", if is_chosen { "(x)" } else { "( )" });
        canvas.write(here, &text, if is_chosen { Tone::Strong } else { Tone::Plain });
        if slot == entry.focus && (is_chosen || chosen.is_none() && at == 0) {
            canvas.set_cursor(here.x + 1, here.y);
        }
    }
}

fn draw_sending(model: &Model, entry: &Entry, sending: &Sending, canvas: &mut Canvas<'_>, area: Rect) {
    canvas.rule(row(area, 0));
    let line = indent(row(area, 1), 1);
    let line = canvas.write(line, &format!("Sending from {}  ", entry.branch_name), Tone::Strong);
    canvas.write(line, &model.spinner(sending.pending), Tone::Plain);
    canvas.set_cursor(area.x + 1, area.y + 1);
    let mut at = 3;
    for (part, summary, steps) in &sending.parts {
        let line = indent(row(area, at), 1);
        let rest = canvas.write(line, part.name(), Tone::Strong);
        canvas.write(indent(rest, 2), summary, Tone::Plain);
        let words: Vec<_> = steps.iter().map(|step| words(*step, &entry.branch_name)).collect();
        let (text, tone) = match steps.last() {
            None => ("waiting".to_owned(), Tone::Quiet),
            Some(Progress::Agreed { .. }) => (words.join(" > "), Tone::Good),
            Some(_) => (words.join(" > "), Tone::Plain),
        };
        for text in wrap(&text, area.width.saturating_sub(3)) {
            at += 1;
            canvas.write(indent(row(area, at), 3), &text, tone);
        }
        at += 2;
    }
    canvas.write(indent(row(area, at), 1), "Leaving this page does not stop it.", Tone::Quiet);
}

fn words(step: Progress, branch: &str) -> String {
    match step {
        Progress::Sealed => "sealed".into(),
        Progress::Kept { .. } => format!("kept at {branch}"),
        Progress::Copied { receipts, wanted } => format!("{receipts} of {wanted} copies"),
        Progress::Linked { height } => format!("linked at {height}"),
        Progress::Agreed { height } => format!("AGREED at {height}"),
    }
}

//! Record: the page of one record, then where it came from and what it rests on.
//!
//! The page is laid out when the record is opened or the terminal changes its size, not when it is drawn: a record may
//! be long, and a key must not wait for it.

mod provenance;

use super::history::{HistoryScreen, kind_word, row_meaning, row_tone};
use crate::{
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Model, Screen},
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, row},
        patient,
        table::moved,
    },
};
use ratatui::layout::Rect;
use std::collections::BTreeMap;
use wardline_client::{CustodyReceipts, History, Row};
use wardline_crypto::Digest;
use wardline_ledger::RecordId;
use wardline_record::{
    Page,
    layout::Line,
    page::{Mark, Statement},
};

/// The screen's state; which record is open is the history's selection.
#[derive(Debug, Default)]
pub struct RecordScreen {
    /// First line that is shown.
    pub scroll: usize,
    shown: Option<Shown>,
    /// Who signed that they hold the records that were opened.
    custody: BTreeMap<RecordId, Outcome<CustodyReceipts>>,
    /// Whose receipts are being fetched.
    asking: Option<(Ticket, RecordId)>,
}

/// A record's page, laid out.
#[derive(Debug)]
struct Shown {
    record: RecordId,
    page: Page,
    columns: u16,
    lines: Vec<Line>,
}

impl RecordScreen {
    /// Forgets the page: the records were fetched again, and what is to be said of this one may have changed.
    pub fn forget(&mut self) {
        self.shown = None;
        // A new version has other receipts; why some were not had may have changed too.
        self.custody.clear();
    }
}

/// Lays the open record out, if it is not, and asks who holds it; forgets it when none is open.
pub fn prepare(model: &mut Model) -> Vec<Effect> {
    lay_out(model);
    want_custody(model)
}

/// Asks once for the receipts of the record that is open. Who has moved on to another waits for that one.
fn want_custody(model: &mut Model) -> Vec<Effect> {
    let open = model.history.as_ref().filter(|_| model.screen == Screen::Record).and_then(open_row);
    let stored = open.and_then(|(row, _)| Some((row.record, row.pointer?, row.main_height?)));
    let Some((record, pointer, height)) = stored else { return Vec::new() };
    let asked = model.record.asking.is_some_and(|(_, of)| of == record);
    if asked || model.record.custody.contains_key(&record) {
        return Vec::new();
    }
    let ticket = model.ticket();
    let before = model.record.asking.replace((ticket, record)).map(|(ticket, _)| Effect::Cancel(ticket));
    before.into_iter().chain([Effect::FetchCustody { ticket, record, pointer, height }]).collect()
}

/// Who signed that they hold a record is known, or why it is not.
pub fn custody(model: &mut Model, ticket: Ticket, outcome: Outcome<CustodyReceipts>) {
    if let Some((_, record)) = model.record.asking.take_if(|(asked, _)| *asked == ticket) {
        model.record.custody.insert(record, outcome);
    }
}

fn lay_out(model: &mut Model) {
    let Some((open, _)) =
        model.history.as_ref().filter(|_| model.screen == Screen::Record).and_then(open_row)
    else {
        model.record.forget();
        return;
    };
    let columns = text_area(crate::draw::body_of(model.size, &model.alarms)).width;
    let before = model.record.shown.take().filter(|shown| shown.record == open.record);
    model.record.shown = Some(match before {
        Some(shown) if shown.columns == columns => shown,
        before => {
            let page = before.map_or_else(|| page(open), |shown| shown.page);
            let lines = page.lines(usize::from(columns));
            Shown { record: open.record, page, columns, lines }
        }
    });
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let area = text_area(crate::draw::body_of(model.size, &model.alarms));
    let rows = usize::from(area.height).max(1);
    let open = model.history.as_ref().and_then(open_row);
    let count = open.map_or(0, |(row, history)| lines(model, row, history, area.width).len());
    let Some(screen) = &mut model.history else { return Vec::new() };
    let last = count.saturating_sub(rows);
    let scroll = &mut model.record.scroll;
    match action {
        Action::Up => *scroll = scroll.saturating_sub(1),
        Action::Down => *scroll = (*scroll + 1).min(last),
        Action::PageUp => *scroll = scroll.saturating_sub(rows),
        Action::PageDown => *scroll = (*scroll + rows).min(last),
        Action::First => *scroll = 0,
        Action::Last => *scroll = last,
        Action::Next | Action::Previous => {
            let by = if action == Action::Next { 1 } else { -1 };
            screen.selected = moved(screen.selected, screen.rows().len(), by);
            *scroll = 0;
        }
        Action::Back => model.screen = Screen::History,
        _ => {}
    }
    Vec::new()
}

fn open_row(screen: &HistoryScreen) -> Option<(&Row, &History)> {
    let history = screen.history.as_ref()?;
    Some((history.rows.get(screen.selected)?, history))
}

/// Lines from which there is room for a line across the screen.
const ROOMY: u16 = 12;

/// The line over the page: under the patient, and under a line across where there is room.
fn head_at(area: Rect) -> u16 {
    patient::LINES + u16::from(area.height >= ROOMY)
}

fn text_area(area: Rect) -> Rect {
    indent(below(area, head_at(area) + 1), 1)
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(screen) = &model.history else { return };
    patient::draw(canvas, area, &screen.identity, screen.history.as_ref(), model.now_s, &model.zone);
    if area.height >= ROOMY {
        canvas.rule(row(area, patient::LINES));
    }
    let Some((open, history)) = open_row(screen) else { return };

    let inside = text_area(area);
    let lines = lines(model, open, history, inside.width);
    let position = (lines.len() > usize::from(inside.height)).then(|| {
        let last = lines.len().min(model.record.scroll + usize::from(inside.height));
        format!(" {}-{last} of {} ", model.record.scroll + 1, lines.len())
    });
    draw_head(canvas, indent(row(area, head_at(area)), 1), open, position);

    let shown = lines.iter().skip(model.record.scroll).take(usize::from(inside.height));
    for (at, line) in shown.enumerate() {
        let mut place = row(inside, u16::try_from(at).unwrap_or(u16::MAX));
        for (text, mark) in &line.spans {
            place = canvas.write(place, text, tone_of(*mark));
        }
    }
    canvas.set_cursor(inside.x, inside.y);
}

/// How far the record can be trusted, what it is, and which lines of it are shown. The state stands first: it is not cut.
fn draw_head(canvas: &mut Canvas<'_>, mut head: Rect, open: &Row, position: Option<String>) {
    if let Some(position) = position {
        head = canvas.write_right(head, &position, Tone::Quiet);
    }
    let kind = open.kind.map_or("record of unknown kind", kind_word);
    let kept = if provenance::is_place_known(open) { "at" } else { "kept at" };
    let rest = canvas.write(head, open.word(), row_tone(open));
    let rest = canvas.write(indent(rest, 1), &format!("{kind} {kept} {}", open.branch_name), Tone::Strong);
    canvas.write(rest, &format!(": {}", row_meaning(open)), Tone::Plain);
}

/// How the marks of a page look.
const fn tone_of(mark: Mark) -> Tone {
    match mark {
        Mark::Label => Tone::Quiet,
        Mark::Plain => Tone::Plain,
        Mark::Strong => Tone::Strong,
        Mark::Good => Tone::Good,
        Mark::Warning => Tone::Warning,
        Mark::Alarm => Tone::Bad,
    }
}

/// The record's own page, with what is to be known of its state before it.
fn page(open: &Row) -> Page {
    let mut page = open
        .opened
        .as_ref()
        .map_or_else(Page::default, |record| record.page(|document| Digest::of(document).to_string()));
    let mark = match row_tone(open) {
        Tone::Bad => Mark::Alarm,
        Tone::Warning => Mark::Warning,
        _ => Mark::Plain,
    };
    let closed = open.opened.is_none().then_some("This record is not open here; the line above says why.");
    let notes = closed.into_iter().chain(open.notes.iter().map(String::as_str));
    let notes: Vec<_> = notes.map(|text| Statement { mark, text: text.to_owned() }).collect();
    page.statements.splice(0..0, notes);
    page
}

/// The whole page, laid out: the record, then its provenance.
fn lines<'a>(
    model: &'a Model,
    open: &Row,
    history: &History,
    columns: u16,
) -> Vec<std::borrow::Cow<'a, Line>> {
    use std::borrow::Cow;
    let shown = model.record.shown.as_ref();
    let mut lines: Vec<Cow<'a, Line>> = match shown.filter(|shown| shown.record == open.record) {
        Some(shown) if shown.columns == columns => shown.lines.iter().map(Cow::Borrowed).collect(),
        Some(shown) => shown.page.lines(usize::from(columns)).into_iter().map(Cow::Owned).collect(),
        None => page(open).lines(usize::from(columns)).into_iter().map(Cow::Owned).collect(),
    };
    let custody = model.record.custody.get(&open.record);
    let rest = provenance::page(open, history, custody, model.now_s, &model.zone);
    lines.push(Cow::Owned(Line::default()));
    lines.extend(rest.lines(usize::from(columns)).into_iter().map(Cow::Owned));
    lines
}

#[cfg(test)]
mod tests;

//! Record: all fields of one record, then where it came from and what it rests on.

use super::history::{HistoryScreen, kind_word, meaning, tone};
use crate::{
    effects::Effect,
    message::Action,
    model::{Model, Screen},
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, left, row, wrap},
        patient,
        table::moved,
    },
};
use ratatui::layout::Rect;
use wardline_client::{History, Row};
use wardline_crypto::Digest;

/// Columns of the labels.
const LABEL: u16 = 17;

/// The screen's state; which record is open is the history's selection.
#[derive(Debug, Default)]
pub struct RecordScreen {
    /// First line that is shown.
    pub scroll: usize,
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let area = text_area(crate::draw::body_of(model.size));
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

fn text_area(area: Rect) -> Rect {
    indent(below(area, patient::LINES + 2), 1)
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(screen) = &model.history else { return };
    patient::draw(canvas, area, &screen.identity, screen.history.as_ref(), model.now_s, &model.zone);
    canvas.rule(row(area, patient::LINES));
    let Some((open, history)) = open_row(screen) else { return };

    let inside = text_area(area);
    let lines = lines(model, open, history, inside.width);
    let last = lines.len().min(model.record.scroll + usize::from(inside.height));
    let mut head = indent(row(area, patient::LINES + 1), 1);
    if lines.len() > usize::from(inside.height) {
        let position = format!(" lines {}-{last} of {} ", model.record.scroll + 1, lines.len());
        head = canvas.write_right(head, &position, Tone::Quiet);
    }
    let kind = open.kind.map_or("record of unknown kind", kind_word);
    let rest = canvas.write(head, &format!("{kind} at {}  ", open.branch_name), Tone::Strong);
    let rest = canvas.write(rest, open.state.text(), tone(open.state));
    canvas.write(rest, &format!(": {}", meaning(open.state)), Tone::Plain);

    let area = inside;
    let shown = lines.iter().skip(model.record.scroll).take(usize::from(area.height));
    for (at, (label, text, tone)) in shown.enumerate() {
        let line = row(area, u16::try_from(at).unwrap_or(u16::MAX));
        canvas.write(left(line, LABEL), label, Tone::Quiet);
        canvas.write(indent(line, LABEL), text, *tone);
    }
    canvas.set_cursor(area.x, area.y);
}

/// A digest that fits beside its label at 80 columns, broken in the middle and not before its last digit.
fn in_two_lines(digest: Digest) -> String {
    let text = digest.to_string();
    text.split_at_checked(32).map_or(text.clone(), |(head, tail)| format!("{head}\n{tail}"))
}

/// The whole page, wrapped: label, text, tone.
fn lines(model: &Model, open: &Row, history: &History, columns: u16) -> Vec<(String, String, Tone)> {
    let columns = columns.saturating_sub(LABEL);
    let mut lines = Vec::new();
    let mut add = |label: &str, value: &str, tone: Tone| {
        for (at, text) in wrap(value, columns).into_iter().enumerate() {
            lines.push((if at == 0 { label.to_owned() } else { String::new() }, text, tone));
        }
    };
    match &open.opened {
        Some(record) => record.lines().iter().for_each(|(label, value)| add(label, value, Tone::Plain)),
        None => add("", "This record is not open here; the line above says why.", Tone::Warning),
    }
    for note in &open.notes {
        add("Note", note, tone(open.state));
    }
    add("", "", Tone::Plain);
    let branch = if open.branch_name.is_empty() { "not known" } else { &open.branch_name };
    add("Made at", branch, Tone::Plain);
    if let Some(author) = open.author {
        add("Stored by", &format!("staff {author}"), Tone::Plain);
    }
    if let Some(version) = open.version.filter(|version| *version > 1) {
        add("Version", &format!("{version}: what was kept first was replaced"), Tone::Warning);
    }
    let from = open.opened_from.map(|from| {
        let answer = history.branches.iter().find(|answer| answer.branch == from);
        answer.map_or_else(|| format!("branch {from}"), |answer| answer.name.clone())
    });
    add("Opened from", from.as_deref().unwrap_or("-"), Tone::Plain);
    let height =
        open.main_height.map_or_else(|| "not agreed yet".into(), |height| format!("height {height}"));
    add("Main chain", &format!("{height} (verified to {})", history.main_height), Tone::Plain);
    add("Side chain", &format!("link proven at height {}", history.side_height), Tone::Plain);
    add("Temporary ID", &open.record.to_string(), Tone::Plain);
    add("Pointer", &open.pointer.map_or_else(|| "-".into(), in_two_lines), Tone::Plain);
    add(
        "Lookup",
        &format!("{} at side chain height {}", history.lookup.id, history.lookup.height),
        Tone::Plain,
    );
    for trouble in patient::troubles(&history.branches, model.now_s, &model.zone) {
        add("Branches", &trouble, Tone::Warning);
    }
    lines
}

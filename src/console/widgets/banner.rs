//! The line under the header of every screen while an alarm is open: what was found, what follows, which key explains.

use super::canvas::{Canvas, width};
use crate::{
    alarms::headline,
    keymap::{self, Key},
    message::Action,
    model::Model,
    theme::Tone,
};
use ratatui::layout::Rect;
use wardline_client::AlarmKind;

/// Draws the line across the whole screen. Words first: it must be understood where inverse cannot be seen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, line: Rect) {
    let Some(alarm) = model.alarms.first() else { return };
    let count = model.alarms.open().count();
    let alarms = if count == 1 { "ALARM".to_owned() } else { format!("{count} ALARMS") };
    let stopped = match (alarm.kind, model.alarms.stopped_branches()) {
        (AlarmKind::Fork, _) => "; writes stopped".to_owned(),
        (_, names) if names.is_empty() => String::new(),
        (_, names) => format!("; writes to {} stopped", names.join(", ")),
    };
    let key = match (key(model), model.who.is_some()) {
        (Some(key), _) => format!("; {key} explains"),
        (None, true) => String::new(),
        (None, false) => "; unlock to read it".to_owned(),
    };
    let (whole, kind) = (headline(alarm), alarm.kind.text());
    let at = alarm.height.map_or_else(String::new, |height| format!(", block {height}"));
    let name = alarm.branch_name.as_ref().map_or_else(String::new, |name| format!(", {name}"));
    let brief = format!("{kind}, {} chain{at}{name}", alarm.chain);
    let texts = [
        format!(" {alarms}: {whole}{stopped}{key} "),
        format!(" {alarms}: {brief}{stopped}{key} "),
        format!(" {alarms}: {kind}{at}{stopped}{key} "),
        format!(" {alarms}: {kind}{stopped}{key} "),
        format!(" {alarms}: {kind}{key} "),
    ];
    let text = texts.iter().find(|text| width(text) <= line.width).or(texts.last());
    let text = text.map_or("", String::as_str);
    canvas.write(line, &format!("{text:<room$}", room = usize::from(line.width)), Tone::Alarm);
}

/// The key that works here.
fn key(model: &Model) -> Option<Key> {
    keymap::bindings(model.place()).find(|(binding, _)| binding.action == Action::Alarms).map(|(_, key)| key)
}

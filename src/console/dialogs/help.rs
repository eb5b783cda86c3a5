//! Help: the keys of the place that it was opened from, straight from the table of bindings.

use crate::{
    effects::Effect,
    keymap::{self, Place},
    message::Action,
    model::{Dialog, Model},
    theme::Tone,
    widgets::canvas::{Canvas, indent, left, row, wrap},
};
use ratatui::layout::Rect;

/// Columns of the keys, and of what they do.
const KEYS: u16 = 22;
const TEXT: u16 = 54;

/// The dialog's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// Where it was opened.
    pub place: Place,
    /// First line that is shown.
    pub scroll: usize,
}

/// What an action does while the help is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(Dialog::Help(Help { place: from, .. })) = model.dialogs.last() else { return Vec::new() };
    let count = lines(model, *from).len();
    let rows =
        usize::from(place(crate::draw::body_of(model.size, &model.alarms), count).height.saturating_sub(2))
            .max(1);
    let last = count.saturating_sub(rows);
    let Some(Dialog::Help(help)) = model.dialogs.last_mut() else { return Vec::new() };
    match action {
        Action::Up => help.scroll = help.scroll.saturating_sub(1),
        Action::Down => help.scroll = (help.scroll + 1).min(last),
        Action::PageUp => help.scroll = help.scroll.saturating_sub(rows),
        Action::PageDown => help.scroll = (help.scroll + rows).min(last),
        Action::First => help.scroll = 0,
        Action::Last => help.scroll = last,
        Action::Back => {
            model.dialogs.pop();
        }
        _ => {}
    }
    Vec::new()
}

/// All keys of the place, what they do, and why not where policy refuses.
pub fn lines(model: &Model, place: Place) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (binding, _) in keymap::bindings(place) {
        let keys =
            keymap::working_keys(binding, place).map(|key| key.to_string()).collect::<Vec<_>>().join(", ");
        lines.push((keys, binding.help.to_owned()));
        if let Some(why) = binding.needs.and_then(|operation| model.refusal(operation)) {
            let why = wrap(&format!("not for you: {why}"), TEXT);
            lines.extend(why.into_iter().map(|text| (String::new(), text)));
        }
    }
    if matches!(place, Place::LookupPurpose | Place::LookupUsual) {
        lines.push(("Letters".into(), "Type the reason in words".into()));
    } else if place.typing() {
        lines.push(("Ctrl-U, Ctrl-W".into(), "Clear the field, or the word before the cursor".into()));
    }
    lines
}

fn place(screen: Rect, count: usize) -> Rect {
    super::centred(screen, 76, u16::try_from(count).unwrap_or(u16::MAX).saturating_add(2))
}

/// Draws the help over the screen.
pub fn draw(model: &Model, help: &Help, canvas: &mut Canvas<'_>, screen: Rect) {
    let lines = lines(model, help.place);
    let place = place(screen, lines.len());
    let area = canvas.framed(place, "Keys");
    for (at, (keys, text)) in lines.iter().skip(help.scroll).take(usize::from(area.height)).enumerate() {
        let line = row(area, u16::try_from(at).unwrap_or(u16::MAX));
        canvas.write(left(line, KEYS.saturating_sub(1)), keys, Tone::Key);
        canvas.write(indent(line, KEYS), text, if keys.is_empty() { Tone::Warning } else { Tone::Plain });
    }
    if lines.len() > usize::from(area.height) {
        let last = lines.len().min(help.scroll + usize::from(area.height));
        let bottom = Rect {
            y: place.bottom().saturating_sub(1),
            height: 1,
            width: place.width.saturating_sub(2),
            ..place
        };
        canvas.write_right(bottom, &format!(" {}-{last} of {} ", help.scroll + 1, lines.len()), Tone::Quiet);
    }
    canvas.set_cursor(area.x, area.y);
}

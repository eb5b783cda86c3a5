//! The last line of every screen: the most important keys of the place, from the table of bindings.

use super::canvas::{Canvas, indent, width};
use crate::{
    keymap::{self, Binding, Key},
    message::Action,
    model::Model,
    theme::Tone,
};
use ratatui::layout::Rect;

/// Draws as many keys as fit, by rank; help is always there. What policy refuses stands in parentheses.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, line: Rect) {
    let mut shown = entries(model);
    let help: Vec<_> = shown.extract_if(.., |(binding, _)| binding.action == Action::Help).collect();
    let help_width: u16 = help.iter().map(entry_width).sum();
    let mut place = indent(line, 1);
    for entry in shown {
        if entry_width(&entry) + 2 + help_width <= place.width {
            place = draw_entry(model, canvas, place, &entry);
        }
    }
    for entry in help {
        place = draw_entry(model, canvas, place, &entry);
    }
}

/// The bindings of the place that have a rank, best first.
pub fn entries(model: &Model) -> Vec<(&'static Binding, Key)> {
    // The help opens over the locked screen too, where there is nothing to lock.
    let shown =
        |binding: &Binding| binding.rank > 0 && (model.who.is_some() || binding.action != Action::Lock);
    let mut entries: Vec<_> = keymap::bindings(model.place()).filter(|(binding, _)| shown(binding)).collect();
    entries.sort_by_key(|(binding, _)| binding.rank);
    entries
}

fn entry_width((binding, key): &(&'static Binding, Key)) -> u16 {
    width(&key.to_string()) + 1 + width(binding.label)
}

fn draw_entry(
    model: &Model,
    canvas: &mut Canvas<'_>,
    place: Rect,
    (binding, key): &(&'static Binding, Key),
) -> Rect {
    let refused = binding.needs.and_then(|operation| model.refusal(operation)).is_some();
    let rest = if refused {
        canvas.write(place, &format!("({key} {})", binding.label), Tone::Quiet)
    } else {
        let rest = canvas.write(place, &key.to_string(), Tone::Key);
        canvas.write(indent(rest, 1), binding.label, Tone::Plain)
    };
    indent(rest, 2)
}

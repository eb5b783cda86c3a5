//! The first line of every screen: which product, which screen, who is signed in.

use super::canvas::{Canvas, indent};
use crate::{
    model::{Model, Screen},
    theme::Tone,
};
use ratatui::layout::Rect;
use wardline_policy::Operation;

/// Draws the line. The open screen stands in brackets, so that it shows without colour too.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, line: Rect) {
    let mut place = indent(canvas.write(indent(line, 1), "Wardline", Tone::Strong), 2);
    let Some(who) = &model.who else {
        canvas.write_right(place, &format!("{} ", model.network_name), Tone::Quiet);
        return;
    };
    let patients_refused = model.refusal(Operation::SearchPatients).is_some();
    let tabs = [
        ("1 Overview", model.screen == Screen::Overview, false),
        ("2 Patients", model.screen != Screen::Overview, patients_refused),
    ];
    for (title, open, refused) in tabs {
        let (text, tone) = match (open, refused) {
            (true, _) => (format!("[{title}]"), Tone::Strong),
            (false, true) => (format!("({title})"), Tone::Quiet),
            (false, false) => (format!(" {title} "), Tone::Plain),
        };
        place = indent(canvas.write(place, &text, tone), 1);
    }
    let place = indent(place, 2);
    canvas.write_right(place, &format!("{} ({}), {} ", who.name, who.roles, who.branch_name), Tone::Plain);
}

//! The first line of every screen: which product, which screen, who is signed in.

use super::canvas::{Canvas, indent, width};
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
    let (overview, chain) = (model.screen == Screen::Overview, model.screen.is_chain());
    let tabs = [
        ("1 Overview", overview, false),
        ("2 Patients", !overview && !chain, patients_refused),
        ("3 Chain", chain, false),
    ];
    let all: u16 = tabs.iter().map(|(title, ..)| width(title) + 3).sum();
    // Where they do not all fit, those that are not open keep their number.
    let short = all > place.width;
    for (title, open, refused) in tabs {
        let title = if short && !open { title.get(..1).unwrap_or(title) } else { title };
        let (text, tone) = match (open, refused) {
            (true, _) => (format!("[{title}]"), Tone::Strong),
            (false, true) => (format!("({title})"), Tone::Quiet),
            (false, false) => (format!(" {title} "), Tone::Plain),
        };
        place = indent(canvas.write(place, &text, tone), 1);
    }
    let (name, roles, branch) = (&who.name, &who.roles, &who.branch_name);
    let texts = [format!("{name} ({roles}), {branch} "), format!("{name} ({roles}) "), format!("{name} ")];
    let text = texts.iter().find(|text| width(text) <= place.width).or(texts.last());
    canvas.write_right(place, text.map_or("", String::as_str), Tone::Plain);
}

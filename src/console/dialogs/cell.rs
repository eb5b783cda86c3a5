//! Cell: what one cell of the verification strip means, in words and with both hashes.
//!
//! It must not say more than the strip knows: a branch that was not asked has said nothing.

use crate::{
    effects::Effect,
    message::Action,
    model::{Dialog, Model},
    screens::chain::{self, strip},
    theme::Tone,
    widgets::{canvas::Canvas, page::Page},
};
use ratatui::layout::Rect;
use wardline_client::Cell as Kind;

/// The dialog's state: it speaks of whatever cell is marked, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// First line that is shown.
    pub scroll: usize,
}

/// What an action does while the dialog is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Back => drop(model.dialogs.pop()),
        Action::OpenBlock => {
            model.dialogs.pop();
            return chain::open_block(model);
        }
        Action::Bisect => {
            model.dialogs.pop();
            return super::bisect::open(model);
        }
        _ => {
            let screen = crate::draw::body_of(model.size, &model.alarms);
            let (_, page) = page(model, screen);
            if let Some(Dialog::Cell(cell)) = model.dialogs.last_mut() {
                cell.scroll = page.scrolled(screen, 0, cell.scroll, action);
            }
        }
    }
    Vec::new()
}

fn page(model: &Model, screen: Rect) -> (String, Page) {
    let mut page = Page::over(screen);
    let Some(marked) = strip::marked(model) else {
        page.text("No branch was asked yet.", Tone::Plain);
        return ("No cell".to_owned(), page);
    };
    let kind = marked.cell.cell;
    let name = &marked.branch.name;
    page.text(&strip::meaning(&marked), Tone::Plain);
    if let Some(why) = &marked.cell.why {
        page.text(&format!("In detail: {why}."), tone(kind));
    }
    page.gap();
    let digest = |digest: Option<wardline_crypto::Digest>, none: &str| {
        digest.map_or_else(|| none.to_owned(), |digest| digest.to_string())
    };
    page.field(
        "Verified",
        &digest(marked.verified, "no block of this height is verified here yet"),
        Tone::Plain,
    );
    let differs = matches!(kind, Kind::Conflict | Kind::Invalid);
    let theirs = if differs { tone(kind) } else { Tone::Plain };
    page.field("Theirs", &digest(marked.cell.theirs, "it has shown no block of this height"), theirs);
    page.gap();
    let word = marked.branch.word.text();
    let at =
        marked.branch.height.map_or_else(String::new, |height| format!(", says it is at block {height}"));
    let detail = marked.branch.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    page.field(name, &format!("{word}{at}{detail}"), Tone::Plain);
    page.field("To do", strip::advice(&marked.cell), Tone::Plain);
    (format!("Block {} at {name}: {}", marked.height, kind.word()), page)
}

/// How a cell is meant where it has the page to itself.
fn tone(kind: Kind) -> Tone {
    match strip::tone(kind) {
        Tone::Alarm => Tone::Bad,
        Tone::Quiet | Tone::Good => Tone::Plain,
        other => other,
    }
}

/// Draws the dialog over the screen.
pub fn draw(model: &Model, dialog: Cell, canvas: &mut Canvas<'_>, screen: Rect) {
    let (title, page) = page(model, screen);
    page.draw(canvas, screen, &title, dialog.scroll, 0);
}

//! Staff: who is signed in, until when, and what the table of roles lets that person do.

use crate::{
    effects::Effect,
    message::Action,
    model::{Dialog, Model},
    theme::Tone,
    when::date_time,
    widgets::canvas::{Canvas, indent, row, wrap},
};
use ratatui::layout::Rect;
use wardline_policy::Operation;

/// What the console does, in a nurse's words, and the operation that it needs.
const ABILITIES: &[(&str, Operation)] = &[
    ("See branches and chains", Operation::ReadStatus),
    ("See side chain headers", Operation::ReadSideChain),
    ("See side chain blocks", Operation::ReadSideBlocks),
    ("Search patients", Operation::SearchPatients),
    ("Look a patient up", Operation::SubmitLookup),
    ("Open records", Operation::ReleaseKeys),
    ("Write records", Operation::SubmitStorage),
    ("Enrol patients", Operation::SubmitEnrol),
    ("Read the audit log", Operation::ReadAudit),
    ("Change the registry", Operation::SubmitRegistry),
];
/// Columns of the abilities.
const ABILITY: u16 = 26;

/// The dialog's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// First line that is shown.
    pub scroll: usize,
}

/// What an action does while the page is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    if action == Action::Back {
        model.dialogs.pop();
        return Vec::new();
    }
    let place = place(model, crate::draw::body_of(model.size, &model.alarms));
    let count = lines(model, place.width.saturating_sub(4)).len();
    let last = count.saturating_sub(usize::from(place.height.saturating_sub(2)));
    let Some(Dialog::Staff(staff)) = model.dialogs.last_mut() else { return Vec::new() };
    match action {
        Action::Up => staff.scroll = staff.scroll.saturating_sub(1),
        Action::Down => staff.scroll = (staff.scroll + 1).min(last),
        Action::PageUp | Action::First => staff.scroll = 0,
        Action::PageDown | Action::Last => staff.scroll = last,
        _ => {}
    }
    Vec::new()
}

fn lines(model: &Model, columns: u16) -> Vec<(String, String, Tone)> {
    let Some(who) = &model.who else { return Vec::new() };
    let plain = |label: &str, text: String| (label.to_owned(), text, Tone::Plain);
    let mut lines = vec![
        plain("Name", who.name.clone()),
        plain("Branch", who.branch_name.clone()),
        plain("Roles", who.roles.to_string()),
        plain("Session ends", date_time(who.expires_s, &model.zone)),
        plain("Locks itself after", format!("{} min without a key", model.idle_lock_s.div_ceil(60))),
        plain("", String::new()),
    ];
    for (ability, operation) in ABILITIES {
        let (text, tone) = match refusal(model, *operation) {
            None => ("yes".to_owned(), Tone::Good),
            Some(why) => (format!("no: {why}"), Tone::Warning),
        };
        for (at, text) in wrap(&text, columns.saturating_sub(ABILITY)).into_iter().enumerate() {
            lines.push((if at == 0 { (*ability).to_owned() } else { String::new() }, text, tone));
        }
    }
    lines
}

/// Opening records depends on the kind: it counts as allowed when some kind is.
fn refusal(model: &Model, operation: Operation) -> Option<String> {
    match operation {
        Operation::ReleaseKeys => model.refusal(Operation::ReadLinks),
        _ => model.refusal(operation),
    }
}

fn place(model: &Model, screen: Rect) -> Rect {
    let width = super::centred(screen, 76, 1).width;
    let count = lines(model, width.saturating_sub(4)).len();
    super::centred(screen, 76, u16::try_from(count).unwrap_or(u16::MAX).saturating_add(2))
}

/// Draws the page over the screen.
pub fn draw(model: &Model, staff: Staff, canvas: &mut Canvas<'_>, screen: Rect) {
    let place = place(model, screen);
    let lines = lines(model, place.width.saturating_sub(4));
    let area = canvas.framed(place, "Signed in");
    for (at, (label, text, tone)) in
        lines.iter().skip(staff.scroll).take(usize::from(area.height)).enumerate()
    {
        let line = row(area, u16::try_from(at).unwrap_or(u16::MAX));
        canvas.write(line, label, Tone::Quiet);
        canvas.write(indent(line, ABILITY), text, *tone);
    }
    if lines.len() > usize::from(area.height) {
        let last = lines.len().min(staff.scroll + usize::from(area.height));
        let bottom = Rect {
            y: place.bottom().saturating_sub(1),
            height: 1,
            width: place.width.saturating_sub(2),
            ..place
        };
        canvas.write_right(bottom, &format!(" {}-{last} of {} ", staff.scroll + 1, lines.len()), Tone::Quiet);
    }
    canvas.set_cursor(area.x, area.y);
}

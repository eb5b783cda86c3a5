//! Bisect: the first block in which a branch differs from this person's own, with both hashes.

use crate::{
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Dialog, Model, Pending},
    screens::chain::strip,
    theme::Tone,
    widgets::{canvas::Canvas, page::Page},
};
use ratatui::layout::Rect;
use wardline_client::{Bisection, Difference};
use wardline_crypto::Digest;

/// The dialog's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bisect {
    /// The own branch's name and the other's.
    pub names: (String, String),
    /// The branches are being asked.
    pub pending: Option<Pending>,
    /// What came of it, or why nothing did.
    pub found: Option<Outcome<Box<Bisection>>>,
    /// First line that is shown.
    pub scroll: usize,
}

/// Asks for the first difference between the own branch and the marked one.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some((chain, branches, at)) = strip::branches(model) else {
        model.say(Tone::Warning, "No branch was asked yet.");
        return Vec::new();
    };
    let (Some(own), Some(other)) = (branches.iter().find(|branch| branch.own), branches.get(at)) else {
        model.say(Tone::Warning, "Your own branch is not on this chain: there is nothing to compare with.");
        return Vec::new();
    };
    if own.id == other.id {
        model.say(Tone::Warning, "This is your own branch: mark another one with the arrow keys.");
        return Vec::new();
    }
    let (a, b, names) = (own.id, other.id, (own.name.clone(), other.name.clone()));
    let pending = model.pending();
    model.dialogs.push(Dialog::Bisect(Bisect { names, pending: Some(pending), found: None, scroll: 0 }));
    vec![Effect::Bisect { ticket: pending.ticket, chain, a, b }]
}

/// The answer came, or did not.
pub fn found(model: &mut Model, ticket: Ticket, outcome: Outcome<Box<Bisection>>) {
    let waiting = |dialog: &&mut Dialog| matches!(dialog, Dialog::Bisect(bisect) if bisect.pending.is_some_and(|pending| pending.ticket == ticket));
    if let Some(Dialog::Bisect(bisect)) = model.dialogs.iter_mut().find(waiting) {
        (bisect.pending, bisect.found) = (None, Some(outcome));
    }
}

/// What an action does while the dialog is on top.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    if action == Action::Back {
        let Some(Dialog::Bisect(bisect)) = model.dialogs.pop() else { return Vec::new() };
        return bisect.pending.map(|pending| Effect::Cancel(pending.ticket)).into_iter().collect();
    }
    let screen = crate::draw::body_of(model.size, &model.alarms);
    let Some(Dialog::Bisect(bisect)) = model.dialogs.last() else { return Vec::new() };
    let scroll = page(model, bisect, screen).scrolled(screen, 0, bisect.scroll, action);
    if let Some(Dialog::Bisect(bisect)) = model.dialogs.last_mut() {
        bisect.scroll = scroll;
    }
    Vec::new()
}

fn page(model: &Model, bisect: &Bisect, screen: Rect) -> Page {
    let mut page = Page::over(screen);
    let (own, other) = (&bisect.names.0, &bisect.names.1);
    match (&bisect.found, bisect.pending) {
        (Some(Ok(found)), _) => match &found.first_difference {
            None => same(&mut page, found, own, other),
            Some(difference) => differs(&mut page, found, *difference),
        },
        (Some(Err(why)), _) => {
            page.text(&format!("NOT COMPARED: {why}."), Tone::Warning);
            page.gap();
            page.field(
                "To do",
                "Nothing is known of where they differ. Try again when both answer.",
                Tone::Plain,
            );
        }
        (None, Some(pending)) => {
            let text = format!("Asking {own} and {other} for block after block {}", model.spinner(pending));
            page.text(&text, Tone::Plain);
        }
        (None, None) => {}
    }
    page
}

/// The shorter chain may be the beginning of the longer: whoever is behind has said nothing false.
fn same(page: &mut Page, found: &Bisection, own: &str, other: &str) {
    let common = found.common;
    page.text(&format!("NO DIFFERENCE up to block {common}."), Tone::Good);
    let (ours, theirs) = found.heights;
    if ours == theirs {
        page.text(&format!("{own} and {other} have the same {} chain.", found.chain), Tone::Plain);
    } else {
        let (short, long, top) = if ours < theirs { (own, other, theirs) } else { (other, own, ours) };
        let text = format!(
            "{short} is shorter: {long} is at block {top}. {short} is behind and has shown no other block."
        );
        page.text(&text, Tone::Warning);
    }
    page.gap();
    asked(page, found);
}

fn differs(page: &mut Page, found: &Bisection, difference: Difference) {
    let Difference { height, left, right, verified } = difference;
    let (own, other) = (&found.left.1, &found.right.1);
    page.text(&format!("FIRST DIFFERENCE: block {height} of the {} chain.", found.chain), Tone::Bad);
    page.text(&format!("Up to block {} both have the same chain.", found.common), Tone::Plain);
    page.gap();
    let digest =
        |digest: Option<Digest>, none: &str| digest.map_or_else(|| none.to_owned(), |one| one.to_string());
    page.field(
        "Verified",
        &digest(verified, "this console has verified no block of this height"),
        Tone::Plain,
    );
    for (name, theirs) in [(own, left), (other, right)] {
        let wrong = verified.is_some() && theirs != verified;
        page.field(name, &digest(theirs, "no such block"), if wrong { Tone::Bad } else { Tone::Plain });
    }
    page.gap();
    let who = match (verified, left == verified, right == verified) {
        (None, ..) => "This console has verified neither of the two blocks.".to_owned(),
        (_, true, _) => format!("{own} has the block that this console verified; {other} has another one."),
        (_, _, true) => format!("{other} has the block that this console verified; {own} has another one."),
        _ => "Neither has the block that this console verified.".to_owned(),
    };
    page.text(&who, Tone::Plain);
    let advice = "Call the operators of both branches and give them this height and the hashes. Write nothing at the \
                  branch that differs.";
    page.field("To do", advice, Tone::Plain);
    asked(page, found);
}

fn asked(page: &mut Page, found: &Bisection) {
    let heights = match found.compared {
        1 => "1 height".to_owned(),
        count => format!("{count} heights, halving the way each time"),
    };
    page.field("Compared", &heights, Tone::Quiet);
}

/// Draws the dialog over the screen.
pub fn draw(model: &Model, bisect: &Bisect, canvas: &mut Canvas<'_>, screen: Rect) {
    let title = format!("{} against {}", bisect.names.0, bisect.names.1);
    page(model, bisect, screen).draw(canvas, screen, &title, bisect.scroll, 0);
}

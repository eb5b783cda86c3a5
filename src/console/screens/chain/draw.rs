//! How the list of blocks is drawn, and the words for who signed.

use super::{head, selected, window};
use crate::{
    model::Model,
    theme::Tone,
    when::{clock_time, date_time},
    widgets::{
        canvas::{Canvas, below, indent, row, width, wrap},
        table::{Cell, Column, page, table},
    },
};
use ratatui::layout::Rect;
use wardline_client::{BlockLine, BranchView, BranchWord, Certified, Head};
use wardline_ledger::Chain;

/// Lines under the list: the selected block in full.
const DETAIL_LINES: u16 = 4;
const COLUMNS: &[Column] = &[
    Column { title: "Height", min: 7, max: 12, right: true, drop: 0 },
    Column { title: "Time", min: 19, max: 19, right: false, drop: 3 },
    Column { title: "Tx", min: 4, max: 4, right: true, drop: 1 },
    Column { title: "State", min: 8, max: 8, right: false, drop: 0 },
    Column { title: "Digest", min: 8, max: 8, right: false, drop: 4 },
    Column { title: "Signed by", min: 8, max: u16::MAX, right: false, drop: 2 },
];

/// Lines above the list and below it: a low screen keeps the two lines on the chain and the list.
const fn margins(area: Rect) -> (u16, u16) {
    if area.height >= 14 { (3, DETAIL_LINES) } else { (2, 0) }
}

fn list_area(area: Rect) -> Rect {
    let (above, under) = margins(area);
    let area = indent(below(area, above), 1);
    Rect { height: area.height.saturating_sub(under), ..area }
}

/// Rows of the list on a terminal of this size.
pub(super) fn rows(size: (u16, u16)) -> u64 {
    page(list_area(crate::draw::body_of(size)), 0).1 as u64
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    draw_head(model, canvas, area);
    canvas.set_cursor(area.x + 1, area.y);
    let Some(Head { height: head, .. }) = head(model) else { return };
    let selected = selected(model, head);
    let shown = window(head, selected, rows(model.size));
    let (low, high) = (*shown.start(), *shown.end());
    let count = usize::try_from(high - low + 1).unwrap_or(0);
    let at = usize::try_from(high.saturating_sub(selected)).ok();
    let blocks = model.chain.blocks();
    table(canvas, list_area(area), COLUMNS, count, at, |index| {
        let height = high.saturating_sub(index as u64);
        cells(model, height, blocks.lines.get(&height))
    });
    let under = margins(area).1;
    if under > 0 {
        let detail = below(area, area.height.saturating_sub(under));
        canvas.rule(row(detail, 0));
        draw_detail(canvas, indent(below(detail, 1), 1), selected, blocks.lines.get(&selected));
    }
}

/// The chain and how far it is verified; then whether it is live, or what is not.
fn draw_head(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let name = match model.chain.chain {
        Chain::Main => "Main chain",
        Chain::Side => "Side chain",
    };
    let rest = indent(canvas.write(indent(row(area, 0), 1), name, Tone::Strong), 2);
    let head = head(model);
    match head {
        Some(head) => {
            let rest = canvas.write(rest, &format!("VERIFIED to block {}", head.height), Tone::Good);
            let text = format!(" of {}", date_time(head.time_s, &model.zone));
            // On a narrow screen the height is what must not be cut.
            if width(&text) <= rest.width {
                canvas.write(rest, &text, Tone::Plain);
            }
        }
        None => {
            canvas.write(rest, "nothing is verified in this run yet", Tone::Plain);
        }
    }
    let mut line = indent(row(area, 1), 1);
    let newer = head.map_or(0, |head| {
        let shown = window(head.height, selected(model, head.height), rows(model.size));
        head.height - shown.end()
    });
    let slow = model.chain.blocks().pending.filter(|pending| model.now_s > pending.since_s);
    if let Some(pending) = slow {
        line = canvas.write_right(line, &format!(" fetching {} ", model.spinner(pending)), Tone::Plain);
    } else if newer > 0 {
        line = canvas.write_right(line, &format!(" {newer} newer above "), Tone::Plain);
    }
    let (text, tone) = status(model);
    if margins(area).0 > 2 {
        for (at, text) in wrap(&text, line.width).iter().enumerate().take(2) {
            canvas.write(if at == 0 { line } else { indent(row(area, 2), 1) }, text, tone);
        }
    } else {
        canvas.write(line, &text, tone);
    }
}

/// Whether the list is live, what was claimed and not verified, since when nobody answers.
fn status(model: &Model) -> (String, Tone) {
    let Some(known) = &model.overview.known else { return ("Asking every branch.".into(), Tone::Plain) };
    let Some(head) = head(model) else {
        return ("The side chain is kept from this branch.".into(), Tone::Warning);
    };
    let chain = model.chain.chain;
    let branches: Vec<_> = known.branches.iter().filter(|branch| is_on(branch, chain)).collect();
    if !model.chain.asked {
        return ("Asking every branch; what is shown was verified before.".into(), Tone::Plain);
    }
    let answering = branches.iter().filter(|branch| branch.word != BranchWord::Silent).count();
    if answering == 0 {
        let since = branches.iter().filter_map(|branch| branch.last_answer_s).max();
        let since = since.map_or_else(
            || "no branch has answered yet".to_owned(),
            |at_s| format!("since {} no branch answers", clock_time(at_s, model.now_s, &model.zone)),
        );
        return (format!("SILENT: {since}. Shown is what was verified before."), Tone::Warning);
    }
    let claim = |branch: &&BranchView| {
        let height = match chain {
            Chain::Main => branch.main_height,
            Chain::Side => branch.side_height,
        };
        Some((height.filter(|height| *height > head.height)?, branch.name.clone()))
    };
    if let Some((height, branch)) = branches.iter().filter_map(claim).max() {
        let text = format!("NOT VERIFIED: {branch} claims block {height} and has not proven it.");
        return (text, Tone::Warning);
    }
    if let Some(error) = &model.chain.blocks().error {
        return (format!("NOT FETCHED: {error}"), Tone::Warning);
    }
    let live = format!("LIVE: {answering} of {} branches answer.", branches.len());
    match head.height {
        0 => (format!("{live} No block yet beyond genesis."), Tone::Plain),
        _ => (live, Tone::Plain),
    }
}

/// Whether a branch is on the chain, as far as it has ever told.
fn is_on(branch: &BranchView, chain: Chain) -> bool {
    let told = branch.main_height.is_some() || branch.verified_main.is_some();
    chain == Chain::Main || !told || branch.side_height.is_some() || branch.verified_side.is_some()
}

fn cells(model: &Model, height: u64, line: Option<&BlockLine>) -> Vec<Cell> {
    let plain = |text: String| (text, Tone::Plain);
    let Some(line) = line else {
        let state = ("not here".to_owned(), Tone::Quiet);
        return vec![plain(height.to_string()), plain("-".into()), plain("-".into()), state];
    };
    vec![
        plain(height.to_string()),
        plain(date_time(line.time_s, &model.zone)),
        plain(line.transactions.to_string()),
        ("VERIFIED".into(), Tone::Good),
        plain(line.digest.short()),
        plain(signed_briefly(&line.certified)),
    ]
}

fn draw_detail(canvas: &mut Canvas<'_>, area: Rect, height: u64, line: Option<&BlockLine>) {
    let rest = canvas.write(row(area, 0), &format!("Block {height}"), Tone::Strong);
    let Some(line) = line else {
        canvas.write(rest, ": it is verified, what it says is being fetched", Tone::Plain);
        return;
    };
    let text = format!(": {}, epoch {}", count(u64::from(line.transactions), "transaction"), line.epoch);
    canvas.write(rest, &text, Tone::Plain);
    canvas.write(row(area, 1), &format!("Signed by {}", signed(&line.certified)), Tone::Plain);
    canvas.write(row(area, 2), &format!("Digest {}", line.digest), Tone::Plain);
}

/// By whose signatures a block is final, for a column: the number first, so that a cut does not mislead.
fn signed_briefly(certified: &Certified) -> String {
    match certified {
        Certified::Genesis => "genesis".into(),
        Certified::Own { signers, of } => format!("{} of {of}: {}", signers.len(), signers.join(", ")),
        Certified::ByLater => "by a later block".into(),
        Certified::Before => "verified before".into(),
    }
}

/// The same in a sentence after "signed by".
pub(super) fn signed(certified: &Certified) -> String {
    match certified {
        Certified::Genesis => "nobody: the genesis is in this console's own files".into(),
        Certified::Own { signers, of } => {
            format!("{}: {} of {of} validators", listed(signers), signers.len())
        }
        Certified::ByLater => "a later block's validators: it came without a certificate of its own".into(),
        Certified::Before => "validators that this console checked before; no certificate came now".into(),
    }
}

/// "East", "East and North", "East, North and South".
pub(super) fn listed(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// "1 transaction", "3 transactions".
pub(super) fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

//! How the strip of blocks is drawn, and the words for who signed.

use super::{
    Blocks, Bounds, bounds, head, selected,
    strip::{self, Columns},
    window,
};
use crate::{
    alarms::Alarms,
    model::Model,
    theme::Tone,
    when::{clock_time, date_time, short_time},
    widgets::{
        canvas::{Canvas, below, indent, left, row, width, wrap},
        table::page,
    },
};
use ratatui::layout::Rect;
use wardline_client::{BranchView, BranchWord, Cell, Certified};
use wardline_ledger::Chain;

/// Lines under the list: the marked cell and block, and what the signs mean.
const DETAIL_LINES: u16 = 5;
/// Columns of the marker, height, time and number of transactions, with their gaps.
const MARKER: u16 = 2;
const HEIGHT: u16 = 8;
const TIME: u16 = 9;
const COUNT: u16 = 4;
/// Columns of a short digest, and the least for who signed.
const DIGEST: u16 = 9;
const SIGNERS: u16 = 20;

/// Lines above the list and below it: a low screen keeps the two lines on the chain and the strip.
const fn margins(area: Rect) -> (u16, u16) {
    if area.height >= 15 { (4, DETAIL_LINES) } else { (2, 0) }
}

fn list_area(area: Rect) -> Rect {
    let (above, under) = margins(area);
    let area = indent(below(area, above), 1);
    Rect { height: area.height.saturating_sub(under), ..area }
}

/// Rows of the list on a terminal of this size.
pub(super) fn rows(size: (u16, u16), alarms: &Alarms) -> u64 {
    page(list_area(crate::draw::body_of(size, alarms)), 0).1 as u64
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    draw_head(model, canvas, area);
    canvas.set_cursor(area.x + 1, area.y);
    let Some(Bounds { top, .. }) = bounds(model) else { return };
    let selected = selected(model, top);
    draw_list(model, canvas, list_area(area), top, selected);
    let under = margins(area).1;
    if under > 0 {
        let detail = below(area, area.height.saturating_sub(under));
        canvas.rule(row(detail, 0));
        draw_detail(model, canvas, indent(below(detail, 1), 1), selected);
    }
}

/// Which parts of a row fit, and where its cells begin.
fn parts(blocks: &Blocks, width: u16) -> (Columns, bool, bool) {
    let room = width.saturating_sub(MARKER + HEIGHT + TIME + COUNT);
    let columns = Columns::of(blocks, room);
    let cells = if blocks.branches.is_empty() { 0 } else { columns.width() };
    let rest = room.saturating_sub(cells);
    (columns, rest >= DIGEST - 1, rest >= DIGEST + SIGNERS)
}

fn draw_list(model: &Model, canvas: &mut Canvas<'_>, area: Rect, top: u64, selected: u64) {
    let blocks = model.chain.blocks();
    let shown = window(top, selected, rows(model.size, &model.alarms));
    let (columns, digest, signers) = parts(blocks, area.width);
    let cells_at = MARKER + HEIGHT + TIME + COUNT;
    let digest_at = cells_at + if blocks.branches.is_empty() { 0 } else { columns.width() };
    let head = row(area, 0);
    canvas.write_right(left(indent(head, MARKER), HEIGHT - 1), "Height", Tone::Quiet);
    canvas.write(indent(head, MARKER + HEIGHT), "Time", Tone::Quiet);
    canvas.write_right(left(indent(head, MARKER + HEIGHT + TIME), COUNT - 1), "Tx", Tone::Quiet);
    strip::draw_names(blocks, columns, canvas, indent(head, cells_at));
    if digest {
        canvas.write(left(indent(head, digest_at), DIGEST - 1), "Digest", Tone::Quiet);
    }
    if signers {
        canvas.write(indent(head, digest_at + DIGEST), "Signed by", Tone::Quiet);
    }
    for (at, height) in shown.rev().enumerate() {
        let line = strip::line_of(area, at);
        canvas.mark(line, height == selected);
        if height == selected {
            canvas.set_cursor(line.x, line.y);
        }
        let known = blocks.lines.get(&height);
        let row = blocks.rows.get(&height);
        let time = known.map(|line| line.time_s).or_else(|| row?.time_s);
        let time = time.map_or_else(|| "-".to_owned(), |at_s| short_time(at_s, model.now_s, &model.zone));
        let count = known.map(|line| line.transactions).or_else(|| row?.transactions);
        let count = count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        canvas.write_right(left(indent(line, MARKER), HEIGHT - 1), &height.to_string(), Tone::Plain);
        canvas.write(left(indent(line, MARKER + HEIGHT), TIME - 1), &time, Tone::Plain);
        canvas.write_right(left(indent(line, MARKER + HEIGHT + TIME), COUNT - 1), &count, Tone::Plain);
        strip::draw_cells(blocks, columns, height, height == selected, canvas, indent(line, cells_at));
        if digest {
            let text = blocks.digest(height).map_or_else(|| "-".to_owned(), |digest| digest.short());
            canvas.write(left(indent(line, digest_at), DIGEST - 1), &text, Tone::Plain);
        }
        if let (true, Some(known)) = (signers, known) {
            canvas.write(indent(line, digest_at + DIGEST), &signed_briefly(&known.certified), Tone::Plain);
        }
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
    let (above, _) = margins(area);
    let mut line = indent(row(area, if above > 2 { 2 } else { 1 }), 1);
    if above > 2 {
        draw_word(model, canvas, indent(row(area, 1), 1));
    }
    let newer = bounds(model).map_or(0, |Bounds { top, .. }| {
        top - window(top, selected(model, top), rows(model.size, &model.alarms)).end()
    });
    let blocks = model.chain.blocks();
    let columns = parts(blocks, list_area(area).width).0;
    if let Some(position) = columns.position(blocks.branches.len()) {
        line = canvas.write_right(line, &position, Tone::Plain);
    }
    let slow = model.chain.blocks().pending.filter(|pending| model.now_s > pending.since_s);
    if let Some(pending) = slow {
        line = canvas.write_right(line, &format!(" fetching {} ", model.spinner(pending)), Tone::Plain);
    } else if newer > 0 {
        line = canvas.write_right(line, &format!(" {newer} newer above "), Tone::Plain);
    }
    let (text, tone) = status(model);
    if above > 2 {
        for (at, text) in wrap(&text, line.width).iter().enumerate().take(2) {
            canvas.write(if at == 0 { line } else { indent(row(area, 3), 1) }, text, tone);
        }
    } else {
        canvas.write(line, &text, tone);
    }
}

/// The word of the verified head, and what it is for.
fn draw_word(model: &Model, canvas: &mut Canvas<'_>, line: Rect) {
    let word = model.chain.blocks().word.as_ref().filter(|(of, _)| head(model).as_ref() == Some(of));
    let Some((_, word)) = word else {
        canvas.write(line, "State word  -", Tone::Quiet);
        return;
    };
    let rest = indent(canvas.write(line, "State word", Tone::Plain), 2);
    let rest = indent(canvas.write(rest, &word.to_string(), Tone::Strong), 2);
    let uses = [
        "read it to the other terminal by telephone: the same block has the same word",
        "read it to the other terminal by telephone",
        "compare by telephone",
        "",
    ];
    let text = uses.iter().find(|text| width(text) <= rest.width);
    canvas.write(rest, text.unwrap_or(&""), Tone::Plain);
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
    // Words of this chain where the streams have them: a branch may be well on one chain and behind on the other.
    let words: Vec<(&String, BranchWord)> = match model.chain.blocks().branches.as_slice() {
        [] => branches.iter().map(|branch| (&branch.name, branch.word)).collect(),
        streams => streams.iter().map(|branch| (&branch.name, branch.word)).collect(),
    };
    let unheard = |word: BranchWord| matches!(word, BranchWord::NotAsked | BranchWord::Asking);
    let answering = words.iter().filter(|(_, word)| *word != BranchWord::Silent && !unheard(*word)).count();
    if answering == 0 && words.iter().any(|(_, word)| unheard(*word)) {
        return ("Asking every branch; what is shown was verified before.".into(), Tone::Plain);
    }
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
        // What is on its way is no claim yet.
        let blocks = model.chain.blocks();
        let at = blocks.branches.iter().position(|one| one.id == branch.id);
        let coming = at.is_some_and(|at| blocks.cell(head.height + 1, at).cell == Cell::Fetching);
        Some((height.filter(|height| *height > head.height && !coming)?, branch.name.clone()))
    };
    if let Some((height, branch)) = branches.iter().filter_map(claim).max() {
        let text = format!("NOT VERIFIED: {branch} claims block {height} and has not proven it.");
        return (text, Tone::Warning);
    }
    if let Some(error) = &model.chain.blocks().error {
        return (format!("NOT FETCHED: {error}"), Tone::Warning);
    }
    let well = [BranchWord::Verified, BranchWord::NotAsked, BranchWord::Asking];
    let ill = words.iter().filter(|(_, word)| !well.contains(word));
    let ill: Vec<_> = ill.map(|(name, word)| format!("{name} {}", word.text())).collect();
    let more = match (head.height, model.chain.blocks().newest) {
        (0, _) => "; no block yet beyond genesis",
        (_, true) => "; a quorum says that none is newer",
        (_, false) => "",
    };
    let live = format!("LIVE: {answering} of {} branches answer{more}.", words.len());
    if ill.is_empty() { (live, Tone::Plain) } else { (format!("{live} {}.", ill.join(", ")), Tone::Warning) }
}

/// Whether a branch is on the chain, as far as it has ever told.
fn is_on(branch: &BranchView, chain: Chain) -> bool {
    let told = branch.main_height.is_some() || branch.verified_main.is_some();
    chain == Chain::Main || !told || branch.side_height.is_some() || branch.verified_side.is_some()
}

/// The marked cell and its block, and what the signs mean.
fn draw_detail(model: &Model, canvas: &mut Canvas<'_>, area: Rect, height: u64) {
    let blocks = model.chain.blocks();
    let mut rest = canvas.write(row(area, 0), &format!("Block {height}"), Tone::Strong);
    if let Some(marked) = strip::marked(model) {
        rest = canvas.write(rest, &format!(" at {}: ", marked.branch.name), Tone::Strong);
        rest = canvas.write(rest, marked.cell.cell.word(), strip::tone(marked.cell.cell));
        let branch = marked.branch.word.text();
        let detail = marked.cell.why.or_else(|| marked.branch.detail.clone());
        let more = match detail {
            Some(detail) => format!(", {detail}"),
            None if branch == marked.cell.cell.word() => String::new(),
            None => format!("; the branch is {branch}"),
        };
        canvas.write(rest, &more, Tone::Plain);
    } else {
        canvas.write(rest, ": no branch was asked for it yet", Tone::Plain);
    }
    let text = match blocks.lines.get(&height) {
        Some(line) => format!(
            "{}, epoch {}, signed by {}",
            count(u64::from(line.transactions), "transaction"),
            line.epoch,
            signed(&line.certified)
        ),
        None if head(model).is_some_and(|head| height > head.height) => {
            "It is not verified: no certificate of it was checked yet".to_owned()
        }
        None => "It is verified; what it says is being fetched".to_owned(),
    };
    canvas.write(row(area, 1), &text, Tone::Plain);
    let digest = blocks.digest(height).map_or_else(|| "-".to_owned(), |digest| digest.to_string());
    canvas.write(row(area, 2), &format!("Digest {digest}"), Tone::Plain);
    canvas.write(row(area, 3), &strip::legend(), Tone::Plain);
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

//! The verification strip: which cell is marked, what a cell means, how the cells are drawn.
//!
//! It must not show a cell that the client does not have: what is not known of a branch is *unchecked*.

use super::{Blocks, bounds, draw::rows, selected, window};
use crate::{
    model::Model,
    theme::Tone,
    widgets::canvas::{Canvas, indent, left, row, width},
};
use ratatui::layout::Rect;
use wardline_client::{Cell, StripBranch, StripCell};
use wardline_crypto::Digest;
use wardline_ledger::Chain;

/// Least and most columns of one branch, with the gap.
const COLUMN: (u16, u16) = (4, 9);

/// The cells in the order of the legend.
const CELLS: [Cell; 7] = [
    Cell::Verified,
    Cell::Behind,
    Cell::Silent,
    Cell::Fetching,
    Cell::Unchecked,
    Cell::Conflict,
    Cell::Invalid,
];

/// The marked cell, with what stands beside it.
#[derive(Debug)]
pub struct Marked<'a> {
    /// The block.
    pub height: u64,
    /// Digest of the verified block of that height.
    pub verified: Option<Digest>,
    /// The branch.
    pub branch: &'a StripBranch,
    /// The cell.
    pub cell: StripCell,
}

/// The marked cell; nothing before any branch was asked.
pub fn marked(model: &Model) -> Option<Marked<'_>> {
    let blocks = model.chain.blocks();
    let height = selected(model, bounds(model)?.top);
    let branch = blocks.branches.get(blocks.column())?;
    Some(Marked {
        height,
        verified: blocks.digest(height),
        branch,
        cell: blocks.cell(height, blocks.column()),
    })
}

/// The chain that is shown, its branches, and which of them is marked.
pub fn branches(model: &Model) -> Option<(Chain, &[StripBranch], usize)> {
    let blocks = model.chain.blocks();
    (!blocks.branches.is_empty()).then(|| (model.chain.chain, blocks.branches.as_slice(), blocks.column()))
}

impl Blocks {
    /// The marked branch's place.
    pub(super) fn column(&self) -> usize {
        self.column.min(self.branches.len().saturating_sub(1))
    }

    /// Digest of the verified block of a height, from whoever told it.
    pub(super) fn digest(&self, height: u64) -> Option<Digest> {
        let line = self.lines.get(&height).map(|line| line.digest);
        line.or_else(|| self.rows.get(&height)?.digest)
    }

    /// What is known of a block at a branch.
    pub(super) fn cell(&self, height: u64, column: usize) -> StripCell {
        let known = self.rows.get(&height).and_then(|row| row.cells.get(column));
        known.cloned().unwrap_or(StripCell { cell: Cell::Unchecked, theirs: None, why: None })
    }
}

/// How a cell is meant.
pub const fn tone(cell: Cell) -> Tone {
    match cell {
        Cell::Verified => Tone::Good,
        Cell::Behind | Cell::Silent => Tone::Warning,
        Cell::Conflict | Cell::Invalid => Tone::Alarm,
        Cell::Unchecked | Cell::Fetching => Tone::Quiet,
    }
}

/// What a cell means, in a sentence or two.
pub fn meaning(marked: &Marked<'_>) -> String {
    let (name, height) = (&marked.branch.name, marked.height);
    match marked.cell.cell {
        Cell::Verified => format!("{name} shows the very block {height} that this console verified."),
        Cell::Unchecked if marked.cell.theirs.is_some() => {
            format!(
                "{name} gave a block {height} that this console could not verify yet: it may be the right one."
            )
        }
        Cell::Unchecked => {
            format!("{name} was not asked for block {height} by this console: nothing is known of it.")
        }
        Cell::Fetching => format!("{name} is being asked for block {height}: nothing of it is checked yet."),
        Cell::Behind => {
            let at = marked.branch.height.map_or_else(String::new, |at| format!(": it is at block {at}"));
            format!("{name} does not have block {height} yet{at}. What it has is not false.")
        }
        Cell::Silent => format!("{name} does not answer: what it has for block {height} is not known."),
        Cell::Conflict => format!(
            "{name} shows another block {height} than the one that a quorum signed and this console verified. \
             They cannot both be true."
        ),
        Cell::Invalid => {
            format!("What {name} gave for block {height} does not verify: it is no block of this chain.")
        }
    }
}

/// What to do about a cell.
pub const fn advice(cell: &StripCell) -> &'static str {
    match cell.cell {
        Cell::Verified => "Nothing.",
        Cell::Unchecked if cell.theirs.is_some() => {
            "Wait a moment: it is compared once the block is verified."
        }
        Cell::Unchecked => {
            "Press r on the chain's screen: every branch is asked for the blocks that are shown."
        }
        Cell::Fetching => "Wait a moment.",
        Cell::Behind => "Nothing at once. If it stays behind, tell its operators.",
        Cell::Silent => {
            "Nothing at once: the other branches answer for it. If it stays silent, tell its operators."
        }
        Cell::Conflict => {
            "Press b for the first block that differs. Call the branch's operators, write nothing there, keep the \
             evidence that the alarm names."
        }
        Cell::Invalid => {
            "Call the branch's operators, write nothing there, keep the evidence that the alarm names."
        }
    }
}

/// "V verified  B behind": every sign with its word.
pub fn legend() -> String {
    let word = |cell: &Cell| match tone(*cell) {
        Tone::Alarm => cell.word().to_owned(),
        _ => cell.word().to_lowercase(),
    };
    let signs: Vec<_> = CELLS.iter().map(|cell| format!("{} {}", cell.letter(), word(cell))).collect();
    signs.join("  ")
}

/// Which branches fit, and how wide each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Columns of each branch, with the gap.
    pub(super) each: u16,
    /// The first branch that is shown.
    pub(super) first: usize,
    /// How many are shown.
    pub(super) shown: usize,
}

impl Columns {
    /// Pages of branches flip as a whole, as pages of rows do.
    pub(super) fn of(blocks: &Blocks, room: u16) -> Self {
        let count = blocks.branches.len();
        let all = u16::try_from(count.max(1)).unwrap_or(u16::MAX);
        let each = (room / all).clamp(COLUMN.0, COLUMN.1);
        let shown = usize::from(room / each).clamp(1, count.max(1));
        Self { each, first: blocks.column() / shown * shown, shown }
    }

    /// Columns in all.
    pub(super) fn width(self) -> u16 {
        u16::try_from(self.shown).unwrap_or(u16::MAX).saturating_mul(self.each)
    }

    /// "branches 15-20 of 20", where not all are shown.
    pub(super) fn position(self, count: usize) -> Option<String> {
        let last = (self.first + self.shown).min(count);
        (self.shown < count).then(|| format!(" branches {}-{last} of {count} ", self.first + 1))
    }
}

/// The branches' names over their cells, as far as they fit.
pub(super) fn draw_names(blocks: &Blocks, columns: Columns, canvas: &mut Canvas<'_>, line: Rect) {
    let shown = blocks.branches.iter().enumerate().skip(columns.first).take(columns.shown);
    for (place, (at, branch)) in (0..).zip(shown) {
        let here = left(indent(line, columns.each * place), columns.each - 1);
        let name = shortened(&branch.name, here.width);
        canvas.write(here, &name, if at == blocks.column() { Tone::Strong } else { Tone::Quiet });
    }
}

/// A name cut to a width; a number at its end stays, since it may be all that tells two branches apart.
fn shortened(name: &str, room: u16) -> String {
    let words = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(words.len()..).unwrap_or_default();
    let (mut words, number) =
        if width(number) < room { (words.to_owned(), number) } else { (name.to_owned(), "") };
    while width(&words).saturating_add(width(number)) > room && words.pop().is_some() {}
    words + number
}

/// One block's cells; the marked one in brackets.
pub(super) fn draw_cells(
    blocks: &Blocks,
    columns: Columns,
    height: u64,
    marked: bool,
    canvas: &mut Canvas<'_>,
    line: Rect,
) {
    let shown = (0..blocks.branches.len()).skip(columns.first).take(columns.shown);
    for (place, at) in (0..).zip(shown) {
        let here = left(indent(line, columns.each * place), 3);
        let cell = blocks.cell(height, at).cell;
        canvas.write(indent(left(here, 2), 1), &cell.letter().to_string(), tone(cell));
        if marked && at == blocks.column() {
            canvas.write(left(here, 1), "[", Tone::Strong);
            canvas.write(indent(here, 2), "]", Tone::Strong);
        }
    }
}

/// The heights on the screen that are to be asked for: of which some branch was not asked, or all.
pub(super) fn unasked(model: &Model) -> Option<(u64, u64)> {
    let bounds = bounds(model)?;
    let blocks = model.chain.blocks();
    let shown = window(bounds.top, selected(model, bounds.top), rows(model.size, &model.alarms));
    let open = |height: &u64| {
        *height <= bounds.head
            && !blocks.checked.contains(height)
            && (blocks.again
                || (0..blocks.branches.len()).any(|at| blocks.cell(*height, at).cell == Cell::Unchecked))
    };
    let mut heights = shown.filter(open);
    let low = heights.next()?;
    Some((low, heights.next_back().unwrap_or(low)))
}

/// A line under `area`'s end for each row of the list.
pub(super) fn line_of(area: Rect, at: usize) -> Rect {
    row(area, u16::try_from(at + 1).unwrap_or(u16::MAX))
}

#[cfg(test)]
#[path = "strip/tests.rs"]
mod tests;

//! Chain: the verification strip of one chain, block by branch, newest first, live; a cell has its words, a block and a
//! transaction have pages of their own.
//!
//! The list reaches from the newest verified block down to the genesis, and only the part on the screen is fetched. It
//! must not show a block that the client did not verify, nor a signature that was not checked.

pub mod block;
mod draw;
pub mod strip;
pub mod transaction;

use crate::{
    dialogs::cell::Cell,
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Dialog, Model, Pending, Screen},
    theme::Tone,
};
use block::OpenBlock;
use draw::rows;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};
use wardline_client::{BlockLine, Certified, Head, StripBranch, StripRow, StripView};
use wardline_ledger::{Chain, StateWord};
use wardline_policy::Operation;

pub use draw::draw;

/// Seconds between two questions for everything on the screen.
const PATROL_S: u64 = 60;
/// Most blocks of a chain that are kept; those farthest from the selected one go first.
const KEPT: usize = 2048;

/// The screen's state.
#[derive(Debug)]
pub struct ChainScreen {
    /// Which chain is shown.
    pub chain: Chain,
    /// The main chain's blocks.
    pub main: Blocks,
    /// The side chain's blocks.
    pub side: Blocks,
    /// The block whose page is open.
    pub open: Option<OpenBlock>,
    /// Where Esc leads back to.
    pub from: Screen,
    /// Whether all branches answered, or did not, since the screen was opened: before that nothing is called live.
    pub asked: bool,
}

/// What is known of one chain's list.
#[derive(Debug, Default)]
pub struct Blocks {
    /// Verified blocks that were fetched, by height.
    pub lines: BTreeMap<u64, BlockLine>,
    /// Height of the selected block; the newest one while nothing was chosen.
    pub selected: Option<u64>,
    /// Blocks are being fetched.
    pub pending: Option<Pending>,
    /// Why the last question for blocks failed.
    pub error: Option<String>,
    /// The strip's branches, in the order of its cells.
    pub branches: Vec<StripBranch>,
    /// The strip's rows, by height.
    pub rows: BTreeMap<u64, StripRow>,
    /// The strip's verified head, and the word that stands for its state.
    pub word: Option<(Head, StateWord)>,
    /// Whether a quorum says that no newer block is final.
    pub newest: bool,
    /// The marked branch.
    pub column: usize,
    /// All branches are being asked for heights that some were not asked for.
    pub checking: Option<Ticket>,
    /// Heights that were asked for in this way.
    pub checked: BTreeSet<u64>,
    /// Everything on the screen is to be asked for once more, what is verified too: a branch may have changed it.
    pub again: bool,
    /// When everything on the screen was asked for last, Unix seconds.
    pub patrolled_s: u64,
}

impl Default for ChainScreen {
    fn default() -> Self {
        Self {
            chain: Chain::Main,
            main: Blocks::default(),
            side: Blocks::default(),
            open: None,
            from: Screen::Overview,
            asked: false,
        }
    }
}

impl ChainScreen {
    /// The list of the chain that is shown.
    pub fn blocks(&self) -> &Blocks {
        self.of(self.chain)
    }

    /// The list of a chain.
    pub fn of(&self, chain: Chain) -> &Blocks {
        match chain {
            Chain::Main => &self.main,
            Chain::Side => &self.side,
        }
    }

    fn blocks_mut(&mut self) -> &mut Blocks {
        match self.chain {
            Chain::Main => &mut self.main,
            Chain::Side => &mut self.side,
        }
    }
}

/// Shows the screen at the newest block; asks the branches at once, where no streams tell.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if !model.screen.is_chain() {
        (model.chain.from, model.chain.asked) = (model.screen, model.overview.streams);
    }
    model.screen = Screen::Chain;
    let blocks = model.chain.blocks_mut();
    (blocks.selected, blocks.checked) = (None, BTreeSet::new());
    let mut effects = if model.overview.streams { Vec::new() } else { super::overview::ask(model) };
    effects.extend(want(model));
    effects
}

/// The newest verified block of the chain that is shown, once the branches were asked.
fn head(model: &Model) -> Option<Head> {
    let known = model.overview.known.as_ref()?;
    match model.chain.chain {
        Chain::Main => Some(known.main),
        Chain::Side => known.side,
    }
}

/// How far the list reaches.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// The newest verified block.
    head: u64,
    /// The newest block that the strip speaks of, verified or not.
    top: u64,
}

fn bounds(model: &Model) -> Option<Bounds> {
    let head = head(model)?.height;
    let newest = model.chain.blocks().rows.last_key_value().map_or(head, |(height, _)| *height);
    Some(Bounds { head, top: newest.max(head) })
}

fn selected(model: &Model, top: u64) -> u64 {
    model.chain.blocks().selected.unwrap_or(top).min(top)
}

/// The heights on the screen. Near the newest block they move up with it; farther down they stand still.
fn window(head: u64, selected: u64, rows: u64) -> RangeInclusive<u64> {
    if head - selected.min(head) < rows {
        head.saturating_sub(rows - 1)..=head
    } else {
        let low = selected / rows * rows;
        low..=(low + rows - 1).min(head)
    }
}

/// Fetches what is not there of what is on the screen: blocks, and what the branches have for them.
fn want(model: &mut Model) -> Vec<Effect> {
    let mut effects = want_blocks(model);
    effects.extend(want_cells(model));
    effects
}

/// Asks every branch for the blocks on the screen that some branch was not asked for. Each once, while the screen is
/// open, and all of them once a minute: a branch that has nothing to say must not be asked for ever, and one that
/// changes an old block must not go unseen.
fn want_cells(model: &mut Model) -> Option<Effect> {
    let (low, high) = strip::unasked(model).filter(|_| model.chain.blocks().checking.is_none())?;
    let (ticket, chain) = (model.ticket(), model.chain.chain);
    let blocks = model.chain.blocks_mut();
    blocks.checking = Some(ticket);
    blocks.checked.extend(low..=high);
    blocks.again = false;
    Some(Effect::CheckStrip { ticket, chain, heights: low..=high })
}

/// Fetches the blocks on the screen that are not there, and a page below them.
fn want_blocks(model: &mut Model) -> Vec<Effect> {
    let Some(Bounds { head, top }) = bounds(model) else { return Vec::new() };
    let rows = rows(model.size, &model.alarms);
    let shown = window(top, selected(model, top), rows);
    let blocks = model.chain.blocks();
    let missing = |height: &u64| *height <= head && !blocks.lines.contains_key(height);
    let below = shown.start().saturating_sub(rows);
    let high = shown.clone().rev().find(missing);
    let (Some(high), None) = (high, blocks.pending) else { return Vec::new() };
    let low = (below..=high).find(missing).unwrap_or(high);
    let (pending, chain) = (model.pending(), model.chain.chain);
    model.chain.blocks_mut().pending = Some(pending);
    vec![Effect::FetchBlocks { ticket: pending.ticket, chain, heights: low..=high }]
}

/// The strips as they are now. What a reader looks at stays where it is; rows below what came are kept.
pub fn watched(model: &mut Model, main: StripView, side: Option<StripView>) {
    take(&mut model.chain.main, main);
    if let Some(side) = side {
        take(&mut model.chain.side, side);
    }
}

fn take(blocks: &mut Blocks, strip: StripView) {
    let marked = blocks.branches.get(blocks.column()).map(|branch| branch.id);
    let ids = |branches: &[StripBranch]| branches.iter().map(|branch| branch.id).collect::<Vec<_>>();
    if ids(&blocks.branches) != ids(&strip.branches) {
        blocks.rows.clear();
        blocks.checked.clear();
    }
    let place = strip.branches.iter().position(|branch| Some(branch.id) == marked);
    blocks.column = place.unwrap_or(0);
    (blocks.branches, blocks.newest) = (strip.branches, strip.newest);
    blocks.word = strip.head.zip(strip.state_word);
    blocks.rows.extend(strip.rows.into_iter().map(|row| (row.height, row)));
    prune(blocks);
}

/// Every branch was asked for some heights.
pub fn checked(model: &mut Model, ticket: Ticket, rows: Vec<StripRow>) -> Vec<Effect> {
    let screen = &mut model.chain;
    let asked = |blocks: &&mut Blocks| blocks.checking == Some(ticket);
    let Some(blocks) = [&mut screen.main, &mut screen.side].into_iter().find(asked) else {
        return Vec::new();
    };
    blocks.checking = None;
    let fits = |row: &StripRow| row.cells.len() == blocks.branches.len();
    blocks.rows.extend(rows.into_iter().filter(fits).map(|row| (row.height, row)));
    prune(blocks);
    if model.screen == Screen::Chain { want(model) } else { Vec::new() }
}

/// The branches answered where they stand: new blocks are fetched while the screen is shown. The selection stays on
/// its block.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let Some(Bounds { head, top }) = bounds(model).filter(|_| model.screen.is_chain()) else {
        return Vec::new();
    };
    model.chain.asked |= model.overview.streams || model.overview.asking.is_none();
    let asked = model.chain.asked;
    let now_s = model.now_s;
    let blocks = model.chain.blocks_mut();
    if now_s >= blocks.patrolled_s.saturating_add(PATROL_S) {
        patrol(blocks, now_s);
    }
    if asked {
        blocks.selected.get_or_insert(top);
    }
    // What had no certificate while it was the newest may have one by now, or a later block that has.
    blocks.lines.retain(|height, line| *height == head || line.certified != Certified::Before);
    want(model)
}

/// Blocks came, or did not.
pub fn fetched(model: &mut Model, ticket: Ticket, outcome: Outcome<Vec<BlockLine>>) -> Vec<Effect> {
    let screen = &mut model.chain;
    let asked = |blocks: &&mut Blocks| blocks.pending.is_some_and(|pending| pending.ticket == ticket);
    let Some(blocks) = [&mut screen.main, &mut screen.side].into_iter().find(asked) else {
        return Vec::new();
    };
    blocks.pending = None;
    match outcome {
        Ok(lines) => {
            blocks.error = None;
            blocks.lines.extend(lines.into_iter().map(|line| (line.height, line)));
            prune(blocks);
            // What was asked for meanwhile, for another part of the list.
            if model.screen == Screen::Chain { want(model) } else { Vec::new() }
        }
        // It is asked for again when the branches were asked where they stand.
        Err(why) => {
            blocks.error = Some(why);
            Vec::new()
        }
    }
}

/// Rows go with their blocks; whoever looks far down keeps what is looked at.
fn prune(blocks: &mut Blocks) {
    let at = blocks.selected.or_else(|| blocks.rows.last_key_value().map(|(height, _)| *height)).unwrap_or(0);
    while blocks.rows.len() > KEPT {
        let ends = (blocks.rows.first_key_value(), blocks.rows.last_key_value());
        let (Some((&low, _)), Some((&high, _))) = ends else { return };
        let gone = if at.abs_diff(low) > at.abs_diff(high) { low } else { high };
        blocks.rows.remove(&gone);
    }
    while blocks.lines.len() > KEPT {
        let ends = (blocks.lines.first_key_value(), blocks.lines.last_key_value());
        let (Some((&low, _)), Some((&high, _))) = ends else { return };
        let at = blocks.selected.unwrap_or(high);
        if at.abs_diff(low) > at.abs_diff(high) {
            blocks.lines.pop_first();
        } else {
            blocks.lines.pop_last();
        }
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Back => return back(model),
        Action::OtherChain => return switch(model),
        Action::FetchAgain => return ask_again(model),
        Action::OpenBlock => return open_block(model),
        Action::Bisect => return crate::dialogs::bisect::open(model),
        Action::Left | Action::Right => {
            let blocks = model.chain.blocks_mut();
            let by = if action == Action::Left { -1 } else { 1 };
            blocks.column = crate::widgets::table::moved(blocks.column(), blocks.branches.len(), by);
            return Vec::new();
        }
        Action::Accept if strip::marked(model).is_some() => {
            model.dialogs.push(Dialog::Cell(Cell::default()));
            return Vec::new();
        }
        _ => {}
    }
    let Some(Bounds { top, .. }) = bounds(model) else { return Vec::new() };
    let (at, rows) = (selected(model, top), rows(model.size, &model.alarms));
    let to = match action {
        Action::Up => at.saturating_add(1),
        Action::Down => at.saturating_sub(1),
        Action::PageUp => at.saturating_add(rows),
        Action::PageDown => at.saturating_sub(rows),
        Action::First => top,
        Action::Last => 0,
        Action::Accept => return open_block(model),
        _ => return Vec::new(),
    };
    model.chain.blocks_mut().selected = Some(to.min(top));
    want(model)
}

/// The page of the marked block. One that is not verified has none.
pub fn open_block(model: &mut Model) -> Vec<Effect> {
    let Some(Bounds { head, top }) = bounds(model) else { return Vec::new() };
    let at = selected(model, top);
    if at > head {
        let text = format!("Block {at} is not verified yet: nothing of it can be shown.");
        model.say(Tone::Warning, text);
        return Vec::new();
    }
    block::open(model, at)
}

fn patrol(blocks: &mut Blocks, now_s: u64) {
    blocks.checked.clear();
    (blocks.again, blocks.patrolled_s) = (true, now_s);
}

/// Every branch is asked where it stands, and for what is on the screen once more.
fn ask_again(model: &mut Model) -> Vec<Effect> {
    let now_s = model.now_s;
    patrol(model.chain.blocks_mut(), now_s);
    let mut effects = super::overview::ask(model);
    effects.extend(want(model));
    effects
}

/// To where the screen was opened from, as far as that is still there.
fn back(model: &mut Model) -> Vec<Effect> {
    model.screen = match model.chain.from {
        Screen::Entry if model.entry.is_some() => Screen::Entry,
        Screen::Entry | Screen::History | Screen::Record if model.history.is_some() => match model.chain.from
        {
            Screen::Record => Screen::Record,
            _ => Screen::History,
        },
        Screen::Patients => Screen::Patients,
        _ => return super::overview::open(model),
    };
    Vec::new()
}

/// To the other chain, where the role allows it.
fn switch(model: &mut Model) -> Vec<Effect> {
    let other = match model.chain.chain {
        Chain::Main => Chain::Side,
        Chain::Side => Chain::Main,
    };
    if let (Chain::Side, Some(why)) = (other, model.refusal(Operation::ReadSideChain)) {
        model.say(Tone::Warning, format!("You cannot see the side chain: {why}."));
        return Vec::new();
    }
    model.chain.chain = other;
    want(model)
}

#[cfg(test)]
#[path = "chain/tests.rs"]
mod tests;

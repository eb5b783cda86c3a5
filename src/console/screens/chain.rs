//! Chain: the verified blocks of one chain, newest first, live; a block and a transaction have pages of their own.
//!
//! The list reaches from the newest verified block down to the genesis, and only the part on the screen is fetched. It
//! must not show a block that the client did not verify, nor a signature that was not checked.

pub mod block;
mod draw;
pub mod transaction;

use crate::{
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Model, Pending, Screen},
    theme::Tone,
};
use block::OpenBlock;
use draw::rows;
use std::{collections::BTreeMap, ops::RangeInclusive};
use wardline_client::{BlockLine, Certified, Head};
use wardline_ledger::Chain;
use wardline_policy::Operation;

pub use draw::draw;

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
        match self.chain {
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

/// Shows the screen at the newest block, and asks the branches at once.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if !model.screen.is_chain() {
        (model.chain.from, model.chain.asked) = (model.screen, false);
    }
    model.screen = Screen::Chain;
    model.chain.blocks_mut().selected = None;
    let mut effects = super::overview::ask(model);
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

fn selected(model: &Model, head: u64) -> u64 {
    model.chain.blocks().selected.unwrap_or(head).min(head)
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

/// Fetches the blocks on the screen that are not there, and a page below them.
fn want(model: &mut Model) -> Vec<Effect> {
    let Some(Head { height: head, .. }) = head(model) else { return Vec::new() };
    let rows = rows(model.size);
    let shown = window(head, selected(model, head), rows);
    let blocks = model.chain.blocks();
    let missing = |height: &u64| !blocks.lines.contains_key(height);
    let below = shown.start().saturating_sub(rows);
    let high = shown.clone().rev().find(missing);
    let (Some(high), None) = (high, blocks.pending) else { return Vec::new() };
    let low = (below..=high).find(missing).unwrap_or(high);
    let (pending, chain) = (model.pending(), model.chain.chain);
    model.chain.blocks_mut().pending = Some(pending);
    vec![Effect::FetchBlocks { ticket: pending.ticket, chain, heights: low..=high }]
}

/// The branches answered where they stand: new blocks are fetched while the screen is shown. The selection stays on
/// its block.
pub fn follow(model: &mut Model) -> Vec<Effect> {
    let Some(Head { height: head, .. }) = head(model).filter(|_| model.screen.is_chain()) else {
        return Vec::new();
    };
    model.chain.asked |= model.overview.asking.is_none();
    let asked = model.chain.asked;
    let blocks = model.chain.blocks_mut();
    if asked {
        blocks.selected.get_or_insert(head);
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

fn prune(blocks: &mut Blocks) {
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
        Action::FetchAgain => return super::overview::ask(model),
        _ => {}
    }
    let Some(Head { height: head, .. }) = head(model) else { return Vec::new() };
    let (at, rows) = (selected(model, head), rows(model.size));
    let to = match action {
        Action::Up => at.saturating_add(1),
        Action::Down => at.saturating_sub(1),
        Action::PageUp => at.saturating_add(rows),
        Action::PageDown => at.saturating_sub(rows),
        Action::First => head,
        Action::Last => 0,
        Action::Accept => return block::open(model, at),
        _ => return Vec::new(),
    };
    model.chain.blocks_mut().selected = Some(to.min(head));
    want(model)
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

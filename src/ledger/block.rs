//! Blocks: proposed from waiting transactions, and checked by doing everything again.
//!
//! What the node calls before it proposes and before it votes. Pure: the caller gives the time.

use crate::codec::{Canonical, DecodeError};
use crate::header::{
    HEADER_VERSION, Header, MAX_BODY, decode_body, encode_body, ends_epoch, epoch_of, transaction_root,
};
use crate::id::TxId;
use crate::overlay::{Overlay, State};
use crate::rules::{self, BlockContext, Refusal};
use crate::state::{self, ChainEntry, Changes, Key, StateUnavailable};
use crate::tree::{self, Handover, TreeError, TreeUpdate};
use wardline_crypto::Digest;

/// How far a block's time may be ahead of a validator's clock, seconds.
pub const MAX_AHEAD_S: u64 = 10;

/// Why a header cannot follow its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is of another network.
    #[error("the block is of another network")]
    OtherNetwork,
    /// It is of the other chain.
    #[error("the block is of the other chain")]
    OtherChain,
    /// Its height is not the parent's plus one.
    #[error("the block's height is `{found}`, not `{expected}`")]
    Height {
        /// The height found.
        found: u64,
        /// The parent's height plus one.
        expected: u64,
    },
    /// It names another parent.
    #[error("the block does not name the block before as its parent")]
    Parent,
    /// Its epoch is not that of its height.
    #[error("the block's epoch is not that of its height")]
    Epoch,
    /// Its time is before its parent's.
    #[error("the block's time is before its parent's")]
    TimeGoesBack,
    /// Its time is too far ahead of the clock.
    #[error("the block's time is `{0}` seconds ahead of the clock")]
    TimeAhead(u64),
}

/// Why a block is not voted for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefusal {
    /// Header or body are not canonical.
    #[error("the block is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// The header cannot follow its parent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The body is not the one that the header commits to.
    #[error("the body is not the one that the header commits to")]
    Body,
    /// No transactions, right after another empty block, and no change of validators waits for the epoch's end.
    #[error(
        "an empty block follows another empty one of the same second while no change of validators waits"
    )]
    Empty,
    /// A transaction is refused.
    #[error("transaction `{index}`: {refusal}")]
    Transaction {
        /// Its place in the body.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// The transactions lead to another state than the header says.
    #[error("the block's state root is not what its transactions lead to")]
    StateRoot,
    /// State or tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl From<StateUnavailable> for BlockRefusal {
    fn from(error: StateUnavailable) -> Self {
        Self::Tree(error.into())
    }
}

/// Checks that a header can follow its parent, everything but the clock.
///
/// # Errors
/// The first rule that it breaks.
pub fn follows(
    parent: &Header,
    parent_digest: &Digest,
    header: &Header,
    epoch_length: u64,
) -> Result<(), HeaderError> {
    if header.network != parent.network {
        return Err(HeaderError::OtherNetwork);
    }
    if header.chain != parent.chain {
        return Err(HeaderError::OtherChain);
    }
    let expected = parent.height.saturating_add(1);
    if header.height != expected {
        return Err(HeaderError::Height { found: header.height, expected });
    }
    if header.parent != *parent_digest {
        return Err(HeaderError::Parent);
    }
    if header.epoch != epoch_of(header.height, epoch_length) {
        return Err(HeaderError::Epoch);
    }
    if header.time_s < parent.time_s {
        return Err(HeaderError::TimeGoesBack);
    }
    Ok(())
}

/// Checks a header against its parent and the clock.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_header(
    parent: &Header,
    header: &Header,
    epoch_length: u64,
    now_s: u64,
    max_ahead_s: u64,
) -> Result<(), HeaderError> {
    follows(parent, &parent.digest(), header, epoch_length)?;
    match header.time_s.saturating_sub(now_s) {
        ahead if ahead > max_ahead_s => Err(HeaderError::TimeAhead(ahead)),
        _ => Ok(()),
    }
}

/// A block that was built, with what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltBlock {
    /// The header.
    pub header: Header,
    /// The header's canonical bytes.
    pub header_bytes: Vec<u8>,
    /// The body's canonical bytes.
    pub body: Vec<u8>,
    /// What it does to the state.
    pub changes: Changes,
    /// What it does to the tree.
    pub tree: TreeUpdate,
}

/// What came out of building a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The block, or nothing when there is nothing to agree on.
    pub block: Option<BuiltBlock>,
    /// Candidates that no block takes as the state is now. See [`Refusal::may_hold_later`].
    pub refused: Vec<(TxId, Refusal)>,
}

/// Builds the block that follows `parent` from waiting transactions, over the state that `parent` led to.
///
/// # Errors
/// When state or tree cannot be read.
pub fn build_block(
    state: &dyn State,
    parent: &Header,
    now_s: u64,
    candidates: impl Iterator<Item = Vec<u8>>,
) -> Result<Proposal, BlockRefusal> {
    let (context, epoch_length) = next_block(state, parent, now_s)?;
    let chosen = rules::select(state, &context, candidates, MAX_BODY)?;
    if chosen.accepted.is_empty() && !state::change_is_pending(state)? {
        return Ok(Proposal { block: None, refused: chosen.refused });
    }
    let block = assemble(state, parent, &context, epoch_length, &chosen.accepted, chosen.changes)?;
    Ok(Proposal { block: Some(block), refused: chosen.refused })
}

/// Builds an empty block: the only successor that makes a block final whose final votes were lost while nothing else
/// waits. Nothing while it would come too soon.
///
/// # Errors
/// When state or tree cannot be read.
pub fn build_empty_block(
    state: &dyn State,
    parent: &Header,
    now_s: u64,
) -> Result<Option<BuiltBlock>, BlockRefusal> {
    let (context, epoch_length) = next_block(state, parent, now_s)?;
    if !state::change_is_pending(state)? && empty_too_soon(parent, context.time_s) {
        return Ok(None);
    }
    let changes = rules::execute(state, &context, &[])
        .map_err(|(index, refusal)| BlockRefusal::Transaction { index, refusal })?;
    assemble(state, parent, &context, epoch_length, &[], changes).map(Some)
}

/// An empty block may follow another empty one only a second later, so that nobody can fill the ledger with them.
fn empty_too_soon(parent: &Header, time_s: u64) -> bool {
    parent.transactions == 0 && time_s <= parent.time_s
}

fn next_block(state: &dyn State, parent: &Header, now_s: u64) -> Result<(BlockContext, u64), BlockRefusal> {
    let ChainEntry { epoch_length, .. } = state::require(state, Key::Chain)?;
    let height = parent.height.saturating_add(1);
    let context = BlockContext {
        network: parent.network,
        chain: parent.chain,
        height,
        epoch: epoch_of(height, epoch_length),
        time_s: now_s.max(parent.time_s),
    };
    Ok((context, epoch_length))
}

fn assemble(
    state: &dyn State,
    parent: &Header,
    context: &BlockContext,
    epoch_length: u64,
    accepted: &[Vec<u8>],
    changes: Changes,
) -> Result<BuiltBlock, BlockRefusal> {
    let tree = update_tree(state, context, epoch_length, &changes)?;
    let header = Header {
        parent: parent.digest(),
        height: context.height,
        version: HEADER_VERSION,
        network: context.network,
        chain: context.chain,
        epoch: context.epoch,
        time_s: context.time_s,
        transactions: u32::try_from(accepted.len()).unwrap_or(u32::MAX),
        transaction_root: transaction_root(accepted),
        state_root: tree.root,
    };
    Ok(BuiltBlock { header_bytes: header.encode(), header, body: encode_body(accepted), changes, tree })
}

/// Checks a block by doing everything again, over the state that `parent` led to. What comes out is what applying it
/// does.
///
/// # Errors
/// The first rule that it breaks; [`BlockRefusal::Tree`] says that this node cannot tell, not that the block is bad.
pub fn check_block(
    state: &dyn State,
    parent: &Header,
    header_bytes: &[u8],
    body_bytes: &[u8],
    now_s: u64,
) -> Result<(Changes, TreeUpdate), BlockRefusal> {
    let ChainEntry { epoch_length, .. } = state::require(state, Key::Chain)?;
    let header = Header::decode(header_bytes)?;
    check_header(parent, &header, epoch_length, now_s, MAX_AHEAD_S)?;
    apply_block(state, parent, &header, body_bytes, epoch_length)
}

/// Does again what an agreed block does: everything of [`check_block`] but the clock, which a block that was agreed
/// long ago, or by clocks ahead of this one, need not satisfy.
///
/// # Errors
/// As [`check_block`].
pub fn replay_block(
    state: &dyn State,
    parent: &Header,
    header_bytes: &[u8],
    body_bytes: &[u8],
) -> Result<(Changes, TreeUpdate), BlockRefusal> {
    let ChainEntry { epoch_length, .. } = state::require(state, Key::Chain)?;
    let header = Header::decode(header_bytes)?;
    follows(parent, &parent.digest(), &header, epoch_length)?;
    apply_block(state, parent, &header, body_bytes, epoch_length)
}

fn apply_block(
    state: &dyn State,
    parent: &Header,
    header: &Header,
    body_bytes: &[u8],
    epoch_length: u64,
) -> Result<(Changes, TreeUpdate), BlockRefusal> {
    let transactions = decode_body(body_bytes)?;
    let counted = u32::try_from(transactions.len()) == Ok(header.transactions);
    if !counted || transaction_root(&transactions) != header.transaction_root {
        return Err(BlockRefusal::Body);
    }
    if transactions.is_empty() && empty_too_soon(parent, header.time_s) && !state::change_is_pending(state)? {
        return Err(BlockRefusal::Empty);
    }
    let context = BlockContext {
        network: header.network,
        chain: header.chain,
        height: header.height,
        epoch: header.epoch,
        time_s: header.time_s,
    };
    let changes = rules::execute(state, &context, &transactions)
        .map_err(|(index, refusal)| BlockRefusal::Transaction { index, refusal })?;
    let tree = update_tree(state, &context, epoch_length, &changes)?;
    if tree.root != header.state_root {
        return Err(BlockRefusal::StateRoot);
    }
    Ok((changes, tree))
}

/// The tree after a block, with the next validators proven when the block is its epoch's last.
fn update_tree(
    state: &dyn State,
    context: &BlockContext,
    epoch_length: u64,
    changes: &Changes,
) -> Result<TreeUpdate, TreeError> {
    let mut update = tree::update(state, context.height, changes)?;
    if ends_epoch(context.height, epoch_length) {
        let mut after = Overlay::new(state);
        after.push(changes.clone(), &update);
        let epoch = context.epoch + 1;
        let (set, proof) = tree::prove(&after, context.height, &Key::Validators(epoch).bytes())?;
        update.handover = set.map(|set| Handover { epoch, set, proof });
    }
    Ok(update)
}

#[cfg(test)]
mod tests;

//! What a transaction may do: every rule of every kind, over a state and a block's context.
//!
//! Pure: no clock but the block's time, no storage but the view. One file per kind, one small function per rule, one
//! code per rule in [`Refusal`].

mod access;
mod author;
mod enrol;
mod link;
mod lookup;
mod refusal;
mod registry;
mod storage;
#[cfg(test)]
mod tests;
mod verdict;

pub use refusal::Refusal;
pub use storage::{EMERGENCY_REASONS, UNABLE_REASONS};

pub(crate) use author::may_administer;

use crate::codec::Canonical;
use crate::header::{MAX_TRANSACTION, MAX_TRANSACTIONS, body_cost, ends_epoch};
use crate::id::{Chain, NetworkId, TxId};
use crate::overlay::Layer;
use crate::state::{self, ChainEntry, Changes, Key, StateUnavailable, StateView, ValidatorSet};
use crate::transaction::{Body, Transaction};
use wardline_crypto::Digest;

/// Where and when a transaction would be in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// The network.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// The block's height.
    pub height: u64,
    /// The block's epoch.
    pub epoch: u64,
    /// The block's time, Unix seconds.
    pub time_s: u64,
}

/// Checks a transaction against the state before it, and says what it changes.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
) -> Result<Changes, Refusal> {
    // A value built in memory can break what decoding keeps: order, limits, plain text.
    check_bytes(view, context, &transaction.encode())
}

/// Checks a transaction's bytes, as [`check`] does a transaction.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_bytes(view: &dyn StateView, context: &BlockContext, bytes: &[u8]) -> Result<Changes, Refusal> {
    if bytes.len() > MAX_TRANSACTION {
        return Err(Refusal::TooLarge);
    }
    let transaction = Transaction::decode(bytes)?;
    check_place(context, &transaction)?;
    match &transaction.body {
        Body::Storage(body) => storage::check(view, context, &transaction, body),
        Body::Registry(body) => registry::check(view, context, &transaction, body),
        Body::Access(body) => access::check(view, context, &transaction, body),
        Body::Enrol(body) => enrol::check(view, context, &transaction, body),
        Body::Link(body) => link::check(view, context, &transaction, body),
        Body::Lookup(body) => lookup::check(view, context, &transaction, body),
        Body::Verdict(body) => verdict::check(view, context, &transaction, body),
    }
}

/// Network, scope and chain.
fn check_place(context: &BlockContext, transaction: &Transaction) -> Result<(), Refusal> {
    if transaction.network != context.network {
        return Err(Refusal::OtherNetwork);
    }
    if transaction.scope != transaction.body.scope() {
        return Err(Refusal::WrongScope);
    }
    if !transaction.scope.covers(context.chain) {
        return Err(Refusal::WrongChain);
    }
    Ok(())
}

/// Runs a block's transactions one on top of the other and, at the last block of an epoch, the change of validators.
///
/// # Errors
/// The place of the first transaction that is refused, and why. A state that fails at the epoch's end is told with
/// the number of transactions as the place.
pub fn execute(
    view: &dyn StateView,
    context: &BlockContext,
    transactions: &[Vec<u8>],
) -> Result<Changes, (usize, Refusal)> {
    let mut changes = Changes::new();
    for (index, bytes) in transactions.iter().enumerate() {
        let done = check_bytes(&Layer { base: view, changes: &changes }, context, bytes)
            .map_err(|refusal| (index, refusal))?;
        changes.extend(done);
    }
    end_epoch(view, context, &mut changes).map_err(|error| (transactions.len(), error.into()))?;
    Ok(changes)
}

/// What [`select`] chose for a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The transactions that hold, in their order.
    pub accepted: Vec<Vec<u8>>,
    /// What they, and an epoch's end, change.
    pub changes: Changes,
    /// What was refused, and why.
    pub refused: Vec<(TxId, Refusal)>,
}

/// Chooses transactions for a block: takes what holds, in the candidates' order, until the body is full.
///
/// # Errors
/// When the state fails at the epoch's end.
pub fn select(
    view: &dyn StateView,
    context: &BlockContext,
    candidates: impl Iterator<Item = Vec<u8>>,
    max_bytes: usize,
) -> Result<Selection, StateUnavailable> {
    let mut chosen = Selection::default();
    let mut size = 4; // the list's count
    for bytes in candidates {
        if chosen.accepted.len() == MAX_TRANSACTIONS {
            break;
        }
        match check_bytes(&Layer { base: view, changes: &chosen.changes }, context, &bytes) {
            Err(refusal) => chosen.refused.push((Digest::of(&bytes), refusal)),
            Ok(_) if size + body_cost(&bytes) > max_bytes => break,
            Ok(done) => {
                size += body_cost(&bytes);
                chosen.changes.extend(done);
                chosen.accepted.push(bytes);
            }
        }
    }
    end_epoch(view, context, &mut chosen.changes)?;
    Ok(chosen)
}

/// The last block of an epoch names the next epoch's validators: the pending set, or the same again.
fn end_epoch(
    view: &dyn StateView,
    context: &BlockContext,
    changes: &mut Changes,
) -> Result<(), StateUnavailable> {
    let ChainEntry { epoch_length, .. } = state::require(view, Key::Chain)?;
    if !ends_epoch(context.height, epoch_length) {
        return Ok(());
    }
    let next = next_validators(&Layer { base: view, changes }, context)?;
    changes.insert(Key::Validators(context.epoch + 1).bytes(), Some(next.encode()));
    if state::change_is_pending(&Layer { base: view, changes })? {
        changes.insert(Key::PendingValidators.bytes(), None);
    }
    Ok(())
}

/// The validators of the next epoch, as things stand.
fn next_validators(view: &dyn StateView, context: &BlockContext) -> Result<ValidatorSet, StateUnavailable> {
    match state::read(view, Key::PendingValidators)? {
        Some(pending) => Ok(pending),
        None => state::require(view, Key::Validators(context.epoch)),
    }
}

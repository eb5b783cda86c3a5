//! What the engine asks of the ledger above it, over opaque bytes.
//! Must not know what a transaction, a branch or a rule is.

use crate::Block;
use bytes::Bytes;
use std::net::SocketAddr;

/// Checks that `body` is the very body that `header` commits to and reads the block's height and
/// its parent's digest out of the header; `None` when header and body do not belong together.
///
/// It runs while a block is decoded, before anything else sees it. The engine certifies only the
/// header's digest, so without this check a peer that answers a catch-up request could serve a
/// certified header with a body of its own making.
pub type Bind = fn(header: &[u8], body: &[u8]) -> Option<(u64, [u8; 32])>;

/// Who takes part in a chain's network, by Ed25519 public key, with the address to dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// The validators: of the running epoch and of the next, as far as they are known.
    pub primary: Vec<([u8; 32], SocketAddr)>,
    /// Participants that follow and verify but do not vote.
    pub secondary: Vec<([u8; 32], SocketAddr)>,
}

/// The ledger above the engine.
///
/// Every method is synchronous and may take some milliseconds (the engine calls the slow ones off
/// its own threads); none may wait for the engine. Given the same blocks every node must answer
/// `verify` and `validators` alike.
pub trait Application: Send + Sync + 'static {
    /// The block at height 0. It is the same on every node of the network and is never applied.
    fn genesis(&self) -> Block;

    /// Height and digest of the last block that was applied durably; genesis when none was.
    fn applied(&self) -> (u64, [u8; 32]);

    /// Checks a transaction and keeps it in the durable list of waiting ones. `Ok(true)` when it is
    /// new, `Ok(false)` when it waits already or is in a block; the error is for the submitter.
    fn admit(&self, transaction: &[u8]) -> Result<bool, String>;

    /// Admits many, each by itself, with answers in their order: one wait for the disk instead of
    /// one for each.
    fn admit_all(&self, transactions: &[Bytes]) -> Vec<Result<bool, String>> {
        transactions.iter().map(|transaction| self.admit(transaction)).collect()
    }

    /// Waiting transactions, oldest first, of at most `max_bytes` together, to be sent to the peers
    /// again. Asked every second while busy, also where nothing is ever proposed: the place to
    /// forget those that would be refused by now, such as those of a grant that has ended.
    fn waiting(&self, max_bytes: usize) -> Vec<Bytes>;

    /// Whether there is something to agree on: waiting transactions, or an epoch to be filled up
    /// because a change waits for its end. While no validator is busy the chain stands still.
    /// Asked again whenever there was nothing to propose, and after each `waiting`.
    fn busy(&self) -> bool;

    /// Makes the block that follows `parent`, or `None` when there is nothing to propose.
    ///
    /// `pending` are the ancestors that are not applied yet, oldest first; `parent` is the last of
    /// them unless it is applied already. `now_ms` is Unix time in milliseconds.
    /// A block larger than [`Limits::block_bytes`](crate::Limits) is not sent.
    fn propose(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block>;

    /// Makes the empty block that follows `parent` (arguments as for `propose`).
    ///
    /// It is asked for when `pending` hangs: agreed on, but the votes that make it final were
    /// lost. Only a successor can make it final then, even when there is nothing to put in it.
    /// Therefore every node's `verify` has to accept an empty block.
    fn fill(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block>;

    /// Whether this node votes for `block`, which follows the last of `pending` (the ancestors
    /// that are not applied yet, oldest first) or else the applied block.
    fn verify(&self, block: &Block, pending: &[Block], now_ms: u64) -> bool;

    /// Applies a finalized block; durable when it returns. Called in height order without gaps.
    /// A height that is already applied is to be ignored: the last few come again after a restart.
    fn apply(&self, block: &Block);

    /// Hands over the encoded finality certificate of an applied block
    /// (`docs/format/certificate.md`). A height may have none of its own: its finality then
    /// follows from the next certificate and the hash links.
    fn certified(&self, height: u64, certificate: &[u8]);

    /// Number of blocks in an epoch: epoch `e` holds the heights from `e * length` to
    /// `(e + 1) * length - 1`. Fixed for the life of the chain, at least 2.
    fn epoch_length(&self) -> u64;

    /// The Ed25519 public keys that vote in an epoch. Known for every epoch up to the one of the
    /// next block: applying the last block of an epoch settles the following one.
    fn validators(&self, epoch: u64) -> Option<Vec<[u8; 32]>>;

    /// Whom to connect to now. Asked at the start and at each change of epoch.
    fn peers(&self) -> Peers;

    /// This node's signed statement of how far it is, sent to all peers now and then; nothing while
    /// it cannot be told, as a statement that is wrong could be held against this node for ever.
    fn tip(&self) -> Option<Bytes>;

    /// Takes in the statement of a peer and returns the height it claims, if it is valid.
    fn hear_tip(&self, from: [u8; 32], tip: &[u8]) -> Option<u64>;
}

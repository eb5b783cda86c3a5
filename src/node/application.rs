//! One chain of this node: the ledger's rules over the applied state on disk.
//!
//! How the engine drives it is in `agreement`. It must not know the API.

use crate::{
    Clock,
    api::error::ApiError,
    mirror::Mirror,
    pool::Pool,
    settings::PeerAddresses,
    tips::Tips,
    verified::{Remembering, Verified},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokio::sync::watch;
use wardline_consensus::Block;
use wardline_crypto::{Digest, SigningKey};
use wardline_ledger::{
    BlockRefusal, BranchId, Canonical, Chain, Changes, Genesis, Header, NetworkId, Overlay, SignedTip, State,
    StateView, TreeError, TreeUpdate, TxId, check_block, epoch_of, replay_block, state,
};
use wardline_store::{AppliedBlock, ChainStore, ChainView, StoreError};

/// Most transactions that wait at a time; more are refused, so that a flood does not fill the disk.
const WAITING_MAX: usize = 20_000;
/// Executed blocks that are kept until they are applied.
const EXECUTED_MAX: usize = 16;

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first state cannot be made or read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The files belong to another network.
    #[error("the {0} chain's file is of another network than the genesis document: name another directory")]
    OtherNetwork(Chain),
}

/// How far a chain is at this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The newest applied height.
    pub applied: u64,
    /// The highest height whose certificate is kept.
    pub certified: u64,
    /// Goes up when waiting transactions are dropped.
    pub refused: u64,
}

/// One chain of this node.
pub(crate) struct ChainApplication {
    pub(crate) chain: Chain,
    pub(crate) network: NetworkId,
    pub(crate) branch: BranchId,
    pub(crate) epoch_length: u64,
    pub(crate) genesis: Block,
    pub(crate) store: Arc<ChainStore>,
    pub(crate) signing: Arc<SigningKey>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) addresses: BTreeMap<BranchId, PeerAddresses>,
    pub(crate) mirror: Mirror,
    pub(crate) pool: Pool,
    verified: Arc<Verified>,
    tips: Tips,
    /// The last tip that was signed since the start. Held from reading the height until the tip is signed.
    said: Mutex<Option<Said>>,
    progress: watch::Sender<Progress>,
    executed: Mutex<BTreeMap<Digest, Arc<Executed>>>,
    halted: OnceLock<String>,
}

/// What [`ChainApplication::open`] needs beside the store.
pub(crate) struct ApplicationSettings {
    pub chain: Chain,
    pub branch: BranchId,
    pub signing: Arc<SigningKey>,
    pub clock: Arc<dyn Clock>,
    pub addresses: BTreeMap<BranchId, PeerAddresses>,
    pub mirror: Mirror,
    pub verified: Arc<Verified>,
}

/// What a tip said.
#[derive(Clone, Copy)]
struct Said {
    height: u64,
    time_s: u64,
}

/// A block that was checked, with what it does.
pub(crate) struct Executed {
    pub header: Header,
    pub changes: Changes,
    pub tree: TreeUpdate,
}

/// Why a block cannot be built on, checked or applied here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Block(#[from] BlockRefusal),
    #[error("a block does not follow the one before it")]
    Unlinked,
    #[error("the store holds no block")]
    Empty,
    #[error("the newest block is at height {0}, and it was at height {1} before")]
    WentBack(u64, u64),
    #[error("a registry change is not final on the main chain here yet")]
    NotOnMain,
}

impl ChainApplication {
    /// Opens the chain over its store, with the genesis block applied when the store is new.
    pub fn open(
        store: Arc<ChainStore>,
        genesis: &Genesis,
        settings: ApplicationSettings,
    ) -> Result<Self, OpenError> {
        let ApplicationSettings { chain, branch, signing, clock, addresses, mirror, verified } = settings;
        let first = genesis.block(chain)?;
        let digest = first.header.digest();
        let block = Block { header: first.header_bytes.clone().into(), body: first.body.clone().into() };
        if store.applied()?.is_none() {
            store.apply(AppliedBlock {
                height: 0,
                digest,
                header: first.header_bytes,
                body: first.body,
                transactions: Vec::new(),
                changes: first.changes,
                tree: first.tree,
            })?;
        }
        if store.header(0)?.as_deref() != Some(block.header.as_ref()) {
            return Err(OpenError::OtherNetwork(chain));
        }
        let pool = Pool::default();
        for (id, _) in store.waiting(usize::MAX)? {
            pool.insert(id);
        }
        let applied = store.applied()?.map_or(0, |applied| applied.height);
        let mut certified = applied;
        while certified > 0 && store.certificate(certified)?.is_none() {
            certified -= 1;
        }
        Ok(Self {
            chain,
            network: genesis.network(),
            branch,
            epoch_length: genesis.epoch_length,
            genesis: block,
            store,
            signing,
            clock,
            addresses,
            mirror,
            pool,
            verified,
            tips: Tips::default(),
            said: Mutex::default(),
            progress: watch::Sender::new(Progress { applied, certified, refused: 0 }),
            executed: Mutex::default(),
            halted: OnceLock::new(),
        })
    }

    pub fn chain(&self) -> Chain {
        self.chain
    }

    pub fn store(&self) -> &ChainStore {
        &self.store
    }

    pub fn tips(&self) -> &Tips {
        &self.tips
    }

    /// Blocks of an epoch.
    pub fn epoch_blocks(&self) -> u64 {
        self.epoch_length
    }

    /// The newest applied height.
    pub fn height(&self) -> u64 {
        self.progress.borrow().applied
    }

    /// To await applied heights, certificates and refusals.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(crate) fn update_progress(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }

    /// Why this chain stands still at this node, if it does.
    pub fn halted(&self) -> Option<&str> {
        self.halted.get().map(String::as_str)
    }

    /// Stops taking part: what comes after a fault here could not be relied on.
    pub(crate) fn halt(&self, why: impl ToString) {
        let why = why.to_string();
        tracing::error!(chain = %self.chain, why, "this node's chain stands still; it must be repaired and started again");
        let _ = self.halted.set(why);
    }

    /// Whether this chain goes on at this node: not halted, and its file can be written.
    pub fn sound(&self) -> bool {
        self.halted().is_none() && self.store.failure().is_none()
    }

    pub fn waiting_len(&self) -> u64 {
        u64::try_from(self.pool.len()).unwrap_or(u64::MAX)
    }

    pub fn is_waiting(&self, id: &TxId) -> bool {
        self.pool.contains(id)
    }

    /// Why a transaction that waited here was dropped.
    pub fn refusal(&self, id: &TxId) -> Option<(String, String)> {
        self.pool.refusal(id)
    }

    /// Whether another transaction may wait.
    pub fn check_waiting_room(&self) -> Result<(), ApiError> {
        if self.halted().is_some() {
            return Err(ApiError::Stopped);
        }
        if self.pool.len() < WAITING_MAX { Ok(()) } else { Err(ApiError::Busy) }
    }

    /// The header at an applied height.
    pub fn header(&self, height: u64) -> Result<Vec<u8>, ApiError> {
        self.store.header(height)?.ok_or_else(|| ApiError::internal("an applied block without its header"))
    }

    /// Reads several values of one state, with the height that it follows from.
    pub fn at_one_height<T>(
        &self,
        read: impl FnOnce(&ChainView<'_>, u64) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.store.view(|view| {
            let height = view.applied()?.map_or(0, |applied| applied.height);
            Ok(read(view, height))
        })?
    }

    /// Signs how far this chain is here. Of any two tips of a run the later one is not lower, whoever asked for them
    /// and wherever the clock was set: else they would be evidence of a rollback against an honest branch.
    ///
    /// Nothing at first while the clock is behind the newest block: it was set back, and tips from before the start
    /// may have later times.
    pub(crate) fn sign_tip(&self) -> Result<Option<Bytes>, Problem> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = self.store.applied()?.ok_or(Problem::Empty)?;
        let now_s = self.clock.now_s();
        let time_s = match *said {
            Some(said) if applied.height < said.height => {
                return Err(Problem::WentBack(applied.height, said.height));
            }
            Some(said) => now_s.max(said.time_s),
            None => {
                let header = self.store.header(applied.height)?.ok_or(Problem::Empty)?;
                let block_s = Header::decode(&header).map_err(BlockRefusal::from)?.time_s;
                if now_s < block_s {
                    tracing::warn!(chain = %self.chain, now_s, block_s,
                        "the clock is behind the newest block: nothing is said about this chain until it is not");
                    return Ok(None);
                }
                now_s
            }
        };
        *said = Some(Said { height: applied.height, time_s });
        let (height, digest) = (applied.height, applied.digest);
        let tip =
            SignedTip::sign(&self.signing, self.network, self.chain, self.branch, height, digest, time_s);
        Ok(Some(tip.encode().into()))
    }

    /// Whether a quorum of this chain's validators has said lately that this node is not behind.
    pub fn fresh(&self, now_s: u64) -> Result<bool, ApiError> {
        if self.halted().is_some() {
            return Ok(false);
        }
        self.at_one_height(|view, height| {
            let epoch = epoch_of(height.saturating_add(1), self.epoch_length);
            let Some(validators) = state::validators(view, epoch)? else { return Ok(false) };
            let policy = state::policy(view)?;
            Ok(self.tips.fresh(self.branch, height, &validators, now_s, policy.tip_max_age_s))
        })
    }

    /// Runs `work` over the state that the last of `pending` leads to, or else the applied one, with the header that
    /// it follows from.
    pub(crate) fn over<T>(
        &self,
        pending: &[Block],
        work: impl FnOnce(&dyn State, &Header) -> Result<T, BlockRefusal>,
    ) -> Result<T, Problem> {
        self.store.view(|view| {
            Ok((|| {
                let applied = view.applied()?.ok_or(Problem::Empty)?;
                let header = self.store.header(applied.height)?.ok_or(Problem::Empty)?;
                let mut parent = Header::decode(&header).map_err(BlockRefusal::from)?;
                let view = Remembering { view, verified: &self.verified };
                let mut overlay = Overlay::new(&view);
                for block in pending {
                    let executed = self.execute(&overlay, &parent, block)?;
                    overlay.push(executed.changes.clone(), &executed.tree);
                    parent = executed.header.clone();
                }
                Ok(work(&overlay, &parent)?)
            })())
        })?
    }

    /// What an agreed block does, from memory when it was checked before.
    fn execute(&self, over: &dyn State, parent: &Header, block: &Block) -> Result<Arc<Executed>, Problem> {
        let digest = Digest::of(&block.header);
        let known = self.executed.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some(known) = known {
            // Under the same header lie the same parent and body, so the effect is the same.
            return if known.header.parent == parent.digest() { Ok(known) } else { Err(Problem::Unlinked) };
        }
        let header = Header::decode(&block.header).map_err(BlockRefusal::from)?;
        let (changes, tree) = replay_block(over, parent, &block.header, &block.body)?;
        Ok(self.remember(Executed { header, changes, tree }))
    }

    /// Checks a block as a vote needs it, over the state that its parent led to.
    pub(crate) fn check(
        &self,
        over: &dyn State,
        parent: &Header,
        block: &Block,
        now_s: u64,
    ) -> Result<(), BlockRefusal> {
        let header = Header::decode(&block.header)?;
        let (changes, tree) = check_block(over, parent, &block.header, &block.body, now_s)?;
        self.remember(Executed { header, changes, tree });
        Ok(())
    }

    pub(crate) fn remember(&self, executed: Executed) -> Arc<Executed> {
        let executed = Arc::new(executed);
        let mut known = self.executed.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= EXECUTED_MAX {
            // The lowest goes first: what is applied next is worth the least when many forks are looked at.
            let lowest =
                known.iter().min_by_key(|(_, executed)| executed.header.height).map(|(digest, _)| *digest);
            known.remove(&lowest.unwrap_or(Digest::ZERO));
        }
        known.insert(executed.header.digest(), Arc::clone(&executed));
        executed
    }

    /// Applies a final block that follows the applied one; durable when it returns.
    pub(crate) fn apply_final(&self, block: &Block, transactions: &[Vec<u8>]) -> Result<(), Problem> {
        let digest = Digest::of(&block.header);
        // `over` executes the block as if it were pending and leaves it in memory.
        self.over(std::slice::from_ref(block), |_, _| Ok(()))?;
        let executed = self.executed.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        let Executed { header, changes, tree } = match executed.map(Arc::try_unwrap) {
            Some(Ok(executed)) => executed,
            Some(Err(shared)) => Executed {
                header: shared.header.clone(),
                changes: shared.changes.clone(),
                tree: shared.tree.clone(),
            },
            None => return Err(Problem::Unlinked),
        };
        let ids: Vec<TxId> = transactions.iter().map(|bytes| Digest::of(bytes)).collect();
        self.store.apply(AppliedBlock {
            height: header.height,
            digest,
            header: block.header.to_vec(),
            body: block.body.to_vec(),
            transactions: ids.clone(),
            changes,
            tree,
        })?;
        self.pool.applied(&ids);
        let mut known = self.executed.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, executed| executed.header.height > header.height);
        drop(known);
        self.update_progress(|progress| progress.applied = header.height);
        Ok(())
    }

    /// A block that was built, in the engine's form.
    pub(crate) fn proposed(&self, built: wardline_ledger::BuiltBlock) -> Block {
        let wardline_ledger::BuiltBlock { header, header_bytes, body, changes, tree } = built;
        self.remember(Executed { header, changes, tree });
        Block { header: Bytes::from(header_bytes), body: Bytes::from(body) }
    }

    /// The state as it is now, for rules that need no single height.
    pub(crate) fn state(&self) -> &dyn StateView {
        &*self.store
    }

    pub(crate) fn is_full(&self) -> bool {
        self.pool.len() >= WAITING_MAX
    }
}

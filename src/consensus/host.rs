//! The application, together with what the tasks of a chain share about it: when it has a turn,
//! whether it is busy, how far it is. Must not know the network or the engine's votes.

use crate::{
    Application, Block,
    block::{BoundBlock, Codec, Digest},
    watched::Watched,
};
use bytes::Bytes;
use commonware_cryptography::Digestible as _;
use commonware_runtime::Spawner;
use commonware_utils::{channel::mpsc, sync::Mutex};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// What came of asking for a block.
pub(crate) enum Proposal {
    Made(BoundBlock),
    Nothing,
    /// The parent is no longer the end of anything: the chain went another way.
    Stale,
}

/// What came of checking a block.
pub(crate) enum Verdict {
    Valid,
    Invalid,
    /// A block of its height was applied in the meantime: the chain knows the answer.
    Overtaken,
}

pub(crate) struct Host {
    name: &'static str,
    application: Arc<dyn Application>,
    codec: Codec,
    transaction_bytes: usize,
    /// Held while the application reads its applied state to answer, and while it changes it, so
    /// that what is applied and what is pending always meet without gap or overlap.
    turn: Mutex<()>,
    /// Held from asking whether the application is busy until that is published, so that an older
    /// answer cannot overwrite a newer one.
    asking: Mutex<()>,
    /// Whether there is something to agree on; drives the clock gate.
    pub(crate) busy: Watched<bool>,
    /// Counts what might give the next proposer something to propose.
    pub(crate) arrivals: Watched<u64>,
    /// The last height that the engine handed over and that is applied.
    pub(crate) delivered: Watched<u64>,
    outbox: mpsc::UnboundedSender<Bytes>,
    applied: AtomicU64,
    healthy: AtomicBool,
}

impl Host {
    /// A host, and the transactions submitted here, to be sent to the peers.
    pub(crate) fn new(
        name: &'static str,
        application: Arc<dyn Application>,
        codec: Codec,
        transaction_bytes: usize,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Bytes>) {
        let (outbox, submitted) = mpsc::unbounded_channel();
        let applied = AtomicU64::new(application.applied().0);
        let host = Self {
            name,
            application,
            codec,
            transaction_bytes,
            turn: Mutex::new(()),
            asking: Mutex::new(()),
            busy: Watched::new(false),
            arrivals: Watched::new(0),
            delivered: Watched::new(0),
            outbox,
            applied,
            healthy: AtomicBool::new(true),
        };
        (Arc::new(host), submitted)
    }

    /// Runs a call into the application where it may block for some milliseconds without holding
    /// up votes; `None` when the chain is being stopped.
    pub(crate) async fn call<E: Spawner, T: Send + 'static>(
        self: &Arc<Self>,
        context: &E,
        call: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let host = self.clone();
        context.child("application").shared(true).spawn(move |_| async move { call(&host) }).await.ok()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn application(&self) -> &dyn Application {
        &*self.application
    }

    /// Admits transactions that were submitted here, each by itself, and sends them to the peers.
    pub(crate) fn submit(&self, transactions: &[Bytes]) -> Vec<Result<bool, String>> {
        if !self.healthy() {
            return transactions.iter().map(|_| Err("the chain is not running".to_owned())).collect();
        }
        let fits = |transaction: &&Bytes| transaction.len() <= self.transaction_bytes;
        let fitting: Vec<Bytes> = transactions.iter().filter(fits).cloned().collect();
        let mut admitted = self.application.admit_all(&fitting).into_iter();
        let too_large = || format!("the transaction is larger than {} bytes", self.transaction_bytes);
        let outcomes: Vec<_> = transactions
            .iter()
            .map(|transaction| match fits(&transaction) {
                true => {
                    admitted.next().unwrap_or_else(|| Err("the transaction was not looked at".to_owned()))
                }
                false => Err(too_large()),
            })
            .collect();
        let mut any = false;
        for (transaction, outcome) in transactions.iter().zip(&outcomes) {
            if matches!(outcome, Ok(true)) {
                any = true;
                // Fails only when the chain is stopped; the transaction is durable and goes out later.
                let _ = self.outbox.send(transaction.clone());
            }
        }
        if any {
            self.arrived();
        }
        outcomes
    }

    /// Admits transactions that a peer sent.
    pub(crate) fn hear(&self, transactions: &[Bytes]) {
        let fitting: Vec<Bytes> =
            transactions.iter().filter(|t| t.len() <= self.transaction_bytes).cloned().collect();
        let mut any = false;
        for outcome in self.application.admit_all(&fitting) {
            match outcome {
                Ok(new) => any |= new,
                Err(reason) => {
                    tracing::debug!(chain = self.name, reason, "refused a transaction from a peer")
                }
            }
        }
        if any {
            self.arrived();
        }
    }

    fn arrived(&self) {
        self.arrivals.update(|count| count + 1);
        self.ask_busy();
    }

    /// Asks the application whether it is busy and publishes the answer.
    pub(crate) fn ask_busy(&self) {
        let _asking = self.asking.lock();
        self.busy.set(self.application.busy());
    }

    /// Asks for the block that follows `parent`; `pending` are its ancestors and itself, oldest
    /// first, down to what was applied when they were collected.
    pub(crate) fn propose(
        &self,
        parent: &BoundBlock,
        pending: &[BoundBlock],
        now_ms: u64,
        fill: bool,
    ) -> Proposal {
        let proposal = self.ask_proposal(parent, pending, now_ms, fill);
        if matches!(proposal, Proposal::Nothing) {
            // What waited may have been refused just now. Were this node still busy then, the clocks
            // would run and view after view be skipped until a transaction came.
            self.ask_busy();
        }
        proposal
    }

    fn ask_proposal(&self, parent: &BoundBlock, pending: &[BoundBlock], now_ms: u64, fill: bool) -> Proposal {
        let _turn = self.turn.lock();
        let (height, digest) = self.applied();
        let pending = unapplied(pending, height);
        let linked = match pending.first() {
            Some(oldest) => oldest.follows(height, &digest),
            None => parent.number() == height && parent.digest() == digest,
        };
        if !linked {
            return Proposal::Stale;
        }
        let pending = blocks(pending);
        let made = if fill && !pending.is_empty() {
            self.application.fill(parent.block(), &pending, now_ms)
        } else {
            self.application.propose(parent.block(), &pending, now_ms)
        };
        let Some(made) = made else { return Proposal::Nothing };
        match BoundBlock::new(made, &self.codec) {
            Some(block) if block.follows(parent.number(), &parent.digest()) => Proposal::Made(block),
            _ => {
                tracing::error!(
                    chain = self.name,
                    "the application made a block that is too large or does not follow its parent"
                );
                Proposal::Nothing
            }
        }
    }

    /// Checks a block against its ancestors that were not applied when they were collected.
    pub(crate) fn verify(&self, block: &BoundBlock, pending: &[BoundBlock], now_ms: u64) -> Verdict {
        let _turn = self.turn.lock();
        let (height, digest) = self.applied();
        if block.number() <= height {
            return Verdict::Overtaken;
        }
        let pending = unapplied(pending, height);
        let valid = pending.first().unwrap_or(block).follows(height, &digest)
            && self.application.verify(block.block(), &blocks(pending), now_ms);
        if valid { Verdict::Valid } else { Verdict::Invalid }
    }

    /// Applies a final block and publishes that it is.
    pub(crate) fn apply(&self, block: &BoundBlock) {
        {
            let _turn = self.turn.lock();
            self.application.apply(block.block());
        }
        self.applied.store(self.application.applied().0, Ordering::Release);
        self.ask_busy();
        // What was pending may have left something to propose, such as the end of an epoch.
        self.arrivals.update(|count| count + 1);
    }

    fn applied(&self) -> (u64, Digest) {
        let (height, digest) = self.application.applied();
        (height, digest.into())
    }

    /// The height up to which the application has applied blocks.
    pub(crate) fn applied_height(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(crate) fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    /// The chain has ended, for good or ill.
    pub(crate) fn end(&self) {
        self.healthy.store(false, Ordering::Release);
    }
}

/// The pending blocks above the applied height.
fn unapplied(pending: &[BoundBlock], applied: u64) -> &[BoundBlock] {
    let first = pending.partition_point(|block| block.number() <= applied);
    pending.get(first..).unwrap_or_default()
}

fn blocks(bound: &[BoundBlock]) -> Vec<Block> {
    bound.iter().map(|block| block.block().clone()).collect()
}

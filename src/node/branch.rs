//! What the requests and the background tasks of one running node share.

use crate::{
    Clock,
    api::{body::BodyRoom, sessions::Sessions},
    application::ChainApplication,
    settings::Limits,
    verified::Verified,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;
use wardline_crypto::{AgreementKey, Digest, SearchKey, SigningKey};
use wardline_ledger::{BranchId, Chain};
use wardline_store::Vault;
use wardline_wire::BootNonce;

/// One running node.
pub(crate) struct Branch {
    pub network: Digest,
    pub id: BranchId,
    pub name: String,
    /// Drawn at this start.
    pub boot: BootNonce,
    /// The genesis document's canonical bytes.
    pub genesis: Vec<u8>,
    pub main: RunningChain,
    /// Absent at participants that are not on the side chain.
    pub side: Option<RunningChain>,
    pub vault: Vault,
    pub signing: Arc<SigningKey>,
    pub wrap: AgreementKey,
    pub search: SearchKey,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub sessions: Sessions,
    /// Shared with both chains.
    pub verified: Arc<Verified>,
    /// True once the node is to stop; what would go on for minutes ends then.
    pub stopping: watch::Receiver<bool>,
    /// Whether an envelope was read here that is not the one that its pointer names.
    pub damaged: AtomicBool,
    /// Room in memory for request bodies.
    pub bodies: BodyRoom,
}

/// A chain that this node runs: the ledger's side and the engine's.
pub(crate) struct RunningChain {
    pub application: Arc<ChainApplication>,
    pub engine: wardline_consensus::Chain,
}

impl Branch {
    /// The chain, if this participant is on it.
    pub fn chain(&self, chain: Chain) -> Option<&RunningChain> {
        match chain {
            Chain::Main => Some(&self.main),
            Chain::Side => self.side.as_ref(),
        }
    }

    /// Notes an envelope that was altered on this branch's disk. It is given all the same: whoever asked hashes it too,
    /// and the signed answer proves what this branch holds.
    pub fn look_at(&self, envelope: &[u8], pointer: &Digest) {
        if Digest::of(envelope) != *pointer && !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "an envelope on this branch's disk is altered: stop the node and run `wardline repair`"
            );
        }
    }

    /// The chains that this participant is on.
    pub fn chains(&self) -> impl Iterator<Item = &RunningChain> {
        [Some(&self.main), self.side.as_ref()].into_iter().flatten()
    }
}

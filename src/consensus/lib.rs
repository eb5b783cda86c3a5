//! The engine, over opaque bytes and an application trait: the only room that names it.
//!
//! An [`Engine`] is one runtime with its threads and its storage directory; each [`Chain`] opened
//! on it has its own peer-to-peer network. Everything that depends on the engine's types stays
//! inside, so that users compile none of it and an upgrade touches this room alone.
//! Must not know what a transaction, a branch or a rule is.

mod adapter;
mod application;
mod block;
mod chain;
mod engine;
mod epochs;
mod gate;
mod gossip;
mod host;
mod network;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod watched;

#[cfg(test)]
mod tests;

pub use application::{Application, Bind, Peers};
pub use chain::Chain;
pub use engine::Engine;

use bytes::Bytes;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use zeroize::Zeroize as _;

/// A block as the application makes and reads it. Its digest, which the engine certifies, is the
/// SHA-256 of `header`; height and parent are read out of the header by [`Bind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Canonical header bytes.
    pub header: Bytes,
    /// Canonical body bytes, to which the header commits.
    pub body: Bytes,
}

/// What went wrong while an engine or a chain was started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address for the peer-to-peer network cannot be listened on.
    #[error("chain `{chain}`: cannot listen on `{address}`: {source}")]
    Listen { chain: &'static str, address: SocketAddr, source: std::io::Error },
    /// The storage directory cannot be created or written.
    #[error("cannot use the storage directory `{}`: {source}", directory.display())]
    Storage { directory: PathBuf, source: std::io::Error },
    /// Two engines may not share a storage directory.
    #[error("the storage directory `{}` is in use by another running engine", directory.display())]
    InUse { directory: PathBuf },
    /// A chain of this name is open on this engine already.
    #[error("chain `{0}` is already open")]
    AlreadyOpen(&'static str),
    /// A setting that cannot work.
    #[error("chain `{chain}`: {reason}")]
    Setting { chain: &'static str, reason: String },
    /// The operating system refused a thread.
    #[error("cannot start the engine's thread: {0}")]
    Thread(std::io::Error),
    /// The chain's files cannot be opened, or do not fit the application's.
    #[error("chain `{chain}` cannot start: {reason}")]
    Failed { chain: &'static str, reason: String },
    /// The engine ended or panicked; the log says why.
    #[error("the consensus engine has ended, the log says why")]
    Ended,
}

/// Bounds on what is sent, received and kept in memory. All nodes of a chain need the same
/// `block_bytes` and `transaction_bytes`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest block, header and body together.
    pub block_bytes: usize,
    /// Largest transaction.
    pub transaction_bytes: usize,
    /// Most validators in one epoch.
    pub validators: u32,
    /// Most peers that can be connected. Receive queues are allocated up front for all of them.
    pub peers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block_bytes: 1_100_000, transaction_bytes: 64 * 1024, validators: 50, peers: 16 }
    }
}

/// How to run one chain. The identity seed is wiped when this is dropped.
pub struct ChainConfig {
    /// Short name for logs and metrics, unique on its engine: `main`, `side`.
    pub name: &'static str,
    /// Binds connections and certificates to one chain of one network.
    pub namespace: Vec<u8>,
    /// Ed25519 seed of this node's key on this chain: it signs votes and identifies the peer.
    pub identity_seed: [u8; 32],
    /// Where the chain's own peer-to-peer network listens.
    pub listen: SocketAddr,
    /// Prefix of the chain's files in the engine's storage directory.
    pub partition: String,
    /// How long a leader may take before the validators pass on to the next one.
    pub leader_timeout: Duration,
    /// How often the tip is sent while nothing happens.
    pub tip_interval: Duration,
    /// Bounds on sizes and peers.
    pub limits: Limits,
    /// The check that ties a body to its header.
    pub bind: Bind,
}

impl ChainConfig {
    /// A configuration with the usual timing and limits: leader timeout 1 s, tip every 2 s.
    pub fn new(
        name: &'static str,
        namespace: Vec<u8>,
        identity_seed: [u8; 32],
        listen: SocketAddr,
        bind: Bind,
    ) -> Self {
        Self {
            name,
            namespace,
            identity_seed,
            listen,
            partition: name.to_owned(),
            leader_timeout: Duration::from_secs(1),
            tip_interval: Duration::from_secs(2),
            limits: Limits::default(),
            bind,
        }
    }
}

impl Drop for ChainConfig {
    fn drop(&mut self) {
        self.identity_seed.zeroize();
    }
}

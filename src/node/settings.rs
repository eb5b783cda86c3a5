//! What a node is started with. It must not know how the settings were read.

use crate::{BranchSecrets, Clock, SystemClock};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use wardline_ledger::{BranchId, Genesis};

/// Addresses of one participant that stand in for those of the registry: for networks behind
/// address translation, and for networks in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddresses {
    /// Where its main chain listens.
    pub main: SocketAddr,
    /// Where its side chain listens, at trusted branches.
    pub side: Option<SocketAddr>,
}

/// Deadlines and caps. The defaults suit hospital networks; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For the head of a request; an idle connection is closed after it too.
    pub head: Duration,
    /// For the next part of a body.
    pub body_part: Duration,
    /// For a whole body.
    pub body: Duration,
    /// For room in memory for a body.
    pub body_room: Duration,
    /// For a reader that takes nothing of an answer.
    pub stalled_answer: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_address: usize,
    /// Bytes of request bodies up to 1 MiB in memory at a time.
    pub small_body_bytes: usize,
    /// The same of larger ones; the largest that a route takes must fit.
    pub large_body_bytes: usize,
    /// How long a stop waits for requests that are being answered.
    pub stop: Duration,
    /// The audit log's root goes to the main chain when this many entries are new …
    pub audit_entries: u64,
    /// … or when the first new one is this old, seconds.
    pub audit_after_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body_part: Duration::from_secs(5),
            body: Duration::from_secs(60),
            body_room: Duration::from_secs(10),
            stalled_answer: Duration::from_secs(20),
            connections: 1024,
            connections_per_address: 512,
            small_body_bytes: 16 * 1024 * 1024,
            large_body_bytes: 48 * 1024 * 1024,
            stop: Duration::from_secs(2),
            audit_entries: 256,
            audit_after_s: 60,
        }
    }
}

/// Everything that [`Node::start`](crate::Node::start) needs.
pub struct NodeSettings {
    /// The network's genesis document.
    pub genesis: Genesis,
    /// Which participant this node is.
    pub branch: BranchId,
    /// Where the node keeps everything; made, readable to its owner only, when it is not there.
    pub directory: PathBuf,
    /// The branch's keys.
    pub secrets: BranchSecrets,
    /// Where the HTTPS API listens; port 0 lets the system choose.
    pub api_listen: SocketAddr,
    /// Where the main chain's peer network listens.
    pub main_listen: SocketAddr,
    /// Where the side chain's listens; needed at trusted branches, ignored elsewhere.
    pub side_listen: Option<SocketAddr>,
    /// Addresses that stand in for the registry's.
    pub addresses: BTreeMap<BranchId, PeerAddresses>,
    /// Whether a network of the name `DEMO`, whose keys lie open, may be run.
    pub allow_demo: bool,
    /// How often this node says how far it is while nothing happens.
    pub tip_interval: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Deadlines and caps.
    pub limits: Limits,
}

impl NodeSettings {
    /// Settings with the registry's addresses, the system's clock and the usual limits. The node listens where the
    /// caller says, which need not be what the registry tells the others.
    pub fn new(
        genesis: Genesis,
        branch: BranchId,
        directory: PathBuf,
        secrets: BranchSecrets,
        api_listen: SocketAddr,
        main_listen: SocketAddr,
        side_listen: Option<SocketAddr>,
    ) -> Self {
        Self {
            genesis,
            branch,
            directory,
            secrets,
            api_listen,
            main_listen,
            side_listen,
            addresses: BTreeMap::new(),
            allow_demo: false,
            tip_interval: Duration::from_secs(2),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
        }
    }
}

//! A whole network of one chain in one thread and in simulated time: the chain's own code,
//! unmodified, over a deterministic runtime and a simulated network. The same seed gives the same
//! run, down to every message.
//!
//! For tests, here and in the rooms above. Applications must not depend on real time or chance if
//! runs are to be compared.

use crate::{
    Application, Bind, Chain, ChainConfig, Limits, Peers,
    chain::{self, Settings},
    network::{Channels, Network, Tracker, keys, message_bytes},
};
use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    BlockedSubscription, Blocker, Manager as _, PeerSetSubscription, Provider, TrackedPeers,
    simulated::{self, Control, Link, Manager, Oracle},
};
use commonware_runtime::{
    Clock as _, Handle, Metrics as _, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{self, Context},
};
use commonware_utils::{NZUsize, Probability, channel::oneshot, ordered::Set};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What is simulated.
#[derive(Clone)]
pub struct Scenario {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The Ed25519 seed of every node's key and the check that it binds bodies to headers with.
    /// Nodes are called by their place in this list.
    pub nodes: Vec<([u8; 32], Bind)>,
    /// Binds signatures to the chain, as in [`ChainConfig`].
    pub namespace: Vec<u8>,
    /// Mean time that a message takes.
    pub latency: Duration,
    /// Standard deviation of that time.
    pub jitter: Duration,
    /// Share of messages that get lost, in per cent.
    pub loss_percent: u8,
    /// As in [`ChainConfig`].
    pub leader_timeout: Duration,
    /// As in [`ChainConfig`].
    pub tip_interval: Duration,
    /// As in [`ChainConfig`].
    pub limits: Limits,
    /// The simulated time at the start.
    pub start: SystemTime,
    /// The simulated time after which the run panics as stuck.
    pub most: Duration,
}

impl Scenario {
    /// A scenario with a good network: 10 ms latency, no loss.
    pub fn new(seed: u64, nodes: Vec<([u8; 32], Bind)>) -> Self {
        Self {
            seed,
            nodes,
            namespace: b"simulation".to_vec(),
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(3),
            loss_percent: 0,
            leader_timeout: Duration::from_millis(500),
            tip_interval: Duration::from_secs(2),
            limits: Limits::default(),
            start: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            most: Duration::from_hours(1),
        }
    }

    /// Runs `story` and returns what it returns, with a fingerprint of the whole run: of every
    /// task's every step. Two runs of one scenario and story have the same.
    pub fn run<T>(self, story: impl AsyncFnOnce(&mut Simulation) -> T) -> (T, String) {
        let config = deterministic::Config::default()
            .with_seed(self.seed)
            .with_start_time(self.start)
            .with_timeout(Some(self.most));
        deterministic::Runner::new(config).start(async move |context| {
            let fingerprint = context.auditor();
            let mut simulation = Simulation::new(context, self).await;
            let told = story(&mut simulation).await;
            (told, fingerprint.state())
        })
    }
}

/// The running simulation. Nothing happens in it except while the story awaits.
pub struct Simulation {
    context: Context,
    scenario: Scenario,
    keys: Vec<PublicKey>,
    oracle: Oracle<PublicKey, Context>,
    nodes: Vec<Option<Node>>,
    starts: u64,
    /// Prefix of each node's files in the engine's storage.
    files: Vec<String>,
}

struct Node {
    chain: Chain,
    task: Handle<()>,
}

impl Simulation {
    async fn new(context: Context, scenario: Scenario) -> Self {
        let keys: Vec<_> = scenario
            .nodes
            .iter()
            .filter_map(|(seed, _)| PrivateKey::decode(Copying(seed)).ok())
            .map(|key| key.public_key())
            .collect();
        let codec = crate::block::Codec { bind: |_, _| None, max_bytes: scenario.limits.block_bytes };
        let config = simulated::Config {
            max_size: message_bytes(&scenario.limits, &codec),
            max_peers_per_set: std::num::NonZeroUsize::new(keys.len() + 1).unwrap_or(NZUsize!(1)),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(2),
        };
        let (network, oracle) =
            simulated::Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        let nodes = keys.iter().map(|_| None).collect();
        let files = (0..keys.len()).map(|node| format!("node-{node}-0")).collect();
        let mut simulation = Self { context, scenario, keys, oracle, nodes, starts: 0, files };
        simulation.heal().await;
        simulation
    }

    /// Starts a node, for the first time or again after a crash: then with a new application that
    /// was made from what the old one had stored.
    pub async fn start(&mut self, node: usize, application: Arc<dyn Application>) -> Result<(), String> {
        let (seed, bind) = *self.scenario.nodes.get(node).ok_or("no such node")?;
        let me = self.keys.get(node).ok_or("no such node")?.clone();
        self.crash(node).await;
        let unused = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = ChainConfig::new("chain", self.scenario.namespace.clone(), seed, unused, bind);
        config.partition = self.files.get(node).ok_or("no such node")?.clone();
        config.leader_timeout = self.scenario.leader_timeout;
        config.tip_interval = self.scenario.tip_interval;
        config.limits = self.scenario.limits.clone();
        let settings = Settings::new(&config, &*application)?;
        let control = self.oracle.control(me);
        let channels = Channels::open(|channel, quota| {
            let control = control.clone();
            async move { control.register(channel, quota).await }
        });
        let network = Network {
            channels: channels.await.map_err(|error| error.to_string())?,
            provider: Peer { manager: self.oracle.manager(), control },
            tracker: Sets(self.oracle.manager()),
            task: None,
        };
        self.starts += 1;
        let context =
            self.context.child("node").with_attribute("node", node).with_attribute("start", self.starts);
        let (report, started) = oneshot::channel();
        // Everything of a node runs below one task: to abort it is to crash the node.
        let task = context.spawn(move |context| {
            let report = move |outcome| drop(report.send(outcome));
            chain::run(context, settings, application, network, report)
        });
        let chain = started.await.map_err(|_| "the node ended while it started".to_owned())??;
        if let Some(place) = self.nodes.get_mut(node) {
            *place = Some(Node { chain, task });
        }
        Ok(())
    }

    /// Ends a node at once. What it has stored stays.
    pub async fn crash(&mut self, node: usize) {
        if let Some(node) = self.nodes.get_mut(node).and_then(Option::take) {
            node.task.abort();
            let _ = node.task.await;
        }
    }

    /// Ends a node at once and loses the engine's files, but not what the application has stored.
    pub async fn wipe(&mut self, node: usize) {
        self.crash(node).await;
        if let Some(files) = self.files.get_mut(node) {
            // No other files have this name: every start has a new number.
            *files = format!("node-{node}-{}", self.starts + 1);
        }
    }

    /// Ends two nodes at once and hands the engine's files of `from` on to `to`: a node that is
    /// started again with another key.
    pub async fn hand_over(&mut self, from: usize, to: usize) {
        self.crash(from).await;
        self.crash(to).await;
        let left = self.files.get(from).cloned();
        if let (Some(left), Some(files)) = (left, self.files.get_mut(to)) {
            *files = left;
        }
    }

    /// Cuts the network: only nodes in the same group hear each other.
    pub async fn partition(&mut self, groups: &[&[usize]]) {
        let together =
            |a: usize, b: usize| groups.iter().any(|group| group.contains(&a) && group.contains(&b));
        self.connect(together).await;
    }

    /// Connects all nodes again.
    pub async fn heal(&mut self) {
        self.connect(|_, _| true).await;
    }

    async fn connect(&mut self, together: impl Fn(usize, usize) -> bool) {
        let arriving = 100 - u64::from(self.scenario.loss_percent.min(100));
        let Some(success_rate) = Probability::new(arriving, 100) else { return };
        let link = Link { latency: self.scenario.latency, jitter: self.scenario.jitter, success_rate };
        for (a, from) in self.keys.iter().enumerate() {
            for (b, to) in self.keys.iter().enumerate().filter(|(b, _)| *b != a) {
                // Removing a link that is not there is an error of no consequence.
                let _ = self.oracle.remove_link(from.clone(), to.clone()).await;
                if together(a, b) {
                    let _ = self.oracle.add_link(from.clone(), to.clone(), link.clone()).await;
                }
            }
        }
    }

    /// Lets simulated time pass.
    pub async fn run_for(&mut self, time: Duration) {
        self.context.sleep(time).await;
    }

    /// Lets simulated time pass until the condition holds, and says whether it did in time.
    pub async fn run_until(&mut self, most: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let end = self.context.current() + most;
        while !condition(self) {
            if self.context.current() >= end {
                return false;
            }
            self.context.sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Submits a transaction at a node, as [`Chain::submit`].
    pub fn submit(&self, node: usize, transaction: Bytes) -> Result<bool, String> {
        self.chain(node).ok_or("the node is down")?.submit(transaction)
    }

    /// A node's chain while it is up.
    pub fn chain(&self, node: usize) -> Option<&Chain> {
        self.nodes.get(node)?.as_ref().map(|node| &node.chain)
    }

    /// The applied height of every node, `None` of one that is down.
    pub fn heights(&self) -> Vec<Option<u64>> {
        (0..self.nodes.len()).map(|node| self.chain(node).map(|chain| chain.0.applied_height())).collect()
    }

    /// The metrics of all nodes in Prometheus' text form.
    pub fn metrics(&self) -> String {
        self.context.encode()
    }

    /// The simulated time.
    pub fn now(&self) -> SystemTime {
        self.context.current()
    }
}

/// Sets of peers in the simulated network, which keeps one list for all nodes: the first to enter
/// an epoch sets it for all. Number 0 is the list of the start.
struct Sets(Manager<PublicKey, Context>);

impl Tracker for Sets {
    fn track(&mut self, epoch: u64, peers: &Peers) {
        let set = |peers| Set::from_iter_dedup(keys(peers).map(|(key, _)| key));
        self.0.track(epoch + 1, TrackedPeers::new(set(&peers.primary), set(&peers.secondary)));
    }
}

/// One node's view of the simulated network.
#[derive(Clone)]
struct Peer {
    manager: Manager<PublicKey, Context>,
    control: Control<PublicKey, Context>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

impl Provider for Peer {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        self.manager.peer_set(id).await
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        self.manager.subscribe().await
    }
}

impl Blocker for Peer {
    type PublicKey = PublicKey;

    fn block(&mut self, peer: PublicKey) -> Feedback {
        self.control.block(peer)
    }

    fn blocked(&mut self) -> BlockedSubscription<PublicKey> {
        self.control.blocked()
    }
}

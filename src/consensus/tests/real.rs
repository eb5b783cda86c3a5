//! Real engines in one process: threads, files, connections over loopback.

use super::ledger::{Kept, Ledger, Network, bind, hash, key, seed};
use crate::{Application, Chain, ChainConfig, Engine, Error};
use bytes::Bytes;
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Addresses that were free a moment ago.
fn addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn config(name: &'static str, node: usize, listen: SocketAddr) -> ChainConfig {
    ChainConfig::new(name, format!("real/{name}").into_bytes(), seed(node), listen, bind)
}

fn start(directory: &Path, network: &Network, disk: &Kept, node: usize) -> (Engine, Chain) {
    let engine = Engine::start(directory.join(node.to_string()), 1).unwrap();
    let chain =
        engine.open(config("main", node, network.addresses[node]), Ledger::open(network, disk)).unwrap();
    (engine, chain)
}

/// Waits for a condition on disks, polling: the deadline fails the test, not the clock.
fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn height(disk: &Kept) -> usize {
    disk.lock().blocks.len()
}

#[test]
fn four_engines_agree_restart_and_rest() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network { addresses: addresses(4), ..Network::new(4, 4) };
    let disks: Vec<Kept> = (0..4).map(|_| Kept::default()).collect();
    let mut nodes: Vec<_> =
        (0..4).map(|node| Some(start(directory.path(), &network, &disks[node], node))).collect();
    let submit = |nodes: &[Option<(Engine, Chain)>], node: usize, text: &str| {
        let (_, chain) = nodes[node].as_ref().unwrap();
        assert_eq!(chain.submit(Bytes::copy_from_slice(text.as_bytes())), Ok(true));
    };
    let settled =
        || disks.iter().all(|disk| disk.lock().waiting.is_empty() && height(disk) == height(&disks[0]));

    for number in 0..20 {
        submit(&nodes, number % 4, &format!("transaction {number}"));
    }
    wait("all to apply", || settled() && height(&disks[3]) > 0);

    // One goes down; the others go on, and it catches up from its own files and theirs.
    let (engine, chain) = nodes[1].take().unwrap();
    let before = Instant::now();
    engine.stop();
    assert!(before.elapsed() < Duration::from_secs(4), "stops in time");
    assert!(!chain.healthy());
    assert!(chain.submit(Bytes::from_static(b"too late")).is_err());
    for number in 100..110 {
        submit(&nodes, 0, &format!("transaction {number}"));
    }
    wait("three to go on", || [0, 2, 3].iter().all(|node| disks[*node].lock().waiting.is_empty()));
    let restarted = start(directory.path(), &network, &disks[1], 1);
    nodes[1] = Some(restarted);
    wait("the fourth to catch up", settled);
    submit(&nodes, 1, "through the restarted one");
    wait("all to apply", settled);

    // Nothing to agree on: no blocks, while two tips go out, in which time four leaders might.
    let resting = height(&disks[0]);
    let tips = |node: usize| disks[node].lock().tips;
    let before = tips(0);
    wait("tips", || tips(0) >= before + 3);
    assert!(disks.iter().all(|disk| height(disk) == resting), "no blocks without transactions");
    submit(&nodes, 2, "awake");
    wait("all to wake", || disks.iter().all(|disk| height(disk) > resting));
    assert!(nodes.iter().flatten().all(|(_, chain)| chain.healthy()));
    let histories: Vec<Vec<_>> = disks
        .iter()
        .map(|disk| disk.lock().blocks.iter().map(|block| hash(&[&block.header])).collect())
        .collect();
    assert!(histories.iter().all(|history| *history == histories[0]));
}

#[test]
fn what_cannot_start_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network { addresses: addresses(2), ..Network::new(2, 2) };
    let disk = Kept::default();
    let engine = Engine::start(directory.path().join("engine"), 1).unwrap();
    let ledger: Arc<dyn Application> = Ledger::open(&network, &disk);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refused = engine.open(config("main", 0, address), ledger.clone()).err().unwrap();
    assert!(matches!(&refused, Error::Listen { .. }));
    assert!(refused.to_string().contains(&address.to_string()), "{refused}");

    let mut broken = config("main", 0, network.addresses[0]);
    broken.partition = "a/b".to_owned();
    assert!(matches!(engine.open(broken, ledger.clone()), Err(Error::Setting { .. })));

    let chain = engine.open(config("main", 0, network.addresses[0]), ledger.clone()).unwrap();
    let again = engine.open(config("main", 0, network.addresses[1]), ledger.clone());
    assert!(matches!(again, Err(Error::AlreadyOpen("main"))));
    let side = engine
        .open(config("side", 0, network.addresses[1]), Ledger::open(&network, &Kept::default()))
        .unwrap();
    assert!(chain.healthy() && side.healthy());

    let other = Engine::start(directory.path().join("engine"), 1);
    assert!(matches!(other, Err(Error::InUse { .. })));
    std::fs::write(directory.path().join("file"), "").unwrap();
    assert!(matches!(Engine::start(directory.path().join("file"), 1), Err(Error::Storage { .. })));

    engine.stop();
    assert!(!chain.healthy() && !side.healthy());
    let engine = Engine::start(directory.path().join("engine"), 1).unwrap();
    let chain = engine.open(config("main", 0, network.addresses[0]), ledger).unwrap();
    assert!(chain.healthy(), "the same directory and address serve again");
}

/// An application that breaks while it applies.
struct Broken(Arc<Ledger>);

impl Application for Broken {
    fn apply(&self, _: &crate::Block) {
        panic!("the disk is on fire");
    }

    fn genesis(&self) -> crate::Block {
        self.0.genesis()
    }
    fn applied(&self) -> (u64, [u8; 32]) {
        self.0.applied()
    }
    fn admit(&self, transaction: &[u8]) -> Result<bool, String> {
        self.0.admit(transaction)
    }
    fn waiting(&self, max_bytes: usize) -> Vec<Bytes> {
        self.0.waiting(max_bytes)
    }
    fn busy(&self) -> bool {
        self.0.busy()
    }
    fn propose(&self, parent: &crate::Block, pending: &[crate::Block], now_ms: u64) -> Option<crate::Block> {
        self.0.propose(parent, pending, now_ms)
    }
    fn fill(&self, parent: &crate::Block, pending: &[crate::Block], now_ms: u64) -> Option<crate::Block> {
        self.0.fill(parent, pending, now_ms)
    }
    fn verify(&self, block: &crate::Block, pending: &[crate::Block], now_ms: u64) -> bool {
        self.0.verify(block, pending, now_ms)
    }
    fn certified(&self, height: u64, certificate: &[u8]) {
        self.0.certified(height, certificate);
    }
    fn epoch_length(&self) -> u64 {
        self.0.epoch_length()
    }
    fn validators(&self, epoch: u64) -> Option<Vec<[u8; 32]>> {
        self.0.validators(epoch)
    }
    fn peers(&self) -> crate::Peers {
        self.0.peers()
    }
    fn tip(&self) -> Option<Bytes> {
        self.0.tip()
    }
    fn hear_tip(&self, from: [u8; 32], tip: &[u8]) -> Option<u64> {
        assert_ne!(from, key(0));
        self.0.hear_tip(from, tip)
    }
}

#[test]
fn a_panic_is_seen_and_does_not_take_the_process_along() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network { addresses: addresses(1), ..Network::new(1, 1) };
    let disk = Kept::default();
    let engine = Engine::start(directory.path().to_owned(), 1).unwrap();
    let broken = Arc::new(Broken(Ledger::open(&network, &disk)));
    let chain = engine.open(config("main", 0, network.addresses[0]), broken).unwrap();
    chain.submit(Bytes::from_static(b"fire")).unwrap();
    wait("the chain to say that it is broken", || !chain.healthy());
    // The address is held until the last of the engine is gone.
    wait("the engine to end", || {
        match engine.open(config("side", 0, network.addresses[0]), Ledger::open(&network, &disk)) {
            Err(Error::Listen { .. }) => false,
            refused => matches!(refused, Err(Error::Ended)),
        }
    });
    drop(engine);
    // What was agreed on is not lost: a whole application goes on from there.
    let (engine, chain) = {
        let engine = Engine::start(directory.path().to_owned(), 1).unwrap();
        let chain =
            engine.open(config("main", 0, network.addresses[0]), Ledger::open(&network, &disk)).unwrap();
        (engine, chain)
    };
    wait("the block to be applied", || height(&disk) == 1);
    assert!(chain.healthy());
    engine.stop();
}

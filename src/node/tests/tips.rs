//! What a node signs about itself: nothing of it can be held against an honest branch.

use super::{simulated::NOW, world::World};
use crate::{
    Clock,
    application::{ApplicationSettings, ChainApplication},
    mirror::Mirror,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;
use wardline_consensus::{Application, Block};
use wardline_ledger::{BranchId, Canonical, Chain, SignedTip};
use wardline_store::ChainStore;

type Meanwhile = Box<dyn FnOnce() + Send>;

/// A clock that is set by hand, and may have something else happen while it is read.
#[derive(Default)]
struct Watch {
    now_s: AtomicU64,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Watch {
    fn set(&self, now_s: u64) {
        self.now_s.store(now_s, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now_s(&self) -> u64 {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.now_s.load(Ordering::SeqCst)
    }
}

struct Node {
    application: Arc<ChainApplication>,
    clock: Arc<Watch>,
    world: Arc<World>,
}

impl Node {
    fn new(directory: &Path) -> Self {
        Self::open(Arc::new(World::new(NOW)), directory, NOW)
    }

    fn open(world: Arc<World>, directory: &Path, now_s: u64) -> Self {
        let clock = Arc::new(Watch::default());
        clock.set(now_s);
        let settings = ApplicationSettings {
            chain: Chain::Main,
            branch: BranchId(1),
            signing: Arc::new(world.secrets(1).signing),
            clock: Arc::clone(&clock) as _,
            addresses: BTreeMap::new(),
            mirror: Mirror::None,
            verified: Arc::default(),
        };
        let store = Arc::new(ChainStore::open(directory.join("main.sqlite")).unwrap());
        let application = Arc::new(ChainApplication::open(store, &world.genesis, settings).unwrap());
        Self { application, clock, world }
    }

    fn next(&self) -> Block {
        self.application.admit(&self.world.revoke("patient 1")).unwrap();
        self.application.propose(&self.application.genesis(), &[], NOW * 1000).unwrap()
    }

    /// Height and time of the tip that is signed now.
    fn tip(&self) -> Option<(u64, u64)> {
        tip(&self.application)
    }
}

fn tip(application: &ChainApplication) -> Option<(u64, u64)> {
    let tip = SignedTip::decode(&application.tip()?).unwrap();
    Some((tip.height, tip.time_s))
}

#[test]
fn a_store_that_cannot_be_read_is_not_called_empty() {
    let home = TempDir::new().unwrap();
    let node = Node::new(home.path());
    node.application.apply(&node.next());
    assert_eq!(node.tip(), Some((1, NOW)));
    let beside = rusqlite::Connection::open(home.path().join("main.sqlite")).unwrap();
    beside.execute_batch("PRAGMA foreign_keys = OFF; ALTER TABLE header RENAME TO gone").unwrap();
    assert_eq!(node.tip(), None);
    assert!(node.application.halted().is_some());
    // What stands still says nothing any more: it would be fresh and wrong.
    beside.execute_batch("ALTER TABLE gone RENAME TO header").unwrap();
    assert_eq!(node.tip(), None);
}

#[test]
fn tips_that_are_signed_at_once_are_in_one_order() {
    let home = TempDir::new().unwrap();
    let node = Node::new(home.path());
    let block = node.next();
    let (signed, heard) = mpsc::channel();
    let (application, clock) = (Arc::clone(&node.application), Arc::clone(&node.clock));
    // Between reading the height and the clock a block becomes final, another tip is asked for, and a second passes.
    *node.clock.meanwhile.lock().unwrap() = Some(Box::new(move || {
        let (other, (said, first)) = (Arc::clone(&application), mpsc::channel());
        application.apply(&block);
        thread::spawn(move || {
            let tip = tip(&other);
            let _ = said.send(tip);
            signed.send(tip).unwrap();
        });
        // It comes at once where nothing makes it wait for the one that is being signed.
        let _ = first.recv_timeout(Duration::from_millis(500));
        clock.set(NOW + 1);
    }));
    let one = node.tip().unwrap();
    let other = heard.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    let (lower, higher) = if one.0 < other.0 { (one, other) } else { (other, one) };
    assert!(lower.0 < higher.0, "both were signed: {one:?} {other:?}");
    assert!(lower.1 <= higher.1, "evidence of a rollback: {higher:?}, then {lower:?}");
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_two_tips_around() {
    let home = TempDir::new().unwrap();
    let node = Node::new(home.path());
    assert_eq!(node.tip(), Some((0, NOW)));
    node.application.apply(&node.next());
    node.clock.set(NOW - 30);
    assert_eq!(node.tip(), Some((1, NOW)), "never earlier than before");
    node.clock.set(NOW + 1);
    assert_eq!(node.tip(), Some((1, NOW + 1)));

    // Over a restart: nothing is said until the clock has come to the newest block again.
    let world = Arc::clone(&node.world);
    drop(node);
    let node = Node::open(world, home.path(), NOW - 30);
    assert_eq!(node.tip(), None);
    assert!(node.application.halted().is_none());
    node.clock.set(NOW);
    assert_eq!(node.tip(), Some((1, NOW)));
}

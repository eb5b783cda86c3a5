//! Whole chains in simulated time: our unmodified application over real stores in files.

use super::world::{INSTITUTE, World, lookup_id, patient_id, record_id};
use crate::{
    Clock,
    application::{ApplicationSettings, ChainApplication},
    mirror::Mirror,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use wardline_consensus::{
    Application,
    simulation::{Scenario, Simulation},
};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Chain, RegistryEntry, body_matches, state};
use wardline_policy::{Purpose, RecordKind};
use wardline_store::ChainStore;

pub(super) const NOW: u64 = 1_800_000_000;
const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(180);

/// A clock that the story sets, so that runs can be repeated exactly.
pub(super) struct Story(AtomicU64);

impl Story {
    pub fn at(now_s: u64) -> Self {
        Self(AtomicU64::new(now_s))
    }
}

impl Clock for Story {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One chain of the test network, every node with its own files.
pub(super) struct Cluster {
    pub world: Arc<World>,
    pub chain: Chain,
    pub members: Vec<u16>,
    pub clock: Arc<Story>,
    directory: TempDir,
    running: BTreeMap<usize, Arc<ChainApplication>>,
}

impl Cluster {
    pub fn new(chain: Chain, epoch_length: u64) -> Self {
        Self::of(Arc::new(World::with_epochs(NOW, epoch_length)), chain)
    }

    pub fn of(world: Arc<World>, chain: Chain) -> Self {
        let members = if chain == Chain::Main { vec![1, 2, 3, 4, INSTITUTE] } else { vec![1, 2, 3, 4] };
        let clock = Arc::new(Story::at(NOW));
        Self { world, chain, members, clock, directory: TempDir::new().unwrap(), running: BTreeMap::new() }
    }

    pub fn scenario(&self, seed: u64) -> Scenario {
        let nodes = self.members.iter().map(|branch| {
            let secrets = self.world.secrets(*branch);
            let key = match self.chain {
                Chain::Main => &secrets.main_validator,
                Chain::Side => secrets.side_validator.as_ref().unwrap(),
            };
            (*key.seed(), body_matches as _)
        });
        let mut scenario = Scenario::new(seed, nodes.collect());
        scenario.namespace = self.world.genesis.namespace(self.chain);
        scenario
    }

    fn file(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("{node}.sqlite"))
    }

    /// Opens a node's application from its files.
    pub fn open(&mut self, node: usize) -> Arc<ChainApplication> {
        self.running.remove(&node);
        let branch = self.members[node];
        let store = Arc::new(ChainStore::open(self.file(node)).unwrap());
        let settings = ApplicationSettings {
            chain: self.chain,
            branch: BranchId(branch),
            signing: Arc::new(self.world.secrets(branch).signing),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            addresses: BTreeMap::new(),
            mirror: Mirror::None,
            verified: Arc::default(),
        };
        let application = Arc::new(ChainApplication::open(store, &self.world.genesis, settings).unwrap());
        self.running.insert(node, Arc::clone(&application));
        application
    }

    pub async fn start(&mut self, simulation: &mut Simulation, node: usize) {
        let application = self.open(node);
        simulation.start(node, application).await.unwrap();
    }

    pub async fn start_all(&mut self, simulation: &mut Simulation) {
        for node in 0..self.members.len() {
            self.start(simulation, node).await;
        }
    }

    pub async fn crash(&mut self, simulation: &mut Simulation, node: usize) {
        simulation.crash(node).await;
        self.running.remove(&node);
    }

    pub fn node(&self, node: usize) -> &ChainApplication {
        &self.running[&node]
    }

    /// Waits until nothing waits and everybody who is up is at the same height.
    pub async fn settle(&self, simulation: &mut Simulation, most: Duration) {
        let settled = simulation.run_until(most, |_| {
            let mut nodes = self.running.values();
            let height = nodes.next().map_or(0, |node| node.height());
            self.running.values().all(|node| node.waiting_len() == 0 && node.height() == height)
        });
        assert!(
            settled.await,
            "heights {:?}, waiting {:?}, halted {:?}",
            simulation.heights(),
            self.running.values().map(|node| node.waiting_len()).collect::<Vec<_>>(),
            self.running.values().map(|node| node.halted().map(str::to_owned)).collect::<Vec<_>>(),
        );
    }

    /// One history at every node: header by header, state root by state root. Returns its digests.
    pub fn one_history(&self) -> Vec<Digest> {
        let mut longest: Vec<Digest> = Vec::new();
        for node in self.running.values() {
            assert_eq!(node.halted(), None);
            let headers = node.store().headers(0, 100_000).unwrap();
            let digests: Vec<Digest> = headers.iter().map(|(_, header, _)| Digest::of(header)).collect();
            let common = longest.len().min(digests.len());
            assert_eq!(longest[..common], digests[..common], "two histories");
            let height = node.height();
            let root =
                node.store().view(|view| Ok(wardline_ledger::tree::root(view, height).unwrap())).unwrap();
            let newest = node.header(height).unwrap();
            assert!(newest.ends_with(root.bytes()), "the state is the one that the header commits to");
            longest = if digests.len() > longest.len() { digests } else { longest };
        }
        longest
    }

    /// The number-th of any number of transactions that hold one after the other.
    pub fn transaction(&self, number: usize) -> Vec<u8> {
        let world = &self.world;
        match self.chain {
            Chain::Main => {
                let ward = world.session("ward 1", NOW);
                let record = record_id(&format!("record {number}"));
                world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2])
            }
            Chain::Side => {
                let registrar = world.session("registrar 1", NOW);
                world.enrol(&registrar, patient_id(&format!("patient {number}")))
            }
        }
    }

    pub fn submit(&self, simulation: &Simulation, node: usize, number: usize) {
        assert_eq!(simulation.submit(node, self.transaction(number).into()), Ok(true));
    }

    pub fn has(&self, node: usize, number: usize) -> bool {
        self.node(node).store().find_transaction(&Digest::of(&self.transaction(number))).unwrap().is_some()
    }
}

#[test]
fn a_split_in_halves_stands_still_and_heals() {
    for chain in Chain::ALL {
        let mut cluster = Cluster::new(chain, 512);
        cluster.scenario(1).run(async |simulation| {
            cluster.start_all(simulation).await;
            for number in 0..4 {
                cluster.submit(simulation, number, number);
            }
            cluster.settle(simulation, SHORT).await;
            let heights = simulation.heights();
            simulation.partition(&[&[0, 1], &[2, 3]]).await;
            cluster.submit(simulation, 0, 10);
            cluster.submit(simulation, 3, 11);
            simulation.run_for(Duration::from_secs(60)).await;
            assert_eq!(simulation.heights(), heights, "half of the validators are no quorum");
            simulation.heal().await;
            cluster.settle(simulation, LONG).await;
            assert!((0..cluster.members.len()).all(|node| cluster.has(node, 10) && cluster.has(node, 11)));
            cluster.one_history();
        });
    }
}

#[test]
fn a_crash_of_one_and_of_all_loses_nothing_that_was_taken() {
    for chain in Chain::ALL {
        let mut cluster = Cluster::new(chain, 512);
        cluster.scenario(2).run(async |simulation| {
            cluster.start_all(simulation).await;
            let mut number = 0;
            let mut more = |cluster: &Cluster, simulation: &Simulation, node: usize| {
                cluster.submit(simulation, node, number);
                number += 1;
            };
            more(&cluster, simulation, 0);
            cluster.settle(simulation, SHORT).await;
            cluster.crash(simulation, 3).await;
            for _ in 0..5 {
                more(&cluster, simulation, 1);
                simulation.run_for(Duration::from_millis(100)).await;
            }
            cluster.start(simulation, 3).await;
            cluster.settle(simulation, LONG).await;

            // All at once, with transactions that were taken a moment ago.
            for node in 0..4 {
                more(&cluster, simulation, node);
            }
            let members = cluster.members.len();
            for node in 0..members {
                cluster.crash(simulation, node).await;
            }
            cluster.start_all(simulation).await;
            cluster.settle(simulation, LONG).await;
            for taken in 0..number {
                assert!(
                    (0..members).all(|node| cluster.has(node, taken)),
                    "{chain}: transaction {taken} is lost"
                );
            }
            cluster.one_history();
        });
    }
}

#[test]
fn losing_every_tenth_message_slows_down_and_no_more() {
    let mut cluster = Cluster::new(Chain::Side, 512);
    let mut scenario = cluster.scenario(3);
    scenario.loss_percent = 10;
    scenario.run(async |simulation| {
        cluster.start_all(simulation).await;
        for number in 0..30 {
            cluster.submit(simulation, number % 4, number);
            simulation.run_for(Duration::from_millis(200)).await;
        }
        cluster.settle(simulation, LONG).await;
        assert!((0..30).all(|number| cluster.has(0, number)));
        cluster.one_history();
    });
}

/// What every node knows in the end, and the fingerprint of the whole run.
fn run(world: &Arc<World>, seed: u64) -> (Vec<Digest>, String) {
    let mut cluster = Cluster::of(Arc::clone(world), Chain::Side);
    let mut scenario = cluster.scenario(seed);
    scenario.loss_percent = 5;
    scenario.run(async |simulation| {
        cluster.start_all(simulation).await;
        for number in 0..12 {
            cluster.submit(simulation, number % 4, number);
            simulation.run_for(Duration::from_millis(50 * (number as u64 % 5))).await;
        }
        simulation.partition(&[&[0, 1, 2], &[3]]).await;
        cluster.submit(simulation, 0, 100);
        simulation.run_for(Duration::from_secs(3)).await;
        cluster.crash(simulation, 2).await;
        simulation.heal().await;
        cluster.start(simulation, 2).await;
        cluster.settle(simulation, LONG).await;
        cluster.one_history()
    })
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let world = Arc::new(World::with_epochs(NOW, 8));
    let (history, fingerprint) = run(&world, 5);
    assert_eq!(run(&world, 5), (history, fingerprint.clone()));
    assert_ne!(run(&world, 6).1, fingerprint);
}

#[test]
fn a_change_of_validators_takes_effect_with_the_next_epoch() {
    let mut cluster = Cluster::new(Chain::Main, 8);
    cluster.scenario(6).run(async |simulation| {
        cluster.start_all(simulation).await;
        cluster.submit(simulation, 0, 0);
        cluster.settle(simulation, SHORT).await;
        let mut institute = cluster.world.genesis.participants[4].clone();
        institute.votes = true;
        let votes = cluster.world.registry(1, RegistryEntry::Participant(institute));
        simulation.submit(0, votes.into()).unwrap();
        cluster.settle(simulation, SHORT).await;
        let set = (1..=INSTITUTE).map(BranchId).collect();
        let change = cluster.world.registry(2, RegistryEntry::Validators { chain: Chain::Main, set });
        simulation.submit(1, change.into()).unwrap();
        // Filler blocks lead to the end of the epoch, and no further.
        let reached =
            simulation.run_until(LONG, |_| cluster.running.values().all(|node| node.height() >= 7)).await;
        assert!(reached, "heights {:?}", simulation.heights());
        for node in cluster.running.values() {
            assert_eq!(node.validators(1).map(|keys| keys.len()), Some(5));
            assert_eq!(node.validators(0).map(|keys| keys.len()), Some(4));
            assert!(node.store().handover(1).unwrap().is_some(), "light clients are told");
            assert!(!state::change_is_pending(node.state()).unwrap());
        }
        simulation.run_for(Duration::from_secs(30)).await;
        let heights = simulation.heights();
        assert!(heights.iter().flatten().all(|height| *height <= 9), "{heights:?}");
        // Now the institute is needed: with one branch down, four of five are a quorum.
        cluster.crash(simulation, 3).await;
        cluster.submit(simulation, 0, 50);
        cluster.settle(simulation, LONG).await;
        assert!(cluster.has(4, 50));
        cluster.one_history();
    });
}

#[test]
fn what_no_block_takes_is_dropped_everywhere_and_remembered() {
    let mut cluster = Cluster::new(Chain::Side, 512);
    cluster.scenario(7).run(async |simulation| {
        cluster.start_all(simulation).await;
        let registrar = cluster.world.session("registrar 1", NOW);
        let ward = cluster.world.session("ward 1", NOW);
        cluster.submit(simulation, 0, 0);
        cluster.settle(simulation, SHORT).await;
        // Two lookups of one name: both are taken while neither is final, one wins.
        simulation.partition(&[]).await;
        let (name, whom) = (lookup_id("twice"), patient_id("patient 0"));
        let first = cluster.world.lookup(&registrar, name, whom, Purpose::Treatment);
        let second = cluster.world.lookup(&ward, name, whom, Purpose::Treatment);
        simulation.submit(0, first.clone().into()).unwrap();
        simulation.submit(1, second.clone().into()).unwrap();
        simulation.heal().await;
        cluster.settle(simulation, LONG).await;
        let ids = [Digest::of(&first), Digest::of(&second)];
        let agreed: Vec<bool> =
            ids.iter().map(|id| cluster.node(2).store().find_transaction(id).unwrap().is_some()).collect();
        assert_eq!(agreed.iter().filter(|agreed| **agreed).count(), 1, "{agreed:?}");
        let lost = ids[usize::from(agreed[0])];
        let told = cluster.running.values().filter_map(|node| node.refusal(&lost)).collect::<Vec<_>>();
        assert!(!told.is_empty(), "the node that took it says so");
        assert!(told.iter().all(|(code, _)| code == "lookup.exists"), "{told:?}");
        // A block in which it once was is never made again.
        let heights = simulation.heights();
        simulation.run_for(Duration::from_secs(60)).await;
        assert_eq!(simulation.heights(), heights, "an idle chain stands still");
    });
}

#[test]
fn who_never_proposes_forgets_what_no_block_takes() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    cluster.scenario(8).run(async |simulation| {
        cluster.start_all(simulation).await;
        let ward = cluster.world.session("ward 1", NOW);
        let storage = |kind| cluster.world.storage(&ward, record_id("one name"), 1, kind, &[1, 2]);
        let (first, second) = (storage(RecordKind::Visit), storage(RecordKind::Allergy));
        simulation.partition(&[&[0, 1, 2, 3], &[4]]).await;
        simulation.submit(0, first.into()).unwrap();
        simulation.submit(4, second.clone().into()).unwrap();
        let agreed = simulation.run_until(SHORT, |_| cluster.node(0).height() == 1).await;
        assert!(agreed);
        assert!(cluster.node(4).is_waiting(&Digest::of(&second)));
        simulation.heal().await;
        cluster.settle(simulation, LONG).await;
        let (code, _) = cluster.node(4).refusal(&Digest::of(&second)).unwrap();
        assert_eq!(code, "storage.version");
    });
}

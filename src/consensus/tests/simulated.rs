//! Whole networks in simulated time: what must not happen, does not, and what must go on, goes on.

use super::ledger::{
    Hash, Kept, Ledger, Mischief, Network, VOID, bind, bind_anything, change_validators, hash, height,
    next_state, state,
};
use crate::{
    Application as _,
    simulation::{Scenario, Simulation},
};
use bytes::Bytes;
use std::time::Duration;

const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(120);

struct Cluster {
    network: Network,
    disks: Vec<Kept>,
}

impl Cluster {
    fn new(nodes: u16, validators: u8) -> Self {
        Self {
            network: Network::new(nodes, validators),
            disks: (0..nodes).map(|_| Kept::default()).collect(),
        }
    }

    fn scenario(&self, seed: u64) -> Scenario {
        Scenario::new(
            seed,
            (0..self.disks.len()).map(|node| (super::ledger::seed(node), bind as _)).collect(),
        )
    }

    async fn start(&self, simulation: &mut Simulation, node: usize) {
        simulation.start(node, Ledger::open(&self.network, &self.disks[node])).await.unwrap();
    }

    async fn start_all(&self, simulation: &mut Simulation) {
        for node in 0..self.disks.len() {
            self.start(simulation, node).await;
        }
    }

    fn waiting(&self, node: usize) -> usize {
        self.disks[node].lock().waiting.len()
    }

    fn height(&self, node: usize) -> u64 {
        self.disks[node].lock().blocks.last().map_or(0, height)
    }

    /// Submits and waits until all that is up has applied everything and nothing waits.
    async fn settle(&self, simulation: &mut Simulation, most: Duration) {
        let settled = simulation.run_until(most, |simulation| {
            let up: Vec<usize> =
                (0..self.disks.len()).filter(|node| simulation.chain(*node).is_some()).collect();
            up.iter().all(|node| self.waiting(*node) == 0 && self.height(*node) == self.height(up[0]))
        });
        assert!(
            settled.await,
            "heights {:?}, waiting {:?}",
            simulation.heights(),
            (0..self.disks.len()).map(|n| self.waiting(n)).collect::<Vec<_>>()
        );
    }

    /// Everything that nodes have is the same everywhere, and each certificate names its block.
    fn check(&self) -> Vec<Hash> {
        let longest = self.disks.iter().max_by_key(|disk| disk.lock().blocks.len()).unwrap();
        let reference: Vec<_> = longest.lock().blocks.clone();
        for disk in &self.disks {
            let disk = disk.lock();
            assert_eq!(disk.blocks[..], reference[..disk.blocks.len()], "two histories");
            let mut state = [0; 32];
            for block in &disk.blocks {
                state = next_state(&state, &block.body);
                assert_eq!(self::state(block), state, "a state that does not follow");
            }
            for (height, certificate) in &disk.certificates {
                let digest = hash(&[&reference[*height as usize - 1].header]);
                assert!(
                    certificate.windows(32).any(|window| window == digest),
                    "a certificate of something else"
                );
            }
        }
        reference.iter().map(|block| hash(&[&block.header])).collect()
    }
}

/// The view that each validator's engine is in.
fn views(simulation: &Simulation) -> Vec<u64> {
    let metrics = simulation.metrics();
    let views = metrics.lines().filter(|line| line.contains("current_view{"));
    views.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

fn transaction(number: usize) -> Bytes {
    format!("transaction {number}").into()
}

#[test]
fn transactions_become_final_everywhere_and_an_idle_chain_stands_still() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(1).run(async |simulation| {
        cluster.start_all(simulation).await;
        for number in 0..20 {
            assert_eq!(simulation.submit(number % 4, transaction(number)), Ok(true));
            simulation.run_for(Duration::from_millis(150)).await;
        }
        cluster.settle(simulation, SHORT).await;
        let (heights, views) = (simulation.heights(), views(simulation));
        assert!(views.len() == 4 && views.iter().all(|view| *view > 1), "{views:?}");
        simulation.run_for(Duration::from_secs(600)).await;
        assert_eq!(simulation.heights(), heights, "no blocks without transactions");
        assert_eq!(self::views(simulation), views, "and no skipped views");
        let before = simulation.now();
        simulation.submit(2, transaction(100)).unwrap();
        cluster.settle(simulation, SHORT).await;
        assert!(simulation.now().duration_since(before).unwrap() < Duration::from_secs(1), "awake at once");
    });
    let history = cluster.check();
    assert!(history.len() <= 21, "one block for a transaction at most, got {}", history.len());
    for disk in &cluster.disks {
        assert_eq!(disk.lock().certificates.len(), history.len(), "every height has its certificate here");
    }
}

/// Admitted everywhere and refused by each leader: soon all clocks that matter stand still again.
#[test]
fn a_transaction_that_all_refuse_later_leaves_the_chain_at_rest() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(14).run(async |simulation| {
        cluster.start_all(simulation).await;
        simulation.submit(0, transaction(0)).unwrap();
        cluster.settle(simulation, SHORT).await;
        simulation.submit(1, [VOID, b"soon"].concat().into()).unwrap();
        simulation.run_for(Duration::from_millis(200)).await;
        let busy = (0..4).filter(|node| simulation.chain(*node).unwrap().0.busy.get());
        assert_eq!(busy.count(), 3, "the leader knows at once that there is nothing to propose");
        simulation.run_for(Duration::from_secs(10)).await;
        let (heights, views) = (simulation.heights(), views(simulation));
        simulation.run_for(Duration::from_secs(120)).await;
        assert_eq!(self::views(simulation), views, "no skipped views");
        assert_eq!(simulation.heights(), heights);
        simulation.submit(2, transaction(1)).unwrap();
        let next = [heights[0].map(|height| height + 1); 4];
        let done = simulation.run_until(SHORT, |simulation| simulation.heights() == next).await;
        assert!(done, "{:?}", simulation.heights());
    });
    cluster.check();
}

/// What waits everywhere becomes void at the same time, and nobody comes to propose it.
#[test]
fn validators_that_do_not_lead_find_out_that_nothing_waits_any_more() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(15).run(async |simulation| {
        cluster.start_all(simulation).await;
        simulation.submit(0, transaction(0)).unwrap();
        cluster.settle(simulation, SHORT).await;
        simulation.partition(&[&[0, 1], &[2, 3]]).await;
        simulation.submit(0, transaction(1)).unwrap();
        simulation.submit(2, transaction(2)).unwrap();
        simulation.run_for(Duration::from_millis(300)).await;
        for node in 0..4 {
            assert_eq!(cluster.waiting(node), 1);
            cluster.disks[node].lock().waiting.clear();
        }
        simulation.run_for(Duration::from_secs(5)).await;
        let (heights, views) = (simulation.heights(), views(simulation));
        simulation.heal().await;
        simulation.run_for(Duration::from_secs(60)).await;
        assert_eq!(self::views(simulation), views, "nobody's clock runs");
        assert_eq!(simulation.heights(), heights);
        simulation.submit(3, transaction(3)).unwrap();
        cluster.settle(simulation, SHORT).await;
        assert!(cluster.height(0) > heights[0].unwrap());
    });
    cluster.check();
}

#[test]
fn a_split_in_halves_makes_no_progress_and_heals() {
    for seed in 0..4 {
        let cluster = Cluster::new(4, 4);
        cluster.scenario(seed).run(async |simulation| {
            cluster.start_all(simulation).await;
            for number in 0..4 {
                simulation.submit(number, transaction(number)).unwrap();
            }
            cluster.settle(simulation, SHORT).await;
            simulation.partition(&[&[0, 1], &[2, 3]]).await;
            let heights = simulation.heights();
            simulation.submit(0, transaction(10)).unwrap();
            simulation.submit(3, transaction(11)).unwrap();
            simulation.run_for(Duration::from_secs(60)).await;
            assert_eq!(simulation.heights(), heights, "half of the validators are no quorum");
            simulation.heal().await;
            cluster.settle(simulation, LONG).await;
            assert!(cluster.height(0) > heights[0].unwrap());
        });
        cluster.check();
    }
}

/// Cut at every moment of an agreement: nothing may hang for ever once the network is whole, even
/// when no transaction follows.
#[test]
fn a_cut_in_the_middle_of_an_agreement_heals_without_new_transactions() {
    for moment in 0..25 {
        let cluster = Cluster::new(4, 4);
        cluster.scenario(moment).run(async |simulation| {
            cluster.start_all(simulation).await;
            simulation.submit(0, transaction(0)).unwrap();
            cluster.settle(simulation, SHORT).await;
            simulation.submit(1, transaction(1)).unwrap();
            simulation.run_for(Duration::from_millis(5 * moment)).await;
            simulation.partition(&[&[0, 1], &[2, 3]]).await;
            simulation.run_for(Duration::from_secs(5)).await;
            simulation.heal().await;
            cluster.settle(simulation, LONG).await;
        });
        cluster.check();
    }
}

#[test]
fn a_node_that_crashed_comes_back_and_votes_again() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(5).run(async |simulation| {
        cluster.start_all(simulation).await;
        simulation.submit(0, transaction(0)).unwrap();
        cluster.settle(simulation, SHORT).await;
        simulation.crash(1).await;
        for number in 1..10 {
            simulation.submit([0, 2, 3][number % 3], transaction(number)).unwrap();
            simulation.run_for(Duration::from_millis(300)).await;
        }
        cluster.settle(simulation, SHORT).await;
        cluster.start(simulation, 1).await;
        // An idle chain: only the tips tell it that it is behind.
        cluster.settle(simulation, SHORT).await;
        // Its vote is needed now.
        simulation.crash(2).await;
        simulation.submit(1, transaction(20)).unwrap();
        cluster.settle(simulation, SHORT).await;
    });
    cluster.check();
}

#[test]
fn all_crash_in_the_middle_of_work_and_lose_nothing() {
    for seed in 0..4 {
        let cluster = Cluster::new(4, 4);
        cluster.scenario(seed).run(async |simulation| {
            cluster.start_all(simulation).await;
            for number in 0..40 {
                simulation.submit(number % 4, transaction(number)).unwrap();
                simulation.run_for(Duration::from_millis(7)).await;
            }
            for node in 0..4 {
                simulation.crash(node).await;
            }
            let before = cluster.check().len();
            simulation.run_for(Duration::from_secs(60)).await;
            cluster.start_all(simulation).await;
            cluster.settle(simulation, LONG).await;
            assert!(cluster.check().len() >= before);
        });
        let done: usize = cluster.disks[0]
            .lock()
            .blocks
            .iter()
            .map(|block| block.body.windows(12).filter(|w| w == b"transaction ").count())
            .sum();
        assert_eq!(done, 40, "what was admitted is applied");
    }
}

#[test]
fn one_message_in_ten_is_lost() {
    for seed in 0..4 {
        let cluster = Cluster::new(4, 4);
        let mut scenario = cluster.scenario(seed);
        scenario.loss_percent = 10;
        scenario.run(async |simulation| {
            cluster.start_all(simulation).await;
            for number in 0..20 {
                simulation.submit(number % 4, transaction(number)).unwrap();
                simulation.run_for(Duration::from_millis(200)).await;
            }
            cluster.settle(simulation, LONG).await;
        });
        cluster.check();
    }
}

#[test]
fn validators_change_at_the_end_of_an_epoch() {
    let mut cluster = Cluster::new(5, 4);
    cluster.network.epoch_length = 8;
    cluster.scenario(7).run(async |simulation| {
        cluster.start_all(simulation).await;
        simulation.submit(0, transaction(0)).unwrap();
        cluster.settle(simulation, SHORT).await;
        // One stays away during the change.
        simulation.crash(3).await;
        simulation.submit(0, change_validators(&[0, 1, 2, 3, 4])).unwrap();
        let changed =
            simulation.run_until(LONG, |_| [0, 1, 2, 4].iter().all(|node| cluster.height(*node) == 7));
        assert!(changed.await, "empty blocks fill the epoch: {:?}", simulation.heights());
        simulation.run_for(Duration::from_secs(30)).await;
        assert_eq!(cluster.height(0), 7, "and no more of them");
        cluster.start(simulation, 3).await;
        simulation.submit(3, transaction(1)).unwrap();
        cluster.settle(simulation, SHORT).await;
        // Four of five are needed now, and the newcomer is one of them.
        simulation.crash(0).await;
        simulation.submit(4, transaction(2)).unwrap();
        cluster.settle(simulation, LONG).await;
        let height = cluster.height(4);
        simulation.crash(1).await;
        simulation.submit(4, transaction(3)).unwrap();
        simulation.run_for(Duration::from_secs(60)).await;
        assert_eq!(cluster.height(4), height, "three of five are no quorum");
        cluster.start(simulation, 0).await;
        cluster.start(simulation, 1).await;
        cluster.settle(simulation, LONG).await;
        // Now many epochs, and one out.
        simulation.submit(2, change_validators(&[1, 2, 3, 4])).unwrap();
        cluster.settle(simulation, LONG).await;
        for number in 10..40 {
            simulation.submit(number % 5, transaction(number)).unwrap();
            cluster.settle(simulation, SHORT).await;
        }
        // A node that has slept through several epochs finds its way.
        simulation.crash(2).await;
        for number in 40..70 {
            simulation.submit(4, transaction(number)).unwrap();
            simulation.run_for(Duration::from_secs(2)).await;
        }
        cluster.settle(simulation, LONG).await;
        cluster.start(simulation, 2).await;
        cluster.settle(simulation, LONG).await;
    });
    let history = cluster.check();
    assert!(history.len() > 40);
    for disk in &cluster.disks {
        let disk = disk.lock();
        let ends = (1..history.len() as u64).filter(|height| height % 8 == 7);
        for end in ends.filter(|end| *end <= disk.blocks.len() as u64) {
            let certificate =
                disk.certificates.get(&end).expect("the end of an epoch has a certificate of its own");
            assert_eq!(u64::from(certificate[0]), end / 8, "by the validators of that epoch");
        }
    }
}

#[test]
fn a_participant_without_a_vote_follows_and_can_submit() {
    let cluster = Cluster::new(5, 4);
    cluster.scenario(8).run(async |simulation| {
        for node in 0..4 {
            cluster.start(simulation, node).await;
        }
        for number in 0..10 {
            simulation.submit(number % 4, transaction(number)).unwrap();
            simulation.run_for(Duration::from_millis(200)).await;
        }
        cluster.settle(simulation, SHORT).await;
        cluster.start(simulation, 4).await;
        cluster.settle(simulation, SHORT).await;
        simulation.submit(4, transaction(20)).unwrap();
        cluster.settle(simulation, SHORT).await;
        assert!(cluster.height(4) > 0);
        // It is no part of any quorum.
        simulation.crash(0).await;
        simulation.crash(1).await;
        simulation.submit(4, transaction(21)).unwrap();
        simulation.run_for(Duration::from_secs(60)).await;
        assert_eq!(cluster.waiting(4), 1);
    });
    cluster.check();
}

#[test]
fn a_dishonest_leader_gets_nothing_through_and_stops_nobody() {
    for mischief in [Mischief::State, Mischief::Body, Mischief::Height] {
        let cluster = Cluster::new(4, 4);
        let mut scenario = cluster.scenario(9);
        scenario.nodes[3].1 = bind_anything;
        scenario.run(async |simulation| {
            for node in 0..3 {
                cluster.start(simulation, node).await;
            }
            let ledger = Ledger::dishonest(&cluster.network, &cluster.disks[3], Some(mischief));
            simulation.start(3, ledger).await.unwrap();
            for number in 0..16 {
                simulation.submit(number % 3, transaction(number)).unwrap();
                simulation.run_for(Duration::from_millis(500)).await;
            }
            let settled = simulation.run_until(LONG, |_| (0..3).all(|node| cluster.waiting(node) == 0));
            assert!(settled.await, "{mischief:?}: {:?}", simulation.heights());
            assert!(simulation.chain(0).unwrap().healthy());
        });
        cluster.check();
        for disk in &cluster.disks[..3] {
            assert!(disk.lock().blocks.iter().all(|block| bind(&block.header, &block.body).is_some()));
        }
    }
}

/// The validators conspire: what they certify is in order, but the bodies that they keep and serve
/// are not those that the certified headers commit to. Who catches up must not take them.
#[test]
fn a_forged_body_under_a_certified_header_is_not_taken_when_catching_up() {
    for (bind_of_follower, taken) in [(bind as crate::Bind, 0), (bind_anything as _, 1)] {
        let cluster = Cluster::new(5, 4);
        let mut scenario = cluster.scenario(19);
        scenario.nodes[..4].iter_mut().for_each(|(_, bind)| *bind = bind_anything);
        scenario.nodes[4].1 = bind_of_follower;
        scenario.run(async |simulation| {
            for node in 0..4 {
                let ledger =
                    Ledger::dishonest(&cluster.network, &cluster.disks[node], Some(Mischief::Forgery));
                simulation.start(node, ledger).await.unwrap();
            }
            simulation.submit(0, transaction(0)).unwrap();
            let agreed = simulation.run_until(SHORT, |_| (0..4).all(|node| cluster.height(node) == 1));
            assert!(agreed.await, "{:?}", simulation.heights());
            let forged = cluster.disks[0].lock().blocks[0].clone();
            assert_eq!(bind(&forged.header, &forged.body), None);
            assert!(cluster.disks[0].lock().certificates.contains_key(&1));
            // With the honest check nothing is taken; without it, it would be: they do serve it.
            let mischief = (taken > 0).then_some(Mischief::Forgery);
            let follower = Ledger::dishonest(&cluster.network, &cluster.disks[4], mischief);
            simulation.start(4, follower).await.unwrap();
            simulation.run_for(Duration::from_secs(30)).await;
            assert_eq!(cluster.height(4), taken);
            assert!(simulation.chain(4).unwrap().healthy(), "it refuses the block and lives on");
        });
    }
}

/// Its engine's files are gone, its application's are there: it cannot know what it voted for.
#[test]
fn a_validator_that_lost_its_memory_follows_without_voting() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(10).run(async |simulation| {
        cluster.start_all(simulation).await;
        for number in 0..5 {
            simulation.submit(number % 4, transaction(number)).unwrap();
            cluster.settle(simulation, SHORT).await;
        }
        simulation.wipe(3).await;
        cluster.start(simulation, 3).await;
        simulation.submit(3, transaction(10)).unwrap();
        cluster.settle(simulation, SHORT).await;
        let height = cluster.height(3);
        // With its vote there would be a quorum; a second start does not make it forget.
        simulation.crash(3).await;
        simulation.crash(0).await;
        cluster.start(simulation, 3).await;
        simulation.submit(1, transaction(11)).unwrap();
        simulation.run_for(Duration::from_secs(60)).await;
        assert_eq!(cluster.height(1), height, "nobody votes who might vote twice");
        cluster.start(simulation, 0).await;
        cluster.settle(simulation, LONG).await;
        assert!(cluster.height(3) > height);
    });
    cluster.check();
}

/// The usual way of a new key: it is agreed on, and the node is started with it whenever it suits,
/// before or after the epoch in which it counts. It helps even a node that had lost its memory.
#[test]
fn a_validator_votes_with_its_new_key() {
    for (seed, early, lost) in [(16, true, false), (17, false, false), (18, false, true)] {
        let mut cluster = Cluster::new(5, 4);
        cluster.network.epoch_length = 8;
        // The node at place 4 is the one at place 3 with its new key.
        cluster.disks[4] = cluster.disks[3].clone();
        cluster.scenario(seed).run(async |simulation| {
            for node in 0..4 {
                cluster.start(simulation, node).await;
            }
            simulation.submit(3, transaction(0)).unwrap();
            cluster.settle(simulation, SHORT).await;
            if lost {
                simulation.wipe(3).await;
                cluster.start(simulation, 3).await;
            }
            if early {
                simulation.hand_over(3, 4).await;
                cluster.start(simulation, 4).await;
            }
            simulation.submit(0, change_validators(&[0, 1, 2, 4])).unwrap();
            let turned = simulation.run_until(LONG, |_| (0..4).all(|node| cluster.height(node) == 7));
            assert!(turned.await, "{:?}", simulation.heights());
            if !early {
                simulation.hand_over(3, 4).await;
                cluster.start(simulation, 4).await;
            }
            simulation.crash(0).await;
            simulation.submit(4, transaction(1)).unwrap();
            cluster.settle(simulation, LONG).await;
            assert!(cluster.height(4) > 7, "there is no quorum without its vote");
            // The new key's memory counts as the old one's did.
            simulation.wipe(4).await;
            cluster.start(simulation, 4).await;
            let height = cluster.height(1);
            simulation.submit(4, transaction(2)).unwrap();
            simulation.run_for(Duration::from_secs(30)).await;
            assert_eq!(cluster.height(1), height, "nobody votes who might vote twice");
        });
        cluster.check();
    }
}

#[test]
fn an_application_from_a_backup_is_brought_up_to_date() {
    let cluster = Cluster::new(4, 4);
    cluster.scenario(13).run(async |simulation| {
        cluster.start_all(simulation).await;
        for number in 0..6 {
            simulation.submit(number % 4, transaction(number)).unwrap();
            cluster.settle(simulation, SHORT).await;
        }
        simulation.crash(2).await;
        let whole = std::mem::take(&mut *cluster.disks[2].lock());
        let old = Ledger::open(&cluster.network, &cluster.disks[2]);
        for block in &whole.blocks[..2] {
            old.apply(block);
        }
        simulation.partition(&[&[0, 1, 3]]).await;
        simulation.start(2, old).await.unwrap();
        let all = whole.blocks.len() as u64;
        let replayed = simulation.run_until(SHORT, |_| cluster.height(2) == all).await;
        assert!(replayed, "from its own engine's files, as it hears nobody");
    });
    cluster.check();
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut cluster = Cluster::new(5, 4);
        cluster.network.epoch_length = 10;
        let mut scenario = cluster.scenario(seed);
        scenario.loss_percent = 3;
        let (_, fingerprint) = scenario.run(async |simulation| {
            cluster.start_all(simulation).await;
            for number in 0..15 {
                simulation.submit(number % 5, transaction(number)).unwrap();
                simulation.run_for(Duration::from_millis(400)).await;
            }
            simulation.run_for(Duration::from_secs(30)).await;
            simulation.partition(&[&[0, 1, 2], &[3, 4]]).await;
            simulation.submit(0, transaction(50)).unwrap();
            simulation.run_for(Duration::from_secs(10)).await;
            simulation.heal().await;
            simulation.crash(1).await;
            simulation.submit(0, change_validators(&[0, 1, 2, 4])).unwrap();
            simulation.run_for(Duration::from_secs(10)).await;
            cluster.start(simulation, 1).await;
            cluster.settle(simulation, LONG).await;
        });
        (fingerprint, cluster.check())
    };
    let first = run(11);
    assert_eq!(first, run(11));
    assert_ne!(first.0, run(12).0);
}

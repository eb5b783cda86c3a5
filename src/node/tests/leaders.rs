//! Leaders that propose what they must not: nothing of it becomes final, and the chain goes on.

use super::{
    simulated::{Cluster, NOW},
    world::{World, patient_id, record_id, signing},
};
use crate::application::ChainApplication;
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use wardline_consensus::{Application, Block, Peers};
use wardline_crypto::Digest;
use wardline_ledger::{
    Author, Canonical, Chain, Header, Transaction, body_matches, decode_body, encode_body, transaction_root,
};
use wardline_policy::RecordKind;

/// What a leader does to the block that it should have proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mischief {
    BadSignature,
    UnknownAuthor,
    SessionOver,
    RoleMissing,
    SameRecordAgain,
    TooFewReceipts,
    ForgedReceipt,
    OtherChainsTransaction,
    NotATransaction,
    SameTransactionTwice,
    WrongStateRoot,
    TimeAhead,
    TimeBack,
    WrongEpoch,
    OtherNetwork,
    OtherChain,
    // These never leave the engine of an honest build: the block's frame is checked before anything else.
    WrongTransactionRoot,
    WrongCount,
    WrongParent,
    WrongHeight,
}

impl Mischief {
    const ALL: [Self; 20] = [
        Self::BadSignature,
        Self::UnknownAuthor,
        Self::SessionOver,
        Self::RoleMissing,
        Self::SameRecordAgain,
        Self::TooFewReceipts,
        Self::ForgedReceipt,
        Self::OtherChainsTransaction,
        Self::NotATransaction,
        Self::SameTransactionTwice,
        Self::WrongStateRoot,
        Self::TimeAhead,
        Self::TimeBack,
        Self::WrongEpoch,
        Self::OtherNetwork,
        Self::OtherChain,
        Self::WrongTransactionRoot,
        Self::WrongCount,
        Self::WrongParent,
        Self::WrongHeight,
    ];

    fn keeps_the_frame(self) -> bool {
        self < Self::WrongTransactionRoot
    }

    /// The transaction that makes a block bad, if it is one.
    fn transaction(self, world: &World, in_block: &[Vec<u8>]) -> Option<Vec<u8>> {
        let ward = world.session("ward 1", NOW);
        let record = record_id("never agreed");
        let storage = |holders: &[u16]| world.storage(&ward, record, 1, RecordKind::Visit, holders);
        Some(match self {
            Self::BadSignature => {
                let mut bytes = storage(&[1, 2]);
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            }
            Self::UnknownAuthor => {
                let mut stranger = world.session("ward 1", NOW);
                stranger.grant.staff = wardline_ledger::StaffId::from_bytes([3; 16]);
                stranger.grant = stranger.grant.signed(&signing("a stranger"));
                world.storage(&stranger, record, 1, RecordKind::Visit, &[1, 2])
            }
            Self::SessionOver => {
                let over = world.session_of("ward 1", "over", NOW - 10_000, 100);
                world.storage(&over, record, 1, RecordKind::Visit, &[1, 2])
            }
            Self::RoleMissing => {
                let operator = world.session("operator 1", NOW);
                world.storage(&operator, record, 1, RecordKind::Visit, &[1, 2])
            }
            Self::SameRecordAgain => {
                world.storage(&ward, record_id("record 0"), 1, RecordKind::Allergy, &[1, 2])
            }
            Self::TooFewReceipts => storage(&[1]),
            Self::ForgedReceipt => {
                let mut transaction = Transaction::decode(&storage(&[1, 2])).unwrap();
                let wardline_ledger::Body::Storage(storage) = &mut transaction.body else { panic!() };
                storage.receipts[1].signature = storage.receipts[0].signature;
                let Author::Session { grant, .. } = transaction.author else { panic!() };
                Transaction::by_session(world.network, transaction.body, grant, &ward.key).encode()
            }
            Self::OtherChainsTransaction => {
                world.enrol(&world.session("registrar 1", NOW), patient_id("on the wrong chain"))
            }
            Self::NotATransaction => b"not a transaction".to_vec(),
            Self::SameTransactionTwice => in_block.first()?.clone(),
            _ => return None,
        })
    }

    fn spoil(self, world: &World, good: &Block) -> Block {
        let mut transactions = decode_body(&good.body).unwrap();
        let mut header = Header::decode(&good.header).unwrap();
        if let Some(bad) = self.transaction(world, &transactions) {
            transactions.push(bad);
            header.transactions += 1;
            header.transaction_root = transaction_root(&transactions);
        }
        let other = Digest::of(b"other");
        match self {
            Self::WrongStateRoot => header.state_root = other,
            Self::TimeAhead => header.time_s += 3600,
            Self::TimeBack => header.time_s = world.genesis.created_s - 1,
            Self::WrongEpoch => header.epoch += 1,
            Self::OtherNetwork => header.network = other,
            Self::OtherChain => header.chain = Chain::Side,
            Self::WrongTransactionRoot => header.transaction_root = other,
            Self::WrongCount => header.transactions += 1,
            Self::WrongParent => header.parent = other,
            Self::WrongHeight => header.height += 1,
            _ => {}
        }
        Block { header: header.encode().into(), body: encode_body(&transactions).into() }
    }
}

fn bound(block: &Block) -> bool {
    body_matches(&block.header, &block.body).is_some()
}

#[test]
fn every_kind_of_bad_block_is_refused_by_the_check_itself() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    let (honest, now_ms) = (cluster.open(0), NOW * 1000);
    honest.admit(&cluster.transaction(0)).unwrap();
    let first = honest.propose(&honest.genesis(), &[], now_ms).unwrap();
    assert!(honest.verify(&first, &[], now_ms));
    honest.apply(&first);
    honest.admit(&cluster.transaction(1)).unwrap();
    let good = honest.propose(&first, &[], now_ms).unwrap();
    let fresh = cluster.open(1);
    fresh.apply(&first);
    for (mischief, judge) in
        Mischief::ALL.iter().flat_map(|mischief| [(mischief, &honest), (mischief, &fresh)])
    {
        let bad = mischief.spoil(&cluster.world, &good);
        assert_ne!(bad, good, "{mischief:?}");
        let refused = !judge.verify(&bad, &[], now_ms);
        assert!(refused || !bound(&bad), "{mischief:?} would get a vote");
        if mischief.keeps_the_frame() {
            assert!(bound(&bad) && refused, "{mischief:?}");
        }
    }
    assert!(fresh.verify(&good, &[], now_ms), "and the good one gets it");

    // Over a parent that is not applied yet it is the same.
    honest.admit(&cluster.transaction(2)).unwrap();
    let next = honest.propose(&good, std::slice::from_ref(&good), now_ms).unwrap();
    assert_eq!(decode_body(&next.body).unwrap().len(), 1, "what is in the pending block is not taken again");
    assert!(fresh.verify(&next, std::slice::from_ref(&good), now_ms));
    assert!(!fresh.verify(&next, &[], now_ms), "not without its parent");
    for mischief in Mischief::ALL.iter().filter(|mischief| mischief.keeps_the_frame()) {
        assert!(
            !fresh.verify(&mischief.spoil(&cluster.world, &next), std::slice::from_ref(&good), now_ms),
            "{mischief:?}"
        );
    }
}

#[test]
fn empty_blocks_only_help_a_hanging_block_and_come_a_second_apart() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    let (node, now_ms) = (cluster.open(0), NOW * 1000);
    assert!(node.propose(&node.genesis(), &[], now_ms).is_none(), "nothing to agree on, nothing proposed");
    node.admit(&cluster.transaction(0)).unwrap();
    let hanging = node.propose(&node.genesis(), &[], now_ms).unwrap();
    let pending = vec![hanging.clone()];
    let filler = node.fill(&hanging, &pending, now_ms).unwrap();
    assert!(node.verify(&filler, &pending, now_ms));
    assert_eq!(decode_body(&filler.body).unwrap().len(), 0);

    let pending = vec![hanging, filler.clone()];
    assert!(node.fill(&filler, &pending, now_ms).is_none(), "too soon after another");
    let second = node.fill(&filler, &pending, now_ms + 1000).unwrap();
    assert!(node.verify(&second, &pending, now_ms + 1000));
    let mut hasty = Header::decode(&second.header).unwrap();
    hasty.time_s -= 1;
    let hasty = Block { header: hasty.encode().into(), body: second.body.clone() };
    assert!(bound(&hasty));
    assert!(!node.verify(&hasty, &pending, now_ms + 1000));
    let mut wrong = Header::decode(&second.header).unwrap();
    wrong.state_root = Digest::of(b"other");
    let wrong = Block { header: wrong.encode().into(), body: second.body.clone() };
    assert!(!node.verify(&wrong, &pending, now_ms + 1000));
    for block in [&pending[0], &pending[1], &second] {
        node.apply(block);
    }
    assert_eq!(node.height(), 3);
    assert_eq!(node.halted(), None);
}

/// A node whose engine is honest and whose ledger is not: it spoils what it proposes, in every way in turn.
struct Rogue {
    honest: Arc<ChainApplication>,
    world: Arc<World>,
    tried: Arc<Mutex<Vec<(Mischief, Digest)>>>,
}

impl Application for Rogue {
    fn genesis(&self) -> Block {
        self.honest.genesis()
    }
    fn applied(&self) -> (u64, [u8; 32]) {
        self.honest.applied()
    }
    fn admit(&self, transaction: &[u8]) -> Result<bool, String> {
        self.honest.admit(transaction)
    }
    fn waiting(&self, max_bytes: usize) -> Vec<Bytes> {
        self.honest.waiting(max_bytes)
    }
    fn busy(&self) -> bool {
        self.honest.busy()
    }
    fn propose(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block> {
        let good = self.honest.propose(parent, pending, now_ms)?;
        let mut tried = self.tried.lock().unwrap();
        let kinds: Vec<Mischief> =
            Mischief::ALL.into_iter().filter(|mischief| mischief.keeps_the_frame()).collect();
        let mischief = kinds[tried.len() % kinds.len()];
        let bad = mischief.spoil(&self.world, &good);
        tried.push((mischief, Digest::of(&bad.header)));
        Some(bad)
    }
    fn fill(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block> {
        self.honest.fill(parent, pending, now_ms)
    }
    /// It would vote for anything.
    fn verify(&self, _: &Block, _: &[Block], _: u64) -> bool {
        true
    }
    fn apply(&self, block: &Block) {
        self.honest.apply(block);
    }
    fn certified(&self, height: u64, certificate: &[u8]) {
        self.honest.certified(height, certificate);
    }
    fn epoch_length(&self) -> u64 {
        self.honest.epoch_length()
    }
    fn validators(&self, epoch: u64) -> Option<Vec<[u8; 32]>> {
        self.honest.validators(epoch)
    }
    fn peers(&self) -> Peers {
        self.honest.peers()
    }
    fn tip(&self) -> Option<Bytes> {
        self.honest.tip()
    }
    fn hear_tip(&self, from: [u8; 32], tip: &[u8]) -> Option<u64> {
        self.honest.hear_tip(from, tip)
    }
}

#[test]
fn a_leader_that_tries_everything_gets_nothing_final_and_the_chain_goes_on() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    let tried = Arc::new(Mutex::new(Vec::new()));
    let kinds = Mischief::ALL.iter().filter(|mischief| mischief.keeps_the_frame()).count();
    cluster.scenario(11).run(async |simulation| {
        for node in [0, 1, 2, 4] {
            cluster.start(simulation, node).await;
        }
        let rogue =
            Rogue { honest: cluster.open(3), world: Arc::clone(&cluster.world), tried: Arc::clone(&tried) };
        simulation.start(3, Arc::new(rogue)).await.unwrap();
        let mut number = 0;
        while tried.lock().unwrap().len() < kinds {
            assert!(number < 500, "the rogue leads too rarely: {}", tried.lock().unwrap().len());
            cluster.submit(simulation, number % 3, number);
            let done = simulation
                .run_until(Duration::from_secs(60), |_| (0..3).all(|node| cluster.has(node, number)));
            assert!(done.await, "transaction {number} did not become final");
            number += 1;
        }
        cluster.settle(simulation, Duration::from_secs(60)).await;
        let history: BTreeSet<Digest> = cluster.one_history().into_iter().collect();
        for (mischief, digest) in tried.lock().unwrap().iter() {
            assert!(!history.contains(digest), "{mischief:?} became final");
        }
        let all: BTreeSet<Mischief> = tried.lock().unwrap().iter().map(|(mischief, _)| *mischief).collect();
        assert_eq!(all.len(), kinds);
        for number in 0..number {
            assert!(cluster.has(4, number), "followers have it all");
        }
    });
}

/// An honest node that is handed what none of its rules made stands still instead of guessing.
#[test]
fn a_final_block_that_breaks_the_rules_halts_the_node_and_nothing_else() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    let (node, now_ms) = (cluster.open(0), NOW * 1000);
    node.admit(&cluster.transaction(0)).unwrap();
    let good = node.propose(&node.genesis(), &[], now_ms).unwrap();
    let bad = Mischief::WrongStateRoot.spoil(&cluster.world, &good);
    let before = node.applied();
    node.apply(&bad);
    assert!(node.halted().is_some());
    assert_eq!(node.applied(), before);
    node.apply(&good);
    assert_eq!(node.applied(), before);
    assert!(!node.verify(&good, &[], now_ms));
    assert!(node.propose(&node.genesis(), &[], now_ms).is_none());
    assert!(node.admit(&cluster.transaction(1)).unwrap_err().starts_with("stopped"));
    assert!(!node.fresh(NOW).unwrap());
}

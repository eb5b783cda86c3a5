//! Two certified chains seen in any order, through any branches: always told.

use super::world::{Block, EPOCH, TRUSTED, World};
use crate::{
    AlarmKind, Group,
    answer::SignedBody,
    stream::Streamed,
    watch::{EACH, Position},
};
use futures::{StreamExt as _, stream};
use std::{collections::BTreeMap, sync::Arc};
use wardline_crypto::{Digest, Signature};
use wardline_ledger::{Answer, BranchId, Chain, SignedAnswer, SignedTip};
use wardline_wire::StreamBlock;

const CASES: u64 = 300;
const AT_ONCE: usize = 32;
/// Of one epoch, whose last block cannot be verified: who signs after it is not told.
const BLOCKS: u64 = EPOCH - 1;

/// A stream of numbers that a failing case can be found again by.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The chain with certificates left out where later ones speak for the blocks.
fn thinned(chance: &mut Chance, mut blocks: Vec<Block>) -> Vec<Block> {
    let last = blocks.len() - 1;
    for block in &mut blocks[..last] {
        if chance.below(3) == 0 {
            block.certificate = None;
        }
    }
    blocks
}

fn item(world: &World, chain: Chain, branch: u16, block: &Block) -> Streamed {
    let header = &block.header;
    let key = &world.keys[&branch].signing;
    let now = crate::Clock::now_s(&*world.clock);
    let (height, digest) = (header.height, header.digest());
    let block = StreamBlock {
        header: block.bytes.clone().into(),
        certificate: block.certificate.clone().map(Into::into),
        handover: None,
    };
    // Nothing here looks at the signature under a line; it is checked where the line is read.
    let answer = Answer {
        network: world.network,
        branch: BranchId(branch),
        request: Digest::ZERO,
        part: 1,
        status: 200,
        body: Digest::ZERO,
        time_s: now,
    };
    let signature = Signature::from_bytes([0; 64]);
    let proof = SignedBody {
        request: Vec::new(),
        asked: Vec::new(),
        body: Vec::new(),
        answer: SignedAnswer { answer, signature },
    };
    Streamed {
        block: Some(block),
        tip: SignedTip::sign(key, world.network, chain, BranchId(branch), height, digest, now),
        proof: Arc::new(proof),
    }
}

/// Gives each branch's chain in its order, the branches' items in any order; a stream that ends is begun anew once.
async fn show(
    chance: &mut Chance,
    group: &Group,
    world: &World,
    chain: Chain,
    said: &BTreeMap<u16, Vec<Block>>,
) {
    let inner = &group.inner;
    inner.begin(chain).await.unwrap();
    let mut streams: BTreeMap<u16, (Position, bool)> =
        said.keys().map(|branch| (*branch, (Position::at(0), false))).collect();
    while !streams.is_empty() {
        let nth = usize::try_from(chance.below(streams.len() as u64)).unwrap();
        let branch = *streams.keys().nth(nth).unwrap();
        let (position, again) = streams.get_mut(&branch).unwrap();
        let Some(block) = said[&branch].get(usize::try_from(position.next).unwrap()) else {
            streams.remove(&branch);
            continue;
        };
        let said = item(world, chain, branch, block);
        let id = inner.branch(branch).unwrap().clone();
        if inner.take_said(&id, chain, position, said).await.is_err() {
            match again {
                true => drop(streams.remove(&branch)),
                false => (*position, *again) = (Position::at(0), true),
            }
        }
    }
}

fn grown() -> World {
    let apis = (1..=5).map(|id| (id, "https://127.0.0.1:1".to_owned())).collect();
    let world = World::new(&apis, EPOCH);
    for _ in 0..BLOCKS {
        world.force(Chain::Main, b"made for this".to_vec());
    }
    world
}

#[tokio::test]
async fn two_certified_chains_are_always_told() {
    let world = grown();
    // Many at once: most of the time goes into keeping evidence on the disk.
    stream::iter(0..CASES).for_each_concurrent(AT_ONCE, |case| tell(&world, case)).await;
}

async fn tell(world: &World, case: u64) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(case + 1));
    let folder = tempfile::tempdir().unwrap();
    let group = world.group(folder.path());
    let chain = Chain::Main;
    let from = 1 + chance.below(BLOCKS);
    let true_one = world.ledger(chain).blocks.clone();
    let other = world.forked(chain, from, 3);
    let forks = !case.is_multiple_of(5);
    let mut said: BTreeMap<u16, Vec<Block>> = BTreeMap::new();
    for branch in TRUSTED {
        let lies = forks && (branch == 2 || (branch != 3 && chance.below(2) == 0));
        let blocks = if lies { other.clone() } else { true_one.clone() };
        said.insert(branch, thinned(&mut chance, blocks));
    }
    show(&mut chance, &group, world, chain, &said).await;
    group.inner.tell_waiting().await;
    let alarms = group.alarms();
    assert!(alarms.iter().all(|alarm| alarm.evidence.is_some()), "case {case}: {alarms:?}");
    let told = alarms.iter().any(|alarm| alarm.kind == AlarmKind::Fork);
    assert_eq!(told, forks, "case {case}: a fork at {from}: {alarms:?}");
    assert!(forks || alarms.is_empty(), "case {case}: {alarms:?}");
}

#[tokio::test]
async fn a_flood_of_findings_waits_in_little_room_and_none_is_forgotten() {
    let world = grown();
    let folder = tempfile::tempdir().unwrap();
    let group = world.group(folder.path());
    let (inner, chain) = (&group.inner, Chain::Main);
    let said = [1, 3, 4].map(|branch| (branch, world.ledger(chain).blocks.clone())).into();
    show(&mut Chance(1), &group, &world, chain, &said).await;
    let tip = |number: u64| {
        let (key, digest) = (&world.keys[&2].signing, Digest::of(&number.to_le_bytes()));
        let now = crate::Clock::now_s(&*world.clock);
        SignedTip::sign(key, world.network, chain, BranchId(2), 1, digest, now)
    };
    let say = |number| inner.with_table(chain, |table, now| table.tip(2, tip(number), now));
    for number in 0..100 {
        let clashes = say(number);
        assert_eq!(clashes.len(), 1);
        inner.tell(chain, clashes.into_iter().map(|clash| (2, clash)).collect());
    }
    assert_eq!(inner.watch.findings.count(), EACH);
    assert!(say(0).is_empty(), "what waits is told");
    assert_eq!(say(99).len(), 1, "what had no room is not");
    inner.tell_waiting().await;
    assert_eq!(inner.watch.findings.count(), 0);
    assert!(matches!(&group.alarms()[..], [alarm] if alarm.kind == AlarmKind::Contradiction));
}

#[tokio::test]
async fn a_header_of_a_later_version_is_no_lie() {
    let world = grown();
    let chain = Chain::Main;
    let mut block = world.ledger(chain).blocks[0].clone();
    for (version, lies) in [([0, 2], false), ([255, 255], false), ([0, 0], true)] {
        let folder = tempfile::tempdir().unwrap();
        let group = world.group(folder.path());
        let inner = &group.inner;
        inner.begin(chain).await.unwrap();
        // Parent and height are before it.
        block.bytes[40..42].copy_from_slice(&version);
        let said = item(&world, chain, 2, &block);
        let branch = inner.branch(2).unwrap().clone();
        inner.take_said(&branch, chain, &mut Position::at(0), said).await.unwrap_err();
        assert_eq!(group.alarms().len(), usize::from(lies), "{version:?}");
    }
}

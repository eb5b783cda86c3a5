//! A small honest ledger to run chains with, and a dishonest one. Its disk survives a crash of the
//! node, as files do.

use crate::{Application, Block, Peers};
use bytes::Bytes;
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use commonware_utils::sync::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

pub(super) type Hash = [u8; 32];
pub(super) const MAX_BODY: usize = 100_000;

pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    Sha256::hash(parts).as_ref().try_into().unwrap()
}

pub(super) fn seed(node: usize) -> [u8; 32] {
    hash(&[b"node", &node.to_be_bytes()])
}

pub(super) fn key(node: usize) -> [u8; 32] {
    let key = <ed25519::PrivateKey as commonware_codec::DecodeExt<()>>::decode(commonware_codec::Copying(
        &seed(node),
    ))
    .unwrap();
    key.public_key().as_ref().try_into().unwrap()
}

/// Header: parent, height, time, hash of the body, state. Body: length-prefixed transactions. The
/// state is a hash over all transactions there ever were.
fn header(parent: &Hash, height: u64, time: u64, body: &[u8], state: &Hash) -> Bytes {
    [&parent[..], &height.to_be_bytes(), &time.to_be_bytes(), &hash(&[body]), state].concat().into()
}

fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header[at..at + N].try_into().unwrap()
}

pub(super) fn height(block: &Block) -> u64 {
    u64::from_be_bytes(field(&block.header, 32))
}

pub(super) fn state(block: &Block) -> Hash {
    field(&block.header, 80)
}

/// The state after a body.
pub(super) fn next_state(state: &Hash, body: &[u8]) -> Hash {
    transactions(body).iter().fold(*state, |state, transaction| hash(&[&state, transaction]))
}

/// The honest binding.
pub(super) fn bind(header: &[u8], body: &[u8]) -> Option<(u64, Hash)> {
    let fits = header.len() == 112 && header[48..80] == hash(&[body]);
    fits.then(|| (u64::from_be_bytes(field(header, 32)), field(header, 0)))
}

/// A binding that believes anything, to let a dishonest node keep its own junk. It sees through
/// the false heights of [`Mischief::Height`], so that the node's own engine takes its block.
pub(super) fn bind_anything(header: &[u8], _: &[u8]) -> Option<(u64, Hash)> {
    let height = u64::from_be_bytes(field(header, 32));
    Some((height % FALSE_HEIGHT, field(header, 0)))
}

const FALSE_HEIGHT: u64 = 1_000_000;

fn transactions(body: &[u8]) -> Vec<Bytes> {
    let mut rest = body;
    let mut found = Vec::new();
    while let Some((length, tail)) = rest.split_at_checked(4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        found.push(Bytes::copy_from_slice(&tail[..length]));
        rest = &tail[length..];
    }
    found
}

fn body(transactions: &[Bytes]) -> Vec<u8> {
    transactions.iter().flat_map(|t| [&(t.len() as u32).to_be_bytes()[..], t].concat()).collect()
}

/// The transaction that asks for other validators from the next epoch on.
pub(super) fn change_validators(to: &[u8]) -> Bytes {
    [b"validators ", to].concat().into()
}

/// Starts a transaction that every node admits and then refuses when it is to propose it, as when a
/// grant ends in between.
pub(super) const VOID: &[u8] = b"void ";

/// How a dishonest node's proposals are wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mischief {
    State,
    Body,
    Height,
    /// Like `Body`, but it also votes for such blocks and applies them.
    Forgery,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) blocks: Vec<Block>,
    pub(super) certificates: BTreeMap<u64, Bytes>,
    pub(super) waiting: Vec<Bytes>,
    refused: BTreeSet<Bytes>,
    done: BTreeSet<Bytes>,
    validators: BTreeMap<u64, Vec<u8>>,
    change: Option<Vec<u8>>,
    /// How often the engine asked for the tip.
    pub(super) tips: usize,
}

/// What the members of a network agree on from the start.
#[derive(Clone)]
pub(super) struct Network {
    /// All nodes' addresses.
    pub(super) addresses: Vec<SocketAddr>,
    /// The first epoch's validators, by node.
    pub(super) validators: Vec<u8>,
    pub(super) epoch_length: u64,
}

impl Network {
    pub(super) fn new(nodes: u16, validators: u8) -> Self {
        Self {
            addresses: (0..nodes).map(|node| SocketAddr::from(([127, 0, 0, 1], 1 + node))).collect(),
            validators: (0..validators).collect(),
            epoch_length: 1000,
        }
    }
}

/// A node's disk, which outlives the node.
pub(super) type Kept = Arc<Mutex<Disk>>;

pub(super) struct Ledger {
    network: Network,
    disk: Kept,
    mischief: Option<Mischief>,
}

impl Ledger {
    pub(super) fn open(network: &Network, disk: &Kept) -> Arc<Self> {
        Self::dishonest(network, disk, None)
    }

    pub(super) fn dishonest(network: &Network, disk: &Kept, mischief: Option<Mischief>) -> Arc<Self> {
        disk.lock().validators.entry(0).or_insert_with(|| network.validators.clone());
        Arc::new(Self { network: network.clone(), disk: disk.clone(), mischief })
    }

    fn next(&self, parent: &Block, transactions: &[Bytes], now_ms: u64) -> Block {
        let body = body(transactions);
        let state = next_state(&state(parent), &body);
        let (state, shown, number) = match self.mischief {
            None => (state, body.clone(), height(parent) + 1),
            Some(Mischief::State) => ([7; 32], body.clone(), height(parent) + 1),
            Some(Mischief::Body | Mischief::Forgery) => {
                (state, b"\0\0\0\x04junk".to_vec(), height(parent) + 1)
            }
            Some(Mischief::Height) => (state, body.clone(), height(parent) + 1 + FALSE_HEIGHT),
        };
        let header = header(&hash(&[&parent.header]), number, now_ms, &body, &state);
        Block { header, body: shown.into() }
    }

    fn valid(&self, disk: &Disk, transaction: &[u8]) -> bool {
        !transaction.is_empty()
            && transaction.len() <= 65_536
            && !disk.done.contains(transaction)
            && !disk.refused.contains(transaction)
    }
}

impl Application for Ledger {
    fn genesis(&self) -> Block {
        Block { header: header(&[0; 32], 0, 0, &[], &[0; 32]), body: Bytes::new() }
    }

    fn applied(&self) -> (u64, Hash) {
        match self.disk.lock().blocks.last() {
            Some(block) => (height(block), hash(&[&block.header])),
            None => (0, hash(&[&self.genesis().header])),
        }
    }

    fn admit(&self, transaction: &[u8]) -> Result<bool, String> {
        let mut disk = self.disk.lock();
        if disk.done.contains(transaction) || disk.waiting.iter().any(|t| t == transaction) {
            return Ok(false);
        }
        if !self.valid(&disk, transaction) {
            return Err("not a transaction".to_owned());
        }
        disk.waiting.push(Bytes::copy_from_slice(transaction));
        Ok(true)
    }

    fn waiting(&self, max_bytes: usize) -> Vec<Bytes> {
        let mut room = max_bytes;
        let fits = |t: &&Bytes| room.checked_sub(t.len()).map(|left| room = left).is_some();
        self.disk.lock().waiting.iter().take_while(fits).cloned().collect()
    }

    fn busy(&self) -> bool {
        let disk = self.disk.lock();
        !disk.waiting.is_empty() || disk.change.is_some()
    }

    fn propose(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block> {
        let mut disk = self.disk.lock();
        if pending.is_empty() {
            let void = disk.waiting.extract_if(.., |t| t.starts_with(VOID)).collect::<Vec<_>>();
            disk.refused.extend(void);
        }
        let taken: BTreeSet<Bytes> = pending.iter().flat_map(|block| transactions(&block.body)).collect();
        let mut room = MAX_BODY;
        let chosen: Vec<Bytes> = disk
            .waiting
            .iter()
            .filter(|t| !taken.contains(*t))
            .take_while(|t| room.checked_sub(t.len() + 4).map(|left| room = left).is_some())
            .cloned()
            .collect();
        let changing = disk.change.is_some() || taken.iter().any(|t| t.starts_with(b"validators "));
        (!chosen.is_empty() || changing).then(|| self.next(parent, &chosen, now_ms))
    }

    fn fill(&self, parent: &Block, _: &[Block], now_ms: u64) -> Option<Block> {
        Some(self.next(parent, &[], now_ms))
    }

    fn verify(&self, block: &Block, pending: &[Block], now_ms: u64) -> bool {
        if self.mischief == Some(Mischief::Forgery) {
            return true;
        }
        let disk = self.disk.lock();
        let genesis = self.genesis();
        let parent = pending.last().or(disk.blocks.last()).unwrap_or(&genesis);
        let mut seen: BTreeSet<Bytes> = pending.iter().flat_map(|block| transactions(&block.body)).collect();
        let new = transactions(&block.body);
        let time = u64::from_be_bytes(field(&block.header, 40));
        bind(&block.header, &block.body) == Some((height(parent) + 1, hash(&[&parent.header])))
            && time < now_ms + 10_000
            && new.iter().all(|t| self.valid(&disk, t) && seen.insert(t.clone()))
            && state(block) == next_state(&state(parent), &block.body)
    }

    fn apply(&self, block: &Block) {
        let (applied, digest) = self.applied();
        let number = height(block);
        if number <= applied {
            return;
        }
        if self.mischief == Some(Mischief::Forgery) {
            let mut disk = self.disk.lock();
            disk.waiting.clear();
            disk.blocks.push(block.clone());
            return;
        }
        assert_eq!(
            bind(&block.header, &block.body),
            Some((applied + 1, digest)),
            "blocks come in their order"
        );
        let mut disk = self.disk.lock();
        for transaction in transactions(&block.body) {
            if let Some(change) = transaction.strip_prefix(b"validators ") {
                disk.change = Some(change.to_vec());
            }
            assert!(disk.done.insert(transaction), "no transaction twice");
        }
        let Disk { waiting, done, .. } = &mut *disk;
        waiting.retain(|t| !done.contains(t));
        disk.blocks.push(block.clone());
        if (number + 1).is_multiple_of(self.network.epoch_length) {
            let epoch = (number + 1) / self.network.epoch_length;
            let next = disk.change.take().unwrap_or_else(|| disk.validators[&(epoch - 1)].clone());
            disk.validators.insert(epoch, next);
        }
    }

    fn certified(&self, height: u64, certificate: &[u8]) {
        assert!(height <= self.applied().0);
        self.disk.lock().certificates.insert(height, Bytes::copy_from_slice(certificate));
    }

    fn epoch_length(&self) -> u64 {
        self.network.epoch_length
    }

    fn validators(&self, epoch: u64) -> Option<Vec<[u8; 32]>> {
        let disk = self.disk.lock();
        disk.validators.get(&epoch).map(|nodes| nodes.iter().map(|node| key(usize::from(*node))).collect())
    }

    fn peers(&self) -> Peers {
        let disk = self.disk.lock();
        let voting: BTreeSet<u8> = disk.validators.values().rev().take(2).flatten().copied().collect();
        let all = self.network.addresses.iter().enumerate();
        let (primary, secondary): (Vec<_>, Vec<_>) =
            all.partition(|(node, _)| voting.contains(&(*node as u8)));
        let with_keys =
            |nodes: Vec<(usize, &SocketAddr)>| nodes.into_iter().map(|(node, at)| (key(node), *at)).collect();
        Peers { primary: with_keys(primary), secondary: with_keys(secondary) }
    }

    fn tip(&self) -> Option<Bytes> {
        self.disk.lock().tips += 1;
        Some(Bytes::copy_from_slice(&self.applied().0.to_be_bytes()))
    }

    fn hear_tip(&self, _: [u8; 32], tip: &[u8]) -> Option<u64> {
        tip.try_into().ok().map(u64::from_be_bytes)
    }
}

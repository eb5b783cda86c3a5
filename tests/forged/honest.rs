//! Honest histories: both chains of the small network, made by the real rules and certified by its validators.

use super::{
    network::{NOW, Network, bytes},
    vote::Vote,
};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{
    Access, Body, BranchId, Canonical, Chain, Handover, Header, RegistryEntry, Replay, StaffEntry, Storage,
    Transaction, ValidatorSet, build_block, build_empty_block, encode_body, epoch_of, transaction_root,
};

/// A block with everything that belongs to it.
#[derive(Clone)]
pub struct Block {
    pub header: Header,
    pub transactions: Vec<Vec<u8>>,
    pub certificate: Option<Vec<u8>>,
    /// At the end of an epoch.
    pub handover: Option<Handover>,
    /// Who signs it.
    pub set: ValidatorSet,
}

impl Block {
    pub fn body(&self) -> Vec<u8> {
        encode_body(&self.transactions)
    }
}

/// A chain from its genesis block on.
#[derive(Clone)]
pub struct History {
    pub chain: Chain,
    pub blocks: Vec<Block>,
}

/// A chain that grows block by block.
pub struct Growing<'n> {
    network: &'n Network,
    history: History,
    replay: Replay,
    set: ValidatorSet,
    /// The round that a block is agreed in.
    pub view: u8,
}

impl<'n> Growing<'n> {
    pub fn new(network: &'n Network, chain: Chain) -> Self {
        let first = network.genesis.block(chain).unwrap();
        let set = network.genesis.validators(chain);
        let block = Block {
            header: first.header,
            transactions: Vec::new(),
            certificate: None,
            handover: None,
            set: set.clone(),
        };
        let replay = Replay::genesis(&network.genesis, chain).unwrap();
        Self { network, history: History { chain, blocks: vec![block] }, replay, set, view: 9 }
    }

    /// The first blocks of a history again, to go on from there.
    pub fn from(network: &'n Network, history: &History, height: u64) -> Self {
        let mut growing = Self::new(network, history.chain);
        for block in &history.blocks[1..=usize::try_from(height).unwrap()] {
            growing.replay.block(&block.header.encode(), &block.body()).unwrap();
            growing.push(block.clone());
        }
        growing
    }

    /// Adds the block of these transactions, all of which must hold; the first `signers` validators certify it.
    pub fn extend(&mut self, transactions: &[Transaction], signers: &[usize]) {
        let parent = self.replay.header().clone();
        let (transactions, now) = (bytes(transactions), NOW + parent.height + 1);
        let built = if transactions.is_empty() {
            build_empty_block(self.replay.state(), &parent, now).unwrap().unwrap()
        } else {
            let proposal =
                build_block(self.replay.state(), &parent, now, transactions.iter().cloned()).unwrap();
            assert_eq!(proposal.refused, [], "block {}", parent.height + 1);
            proposal.block.unwrap()
        };
        self.replay.block(&built.header_bytes, &built.body).unwrap();
        let header = built.header;
        let certificate = (!signers.is_empty()).then(|| {
            let (chain, digest) = (self.history.chain, header.digest());
            let mut vote = Vote::unsigned(header.epoch, digest, self.set.members.len());
            vote.view = vec![self.view];
            self.network.sign(&mut vote, chain, &self.set, signers);
            vote.encode()
        });
        let (handover, set) = (built.tree.handover, self.set.clone());
        self.push(Block { header, transactions, certificate, handover, set });
    }

    fn push(&mut self, block: Block) {
        if let Some(handover) = &block.handover {
            self.set = ValidatorSet::decode(&handover.set).unwrap();
        }
        self.history.blocks.push(block);
    }

    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    pub fn done(self) -> History {
        self.history
    }
}

impl History {
    pub fn block(&self, height: u64) -> &Block {
        &self.blocks[usize::try_from(height).unwrap()]
    }

    /// Who signs the block at a height, one above the newest too.
    pub fn set(&self, height: u64) -> ValidatorSet {
        let before = self.block(height - 1);
        let handed = before.handover.as_ref().map(|handover| ValidatorSet::decode(&handover.set).unwrap());
        handed.unwrap_or_else(|| before.set.clone())
    }

    /// The first blocks, and on them one of `transactions` that no rule was asked about, with a header that `edit`
    /// changed, certified by a quorum all the same.
    pub fn forged(
        &self,
        network: &Network,
        height: u64,
        transactions: Vec<Vec<u8>>,
        edit: impl FnOnce(&mut Header),
    ) -> Self {
        let parent = self.block(height - 1).header.clone();
        let mut header = Header {
            parent: parent.digest(),
            height,
            epoch: epoch_of(height, network.genesis.epoch_length),
            time_s: parent.time_s + 1,
            transactions: u32::try_from(transactions.len()).unwrap(),
            transaction_root: transaction_root(&transactions),
            ..parent
        };
        edit(&mut header);
        let set = self.set(height);
        let vote = network.vote(self.chain, &set, &[0, 1, 2], header.epoch, header.digest());
        let mut blocks = self.blocks[..usize::try_from(height).unwrap()].to_vec();
        blocks.push(Block { header, transactions, certificate: Some(vote.encode()), handover: None, set });
        Self { chain: self.chain, blocks }
    }
}

/// The entries of branch 1's audit log.
pub fn log(from: usize, to: usize) -> Access {
    let entry = |n: usize| merkle::leaf_hash(format!("entry {n}").as_bytes());
    let leaves: Vec<Digest> = (0..to).map(entry).collect();
    let consistency = merkle::consistency_proof(&leaves, from);
    Access { branch: BranchId(1), size: to as u64, root: merkle::root(&leaves), consistency }
}

/// The second version of the record `a`.
pub fn again(network: &Network) -> Storage {
    let envelope = network.envelope("a", 2);
    let size = u32::try_from(envelope.len()).unwrap();
    let body = Storage { version: 2, pointer: Digest::of(&envelope), size, ..network.storage("a") };
    network.held_by(body, &[1, 2])
}

/// The registry's changes in their one order, the same bytes on both chains: branch 2 has new validator keys, somebody
/// leaves, branch 3 leaves the main chain's validators, and comes back.
pub fn change(network: &Network, version: u32) -> Transaction {
    let validators = |set: &[u16]| RegistryEntry::Validators {
        chain: Chain::Main,
        set: set.iter().map(|id| BranchId(*id)).collect(),
    };
    let entry = match version {
        1 => network.participant(2, |_| {}),
        2 => network.changed("leaver", |leaver: &mut StaffEntry| leaver.active = false),
        3 => validators(&[1, 2, 4]),
        _ => validators(&[1, 2, 3, 4]),
    };
    network.approved(&["admin-a", "admin-b"], entry, version)
}

/// The main chain: records, a later version, audit roots, changes of validators, blocks without a certificate of their
/// own, an empty block.
pub fn main_chain(network: &Network) -> History {
    let storage = |name: &str| network.by("ward", Body::Storage(network.storage(name)));
    let access = |from, to| network.by_branch(1, Body::Access(log(from, to)));
    let quorum = [1, 2, 3].as_slice();
    let mut chain = Growing::new(network, Chain::Main);
    chain.extend(&[storage("a"), storage("b")], quorum);
    chain.extend(&[change(network, 1), storage("c")], quorum);
    chain.extend(&[access(0, 3)], quorum);
    chain.extend(&[storage("d")], &[]);
    chain.extend(&[network.by("ward", Body::Storage(again(network))), change(network, 2)], &[0, 1, 2]);
    chain.extend(&[change(network, 3), network.by("registrar", Body::Storage(network.storage("e")))], quorum);
    chain.extend(&[access(3, 5)], &[0, 1, 2, 3]);
    chain.extend(&[storage("f")], &[]);
    chain.extend(&[storage("g")], &[0, 1, 2]);
    chain.extend(&[], &[0, 1, 2]);
    chain.extend(&[change(network, 4), storage("h")], &[0, 1, 2]);
    chain.extend(&[storage("i")], &[0, 2, 3]);
    chain.extend(&[storage("j")], &[0, 1, 2]);
    chain.done()
}

/// The side chain: patients, links, lookups, the same registry.
pub fn side_chain(network: &Network) -> History {
    let enrol = |name: &str| network.by("registrar", Body::Enrol(network.enrol(name)));
    let link = |record: &str, patient: &str| network.by("ward", Body::Link(network.link(record, patient)));
    let lookup = |name: &str| network.by("ward", Body::Lookup(network.lookup(name, "mei")));
    let quorum = [1, 2, 3].as_slice();
    let mut chain = Growing::new(network, Chain::Side);
    chain.extend(&[enrol("mei"), enrol("tom")], quorum);
    chain.extend(&[change(network, 1), link("a", "mei")], quorum);
    chain.extend(&[link("b", "mei"), lookup("l1")], quorum);
    chain.extend(&[link("c", "tom")], &[]);
    chain.extend(&[change(network, 2), lookup("l2")], &[0, 1, 2]);
    chain.extend(&[change(network, 3), link("d", "mei")], quorum);
    chain.extend(&[link("e", "tom")], quorum);
    chain.extend(&[change(network, 4), lookup("l3")], &[]);
    chain.extend(&[enrol("ana")], quorum);
    chain.done()
}

//! A chain done again in memory from its genesis: what a verifier that believes nobody needs.
//!
//! Pure. It must not know where blocks come from, nor whether a quorum agreed on them: `light` does.

use crate::block::{BlockRefusal, replay_block};
use crate::codec::{Canonical, DecodeError};
use crate::genesis::Genesis;
use crate::header::{Header, decode_body};
use crate::id::{Chain, RecordId};
use crate::overlay::State;
use crate::state::{Changes, Key, RecordEntry, StateUnavailable, StateView};
use crate::transaction::Transaction;
use crate::tree::{self, TreeError, TreeNodes, TreeUpdate};
use std::collections::BTreeMap;

/// State values and tree nodes of one height, and of no earlier one.
#[derive(Debug, Default)]
struct Memory {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Memory {
    fn apply(&mut self, changes: Changes, tree: TreeUpdate) {
        for (key, value) in changes {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
        self.nodes.extend(tree.nodes);
        for key in &tree.stale {
            self.nodes.remove(key);
        }
    }
}

impl StateView for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.values.get(key).cloned())
    }
}

impl TreeNodes for Memory {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.nodes.get(key).cloned())
    }
}

/// Why kept values are no state to go on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// No tree can be made of them.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// They are another state than the header's.
    #[error("the kept values are not the state of height `{0}`")]
    OtherState(u64),
}

/// A chain's state as its blocks lead to it, every rule applied to every transaction. The whole state is in memory.
#[derive(Debug)]
pub struct Replay {
    header: Header,
    state: Memory,
}

impl Replay {
    /// The chain at its genesis block.
    ///
    /// # Errors
    /// Only when the first tree cannot be made.
    pub fn genesis(genesis: &Genesis, chain: Chain) -> Result<Self, TreeError> {
        let block = genesis.block(chain)?;
        let mut state = Memory::default();
        state.apply(block.changes, block.tree);
        Ok(Self { header: block.header, state })
    }

    /// The chain at a header from the values of its whole state, which somebody kept. Nobody needs to believe them: their
    /// root must be the header's. Whether the header is the chain's is for the caller to check.
    ///
    /// # Errors
    /// When the values are not that state.
    pub fn resume(header: Header, values: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Self, ResumeError> {
        let tree = tree::rebuild(header.height, &values)?;
        if tree.root != header.state_root {
            return Err(ResumeError::OtherState(header.height));
        }
        let nodes = tree.nodes.into_iter().collect();
        Ok(Self { header, state: Memory { values, nodes } })
    }

    /// Every key and value of the state, ascending: what [`Self::resume`] goes on from.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.state.values.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The newest header that was replayed.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The state after it.
    pub fn state(&self) -> &dyn State {
        &self.state
    }

    /// Does the next block again: body against header, every transaction by every rule, the state root. Returns its
    /// transactions.
    ///
    /// # Errors
    /// The first rule that it breaks; the replay then stands where it stood.
    pub fn block(&mut self, header: &[u8], body: &[u8]) -> Result<Vec<Transaction>, BlockRefusal> {
        let (changes, tree) = replay_block(&self.state, &self.header, header, body)?;
        let transactions = decode_body(body)?
            .iter()
            .map(|bytes| Transaction::decode(bytes))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        self.header = Header::decode(header)?;
        self.state.apply(changes, tree);
        Ok(transactions)
    }

    /// Every record of the main chain at its newest version, ascending by ID.
    pub fn records(&self) -> impl Iterator<Item = Result<(RecordId, RecordEntry), DecodeError>> {
        let prefix = Key::Record(RecordId::from_bytes([0; 16])).prefix();
        self.state.values.range(vec![prefix]..vec![prefix + 1]).map(|(key, value)| {
            let id = RecordId::decode(key.get(1..).unwrap_or_default())?;
            Ok((id, RecordEntry::decode(value)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::build_block;
    use crate::header::encode_body;
    use crate::testing::{NOW, TestChain, record};
    use crate::transaction::Body;
    use wardline_crypto::Digest;

    /// Blocks over two ends of epochs, and the bodies under them.
    fn chain() -> (TestChain, Vec<Vec<u8>>) {
        let mut chain = TestChain::new(Chain::Main);
        let mut bodies = Vec::new();
        for number in 0..9 {
            let body = Body::Storage(chain.world.storage(&format!("record {number}")));
            let transaction = chain.world.by("ward", body);
            bodies.push(encode_body(&[transaction.encode()]));
            chain.extend(&[transaction]);
        }
        (chain, bodies)
    }

    #[test]
    fn a_chain_replays_to_the_same_state_and_keeps_no_old_tree() {
        let (chain, bodies) = chain();
        let mut replay = Replay::genesis(&chain.world.genesis, Chain::Main).unwrap();
        for ((header, _), body) in chain.blocks.iter().zip(&bodies) {
            let transactions = replay.block(header, body).unwrap();
            assert_eq!(transactions.len(), 1);
        }
        assert_eq!(replay.header(), &chain.tip);
        assert_eq!(replay.state.values, chain.world.main.values);
        assert!(replay.state.nodes.len() < chain.world.main.nodes.len(), "old nodes go");
        let records: Vec<_> = replay.records().map(|entry| entry.unwrap()).collect();
        assert_eq!(records.len(), 9);
        assert!(records.is_sorted_by_key(|(id, _)| *id));
        let (_, entry) = records.iter().find(|(id, _)| *id == record("record 4")).unwrap();
        assert_eq!((entry.pointer, entry.height), (Digest::of(b"record 4"), 5));
    }

    #[test]
    fn kept_values_go_on_at_every_height_and_any_other_values_do_not() {
        let (chain, bodies) = chain();
        let mut replay = Replay::genesis(&chain.world.genesis, Chain::Main).unwrap();
        for next in 0..=bodies.len() {
            let values: BTreeMap<Vec<u8>, Vec<u8>> =
                replay.values().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            let mut resumed = Replay::resume(replay.header().clone(), values.clone()).unwrap();
            for ((header, _), body) in chain.blocks.iter().zip(&bodies).skip(next) {
                resumed.block(header, body).unwrap();
            }
            assert_eq!(resumed.header(), &chain.tip, "from {next}");
            let refused = |values| {
                let refused = Replay::resume(replay.header().clone(), values).unwrap_err();
                assert_eq!(refused, ResumeError::OtherState(replay.header().height));
            };
            for key in values.keys() {
                let mut altered = values.clone();
                altered.get_mut(key).unwrap().push(0);
                refused(altered);
            }
            let mut less = values.clone();
            less.pop_last();
            refused(less);
            refused([values, BTreeMap::from([(vec![0xff], vec![1])])].into_iter().flatten().collect());
            if let (Some((header, _)), Some(body)) = (chain.blocks.get(next), bodies.get(next)) {
                replay.block(header, body).unwrap();
            }
        }
    }

    #[test]
    fn what_does_not_follow_is_refused_and_changes_nothing() {
        let (chain, bodies) = chain();
        let mut replay = Replay::genesis(&chain.world.genesis, Chain::Main).unwrap();
        let (first, second) = (&chain.blocks[0].0, &chain.blocks[1].0);
        assert!(matches!(replay.block(second, &bodies[1]), Err(BlockRefusal::Header(_))), "one is left out");
        assert_eq!(replay.block(first, &bodies[1]), Err(BlockRefusal::Body));
        let mut forged = Header::decode(first).unwrap();
        forged.state_root = Digest::of(b"another state");
        assert_eq!(replay.block(&forged.encode(), &bodies[0]), Err(BlockRefusal::StateRoot));
        // Twice the same record, under a header that commits to both.
        let two = [bodies[0].get(8..).unwrap().to_vec(), bodies[0].get(8..).unwrap().to_vec()];
        let proposal = build_block(replay.state(), replay.header(), NOW, two.iter().cloned()).unwrap();
        let mut header = proposal.block.unwrap().header;
        (header.transactions, header.transaction_root) = (2, crate::transaction_root(&two));
        let refused = replay.block(&header.encode(), &encode_body(&two));
        assert!(matches!(refused, Err(BlockRefusal::Transaction { index: 1, .. })), "{refused:?}");
        assert_eq!(replay.header().height, 0);
        assert!(replay.block(first, &bodies[0]).is_ok(), "the true block follows still");
    }
}

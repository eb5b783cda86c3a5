//! The state tree: one root over every key and value, and proofs that a key holds a value or is absent.
//!
//! The tree is the crate `jmt` with SHA-256; its proofs travel in our own strict bytes. It must not know what keys and
//! values mean, nor where nodes are stored.

use crate::codec::{DecodeError, Reader, Writer};
use crate::overlay::State;
use crate::state::{Changes, StateUnavailable};
use jmt::proof::SparseMerkleProof;
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, RootHash, SimpleHasher};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use wardline_crypto::Digest;

/// Most siblings of a proof: one per bit of a key's hash.
const MAX_SIBLINGS: usize = 256;

/// Reads the tree's nodes. Keys and nodes are opaque bytes; a node never changes under its key.
pub trait TreeNodes {
    /// The node at a key, or nothing.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable>;
}

/// What a block does to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUpdate {
    /// The new state root.
    pub root: Digest,
    /// New nodes.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys of nodes that this version does not reach any more; earlier versions still do.
    pub stale: Vec<Vec<u8>>,
    /// Only at the last block of an epoch: the next validators, proven. Light clients need it for ever and nodes of
    /// old versions go, so the store keeps it by epoch.
    pub handover: Option<Handover>,
}

/// The validators of the next epoch under the state root of this epoch's last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The next epoch.
    pub epoch: u64,
    /// The state value: its [`ValidatorSet`](crate::ValidatorSet)'s canonical bytes.
    pub set: Vec<u8>,
    /// That the value is in the state.
    pub proof: StateProof,
}

/// Why the tree could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The store failed.
    #[error(transparent)]
    Unavailable(#[from] StateUnavailable),
    /// This version is not there: pruned, or not made yet.
    #[error("the state at height `{0}` is not kept any more")]
    NotKept(u64),
    /// The value is of another version than the tree that was asked for: ask again.
    #[error("the state changed while it was read; ask again")]
    Moved,
    /// The nodes do not make a tree.
    #[error("the state tree is damaged: {0}")]
    Damaged(String),
}

/// Applies changes to the tree of version `version` − 1, which becomes that of `version`. The genesis is version 0.
///
/// # Errors
/// When nodes cannot be read or do not make a tree.
pub fn update(nodes: &dyn TreeNodes, version: u64, changes: &Changes) -> Result<TreeUpdate, TreeError> {
    let before = version.checked_sub(1);
    if let Some(before) = before {
        nodes.node(&root_key(before))?.ok_or(TreeError::NotKept(before))?;
    }
    let reader = Nodes(nodes);
    let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
    let changes = changes.iter().map(|(key, value)| (key_hash(key), value.clone()));
    let (root, batch) = tree.put_value_set(changes, version).map_err(damaged)?;

    let mut stale: BTreeSet<Vec<u8>> =
        batch.stale_node_index_batch.iter().map(|stale| node_key_bytes(&stale.node_key)).collect();
    // Every version writes its own root; jmt does not name the old one stale when nothing else changed.
    stale.extend(before.map(root_key));
    let mut written = Vec::new();
    for (key, node) in batch.node_batch.nodes() {
        let bytes = borsh::to_vec(node).map_err(|error| TreeError::Damaged(error.to_string()))?;
        written.push((node_key_bytes(key), bytes));
    }
    Ok(TreeUpdate {
        root: Digest::from_bytes(root.0),
        nodes: written,
        stale: stale.into_iter().collect(),
        handover: None,
    })
}

/// The tree of one version made from all of its values at once: the same root as the blocks led to, since a root depends
/// on keys and values alone. All of it is in memory.
///
/// # Errors
/// As [`update`].
pub fn rebuild(version: u64, values: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<TreeUpdate, TreeError> {
    let changes = values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let made = update(&Bare(version.checked_sub(1).map(root_key)), version, &changes)?;
    Ok(TreeUpdate { stale: Vec::new(), ..made })
}

/// A tree with nothing in it but an empty root.
struct Bare(Option<Vec<u8>>);

impl TreeNodes for Bare {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        if self.0.as_deref() != Some(key) {
            return Ok(None);
        }
        borsh::to_vec(&Node::Null).map(Some).map_err(|error| StateUnavailable(error.to_string()))
    }
}

/// The value at a key and the proof of it, or nothing and the proof of that. `version` is the state's own height:
/// values are read as they are now.
///
/// # Errors
/// When the version is not kept, or values and nodes are not of one version.
pub fn prove(
    state: &dyn State,
    version: u64,
    key: &[u8],
) -> Result<(Option<Vec<u8>>, StateProof), TreeError> {
    state.node(&root_key(version))?.ok_or(TreeError::NotKept(version))?;
    let reader = Nodes(state);
    let tree = JellyfishMerkleTree::<_, Sha256>::new(&reader);
    let root = RootHash(*root(state, version)?.bytes());
    let (_, proof) = tree.get_with_proof(key_hash(key), version).map_err(damaged)?;
    let value = state.get(key)?;
    proof.verify(root, key_hash(key), value.as_deref()).map_err(|_| TreeError::Moved)?;
    Ok((value, StateProof::of(&proof)?))
}

/// The root of a version.
///
/// # Errors
/// When the version is not kept.
pub fn root(nodes: &dyn TreeNodes, version: u64) -> Result<Digest, TreeError> {
    nodes.node(&root_key(version))?.ok_or(TreeError::NotKept(version))?;
    let reader = Nodes(nodes);
    let root = JellyfishMerkleTree::<_, Sha256>::new(&reader).get_root_hash(version).map_err(damaged)?;
    Ok(Digest::from_bytes(root.0))
}

/// That a key holds a value, or is absent, under a state root. Bytes as in `docs/format/ledger.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateProof(Vec<u8>);

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// It is about another key.
    #[error("the proof is of another key")]
    OtherKey,
    /// It is about another value of the key.
    #[error("the proof is of another value")]
    OtherValue,
    /// It shows that the key is absent.
    #[error("the proof says that there is no such value")]
    Absent,
    /// It shows that the key is there.
    #[error("the proof says that there is such a value")]
    Present,
    /// It is of another state.
    #[error("the proof does not lead to this state root")]
    Refuted,
}

impl StateProof {
    /// Most bytes of a proof.
    pub const MAX: usize = 65 + 4 + MAX_SIBLINGS * 65;

    /// A proof that came from outside.
    ///
    /// # Errors
    /// When the bytes are not the canonical form of a proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        to_borsh(bytes)?;
        Ok(Self(bytes.to_vec()))
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks that `key` holds `value`, or with no value that it is absent, in the state with this root.
    ///
    /// # Errors
    /// When the proof proves anything else.
    pub fn verify(&self, root: &Digest, key: &[u8], value: Option<&[u8]>) -> Result<(), ProofError> {
        self.is_about(key, value)?;
        let proof: SparseMerkleProof<Sha256> =
            borsh::from_slice(&to_borsh(&self.0)?).map_err(|_| ProofError::Refuted)?;
        proof.verify(RootHash(*root.bytes()), key_hash(key), value).map_err(|_| ProofError::Refuted)
    }

    /// Whether the leaf is the one to be proven: checked again with the root, told apart here for people.
    fn is_about(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), ProofError> {
        let mut r = Reader::new(&self.0);
        let leaf = r.bool("leaf")?.then(|| r.take(64, "leaf")).transpose()?;
        let same = leaf.is_some_and(|leaf| leaf.starts_with(Digest::of(key).as_ref()));
        match (leaf, value) {
            (Some(_), None) if same => Err(ProofError::Present),
            (_, None) => Ok(()),
            (None, Some(_)) => Err(ProofError::Absent),
            (Some(_), Some(_)) if !same => Err(ProofError::OtherKey),
            (Some(leaf), Some(value)) if !leaf.ends_with(Digest::of(value).as_ref()) => {
                Err(ProofError::OtherValue)
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn of(proof: &SparseMerkleProof<Sha256>) -> Result<Self, TreeError> {
        let damaged = |error: &dyn std::fmt::Display| TreeError::Damaged(error.to_string());
        let theirs = borsh::to_vec(proof).map_err(|error| damaged(&error))?;
        let mut r = Reader::new(&theirs);
        let mut w = Writer::default();
        copy_leaf(&mut r, &mut w).map_err(|error| damaged(&error))?;
        let count = u32::from_le_bytes(r.array("siblings").map_err(|error| damaged(&error))?);
        w.u32(count);
        w.fixed(r.rest());
        Ok(Self(w.into_bytes()))
    }
}

/// Our proof bytes as jmt's, which differ only in the byte order of the count; strict about every byte.
fn to_borsh(ours: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut r = Reader::new(ours);
    let mut w = Writer::default();
    copy_leaf(&mut r, &mut w)?;
    let count = r.len(MAX_SIBLINGS, "siblings")?;
    w.fixed(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    for _ in 0..count {
        let tag = r.u8("sibling")?;
        w.u8(tag);
        match tag {
            0 => {}
            1 | 2 => w.fixed(r.take(64, "sibling")?),
            code => return Err(DecodeError::UnknownCode { what: "sibling", code: code.into() }),
        }
    }
    r.finish()?;
    Ok(w.into_bytes())
}

fn copy_leaf(r: &mut Reader<'_>, w: &mut Writer) -> Result<(), DecodeError> {
    let present = r.bool("leaf")?;
    w.bool(present);
    if present {
        w.fixed(r.take(64, "leaf")?);
    }
    Ok(())
}

fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(*Digest::of(key).bytes())
}

/// A node's key: version, number of nibbles, nibbles two to a byte.
fn node_key_bytes(key: &NodeKey) -> Vec<u8> {
    let mut w = Writer::default();
    w.u64(key.version());
    w.u8(u8::try_from(key.nibble_path().num_nibbles()).unwrap_or(u8::MAX));
    let nibbles: Vec<u8> = key.nibble_path().nibbles().map(u8::from).collect();
    for pair in nibbles.chunks(2) {
        w.u8(pair.iter().zip([4, 0]).fold(0, |byte, (nibble, shift)| byte | nibble << shift));
    }
    w.into_bytes()
}

fn root_key(version: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.u64(version);
    w.u8(0);
    w.into_bytes()
}

fn damaged(error: anyhow::Error) -> TreeError {
    match error.downcast::<StateUnavailable>() {
        Ok(unavailable) => TreeError::Unavailable(unavailable),
        Err(error) => TreeError::Damaged(error.to_string()),
    }
}

/// SHA-256 in the form that jmt asks for.
struct Sha256(sha2::Sha256);

impl SimpleHasher for Sha256 {
    fn new() -> Self {
        Self(sha2::Sha256::new())
    }
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

struct Nodes<'a, N: ?Sized>(&'a N);

impl<N: TreeNodes + ?Sized> TreeReader for Nodes<'_, N> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        match self.0.node(&node_key_bytes(key))? {
            Some(bytes) => Ok(Some(borsh::from_slice(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Values live in the state, not here; jmt asks only to hand them back, and nobody looks at what it hands back.
    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(Some(OwnedValue::new()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Err(anyhow::Error::msg("trees are not restored leaf by leaf"))
    }
}

#[cfg(test)]
mod tests;

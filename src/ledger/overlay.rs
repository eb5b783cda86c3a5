//! A state on top of a state: what blocks or transactions do before anything of it is stored.

use crate::state::{Changes, StateUnavailable, StateView};
use crate::tree::{TreeNodes, TreeUpdate};
use std::collections::BTreeMap;
use wardline_crypto::{Domain, PublicKey, Signature};

/// State values and tree nodes of one height: what blocks are built on and checked against.
pub trait State: StateView + TreeNodes {}

impl<S: StateView + TreeNodes + ?Sized> State for S {}

/// A base state with blocks on top that are not applied to it yet.
pub struct Overlay<'a> {
    base: &'a dyn State,
    changes: Changes,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Overlay<'a> {
    /// The base as it is.
    pub fn new(base: &'a dyn State) -> Self {
        Self { base, changes: Changes::new(), nodes: BTreeMap::new() }
    }

    /// Puts the next block on top.
    pub fn push(&mut self, changes: Changes, tree: &TreeUpdate) {
        self.changes.extend(changes);
        self.nodes.extend(tree.nodes.iter().cloned());
    }
}

impl StateView for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn verifies(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        self.base.verifies(key, domain, message, signature)
    }
}

impl TreeNodes for Overlay<'_> {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        match self.nodes.get(key) {
            Some(node) => Ok(Some(node.clone())),
            None => self.base.node(key),
        }
    }
}

/// State values alone, under the transactions of one block.
pub(crate) struct Layer<'a> {
    pub(crate) base: &'a dyn StateView,
    pub(crate) changes: &'a Changes,
}

impl StateView for Layer<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn verifies(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        self.base.verifies(key, domain, message, signature)
    }
}

/// The state before the genesis.
pub(crate) struct Nothing;

impl StateView for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(None)
    }
}

impl TreeNodes for Nothing {
    fn node(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(None)
    }
}

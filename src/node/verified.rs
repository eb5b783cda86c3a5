//! Signatures that this node has verified, so that none of them is verified twice.
//!
//! A transaction is checked when it is admitted, proposed, voted for and looked at again, and thousands of them, and
//! of requests, carry the same session grant. What is remembered is a fact about key, message and signature; whether
//! the key counts is read from the state every time.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};
use wardline_crypto::{Digest, Domain, PublicKey, Signature};
use wardline_ledger::{StateUnavailable, StateView, TreeNodes};

/// Signatures of one generation; two of them are remembered: 2 MiB at most.
const GENERATION: usize = 16_384;

/// Names of verified signatures.
#[derive(Default)]
pub(crate) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    new: HashSet<Digest>,
    old: HashSet<Digest>,
}

impl Verified {
    /// Whether `key` signed this: remembered, or verified now.
    pub fn verifies(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        // Every part but the last has a fixed length, so no two signatures have one name.
        let label = Digest::of(domain.bytes());
        let name = Digest::of_parts(&[label.bytes(), key.bytes(), signature.bytes(), message]);
        if self.remembers(name) {
            return true;
        }
        let holds = key.verify(domain, message, signature);
        if holds {
            self.remember(name);
        }
        holds
    }

    fn remembers(&self, name: Digest) -> bool {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.new.contains(&name) {
            return true;
        }
        // What is still asked for moves on with the generations.
        let moved = names.old.remove(&name);
        if moved {
            names.new.insert(name);
        }
        moved
    }

    fn remember(&self, name: Digest) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.new.len() >= GENERATION {
            names.old = std::mem::take(&mut names.new);
        }
        names.new.insert(name);
    }
}

/// A state whose rules ask what is remembered.
pub(crate) struct Remembering<'a, V: ?Sized> {
    pub view: &'a V,
    pub verified: &'a Verified,
}

impl<V: StateView + ?Sized> StateView for Remembering<'_, V> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        self.view.get(key)
    }

    fn verifies(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        self.verified.verifies(key, domain, message, signature)
    }
}

impl<V: TreeNodes + ?Sized> TreeNodes for Remembering<'_, V> {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        self.view.node(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::{SeededEntropy, SigningKey};

    #[test]
    fn only_the_very_signature_is_remembered() {
        let verified = Verified::default();
        let mut entropy = SeededEntropy::new(7);
        let (key, other) = (SigningKey::generate(&mut entropy), SigningKey::generate(&mut entropy));
        let signature = key.sign(Domain::Grant, b"message");
        let asked = |key: &SigningKey, domain, message: &[u8], signature: &Signature| {
            verified.verifies(&key.public(), domain, message, signature)
        };
        for _ in 0..2 {
            assert!(asked(&key, Domain::Grant, b"message", &signature));
            assert!(!asked(&key, Domain::Grant, b"messagE", &signature));
            assert!(!asked(&key, Domain::Request, b"message", &signature));
            assert!(!asked(&other, Domain::Grant, b"message", &signature));
            assert!(!asked(&key, Domain::Grant, b"message", &other.sign(Domain::Grant, b"message")));
        }
        assert_eq!(verified.0.lock().unwrap().new.len(), 1, "nothing that fails is remembered");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let verified = Verified::default();
        let used = Digest::of(b"used");
        verified.remember(used);
        for n in 0..3 * GENERATION as u64 {
            verified.remember(Digest::of(&n.to_be_bytes()));
            assert!(verified.remembers(used), "what is asked for stays");
        }
        let names = verified.0.lock().unwrap();
        assert!(names.new.len() + names.old.len() <= 2 * GENERATION + 1);
    }
}

//! Merkle trees as RFC 6962 hashes them, over SHA-256: transaction roots, audit logs, links.
//!
//! A leaf hashes as `SHA-256(0x00 ‖ entry)` and a node as `SHA-256(0x01 ‖ left ‖ right)`, so that
//! no leaf can pass for a node. A root means something only together with its tree's size.
//! Verification follows RFC 9162 §2.1.3.2 and §2.1.4.2.

mod frontier;

pub use frontier::Frontier;

use crate::Digest;

/// The hash of an entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], entry])
}

/// The hash of two subtrees side by side.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[1], left.as_ref(), right.as_ref()])
}

/// The root of no entries: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The root over leaf hashes.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(*leaf);
    }
    frontier.root()
}

/// The root over entries.
#[must_use]
pub fn root_of<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut frontier = Frontier::new();
    for entry in entries {
        frontier.append(leaf_hash(entry));
    }
    frontier.root()
}

/// Splits a tree of two or more leaves at the largest power of two below its size.
fn halves(leaves: &[Digest]) -> Option<(&[Digest], &[Digest])> {
    let below = leaves.len().checked_sub(1).filter(|&below| below > 0)?;
    leaves.split_at_checked(1 << below.ilog2())
}

/// The proof that the leaf at `index` is in the tree of these leaf hashes. Past the end there is
/// none, and what is returned verifies for no root.
#[must_use]
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Vec<Digest> {
    let (mut tree, mut index, mut proof) = (leaves, index, Vec::new());
    while let Some((left, right)) = halves(tree) {
        if index < left.len() {
            proof.push(root(right));
            tree = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            tree = right;
        }
    }
    proof.reverse();
    proof
}

/// Why a proof of inclusion proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The tree has no such place.
    #[error("place `{index}` is not in a tree of `{size}`")]
    Outside {
        /// The place.
        index: u64,
        /// Entries of the tree.
        size: u64,
    },
    /// It has another number of hashes than the way from this place to the root has.
    #[error("the proof is too {0}")]
    Length(&'static str),
    /// It leads elsewhere.
    #[error("the proof does not lead to this root")]
    Root,
}

/// Whether `proof` shows that `leaf` (a leaf hash) is at `index` in the tree of `size` entries
/// with this root.
#[must_use]
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    check_inclusion(leaf, index, size, proof, root).is_ok()
}

/// The same, and why not.
///
/// # Errors
/// When the proof does not show it.
pub fn check_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), InclusionError> {
    if index >= size {
        return Err(InclusionError::Outside { index, size });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(InclusionError::Length("long"));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(InclusionError::Root),
        _ => Err(InclusionError::Length("short")),
    }
}

/// The proof that the tree of the first `old` leaf hashes is a beginning of the tree of all.
///
/// Empty when `old` is 0 or all of them; empty and worthless past the end.
#[must_use]
pub fn consistency_proof(leaves: &[Digest], old: usize) -> Vec<Digest> {
    let (mut tree, mut old, mut known, mut proof) = (leaves, old, true, Vec::new());
    if old == 0 {
        return proof;
    }
    // RFC 6962's SUBPROOF: `known` while the old tree is a whole left subtree whose root the
    // verifier has.
    while old < tree.len() {
        let Some((left, right)) = halves(tree) else { break };
        if old <= left.len() {
            proof.push(root(right));
            tree = left;
        } else {
            proof.push(root(left));
            old -= left.len();
            tree = right;
            known = false;
        }
    }
    if !known {
        proof.push(root(tree));
    }
    proof.reverse();
    proof
}

/// Whether `proof` shows that the tree of `new_size` entries only added to the tree of
/// `old_size`. Every tree adds to the empty one, with an empty proof.
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size || old_size == 0 {
        let empty_is_empty = old_size > 0 || *old_root == empty_root();
        return proof.is_empty() && empty_is_empty && (old_size < new_size || old_root == new_root);
    }
    // A whole left subtree needs no proof of itself: its root is the old root.
    let (start, rest) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((start, rest)) = proof.split_first() else { return false };
        (*start, rest)
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests;

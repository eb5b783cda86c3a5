//! The tree against a second, naive implementation of its specification, and proofs against tampering.

use super::*;
use crate::state::StateView;
use crate::testing::{Broken, Memory};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PLACEHOLDER: &[u8; 32] = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// The root as `docs/format/ledger.md` specifies it.
fn naive_root(leaves: &[(Digest, Digest)], depth: usize) -> Digest {
    match leaves {
        [] => Digest::from_bytes(*PLACEHOLDER),
        [(key, value)] => Digest::of_parts(&[b"JMT::LeafNode", key.as_ref(), value.as_ref()]),
        _ => {
            let bit = |key: &Digest| key.bytes()[depth / 8] >> (7 - depth % 8) & 1;
            let (left, right): (Vec<_>, Vec<_>) = leaves.iter().partition(|(key, _)| bit(key) == 0);
            let (left, right) = (naive_root(&left, depth + 1), naive_root(&right, depth + 1));
            Digest::of_parts(&[b"JMT::IntrnalNode", left.as_ref(), right.as_ref()])
        }
    }
}

fn naive(values: &BTreeMap<Vec<u8>, Vec<u8>>) -> Digest {
    let leaves: Vec<_> = values.iter().map(|(key, value)| (Digest::of(key), Digest::of(value))).collect();
    naive_root(&leaves, 0)
}

fn changes(list: &[(&str, Option<&str>)]) -> Changes {
    list.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.map(|v| v.as_bytes().to_vec()))).collect()
}

fn step(memory: &mut Memory, version: u64, changes: Changes) -> TreeUpdate {
    let tree = update(memory, version, &changes).unwrap();
    memory.apply(changes, &tree);
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any blocks of writes, overwrites and removals lead to the specified root, with nodes of old versions pruned.
    #[test]
    fn roots_are_those_of_the_specification(
        blocks in prop::collection::vec(prop::collection::btree_map(0u8..40, prop::option::of(any::<u16>()), 0..12), 1..12)
    ) {
        let mut memory = Memory::default();
        for (version, block) in (0..).zip(blocks) {
            let changes: Changes =
                block.into_iter().map(|(key, value)| (vec![key], value.map(|v| v.to_be_bytes().to_vec()))).collect();
            let tree = step(&mut memory, version, changes);
            prop_assert_eq!(tree.root, naive(&memory.values));
            prop_assert_eq!(root(&memory, version).unwrap(), tree.root);
            prop_assert_eq!(rebuild(version, &memory.values).unwrap().root, tree.root, "no trace of what was removed");
            for key in &tree.stale {
                prop_assert!(memory.nodes.remove(key).is_some(), "a stale node was there");
            }
            prop_assert_eq!(memory.nodes.iter().filter(|(key, _)| key[8] == 0).count(), 1, "one root is left");
            for key in 0..40u8 {
                let (value, proof) = prove(&memory, version, &[key]).unwrap();
                prop_assert_eq!(&value, &memory.values.get(&vec![key]).cloned());
                prop_assert_eq!(proof.verify(&tree.root, &[key], value.as_deref()), Ok(()));
                prop_assert_eq!(StateProof::from_bytes(proof.bytes()), Ok(proof.clone()));
                let other = if value.is_some() { None } else { Some(b"".as_slice()) };
                prop_assert!(proof.verify(&tree.root, &[key], other).is_err());
            }
        }
    }

    #[test]
    fn random_bytes_are_no_proof(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(proof) = StateProof::from_bytes(&bytes) {
            prop_assert!(proof.verify(&Digest::of(b"root"), b"key", None).is_err());
            prop_assert!(proof.verify(&Digest::of(b"root"), b"key", Some(b"value")).is_err());
        }
    }
}

#[test]
fn nothing_changed_is_a_version_too() {
    let mut memory = Memory::default();
    let empty = step(&mut memory, 0, Changes::new());
    assert_eq!(empty.root, Digest::from_bytes(*PLACEHOLDER));
    let first = step(&mut memory, 1, changes(&[("a", Some("1")), ("b", Some("2"))]));
    let same = step(&mut memory, 2, Changes::new());
    assert_eq!(same.root, first.root);
    assert_eq!((same.nodes.len(), same.stale.len()), (1, 1));
    let absent = step(&mut memory, 3, changes(&[("c", None)]));
    assert_eq!(absent.root, first.root);
    let gone = step(&mut memory, 4, changes(&[("a", None), ("b", None)]));
    assert_eq!(gone.root, empty.root);
    assert_eq!(step(&mut memory, 5, changes(&[("a", Some("1"))])).root, naive(&memory.values));
}

/// A state of a hundred keys, its root, and proofs that one is there and one is not.
fn example() -> (Memory, Digest, StateProof, StateProof) {
    let mut memory = Memory::default();
    let all = (0..100u8).map(|key| (vec![key], Some(vec![key; 3]))).collect();
    let root = step(&mut memory, 0, all).root;
    let (there, presence) = prove(&memory, 0, &[7]).unwrap();
    let (missing, absence) = prove(&memory, 0, &[200]).unwrap();
    assert_eq!((there, missing), (Some(vec![7; 3]), None));
    (memory, root, presence, absence)
}

#[test]
fn a_proof_is_of_one_root_key_and_value() {
    let (_, root, presence, absence) = example();
    assert_eq!(presence.verify(&root, &[7], Some(&[7; 3])), Ok(()));
    assert_eq!(absence.verify(&root, &[200], None), Ok(()));
    for (proof, root, key, value, why) in [
        (&presence, &Digest::ZERO, 7, Some(&[7u8; 3]), ProofError::Refuted),
        (&presence, &root, 8, Some(&[7; 3]), ProofError::OtherKey),
        (&presence, &root, 7, Some(&[8; 3]), ProofError::OtherValue),
        (&presence, &root, 7, None, ProofError::Present),
        (&presence, &root, 200, None, ProofError::Refuted),
        (&absence, &Digest::ZERO, 200, None, ProofError::Refuted),
        (&absence, &root, 200, Some(&[7; 3]), ProofError::OtherKey),
        // a key that is there is not hidden by the proof of another's absence
        (&absence, &root, 7, None, ProofError::Refuted),
    ] {
        assert_eq!(proof.verify(root, &[key], value.map(<[u8; 3]>::as_slice)), Err(why), "{key}");
    }
    let nowhere = StateProof::from_bytes(&[0; 5]).unwrap();
    assert_eq!(nowhere.verify(&root, &[7], Some(&[7; 3])), Err(ProofError::Absent));
    assert_eq!(nowhere.verify(&root, &[200], None), Err(ProofError::Refuted));
}

#[test]
fn no_other_bytes_are_a_proof() {
    let (_, root, presence, absence) = example();
    for (proof, key, value) in [(presence, 7u8, Some([7u8; 3])), (absence, 200, None)] {
        let value = value.as_ref().map(<[u8; 3]>::as_slice);
        for i in 0..proof.bytes().len() {
            for bit in 0..8 {
                let mut bytes = proof.bytes().to_vec();
                bytes[i] ^= 1 << bit;
                let holds =
                    StateProof::from_bytes(&bytes).is_ok_and(|p| p.verify(&root, &[key], value).is_ok());
                assert!(!holds, "byte {i}, bit {bit}");
            }
            assert!(StateProof::from_bytes(&proof.bytes()[..i]).is_err(), "cut at {i}");
        }
        assert!(StateProof::from_bytes(&[proof.bytes(), &[0]].concat()).is_err());
    }
}

#[test]
fn a_proof_has_at_most_256_siblings() {
    let bytes = |n: u32| [&[0][..], &n.to_be_bytes(), &vec![0; n as usize]].concat();
    assert!(StateProof::from_bytes(&bytes(256)).is_ok());
    assert_eq!(
        StateProof::from_bytes(&bytes(257)),
        Err(DecodeError::TooLong { what: "siblings", limit: 256 })
    );
}

#[test]
fn versions_that_are_not_kept_and_values_that_moved_are_said() {
    let (mut memory, ..) = example();
    assert_eq!(prove(&memory, 1, &[7]).unwrap_err(), TreeError::NotKept(1));
    assert_eq!(update(&memory, 5, &Changes::new()).unwrap_err(), TreeError::NotKept(4));
    assert!(matches!(prove(&Broken, 0, &[7]).unwrap_err(), TreeError::Unavailable(_)));
    assert!(matches!(update(&Broken, 1, &Changes::new()).unwrap_err(), TreeError::Unavailable(_)));

    memory.values.insert(vec![7], b"newer".to_vec());
    assert_eq!(prove(&memory, 0, &[7]).unwrap_err(), TreeError::Moved);
    assert_eq!(memory.get(&[8]).unwrap(), Some(vec![8; 3]));
    memory.nodes.insert(root_key(0), vec![9]);
    assert!(matches!(prove(&memory, 0, &[8]).unwrap_err(), TreeError::Damaged(_)));
}

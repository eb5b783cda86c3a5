//! The audit log: numbers, roots, proofs.

use std::sync::Arc;

use wardline_crypto::merkle;

use super::*;
use crate::StoreError;

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

#[test]
fn an_empty_log_has_the_root_of_nothing() {
    let home = directory();
    let vault = vault(&home);
    assert_eq!(vault.audit_root().unwrap(), (0, Digest::of(b"")));
    assert_eq!(vault.audit(0, 10).unwrap(), []);
}

#[test]
fn entries_survive_reopening_and_the_root_is_theirs() {
    let home = directory();
    for expected in 0..20 {
        let vault = vault(&home);
        let (number, leaf) = vault.append_audit(entry).unwrap();
        assert_eq!((number, leaf), (expected, merkle::leaf_hash(&entry(expected))));
        let leaves: Vec<Digest> = (0..=expected).map(|n| merkle::leaf_hash(&entry(n))).collect();
        assert_eq!(vault.audit_root().unwrap(), (expected + 1, merkle::root(&leaves)));
    }
    let vault = vault(&home);
    assert_eq!(vault.audit(18, 10).unwrap(), [(18, entry(18)), (19, entry(19))]);
    assert_eq!(vault.audit(3, 1).unwrap(), [(3, entry(3))]);
}

#[test]
fn sixteen_threads_leave_no_gap_and_one_root() {
    const THREADS: u64 = 16;
    const EACH: u64 = 50;
    let home = directory();
    let vault = Arc::new(vault(&home));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let vault = Arc::clone(&vault);
            std::thread::spawn(move || {
                (0..EACH)
                    .map(|_| {
                        let text = move |number| format!("{number} by {thread}").into_bytes();
                        let (number, leaf) = vault.append_audit(text).unwrap();
                        // What was acknowledged can be read at once, with a root that covers it.
                        assert_eq!(vault.audit(number, 1).unwrap(), [(number, text(number))]);
                        assert!(vault.audit_root().unwrap().0 > number);
                        (number, leaf)
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let mut acknowledged: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    acknowledged.sort();
    let numbers: Vec<u64> = acknowledged.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..THREADS * EACH).collect::<Vec<_>>());
    let leaves: Vec<Digest> = acknowledged.iter().map(|(_, leaf)| *leaf).collect();
    assert_eq!(vault.audit_root().unwrap(), (THREADS * EACH, merkle::root(&leaves)));
    assert_eq!(vault.audit_leaves(THREADS * EACH).unwrap(), leaves);
}

#[test]
fn every_pair_of_sizes_has_a_consistency_proof() {
    let home = directory();
    let vault = vault(&home);
    let mut roots = vec![vault.audit_root().unwrap().1];
    for _ in 0..13 {
        vault.append_audit(entry).unwrap();
        roots.push(vault.audit_root().unwrap().1);
    }
    for new in 1..=13_u64 {
        for old in 1..=new {
            let proof = vault.audit_consistency(old, new).unwrap();
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            assert!(merkle::verify_consistency(old, old_root, new, new_root, &proof), "{old} {new}");
            assert!(!merkle::verify_consistency(old, &Digest::ZERO, new, new_root, &proof));
        }
    }
    let too_many = vault.audit_consistency(3, 14);
    assert!(matches!(too_many, Err(StoreError::AuditSize { size: 13, asked: 14 })));
    let backwards = vault.audit_consistency(5, 4);
    assert!(matches!(backwards, Err(StoreError::AuditSize { size: 4, asked: 5 })));
}

//! Blocks, state, tree nodes, waiting transactions.

use std::sync::Arc;

use wardline_ledger::{
    BranchId, Canonical, Changes, Handover, Key, LinkEntry, PatientId, RecordId, StateView, TreeNodes,
    TreeUpdate, ValidatorSet, tree,
};

use super::*;
use crate::{Applied, AppliedBlock, StoreError};

fn transaction(height: u64, index: u64) -> (Digest, Vec<u8>) {
    let bytes = format!("transaction {index} of {height}").into_bytes();
    (Digest::of(&bytes), bytes)
}

fn bytes(text: &str, height: u64) -> Vec<u8> {
    format!("{text} {height}").into_bytes()
}

/// A block that sets `newest` and `at <height>`, replaces the tree's root node, and contains
/// three transactions.
fn block(height: u64) -> AppliedBlock {
    let changes = Changes::from([
        (b"newest".to_vec(), Some(height.to_be_bytes().to_vec())),
        (bytes("at", height), Some(bytes("value", height))),
    ]);
    let stale = height.checked_sub(1).map(|before| bytes("node", before)).into_iter().collect();
    AppliedBlock {
        height,
        digest: Digest::of(&bytes("header", height)),
        header: bytes("header", height),
        body: bytes("body", height),
        transactions: (0..3).map(|index| transaction(height, index).0).collect(),
        changes,
        tree: TreeUpdate {
            root: Digest::of(&bytes("node", height)),
            nodes: vec![(bytes("node", height), bytes("content", height))],
            stale,
            handover: None,
        },
    }
}

#[test]
fn an_empty_chain_has_nothing() {
    let home = directory();
    let chain = chain(&home);
    assert_eq!(chain.applied().unwrap(), None);
    assert_eq!(chain.header(0).unwrap(), None);
    assert_eq!(chain.headers(0, 10).unwrap(), []);
    assert_eq!(chain.get(b"newest").unwrap(), None);
    assert_eq!(chain.waiting(1000).unwrap(), []);
}

#[test]
fn applied_blocks_survive_reopening() {
    let home = directory();
    for height in 0..5 {
        let chain = chain(&home);
        chain.apply(block(height)).unwrap();
    }
    let chain = chain(&home);
    let digest = Digest::of(b"header 4");
    assert_eq!(chain.applied().unwrap(), Some(Applied { height: 4, digest }));
    assert_eq!(chain.header(2).unwrap(), Some(b"header 2".to_vec()));
    assert_eq!(chain.body(2).unwrap(), Some(b"body 2".to_vec()));
    assert_eq!(chain.get(b"newest").unwrap(), Some(4_u64.to_be_bytes().to_vec()));
    assert_eq!(chain.get_state(b"at 1").unwrap(), Some(b"value 1".to_vec()));
    assert_eq!(chain.node(b"node 4").unwrap(), Some(b"content 4".to_vec()));
    assert_eq!(chain.find_transaction(&transaction(3, 2).0).unwrap(), Some((3, 2)));
    assert_eq!(chain.find_transaction(&transaction(9, 2).0).unwrap(), None);
}

#[test]
fn beyond_every_height_there_is_nothing() {
    let home = directory();
    let chain = chain(&home);
    chain.apply(block(0)).unwrap();
    for height in [1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        assert_eq!(chain.header(height).unwrap(), None);
        assert_eq!(chain.body(height).unwrap(), None);
        assert_eq!(chain.certificate(height).unwrap(), None);
        assert_eq!(chain.headers(height, 10).unwrap(), []);
        assert_eq!(chain.handover(height).unwrap(), None);
        assert_eq!(vault(&home).audit(height, 10).unwrap(), []);
    }
}

#[test]
fn a_gap_and_a_second_block_are_refused_and_change_nothing() {
    let home = directory();
    let chain = chain(&home);
    assert!(matches!(chain.apply(block(1)), Err(StoreError::Gap { expected: 0, height: 1 })));
    chain.apply(block(0)).unwrap();
    chain.apply(block(1)).unwrap();
    assert!(matches!(chain.apply(block(3)), Err(StoreError::Gap { expected: 2, height: 3 })));
    let second = AppliedBlock { body: b"another".to_vec(), ..block(1) };
    assert!(matches!(chain.apply(second), Err(StoreError::AlreadyApplied { height: 1 })));
    assert!(matches!(chain.apply(block(0)), Err(StoreError::AlreadyApplied { height: 0 })));
    assert_eq!(chain.applied().unwrap().unwrap().height, 1);
    assert_eq!(chain.body(1).unwrap(), Some(b"body 1".to_vec()));
    assert_eq!(chain.get(b"at 3").unwrap(), None);
    chain.apply(block(2)).unwrap();
}

#[test]
fn a_block_that_fails_in_the_middle_leaves_nothing() {
    let home = directory();
    let chain = chain(&home);
    chain.apply(block(0)).unwrap();
    let mut broken = block(1);
    // A link whose value is none: found after header, body and other state are written.
    broken.changes.insert(Key::Link(RecordId::from_bytes([1; 16])).bytes(), Some(vec![1]));
    assert!(matches!(chain.apply(broken), Err(StoreError::Damaged(_))));
    assert_eq!(chain.applied().unwrap().unwrap().height, 0);
    assert_eq!(chain.header(1).unwrap(), None);
    assert_eq!(chain.get(b"at 1").unwrap(), None);
    chain.apply(block(1)).unwrap();
}

#[test]
fn a_removed_key_is_gone() {
    let home = directory();
    let chain = chain(&home);
    chain.apply(block(0)).unwrap();
    let mut removing = block(1);
    removing.changes.insert(b"at 0".to_vec(), None);
    chain.apply(removing).unwrap();
    assert_eq!(chain.get(b"at 0").unwrap(), None);
}

#[test]
fn tree_nodes_outlive_their_replacement_by_64_versions() {
    let home = directory();
    let chain = chain(&home);
    for height in 0..=100 {
        chain.apply(block(height)).unwrap();
    }
    // Node 35 went stale at 36, node 36 at 37; 100 - 64 = 36.
    assert_eq!(chain.node(b"node 35").unwrap(), None);
    assert_eq!(chain.node(b"node 36").unwrap(), Some(b"content 36".to_vec()));
    assert_eq!(chain.node(b"node 100").unwrap(), Some(b"content 100".to_vec()));
}

#[test]
fn headers_come_with_their_certificates_where_there_are_any() {
    let home = directory();
    let chain = chain(&home);
    for height in 0..6 {
        chain.apply(block(height)).unwrap();
    }
    chain.put_certificate(3, b"first").unwrap();
    chain.put_certificate(3, b"another set of signers").unwrap();
    chain.put_certificate(9, b"ahead of its block").unwrap();
    assert_eq!(chain.certificate(3).unwrap(), Some(b"first".to_vec()));
    assert_eq!(chain.certificate(9).unwrap(), Some(b"ahead of its block".to_vec()));
    let expected = [
        (2, b"header 2".to_vec(), None),
        (3, b"header 3".to_vec(), Some(b"first".to_vec())),
        (4, b"header 4".to_vec(), None),
    ];
    assert_eq!(chain.headers(2, 3).unwrap(), expected);
    assert_eq!(chain.headers(5, 10).unwrap().len(), 1);
}

#[test]
fn transactions_wait_in_the_order_of_their_arrival() {
    let home = directory();
    let arrivals: Vec<_> = [5, 1, 4, 2].map(|index| transaction(7, index)).into();
    {
        let chain = chain(&home);
        for (id, bytes) in &arrivals {
            assert!(chain.admit_waiting(*id, bytes).unwrap());
            assert!(!chain.admit_waiting(*id, bytes).unwrap());
        }
    }
    let chain = chain(&home);
    assert_eq!(chain.waiting(10_000).unwrap(), arrivals);
    let one_and_a_bit = arrivals[0].1.len() + 5;
    assert_eq!(chain.waiting(one_and_a_bit).unwrap(), arrivals[..1]);
    chain.drop_waiting(&[arrivals[1].0, transaction(7, 99).0]).unwrap();
    assert_eq!(chain.waiting(10_000).unwrap().len(), 3);
}

#[test]
fn an_applied_transaction_no_longer_waits_and_is_not_admitted_again() {
    let home = directory();
    let chain = chain(&home);
    let (included, included_bytes) = transaction(0, 1);
    let (invalid, invalid_bytes) = transaction(8, 8);
    let (other, other_bytes) = transaction(9, 9);
    chain.admit_waiting(included, &included_bytes).unwrap();
    chain.admit_waiting(invalid, &invalid_bytes).unwrap();
    chain.admit_waiting(other, &other_bytes).unwrap();
    chain.drop_waiting(&[invalid]).unwrap();
    chain.apply(block(0)).unwrap();
    assert_eq!(chain.waiting(10_000).unwrap(), [(other, other_bytes)]);
    assert!(!chain.admit_waiting(included, &included_bytes).unwrap());
    // What was dropped unapplied may come back.
    assert!(chain.admit_waiting(invalid, &invalid_bytes).unwrap());
}

#[test]
fn the_links_of_a_patient_are_listed_in_their_order() {
    let home = directory();
    let chain = chain(&home);
    let (mei, ana) = (PatientId::from_bytes([1; 16]), PatientId::from_bytes([2; 16]));
    let link = |record: u8, patient, index| {
        let record = RecordId::from_bytes([record; 16]);
        let entry = LinkEntry { patient, index, branch: BranchId(u16::from(record.bytes()[0])) };
        (Key::Link(record).bytes(), Some(entry.encode()))
    };
    let mut first = block(0);
    first.changes.extend([link(9, mei, 0), link(3, ana, 0)]);
    chain.apply(first).unwrap();
    let mut second = block(1);
    second.changes.extend([link(2, mei, 2), link(5, mei, 1)]);
    chain.apply(second).unwrap();
    let records = |patient| {
        let links = chain.links_of(patient).unwrap();
        for (record, branch) in &links {
            assert_eq!(u16::from(record.bytes()[0]), branch.0);
        }
        links.into_iter().map(|(record, _)| record.bytes()[0]).collect::<Vec<_>>()
    };
    assert_eq!(records(&mei), [9, 5, 2]);
    assert_eq!(records(&ana), [3]);
    assert_eq!(records(&PatientId::from_bytes([3; 16])), [0; 0]);
}

#[test]
fn a_real_tree_is_kept_and_pruned_so_that_the_newest_state_is_proven() {
    const BLOCKS: u64 = 200;
    let home = directory();
    let chain = chain(&home);
    let key = |number| bytes("key", number);
    let mut root = Digest::ZERO;
    for height in 0..=BLOCKS {
        let changes: Changes =
            (0..4).map(|n| (key((height * 7 + n * 13) % 90), Some(bytes("value", height)))).collect();
        let tree = tree::update(&chain, height, &changes).unwrap();
        root = tree.root;
        chain.apply(AppliedBlock { changes, tree, ..block(height) }).unwrap();
    }
    for number in 0..100 {
        let (value, proof) =
            chain.view(|state| Ok(tree::prove(state, BLOCKS, &key(number)).unwrap())).unwrap();
        assert_eq!(value.is_some(), number < 90, "{number}");
        proof.verify(&root, &key(number), value.as_deref()).unwrap();
    }
    assert!(tree::root(&chain, BLOCKS - 64).is_ok());
    assert!(tree::root(&chain, BLOCKS - 65).is_err());
}

#[test]
fn a_handover_is_kept_when_its_tree_is_gone() {
    let home = directory();
    let set = ValidatorSet { members: Vec::new() }.encode();
    let expected = {
        let chain = chain(&home);
        let changes = Changes::from([(b"next".to_vec(), Some(set.clone()))]);
        let tree = tree::update(&chain, 0, &changes).unwrap();
        chain.apply(AppliedBlock { changes, tree, ..block(0) }).unwrap();
        let (_, proof) = tree::prove(&chain, 0, b"next").unwrap();
        let handover = Handover { epoch: 1, set, proof };
        let mut last = block(1);
        last.tree.handover = Some(handover.clone());
        chain.apply(last).unwrap();
        handover
    };
    let chain = chain(&home);
    assert_eq!(chain.handover(1).unwrap(), Some(expected));
    assert_eq!(chain.handover(0).unwrap(), None);
    assert_eq!(chain.handover(2).unwrap(), None);
}

#[test]
fn a_view_stays_while_blocks_are_applied() {
    let home = directory();
    let chain = chain(&home);
    chain.apply(block(0)).unwrap();
    chain
        .view(|state| {
            assert_eq!(state.applied()?.unwrap().height, 0);
            chain.apply(block(1))?;
            assert_eq!(state.applied()?.unwrap().height, 0);
            assert_eq!(state.get(b"newest").unwrap(), Some(0_u64.to_be_bytes().to_vec()));
            assert_eq!(state.node(b"node 1").unwrap(), None);
            Ok(())
        })
        .unwrap();
    assert_eq!(chain.view(|state| state.applied()).unwrap().unwrap().height, 1);
}

#[test]
fn readers_see_whole_blocks_only() {
    const BLOCKS: u64 = 100;
    let home = directory();
    let chain = Arc::new(chain(&home));
    chain.apply(block(0)).unwrap();
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let chain = Arc::clone(&chain);
            std::thread::spawn(move || {
                let mut seen = 0;
                while seen < BLOCKS {
                    chain
                        .view(|state| {
                            let height = state.applied()?.unwrap().height;
                            assert!(height >= seen);
                            let newest = state.get(b"newest").unwrap().unwrap();
                            assert_eq!(newest, height.to_be_bytes());
                            assert!(state.node(&bytes("node", height)).unwrap().is_some());
                            seen = height;
                            Ok(())
                        })
                        .unwrap();
                }
            })
        })
        .collect();
    for height in 1..=BLOCKS {
        chain.apply(block(height)).unwrap();
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

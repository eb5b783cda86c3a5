//! Proofs: state values present and absent, transactions in blocks.

use super::{
    case::{Case, Item, Kind, shorten},
    honest::Growing,
};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{Key, tree};

/// The record `b`, which is in the state.
fn present(
    c: &Case,
    edit: impl FnOnce(&mut Digest, &mut Vec<u8>, &mut Option<Vec<u8>>, &mut Vec<u8>),
) -> Item {
    prove(c, Key::Record(c.network.keys().record("b")).bytes(), edit)
}

/// A record that is not in the state, proven by what is in its place.
fn absent(
    c: &Case,
    edit: impl FnOnce(&mut Digest, &mut Vec<u8>, &mut Option<Vec<u8>>, &mut Vec<u8>),
) -> Item {
    let key = |n| Key::Record(c.network.keys().record(&format!("nowhere {n}"))).bytes();
    prove(c, absence(c, 6, key, 1).0, edit)
}

/// The first of these keys that is absent at a height and whose proof begins with this byte: 0 nothing is in its place,
/// 1 another key is; and the proof.
pub fn absence(c: &Case, height: u64, key: impl Fn(u64) -> Vec<u8>, leaf: u8) -> (Vec<u8>, Vec<u8>) {
    let known = [Key::Record(c.network.keys().record("b")), Key::Validators(1)];
    let is_known = |proof: &[u8]| {
        known.iter().any(|key| proof[LEAF_KEY..].starts_with(Digest::of(&key.bytes()).as_ref()))
    };
    let growing = Growing::from(&c.network, &c.main, height);
    (100..)
        .map(|n| (key(n), tree::prove(growing.replay().state(), height, &key(n)).unwrap().1.bytes().to_vec()))
        .find(|(_, proof)| proof[0] == leaf && !is_known(proof))
        .unwrap()
}

fn prove(
    c: &Case,
    mut key: Vec<u8>,
    edit: impl FnOnce(&mut Digest, &mut Vec<u8>, &mut Option<Vec<u8>>, &mut Vec<u8>),
) -> Item {
    let (mut root, mut value, mut proof) = c.proven(&key);
    edit(&mut root, &mut key, &mut value, &mut proof);
    Item::Proof { root, key, value, proof }
}

/// The second transaction of block 5.
fn inclusion(
    c: &Case,
    edit: impl FnOnce(&mut Vec<u8>, &mut u64, &mut u64, &mut Vec<Digest>, &mut Digest),
) -> Item {
    let block = c.main.block(5);
    let leaves: Vec<Digest> = block.transactions.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
    let (mut transaction, mut index, mut size) = (block.transactions[1].clone(), 1, 2);
    let (mut proof, mut root) = (merkle::inclusion_proof(&leaves, 1), block.header.transaction_root);
    edit(&mut transaction, &mut index, &mut size, &mut proof, &mut root);
    Item::Inclusion { transaction, index, size, proof, root }
}

/// Where a proof's parts begin: the leaf's key and value, the number of siblings, the siblings.
const LEAF_KEY: usize = 1;
const LEAF_VALUE: usize = 33;
const COUNT: usize = 65;
const SIBLINGS: usize = 69;

/// Single state values.
pub const STATES: &[Kind] = &[
    Kind::new("state.present.value", "another value", "the proof is of another value", |c| {
        present(c, |_, _, value, _| value.as_mut().unwrap()[0] ^= 1)
    }),
    Kind::new(
        "state.present.value-truncated",
        "the value's last byte is missing",
        "the proof is of another value",
        |c| present(c, |_, _, value, _| shorten(value.as_mut().unwrap())),
    ),
    Kind::new("state.present.value-extended", "the value and a byte", "the proof is of another value", |c| {
        present(c, |_, _, value, _| value.as_mut().unwrap().push(0))
    }),
    Kind::new(
        "state.present.denied",
        "what is there is said to be absent: an omitted record",
        "the proof says that there is such a value",
        |c| present(c, |_, _, value, _| *value = None),
    ),
    Kind::new(
        "state.present.key",
        "the proof of another record (Sigstore CVE-2026-22703: proven is another entry)",
        "the proof is of another key",
        |c| present(c, |_, key, _, _| *key = Key::Record(c.network.keys().record("c")).bytes()),
    ),
    Kind::new("state.present.prefix", "the key under another prefix", "the proof is of another key", |c| {
        present(c, |_, key, _, _| key[0] = 0x21)
    }),
    Kind::new(
        "state.present.replayed",
        "an old value with its own proof: replayed state",
        "the proof does not lead to this state root",
        |c| {
            let key = Key::Record(c.network.keys().record("a")).bytes();
            let (_, value, proof) = c.proven_at(&c.main, 4, &key);
            Item::Proof { root: c.main.block(6).header.state_root, key, value, proof }
        },
    ),
    Kind::new(
        "state.present.other-height",
        "the root of the block after",
        "the proof does not lead to this state root",
        |c| present(c, |root, _, _, _| *root = c.main.block(7).header.state_root),
    ),
    Kind::new(
        "state.present.other-chain",
        "the side chain's root",
        "the proof does not lead to this state root",
        |c| present(c, |root, _, _, _| *root = c.side.block(6).header.state_root),
    ),
    Kind::new(
        "state.present.other-network",
        "another network's root",
        "the proof does not lead to this state root",
        |c| present(c, |root, _, _, _| *root = c.other().1.block(6).header.state_root),
    ),
    Kind::new(
        "state.present.transaction-root",
        "the transaction root instead",
        "the proof does not lead to this state root",
        |c| present(c, |root, _, _, _| *root = c.main.block(6).header.transaction_root),
    ),
    Kind::new("state.proof.leaf-key", "one bit of the leaf's key", "the proof is of another key", |c| {
        present(c, |_, _, _, p| p[LEAF_KEY] ^= 1)
    }),
    Kind::new(
        "state.proof.leaf-value",
        "one bit of the leaf's value",
        "the proof is of another value",
        |c| present(c, |_, _, _, p| p[LEAF_VALUE] ^= 1),
    ),
    Kind::new("state.proof.leaf-dropped", "no leaf", "the proof says that there is no such value", |c| {
        present(c, |_, _, _, p| {
            p.drain(1..65);
            p[0] = 0;
        })
    }),
    Kind::new("state.proof.leaf-unknown", "a leaf that is neither there nor not", "`2` is no leaf", |c| {
        present(c, |_, _, _, p| p[0] = 2)
    }),
    Kind::new(
        "state.proof.sibling-changed",
        "one bit of the last sibling",
        "the proof does not lead to this state root",
        |c| present(c, |_, _, _, p| *p.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "state.proof.sibling-unknown",
        "a sibling of a form that there is not",
        "`3` is no sibling",
        |c| present(c, |_, _, _, p| p[SIBLINGS] = 3),
    ),
    Kind::new(
        "state.proof.sibling-dropped",
        "the last sibling is missing",
        "the proof does not lead to this state root",
        |c| {
            present(c, |_, _, _, p| {
                p.truncate(p.len() - 65);
                p[COUNT + 3] -= 1;
            })
        },
    ),
    Kind::new(
        "state.proof.sibling-doubled",
        "the last sibling twice",
        "the proof does not lead to this state root",
        |c| {
            present(c, |_, _, _, p| {
                p.extend_from_within(p.len() - 65..);
                p[COUNT + 3] += 1;
            })
        },
    ),
    Kind::new(
        "state.proof.count-more",
        "a sibling more is announced",
        "the bytes end inside `sibling`",
        |c| present(c, |_, _, _, p| p[COUNT + 3] += 1),
    ),
    Kind::new("state.proof.count-fewer", "a sibling less is announced", "`65` bytes follow the value", |c| {
        present(c, |_, _, _, p| p[COUNT + 3] -= 1)
    }),
    Kind::new(
        "state.proof.count-above-limit",
        "more siblings than a key has bits",
        "the siblings is longer than `256`",
        |c| present(c, |_, _, _, p| p[COUNT..SIBLINGS].copy_from_slice(&257u32.to_be_bytes())),
    ),
    Kind::new("state.proof.empty", "no bytes", "the bytes end inside `leaf`", |c| {
        present(c, |_, _, _, p| p.clear())
    }),
    Kind::new("state.proof.truncated", "the last byte is missing", "the bytes end inside `sibling`", |c| {
        present(c, |_, _, _, p| shorten(p))
    }),
    Kind::new("state.proof.extended", "one byte more", "`1` bytes follow the value", |c| {
        present(c, |_, _, _, p| p.push(0))
    }),
    Kind::new(
        "state.absent.claimed",
        "what is absent is said to be there",
        "the proof is of another key",
        |c| {
            let (_, value, _) = c.proven(&Key::Record(c.network.keys().record("b")).bytes());
            absent(c, |_, _, held, _| *held = value)
        },
    ),
    Kind::new(
        "state.absent.key",
        "the absence of another key",
        "the proof does not lead to this state root",
        |c| absent(c, |_, key, _, _| *key = Key::Record(c.network.keys().record("b")).bytes()),
    ),
    Kind::new(
        "state.absent.replayed",
        "the absence of before it was there",
        "the proof does not lead to this state root",
        |c| {
            let key = Key::Record(c.network.keys().record("d")).bytes();
            let (_, _, proof) = c.proven_at(&c.main, 3, &key);
            Item::Proof { root: c.main.block(6).header.state_root, key, value: None, proof }
        },
    ),
    Kind::new(
        "state.absent.other-chain",
        "absent on the side chain",
        "the proof does not lead to this state root",
        |c| absent(c, |root, _, _, _| *root = c.side.block(6).header.state_root),
    ),
    Kind::new(
        "state.absent.nothing",
        "a proof without leaf and siblings: of an empty state",
        "the proof does not lead to this state root",
        |c| absent(c, |_, _, _, p| *p = vec![0; 5]),
    ),
];

/// That a transaction is in a block.
pub const INCLUSIONS: &[Kind] = &[
    Kind::new(
        "inclusion.transaction.changed",
        "another transaction (Sigstore CVE-2026-22703)",
        "the proof does not lead to this root",
        |c| inclusion(c, |t, _, _, _, _| t[100] ^= 1),
    ),
    Kind::new(
        "inclusion.transaction.neighbour",
        "the transaction beside it",
        "the proof does not lead to this root",
        |c| inclusion(c, |t, _, _, _, _| t.clone_from(&c.main.block(5).transactions[0])),
    ),
    Kind::new(
        "inclusion.transaction.inner-node",
        "two leaf hashes for a transaction (CVE-2017-12842)",
        "the proof does not lead to this root",
        |c| {
            inclusion(c, |t, index, size, proof, _| {
                *t =
                    c.main.block(5).transactions.iter().flat_map(|t| *merkle::leaf_hash(t).bytes()).collect();
                (*index, *size) = (0, 1);
                proof.clear();
            })
        },
    ),
    Kind::new(
        "inclusion.index.neighbour",
        "another place in the block",
        "the proof does not lead to this root",
        |c| inclusion(c, |_, index, _, _, _| *index = 0),
    ),
    Kind::new(
        "inclusion.index.outside",
        "a place behind the last one (CVE-2012-2459: a leaf that is there twice)",
        "place `2` is not in a tree of `2`",
        |c| inclusion(c, |_, index, _, _, _| *index = 2),
    ),
    Kind::new("inclusion.size.more", "a larger block", "the proof is too short", |c| {
        inclusion(c, |_, _, size, _, _| *size = 3)
    }),
    Kind::new("inclusion.size.one", "a block of one transaction", "the proof is too long", |c| {
        inclusion(c, |_, index, size, _, _| (*index, *size) = (0, 1))
    }),
    Kind::new("inclusion.size.none", "a block of none", "place `1` is not in a tree of `0`", |c| {
        inclusion(c, |_, _, size, _, _| *size = 0)
    }),
    Kind::new(
        "inclusion.proof.changed",
        "one bit of a sibling",
        "the proof does not lead to this root",
        |c| inclusion(c, |_, _, _, proof, _| proof[0] = Digest::ZERO),
    ),
    Kind::new("inclusion.proof.dropped", "no siblings", "the proof is too short", |c| {
        inclusion(c, |_, _, _, proof, _| proof.clear())
    }),
    Kind::new("inclusion.proof.doubled", "each sibling twice", "the proof is too long", |c| {
        inclusion(c, |_, _, _, proof, _| proof.push(proof[0]))
    }),
    Kind::new("inclusion.root.neighbour", "the block before", "the proof does not lead to this root", |c| {
        inclusion(c, |_, _, _, _, root| *root = c.main.block(4).header.transaction_root)
    }),
    Kind::new(
        "inclusion.root.other-chain",
        "the side chain's block",
        "the proof does not lead to this root",
        |c| inclusion(c, |_, _, _, _, root| *root = c.side.block(5).header.transaction_root),
    ),
    Kind::new(
        "inclusion.root.other-branch",
        "a block that nobody agreed on",
        "the proof does not lead to this root",
        |c| inclusion(c, |_, _, _, _, root| *root = c.fork(&[]).block(5).header.transaction_root),
    ),
];

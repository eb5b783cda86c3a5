//! Transactions: bodies that the certified header does not commit to, and bytes that are no transaction of the chain.

use super::{
    case::{Case, Item, Kind, shorten},
    honest::log,
    network::Network,
};
use wardline_crypto::merkle;
use wardline_ledger::{
    Body, Canonical, MAX_TRANSACTION, Registry, RegistryEntry, Scope, Storage, Transaction,
};

/// A storage transaction of the ward whose body was changed before it was signed.
pub fn storage(n: &Network, edit: impl FnOnce(&mut Storage)) -> Vec<u8> {
    let mut body = n.storage("new");
    edit(&mut body);
    n.by("ward", Body::Storage(body)).encode()
}

/// The same, changed after it was signed.
pub fn unsigned(n: &Network, edit: impl FnOnce(&mut Transaction)) -> Vec<u8> {
    let mut transaction = n.by("ward", Body::Storage(n.storage("new")));
    edit(&mut transaction);
    transaction.encode()
}

/// Changes bytes of a transaction that holds.
pub fn raw(n: &Network, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = storage(n, |_| {});
    edit(&mut bytes);
    bytes
}

/// Changes the transactions of the honest block 5.
fn body(c: &Case, edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Item {
    c.main(|x| x.body(5, edit))
}

/// Changes the bytes of the honest block 5's body.
fn bytes(c: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    c.main(|x| edit(x.block(5).body.as_mut().unwrap()))
}

/// A body of several transactions, each of which may hold by itself, certified in block 6.
fn together(c: &Case, transactions: &[Vec<u8>]) -> Item {
    c.certified(&c.main, transactions.to_vec())
}

/// What a certified header does not commit to: the giver's doing.
pub const BODIES: &[Kind] = &[
    Kind::new(
        "body.changed",
        "one bit of a transaction",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| body(c, |t| t[0][200] ^= 1),
    ),
    Kind::new(
        "body.dropped",
        "a transaction is left out: an omitted record",
        "block 5: its body is not the one that the certified header commits to: it has `1` transactions, the header names `2`",
        |c| body(c, |t| drop(t.remove(0))),
    ),
    Kind::new(
        "body.doubled",
        "a transaction comes twice (CVE-2012-2459: a repeated last leaf)",
        "block 5: its body is not the one that the certified header commits to: it has `3` transactions, the header names `2`",
        |c| body(c, |t| t.push(t[1].clone())),
    ),
    Kind::new(
        "body.swapped",
        "two transactions change places",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| body(c, |t| t.swap(0, 1)),
    ),
    Kind::new(
        "body.added",
        "a transaction that holds is slipped in",
        "block 5: its body is not the one that the certified header commits to: it has `3` transactions, the header names `2`",
        |c| body(c, |t| t.push(storage(&c.network, |_| {}))),
    ),
    Kind::new(
        "body.replaced",
        "another transaction that holds",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| body(c, |t| t[0] = storage(&c.network, |_| {})),
    ),
    Kind::new(
        "body.inner-node",
        "64 bytes that are two leaf hashes (CVE-2017-12842: a leaf that is an inner node)",
        "block 5: its body is not the one that the certified header commits to: it has `1` transactions, the header names `2`",
        |c| {
            body(c, |t| {
                let hashes: Vec<u8> = t.iter().flat_map(|t| *merkle::leaf_hash(t).bytes()).collect();
                *t = vec![hashes];
            })
        },
    ),
    Kind::new(
        "body.emptied",
        "no transactions",
        "block 5: its body is not the one that the certified header commits to: it has `0` transactions, the header names `2`",
        |c| body(c, Vec::clear),
    ),
    Kind::new(
        "body.neighbour",
        "the body of the block before",
        "block 5: its body is not the one that the certified header commits to: it has `1` transactions, the header names `2`",
        |c| c.main(|x| x.block(5).body = Some(c.main.block(4).body())),
    ),
    Kind::new(
        "body.other-epoch",
        "the body of a block of the next epoch",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.main(|x| x.block(5).body = Some(c.main.block(11).body())),
    ),
    Kind::new(
        "body.other-chain",
        "the side chain's body of this height",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.main(|x| x.block(5).body = Some(c.side.block(5).body())),
    ),
    Kind::new(
        "body.other-network",
        "another network's body of this height",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.main(|x| x.block(5).body = Some(c.other().1.block(5).body())),
    ),
    Kind::new(
        "body.other-branch",
        "the body of a block that nobody agreed on",
        "block 5: its body is not the one that the certified header commits to: it has `1` transactions, the header names `2`",
        |c| c.main(|x| x.block(5).body = Some(c.fork(&[]).block(5).body())),
    ),
    Kind::new(
        "body.none",
        "no bytes",
        "block 5: its body is not the one that the certified header commits to: the bytes end inside `transactions`",
        |c| bytes(c, Vec::clear),
    ),
    Kind::new(
        "body.truncated",
        "the last byte is missing",
        "block 5: its body is not the one that the certified header commits to: the bytes end inside `transaction`",
        |c| bytes(c, shorten),
    ),
    Kind::new(
        "body.extended",
        "one byte more",
        "block 5: its body is not the one that the certified header commits to: `1` bytes follow the value",
        |c| bytes(c, |b| b.push(0)),
    ),
    Kind::new(
        "body.count",
        "more transactions are announced than there are",
        "block 5: its body is not the one that the certified header commits to: the bytes end inside `transaction`",
        |c| bytes(c, |b| b[3] += 1),
    ),
    Kind::new(
        "body.count-above-limit",
        "more transactions are announced than a block may have",
        "block 5: its body is not the one that the certified header commits to: the transactions is longer than `1000`",
        |c| bytes(c, |b| b[..4].copy_from_slice(&1001u32.to_be_bytes())),
    ),
    Kind::new(
        "body.length-above-limit",
        "a transaction longer than 64 KiB is announced",
        "block 5: its body is not the one that the certified header commits to: the transaction is longer than `65536`",
        |c| bytes(c, |b| b[4..8].copy_from_slice(&65537u32.to_be_bytes())),
    ),
];

/// What breaks the rules that every transaction must keep.
pub const FORM: &[Kind] = &[
    Kind::main(
        "transaction.empty",
        "no bytes",
        "block 6: transaction `0`: the transaction is malformed: the bytes end inside `digest`",
        |_| Vec::new(),
    ),
    Kind::main(
        "transaction.truncated",
        "the last byte is missing",
        "block 6: transaction `0`: the transaction is malformed: the bytes end inside `signature`",
        |n| raw(n, shorten),
    ),
    Kind::main(
        "transaction.extended",
        "one byte more",
        "block 6: transaction `0`: the transaction is malformed: `1` bytes follow the value",
        |n| raw(n, |b| b.push(0)),
    ),
    Kind::main(
        "transaction.doubled",
        "twice the bytes",
        "block 6: transaction `0`: the transaction is malformed: `495` bytes follow the value",
        |n| raw(n, |b| b.extend_from_within(..)),
    ),
    Kind::main(
        "transaction.too-large",
        "64 KiB and a byte",
        "block 6: its body is not the one that the certified header commits to: the transaction is longer than `65536`",
        |_| vec![0; MAX_TRANSACTION + 1],
    ),
    Kind::main(
        "transaction.network.changed",
        "one bit of the network after signing",
        "block 6: transaction `0`: the transaction is for another network",
        |n| raw(n, |b| b[0] ^= 1),
    ),
    Kind::new(
        "transaction.network.other",
        "another network's own transaction",
        "block 6: transaction `0`: the transaction is for another network",
        |c| {
            let other = &c.other().0;
            together(c, &[storage(other, |_| {})])
        },
    ),
    Kind::main(
        "transaction.scope.wider",
        "said to be for both chains",
        "block 6: transaction `0`: the transaction's scope is not that of its kind",
        |n| unsigned(n, |t| t.scope = Scope::Both),
    ),
    Kind::main(
        "transaction.scope.unknown",
        "a scope that there is not",
        "block 6: transaction `0`: the transaction is malformed: `4` is no scope",
        |n| raw(n, |b| b[32] = 4),
    ),
    Kind::main(
        "transaction.kind.reserved",
        "a kind that is reserved",
        "block 6: transaction `0`: the transaction is malformed: the transaction kind `correction` is reserved and not in force",
        |n| raw(n, |b| b[33] = 5),
    ),
    Kind::main(
        "transaction.kind.unknown",
        "a kind that there is not",
        "block 6: transaction `0`: the transaction is malformed: `99` is no transaction kind",
        |n| raw(n, |b| b[33] = 99),
    ),
    Kind::main(
        "transaction.chain.side",
        "the side chain's transaction: a patient on the main chain",
        "block 6: transaction `0`: the transaction belongs to the other chain",
        |n| n.by("ward", Body::Link(n.link("new", "mei"))).encode(),
    ),
    Kind::side(
        "transaction.chain.main",
        "the main chain's transaction on the side chain",
        "block 6: transaction `0`: the transaction belongs to the other chain",
        |n| storage(n, |_| {}),
    ),
    Kind::main(
        "transaction.author.unknown",
        "an author form that there is not",
        "block 6: transaction `0`: the transaction is malformed: `9` is no author",
        |n| {
            let at = n.by("ward", Body::Storage(n.storage("new"))).body.encode().len() + 33;
            raw(n, |b| b[at] = 9)
        },
    ),
    Kind::main(
        "transaction.author.branch",
        "a branch signs what a session must",
        "block 6: transaction `0`: this kind of transaction is signed by a session",
        |n| n.by_branch(1, Body::Storage(n.storage("new"))).encode(),
    ),
    Kind::main(
        "transaction.author.session",
        "a session signs what a branch must",
        "block 6: transaction `0`: this kind of transaction is signed by a branch",
        |n| n.by("ward", Body::Access(log(3, 5))).encode(),
    ),
    Kind::main(
        "transaction.author.registry",
        "a session signs what members of staff must",
        "block 6: transaction `0`: this kind of transaction is signed by members of staff",
        |n| {
            n.by("admin-a", Body::Registry(Registry { version: 3, entry: RegistryEntry::Suites(1) })).encode()
        },
    ),
    Kind::main(
        "transaction.replayed",
        "the bytes of a record that is there already",
        "block 6: transaction `0`: the record's version must be one more than the last one",
        |n| n.by("ward", Body::Storage(n.storage("b"))).encode(),
    ),
    Kind::new(
        "transaction.doubled-in-block",
        "the same bytes twice in one certified block (CVE-2012-2459)",
        "block 6: transaction `1`: the record's version must be one more than the last one",
        |c| {
            let one = storage(&c.network, |_| {});
            together(c, &[one.clone(), one])
        },
    ),
];

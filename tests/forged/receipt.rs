//! Custody receipts: every field of what a branch signed for changed, and the receipts of a record dropped, doubled,
//! swapped and taken from elsewhere. The author signs the transaction in each case, and a quorum certifies it.

use super::{case::Kind, network::Network};
use wardline_crypto::{Digest, Signature};
use wardline_ledger::{Body, BranchId, Canonical, Custody, Receipt, Storage};

/// A storage transaction over receipts that were changed.
fn storage(n: &Network, edit: impl FnOnce(&mut Storage)) -> Vec<u8> {
    let mut body = n.storage("new");
    edit(&mut body);
    n.by("ward", Body::Storage(body)).encode()
}

/// The receipt of branch 2 for something else than the transaction says.
fn other_custody(n: &Network, edit: impl FnOnce(&mut Custody)) -> Vec<u8> {
    storage(n, |s| {
        let mut custody = s.custody(n.id);
        edit(&mut custody);
        s.receipts[1] = Receipt::signed(&custody, BranchId(2), &n.keys().key("signing 2"));
    })
}

/// The receipt of branch 2 with a key of the forger's choice.
fn other_key(n: &Network, name: &str) -> Vec<u8> {
    storage(n, |s| {
        s.receipts[1] = Receipt::signed(&s.custody(n.id), BranchId(2), &n.keys().key(name));
    })
}

/// Receipts of these branches, each by its own key.
fn held_by(n: &Network, branches: &[u16]) -> Vec<u8> {
    storage(n, |s| *s = n.held_by(s.clone(), branches))
}

pub const KINDS: &[Kind] = &[
    Kind::main(
        "receipt.network.other",
        "signed for another network",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.network = Digest::ZERO),
    ),
    Kind::main(
        "receipt.record.other",
        "signed for another record",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.record = n.keys().record("b")),
    ),
    Kind::main(
        "receipt.version.other",
        "signed for another version",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.version = 2),
    ),
    Kind::main(
        "receipt.home.other",
        "signed for another home branch",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.home = BranchId(2)),
    ),
    Kind::main(
        "receipt.pointer.other",
        "signed for another envelope",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.pointer = Digest::of(b"another")),
    ),
    Kind::main(
        "receipt.size.other",
        "signed for another size",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_custody(n, |custody| custody.size += 1),
    ),
    Kind::main(
        "receipt.branch.other",
        "one branch's receipt under another's name",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| storage(n, |s| s.receipts[1].branch = BranchId(3)),
    ),
    Kind::main(
        "receipt.branch.unknown",
        "a branch that there is not",
        "block 6: transaction `0`: a receipt is not of an active trusted branch",
        |n| storage(n, |s| s.receipts[1].branch = BranchId(99)),
    ),
    Kind::main(
        "receipt.branch.untrusted",
        "a research institute says that it holds a record",
        "block 6: transaction `0`: a receipt is not of an active trusted branch",
        |n| held_by(n, &[1, 5]),
    ),
    Kind::main(
        "receipt.home.dropped",
        "not held where it was made",
        "block 6: transaction `0`: the record's own branch must have signed that it holds it",
        |n| held_by(n, &[2, 3]),
    ),
    Kind::main(
        "receipt.dropped",
        "one holder less than the policy asks for",
        "block 6: transaction `0`: at least 2 branches must have signed that they hold the record",
        |n| held_by(n, &[1]),
    ),
    Kind::main(
        "receipt.all-dropped",
        "nobody holds it",
        "block 6: transaction `0`: at least 2 branches must have signed that they hold the record",
        |n| held_by(n, &[]),
    ),
    Kind::main(
        "receipt.doubled",
        "one holder counted twice (tough CVE-2020-15093)",
        "block 6: transaction `0`: the transaction is malformed: the receipts are not strictly ascending",
        |n| storage(n, |s| s.receipts[1] = s.receipts[0]),
    ),
    Kind::main(
        "receipt.doubled-under-other-name",
        "one holder's signature under two names",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| storage(n, |s| s.receipts[1].signature = s.receipts[0].signature),
    ),
    Kind::main(
        "receipt.swapped",
        "receipts in another order",
        "block 6: transaction `0`: the transaction is malformed: the receipts are not strictly ascending",
        |n| storage(n, |s| s.receipts.reverse()),
    ),
    Kind::main(
        "receipt.swapped-signatures",
        "two signatures change places",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| {
            storage(n, |s| {
                let first = s.receipts[0].signature;
                s.receipts[0].signature = s.receipts[1].signature;
                s.receipts[1].signature = first;
            })
        },
    ),
    Kind::main(
        "receipt.signature.changed",
        "one bit of the signature",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| {
            storage(n, |s| {
                let mut bytes = *s.receipts[1].signature.bytes();
                bytes[0] ^= 1;
                s.receipts[1].signature = Signature::from_bytes(bytes);
            })
        },
    ),
    Kind::main(
        "receipt.signature.zero",
        "64 zero bytes",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| storage(n, |s| s.receipts[1].signature = Signature::from_bytes([0; 64])),
    ),
    Kind::main(
        "receipt.key.author",
        "signed by who wrote the record",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_key(n, "ward"),
    ),
    Kind::main(
        "receipt.key.neighbour",
        "signed by another branch",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| other_key(n, "signing 1"),
    ),
    Kind::main(
        "receipt.other-record",
        "the receipts of a record that is kept",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| storage(n, |s| s.receipts = n.storage("a").receipts),
    ),
    Kind::main(
        "receipt.earlier-version",
        "the receipts of the version before",
        "block 6: transaction `0`: a receipt's signature does not hold for this record",
        |n| {
            let first = n.storage("b");
            n.by("ward", Body::Storage(Storage { version: 2, ..first })).encode()
        },
    ),
];

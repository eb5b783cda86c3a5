//! What auditors say of the sealed records: verdicts that a quorum certifies against the rules.

use super::{case::Kind, network::Network};
use wardline_crypto::Digest;
use wardline_ledger::{Body, BranchId, Canonical, Lack, Named, Verdict};

/// An auditor's verdict on the first five blocks, changed before it was signed.
fn verdict(n: &Network, edit: impl FnOnce(&mut Verdict)) -> Vec<u8> {
    let mut body = Verdict {
        since: 4,
        height: 5,
        digest: Digest::ZERO,
        records: 4,
        bad: 0,
        unheard: 0,
        named: Vec::new(),
    };
    edit(&mut body);
    n.by("auditor", Body::Verdict(body)).encode()
}

/// The same with one altered copy of a record.
fn naming(n: &Network, record: &str, branch: u16) -> Vec<u8> {
    verdict(n, |v| {
        let record = n.keys().record(record);
        (v.bad, v.named) = (1, vec![Named { record, branch: BranchId(branch), lack: Lack::Altered }]);
    })
}

pub const KINDS: &[Kind] = &[
    Kind::main(
        "verdict.height",
        "a verdict on a block that is not there yet",
        "block 6: transaction `0`: a verdict is about blocks before its own",
        |n| verdict(n, |v| v.height = 6),
    ),
    Kind::main(
        "verdict.since",
        "copies fetched after the block that it is about",
        "block 6: transaction `0`: a verdict is about blocks before its own",
        |n| verdict(n, |v| v.since = 6),
    ),
    Kind::main(
        "verdict.counts.more",
        "a bad copy that it does not name",
        "block 6: transaction `0`: the verdict's counts are not those of its list",
        |n| verdict(n, |v| v.bad = 1),
    ),
    Kind::main(
        "verdict.counts.largest",
        "counts that together are no number",
        "block 6: transaction `0`: the verdict's counts are not those of its list",
        |n| verdict(n, |v| (v.bad, v.unheard) = (u64::MAX, 1)),
    ),
    Kind::main(
        "verdict.record",
        "a copy of a record that there is not",
        "block 6: transaction `0`: the verdict names a record that is not on this chain",
        |n| naming(n, "nowhere", 1),
    ),
    Kind::main(
        "verdict.branch",
        "a copy at a research institute",
        "block 6: transaction `0`: the verdict names a participant that keeps no records",
        |n| naming(n, "b", 5),
    ),
    Kind::main(
        "verdict.doubled",
        "one copy named twice",
        "block 6: transaction `0`: the transaction is malformed: the named copies are not strictly ascending",
        |n| {
            verdict(n, |v| {
                let named = Named { record: n.keys().record("b"), branch: BranchId(1), lack: Lack::Missing };
                (v.bad, v.named) = (2, vec![named; 2]);
            })
        },
    ),
    Kind::main(
        "verdict.unsigned",
        "the block's digest changed after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let mut bytes = verdict(n, |_| {});
            bytes[34 + 16] ^= 1;
            bytes
        },
    ),
];

//! Headers: every field changed, with the honest certificate left and with a quorum's new one; headers from elsewhere.

use super::case::{Case, Item, Kind, shorten};
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain};

/// Changes the header's bytes of block 5.
fn raw(case: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    case.main(|x| edit(&mut x.block(5).header))
}

pub const KINDS: &[Kind] = &[
    Kind::new(
        "header.parent.changed",
        "one bit of the parent",
        "block 5: the header after height `4` does not follow: the block does not name the block before as its parent",
        |c| raw(c, |bytes| bytes[0] ^= 1),
    ),
    Kind::new(
        "header.parent.zero",
        "a second genesis: no parent",
        "block 5: the header after height `4` does not follow: the block does not name the block before as its parent",
        |c| c.main(|x| x.header(5, |h| h.parent = Digest::ZERO)),
    ),
    Kind::new(
        "header.parent.grandparent",
        "the block before is passed over (cometbft #2252: LastBlockID unchecked)",
        "block 5: the header after height `4` does not follow: the block does not name the block before as its parent",
        |c| c.main(|x| x.header(5, |h| h.parent = c.main.block(3).header.digest())),
    ),
    Kind::new(
        "header.parent.resigned",
        "another parent, certified by a quorum (cometbft #2252)",
        "block 5: the header after height `4` does not follow: the block does not name the block before as its parent",
        |c| c.resigned(|h| h.parent = Digest::of(b"another")),
    ),
    Kind::new(
        "header.height.above",
        "a height is left out",
        "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`",
        |c| c.main(|x| x.header(5, |h| h.height = 6)),
    ),
    Kind::new(
        "header.height.repeated",
        "a height comes twice",
        "block 5: the header after height `4` does not follow: the block's height is `4`, not `5`",
        |c| c.main(|x| x.header(5, |h| h.height = 4)),
    ),
    Kind::new(
        "header.height.zero",
        "the height of the genesis block",
        "block 5: the header after height `4` does not follow: the block's height is `0`, not `5`",
        |c| c.main(|x| x.header(5, |h| h.height = 0)),
    ),
    Kind::new(
        "header.height.largest",
        "the largest height there is",
        "block 5: the header after height `4` does not follow: the block's height is `18446744073709551615`, not `5`",
        |c| c.main(|x| x.header(5, |h| h.height = u64::MAX)),
    ),
    Kind::new(
        "header.height.resigned",
        "another height, certified by a quorum",
        "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`",
        |c| c.resigned(|h| h.height = 6),
    ),
    Kind::new(
        "header.version.next",
        "a version that this build does not know",
        "block 5: a header after height `4` is malformed: `2` is no header version",
        |c| c.main(|x| x.header(5, |h| h.version = 2)),
    ),
    Kind::new(
        "header.version.zero",
        "no version",
        "block 5: a header after height `4` is malformed: `0` is no header version",
        |c| c.resigned(|h| h.version = 0),
    ),
    Kind::new(
        "header.network.changed",
        "another network's identity",
        "block 5: the header after height `4` does not follow: the block is of another network",
        |c| c.main(|x| x.header(5, |h| h.network = Digest::ZERO)),
    ),
    Kind::new(
        "header.network.resigned",
        "another network's identity, certified by a quorum (tendermintx #34: chain id unchecked)",
        "block 5: the header after height `4` does not follow: the block is of another network",
        |c| c.resigned(|h| h.network = c.other().0.id),
    ),
    Kind::new(
        "header.chain.changed",
        "the other chain's number",
        "block 5: the header after height `4` does not follow: the block is of the other chain",
        |c| c.main(|x| x.header(5, |h| h.chain = Chain::Side)),
    ),
    Kind::new(
        "header.chain.unknown",
        "a third chain",
        "block 5: a header after height `4` is malformed: `3` is no chain",
        |c| raw(c, |bytes| bytes[74] = 3),
    ),
    Kind::new(
        "header.chain.resigned",
        "the other chain's number, certified by a quorum (tendermintx #34)",
        "block 5: the header after height `4` does not follow: the block is of the other chain",
        |c| c.resigned(|h| h.chain = Chain::Side),
    ),
    Kind::new(
        "header.epoch.next",
        "the epoch after",
        "block 5: the header after height `4` does not follow: the block's epoch is not that of its height",
        |c| c.main(|x| x.header(5, |h| h.epoch = 2)),
    ),
    Kind::new(
        "header.epoch.before",
        "the epoch before, whose validators differ",
        "block 5: the header after height `4` does not follow: the block's epoch is not that of its height",
        |c| c.main(|x| x.header(5, |h| h.epoch = 0)),
    ),
    Kind::new(
        "header.epoch.resigned",
        "another epoch than its height's, certified by a quorum",
        "block 5: the header after height `4` does not follow: the block's epoch is not that of its height",
        |c| c.resigned(|h| h.epoch = 2),
    ),
    Kind::new(
        "header.time.before",
        "a second before its parent",
        "block 5: the header after height `4` does not follow: the block's time is before its parent's",
        |c| c.main(|x| x.header(5, |h| h.time_s = c.main.block(4).header.time_s - 1)),
    ),
    Kind::new(
        "header.time.before-resigned",
        "before its parent, certified by a quorum (GHSA-c32p-wcqj-j677: block time from elsewhere than what was signed)",
        "block 5: the header after height `4` does not follow: the block's time is before its parent's",
        |c| c.resigned(|h| h.time_s = c.main.block(4).header.time_s - 1),
    ),
    Kind::new(
        "header.time.zero-resigned",
        "1970, certified by a quorum",
        "block 5: the header after height `4` does not follow: the block's time is before its parent's",
        |c| c.resigned(|h| h.time_s = 0),
    ),
    Kind::new(
        "header.time.later",
        "a second later than what was signed (GHSA-c32p-wcqj-j677)",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.header(5, |h| h.time_s += 1)),
    ),
    Kind::new(
        "header.time.latest",
        "the latest time there is",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.header(5, |h| h.time_s = u64::MAX)),
    ),
    Kind::new(
        "header.count.more",
        "one transaction more than signed",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.header(5, |h| h.transactions += 1)),
    ),
    Kind::new(
        "header.count.zero",
        "no transactions",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.header(5, |h| h.transactions = 0)),
    ),
    Kind::new(
        "header.count.more-resigned",
        "one transaction more than the body has, certified by a quorum",
        "block 5: its body is not the one that the certified header commits to: it has `2` transactions, the header names `3`",
        |c| c.resigned(|h| h.transactions += 1),
    ),
    Kind::new(
        "header.count.largest-resigned",
        "four billion transactions, certified by a quorum",
        "block 5: its body is not the one that the certified header commits to: it has `2` transactions, the header names `4294967295`",
        |c| c.resigned(|h| h.transactions = u32::MAX),
    ),
    Kind::new(
        "header.root.changed",
        "one bit of the transaction root",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| raw(c, |bytes| bytes[95] ^= 1),
    ),
    Kind::new(
        "header.root.resigned",
        "another transaction root, certified by a quorum",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.resigned(|h| h.transaction_root = Digest::ZERO),
    ),
    Kind::new(
        "header.root.neighbour-resigned",
        "the transaction root of the block before, certified by a quorum",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.resigned(|h| h.transaction_root = c.main.block(4).header.transaction_root),
    ),
    Kind::new(
        "header.root.of-nothing-resigned",
        "the root of no transactions, certified by a quorum",
        "block 5: its body is not the one that the certified header commits to: its transactions do not lead to the header's transaction root",
        |c| c.resigned(|h| h.transaction_root = Digest::of(b"")),
    ),
    Kind::new(
        "header.state.changed",
        "one bit of the state root",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| raw(c, |bytes| bytes[158] ^= 1),
    ),
    Kind::new(
        "header.state.resigned",
        "another state, certified by a quorum (GHSA-f3w5: a lunatic header)",
        "block 5: the block's state root is not what its transactions lead to",
        |c| c.resigned(|h| h.state_root = Digest::of(b"another state")),
    ),
    Kind::new(
        "header.state.replayed-resigned",
        "the state of the block before again, certified by a quorum: as if nothing had happened",
        "block 5: the block's state root is not what its transactions lead to",
        |c| c.resigned(|h| h.state_root = c.main.block(4).header.state_root),
    ),
    Kind::new(
        "header.state.genesis-resigned",
        "the first state again, certified by a quorum",
        "block 5: the block's state root is not what its transactions lead to",
        |c| c.resigned(|h| h.state_root = c.main.block(0).header.state_root),
    ),
    Kind::new(
        "header.state.other-chain-resigned",
        "the side chain's state, certified by a quorum",
        "block 5: the block's state root is not what its transactions lead to",
        |c| c.resigned(|h| h.state_root = c.side.block(5).header.state_root),
    ),
    Kind::new(
        "header.swapped.roots",
        "transaction root and state root change places",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.header(5, |h| std::mem::swap(&mut h.transaction_root, &mut h.state_root))),
    ),
    Kind::new(
        "header.swapped.epoch-and-time",
        "two numbers change places",
        "block 5: the header after height `4` does not follow: the block's epoch is not that of its height",
        |c| c.main(|x| x.header(5, |h| std::mem::swap(&mut h.epoch, &mut h.time_s))),
    ),
    Kind::new(
        "header.neighbour",
        "the header before in its place",
        "block 5: the header after height `4` does not follow: the block's height is `4`, not `5`",
        |c| c.main(|x| x.block(5).header = c.main.block(4).header.encode()),
    ),
    Kind::new(
        "header.other-epoch",
        "the header of the epoch after in its place",
        "block 5: the header after height `4` does not follow: the block's height is `9`, not `5`",
        |c| c.main(|x| x.block(5).header = c.main.block(9).header.encode()),
    ),
    Kind::new(
        "header.other-chain",
        "the side chain's header of this height",
        "block 5: the header after height `4` does not follow: the block is of the other chain",
        |c| c.main(|x| x.block(5).header = c.side.block(5).header.encode()),
    ),
    Kind::new(
        "header.other-network",
        "another network's header of this height",
        "block 5: the header after height `4` does not follow: the block is of another network",
        |c| c.main(|x| x.block(5).header = c.other().1.block(5).header.encode()),
    ),
    Kind::new(
        "header.other-branch",
        "the header of a history that nobody agreed on, under the honest certificate",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.main(|x| x.block(5).header = c.fork(&[]).block(5).header.encode()),
    ),
    Kind::new(
        "header.dropped",
        "no bytes",
        "block 5: a header after height `4` is malformed: the bytes end inside `digest`",
        |c| raw(c, Vec::clear),
    ),
    Kind::new(
        "header.truncated",
        "the last byte is missing",
        "block 5: a header after height `4` is malformed: the bytes end inside `digest`",
        |c| raw(c, shorten),
    ),
    Kind::new(
        "header.half",
        "the first half",
        "block 5: a header after height `4` is malformed: the bytes end inside `epoch`",
        |c| raw(c, |bytes| bytes.truncate(80)),
    ),
    Kind::new(
        "header.extended",
        "one byte more",
        "block 5: a header after height `4` is malformed: `1` bytes follow the value",
        |c| raw(c, |bytes| bytes.push(0)),
    ),
    Kind::new(
        "header.doubled",
        "twice the bytes",
        "block 5: a header after height `4` is malformed: `159` bytes follow the value",
        |c| raw(c, |bytes| bytes.extend_from_within(..)),
    ),
];

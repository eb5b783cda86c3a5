//! Whole histories: the past rewritten by who owns none, one, two or all of the keys that certify it, two blocks at one
//! height, blocks and records left out.

use super::{
    case::{Case, Item, Kind},
    export::Export,
    honest::{Growing, change},
};
use wardline_crypto::Digest;
use wardline_ledger::{Body, Canonical, Chain, Storage, Transaction, transaction_root};

/// The honest main chain with another pointer in the second record of block 1, every root and link made to fit, and
/// certified anew by these validators.
fn rewritten(c: &Case, signers: &[usize]) -> Item {
    c.main(|x| {
        rewrite(c, x);
        x.relink(&c.network, &c.main, 2, signers);
        if !signers.is_empty() {
            x.certify(&c.network, &c.main, 1, signers);
        }
    })
}

fn rewrite(c: &Case, x: &mut Export) {
    let other = Storage { pointer: Digest::of(b"another envelope"), ..c.network.storage("b") };
    let other = c.network.by("ward", Body::Storage(c.network.held_by(other, &[1, 2]))).encode();
    let transactions = [c.main.block(1).transactions[0].clone(), other.clone()];
    x.body(1, |t| t[1] = other);
    x.header(1, |h| h.transaction_root = transaction_root(&transactions));
}

/// The past, by who owns none, one or two of the four keys that certify it, or all.
pub const REWRITES: &[Kind] = &[
    Kind::new(
        "rewrite.no-keys",
        "a record of the first block replaced, everything linked anew, the old certificates",
        "block 1: height `1` is not certified: the certificate is of another block",
        |c| rewritten(c, &[]),
    ),
    Kind::new(
        "rewrite.no-keys-unlinked",
        "a record of the first block replaced and nothing else",
        "block 1: height `1` is not certified: the certificate is of another block",
        |c| c.main(|x| rewrite(c, x)),
    ),
    Kind::new(
        "rewrite.one-key",
        "the same, certified by an administrator's own validator",
        "block 1: height `1` is not certified: `1` validators signed, `3` must",
        |c| rewritten(c, &[0]),
    ),
    Kind::new(
        "rewrite.two-keys",
        "the same, certified by two of four",
        "block 1: height `1` is not certified: `2` validators signed, `3` must",
        |c| rewritten(c, &[0, 1]),
    ),
    Kind::new(
        "rewrite.two-keys-and-a-name",
        "the same, and one of the two signs once more as a third",
        "block 1: height `1` is not certified: the signature of branch `3` does not hold",
        |c| {
            c.main(|x| {
                rewrite(c, x);
                x.certify(&c.network, &c.main, 1, &[0, 1]);
                x.vote(1, |v| {
                    (v.bitmap, v.count) = (vec![0b0111], vec![3]);
                    v.signatures.push(v.signatures[0]);
                });
                x.cut(1);
            })
        },
    ),
    Kind::new(
        "rewrite.two-keys.newest",
        "only the newest block, by two of four",
        "block 13: height `13` is not certified: `2` validators signed, `3` must",
        |c| {
            c.main(|x| {
                x.header(13, |h| h.time_s += 1);
                x.certify(&c.network, &c.main, 13, &[0, 1]);
            })
        },
    ),
    Kind::new(
        "rewrite.two-keys.uncertified-block",
        "a block without a certificate of its own, and the next by two of four",
        "block 9: height `9` is not certified: `2` validators signed, `3` must",
        |c| {
            c.main(|x| {
                x.header(8, |h| h.time_s += 1);
                x.relink(&c.network, &c.main, 9, &[0, 1]);
            })
        },
    ),
    Kind::new(
        "rewrite.quorum.one-block",
        "equivocation: a quorum certified two blocks, and the honest chain goes on from the other",
        "block 6: the header after height `5` does not follow: the block does not name the block before as its parent",
        |c| c.main(|x| x.replace(5, c.fork(&[0, 1, 2]).block(5))),
    ),
    Kind::new(
        "rewrite.quorum.uncertified-block",
        "another block where the honest one has no certificate of its own",
        "block 9: the header after height `8` does not follow: the block does not name the block before as its parent",
        |c| c.main(|x| x.header(8, |h| h.time_s += 1)),
    ),
    Kind::new(
        "rewrite.quorum.past-epoch",
        "an epoch's end rewritten by its quorum; the validators after it certify the honest chain",
        "block 4: the header after height `3` does not follow: the block does not name the block before as its parent",
        |c| {
            c.main(|x| {
                x.header(3, |h| h.time_s += 1);
                x.certify(&c.network, &c.main, 3, &[0, 1, 2]);
            })
        },
    ),
    Kind::new(
        "rewrite.quorum.retired-keys",
        "the next epoch too, with the keys that signed before: a key given up signs no more",
        "block 5: height `5` is not certified: the signature of branch `2` does not hold",
        |c| {
            c.main(|x| {
                x.header(3, |h| h.time_s += 1);
                x.certify(&c.network, &c.main, 3, &[0, 1, 2]);
                let parent = Digest::of(&x.block(3).header);
                x.header(4, |h| h.parent = parent);
                let parent = Digest::of(&x.block(4).header);
                x.header(5, |h| h.parent = parent);
                let digest = Digest::of(&x.block(5).header);
                let vote = c.network.vote(Chain::Main, &c.main.set(1), &[0, 1, 2], 1, digest);
                x.block(5).certificate = Some(vote.encode());
                x.cut(5);
            })
        },
    ),
    Kind::new(
        "rewrite.quorum.record-omitted",
        "a quorum certifies block 4 without its record, and the state with it",
        "block 4: the block's state root is not what its transactions lead to",
        |c| {
            c.main(|x| {
                x.body(4, Vec::clear);
                x.header(4, |h| (h.transactions, h.transaction_root) = (0, transaction_root(&[])));
                x.relink(&c.network, &c.main, 5, &[0, 1, 2]);
            })
        },
    ),
    Kind::new(
        "rewrite.quorum.record-hidden",
        "a quorum certifies a block whose state lacks one of its records",
        "block 9: the block's state root is not what its transactions lead to",
        |c| {
            c.main(|x| {
                x.header(9, |h| h.state_root = c.main.block(8).header.state_root);
                x.relink(&c.network, &c.main, 10, &[0, 1, 2]);
                x.certify(&c.network, &c.main, 9, &[0, 1, 2]);
            })
        },
    ),
    Kind::new(
        "rewrite.quorum.record-replaced",
        "a quorum certifies a rewritten first block, and the state as it was",
        "block 1: the block's state root is not what its transactions lead to",
        |c| rewritten(c, &[0, 1, 2]),
    ),
    Kind::new(
        "rewrite.quorum.reordered",
        "two registry changes in another order, certified",
        "block 5: transaction `0`: changes of the registry before this one are missing",
        |c| {
            let changes = [3, 2].map(|version| change(&c.network, version).encode());
            let forged = c.main.forged(&c.network, 5, changes.to_vec(), |_| {});
            c.edited(&forged, |_| {})
        },
    ),
    Kind::new(
        "rewrite.quorum.empty-blocks",
        "empty blocks of one second, to wear out who verifies",
        "block 10: an empty block follows another empty one of the same second while no change of validators waits",
        |c| {
            let mut chain = Growing::from(&c.network, &c.main, 8);
            chain.extend(&[], &[0, 1, 2]);
            let chain = chain.done();
            let time = chain.block(9).header.time_s;
            let forged = chain.forged(&c.network, 10, Vec::new(), |h| h.time_s = time);
            c.edited(&forged, |_| {})
        },
    ),
    Kind::new(
        "rewrite.quorum.second-lists-apart",
        "transactions that each hold, of which the second undoes the first's ground",
        "block 6: transaction `1`: the author is not active any more",
        |c| {
            let leave = c.network.approved(
                &["admin-a", "admin-b"],
                c.network.changed("ward", |ward| ward.active = false),
                3,
            );
            let write = c.network.by("ward", Body::Storage(c.network.storage("new")));
            c.certified(&c.main, [leave, write].iter().map(Transaction::encode).collect())
        },
    ),
    Kind::new(
        "rewrite.block-omitted",
        "a block is left out and those after it are numbered and linked anew by two of four",
        "block 5: height `5` is not certified: `2` validators signed, `3` must",
        |c| {
            c.main(|x| {
                let at = x.at(5);
                x.lines.remove(at);
                x.head.to = 6;
                x.cut(6);
                for height in 5..=6 {
                    x.block(height).height = height;
                    let parent = Digest::of(&x.block(height - 1).header);
                    x.header(height, |h| (h.parent, h.height) = (parent, height));
                    x.certify(&c.network, &c.main, height, &[0, 1]);
                }
            })
        },
    ),
];

/// Blocks and lines that are not where they belong.
pub const LINES: &[Kind] = &[
    Kind::new("block.dropped", "a block is left out", "block 5: block `6` stands in its place", |c| {
        c.main(|x| {
            let at = x.at(5);
            x.lines.remove(at);
        })
    }),
    Kind::new("block.doubled", "a block comes twice", "block 6: block `5` stands in its place", |c| {
        c.main(|x| {
            let at = x.at(5);
            x.lines.insert(at, x.lines[at].clone());
        })
    }),
    Kind::new("block.swapped", "two blocks change places", "block 5: block `6` stands in its place", |c| {
        c.main(|x| {
            let at = x.at(5);
            x.lines.swap(at, at + 1);
        })
    }),
    Kind::new(
        "block.both",
        "both blocks of an equivocation",
        "block 6: block `5` stands in its place",
        |c| {
            c.main(|x| {
                let mut fork = x.clone();
                fork.replace(5, c.fork(&[0, 1, 2]).block(5));
                let at = x.at(5);
                x.lines.insert(at, fork.lines[at].clone());
            })
        },
    ),
    Kind::new(
        "block.height",
        "a line says another height than its header",
        "block 5: block `6` stands in its place",
        |c| c.main(|x| x.block(5).height = 6),
    ),
    Kind::new("block.genesis.dropped", "no genesis block", "block 0: block `1` stands in its place", |c| {
        c.main(|x| drop(x.lines.remove(0)))
    }),
    Kind::new(
        "block.genesis.changed",
        "another first state",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.header(0, |h| h.state_root = Digest::ZERO)),
    ),
    Kind::new(
        "block.genesis.time",
        "a younger genesis block",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.header(0, |h| h.time_s += 1)),
    ),
    Kind::new(
        "block.genesis.other-chain",
        "the side chain's genesis block",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.block(0).header = c.side.block(0).header.encode()),
    ),
    Kind::new(
        "block.genesis.certified",
        "a genesis block with a certificate",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.block(0).certificate.clone_from(&c.main.block(1).certificate)),
    ),
    Kind::new(
        "block.genesis.no-body",
        "a genesis block without its body",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.block(0).body = None),
    ),
    Kind::new(
        "block.genesis.body",
        "a genesis block with a transaction",
        "block 0: it is not the block that the genesis document leads to",
        |c| c.main(|x| x.block(0).body = Some(c.main.block(1).body())),
    ),
    Kind::new("block.body.missing", "a body is left out", "block 5: its body is missing", |c| {
        c.main(|x| x.block(5).body = None)
    }),
    Kind::new(
        "block.body.too-early",
        "a body that was not announced",
        "block 1: its body is not among those that the first line names",
        |c| c.main(|x| (x.head.from, x.block(1).body) = (2, Some(c.main.block(1).body()))),
    ),
    Kind::new(
        "block.after-end",
        "blocks behind the last announced one that nobody certified",
        "block 8: it and those after it have no certificate",
        |c| {
            c.main(|x| {
                x.cut(9);
                x.block(9).certificate = None;
            })
        },
    ),
    Kind::new(
        "block.only-genesis",
        "nothing but the genesis block, and more is announced",
        "block 1: it says that it goes up to block 13",
        |c| {
            c.main(|x| {
                x.cut(0);
                x.head.to = 13;
            })
        },
    ),
    Kind::new(
        "block.tail-dropped",
        "the newest blocks are left out, and announced",
        "block 10: it says that it goes up to block 13",
        |c| {
            c.main(|x| {
                x.cut(9);
                x.head.to = 13;
            })
        },
    ),
];

//! Validators handed over from epoch to epoch: other sets than the state's, and proofs of something else.

use super::{
    case::{Case, Item, Kind, shorten},
    export::Line,
    proof::absence,
};
use wardline_ledger::{BranchId, Canonical, Chain, Key, ValidatorSet};

/// The set of validators that a forger would like, with the proof as it is.
fn set(c: &Case, edit: impl FnOnce(&mut ValidatorSet)) -> Item {
    c.main(|x| x.set(1, edit))
}

/// Bytes of the handover's proof.
fn handover(c: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    c.main(|x| edit(&mut x.handover(1).proof))
}

/// The value and proof of another key in the handover's place.
fn instead(c: &Case, height: u64, key: Key) -> Item {
    let (_, value, proof) = c.proven_at(&c.main, height, &key.bytes());
    c.main(|x| {
        let line = x.handover(1);
        (line.set, line.proof) = (value.unwrap_or_default(), proof);
    })
}

pub const KINDS: &[Kind] = &[
    Kind::new(
        "handover.set.stranger",
        "a validator of the forger's (ibc-rs #583: the given set is not hashed against the trusted state)",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| s.members[0].1 = c.network.keys().key("forger").public()),
    ),
    Kind::new(
        "handover.set.all-strangers",
        "nobody but the forger's, and blocks that they sign",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| {
            c.main(|x| {
                let keys = c.network.keys();
                let forgers =
                    (1..=4).map(|id| (BranchId(id), keys.validator(Chain::Main, id, 2).public())).collect();
                x.handover(1).set = ValidatorSet::new(forgers).encode();
                for height in 5..=7 {
                    x.vote(height, |vote| {
                        let set = ValidatorSet::new(
                            (1..=4)
                                .map(|id| (BranchId(id), keys.validator(Chain::Main, id, 2).public()))
                                .collect(),
                        );
                        c.network.sign(vote, Chain::Main, &set, &[0, 1, 2]);
                    });
                }
            })
        },
    ),
    Kind::new(
        "handover.set.old",
        "the epoch before's: a key that was given up stays",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| c.main(|x| x.handover(1).set = c.main.set(1).encode()),
    ),
    Kind::new(
        "handover.set.dropped-member",
        "a validator is left out, so that fewer would do",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| shorten(&mut s.members)),
    ),
    Kind::new(
        "handover.set.added-member",
        "a validator more",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| s.members.push((BranchId(6), c.network.keys().validator(Chain::Main, 6, 0).public()))),
    ),
    Kind::new(
        "handover.set.doubled-member",
        "a validator twice (tough CVE-2020-15093)",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| s.members.push(s.members[3])),
    ),
    Kind::new(
        "handover.set.swapped",
        "validators in another order",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| s.members.swap(0, 1)),
    ),
    Kind::new(
        "handover.set.renamed",
        "two branches change keys",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| {
            set(c, |s| {
                let first = s.members[0].0;
                s.members[0].0 = s.members[1].0;
                s.members[1].0 = first;
            })
        },
    ),
    Kind::new(
        "handover.set.none",
        "nobody",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| set(c, |s| s.members.clear()),
    ),
    Kind::new(
        "handover.set.empty",
        "no bytes",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| c.main(|x| x.handover(1).set.clear()),
    ),
    Kind::new(
        "handover.set.truncated",
        "the last byte is missing",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| c.main(|x| shorten(&mut x.handover(1).set)),
    ),
    Kind::new(
        "handover.set.extended",
        "one byte more",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| c.main(|x| x.handover(1).set.push(0)),
    ),
    Kind::new(
        "handover.set.other-epoch",
        "the validators of a later epoch",
        "block 3: the validators of epoch `1` are not proven: the proof is of another value",
        |c| c.main(|x| x.handover(1).set = x.handover(2).set.clone()),
    ),
    Kind::new(
        "handover.set.other-chain",
        "the side chain's, with their proof",
        "block 3: the validators of epoch `1` are not proven: the proof does not lead to this state root",
        |c| {
            let side = c.side.block(3).handover.as_ref().unwrap();
            c.main(|x| {
                let line = x.handover(1);
                (line.set, line.proof) = (side.set.clone(), side.proof.bytes().to_vec());
            })
        },
    ),
    Kind::new(
        "handover.set.other-network",
        "another network's, with their proof",
        "block 3: the validators of epoch `1` are not proven: the proof does not lead to this state root",
        |c| {
            let other = c.other().1.block(3).handover.as_ref().unwrap();
            c.main(|x| {
                let line = x.handover(1);
                (line.set, line.proof) = (other.set.clone(), other.proof.bytes().to_vec());
            })
        },
    ),
    Kind::new(
        "handover.set.proven-elsewhere",
        "the epoch before's, proven under the very same root",
        "block 3: the validators of epoch `1` are not proven: the proof is of another key",
        |c| instead(c, 3, Key::Validators(0)),
    ),
    Kind::new(
        "handover.set.pending",
        "a set that was proposed, proven under another block",
        "block 3: the validators of epoch `1` are not proven: the proof is of another key",
        |c| instead(c, 2, Key::PendingValidators),
    ),
    Kind::new(
        "handover.proof.other-value",
        "the proof of another value of this state",
        "block 3: the validators of epoch `1` are not proven: the proof is of another key",
        |c| {
            let (_, _, proof) = c.proven_at(&c.main, 3, &Key::Policy.bytes());
            c.main(|x| x.handover(1).proof = proof)
        },
    ),
    Kind::new(
        "handover.proof.absence",
        "the proof that there is no such thing",
        "block 3: the validators of epoch `1` are not proven: the proof says that there is no such value",
        |c| {
            let proof = absence(c, 3, |epoch| Key::Validators(epoch).bytes(), 0).1;
            c.main(|x| x.handover(1).proof = proof)
        },
    ),
    Kind::new(
        "handover.proof.absence-by-neighbour",
        "the proof that something else is where it would be",
        "block 3: the validators of epoch `1` are not proven: the proof is of another key",
        |c| {
            let proof = absence(c, 3, |epoch| Key::Validators(epoch).bytes(), 1).1;
            c.main(|x| x.handover(1).proof = proof)
        },
    ),
    Kind::new(
        "handover.proof.other-height",
        "the right proof under an older root",
        "block 3: the validators of epoch `1` are not proven: the proof is of another key",
        |c| {
            let (_, _, proof) = c.proven_at(&c.main, 2, &Key::Validators(0).bytes());
            c.main(|x| x.handover(1).proof = proof)
        },
    ),
    Kind::new(
        "handover.proof.sibling",
        "one bit of a sibling",
        "block 3: the validators of epoch `1` are not proven: the proof does not lead to this state root",
        |c| handover(c, |p| *p.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "handover.proof.empty",
        "no bytes",
        "block 3: the validators of epoch `1` are not proven: the bytes end inside `leaf`",
        |c| handover(c, Vec::clear),
    ),
    Kind::new(
        "handover.proof.truncated",
        "the last byte is missing",
        "block 3: the validators of epoch `1` are not proven: the bytes end inside `sibling`",
        |c| handover(c, shorten),
    ),
    Kind::new(
        "handover.proof.extended",
        "one byte more",
        "block 3: the validators of epoch `1` are not proven: `1` bytes follow the value",
        |c| handover(c, |p| p.push(0)),
    ),
    Kind::new(
        "handover.epoch.next",
        "for a later epoch",
        "block 3: the validators of epoch `1` are missing",
        |c| c.main(|x| x.handover(1).epoch = 2),
    ),
    Kind::new(
        "handover.epoch.before",
        "for an epoch that is over",
        "block 3: the validators of epoch `1` are missing",
        |c| c.main(|x| x.handover(1).epoch = 0),
    ),
    Kind::new(
        "handover.dropped",
        "nobody is handed over",
        "block 3: the validators of epoch `1` are missing",
        |c| {
            c.main(|x| {
                let at = x.handover_at(1);
                x.lines.remove(at);
            })
        },
    ),
    Kind::new(
        "handover.doubled",
        "handed over twice",
        "block 4: validators are handed over where no epoch ends",
        |c| {
            c.main(|x| {
                let at = x.handover_at(1);
                x.lines.insert(at, x.lines[at].clone());
            })
        },
    ),
    Kind::new(
        "handover.swapped",
        "two handovers change places",
        "block 3: the validators of epoch `1` are missing",
        |c| {
            c.main(|x| {
                let (first, second) = (x.handover_at(1), x.handover_at(2));
                x.lines.swap(first, second);
            })
        },
    ),
    Kind::new(
        "handover.early",
        "handed over before the epoch's last block",
        "block 3: validators are handed over where no epoch ends",
        |c| {
            c.main(|x| {
                let at = x.handover_at(1);
                x.lines.swap(at - 1, at);
            })
        },
    ),
    Kind::new(
        "handover.within",
        "handed over once more within an epoch",
        "block 6: validators are handed over where no epoch ends",
        |c| {
            c.main(|x| {
                let (at, line) = (x.at(5) + 1, x.lines[x.handover_at(1)].clone());
                x.lines.insert(at, line);
            })
        },
    ),
    Kind::new(
        "handover.first",
        "handed over before any block",
        "block 0: validators are handed over where no epoch ends",
        |c| {
            c.main(|x| {
                let line: Line = x.lines[x.handover_at(1)].clone();
                x.lines.insert(0, line);
            })
        },
    ),
];

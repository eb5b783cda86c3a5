//! Evidence: files that accuse the innocent, or prove what never was. Whoever writes one may own a console and even a
//! branch; who reads it has the network's identity alone.

use super::{
    case::{Case, Item, Kind, shorten},
    network::NOW,
};
use wardline_crypto::{Digest, Domain, Signature, merkle};
use wardline_ledger::{
    Answer, BranchId, Canonical, Chain, Grant, Header, SignedAnswer, SignedTip, Step,
    evidence::{Answered, Evidence, FinalBlock, Included, Kind as Claim, Part, Witness},
};
use wardline_wire::{Block, RequestLine, evidence::write};

/// The claims of which an honest file is accepted.
pub const CLAIMS: &[Claim] =
    &[Claim::Fork, Claim::Inclusion, Claim::Contradiction, Claim::Rollback, Claim::Forged];

/// A file that holds, of one of the claims that need no liar's help; then changed.
fn file(c: &Case, claim: Claim, edit: impl FnOnce(&mut Evidence)) -> Item {
    sealed(c, claim, edit, |_| {})
}

/// The same with another last line.
fn sealed(
    c: &Case,
    claim: Claim,
    edit: impl FnOnce(&mut Evidence),
    witness: impl FnOnce(&mut Witness),
) -> Item {
    Item::Evidence(seal(c, &made(c, claim, edit), witness))
}

/// The bytes of the file, changed.
fn bytes(c: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    let mut bytes = honest(c, Claim::Fork);
    edit(&mut bytes);
    Item::Evidence(bytes)
}

/// A file that holds.
pub fn honest(c: &Case, claim: Claim) -> Vec<u8> {
    seal(c, &made(c, claim, |_| {}), |_| {})
}

fn seal(c: &Case, evidence: &Evidence, edit: impl FnOnce(&mut Witness)) -> Vec<u8> {
    let grant = c.network.grant("ward");
    let session = c.network.keys().key("session of ward");
    write(evidence, |sum| {
        let signature = session.sign(Domain::Evidence, &Witness::signed_bytes(&sum, NOW));
        let mut witness =
            Witness { sum, seen_s: NOW, grant: grant.encode(), signature: signature.bytes().to_vec() };
        edit(&mut witness);
        (evidence.kind != Claim::Inclusion).then_some(witness)
    })
}

fn made(c: &Case, claim: Claim, edit: impl FnOnce(&mut Evidence)) -> Evidence {
    let parts = match claim {
        Claim::Inclusion => vec![block(c, 5), included(c, 1)],
        Claim::Contradiction => vec![block(c, 5), tip(c, 5, Digest::of(b"another"), NOW)],
        Claim::Rollback => vec![tip(c, 9, Digest::of(b"nine"), NOW), tip(c, 5, Digest::of(b"five"), NOW + 1)],
        Claim::Forged => vec![answered(c, |_| {}, |_| {})],
        _ => vec![block(c, 5), forked(c)],
    };
    let mut evidence = Evidence {
        kind: claim,
        network: c.network.id,
        chain: Chain::Main,
        genesis: c.network.genesis.encode(),
        steps: vec![step(c, 1)],
        members: Vec::new(),
        parts,
        witness: None,
    };
    edit(&mut evidence);
    evidence
}

/// The change of validators to an epoch.
fn step(c: &Case, epoch: u64) -> (u64, Step) {
    let last = c.main.block(epoch * super::network::EPOCH - 1);
    let handover = last.handover.as_ref().unwrap();
    let step = Step {
        header: last.header.encode(),
        certificate: last.certificate.clone().unwrap(),
        set: handover.set.clone(),
        proof: handover.proof.bytes().to_vec(),
    };
    (epoch, step)
}

/// A block of the honest main chain that has a certificate.
fn block(c: &Case, height: u64) -> Part {
    let block = c.main.block(height);
    Part::Block(FinalBlock {
        headers: vec![block.header.encode()],
        certificate: block.certificate.clone().unwrap(),
    })
}

/// The other block of height 5.
fn forked(c: &Case) -> Part {
    let fork = c.fork(&[0, 1, 2]);
    let block = fork.block(5);
    Part::Block(FinalBlock {
        headers: vec![block.header.encode()],
        certificate: block.certificate.clone().unwrap(),
    })
}

/// A transaction of block 5.
fn included(c: &Case, index: usize) -> Part {
    let transactions = &c.main.block(5).transactions;
    let leaves: Vec<Digest> = transactions.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
    Part::Transaction(Included {
        transaction: transactions[index].clone(),
        index: index as u64,
        inclusion: merkle::inclusion_proof(&leaves, index),
    })
}

/// A tip of branch 3.
fn tip(c: &Case, height: u64, digest: Digest, time_s: u64) -> Part {
    let key = c.network.keys().key("signing 3");
    Part::Tip(SignedTip::sign(&key, c.network.id, Chain::Main, BranchId(3), height, digest, time_s).encode())
}

/// Branch 3 answers with block 5 and a certificate that nobody gave it.
fn answered(c: &Case, served: impl FnOnce(&mut Block), said: impl FnOnce(&mut Answer)) -> Part {
    let honest = c.main.block(5);
    let mut certificate = honest.certificate.clone().unwrap();
    *certificate.last_mut().unwrap() ^= 1;
    let mut block = Block {
        header: honest.header.encode().into(),
        body: honest.body().into(),
        certificate: Some(certificate.into()),
    };
    served(&mut block);
    let body = serde_json::to_vec(&block).unwrap();
    let request = RequestLine {
        network: &c.network.id,
        branch: 3,
        boot: &[7; 16],
        counter: 1,
        min_main: 0,
        min_side: 0,
        method: "GET",
        target: "/v1/main/blocks/5",
        body: b"",
    }
    .bytes();
    let mut answer = Answer {
        network: c.network.id,
        branch: BranchId(3),
        request: Digest::of(&request),
        part: 0,
        status: 200,
        body: Digest::of(&body),
        time_s: NOW,
    };
    said(&mut answer);
    let answer = SignedAnswer::sign(&c.network.keys().key("signing 3"), answer).encode();
    Part::Answer(Answered { answer, request, asked: Vec::new(), body })
}

fn blocks(part: &mut Part) -> &mut FinalBlock {
    match part {
        Part::Block(block) => block,
        _ => unreachable!(),
    }
}

fn transaction(part: &mut Part) -> &mut Included {
    match part {
        Part::Transaction(included) => included,
        _ => unreachable!(),
    }
}

fn answer(part: &mut Part) -> &mut Answered {
    match part {
        Part::Answer(answered) => answered,
        _ => unreachable!(),
    }
}

fn tipped(part: &mut Part) -> &mut Vec<u8> {
    match part {
        Part::Tip(bytes) => bytes,
        _ => unreachable!(),
    }
}

pub const KINDS: &[Kind] = &[
    Kind::new("evidence.fork.same", "one block twice", "the two blocks are the same one", |c| {
        file(c, Claim::Fork, |e| e.parts[1] = block(c, 5))
    }),
    Kind::new(
        "evidence.fork.heights",
        "two blocks of the same chain",
        "the two blocks are of heights `5` and `6`, which is no fork",
        |c| file(c, Claim::Fork, |e| e.parts[1] = block(c, 6)),
    ),
    Kind::new(
        "evidence.fork.two-signers",
        "a fork that two of four made up",
        "a block is not final: height `5` is not certified: `2` validators signed, `3` must",
        |c| {
            file(c, Claim::Fork, |e| {
                let fork = c.fork(&[0, 1]);
                blocks(&mut e.parts[1]).certificate = fork.block(5).certificate.clone().unwrap();
            })
        },
    ),
    Kind::new(
        "evidence.fork.bogus-signer",
        "a third signature that its owner never gave (cometbft #1749: bogus signatures in evidence)",
        "a block is not final: height `5` is not certified: the signature of branch `3` does not hold",
        |c| file(c, Claim::Fork, |e| *blocks(&mut e.parts[1]).certificate.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.fork.other-header",
        "a made-up header over an honest certificate (GHSA-f3w5: a lunatic header)",
        "a block is not final: height `5` is not certified: the certificate is of another block",
        |c| {
            file(c, Claim::Fork, |e| {
                let block = blocks(&mut e.parts[1]);
                let header = Header::decode(&block.headers[0]).unwrap();
                block.headers[0] = Header { time_s: header.time_s + 1, ..header }.encode();
            })
        },
    ),
    Kind::new(
        "evidence.fork.other-chain",
        "the side chain's block of this height",
        "a block is not final: the header of height `5` is of another network or chain",
        |c| {
            file(c, Claim::Fork, |e| {
                let side = c.side.block(5);
                *blocks(&mut e.parts[1]) = FinalBlock {
                    headers: vec![side.header.encode()],
                    certificate: side.certificate.clone().unwrap(),
                };
            })
        },
    ),
    Kind::new(
        "evidence.fork.other-network",
        "another network's block of this height",
        "a block is not final: the header of height `5` is of another network or chain",
        |c| {
            file(c, Claim::Fork, |e| {
                let other = c.other().1.block(5);
                *blocks(&mut e.parts[1]) = FinalBlock {
                    headers: vec![other.header.encode()],
                    certificate: other.certificate.clone().unwrap(),
                };
            })
        },
    ),
    Kind::new(
        "evidence.fork.unlinked",
        "headers that do not follow each other",
        "a block is not final: the header after height `3` does not follow: the block's height is `5`, not `4`",
        |c| {
            file(c, Claim::Fork, |e| {
                let block = blocks(&mut e.parts[1]);
                block.headers.insert(0, c.main.block(3).header.encode());
            })
        },
    ),
    Kind::new(
        "evidence.fork.no-header",
        "a certificate of nothing",
        "a block is not final: no header is given",
        |c| file(c, Claim::Fork, |e| blocks(&mut e.parts[1]).headers.clear()),
    ),
    Kind::new(
        "evidence.step.dropped",
        "the change of validators is left out",
        "a block is not final: height `5` is not certified: the signature of branch `2` does not hold",
        |c| file(c, Claim::Fork, |e| e.steps.clear()),
    ),
    Kind::new(
        "evidence.step.doubled",
        "the change of validators twice",
        "the change of validators to epoch `1` does not hold: the change of validators to epoch `1` comes after a later one",
        |c| file(c, Claim::Fork, |e| e.steps.push(e.steps[0].clone())),
    ),
    Kind::new(
        "evidence.step.epoch",
        "a change to another epoch than its header's",
        "the change of validators is to epoch `1`, not to `2`",
        |c| file(c, Claim::Fork, |e| e.steps[0].0 = 2),
    ),
    Kind::new(
        "evidence.step.within",
        "a change within an epoch",
        "the change of validators to epoch `1` does not hold: height `2` does not end an epoch, so no validators change there",
        |c| {
            file(c, Claim::Fork, |e| {
                let block = c.main.block(2);
                (e.steps[0].1.header, e.steps[0].1.certificate) =
                    (block.header.encode(), block.certificate.clone().unwrap());
            })
        },
    ),
    Kind::new(
        "evidence.step.set",
        "validators of the forger's (ibc-rs #583)",
        "the change of validators to epoch `1` does not hold: the validators of epoch `1` are not proven: the proof is of another value",
        |c| file(c, Claim::Fork, |e| *e.steps[0].1.set.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.step.proof",
        "the proof's last byte is missing",
        "the change of validators to epoch `1` does not hold: the validators of epoch `1` are malformed: the bytes end inside `sibling`",
        |c| file(c, Claim::Fork, |e| shorten(&mut e.steps[0].1.proof)),
    ),
    Kind::new(
        "evidence.step.certificate",
        "a change that nobody agreed on",
        "the change of validators to epoch `1` does not hold: height `3` is not certified: the signature of branch `4` does not hold",
        |c| file(c, Claim::Fork, |e| *e.steps[0].1.certificate.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.inclusion.transaction",
        "another transaction (Sigstore CVE-2026-22703: an unrelated entry)",
        "the transaction is not in its block",
        |c| file(c, Claim::Inclusion, |e| transaction(&mut e.parts[1]).transaction[100] ^= 1),
    ),
    Kind::new("evidence.inclusion.index", "another place", "the transaction is not in its block", |c| {
        file(c, Claim::Inclusion, |e| transaction(&mut e.parts[1]).index = 0)
    }),
    Kind::new(
        "evidence.inclusion.other-block",
        "a transaction of the block after",
        "the transaction is not in its block",
        |c| file(c, Claim::Inclusion, |e| e.parts[0] = block(c, 6)),
    ),
    Kind::new(
        "evidence.inclusion.uncertified",
        "a block that two of four signed",
        "a block is not final: height `5` is not certified: `2` validators signed, `3` must",
        |c| {
            file(c, Claim::Inclusion, |e| {
                let digest = c.main.block(5).header.digest();
                let vote = c.network.vote(Chain::Main, &c.main.set(5), &[0, 1], 1, digest);
                blocks(&mut e.parts[0]).certificate = vote.encode();
            })
        },
    ),
    Kind::new(
        "evidence.parts.dropped",
        "a part is left out",
        "the parts are not those of evidence of this kind",
        |c| file(c, Claim::Inclusion, |e| shorten(&mut e.parts)),
    ),
    Kind::new(
        "evidence.parts.doubled",
        "a part too many",
        "the parts are not those of evidence of this kind",
        |c| file(c, Claim::Inclusion, |e| e.parts.push(e.parts[1].clone())),
    ),
    Kind::new(
        "evidence.parts.swapped",
        "parts in another order",
        "the parts are not those of evidence of this kind",
        |c| file(c, Claim::Contradiction, |e| e.parts.swap(0, 1)),
    ),
    Kind::new(
        "evidence.contradiction.same",
        "a branch that signed the very block",
        "the branch signed this very block",
        |c| file(c, Claim::Contradiction, |e| e.parts[1] = tip(c, 5, c.main.block(5).header.digest(), NOW)),
    ),
    Kind::new(
        "evidence.contradiction.height",
        "a tip of another height",
        "the tip is of height `6`, the block of height `5`",
        |c| file(c, Claim::Contradiction, |e| e.parts[1] = tip(c, 6, Digest::of(b"another"), NOW)),
    ),
    Kind::new(
        "evidence.tip.signature",
        "a tip that the branch never signed",
        "a tip is not signed by branch `3`",
        |c| file(c, Claim::Contradiction, |e| *tipped(&mut e.parts[1]).last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.tip.other-branch",
        "a tip under another branch's name",
        "a tip is not signed by branch `2`",
        |c| {
            file(c, Claim::Contradiction, |e| {
                let mut tip = SignedTip::decode(tipped(&mut e.parts[1])).unwrap();
                tip.branch = BranchId(2);
                *tipped(&mut e.parts[1]) = tip.encode();
            })
        },
    ),
    Kind::new(
        "evidence.tip.unknown-branch",
        "a tip of a branch that there is not",
        "branch `9` is neither in the genesis document nor proven in the file",
        |c| {
            file(c, Claim::Contradiction, |e| {
                let mut tip = SignedTip::decode(tipped(&mut e.parts[1])).unwrap();
                tip.branch = BranchId(9);
                *tipped(&mut e.parts[1]) = tip.encode();
            })
        },
    ),
    Kind::new(
        "evidence.tip.other-chain",
        "a tip of the side chain",
        "a tip is of another network or chain",
        |c| {
            file(c, Claim::Contradiction, |e| {
                let key = c.network.keys().key("signing 3");
                let digest = Digest::of(b"another");
                let tip = SignedTip::sign(&key, c.network.id, Chain::Side, BranchId(3), 5, digest, NOW);
                *tipped(&mut e.parts[1]) = tip.encode();
            })
        },
    ),
    Kind::new(
        "evidence.tip.other-network",
        "a tip for another network",
        "a tip is of another network or chain",
        |c| {
            file(c, Claim::Contradiction, |e| {
                let key = c.network.keys().key("signing 3");
                let digest = Digest::of(b"another");
                let tip = SignedTip::sign(&key, Digest::ZERO, Chain::Main, BranchId(3), 5, digest, NOW);
                *tipped(&mut e.parts[1]) = tip.encode();
            })
        },
    ),
    Kind::new(
        "evidence.tip.truncated",
        "a tip without its last byte",
        "a tip is malformed: the bytes end inside `signature`",
        |c| file(c, Claim::Contradiction, |e| shorten(tipped(&mut e.parts[1]))),
    ),
    Kind::new(
        "evidence.rollback.grown",
        "a branch that went on",
        "the second tip is not lower than the first",
        |c| file(c, Claim::Rollback, |e| e.parts[1] = tip(c, 10, Digest::of(b"ten"), NOW + 1)),
    ),
    Kind::new(
        "evidence.rollback.earlier",
        "tips in the order that they were not said in",
        "the second tip is not later than the first",
        |c| file(c, Claim::Rollback, |e| e.parts.swap(0, 1)),
    ),
    Kind::new(
        "evidence.rollback.other-branch",
        "two branches' tips",
        "the two tips are of branches `3` and `2`",
        |c| {
            file(c, Claim::Rollback, |e| {
                let key = c.network.keys().key("signing 2");
                let digest = Digest::of(b"five");
                let tip = SignedTip::sign(&key, c.network.id, Chain::Main, BranchId(2), 5, digest, NOW + 1);
                *tipped(&mut e.parts[1]) = tip.encode();
            })
        },
    ),
    Kind::new(
        "evidence.forged.honest",
        "an honest answer",
        "every header and certificate in the answer may be as it must be",
        |c| {
            file(c, Claim::Forged, |e| {
                let certificate = c.main.block(5).certificate.clone().map(Into::into);
                e.parts[0] = answered(c, |block| block.certificate = certificate, |_| {});
            })
        },
    ),
    Kind::new(
        "evidence.forged.no-certificate",
        "a header that nobody has to believe",
        "every header and certificate in the answer may be as it must be",
        |c| file(c, Claim::Forged, |e| e.parts[0] = answered(c, |block| block.certificate = None, |_| {})),
    ),
    Kind::new(
        "evidence.answer.body",
        "a body that the branch did not sign",
        "the answer's body is not the one that was signed",
        |c| file(c, Claim::Forged, |e| answer(&mut e.parts[0]).body.push(b' ')),
    ),
    Kind::new(
        "evidence.answer.request",
        "another question",
        "the request is not the one that was signed",
        |c| file(c, Claim::Forged, |e| *answer(&mut e.parts[0]).request.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.answer.asked",
        "a body that the question did not have",
        "the request's body is not the one that was signed",
        |c| file(c, Claim::Forged, |e| answer(&mut e.parts[0]).asked = b"{}".to_vec()),
    ),
    Kind::new(
        "evidence.answer.signature",
        "an answer that the branch never gave",
        "the answer is not signed by branch `3`",
        |c| file(c, Claim::Forged, |e| *answer(&mut e.parts[0]).answer.last_mut().unwrap() ^= 1),
    ),
    Kind::new(
        "evidence.answer.status",
        "a refusal",
        "the branch refused with status `503`, which is no lie",
        |c| file(c, Claim::Forged, |e| e.parts[0] = answered(c, |_| {}, |answer| answer.status = 503)),
    ),
    Kind::new(
        "evidence.answer.network",
        "an answer for another network",
        "the answer is of another network",
        |c| {
            file(c, Claim::Forged, |e| {
                e.parts[0] = answered(c, |_| {}, |answer| answer.network = Digest::ZERO)
            })
        },
    ),
    Kind::new(
        "evidence.answer.branch",
        "an answer in another branch's name",
        "the answer is not signed by branch `2`",
        |c| {
            file(c, Claim::Forged, |e| e.parts[0] = answered(c, |_| {}, |answer| answer.branch = BranchId(2)))
        },
    ),
    Kind::new(
        "evidence.network.told",
        "another network's evidence",
        "it is of network `00000000`, not of `{network}`",
        |c| file(c, Claim::Fork, |e| e.network = Digest::ZERO),
    ),
    Kind::new(
        "evidence.network.genesis",
        "another genesis document",
        "the genesis document in it is not the network's",
        |c| file(c, Claim::Fork, |e| e.genesis[10] ^= 1),
    ),
    Kind::new(
        "evidence.chain.other",
        "the main chain's blocks as the side chain's",
        "the change of validators to epoch `1` does not hold: the header of height `3` is of another network or chain",
        |c| file(c, Claim::Fork, |e| e.chain = Chain::Side),
    ),
    Kind::new(
        "evidence.kind.other",
        "a fork's parts as a contradiction",
        "the parts are not those of evidence of this kind",
        |c| file(c, Claim::Fork, |e| e.kind = Claim::Contradiction),
    ),
    Kind::new(
        "evidence.witness.signature",
        "somebody who never saw it",
        "the signature of who saw it does not hold",
        |c| sealed(c, Claim::Fork, |_| {}, |w| w.signature[0] ^= 1),
    ),
    Kind::new(
        "evidence.witness.time",
        "seen at another time than was signed",
        "the signature of who saw it does not hold",
        |c| sealed(c, Claim::Fork, |_| {}, |w| w.seen_s += 1),
    ),
    Kind::new(
        "evidence.witness.over",
        "seen after the session was over",
        "the grant of who saw it does not hold: the session is over; unlock again",
        |c| sealed(c, Claim::Fork, |_| {}, |w| w.seen_s = NOW + 4000),
    ),
    Kind::new(
        "evidence.witness.stranger",
        "seen by somebody who is not of the network",
        "staff `{nobody}`, who saw it, is neither in the genesis document nor proven in the file",
        |c| {
            sealed(
                c,
                Claim::Fork,
                |_| {},
                |w| {
                    let grant =
                        Grant { staff: c.network.keys().staff_id("nobody"), ..c.network.grant("ward") };
                    w.grant = grant.signed(&c.network.keys().key("nobody")).encode();
                },
            )
        },
    ),
    Kind::new(
        "evidence.witness.grant",
        "a session that its owner never began",
        "the grant of who saw it does not hold: the session is not signed by the registered staff key",
        |c| {
            sealed(
                c,
                Claim::Fork,
                |_| {},
                |w| {
                    let grant =
                        Grant { signature: Signature::from_bytes([0; 64]), ..c.network.grant("ward") };
                    w.grant = grant.encode();
                },
            )
        },
    ),
    Kind::new(
        "evidence.witness.grant-truncated",
        "a grant without its last byte",
        "the grant of who saw it is malformed: the bytes end inside `signature`",
        |c| sealed(c, Claim::Fork, |_| {}, |w| shorten(&mut w.grant)),
    ),
    Kind::new("evidence.file.empty", "no bytes", "the file has no last line: it was cut", |c| {
        bytes(c, Vec::clear)
    }),
    Kind::new(
        "evidence.file.cut",
        "the last byte is missing",
        "the file ends within a line: it was cut",
        |c| bytes(c, shorten),
    ),
    Kind::new(
        "evidence.file.no-end",
        "the last line is missing",
        "the file has no last line: it was cut",
        |c| {
            bytes(c, |b| {
                b.pop();
                let end = b.iter().rposition(|byte| *byte == b'\n').unwrap();
                b.truncate(end + 1);
            })
        },
    ),
    Kind::new("evidence.file.after-end", "the last line twice", "line `6` follows the last one", |c| {
        bytes(c, |b| {
            let end = b[..b.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
            b.extend_from_within(end + 1..);
        })
    }),
    Kind::new(
        "evidence.file.sum",
        "changed after it was signed",
        "the sum in the last line is not the file's: it was damaged or changed",
        |c| {
            bytes(c, |b| {
                let at = b.windows(9).position(|part| part == b"\"headers\"").unwrap();
                let letter = &mut b[at + 60];
                *letter = if *letter == b'A' { b'B' } else { b'A' };
            })
        },
    ),
];

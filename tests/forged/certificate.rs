//! Finality certificates: every field of one changed, signatures dropped, doubled and swapped, and certificates of other
//! keys, domains, epochs, chains and blocks.

use super::{
    case::{Case, Item, Kind, shorten},
    vote::Vote,
};
use wardline_crypto::{Digest, SigningKey};
use wardline_ledger::{Chain, ValidatorSet};

/// A new certificate for block 5 by keys and a domain that the forger chooses; validators 0, 1 and 2 sign.
fn signed_by(case: &Case, namespace: &[u8], suffix: &str, key: impl Fn(usize) -> SigningKey) -> Item {
    case.vote(|v| {
        let keys: Vec<SigningKey> = (0..4).map(&key).collect();
        v.sign(namespace, suffix, &[0, 1, 2], |member| &keys[member]);
    })
}

/// The validators' own keys of epoch 1.
fn own(case: &Case) -> impl Fn(usize) -> SigningKey {
    let keys = case.network.keys();
    move |member| keys.validator(Chain::Main, member as u16 + 1, u16::from(member == 1))
}

/// A certificate of the honest history in the place of block 5's.
fn of(case: &Case, certificate: &Option<Vec<u8>>) -> Item {
    case.main(|x| x.block(5).certificate.clone_from(certificate))
}

/// A certificate for block 5 by other members of the network than its epoch's.
fn by_set(case: &Case, set: &ValidatorSet, signers: &[usize]) -> Item {
    let digest = case.main.block(5).header.digest();
    of(case, &Some(case.network.vote(Chain::Main, set, signers, 1, digest).encode()))
}

/// `S + L`, which is `S` again to whoever does not look.
fn malleable(signature: &mut [u8; 64]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
}

pub const KINDS: &[Kind] = &[
    Kind::new(
        "certificate.epoch.changed",
        "the epoch after",
        "block 5: height `5` is not certified: the certificate is of epoch `2`, not `1`",
        |c| c.vote(|v| v.epoch = vec![2]),
    ),
    Kind::new(
        "certificate.epoch.before",
        "the epoch before",
        "block 5: height `5` is not certified: the certificate is of epoch `0`, not `1`",
        |c| c.vote(|v| v.epoch = vec![0]),
    ),
    Kind::new(
        "certificate.epoch.resigned",
        "signed by a quorum for another epoch",
        "block 5: height `5` is not certified: the certificate is of epoch `2`, not `1`",
        |c| {
            c.vote(|v| {
                v.epoch = vec![2];
                c.network.sign(v, Chain::Main, &c.main.set(5), &[0, 1, 2]);
            })
        },
    ),
    Kind::new(
        "certificate.epoch.long",
        "the epoch in a longer spelling",
        "block 5: height `5` is not certified: the certificate is malformed: the epoch is out of range",
        |c| c.vote(|v| v.epoch = vec![0x81, 0]),
    ),
    Kind::new(
        "certificate.epoch.endless",
        "a number without an end",
        "block 5: height `5` is not certified: the certificate is malformed: the epoch is out of range",
        |c| c.vote(|v| v.epoch = vec![0xff; 11]),
    ),
    Kind::new(
        "certificate.view.changed",
        "another view than was signed",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.view = vec![10]),
    ),
    Kind::new(
        "certificate.view.long",
        "the view in a longer spelling",
        "block 5: height `5` is not certified: the certificate is malformed: the view is out of range",
        |c| c.vote(|v| v.view = vec![0x89, 0]),
    ),
    Kind::new(
        "certificate.view.too-large",
        "a view above 64 bits",
        "block 5: height `5` is not certified: the certificate is malformed: the view is out of range",
        |c| c.vote(|v| v.view = [vec![0xff; 9], vec![2]].concat()),
    ),
    Kind::new(
        "certificate.parent.changed",
        "another parent view than was signed",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.parent = vec![7]),
    ),
    Kind::new(
        "certificate.parent.long",
        "the parent view in a longer spelling",
        "block 5: height `5` is not certified: the certificate is malformed: the parent view is out of range",
        |c| c.vote(|v| v.parent = vec![0x88, 0x80, 0]),
    ),
    Kind::new(
        "certificate.views.swapped",
        "view and parent view change places",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| std::mem::swap(&mut v.view, &mut v.parent)),
    ),
    Kind::new(
        "certificate.payload.changed",
        "one bit of the digest",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| c.vote(|v| v.payload[31] ^= 1),
    ),
    Kind::new(
        "certificate.payload.resigned",
        "signed by a quorum for another block",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| {
            c.vote(|v| {
                v.payload = *c.main.block(4).header.digest().bytes();
                c.network.sign(v, Chain::Main, &c.main.set(5), &[0, 1, 2]);
            })
        },
    ),
    Kind::new(
        "certificate.payload.replaced",
        "signed for another block and relabelled (GHSA-c32p-wcqj-j677: what is signed is not what is read)",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| {
            c.vote(|v| {
                let payload = std::mem::replace(&mut v.payload, *Digest::of(b"another").bytes());
                c.network.sign(v, Chain::Main, &c.main.set(5), &[0, 1, 2]);
                v.payload = payload;
            })
        },
    ),
    Kind::new(
        "certificate.members.fewer",
        "a smaller set, so that fewer would do",
        "block 5: height `5` is not certified: the certificate is of `3` validators, not `4`",
        |c| c.vote(|v| v.members = 3),
    ),
    Kind::new(
        "certificate.members.more",
        "a larger set",
        "block 5: height `5` is not certified: the certificate is of `5` validators, not `4`",
        |c| c.vote(|v| v.members = 5),
    ),
    Kind::new(
        "certificate.members.none",
        "a set of nobody",
        "block 5: height `5` is not certified: the certificate is of `0` validators, not `4`",
        |c| c.vote(|v| v.members = 0),
    ),
    Kind::new(
        "certificate.members.largest",
        "the largest set there is",
        "block 5: height `5` is not certified: the certificate is of `18446744073709551615` validators, not `4`",
        |c| c.vote(|v| v.members = u64::MAX),
    ),
    Kind::new(
        "certificate.signers.none",
        "nobody signed (tendermint-rs #652: only absent signatures)",
        "block 5: height `5` is not certified: `0` validators signed, `3` must",
        |c| c.vote(|v| c.network.sign(v, Chain::Main, &c.main.set(5), &[])),
    ),
    Kind::new(
        "certificate.signers.one",
        "one of four signed",
        "block 5: height `5` is not certified: `1` validators signed, `3` must",
        |c| c.vote(|v| c.network.sign(v, Chain::Main, &c.main.set(5), &[2])),
    ),
    Kind::new(
        "certificate.signers.two",
        "two of four signed, a quorum is three",
        "block 5: height `5` is not certified: `2` validators signed, `3` must",
        |c| c.vote(|v| c.network.sign(v, Chain::Main, &c.main.set(5), &[0, 3])),
    ),
    Kind::new(
        "certificate.signers.cleared",
        "no signer, all signatures there",
        "block 5: height `5` is not certified: the certificate names `0` signers and carries `3` signatures",
        |c| c.vote(|v| v.bitmap = vec![0]),
    ),
    Kind::new(
        "certificate.signers.added",
        "one signer more than signatures",
        "block 5: height `5` is not certified: the certificate names `4` signers and carries `3` signatures",
        |c| c.vote(|v| v.bitmap = vec![0b1111]),
    ),
    Kind::new(
        "certificate.signers.dropped",
        "one signer less than signatures",
        "block 5: height `5` is not certified: the certificate names `2` signers and carries `3` signatures",
        |c| c.vote(|v| v.bitmap = vec![0b0011]),
    ),
    Kind::new(
        "certificate.signers.exchanged",
        "a signer who did not sign for one who did",
        "block 5: height `5` is not certified: the signature of branch `4` does not hold",
        |c| c.vote(|v| v.bitmap = vec![0b1011]),
    ),
    Kind::new(
        "certificate.signers.outside",
        "a signer outside of the set",
        "block 5: height `5` is not certified: the certificate is malformed: the signers is out of range",
        |c| c.vote(|v| v.bitmap = vec![0b1_0111]),
    ),
    Kind::new(
        "certificate.signers.longer",
        "a byte of signers more",
        "block 5: height `5` is not certified: the certificate names `3` signers and carries `0` signatures",
        |c| c.vote(|v| v.bitmap = vec![0b0111, 0]),
    ),
    Kind::new(
        "certificate.signers.missing",
        "no signers' byte",
        "block 5: height `5` is not certified: the certificate names `2` signers and carries `5` signatures",
        |c| c.vote(|v| (v.bitmap, v.signatures[0][0]) = (Vec::new(), 5)),
    ),
    Kind::new(
        "certificate.count.more",
        "one signature more is announced",
        "block 5: height `5` is not certified: the certificate names `3` signers and carries `4` signatures",
        |c| c.vote(|v| v.count = vec![4]),
    ),
    Kind::new(
        "certificate.count.fewer",
        "one signature less is announced",
        "block 5: height `5` is not certified: the certificate names `3` signers and carries `2` signatures",
        |c| c.vote(|v| v.count = vec![2]),
    ),
    Kind::new(
        "certificate.count.zero",
        "no signature is announced",
        "block 5: height `5` is not certified: the certificate names `3` signers and carries `0` signatures",
        |c| c.vote(|v| v.count = vec![0]),
    ),
    Kind::new(
        "certificate.count.long",
        "the count in a longer spelling",
        "block 5: height `5` is not certified: the certificate is malformed: the signature count is out of range",
        |c| c.vote(|v| v.count = vec![0x83, 0]),
    ),
    Kind::new(
        "certificate.signature.r",
        "one bit of R",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.signatures[0][0] ^= 1),
    ),
    Kind::new(
        "certificate.signature.s",
        "one bit of S",
        "block 5: height `5` is not certified: the signature of branch `2` does not hold",
        |c| c.vote(|v| v.signatures[1][32] ^= 1),
    ),
    Kind::new(
        "certificate.signature.malleable",
        "S and the order of the group: a second spelling",
        "block 5: height `5` is not certified: the signature of branch `3` does not hold",
        |c| c.vote(|v| malleable(&mut v.signatures[2])),
    ),
    Kind::new(
        "certificate.signature.zero",
        "64 zero bytes",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.signatures[0] = [0; 64]),
    ),
    Kind::new(
        "certificate.signature.swapped",
        "two signatures change places",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.signatures.swap(0, 1)),
    ),
    Kind::new(
        "certificate.signature.reversed",
        "signatures in descending order",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| c.vote(|v| v.signatures.reverse()),
    ),
    Kind::new(
        "certificate.signature.repeated",
        "one signature three times under three names",
        "block 5: height `5` is not certified: the signature of branch `2` does not hold",
        |c| c.vote(|v| v.signatures = vec![v.signatures[0]; 3]),
    ),
    Kind::new(
        "certificate.signature.counted-thrice",
        "one signer with three signatures (tough CVE-2020-15093: one key counted q times)",
        "block 5: height `5` is not certified: the certificate names `1` signers and carries `3` signatures",
        |c| c.vote(|v| (v.bitmap, v.signatures) = (vec![1], vec![v.signatures[0]; 3])),
    ),
    Kind::new(
        "certificate.signature.bogus-fourth",
        "a quorum's and a made-up fourth (cometbft #1749: bogus signatures beside good ones)",
        "block 5: height `5` is not certified: the signature of branch `4` does not hold",
        |c| {
            c.vote(|v| {
                (v.bitmap, v.count) = (vec![0b1111], vec![4]);
                v.signatures.push([7; 64]);
            })
        },
    ),
    Kind::new(
        "certificate.signature.dropped",
        "the last signature is missing",
        "block 5: height `5` is not certified: the certificate is malformed: the bytes end inside `signature`",
        |c| c.vote(|v| shorten(&mut v.signatures)),
    ),
    Kind::new(
        "certificate.signature.doubled",
        "the last signature twice, announced once",
        "block 5: height `5` is not certified: the certificate is malformed: `64` bytes follow the value",
        |c| c.vote(|v| v.signatures.push(v.signatures[2])),
    ),
    Kind::new(
        "certificate.signature.other-block",
        "the signatures of the block after",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| {
            let after = Vote::read(c.main.block(7).certificate.as_ref().unwrap());
            c.vote(|v| v.signatures.clone_from_slice(&after.signatures[..3]))
        },
    ),
    Kind::new(
        "certificate.domain.notarize",
        "votes to notarize, which finalize nothing",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| signed_by(c, &c.network.genesis.namespace(Chain::Main), "_NOTARIZE", own(c)),
    ),
    Kind::new(
        "certificate.domain.nullify",
        "votes to skip the view",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| signed_by(c, &c.network.genesis.namespace(Chain::Main), "_NULLIFY", own(c)),
    ),
    Kind::new(
        "certificate.domain.none",
        "signed without a domain's end",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| signed_by(c, &c.network.genesis.namespace(Chain::Main), "", own(c)),
    ),
    Kind::new(
        "certificate.domain.other-chain",
        "the same keys, for the side chain (tendermintx #34: chain id unchecked)",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| signed_by(c, &c.network.genesis.namespace(Chain::Side), "_FINALIZE", own(c)),
    ),
    Kind::new(
        "certificate.domain.other-network",
        "the same keys, for another network (tendermintx #34)",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| signed_by(c, &c.other().0.genesis.namespace(Chain::Main), "_FINALIZE", own(c)),
    ),
    Kind::new(
        "certificate.keys.side-chain",
        "by the validators' keys of the other chain",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| {
            let keys = c.network.keys();
            let side = |member| keys.validator(Chain::Side, member as u16 + 1, u16::from(member == 1));
            signed_by(c, &c.network.genesis.namespace(Chain::Main), "_FINALIZE", side)
        },
    ),
    Kind::new(
        "certificate.keys.branches",
        "by the branches' other keys",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| {
            let keys = c.network.keys();
            let signing = |member| keys.key(&format!("signing {}", member + 1));
            signed_by(c, &c.network.genesis.namespace(Chain::Main), "_FINALIZE", signing)
        },
    ),
    Kind::new(
        "certificate.keys.strangers",
        "by keys that nobody has (ibc-rs #583: a set of the sender's choice)",
        "block 5: height `5` is not certified: the signature of branch `1` does not hold",
        |c| {
            let keys = c.network.keys();
            let stranger = |member| keys.key(&format!("stranger {member}"));
            signed_by(c, &c.network.genesis.namespace(Chain::Main), "_FINALIZE", stranger)
        },
    ),
    Kind::new(
        "certificate.keys.retired",
        "with a validator's old key, which it gave up an epoch ago",
        "block 5: height `5` is not certified: the signature of branch `2` does not hold",
        |c| by_set(c, &c.main.set(1), &[0, 1, 2]),
    ),
    Kind::new(
        "certificate.keys.epoch-after",
        "by the smaller set of the epoch after",
        "block 5: height `5` is not certified: the certificate is of `3` validators, not `4`",
        |c| by_set(c, &c.main.set(8), &[0, 1, 2]),
    ),
    Kind::new(
        "certificate.keys.removed",
        "a validator signs that has left the set",
        "block 9: height `9` is not certified: the certificate is of `4` validators, not `3`",
        |c| {
            c.main(|x| {
                let digest = c.main.block(9).header.digest();
                x.block(9).certificate =
                    Some(c.network.vote(Chain::Main, &c.main.set(5), &[0, 1, 2], 2, digest).encode());
            })
        },
    ),
    Kind::new(
        "certificate.keys.other-network",
        "another network's certificate for the same height",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| of(c, &c.other().1.block(5).certificate),
    ),
    Kind::new(
        "certificate.neighbour",
        "the certificate of a block before, of this epoch",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| of(c, &c.main.block(6).certificate),
    ),
    Kind::new(
        "certificate.other-epoch",
        "the certificate of a block of the epoch before",
        "block 5: height `5` is not certified: the certificate is of epoch `0`, not `1`",
        |c| of(c, &c.main.block(2).certificate),
    ),
    Kind::new(
        "certificate.other-chain",
        "the side chain's certificate of this height",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| of(c, &c.side.block(5).certificate),
    ),
    Kind::new(
        "certificate.other-branch",
        "the certificate that a quorum gave another block of this height",
        "block 5: height `5` is not certified: the certificate is of another block",
        |c| of(c, &c.fork(&[0, 1, 2]).block(5).certificate),
    ),
    Kind::new(
        "certificate.dropped.epoch-end",
        "the last block of an epoch without one",
        "block 7: height `7` ends an epoch and has no certificate",
        |c| c.main(|x| x.block(7).certificate = None),
    ),
    Kind::new(
        "certificate.dropped.last",
        "the last block without one",
        "block 13: it and those after it have no certificate",
        |c| c.main(|x| x.block(13).certificate = None),
    ),
    Kind::new(
        "certificate.empty",
        "no bytes",
        "block 5: height `5` is not certified: the certificate is malformed: the bytes end inside `epoch`",
        |c| of(c, &Some(Vec::new())),
    ),
    Kind::new(
        "certificate.truncated",
        "the last byte is missing",
        "block 5: height `5` is not certified: the certificate is malformed: the bytes end inside `signature`",
        |c| c.main(|x| shorten(x.block(5).certificate.as_mut().unwrap())),
    ),
    Kind::new(
        "certificate.half",
        "the first half",
        "block 5: height `5` is not certified: the certificate is malformed: the bytes end inside `signature`",
        |c| c.main(|x| x.block(5).certificate.as_mut().unwrap().truncate(100)),
    ),
    Kind::new(
        "certificate.extended",
        "one byte more",
        "block 5: height `5` is not certified: the certificate is malformed: `1` bytes follow the value",
        |c| c.vote(|v| v.rest = vec![0]),
    ),
    Kind::new(
        "certificate.doubled",
        "twice the bytes",
        "block 5: height `5` is not certified: the certificate is malformed: `237` bytes follow the value",
        |c| c.vote(|v| v.rest = v.encode()),
    ),
];

//! Whose a transaction is: grants, signatures and roles. A quorum certifies each of these against the rules.

use super::{
    case::Kind,
    honest::log,
    network::{NOW, Network},
    transaction::{raw, unsigned},
};
use wardline_crypto::{Digest, Signature};
use wardline_ledger::{Access, Body, BranchId, Canonical, Grant, Lookup, Storage, Transaction};
use wardline_policy::Purpose;

fn with_grant(n: &Network, edit: impl FnOnce(&mut Grant)) -> Vec<u8> {
    n.with_grant("ward", Body::Storage(n.storage("new")), edit).encode()
}

/// The same over a grant that was changed after its owner signed it.
fn unsigned_grant(n: &Network, edit: impl FnOnce(&mut Grant)) -> Vec<u8> {
    let mut grant = n.grant("ward");
    edit(&mut grant);
    let session = n.keys().key("session of ward");
    Transaction::by_session(n.id, Body::Storage(n.storage("new")), grant, &session).encode()
}

/// Whose it is: grant and signature.
pub const KINDS: &[Kind] = &[
    Kind::main(
        "grant.network.other",
        "signed by its owner for another network",
        "block 6: transaction `0`: the session is for another network; unlock again",
        |n| with_grant(n, |g| g.network = Digest::ZERO),
    ),
    Kind::main(
        "grant.network.changed",
        "the network is changed after signing",
        "block 6: transaction `0`: the session is for another network; unlock again",
        |n| unsigned_grant(n, |g| g.network = Digest::ZERO),
    ),
    Kind::main(
        "grant.staff.unknown",
        "somebody who is not registered",
        "block 6: transaction `0`: the author is not registered",
        |n| with_grant(n, |g| g.staff = n.keys().staff_id("nobody")),
    ),
    Kind::main(
        "grant.staff.other",
        "a colleague's name",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| with_grant(n, |g| g.staff = n.keys().staff_id("registrar")),
    ),
    Kind::main(
        "grant.staff.left",
        "somebody who has left by then",
        "block 6: transaction `0`: the author is not active any more",
        |n| {
            let body = n.held_by(Storage { branch: BranchId(2), ..n.storage("new") }, &[1, 2]);
            n.by("leaver", Body::Storage(body)).encode()
        },
    ),
    Kind::main(
        "grant.key-epoch.later",
        "a key epoch that has not come",
        "block 6: transaction `0`: the staff key was changed since the session began; unlock again",
        |n| with_grant(n, |g| g.key_epoch = 2),
    ),
    Kind::main(
        "grant.key-epoch.zero",
        "no key epoch",
        "block 6: transaction `0`: the staff key was changed since the session began; unlock again",
        |n| with_grant(n, |g| g.key_epoch = 0),
    ),
    Kind::main(
        "grant.session.changed",
        "another session key than the owner signed for",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| g.session = n.keys().key("thief").public()),
    ),
    Kind::main(
        "grant.agreement.changed",
        "another agreement key than the owner signed for",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| g.session_agreement = n.keys().agreement("thief").public()),
    ),
    Kind::main(
        "grant.not-before.later",
        "a session that has not begun",
        "block 6: transaction `0`: the session has not begun: check the clocks",
        |n| with_grant(n, |g| g.not_before_s = NOW + 3000),
    ),
    Kind::main(
        "grant.not-before.changed",
        "the beginning is changed after signing",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| g.not_before_s -= 1),
    ),
    Kind::main(
        "grant.not-after.over",
        "a session that is over",
        "block 6: transaction `0`: the session is over; unlock again",
        |n| with_grant(n, |g| g.not_after_s = NOW),
    ),
    Kind::main(
        "grant.not-after.changed",
        "the end is put off after signing",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| g.not_after_s += 1),
    ),
    Kind::main(
        "grant.length.too-long",
        "a second longer than the policy allows",
        "block 6: transaction `0`: the session lasts longer than the network allows; unlock again",
        |n| with_grant(n, |g| g.not_after_s = g.not_before_s + 43_201),
    ),
    Kind::main(
        "grant.length.negative",
        "it ends before it begins",
        "block 6: transaction `0`: the session lasts longer than the network allows; unlock again",
        |n| with_grant(n, |g| std::mem::swap(&mut g.not_before_s, &mut g.not_after_s)),
    ),
    Kind::main(
        "grant.signature.changed",
        "the owner's signature",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| g.signature = Signature::from_bytes([0; 64])),
    ),
    Kind::main(
        "grant.signature.self",
        "the session signs its own grant",
        "block 6: transaction `0`: the session is not signed by the registered staff key",
        |n| unsigned_grant(n, |g| *g = g.clone().signed(&n.keys().key("session of ward"))),
    ),
    Kind::main(
        "author.signature.changed",
        "the session's signature",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| raw(n, |b| *b.last_mut().unwrap() ^= 1),
    ),
    Kind::main(
        "author.signature.owner",
        "the owner's key signs for the session",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let body = Body::Storage(n.storage("new"));
            Transaction::by_session(n.id, body, n.grant("ward"), &n.keys().key("ward")).encode()
        },
    ),
    Kind::main(
        "author.signature.other-transaction",
        "the signature of another transaction of this session",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let other = n.by("ward", Body::Storage(n.storage("b")));
            unsigned(n, |t| t.author = other.author)
        },
    ),
    Kind::main(
        "author.branch.signature",
        "another branch's key signs for the branch",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let key = n.keys().key("signing 2");
            Transaction::by_branch(n.id, Body::Access(log(3, 5)), BranchId(1), &key).encode()
        },
    ),
    Kind::main(
        "author.branch.unknown",
        "a branch that there is not",
        "block 6: transaction `0`: the author's branch is not an active participant",
        |n| {
            let body = Access { branch: BranchId(9), ..log(0, 5) };
            n.by_branch(9, Body::Access(body)).encode()
        },
    ),
    Kind::main(
        "author.branch.other",
        "a branch publishes another's audit log",
        "block 6: transaction `0`: the transaction is for another branch than the author's",
        |n| n.by_branch(2, Body::Access(log(3, 5))).encode(),
    ),
    Kind::main(
        "author.role.operator",
        "an operator stores a record",
        "block 6: transaction `0`: needs role ward or registrar; operators see no patient data",
        |n| n.by("operator", Body::Storage(n.storage("new"))).encode(),
    ),
    Kind::main(
        "author.role.untrusted",
        "a research institute stores a record",
        "block 6: transaction `0`: research participants never see the side chain",
        |n| {
            let body = n.held_by(Storage { branch: BranchId(5), ..n.storage("new") }, &[1, 2]);
            n.by("institute-ward", Body::Storage(body)).encode()
        },
    ),
    Kind::side(
        "author.role.ward",
        "a ward enrols a patient",
        "block 6: transaction `0`: needs role registrar",
        |n| n.by("ward", Body::Enrol(n.enrol("new"))).encode(),
    ),
    Kind::side(
        "author.role.purpose",
        "a ward looks up for research",
        "block 6: transaction `0`: role ward may not look up for research, only for treatment or emergency",
        |n| {
            let lookup = Lookup { purpose: Purpose::Research, ..n.lookup("new", "mei") };
            n.by("ward", Body::Lookup(lookup)).encode()
        },
    ),
    Kind::side(
        "author.role.researcher",
        "a researcher looks a patient up",
        "block 6: transaction `0`: needs role ward, registrar, supervisor or crew; research participants never see the side chain",
        |n| n.by("researcher", Body::Lookup(n.lookup("new", "mei"))).encode(),
    ),
];

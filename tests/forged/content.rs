//! What transactions say: records, audit roots, patients, links, lookups. A quorum certifies each of these against the
//! rules.

use super::{
    case::{Kind, shorten},
    honest::{again, log},
    network::Network,
    transaction::{raw, storage, unsigned},
};
use wardline_crypto::{Content, Digest, Suite};
use wardline_ledger::{Access, Assent, Body, BranchId, Canonical, Enrol, Link, Lookup, Storage, Transaction};
use wardline_policy::RecordKind;

fn stored(transaction: &mut Transaction) -> &mut Storage {
    match &mut transaction.body {
        Body::Storage(body) => body,
        _ => unreachable!(),
    }
}

fn access(n: &Network, edit: impl FnOnce(&mut Access)) -> Vec<u8> {
    let mut body = log(3, 5);
    edit(&mut body);
    n.by_branch(1, Body::Access(body)).encode()
}

fn lookup(n: &Network, edit: impl FnOnce(&mut Lookup)) -> Vec<u8> {
    let mut body = n.lookup("new", "mei");
    edit(&mut body);
    n.by("ward", Body::Lookup(body)).encode()
}

fn enrol(n: &Network, identity: Vec<u8>) -> Vec<u8> {
    n.by("registrar", Body::Enrol(Enrol { identity, ..n.enrol("new") })).encode()
}

/// Records, by every field of theirs.
pub const STORAGE: &[Kind] = &[
    Kind::main(
        "storage.record.changed",
        "another temporary ID after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| unsigned(n, |t| stored(t).record = n.keys().record("other")),
    ),
    Kind::main(
        "storage.branch.other",
        "another branch than the author's",
        "block 6: transaction `0`: the transaction is for another branch than the author's",
        |n| storage(n, |s| s.branch = BranchId(2)),
    ),
    Kind::main(
        "storage.kind.changed",
        "another kind of record after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| unsigned(n, |t| stored(t).kind = RecordKind::Allergy),
    ),
    Kind::main(
        "storage.kind.unknown",
        "a kind of record that there is not",
        "block 6: transaction `0`: the transaction is malformed: `200` is no record kind",
        |n| raw(n, |b| b[52] = 200),
    ),
    Kind::main(
        "storage.pointer.changed",
        "another envelope after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| unsigned(n, |t| stored(t).pointer = Digest::ZERO),
    ),
    Kind::main(
        "storage.size.changed",
        "another size after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| unsigned(n, |t| stored(t).size += 1),
    ),
    Kind::main(
        "storage.size.zero",
        "an envelope of no bytes",
        "block 6: transaction `0`: no envelope has this size",
        |n| storage(n, |s| s.size = 0),
    ),
    Kind::main(
        "storage.size.too-large",
        "an envelope above the largest",
        "block 6: transaction `0`: no envelope has this size",
        |n| storage(n, |s| s.size = 33 * 1024 * 1024 + 1),
    ),
    Kind::main(
        "storage.version.zero",
        "version 0",
        "block 6: transaction `0`: the record's version must be one more than the last one",
        |n| storage(n, |s| s.version = 0),
    ),
    Kind::main(
        "storage.version.ahead",
        "version 2 of a record that is not there",
        "block 6: transaction `0`: the record's version must be one more than the last one",
        |n| storage(n, |s| s.version = 2),
    ),
    Kind::main(
        "storage.version.replayed",
        "an older version again",
        "block 6: transaction `0`: the record's version must be one more than the last one",
        |n| n.by("ward", Body::Storage(again(n))).encode(),
    ),
    Kind::main(
        "storage.version.other-kind",
        "a later version of another kind",
        "block 6: transaction `0`: the record's branch and kind cannot change",
        |n| {
            let body = Storage { version: 2, kind: RecordKind::Receipt, ..n.storage("b") };
            n.by("ward", Body::Storage(n.held_by(body, &[1, 2]))).encode()
        },
    ),
    Kind::main(
        "storage.version.other-author",
        "somebody replaces what a colleague wrote",
        "block 6: transaction `0`: only the author of a record seals it again",
        |n| {
            let body = Storage { version: 2, ..n.storage("b") };
            n.by("registrar", Body::Storage(n.held_by(body, &[1, 2]))).encode()
        },
    ),
    Kind::main(
        "storage.assent.reason",
        "an emergency without a reason",
        "block 6: transaction `0`: the reason code is not in the list",
        |n| storage(n, |s| s.assent = Assent::Emergency(0)),
    ),
    Kind::main(
        "storage.assent.unable-reason",
        "a reason that there is not",
        "block 6: transaction `0`: the reason code is not in the list",
        |n| storage(n, |s| s.assent = Assent::UnableToAsk(7)),
    ),
    Kind::main(
        "storage.assent.policy",
        "a policy that there never was",
        "block 6: transaction `0`: the network has no policy of this version",
        |n| storage(n, |s| s.assent = Assent::NetworkDefault(2)),
    ),
    Kind::main(
        "storage.assent.commitment",
        "a commitment that nobody made",
        "block 6: transaction `0`: no policy on this chain has this commitment",
        |n| storage(n, |s| s.assent = Assent::Commitment(Digest::of(b"policy"))),
    ),
    Kind::main(
        "storage.assent.changed",
        "another assent after signing",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| unsigned(n, |t| stored(t).assent = Assent::Emergency(1)),
    ),
];

/// Audit roots, patients, links and lookups.
pub const OTHERS: &[Kind] = &[
    Kind::main(
        "access.size.same",
        "an audit log that has not grown",
        "block 6: transaction `0`: the audit log has not grown since its last root",
        |n| access(n, |a| *a = log(3, 3)),
    ),
    Kind::main(
        "access.size.shrunk",
        "an audit log that lost entries",
        "block 6: transaction `0`: the audit log has not grown since its last root",
        |n| access(n, |a| *a = log(0, 2)),
    ),
    Kind::main(
        "access.root.changed",
        "another root: entries were rewritten",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| a.root = Digest::of(b"rewritten")),
    ),
    Kind::main(
        "access.proof.dropped",
        "no consistency proof",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| a.consistency.clear()),
    ),
    Kind::main(
        "access.proof.truncated",
        "the last digest of the proof is missing",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| shorten(&mut a.consistency)),
    ),
    Kind::main(
        "access.proof.extended",
        "one digest more",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| a.consistency.push(Digest::ZERO)),
    ),
    Kind::main(
        "access.proof.swapped",
        "two digests change places",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| a.consistency.swap(0, 1)),
    ),
    Kind::main(
        "access.proof.from-elsewhere",
        "a proof from another size",
        "block 6: transaction `0`: the audit log's root does not continue the last one",
        |n| access(n, |a| a.consistency = log(2, 5).consistency),
    ),
    Kind::side(
        "enrol.patient.known",
        "a patient who is enrolled already",
        "block 6: transaction `0`: the patient is enrolled already",
        |n| n.by("registrar", Body::Enrol(n.enrol("mei"))).encode(),
    ),
    Kind::side(
        "enrol.identity.other-patient",
        "the sealed identity of another patient",
        "block 6: transaction `0`: the sealed identity is another patient's",
        |n| enrol(n, n.identity("tom", Suite::Cascade, Content::Identity, 1)),
    ),
    Kind::side(
        "enrol.identity.record",
        "a record in the identity's place",
        "block 6: transaction `0`: the sealed identity holds something else",
        |n| enrol(n, n.identity("new", Suite::Cascade, Content::Record, 1)),
    ),
    Kind::side(
        "enrol.identity.version",
        "a later version of an identity",
        "block 6: transaction `0`: the sealed identity is not the first version",
        |n| enrol(n, n.identity("new", Suite::Cascade, Content::Identity, 2)),
    ),
    Kind::side(
        "enrol.identity.truncated",
        "an identity without its last byte",
        "block 6: transaction `0`: the sealed identity is no sealed envelope",
        |n| {
            let mut identity = n.identity("new", Suite::Cascade, Content::Identity, 1);
            identity.pop();
            enrol(n, identity)
        },
    ),
    Kind::side(
        "enrol.identity.suite",
        "a suite that may not be written",
        "block 6: transaction `0`: the identity is sealed by a suite that may not be written any more",
        |n| enrol(n, n.identity("new", Suite::TripleDes, Content::Identity, 1)),
    ),
    Kind::side(
        "link.record.linked",
        "a record that is somebody's already",
        "block 6: transaction `0`: the record is linked already",
        |n| n.by("ward", Body::Link(n.link("a", "tom"))).encode(),
    ),
    Kind::side(
        "link.patient.unknown",
        "a patient who is not there",
        "block 6: transaction `0`: the patient is not enrolled",
        |n| n.by("ward", Body::Link(n.link("new", "nobody"))).encode(),
    ),
    Kind::side(
        "link.branch.other",
        "another branch than the author's",
        "block 6: transaction `0`: the transaction is for another branch than the author's",
        |n| {
            let link = Link { branch: BranchId(2), ..n.link("new", "mei") };
            n.by("ward", Body::Link(link)).encode()
        },
    ),
    Kind::side(
        "lookup.id.used",
        "a lookup that is there already",
        "block 6: transaction `0`: the lookup is there already",
        |n| lookup(n, |l| *l = n.lookup("l1", "mei")),
    ),
    Kind::side(
        "lookup.patient.unknown",
        "a patient who is not there",
        "block 6: transaction `0`: the patient is not enrolled",
        |n| lookup(n, |l| l.patient = n.keys().patient("nobody")),
    ),
    Kind::side(
        "lookup.reason.blank",
        "no reason",
        "block 6: transaction `0`: a lookup needs a reason",
        |n| lookup(n, |l| l.reason = "  ".into()),
    ),
    Kind::side(
        "lookup.reason.control",
        "a reason that moves a terminal's cursor",
        "block 6: transaction `0`: the transaction is malformed: the reason is not plain UTF-8 text",
        |n| lookup(n, |l| l.reason = "\u{1b}[2J".into()),
    ),
    Kind::side(
        "lookup.reason.too-long",
        "a reason above 200 bytes",
        "block 6: transaction `0`: the transaction is malformed: the reason is longer than `200`",
        |n| lookup(n, |l| l.reason = "x".repeat(201)),
    ),
];

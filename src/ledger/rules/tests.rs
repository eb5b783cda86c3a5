//! Every rule by its code: what holds, and for each rule a transaction that breaks it and nothing else.

use super::*;
use crate::testing::*;
use crate::*;
use wardline_crypto::{Content, Suite, merkle};
use wardline_policy::{Purpose, RecordKind, Role, Roles};

mod registry;
mod verdict;
use registry::{participant_change, policy, staff_change, validators};

type Case = (&'static str, Chain, fn(&mut World) -> Vec<u8>);

fn edited(transaction: &Transaction, edit: impl FnOnce(&mut Transaction)) -> Vec<u8> {
    let mut transaction = transaction.clone();
    edit(&mut transaction);
    transaction.encode()
}

fn storage(w: &World, edit: impl FnOnce(&mut Storage)) -> Vec<u8> {
    let mut body = w.storage("a");
    edit(&mut body);
    w.by("ward", Body::Storage(body)).encode()
}

/// The second version of record `a`.
fn again(w: &World) -> Storage {
    w.held_by(Storage { version: 2, ..w.storage("a") }, &[1, 2])
}

fn with_grant(w: &World, edit: impl FnOnce(&mut Grant)) -> Vec<u8> {
    let mut grant = w.grant("ward");
    edit(&mut grant);
    let session = key("session of ward");
    Transaction::by_session(w.network, Body::Storage(w.storage("a")), grant.signed(&key("ward")), &session)
        .encode()
}

fn enrolled(w: &mut World) {
    let enrol = w.by("registrar", Body::Enrol(w.enrol("mei")));
    w.accept(Chain::Side, &enrol);
}

fn access(w: &World, from: usize, to: usize, log: &[&str]) -> Access {
    let leaves: Vec<_> = log.iter().map(|entry| merkle::leaf_hash(entry.as_bytes())).collect();
    let consistency = merkle::consistency_proof(&leaves[..to], from);
    let _ = w;
    Access { branch: BranchId(1), size: to as u64, root: merkle::root(&leaves[..to]), consistency }
}

const LOG: [&str; 7] = ["one", "two", "three", "four", "five", "six", "seven"];

/// What each rule refuses, but for the registry's.
const REFUSED: &[Case] = &[
    ("transaction.malformed", Chain::Main, |w| [storage(w, |_| {}), vec![0]].concat()),
    ("transaction.malformed", Chain::Main, |w| storage(w, |body| body.receipts.reverse())),
    ("transaction.malformed", Chain::Main, |w| storage(w, |body| body.receipts[1] = body.receipts[0])),
    ("transaction.malformed", Chain::Main, |w| {
        edited(&w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 1), |t| {
            if let Author::Staff { approvals } = &mut t.author {
                approvals[1] = approvals[0]; // one person twice
            }
        })
    }),
    ("transaction.too-large", Chain::Main, |_| vec![0; MAX_TRANSACTION + 1]),
    ("transaction.network", Chain::Main, |w| {
        let other = World::of(Genesis { name: "Other".into(), ..genesis() });
        assert_ne!(other.network, w.network);
        other.by("ward", Body::Storage(other.storage("a"))).encode()
    }),
    ("transaction.scope", Chain::Main, |w| {
        edited(&w.by("ward", Body::Storage(w.storage("a"))), |t| t.scope = Scope::Both)
    }),
    ("transaction.chain", Chain::Side, |w| storage(w, |_| {})),
    ("transaction.chain", Chain::Main, |w| w.by("registrar", Body::Enrol(w.enrol("mei"))).encode()),
    ("author.kind", Chain::Main, |w| w.by_branch(1, Body::Storage(w.storage("a"))).encode()),
    ("author.kind", Chain::Main, |w| w.by("admin-a", Body::Access(access(w, 0, 3, &LOG))).encode()),
    ("author.kind", Chain::Main, |w| {
        let body = Body::Registry(Registry { version: 1, entry: RegistryEntry::Suites(1) });
        w.by("admin-a", body).encode()
    }),
    ("author.staff-unknown", Chain::Main, |w| with_grant(w, |grant| grant.staff = staff_id("nobody"))),
    ("author.staff-unknown", Chain::Main, |w| {
        w.approved(&["admin-a", "nobody"], RegistryEntry::Suites(1), 1).encode()
    }),
    ("author.staff-inactive", Chain::Main, |w| {
        let change = staff_change(w, "ward", &["admin-a"], |staff| staff.active = false);
        w.accept(Chain::Main, &Transaction::decode(&change).unwrap());
        storage(w, |_| {})
    }),
    ("author.branch-inactive", Chain::Main, |w| {
        let mut branch = w.genesis.participants[0].clone();
        branch.active = false;
        w.main.put(Key::Participant(BranchId(1)), &branch);
        storage(w, |_| {})
    }),
    ("author.branch-inactive", Chain::Main, |w| {
        w.main.values.remove(&Key::Participant(BranchId(1)).bytes());
        w.by_branch(1, Body::Access(access(w, 0, 3, &LOG))).encode()
    }),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.network = wardline_crypto::Digest::ZERO)),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.key_epoch = 2)),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.not_before_s = NOW + 1)),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.not_after_s = NOW - 1)),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.not_after_s = grant.not_before_s + 43_201)),
    ("author.grant", Chain::Main, |w| with_grant(w, |grant| grant.staff = staff_id("registrar"))),
    ("author.signature", Chain::Main, |w| {
        edited(&w.by("ward", Body::Storage(w.storage("a"))), |t| {
            if let Body::Storage(body) = &mut t.body {
                body.kind = RecordKind::Allergy;
            }
        })
    }),
    ("author.signature", Chain::Main, |w| {
        // The staff key itself does not sign for a session.
        Transaction::by_session(w.network, Body::Storage(w.storage("a")), w.grant("ward"), &key("ward"))
            .encode()
    }),
    ("author.signature", Chain::Main, |w| {
        let body = Body::Access(access(w, 0, 3, &LOG));
        Transaction::by_branch(w.network, body, BranchId(1), &key("signing 2")).encode()
    }),
    ("author.signature", Chain::Main, |w| {
        edited(&w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 1), |t| {
            t.body = Body::Registry(Registry { version: 1, entry: RegistryEntry::Suites(2) });
        })
    }),
    ("author.not-allowed", Chain::Main, |w| w.by("operator", Body::Storage(w.storage("a"))).encode()),
    ("author.not-allowed", Chain::Main, |w| {
        let mut body = w.storage("a");
        body.branch = BranchId(5);
        w.by("institute-ward", Body::Storage(body)).encode()
    }),
    ("author.not-allowed", Chain::Side, |w| w.by("ward", Body::Enrol(w.enrol("mei"))).encode()),
    ("author.not-allowed", Chain::Side, |w| w.by("institute-ward", Body::Enrol(w.enrol("mei"))).encode()),
    ("author.not-allowed", Chain::Side, |w| {
        enrolled(w);
        w.by("operator", Body::Link(w.link("a", "mei"))).encode()
    }),
    ("author.not-allowed", Chain::Side, |w| {
        enrolled(w);
        w.by("researcher", Body::Lookup(w.lookup("l", "mei"))).encode()
    }),
    ("author.not-allowed", Chain::Side, |w| {
        enrolled(w);
        let lookup = Lookup { purpose: Purpose::Research, ..w.lookup("l", "mei") };
        w.by("ward", Body::Lookup(lookup)).encode()
    }),
    ("author.not-allowed", Chain::Main, |w| {
        w.approved(&["admin-a", "ward"], RegistryEntry::Suites(1), 1).encode()
    }),
    ("author.other-branch", Chain::Main, |w| storage(w, |body| body.branch = BranchId(2))),
    ("author.other-branch", Chain::Main, |w| w.by_branch(2, Body::Access(access(w, 0, 3, &LOG))).encode()),
    ("author.other-branch", Chain::Side, |w| {
        enrolled(w);
        let link = Link { branch: BranchId(2), ..w.link("a", "mei") };
        w.by("ward", Body::Link(link)).encode()
    }),
    ("storage.version", Chain::Main, |w| storage(w, |body| body.version = 0)),
    ("storage.version", Chain::Main, |w| storage(w, |body| body.version = 2)),
    ("storage.version", Chain::Main, |w| {
        let first = w.by("ward", Body::Storage(w.storage("a")));
        w.accept(Chain::Main, &first);
        first.encode()
    }),
    ("storage.other-record", Chain::Main, |w| {
        let first = w.by("ward", Body::Storage(w.storage("a")));
        w.accept(Chain::Main, &first);
        storage(w, |body| (body.version, body.kind) = (2, RecordKind::Receipt))
    }),
    ("storage.other-author", Chain::Main, |w| {
        let first = w.by("ward", Body::Storage(w.storage("a")));
        w.accept(Chain::Main, &first);
        w.by("registrar", Body::Storage(again(w))).encode()
    }),
    ("storage.size", Chain::Main, |w| storage(w, |body| body.size = 0)),
    ("storage.size", Chain::Main, |w| storage(w, |body| body.size = 33 * 1024 * 1024 + 1)),
    ("storage.assent-reason", Chain::Main, |w| storage(w, |body| body.assent = Assent::Emergency(0))),
    ("storage.assent-reason", Chain::Main, |w| storage(w, |body| body.assent = Assent::Emergency(5))),
    ("storage.assent-reason", Chain::Main, |w| storage(w, |body| body.assent = Assent::UnableToAsk(7))),
    ("storage.policy-unknown", Chain::Main, |w| storage(w, |body| body.assent = Assent::NetworkDefault(2))),
    ("storage.policy-unknown", Chain::Main, |w| storage(w, |body| body.assent = Assent::NetworkDefault(0))),
    ("storage.commitment-unknown", Chain::Main, |w| {
        storage(w, |body| body.assent = Assent::Commitment(wardline_crypto::Digest::of(b"policy")))
    }),
    ("storage.receipts-too-few", Chain::Main, |w| storage(w, |body| body.receipts.truncate(1))),
    ("storage.home-receipt-missing", Chain::Main, |w| {
        let body = w.held_by(w.storage("a"), &[2, 3, 4]);
        w.by("ward", Body::Storage(body)).encode()
    }),
    ("storage.receipt-branch", Chain::Main, |w| {
        let body = w.held_by(w.storage("a"), &[1, 5]); // the institute is not trusted
        w.by("ward", Body::Storage(body)).encode()
    }),
    ("storage.receipt-branch", Chain::Main, |w| {
        let body = w.held_by(w.storage("a"), &[1, 9]);
        w.by("ward", Body::Storage(body)).encode()
    }),
    ("storage.receipt-branch", Chain::Main, |w| {
        let mut gone = w.genesis.participants[1].clone();
        gone.active = false;
        w.main.put(Key::Participant(BranchId(2)), &gone);
        storage(w, |_| {})
    }),
    ("storage.receipt-signature", Chain::Main, |w| storage(w, |body| body.size += 1)),
    ("storage.receipt-signature", Chain::Main, |w| {
        storage(w, |body| body.pointer = wardline_crypto::Digest::ZERO)
    }),
    ("storage.receipt-signature", Chain::Main, |w| storage(w, |body| body.record = record("b"))),
    ("storage.receipt-signature", Chain::Main, |w| storage(w, |body| body.receipts[1].branch = BranchId(3))),
    ("storage.receipt-signature", Chain::Main, |w| {
        // What two branches hold as version 1 is not what they hold as version 2.
        let first = w.by("ward", Body::Storage(w.storage("a")));
        w.accept(Chain::Main, &first);
        storage(w, |body| body.version = 2)
    }),
    ("storage.receipt-signature", Chain::Main, |w| {
        // What was handed in for one home is not announced for another.
        let elsewhere = w.held_by(Storage { branch: BranchId(2), ..w.storage("a") }, &[1, 2]);
        storage(w, |body| body.receipts = elsewhere.receipts)
    }),
    ("storage.receipt-signature", Chain::Main, |w| {
        let other = World::of(Genesis { name: "Other".into(), ..genesis() });
        storage(w, |body| body.receipts = other.storage("a").receipts)
    }),
    ("access.not-grown", Chain::Main, |w| {
        let root = w.by_branch(1, Body::Access(access(w, 0, 3, &LOG)));
        w.accept(Chain::Main, &root);
        w.by_branch(1, Body::Access(access(w, 3, 3, &LOG))).encode()
    }),
    ("access.not-grown", Chain::Main, |w| w.by_branch(1, Body::Access(access(w, 0, 0, &LOG))).encode()),
    ("access.inconsistent", Chain::Main, |w| {
        let root = w.by_branch(1, Body::Access(access(w, 0, 3, &LOG)));
        w.accept(Chain::Main, &root);
        let changed = ["one", "TWO", "three", "four", "five", "six", "seven"];
        w.by_branch(1, Body::Access(access(w, 3, 7, &changed))).encode()
    }),
    ("access.inconsistent", Chain::Main, |w| {
        let mut body = access(w, 0, 3, &LOG);
        body.consistency.push(wardline_crypto::Digest::ZERO);
        w.by_branch(1, Body::Access(body)).encode()
    }),
    ("enrol.patient-exists", Chain::Side, |w| {
        enrolled(w);
        w.by("registrar", Body::Enrol(w.enrol("mei"))).encode()
    }),
    ("enrol.identity", Chain::Side, |w| {
        let body = Enrol { identity: b"no envelope".to_vec(), ..w.enrol("mei") };
        w.by("registrar", Body::Enrol(body)).encode()
    }),
    ("enrol.identity", Chain::Side, |w| {
        let body = Enrol { identity: w.enrol("li").identity, ..w.enrol("mei") };
        w.by("registrar", Body::Enrol(body)).encode()
    }),
    ("enrol.identity", Chain::Side, |w| {
        let identity = identity(&patient("mei"), Suite::Cascade, Content::Record, 1);
        w.by("registrar", Body::Enrol(Enrol { identity, ..w.enrol("mei") })).encode()
    }),
    ("enrol.identity", Chain::Side, |w| {
        let identity = identity(&patient("mei"), Suite::Cascade, Content::Identity, 2);
        w.by("registrar", Body::Enrol(Enrol { identity, ..w.enrol("mei") })).encode()
    }),
    ("enrol.suite", Chain::Side, |w| {
        let identity = identity(&patient("mei"), Suite::TripleDes, Content::Identity, 1);
        w.by("registrar", Body::Enrol(Enrol { identity, ..w.enrol("mei") })).encode()
    }),
    ("link.exists", Chain::Side, |w| {
        enrolled(w);
        let first = w.by("ward", Body::Link(w.link("a", "mei")));
        w.accept(Chain::Side, &first);
        first.encode()
    }),
    ("link.patient-unknown", Chain::Side, |w| w.by("ward", Body::Link(w.link("a", "nobody"))).encode()),
    ("lookup.exists", Chain::Side, |w| {
        enrolled(w);
        let first = w.by("ward", Body::Lookup(w.lookup("l", "mei")));
        w.accept(Chain::Side, &first);
        first.encode()
    }),
    ("lookup.patient-unknown", Chain::Side, |w| w.by("ward", Body::Lookup(w.lookup("l", "nobody"))).encode()),
    ("lookup.reason", Chain::Side, |w| {
        enrolled(w);
        let lookup = Lookup { reason: "   ".into(), ..w.lookup("l", "mei") };
        w.by("ward", Body::Lookup(lookup)).encode()
    }),
];

#[test]
fn every_rule_refuses_what_it_is_for() {
    for (i, (code, chain, make)) in
        REFUSED.iter().chain(registry::REFUSED).chain(verdict::REFUSED).enumerate()
    {
        let mut world = World::new();
        let bytes = make(&mut world);
        match world.check(*chain, &bytes) {
            Ok(_) => panic!("case {i} for {code} holds"),
            Err(refusal) => assert_eq!(refusal.code(), *code, "case {i}: {refusal}"),
        }
    }
}

#[test]
fn every_rule_has_a_case() {
    for code in Refusal::CODES {
        let mut cases = REFUSED.iter().chain(registry::REFUSED).chain(verdict::REFUSED);
        let covered = *code == "state.unavailable" || cases.any(|(covered, ..)| covered == code);
        assert!(covered, "no case for {code}");
    }
    let unique: std::collections::BTreeSet<_> = Refusal::CODES.iter().collect();
    assert_eq!(unique.len(), Refusal::CODES.len());
}

#[test]
fn a_state_that_fails_is_said_to_fail() {
    let world = World::new();
    let bytes = world.by("ward", Body::Storage(world.storage("a"))).encode();
    let refusal = check_bytes(&Broken, &world.context(Chain::Main), &bytes).unwrap_err();
    assert_eq!(refusal.code(), "state.unavailable");
    assert!(refusal.may_hold_later());
}

/// What holds, for every kind.
const HOLDS: &[Case] = &[
    ("storage", Chain::Main, |w| storage(w, |_| {})),
    ("storage by a registrar", Chain::Main, |w| w.by("registrar", Body::Storage(w.storage("a"))).encode()),
    ("storage again", Chain::Main, |w| {
        let first = w.by("ward", Body::Storage(w.storage("a")));
        w.accept(Chain::Main, &first);
        w.by("ward", Body::Storage(again(w))).encode()
    }),
    ("emergency", Chain::Main, |w| storage(w, |body| body.assent = Assent::Emergency(4))),
    ("unable to ask", Chain::Main, |w| storage(w, |body| body.assent = Assent::UnableToAsk(6))),
    ("the largest envelope", Chain::Main, |w| {
        let body = Storage { size: 33 * 1024 * 1024, ..w.storage("a") };
        w.by("ward", Body::Storage(w.held_by(body, &[1, 3, 4]))).encode()
    }),
    ("the grant's first second", Chain::Main, |w| with_grant(w, |g| g.not_before_s = NOW)),
    ("the grant's last second", Chain::Main, |w| with_grant(w, |g| g.not_after_s = NOW)),
    ("the longest grant", Chain::Main, |w| with_grant(w, |g| g.not_after_s = g.not_before_s + 43_200)),
    ("access", Chain::Main, |w| w.by_branch(1, Body::Access(access(w, 0, 3, &LOG))).encode()),
    ("access again", Chain::Main, |w| {
        let first = w.by_branch(1, Body::Access(access(w, 0, 3, &LOG)));
        w.accept(Chain::Main, &first);
        w.by_branch(1, Body::Access(access(w, 3, 7, &LOG))).encode()
    }),
    ("enrol", Chain::Side, |w| w.by("registrar", Body::Enrol(w.enrol("mei"))).encode()),
    ("link", Chain::Side, |w| {
        enrolled(w);
        w.by("ward", Body::Link(w.link("a", "mei"))).encode()
    }),
    ("lookup", Chain::Side, |w| {
        enrolled(w);
        w.by("ward", Body::Lookup(w.lookup("l", "mei"))).encode()
    }),
    ("lookup by a crew", Chain::Side, |w| {
        enrolled(w);
        let lookup = Lookup { purpose: Purpose::Emergency, ..w.lookup("l", "mei") };
        w.by("crew", Body::Lookup(lookup)).encode()
    }),
    ("suites, main", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 1).encode()
    }),
    ("suites, side", Chain::Side, |w| {
        w.approved(&["admin-b", "admin-a"], RegistryEntry::Suites(7), 1).encode()
    }),
    ("policy", Chain::Main, |w| policy(w, 2, 1)),
    ("a researcher by one person", Chain::Main, |w| {
        w.approved(&["admin-a"], RegistryEntry::Staff(staff("new", 5, &[Role::Researcher])), 1).encode()
    }),
    ("a nurse by two", Chain::Main, |w| {
        w.approved(&["admin-a", "operator"], RegistryEntry::Staff(staff("new", 3, &[Role::Ward])), 1).encode()
    }),
    ("a registrar by two", Chain::Side, |w| {
        let entry = staff("new", 3, &[Role::Registrar]);
        w.approved(&["admin-a", "operator"], RegistryEntry::Staff(entry), 1).encode()
    }),
    ("a nurse's new keys by two", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| {
            (staff.signing, staff.key_epoch) = (key("new").public(), 2)
        })
    }),
    ("a nurse revoked by one", Chain::Main, |w| {
        staff_change(w, "ward", &["operator"], |staff| staff.active = false)
    }),
    ("a registrar revoked by one", Chain::Main, |w| {
        staff_change(w, "registrar", &["operator"], |staff| staff.active = false)
    }),
    ("an administrator revoked while two remain", Chain::Main, |w| {
        staff_change(w, "operator", &["admin-a"], |staff| staff.active = false)
    }),
    ("a new branch", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Participant(participant(6, true)), 1).encode()
    }),
    ("a branch's new address", Chain::Side, |w| participant_change(w, 3, |p| p.api = "https://b3:1".into())),
    ("validators", Chain::Main, |w| validators(w, Chain::Main, &[1, 2, 3])),
    ("the other chain's validators", Chain::Main, |w| validators(w, Chain::Side, &[1, 2, 3])),
];

#[test]
fn what_is_right_holds() {
    for (name, chain, make) in HOLDS {
        let mut world = World::new();
        let bytes = make(&mut world);
        let changes = world.check(*chain, &bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert!(!changes.is_empty(), "{name}");
    }
}

#[test]
fn a_value_that_no_bytes_decode_to_is_refused_too() {
    let world = World::new();
    let mut body = world.storage("a");
    body.receipts = vec![body.receipts[0]; 2];
    let transaction = world.by("ward", Body::Storage(body));
    let refusal = check(&world.main, &world.context(Chain::Main), &transaction).unwrap_err();
    assert_eq!(refusal.code(), "transaction.malformed");
}

#[test]
fn a_patients_list_is_proven_whole() {
    let mut world = World::new();
    enrolled(&mut world);
    for name in ["a", "b", "c"] {
        let link = world.by("ward", Body::Link(world.link(name, "mei")));
        world.accept(Chain::Side, &link);
    }
    let entry: PatientEntry = state::require(&world.side, Key::Patient(patient("mei"))).unwrap();
    let links: Vec<_> = ["a", "b", "c"].map(|name| (record(name), BranchId(1))).to_vec();
    assert!(entry.proves_whole(&links));
    for (i, name) in ["a", "b", "c"].iter().enumerate() {
        let link: LinkEntry = state::require(&world.side, Key::Link(record(name))).unwrap();
        assert_eq!((link.index, link.patient), (i as u64, patient("mei")));
    }
    let mut other = links.clone();
    other[1].1 = BranchId(2);
    let added = [links.clone(), vec![(record("d"), BranchId(1))]].concat();
    for wrong in [&links[..2], &links[1..], &[links[1], links[0], links[2]], &other, &added, &[]] {
        assert!(!entry.proves_whole(wrong));
    }
}

#[test]
fn selection_skips_what_is_refused_and_stops_when_full() {
    let world = World::new();
    let good = |name: &str| world.by("ward", Body::Storage(world.storage(name))).encode();
    let (a, b, bad) = (good("a"), good("b"), vec![1, 2, 3]);
    let context = world.context(Chain::Main);
    let candidates = vec![a.clone(), bad.clone(), a.clone(), b.clone()];

    let all = select(&world.main, &context, candidates.clone().into_iter(), MAX_BODY).unwrap();
    assert_eq!(all.accepted, [a.clone(), b.clone()]);
    let refused: Vec<_> = all.refused.iter().map(|(id, refusal)| (*id, refusal.code())).collect();
    let digest = wardline_crypto::Digest::of;
    assert_eq!(refused, [(digest(&bad), "transaction.malformed"), (digest(&a), "storage.version")]);
    assert_eq!(execute(&world.main, &context, &all.accepted), Ok(all.changes));

    let room_for_one = 4 + 4 + a.len();
    let one = select(&world.main, &context, candidates.clone().into_iter(), room_for_one).unwrap();
    assert_eq!((one.accepted, encode_body(std::slice::from_ref(&a)).len()), (vec![a.clone()], room_for_one));
    let none = select(&world.main, &context, candidates.into_iter(), room_for_one - 1).unwrap();
    assert_eq!(none.accepted, Vec::<Vec<u8>>::new());
    assert_eq!(execute(&world.main, &context, &[a.clone(), a]).unwrap_err().0, 1);
}

//! Golden bytes: the form of every signed or stored thing, so that no change of it goes unseen.
//!
//! `WARDLINE_BLESS=1` writes the file anew; a change in it is a new format version, or a mistake.

use crate::testing::*;
use crate::*;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use wardline_crypto::{Digest, merkle};
use wardline_policy::{Purpose, RecordKind, Role};

fn things() -> Vec<(&'static str, Vec<u8>)> {
    let w = World::new();
    let main = w.genesis.block(Chain::Main).unwrap();
    let side = w.genesis.block(Chain::Side).unwrap();
    let two = ["admin-a", "admin-b"];
    let storage = w.storage("a");
    let assent = |assent| Storage { assent, ..w.storage("a") };
    let registry = |entry| w.approved(&two, entry, 1).encode();
    let mut chain = TestChain::new(Chain::Main);
    for _ in 0..3 {
        chain.extend_any();
    }
    let mut links = merkle::Frontier::new();
    for n in 0..5u8 {
        links.append(merkle::leaf_hash(&[n]));
    }
    let (_, presence) = tree::prove(&w.main, 0, &Key::Policy.bytes()).unwrap();
    let (_, absence) = tree::prove(&w.main, 0, &Key::Record(record("a")).bytes()).unwrap();
    let root = Digest::of(b"root");
    vec![
        ("genesis", w.genesis.encode()),
        ("network", w.network.bytes().to_vec()),
        ("namespace main", w.genesis.namespace(Chain::Main)),
        ("header main genesis", main.header_bytes),
        ("header side genesis", side.header_bytes),
        ("header height 3", chain.blocks[2].0.clone()),
        ("body", encode_body(&[vec![1, 2], vec![3]])),
        ("certificate height 3", chain.blocks[2].1.clone().unwrap()),
        ("checkpoint", Checkpoint::genesis(&w.genesis, Chain::Main).unwrap().encode()),
        ("proven head height 10", proven_head().encode()),
        ("grant", w.grant("ward").encode()),
        ("receipt", storage.receipts[0].encode()),
        (
            "tip",
            SignedTip::sign(&key("signing 1"), w.network, Chain::Main, BranchId(1), 9, root, NOW).encode(),
        ),
        ("transaction storage", w.by("ward", Body::Storage(storage.clone())).encode()),
        ("body storage commitment", Body::Storage(assent(Assent::Commitment(root))).encode()),
        ("body storage emergency", Body::Storage(assent(Assent::Emergency(2))).encode()),
        ("body storage unable to ask", Body::Storage(assent(Assent::UnableToAsk(3))).encode()),
        ("transaction registry participant", registry(RegistryEntry::Participant(participant(6, true)))),
        ("transaction registry institute", registry(RegistryEntry::Participant(participant(7, false)))),
        (
            "transaction registry staff",
            registry(RegistryEntry::Staff(staff("new", 3, &[Role::Ward, Role::Crew]))),
        ),
        ("transaction registry suites", registry(RegistryEntry::Suites(0b110))),
        (
            "transaction registry policy",
            registry(RegistryEntry::Policy(NetworkPolicy { version: 2, ..NetworkPolicy::default() })),
        ),
        (
            "transaction registry validators",
            registry(RegistryEntry::Validators { chain: Chain::Side, set: vec![BranchId(1), BranchId(4)] }),
        ),
        (
            "transaction access",
            w.by_branch(
                1,
                Body::Access(Access {
                    branch: BranchId(1),
                    size: 7,
                    root,
                    consistency: vec![root, w.network],
                }),
            )
            .encode(),
        ),
        (
            "transaction enrol",
            w.by("registrar", Body::Enrol(Enrol { patient: patient("mei"), identity: b"sealed".to_vec() }))
                .encode(),
        ),
        ("transaction link", w.by("ward", Body::Link(w.link("a", "mei"))).encode()),
        ("transaction lookup", w.by("ward", Body::Lookup(w.lookup("l", "mei"))).encode()),
        ("transaction verdict", w.by("auditor", Body::Verdict(verdict(root))).encode()),
        ("key chain", Key::Chain.bytes()),
        ("key participant", Key::Participant(BranchId(5)).bytes()),
        ("key registry version", Key::RegistryVersion.bytes()),
        ("key validators", Key::Validators(7).bytes()),
        ("key record", Key::Record(record("a")).bytes()),
        ("state chain", w.main.values[&Key::Chain.bytes()].clone()),
        ("state policy", w.main.values[&Key::Policy.bytes()].clone()),
        ("state suites", w.main.values[&Key::Suites.bytes()].clone()),
        ("state participants", w.main.values[&Key::Participants.bytes()].clone()),
        ("state staff of", w.main.values[&Key::StaffOf(BranchId(2)).bytes()].clone()),
        ("state administrators", w.main.values[&Key::Administrators.bytes()].clone()),
        ("state key owner", w.main.values[&Key::KeyOwner(key("signing 1").public()).bytes()].clone()),
        ("state validators", w.main.values[&Key::Validators(0).bytes()].clone()),
        (
            "state record",
            RecordEntry {
                branch: BranchId(1),
                kind: RecordKind::Receipt,
                pointer: root,
                size: 5000,
                version: 2,
                author: staff_id("ward"),
                height: 9,
            }
            .encode(),
        ),
        ("state access", AccessEntry { size: 7, root, height: 9 }.encode()),
        ("key verdicts", Key::Verdicts.bytes()),
        ("key verdict", Key::Verdict(staff_id("auditor")).bytes()),
        ("state verdict", VerdictEntry { verdict: verdict(root), time_s: NOW, at: 9 }.encode()),
        ("state patient", PatientEntry { identity: root, enrolled_height: 9, links }.encode()),
        ("state link", LinkEntry { patient: patient("mei"), index: 4, branch: BranchId(1) }.encode()),
        (
            "state lookup",
            LookupEntry {
                patient: patient("mei"),
                staff: staff_id("ward"),
                purpose: Purpose::Emergency,
                time_s: NOW,
                height: 9,
            }
            .encode(),
        ),
        ("state root main genesis", main.tree.root.bytes().to_vec()),
        ("proof of presence", presence.bytes().to_vec()),
        ("proof of absence", absence.bytes().to_vec()),
    ]
}

/// What an auditor says who found two bad copies and heard nothing of a third.
fn verdict(digest: Digest) -> Verdict {
    let named = |record, branch, lack| Named { record, branch: BranchId(branch), lack };
    let mut named = vec![
        named(record("a"), 1, Lack::Missing),
        named(record("a"), 2, Lack::Altered),
        named(record("b"), 3, Lack::Unanswered),
    ];
    named.sort();
    Verdict { since: 2, height: 8, digest, records: 5, bad: 2, unheard: 1, named }
}

/// What a console keeps after ten blocks in three epochs, the second with other validators than the first.
fn proven_head() -> ProvenHead {
    let chain = TestChain::three_epochs();
    let block = |height: usize| {
        let (header, certificate) = chain.blocks[height - 1].clone();
        (header, certificate.unwrap())
    };
    let (set, proof) = chain.sets[&1].clone();
    let (header, certificate) = block(3);
    let step = Step { header, certificate, set, proof: proof.bytes().to_vec() };
    let nothing = ProvenHead::genesis(chain.world.network, Chain::Main);
    ProvenHead { steps: vec![step], head: Some(block(10)), ..nothing }
}

#[test]
fn bytes_are_what_they_were() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt");
    let text: String =
        things().iter().map(|(name, bytes)| format!("{name}: {}\n", HEXLOWER.encode(bytes))).collect();
    if std::env::var_os("WARDLINE_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    let lines: BTreeMap<&str, &str> = golden.lines().filter_map(|line| line.split_once(": ")).collect();
    for (name, now) in text.lines().filter_map(|line| line.split_once(": ")) {
        assert_eq!(lines.get(name), Some(&now), "{name}");
    }
    assert_eq!(lines.len(), things().len(), "the file has entries that nothing makes");
}

//! What answers show, and what they do not: forged, altered, missing, omission.

use super::*;

/// Judges an answer with these headers on a chain of one block.
fn with_headers(headers: Vec<CertifiedBytes>) -> Scene {
    let mut scene = forged();
    scene.bodies.headers = Some(headers);
    scene
}

#[test]
fn forged_is_what_no_valid_chain_has() {
    let chain = main_chain(1);
    let (bytes, certificate) = chain.blocks[0].clone();
    let header = Header::decode(&bytes).unwrap();
    let good = (bytes.clone(), certificate.clone());
    let what = |headers: Vec<CertifiedBytes>| match with_headers(headers).holds() {
        Claim::Forged { what, .. } => what,
        other => panic!("{other:?}"),
    };
    // What is valid, or says nothing, is passed over.
    for innocent in
        [vec![], vec![good.clone()], vec![(bytes.clone(), None)], vec![good.clone(), good.clone()]]
    {
        assert_eq!(with_headers(innocent).refuted(), Refuted::ForgedNothing);
    }
    let short = bytes[..bytes.len() - 1].to_vec();
    let malformed = Header::decode(&short).unwrap_err();
    assert_eq!(what(vec![good.clone(), (short, None)]), Forged::Malformed(malformed));
    let of = |header: Header| vec![good.clone(), (header.encode(), None)];
    assert_eq!(what(of(Header { network: Digest::ZERO, ..header.clone() })), Forged::Elsewhere(1));
    assert_eq!(what(of(Header { chain: Chain::Side, ..header.clone() })), Forged::Elsewhere(1));
    assert_eq!(what(of(Header { epoch: 1, ..header.clone() })), Forged::Epoch(1));
    assert_eq!(what(of(Header { height: 4, ..header.clone() })), Forged::Epoch(4));
    let other = Header { time_s: header.time_s + 1, ..header.clone() };
    let swapped = vec![good.clone(), (other.encode(), certificate.clone())];
    let error = CertificateError::OtherBlock;
    assert_eq!(what(swapped), Forged::Certificate { height: 1, error });
    let mut cut = certificate.unwrap();
    cut.pop();
    let error = CertificateError::Malformed(DecodeError::Truncated("signature"));
    assert_eq!(what(vec![(bytes.clone(), Some(cut))]), Forged::Certificate { height: 1, error });
    // A later version may be right by later rules, whatever follows; beside it, what is wrong stays wrong.
    let later = |version: u16| {
        let mut later = bytes.clone();
        later[40..42].copy_from_slice(&version.to_be_bytes());
        (later, Some(b"later".to_vec()))
    };
    for version in [2, u16::MAX] {
        let scene = with_headers(vec![good.clone(), later(version)]);
        assert_eq!(scene.refuted(), Refuted::LaterVersion(version));
    }
    let zero = Header::decode(&later(0).0).unwrap_err();
    assert_eq!(what(vec![later(2), later(0)]), Forged::Malformed(zero));
    let mut unreadable = forged();
    unreadable.bodies.headers = None;
    assert_eq!(unreadable.refuted(), Refuted::Unreadable("answer"));
}

/// Validators that the file does not prove may be others: leaving the change out accuses nobody.
#[test]
fn a_certificate_counts_with_the_very_validators_of_its_epoch() {
    let mut chain = main_chain(4);
    let header = Header::decode(&chain.blocks[3].0).unwrap();
    assert_eq!((header.height, header.epoch), (4, 1));
    let few = certified(&chain, &header, &[0, 1]);
    let scene = |headers: Vec<CertifiedBytes>| {
        let mut scene = with_headers(headers);
        scene.chain = main_chain(0);
        scene
    };
    let few_signed = vec![(header.encode(), Some(few))];
    assert_eq!(scene(few_signed.clone()).refuted(), Refuted::ForgedNothing);
    // Another block's or another epoch's certificate is wrong whoever the validators are.
    let error = CertificateError::OtherBlock;
    let other = Header { time_s: header.time_s + 1, ..header.clone() };
    let swapped = vec![(other.encode(), chain.blocks[3].1.clone())];
    let claim = Forged::Certificate { height: 4, error };
    assert!(matches!(scene(swapped).holds(), Claim::Forged { what, .. } if what == claim));
    let earlier = Header { epoch: 0, ..header.clone() };
    let of_epoch_0 = certified(&chain, &earlier, &[1, 2, 3]);
    let error = CertificateError::OtherEpoch { found: 0, expected: 1 };
    let claim = Forged::Certificate { height: 4, error };
    let headers = vec![(header.encode(), Some(of_epoch_0))];
    assert!(matches!(scene(headers).holds(), Claim::Forged { what, .. } if what == claim));
    // With the change proven it counts.
    let mut proven = scene(few_signed);
    proven.evidence.steps.push((1, step(&mut chain, 1)));
    let error = CertificateError::NoQuorum { found: 2, quorum: 3 };
    let claim = Forged::Certificate { height: 4, error };
    assert!(matches!(proven.holds(), Claim::Forged { what, .. } if what == claim));
}

#[test]
fn headers_are_looked_for_where_the_question_was_about_headers() {
    for (target, place) in [
        ("/v1/main/headers", HeadersIn::Headers),
        ("/v1/main/headers?from=1", HeadersIn::Headers),
        ("/v1/main/blocks/17", HeadersIn::Block),
        ("/v1/main/proofs", HeadersIn::Block),
        ("/v1/main/stream?from=2", HeadersIn::Stream),
    ] {
        let mut scene = forged();
        let part = u32::from(place == HeadersIn::Stream);
        scene.answer(|line| (line.target, line.part) = (target.to_owned(), part));
        scene.holds();
        assert_eq!(scene.bodies.place.get(), Some(place), "{target}");
        scene.answer(|line| (line.target, line.part) = (target.to_owned(), 1 - part));
        assert_eq!(scene.refuted(), Refuted::OtherPart, "{target}");
    }
    for target in [
        "/v1/side/headers",
        "/v1/main/header",
        "/v1/main/blocks/",
        "/v1/main/blocks/x",
        "/v1/main/blocks/1x",
        "/v1/main/blocks/1/2",
        "/v1/main/status",
        "/v1/status",
        "/v2/main/headers",
        "/v1/mainheaders",
        "",
    ] {
        let mut scene = forged();
        scene.answer(|line| line.target = target.to_owned());
        assert_eq!(scene.refuted(), Refuted::OtherQuestion, "{target}");
    }
}

#[test]
fn a_part_of_an_answer_is_no_whole_one() {
    for (mut scene, target) in [
        (altered(), "/v1/records/envelopes"),
        (missing(), "/v1/records/envelopes"),
        (omission(), "/v1/patients/links"),
    ] {
        let branch = if scene.evidence.kind == Kind::Missing { 1 } else { 2 };
        let mut answer = |part| {
            scene.answer(|line| {
                (line.branch, line.asked_branch, line.key) = (branch, branch, format!("signing {branch}"));
                (line.target, line.part) = (target.to_owned(), part);
            });
            scene.verdict()
        };
        assert!(matches!(answer(0), Verdict::Holds(_)), "{target}");
        assert_eq!(answer(1), Verdict::Refuted(Refuted::OtherPart), "{target}");
    }
}

fn envelopes(scene: Scene, target: &str, min_main: u64) -> Scene {
    let mut scene = scene;
    let branch = if scene.evidence.kind == Kind::Missing { 1 } else { 2 };
    scene.answer(|line| {
        (line.branch, line.asked_branch, line.key) = (branch, branch, format!("signing {branch}"));
        (line.target, line.min_main) = (target.to_owned(), min_main);
    });
    scene
}

#[test]
fn copies_are_of_a_storage_transaction_that_the_branch_had_to_know() {
    for scene in [altered, missing] {
        let path = "/v1/records/envelopes";
        envelopes(scene(), path, 1).holds();
        envelopes(scene(), path, 9).holds();
        let unknown = Refuted::MayNotKnow { block: 1, demanded: 0 };
        assert_eq!(envelopes(scene(), path, 0).refuted(), unknown);
        assert_eq!(envelopes(scene(), "/v1/records/keys", 1).refuted(), Refuted::OtherQuestion);
        let change = |change: &dyn Fn(&mut Fixed)| {
            let mut scene = scene();
            change(&mut scene.bodies);
            scene.refuted()
        };
        assert_eq!(change(&|bodies| bodies.records = None), Refuted::Unreadable("question"));
        assert_eq!(change(&|bodies| bodies.envelopes = None), Refuted::Unreadable("answer"));
        let not_asked = Some(vec![record("other"), record("another")]);
        assert_eq!(change(&|bodies| bodies.records.clone_from(&not_asked)), Refuted::NotAsked);
        assert_eq!(change(&|bodies| bodies.records = Some(vec![record("a")])), Refuted::Uneven);
        assert_eq!(change(&|bodies| bodies.envelopes = Some(vec![None])), Refuted::Uneven);
    }
    // A transaction of another kind, however final.
    let mut chain = TestChain::new(Chain::Main);
    let access = Access { branch: BranchId(2), size: 1, root: Digest::ZERO, consistency: vec![] };
    let included = included(&mut chain, &[chain_by_branch(&main_chain(0), access)], 0);
    let mut other = altered();
    other.evidence.parts[0] = Part::Block(final_block(&chain, 1));
    other.evidence.parts[1] = Part::Transaction(included);
    assert_eq!(other.refuted(), Refuted::NotStorage);
}

fn chain_by_branch(chain: &TestChain, access: Access) -> Transaction {
    chain.world.by_branch(2, Body::Access(access))
}

#[test]
fn copies_are_about_the_main_chain_and_lists_about_the_side_chain() {
    let mut chain = TestChain::new(Chain::Side);
    let enrol = chain.world.by("registrar", Body::Enrol(chain.world.enrol("mei")));
    let included = included(&mut chain, &[enrol], 0);
    for kind in [Kind::Altered, Kind::Missing] {
        let line = Line::new(chain.world.network, "/v1/records/envelopes");
        let parts = vec![
            Part::Block(final_block(&chain, 1)),
            Part::Transaction(included.clone()),
            Part::Answer(line.answered()),
        ];
        let mut side = TestChain::new(Chain::Side);
        side.extend(&[side.world.by("registrar", Body::Enrol(side.world.enrol("mei")))]);
        assert_eq!(scene(side, kind, parts).refuted(), Refuted::OtherChain(Chain::Main));
    }
    let main = main_chain(1);
    let line = Line::new(main.world.network, "/v1/patients/links");
    let parts = vec![Part::Block(final_block(&main, 1)), Part::Answer(line.answered())];
    assert_eq!(scene(main, Kind::Omission, parts).refuted(), Refuted::OtherChain(Chain::Side));
}

#[test]
fn altered_is_no_envelope_that_anybody_agreed_on() {
    let given = |envelope: Option<Vec<u8>>| {
        let mut scene = altered();
        scene.bodies.envelopes = Some(vec![Some(b"another record's".to_vec()), envelope]);
        scene
    };
    let agreed = envelope("a", 1, Content::Record);
    assert_eq!(given(Some(agreed.clone())).refuted(), Refuted::NotAltered);
    assert_eq!(given(None).refuted(), Refuted::NotAltered);
    // An earlier or a later version is not this transaction's.
    assert_eq!(given(Some(envelope("a", 2, Content::Record))).refuted(), Refuted::NotAltered);
    given(Some(b"no envelope".to_vec())).holds();
    given(Some(Vec::new())).holds();
    given(Some(agreed[..agreed.len() - 1].to_vec())).holds();
    given(Some(envelope("b", 2, Content::Record))).holds();
    given(Some(envelope("a", 2, Content::Identity))).holds();
    given(Some(envelope("a", 1, Content::Identity))).holds();
    // Asked for twice, it may not be wrong once.
    let mut twice = given(Some(agreed.clone()));
    twice.bodies.records = Some(vec![record("a"), record("a")]);
    twice.bodies.envelopes = Some(vec![Some(agreed), Some(b"no envelope".to_vec())]);
    twice.holds();
}

#[test]
fn missing_is_what_the_home_branch_signed_for() {
    let mut scene = missing();
    scene.bodies.envelopes = Some(vec![None, Some(Vec::new())]);
    assert_eq!(scene.refuted(), Refuted::NotMissing);
    // Another holder may have had an earlier version only.
    assert_eq!(copies(Kind::Missing, None, 2).refuted(), Refuted::NotHome(BranchId(2)));
    // A final block without the home's receipt, which no valid chain has.
    let chain = main_chain(0);
    let body = chain.world.held_by(chain.world.storage("a"), &[2, 3]);
    let bytes = chain.world.by("ward", Body::Storage(body)).encode();
    let transactions = [bytes.clone()];
    let header = Header {
        parent: chain.tip.digest(),
        height: 1,
        transactions: 1,
        transaction_root: transaction_root(&transactions),
        ..chain.tip.clone()
    };
    let mut scene = missing();
    let certificate = certified(&chain, &header, &[1, 2, 3]);
    scene.evidence.parts[0] = Part::Block(FinalBlock { headers: vec![header.encode()], certificate });
    let included = Included { transaction: bytes, index: 0, inclusion: vec![] };
    scene.evidence.parts[1] = Part::Transaction(included);
    assert_eq!(scene.refuted(), Refuted::NoReceipt(BranchId(1)));
}

#[test]
fn omission_is_a_list_that_the_certified_state_does_not_hold() {
    let change = |change: &dyn Fn(&mut GivenLinks)| {
        let mut scene = omission();
        change(scene.bodies.links.as_mut().unwrap());
        scene
    };
    let held = |scene: Scene| match scene.holds() {
        Claim::Omission { held, .. } => held,
        other => panic!("{other:?}"),
    };
    let whole = |links: &mut GivenLinks| {
        links.records = vec![record("a"), record("b")];
        links.branches = vec![1, 1];
    };
    assert_eq!(change(&whole).refuted(), Refuted::NothingOmitted);
    assert_eq!(held(change(&|links| links.records.clear())), Some(2));
    let but = |then: &dyn Fn(&mut GivenLinks)| {
        held(change(&|links| {
            whole(links);
            then(links);
        }))
    };
    assert_eq!(but(&|links| links.records.reverse()), Some(2));
    assert_eq!(but(&|links| links.branches = vec![1, 2]), Some(2));
    assert_eq!(but(&|links| links.branches.push(1)), Some(2));
    assert_eq!(but(&|links| links.branches.clear()), Some(2));
    assert_eq!(but(&|links| links.records.push(record("c"))), Some(2));
    // The entry itself is not the state's.
    assert_eq!(but(&|links| links.value.as_mut().unwrap()[0] ^= 1), None);
    assert_eq!(but(&|links| links.value = None), None);
    assert_eq!(but(&|links| links.proof.push(0)), None);
    let other = change(&|links| links.header = b"other".to_vec());
    assert_eq!(other.refuted(), Refuted::OtherHeader);
    // Another patient's entry is not hers.
    let mut scene = change(&whole);
    scene.bodies.patient = Some(patient("somebody else"));
    assert_eq!(held(scene), None);
    let mut scene = omission();
    scene.bodies.patient = None;
    assert_eq!(scene.refuted(), Refuted::Unreadable("question"));
    let mut scene = omission();
    scene.bodies.links = None;
    assert_eq!(scene.refuted(), Refuted::Unreadable("answer"));
    let mut scene = omission();
    scene.answer(|line| line.target = "/v1/patients/search".to_owned());
    assert_eq!(scene.refuted(), Refuted::OtherQuestion);
}

#[test]
fn a_patient_who_is_proven_absent_has_no_records() {
    let mut scene = omission();
    let key = Key::Patient(patient("nobody")).bytes();
    let (value, proof) = tree::prove(&scene.chain.world.side, 2, &key).unwrap();
    assert_eq!(value, None);
    scene.bodies.patient = Some(patient("nobody"));
    let links = scene.bodies.links.as_mut().unwrap();
    (links.value, links.proof) = (None, proof.bytes().to_vec());
    assert!(matches!(scene.holds(), Claim::Omission { given: 1, held: Some(0), .. }));
    let links = scene.bodies.links.as_mut().unwrap();
    links.records.clear();
    assert!(matches!(scene.holds(), Claim::Omission { given: 0, held: Some(0), .. }));
    scene.bodies.links.as_mut().unwrap().branches.clear();
    assert_eq!(scene.refuted(), Refuted::NothingOmitted);
}

//! Evidence of every kind that holds, and every way in which it must not.

use super::answer::Bodies;
use super::{Verdict, *};
use crate::answer::{Answer, SignedAnswer};
use crate::certificate::CertificateError;
use crate::codec::{Canonical, DecodeError, Writer};
use crate::grant::GrantError;
use crate::light::Invalid;
use crate::state::Key;
use crate::testing::*;
use crate::*;
use wardline_crypto::{
    Content, DataKey, Domain, Header as EnvelopeHeader, SeededEntropy, Suite, merkle, seal,
};

/// Bodies that say what they are told to, whatever their bytes are.
#[derive(Clone, Default)]
struct Fixed {
    headers: Option<Vec<CertifiedBytes>>,
    records: Option<Vec<RecordId>>,
    envelopes: Option<Vec<Option<Vec<u8>>>>,
    patient: Option<PatientId>,
    links: Option<GivenLinks>,
    /// Where headers were looked for last.
    place: std::cell::Cell<Option<HeadersIn>>,
}

impl Bodies for Fixed {
    fn headers(&self, place: HeadersIn, _: &[u8]) -> Option<Vec<CertifiedBytes>> {
        self.place.set(Some(place));
        self.headers.clone()
    }
    fn records(&self, _: &[u8]) -> Option<Vec<RecordId>> {
        self.records.clone()
    }
    fn envelopes(&self, _: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        self.envelopes.clone()
    }
    fn patient(&self, _: &[u8]) -> Option<PatientId> {
        self.patient
    }
    fn links(&self, _: &[u8]) -> Option<GivenLinks> {
        self.links.clone()
    }
}

/// A chain with evidence about it.
struct Scene {
    chain: TestChain,
    evidence: Evidence,
    bodies: Fixed,
}

impl Scene {
    fn verdict(&self) -> Verdict {
        judge(&self.evidence, &self.chain.world.network, &self.bodies)
    }

    fn holds(&self) -> Claim {
        match self.verdict() {
            Verdict::Holds(proven) => proven.claim,
            other => panic!("{other:?}"),
        }
    }

    fn refuted(&self) -> Refuted {
        match self.verdict() {
            Verdict::Refuted(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn not_evidence(&self) -> NotEvidence {
        match self.verdict() {
            Verdict::NotEvidence(why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Signs the part of an answer anew after a change.
    fn answer(&mut self, change: impl FnOnce(&mut Line)) -> &mut Self {
        let mut line = Line::new(self.chain.world.network, "/v1/main/headers");
        change(&mut line);
        let part = self.evidence.parts.iter_mut().find_map(|part| match part {
            Part::Answer(answer) => Some(answer),
            _ => None,
        });
        *part.unwrap() = line.answered();
        self
    }

    fn answered(&mut self) -> &mut Answered {
        let part = self.evidence.parts.iter_mut().find_map(|part| match part {
            Part::Answer(answer) => Some(answer),
            _ => None,
        });
        part.unwrap()
    }

    fn block(&mut self) -> &mut FinalBlock {
        match &mut self.evidence.parts[0] {
            Part::Block(block) => block,
            other => panic!("{other:?}"),
        }
    }

    fn included(&mut self) -> &mut Included {
        match &mut self.evidence.parts[1] {
            Part::Transaction(included) => included,
            other => panic!("{other:?}"),
        }
    }
}

/// A request and the answer to it, before they are signed.
#[derive(Clone)]
struct Line {
    network: NetworkId,
    asked_network: NetworkId,
    branch: u16,
    asked_branch: u16,
    min_main: u64,
    target: String,
    asked: Vec<u8>,
    part: u32,
    status: u16,
    key: String,
}

impl Line {
    fn new(network: NetworkId, target: &str) -> Self {
        Self {
            network,
            asked_network: network,
            branch: 2,
            asked_branch: 2,
            min_main: 1,
            target: target.to_owned(),
            asked: b"asked".to_vec(),
            part: 0,
            status: 200,
            key: "signing 2".to_owned(),
        }
    }

    fn answered(&self) -> Answered {
        let mut w = Writer::default();
        self.asked_network.write(&mut w);
        w.u16(self.asked_branch);
        w.fixed(&[7; 16]);
        w.u64(1);
        w.u64(self.min_main);
        w.u64(0);
        w.text("POST");
        w.text(&self.target);
        Digest::of(&self.asked).write(&mut w);
        let (request, body) = (w.into_bytes(), b"body".to_vec());
        let answer = Answer {
            network: self.network,
            branch: BranchId(self.branch),
            request: Digest::of(&request),
            part: self.part,
            status: self.status,
            body: Digest::of(&body),
            time_s: NOW,
        };
        let answer = SignedAnswer::sign(&key(&self.key), answer).encode();
        Answered { answer, request, asked: self.asked.clone(), body }
    }
}

fn witness(world: &World) -> Witness {
    let (sum, seen_s) = (Digest::of(b"file"), NOW);
    let signed = Witness::signed_bytes(&sum, seen_s);
    let signature = key("session of ward").sign(Domain::Evidence, &signed).encode();
    Witness { sum, seen_s, grant: world.grant("ward").encode(), signature }
}

fn scene(chain: TestChain, kind: Kind, parts: Vec<Part>) -> Scene {
    let world = &chain.world;
    let evidence = Evidence {
        kind,
        network: world.network,
        chain: chain.chain,
        genesis: world.genesis.encode(),
        steps: Vec::new(),
        members: Vec::new(),
        parts,
        witness: (kind != Kind::Inclusion).then(|| witness(world)),
    };
    Scene { chain, evidence, bodies: Fixed::default() }
}

fn final_block(chain: &TestChain, height: usize) -> FinalBlock {
    let (header, certificate) = chain.blocks[height - 1].clone();
    FinalBlock { headers: vec![header], certificate: certificate.unwrap() }
}

/// Another block of the same height, certified by these validators.
fn other_block(chain: &TestChain, height: usize, signers: &[usize]) -> FinalBlock {
    let header = Header::decode(&chain.blocks[height - 1].0).unwrap();
    let header = Header { time_s: header.time_s + 1, ..header };
    FinalBlock { certificate: certified(chain, &header, signers), headers: vec![header.encode()] }
}

fn certified(chain: &TestChain, header: &Header, signers: &[usize]) -> Vec<u8> {
    let set = chain.world.genesis.validators(chain.chain);
    let namespace = chain.world.genesis.namespace(chain.chain);
    let keys = validator_keys(chain.chain);
    certify(&namespace, &set, signers, &header.digest(), header.epoch, &keys)
}

fn main_chain(blocks: usize) -> TestChain {
    let mut chain = TestChain::new(Chain::Main);
    for _ in 0..blocks {
        chain.extend_any();
    }
    chain
}

/// The second of three transactions of block 1.
fn included(chain: &mut TestChain, transactions: &[Transaction], index: usize) -> Included {
    chain.extend(transactions);
    let bytes: Vec<Vec<u8>> = transactions.iter().map(Canonical::encode).collect();
    let leaves: Vec<Digest> = bytes.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
    let inclusion = merkle::inclusion_proof(&leaves, index);
    Included { transaction: bytes[index].clone(), index: index as u64, inclusion }
}

fn storages(chain: &TestChain, body: Storage) -> Vec<Transaction> {
    let world = &chain.world;
    let [a, b] = ["other a", "other b"].map(|name| world.by("ward", Body::Storage(world.storage(name))));
    vec![a, world.by("ward", Body::Storage(body)), b]
}

fn inclusion() -> Scene {
    let mut chain = TestChain::new(Chain::Main);
    let transactions = storages(&chain, chain.world.storage("a"));
    let included = included(&mut chain, &transactions, 1);
    let parts = vec![Part::Block(final_block(&chain, 1)), Part::Transaction(included)];
    scene(chain, Kind::Inclusion, parts)
}

fn fork() -> Scene {
    let chain = main_chain(1);
    let other = other_block(&chain, 1, &[0, 1, 2]);
    let parts = vec![Part::Block(final_block(&chain, 1)), Part::Block(other)];
    scene(chain, Kind::Fork, parts)
}

fn tip(chain: &TestChain, branch: u16, height: u64, digest: Digest, time_s: u64) -> Part {
    let signing = key(&format!("signing {branch}"));
    let (network, on) = (chain.world.network, chain.chain);
    Part::Tip(SignedTip::sign(&signing, network, on, BranchId(branch), height, digest, time_s).encode())
}

fn contradiction() -> Scene {
    let chain = main_chain(1);
    let tip = tip(&chain, 2, 1, Digest::of(b"another"), NOW);
    let parts = vec![Part::Block(final_block(&chain, 1)), tip];
    scene(chain, Kind::Contradiction, parts)
}

fn rollback() -> Scene {
    let chain = main_chain(1);
    let parts =
        vec![tip(&chain, 2, 9, Digest::of(b"nine"), NOW), tip(&chain, 2, 8, Digest::of(b"eight"), NOW + 1)];
    scene(chain, Kind::Rollback, parts)
}

fn forged() -> Scene {
    let chain = main_chain(1);
    let line = Line::new(chain.world.network, "/v1/main/headers?from=1&limit=5");
    let mut scene = scene(chain, Kind::Forged, vec![Part::Answer(line.answered())]);
    let block = other_block(&scene.chain, 1, &[0, 1]);
    scene.bodies.headers = Some(vec![(block.headers[0].clone(), Some(block.certificate))]);
    scene
}

fn envelope(name: &str, version: u32, content: Content) -> Vec<u8> {
    let mut entropy = SeededEntropy::new(u64::from(version));
    let header = EnvelopeHeader { suite: Suite::Cascade, content, object: id16(name), version };
    seal(&DataKey::generate(&mut entropy), &header, b"a made-up record", &mut entropy).unwrap()
}

fn copies(kind: Kind, given: Option<Vec<u8>>, branch: u16) -> Scene {
    let mut chain = TestChain::new(Chain::Main);
    let pointer = Digest::of(&envelope("a", 1, Content::Record));
    let body = Storage { pointer, ..chain.world.storage("a") };
    let body = chain.world.held_by(body, &[1, 2]);
    let transactions = storages(&chain, body);
    let included = included(&mut chain, &transactions, 1);
    let mut line = Line::new(chain.world.network, "/v1/records/envelopes");
    (line.branch, line.asked_branch, line.key) = (branch, branch, format!("signing {branch}"));
    let parts =
        vec![Part::Block(final_block(&chain, 1)), Part::Transaction(included), Part::Answer(line.answered())];
    let mut scene = scene(chain, kind, parts);
    scene.bodies.records = Some(vec![record("other"), record("a")]);
    scene.bodies.envelopes = Some(vec![None, given]);
    scene
}

fn altered() -> Scene {
    let mut bytes = envelope("a", 1, Content::Record);
    *bytes.last_mut().unwrap() ^= 1;
    copies(Kind::Altered, Some(bytes), 2)
}

fn missing() -> Scene {
    let mut scene = copies(Kind::Missing, None, 1);
    scene.bodies.envelopes = Some(vec![Some(Vec::new()), None]);
    scene
}

fn omission() -> Scene {
    let mut chain = TestChain::new(Chain::Side);
    let world = &chain.world;
    let enrol = world.by("registrar", Body::Enrol(world.enrol("mei")));
    chain.extend(&[enrol]);
    let links: Vec<Transaction> = ["a", "b"]
        .iter()
        .map(|name| chain.world.by("ward", Body::Link(chain.world.link(name, "mei"))))
        .collect();
    chain.extend(&links);
    let key = Key::Patient(patient("mei")).bytes();
    let (value, proof) = tree::prove(&chain.world.side, 2, &key).unwrap();
    let line = Line::new(chain.world.network, "/v1/patients/links");
    let parts = vec![Part::Block(final_block(&chain, 2)), Part::Answer(line.answered())];
    let mut scene = scene(chain, Kind::Omission, parts);
    scene.bodies.patient = Some(patient("mei"));
    scene.bodies.links = Some(GivenLinks {
        header: scene.chain.blocks[1].0.clone(),
        value,
        proof: proof.bytes().to_vec(),
        records: vec![record("a")],
        branches: vec![1],
    });
    scene
}

fn all() -> [Scene; 8] {
    [inclusion(), fork(), contradiction(), rollback(), forged(), altered(), missing(), omission()]
}

#[test]
fn every_kind_holds_and_says_what() {
    for (scene, kind) in all().iter().zip(Kind::ALL) {
        let Verdict::Holds(proven) = scene.verdict() else { panic!("{kind:?}: {:?}", scene.verdict()) };
        assert_eq!((proven.claim.kind(), scene.evidence.kind), (kind, kind));
        assert_eq!(proven.network, scene.chain.world.network);
        assert_eq!(proven.chain, scene.chain.chain);
        assert_eq!(proven.names[&BranchId(2)], "Branch 2");
        let seen = Seen { staff: staff_id("ward"), branch: BranchId(1), at_s: NOW };
        assert_eq!(proven.seen, (kind != Kind::Inclusion).then_some(seen));
        let blocks = match kind {
            Kind::Rollback | Kind::Forged => 0,
            Kind::Fork => 2,
            _ => 1,
        };
        assert_eq!(proven.blocks.len(), blocks, "{kind:?}");
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        let branches = match kind {
            Kind::Inclusion => vec![],
            Kind::Fork => proven.claim.branches(),
            Kind::Missing => vec![BranchId(1)],
            _ => vec![BranchId(2)],
        };
        assert_eq!(proven.claim.branches(), branches);
    }
    assert_eq!(Kind::from_name("other"), None);
}

#[test]
fn what_is_proven_is_told_in_full() {
    let scene = inclusion();
    let transaction = scene.evidence.parts[1].clone();
    let Part::Transaction(included) = transaction else { panic!() };
    let says = Transaction::decode(&included.transaction).ok().map(Box::new);
    let id = Digest::of(&included.transaction);
    assert_eq!(scene.holds(), Claim::Inclusion { transaction: id, index: 1, says });

    let scene = fork();
    let set = scene.chain.world.genesis.validators(Chain::Main);
    let mut both = vec![set.members[1].0, set.members[2].0];
    both.sort_unstable();
    assert_eq!(scene.holds(), Claim::Fork { branches: both });
    let Verdict::Holds(proven) = scene.verdict() else { panic!() };
    let header = Header::decode(&scene.chain.blocks[0].0).unwrap();
    let signers: Vec<BranchId> = set.members[1..].iter().map(|(branch, _)| *branch).collect();
    let first = SignedBy { height: 1, digest: header.digest(), time_s: header.time_s, signers };
    assert_eq!(proven.blocks[0], first);

    let signed = Digest::of(b"another");
    let branch = BranchId(2);
    assert_eq!(contradiction().holds(), Claim::Contradiction { branch, signed, time_s: NOW });
    let (earlier, later) = ((9, NOW), (8, NOW + 1));
    assert_eq!(rollback().holds(), Claim::Rollback { branch, earlier, later });
    let error = CertificateError::NoQuorum { found: 2, quorum: 3 };
    let what = Forged::Certificate { height: 1, error };
    assert_eq!(forged().holds(), Claim::Forged { branch, time_s: NOW, what });

    let scene = altered();
    let given = Digest::of(scene.bodies.envelopes.as_ref().unwrap()[1].as_ref().unwrap());
    let agreed = Digest::of(&envelope("a", 1, Content::Record));
    let record = record("a");
    let claim = Claim::Altered { branch, time_s: NOW, record, version: 1, agreed, given };
    assert_eq!(scene.holds(), claim);
    let claim = Claim::Missing { branch: BranchId(1), time_s: NOW, record, version: 1 };
    assert_eq!(missing().holds(), claim);
    let patient = patient("mei");
    let claim = Claim::Omission { branch, time_s: NOW, patient, given: 1, held: Some(2) };
    assert_eq!(omission().holds(), claim);
}

#[test]
fn nothing_of_another_network_is_believed() {
    for mut scene in all() {
        let told = Digest::of(b"another network");
        let found = scene.evidence.network;
        let verdict = judge(&scene.evidence, &told, &scene.bodies);
        assert_eq!(verdict, Verdict::NotEvidence(NotEvidence::OtherNetwork { found, told }));
        // It may say that it is of the network, with a genesis of its own.
        scene.evidence.genesis = Genesis { created_s: 1, ..genesis() }.encode();
        assert_eq!(scene.not_evidence(), NotEvidence::Genesis);
    }
    let mut scene = fork();
    scene.evidence.genesis.push(0);
    let told = Digest::of(&scene.evidence.genesis);
    scene.evidence.network = told;
    let verdict = judge(&scene.evidence, &told, &scene.bodies);
    let malformed = NotEvidence::GenesisMalformed(DecodeError::Trailing(1));
    assert_eq!(verdict, Verdict::NotEvidence(malformed));
    for epoch_length in [0, 1, 65537] {
        scene.evidence.genesis = Genesis { epoch_length, ..genesis() }.encode();
        let told = Digest::of(&scene.evidence.genesis);
        scene.evidence.network = told;
        let verdict = judge(&scene.evidence, &told, &scene.bodies);
        let malformed = NotEvidence::GenesisMalformed(DecodeError::OutOfRange("epoch length"));
        assert_eq!(verdict, Verdict::NotEvidence(malformed), "{epoch_length}");
    }
}

#[test]
fn parts_are_those_of_the_kind_in_their_order() {
    for scene in all() {
        for kind in Kind::ALL {
            let mut scene = Scene {
                evidence: scene.evidence.clone(),
                bodies: scene.bodies.clone(),
                chain: main_chain(0),
            };
            scene.evidence.network = scene.chain.world.network;
            let same_parts = [Kind::Altered, Kind::Missing];
            if kind == scene.evidence.kind
                || same_parts.contains(&kind) && same_parts.contains(&scene.evidence.kind)
            {
                continue;
            }
            scene.evidence.kind = kind;
            assert_eq!(scene.not_evidence(), NotEvidence::Parts, "{kind:?}");
        }
        let mut more =
            Scene { evidence: scene.evidence.clone(), bodies: scene.bodies.clone(), chain: main_chain(0) };
        more.evidence.parts.push(scene.evidence.parts[0].clone());
        assert_eq!(more.not_evidence(), NotEvidence::Parts);
        more.evidence.parts.clear();
        assert_eq!(more.not_evidence(), NotEvidence::Parts);
        if scene.evidence.parts.len() > 1 && scene.evidence.parts[0] != scene.evidence.parts[1] {
            more.evidence.parts = scene.evidence.parts.clone();
            more.evidence.parts.reverse();
            if !matches!(scene.evidence.kind, Kind::Fork | Kind::Rollback) {
                assert_eq!(more.not_evidence(), NotEvidence::Parts);
            }
        }
    }
}

#[test]
fn who_saw_it_is_told_everywhere_but_in_an_inclusion() {
    let mut scene = inclusion();
    scene.evidence.witness = Some(witness(&scene.chain.world));
    assert_eq!(scene.not_evidence(), NotEvidence::Form(Fault::Witness));
    for mut scene in all().into_iter().skip(1) {
        scene.evidence.witness = None;
        assert_eq!(scene.not_evidence(), NotEvidence::Form(Fault::Witness));
    }
}

#[test]
fn a_witness_must_have_signed_with_a_grant_that_holds() {
    let change = |change: &dyn Fn(&mut Witness, &World)| {
        let mut scene = rollback();
        let mut witness = witness(&scene.chain.world);
        change(&mut witness, &scene.chain.world);
        scene.evidence.witness = Some(witness);
        scene.not_evidence()
    };
    assert_eq!(change(&|witness, _| witness.sum = Digest::of(b"other")), NotEvidence::WitnessSignature);
    assert_eq!(change(&|witness, _| witness.seen_s += 1), NotEvidence::WitnessSignature);
    assert_eq!(change(&|witness, _| witness.signature[0] ^= 1), NotEvidence::WitnessSignature);
    assert_eq!(change(&|witness, _| witness.signature.push(0)), NotEvidence::WitnessSignature);
    assert_eq!(change(&|witness, _| witness.signature.clear()), NotEvidence::WitnessSignature);
    let trailing = NotEvidence::GrantMalformed(DecodeError::Trailing(1));
    assert_eq!(change(&|witness, _| witness.grant.push(0)), trailing);
    let grant = |change_grant: &dyn Fn(&mut Grant)| {
        change(&|witness, world| {
            let mut grant = world.grant("ward");
            change_grant(&mut grant);
            witness.grant = grant.signed(&key("ward")).encode();
        })
    };
    let broken = NotEvidence::Grant;
    assert_eq!(grant(&|grant| grant.network = Digest::ZERO), broken(GrantError::OtherNetwork));
    assert_eq!(
        grant(&|grant| grant.staff = staff_id("nobody")),
        NotEvidence::UnknownStaff(staff_id("nobody"))
    );
    assert_eq!(grant(&|grant| grant.staff = staff_id("crew")), broken(GrantError::Signature));
    assert_eq!(grant(&|grant| grant.key_epoch = 2), broken(GrantError::OldKey));
    assert_eq!(grant(&|grant| grant.not_before_s = NOW + 1), broken(GrantError::NotYet));
    assert_eq!(grant(&|grant| grant.not_after_s = NOW - 1), broken(GrantError::Over));
    let longest = u64::from(MAX_GRANT_S);
    assert_eq!(
        grant(&|grant| grant.not_after_s = grant.not_before_s + longest + 1),
        broken(GrantError::TooLong)
    );
    assert_eq!(grant(&|grant| grant.session = key("other").public()), NotEvidence::WitnessSignature);
    // As long as any network may allow it holds.
    let mut scene = rollback();
    let mut grant = scene.chain.world.grant("ward");
    grant.not_after_s = grant.not_before_s + longest;
    let witness = Witness { grant: grant.signed(&key("ward")).encode(), ..witness(&scene.chain.world) };
    scene.evidence.witness = Some(witness);
    scene.holds();
}

#[test]
fn what_is_authentic_is_judged_after_everything_else() {
    let mut scene = rollback();
    scene.evidence.parts.reverse();
    assert_eq!(scene.refuted(), Refuted::RollbackTime);
    scene.evidence.witness.as_mut().unwrap().signature[0] ^= 1;
    assert_eq!(scene.not_evidence(), NotEvidence::WitnessSignature);
}

#[test]
fn blocks_must_be_final() {
    for mut scene in [inclusion(), fork(), contradiction(), altered(), missing(), omission()] {
        scene.block().certificate.pop();
        assert!(matches!(scene.not_evidence(), NotEvidence::Block(Invalid::Certificate { .. })));
    }
    let mut scene = fork();
    let Part::Block(right) = &mut scene.evidence.parts[1] else { panic!() };
    right.certificate.pop();
    assert!(matches!(scene.not_evidence(), NotEvidence::Block(Invalid::Certificate { .. })));
    scene.block().headers.clear();
    assert_eq!(scene.not_evidence(), NotEvidence::Block(Invalid::NoHeader));
}

#[test]
fn a_run_of_headers_leads_to_the_certificate() {
    let chain = main_chain(3);
    let headers: Vec<Vec<u8>> = chain.blocks.iter().map(|(header, _)| header.clone()).collect();
    let certificate = chain.blocks[2].1.clone().unwrap();
    let tip = tip(&chain, 2, 1, Digest::of(b"another"), NOW);
    let block = FinalBlock { headers, certificate };
    let mut scene = scene(chain, Kind::Contradiction, vec![Part::Block(block), tip]);
    scene.holds();
    scene.block().headers.remove(1);
    assert!(matches!(scene.not_evidence(), NotEvidence::Block(Invalid::Link { .. })));
}

#[test]
fn a_transaction_must_be_in_its_block() {
    for change in [
        |included: &mut Included| included.transaction[0] ^= 1,
        |included: &mut Included| included.index = 0,
        |included: &mut Included| included.index = 3,
        |included: &mut Included| included.inclusion.clear(),
        |included: &mut Included| included.inclusion.push(Digest::ZERO),
        |included: &mut Included| included.inclusion[0] = Digest::ZERO,
    ] {
        for mut scene in [inclusion(), altered(), missing()] {
            change(scene.included());
            assert_eq!(scene.not_evidence(), NotEvidence::NotIncluded);
        }
    }
}

#[test]
fn tips_must_be_signed_by_their_branch_for_this_chain() {
    let network = contradiction().chain.world.network;
    let signed = |network, chain, branch, by: &str| {
        let digest = Digest::of(b"another");
        SignedTip::sign(&key(by), network, chain, BranchId(branch), 1, digest, NOW).encode()
    };
    let with = |bytes: Vec<u8>| {
        let mut scene = contradiction();
        scene.evidence.parts[1] = Part::Tip(bytes);
        scene.not_evidence()
    };
    let good = signed(network, Chain::Main, 2, "signing 2");
    assert_eq!(
        with(good[1..].to_vec()),
        NotEvidence::TipMalformed(SignedTip::decode(&good[1..]).unwrap_err())
    );
    assert_eq!(with(signed(Digest::ZERO, Chain::Main, 2, "signing 2")), NotEvidence::TipElsewhere);
    assert_eq!(with(signed(network, Chain::Side, 2, "signing 2")), NotEvidence::TipElsewhere);
    assert_eq!(with(signed(network, Chain::Main, 2, "signing 3")), NotEvidence::TipSignature(BranchId(2)));
    assert_eq!(with(signed(network, Chain::Main, 9, "signing 9")), NotEvidence::UnknownBranch(BranchId(9)));
    let mut scene = rollback();
    scene.evidence.parts[1] = Part::Tip(signed(network, Chain::Main, 2, "signing 3"));
    assert_eq!(scene.not_evidence(), NotEvidence::TipSignature(BranchId(2)));
    let mut scene = rollback();
    scene.evidence.parts[0] = Part::Tip(signed(network, Chain::Main, 2, "signing 3"));
    assert_eq!(scene.not_evidence(), NotEvidence::TipSignature(BranchId(2)));
}

#[test]
fn answers_must_be_signed_and_to_this_question() {
    for scene in [forged, altered, missing, omission] {
        let line = |change: &dyn Fn(&mut Line)| {
            let mut scene = scene();
            scene.answer(|line| change(line)).not_evidence()
        };
        let elsewhere = NotEvidence::AnswerElsewhere;
        assert_eq!(line(&|line| line.network = Digest::ZERO), elsewhere("answer"));
        assert_eq!(line(&|line| line.asked_network = Digest::ZERO), elsewhere("request"));
        let (asked, answered) = (BranchId(3), BranchId(2));
        assert_eq!(line(&|line| line.asked_branch = 3), NotEvidence::AnswerBranch { asked, answered });
        assert_eq!(line(&|line| line.key = "signing 3".to_owned()), NotEvidence::AnswerSignature(answered));
        assert_eq!(line(&|line| line.branch = 9), NotEvidence::UnknownBranch(BranchId(9)));
        for status in [0, 201, 403, 500] {
            assert_eq!(line(&|line| line.status = status), NotEvidence::AnswerStatus(status));
        }
        let change = |change: &dyn Fn(&mut Answered)| {
            let mut scene = scene();
            change(scene.answered());
            scene.not_evidence()
        };
        let other = NotEvidence::AnswerOther;
        assert_eq!(change(&|answered| answered.body.push(0)), other("answer's body"));
        assert_eq!(change(&|answered| answered.request.push(0)), other("request"));
        assert_eq!(change(&|answered| answered.asked.push(0)), other("request's body"));
        let malformed = |what, error| NotEvidence::AnswerMalformed { what, error };
        let trailing = DecodeError::Trailing(1);
        assert_eq!(change(&|answered| answered.answer.push(0)), malformed("signed answer", trailing.clone()));
        // A request line that is signed for and is none.
        let mut scene = scene();
        let answered = scene.answered();
        answered.request.push(0);
        let mut signed = SignedAnswer::decode(&answered.answer).unwrap();
        signed.answer.request = Digest::of(&answered.request);
        let by = key(&format!("signing {}", signed.answer.branch));
        answered.answer = SignedAnswer::sign(&by, signed.answer).encode();
        assert_eq!(scene.not_evidence(), malformed("request line", trailing));
    }
}

#[test]
fn a_fork_is_two_blocks_of_one_height() {
    let mut same = fork();
    same.evidence.parts[1] = same.evidence.parts[0].clone();
    assert_eq!(same.refuted(), Refuted::ForkSame);
    let chain = main_chain(2);
    let parts = vec![Part::Block(final_block(&chain, 1)), Part::Block(final_block(&chain, 2))];
    assert_eq!(scene(chain, Kind::Fork, parts).refuted(), Refuted::ForkHeights(1, 2));
}

#[test]
fn a_contradiction_is_another_digest_of_the_same_height() {
    let mut scene = contradiction();
    let digest = Digest::of(&scene.chain.blocks[0].0);
    scene.evidence.parts[1] = tip(&scene.chain, 2, 1, digest, NOW);
    assert_eq!(scene.refuted(), Refuted::ContradictionSame);
    scene.evidence.parts[1] = tip(&scene.chain, 2, 2, Digest::of(b"another"), NOW);
    assert_eq!(scene.refuted(), Refuted::ContradictionHeights { tip: 2, block: 1 });
}

#[test]
fn a_rollback_is_one_branch_later_and_lower() {
    let mut scene = rollback();
    let digest = Digest::of(b"eight");
    scene.evidence.parts[1] = tip(&scene.chain, 3, 8, digest, NOW + 1);
    assert_eq!(scene.refuted(), Refuted::RollbackBranches(BranchId(2), BranchId(3)));
    scene.evidence.parts[1] = tip(&scene.chain, 2, 8, digest, NOW);
    assert_eq!(scene.refuted(), Refuted::RollbackTime);
    scene.evidence.parts[1] = tip(&scene.chain, 2, 9, digest, NOW + 1);
    assert_eq!(scene.refuted(), Refuted::RollbackHeight);
}

mod claims;
mod proofs;

use proofs::step;

//! Changes of validators and registry entries on the way from the genesis.

use super::*;

/// The change of validators to an epoch, as the chain proves it.
pub(super) fn step(chain: &mut TestChain, epoch: u64) -> Step {
    let last = usize::try_from(epoch * chain.world.genesis.epoch_length - 1).unwrap();
    while chain.blocks.len() < last {
        chain.extend_any();
    }
    let (header, certificate) = chain.blocks[last - 1].clone();
    let (set, proof) = chain.sets[&epoch].clone();
    Step { header, certificate: certificate.unwrap(), set, proof: proof.bytes().to_vec() }
}

#[test]
fn steps_hold_and_are_what_they_say() {
    let mut chain = main_chain(9);
    let steps = [(1, step(&mut chain, 1)), (2, step(&mut chain, 2))];
    let with = |steps: &[(u64, Step)]| {
        let mut scene = rollback();
        scene.evidence.steps = steps.to_vec();
        scene
    };
    with(&steps).holds();
    with(&steps[1..]).holds();
    let said = |said: u64, index: usize| vec![(said, steps[index].1.clone())];
    assert_eq!(with(&said(2, 0)).not_evidence(), NotEvidence::StepEpoch { said: 2, found: 1 });
    assert_eq!(with(&said(1, 1)).not_evidence(), NotEvidence::StepEpoch { said: 1, found: 2 });
    let [first, second] = &steps;
    let unordered = NotEvidence::Step { epoch: 1, error: Invalid::StepOrder(1) };
    assert_eq!(with(&[second.clone(), first.clone()]).not_evidence(), unordered);
    let mut wrong = first.clone();
    wrong.1.set.push(0);
    assert!(matches!(with(&[wrong]).not_evidence(), NotEvidence::Step { epoch: 1, .. }));
}

/// A proven entry of the registry as the chain has it after its last block.
fn member(chain: &TestChain, entry: Entry, subject: Key) -> Member {
    let height = chain.blocks.len();
    let memory = if chain.chain == Chain::Main { &chain.world.main } else { &chain.world.side };
    let (_, proof) = tree::prove(memory, height as u64, &subject.bytes()).unwrap();
    Member { entry, block: final_block(chain, height), proof: proof.bytes().to_vec() }
}

/// A chain on which branch 2 and the ward's nurse have new keys, and their entries' proofs.
fn changed() -> (TestChain, Member, Member) {
    let mut chain = main_chain(0);
    let branch = Participant { signing: key("new signing 2").public(), ..participant(2, true) };
    let nurse = StaffEntry {
        signing: key("new ward").public(),
        key_epoch: 2,
        ..staff("ward", 1, &[wardline_policy::Role::Ward])
    };
    let by = ["admin-a", "admin-b"];
    let mut by = by.to_vec();
    by.sort_by_key(|name| staff_id(name));
    let world = &chain.world;
    let first = world.approved(&by, RegistryEntry::Participant(branch.clone()), 1);
    let second = world.approved(&by, RegistryEntry::Staff(nurse.clone()), 2);
    chain.extend(&[first, second]);
    let branch = member(&chain, Entry::Participant(branch.encode()), Key::Participant(BranchId(2)));
    let nurse = member(&chain, Entry::Staff(nurse.encode()), Key::Staff(staff_id("ward")));
    (chain, branch, nurse)
}

#[test]
fn proven_entries_take_the_place_of_the_genesis() {
    let (chain, branch, nurse) = changed();
    let signed = |chain: &TestChain, by: &str, height, at| {
        let digest = Digest::of(b"some block");
        let tip =
            SignedTip::sign(&key(by), chain.world.network, Chain::Main, BranchId(2), height, digest, at);
        Part::Tip(tip.encode())
    };
    let parts = vec![signed(&chain, "new signing 2", 9, NOW), signed(&chain, "new signing 2", 8, NOW + 1)];
    let mut scene = scene(chain, Kind::Rollback, parts);
    assert_eq!(scene.not_evidence(), NotEvidence::TipSignature(BranchId(2)));
    scene.evidence.members = vec![branch.clone()];
    scene.holds();
    // So is the witness' entry.
    let grant = Grant { key_epoch: 2, ..scene.chain.world.grant("ward") }.signed(&key("new ward"));
    scene.evidence.witness.as_mut().unwrap().grant = grant.encode();
    assert_eq!(scene.not_evidence(), NotEvidence::Grant(GrantError::OldKey));
    scene.evidence.members.push(nurse.clone());
    scene.holds();
    for twice in [&branch, &nurse] {
        let mut scene =
            Scene { evidence: scene.evidence.clone(), bodies: Fixed::default(), chain: main_chain(0) };
        scene.evidence.members.push(twice.clone());
        assert_eq!(scene.not_evidence(), NotEvidence::MemberTwice);
    }
}

#[test]
fn entries_must_be_proven_under_a_final_block() {
    let (chain, branch, nurse) = changed();
    let mut scene = scene(chain, Kind::Rollback, rollback().evidence.parts);
    for member in [branch, nurse] {
        let mut with = |change: &dyn Fn(&mut Member)| {
            let mut member = member.clone();
            change(&mut member);
            scene.evidence.members = vec![member];
            scene.not_evidence()
        };
        let value = |member: &mut Member, change: &dyn Fn(&mut Vec<u8>)| match &mut member.entry {
            Entry::Participant(value) | Entry::Staff(value) => change(value),
        };
        let other = NotEvidence::MemberUnproven(ProofError::OtherValue);
        assert_eq!(with(&|member| value(member, &|value| *value.last_mut().unwrap() ^= 1)), other);
        let trailing = NotEvidence::MemberMalformed(DecodeError::Trailing(1));
        assert_eq!(with(&|member| value(member, &|value| value.push(0))), trailing);
        assert_eq!(with(&|member| member.proof.push(0)), trailing);
        assert!(matches!(
            with(&|member| member.block.certificate.truncate(9)),
            NotEvidence::MemberBlock(Invalid::Certificate { .. })
        ));
        let (refuted, other) = (NotEvidence::MemberUnproven(ProofError::Refuted), main_chain(1));
        assert_eq!(with(&|member| member.block = final_block(&other, 1)), refuted);
    }
}

//! Each check on the way from the genesis to a certificate, and what only this check stops.

use super::*;
use crate::block::HeaderError;
use crate::certificate::CertificateError;
use crate::testing::{TestChain, certificate, certify, key, validator_keys};
use crate::tree::ProofError;
use crate::{BranchId, Chain, Key, tree};

/// Three epochs; the second has other validators than the first.
fn chain() -> TestChain {
    TestChain::three_epochs()
}

fn begin(chain: &TestChain) -> TrustPath {
    TrustPath::begin(&chain.world.genesis, Chain::Main)
}

fn header(chain: &TestChain, height: usize) -> Vec<u8> {
    chain.blocks[height - 1].0.clone()
}

fn certificate_of(chain: &TestChain, height: usize) -> Vec<u8> {
    chain.blocks[height - 1].1.clone().unwrap()
}

/// The step at the end of an epoch.
fn step(chain: &TestChain, height: usize) -> Step {
    let epoch = height as u64 / 4 + 1;
    let (set, proof) = chain.sets[&epoch].clone();
    Step {
        header: header(chain, height),
        certificate: certificate_of(chain, height),
        set,
        proof: proof.bytes().to_vec(),
    }
}

/// One header, edited and certified by the genesis' validators.
fn forged(chain: &TestChain, height: usize, edit: impl FnOnce(&mut Header)) -> (Vec<u8>, Vec<u8>) {
    let mut header = Header::decode(&header(chain, height)).unwrap();
    edit(&mut header);
    let set = chain.world.genesis.validators(Chain::Main);
    let namespace = chain.world.genesis.namespace(Chain::Main);
    let all: Vec<usize> = (0..set.members.len()).collect();
    let keys = validator_keys(Chain::Main);
    (header.encode(), certify(&namespace, &set, &all, &header.digest(), header.epoch, &keys))
}

#[test]
fn a_step_leads_to_the_validators_that_sign_from_then_on() {
    let chain = chain();
    let mut path = begin(&chain);
    let genesis = chain.world.genesis.validators(Chain::Main);
    assert_eq!(path.newest_change(), Some(0));
    assert_eq!(path.validators(7), Some(&genesis));
    path.step(&step(&chain, 3)).unwrap();
    assert_eq!(path.newest_change(), Some(1));
    assert_eq!(path.validators(0), Some(&genesis));
    for epoch in [1, 2, 99] {
        assert_eq!(path.validators(epoch), Some(&chain.validators), "nothing changed since: {epoch}");
    }
    for height in 1..=10 {
        let known = path.certified(&[header(&chain, height)], &certificate_of(&chain, height)).unwrap();
        assert_eq!(known.header.height, height as u64);
        assert_eq!(known.digest, Digest::of(&header(&chain, height)));
    }
    // A change that changes nothing is no harm.
    path.step(&step(&chain, 7)).unwrap();
    assert_eq!(path.newest_change(), Some(2));
}

#[test]
fn without_the_step_the_later_epochs_certificates_hold_nothing() {
    let chain = chain();
    let error = CertificateError::OtherSet { found: 3, expected: 4 };
    assert_eq!(
        begin(&chain).certified(&[header(&chain, 5)], &certificate_of(&chain, 5)),
        Err(Invalid::Certificate { height: 5, error })
    );
}

#[test]
fn a_steps_certificate_is_checked_to_its_last_signature() {
    let chain = chain();
    let mut step = step(&chain, 3);
    *step.certificate.last_mut().unwrap() ^= 1;
    let mut path = begin(&chain);
    assert!(matches!(
        path.step(&step),
        Err(Invalid::Certificate { height: 3, error: CertificateError::Signature(_) })
    ));
    assert_eq!(path, begin(&chain), "unchanged");
}

#[test]
fn a_certificate_is_checked_to_its_last_signature() {
    let chain = chain();
    let mut certificate = certificate_of(&chain, 1);
    *certificate.last_mut().unwrap() ^= 1;
    assert!(matches!(
        begin(&chain).certified(&[header(&chain, 1)], &certificate),
        Err(Invalid::Certificate { height: 1, error: CertificateError::Signature(_) })
    ));
}

#[test]
fn a_step_within_an_epoch_is_refused() {
    let chain = chain();
    let mut step = step(&chain, 3);
    (step.header, step.certificate) = (header(&chain, 2), certificate_of(&chain, 2));
    assert_eq!(begin(&chain).step(&step), Err(Invalid::NotEpochEnd(2)));
}

#[test]
fn a_step_again_or_after_a_later_one_is_refused() {
    let chain = chain();
    let mut path = begin(&chain);
    path.step(&step(&chain, 3)).unwrap();
    assert_eq!(path.step(&step(&chain, 3)), Err(Invalid::StepOrder(1)));
    path.step(&step(&chain, 7)).unwrap();
    assert_eq!(path.step(&step(&chain, 3)), Err(Invalid::StepOrder(1)));
}

#[test]
fn a_step_whose_set_is_not_proven_is_refused() {
    let chain = chain();
    let unproven = |error| Err(Invalid::ValidatorsUnproven { epoch: 1, error });
    let mut made_up = step(&chain, 3);
    made_up.set = ValidatorSet::new(vec![(BranchId(1), key("stranger").public())]).encode();
    assert_eq!(begin(&chain).step(&made_up), unproven(ProofError::OtherValue));
    // The set of another epoch, proven under another header.
    let mut other = step(&chain, 3);
    let (value, proof) = tree::prove(&chain.world.main, 10, &Key::Validators(0).bytes()).unwrap();
    (other.set, other.proof) = (value.unwrap(), proof.bytes().to_vec());
    assert_eq!(begin(&chain).step(&other), unproven(ProofError::OtherKey));
    let mut no_proof = step(&chain, 3);
    no_proof.proof = b"no proof".to_vec();
    assert!(matches!(begin(&chain).step(&no_proof), Err(Invalid::ValidatorsMalformed { epoch: 1, .. })));
}

#[test]
fn other_networks_chains_and_epochs_are_refused() {
    let chain = chain();
    let path = begin(&chain);
    let (bytes, certificate) = forged(&chain, 1, |header| header.network = Digest::ZERO);
    assert_eq!(path.certified(&[bytes], &certificate), Err(Invalid::OtherChain(1)));
    let (bytes, certificate) = forged(&chain, 1, |header| header.chain = Chain::Side);
    assert_eq!(path.certified(&[bytes], &certificate), Err(Invalid::OtherChain(1)));
    let (bytes, certificate) = forged(&chain, 1, |header| header.epoch = 1);
    assert_eq!(path.certified(&[bytes], &certificate), Err(Invalid::OtherEpoch(1)));
    let side = TrustPath::begin(&chain.world.genesis, Chain::Side);
    assert_eq!(side.certified(&[header(&chain, 1)], &certificate_of(&chain, 1)), Err(Invalid::OtherChain(1)));
}

#[test]
fn the_first_of_a_run_must_be_of_its_epoch_too() {
    let chain = chain();
    let set = chain.validators.clone();
    // Height 3 ends epoch 0. It names epoch 1, and so does height 4, which is linked to it and certified.
    let mut first = Header::decode(&header(&chain, 3)).unwrap();
    first.epoch = 1;
    let mut second = Header::decode(&header(&chain, 4)).unwrap();
    second.parent = first.digest();
    let mut path = begin(&chain);
    path.step(&step(&chain, 3)).unwrap();
    let certificate = certificate(&second, &set);
    assert_eq!(path.certified(&[first.encode(), second.encode()], &certificate), Err(Invalid::OtherEpoch(3)));
}

#[test]
fn a_run_of_headers_is_believed_by_its_last_ones_certificate() {
    let chain = chain();
    let path = begin(&chain);
    let run: Vec<_> = (1..=3).map(|height| header(&chain, height)).collect();
    let known = path.certified(&run, &certificate_of(&chain, 3)).unwrap();
    assert_eq!(known.header.height, 1, "the first is what it is about");
    assert_eq!(
        path.certified(&run[..2], &certificate_of(&chain, 3)),
        Err(Invalid::Certificate { height: 2, error: CertificateError::OtherBlock })
    );
    // Not linked.
    let gap = [run[0].clone(), run[2].clone()];
    let error = HeaderError::Height { found: 3, expected: 2 };
    assert_eq!(path.certified(&gap, &certificate_of(&chain, 3)), Err(Invalid::Link { after: 1, error }));
    let (other, certificate) = forged(&chain, 2, |header| header.parent = Digest::ZERO);
    let error = HeaderError::Parent;
    assert_eq!(
        path.certified(&[run[0].clone(), other], &certificate),
        Err(Invalid::Link { after: 1, error })
    );
    assert!(matches!(
        path.certified(&[run[0].clone(), b"no header".to_vec()], &certificate),
        Err(Invalid::Header { after: 1, .. })
    ));
    assert!(matches!(path.certified(&[vec![]], &certificate), Err(Invalid::Header { after: 0, .. })));
    assert_eq!(path.certified(&[], &certificate), Err(Invalid::NoHeader));
}

#[test]
fn no_later_epoch_speaks_for_the_end_of_one() {
    let chain = chain();
    let mut path = begin(&chain);
    path.step(&step(&chain, 3)).unwrap();
    let run = [header(&chain, 3), header(&chain, 4)];
    assert_eq!(path.certified(&run, &certificate_of(&chain, 4)), Err(Invalid::EpochEndUncertified(3)));
}

#[test]
fn a_step_has_one_form_and_its_limits() {
    let chain = chain();
    let bytes = step(&chain, 3).encode();
    assert_eq!(Step::decode(&bytes), Ok(step(&chain, 3)));
    for cut in 0..bytes.len() {
        assert!(Step::decode(&bytes[..cut]).is_err(), "{cut}");
    }
    let too_long = |step: Step| matches!(Step::decode(&step.encode()), Err(DecodeError::TooLong { .. }));
    let good = || step(&chain, 3);
    assert!(too_long(Step { header: vec![0; HEADER_LEN + 1], ..good() }));
    assert!(too_long(Step { certificate: vec![0; MAX_CERTIFICATE + 1], ..good() }));
    assert!(too_long(Step { set: vec![0; MAX_SET + 1], ..good() }));
    assert!(too_long(Step { proof: vec![0; StateProof::MAX + 1], ..good() }));
    // What the largest network needs fits.
    let set = ValidatorSet::new((0..50).map(|n| (BranchId(n), key(&format!("{n}")).public())).collect());
    assert!(set.encode().len() <= MAX_SET);
    const { assert!(3 * 10 + 32 + 8 + 7 + 1 + 50 * 64 <= MAX_CERTIFICATE) };
}

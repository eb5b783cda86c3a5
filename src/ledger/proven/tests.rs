//! A head from a file is believed by its proof alone.

use super::*;
use crate::Genesis;
use crate::certificate::CertificateError;
use crate::header::Header;
use crate::light::{Advanced, Certificates, Given, prepare};
use crate::testing::{TestChain, certificate};

fn start(genesis: &Genesis, chain: Chain) -> Checkpoint {
    Checkpoint::genesis(genesis, chain).unwrap()
}

/// What a console keeps after `blocks` blocks.
fn kept(chain: &TestChain, blocks: usize) -> (ProvenHead, Advanced) {
    let genesis = &chain.world.genesis;
    let from = Checkpoint::genesis(genesis, Chain::Main).unwrap();
    let read =
        |(bytes, certificate): &(Vec<u8>, Option<Vec<u8>>)| Given::read(bytes.clone(), certificate.clone());
    let given: Vec<Given> = chain.blocks[..blocks].iter().map(read).collect();
    let prepared = prepare(&from, &given, &chain.sets, Certificates::Needed).unwrap();
    let advanced = prepared.believe(check_all).unwrap();
    let head =
        advanced.certificate.clone().map(|certificate| (advanced.checkpoint.header.encode(), certificate));
    let steps = advanced.steps.clone();
    (ProvenHead { steps, head, ..ProvenHead::genesis(genesis.network(), Chain::Main) }, advanced)
}

#[test]
fn every_head_proves_itself() {
    let chain = TestChain::three_epochs();
    for blocks in 0..=10 {
        let (head, advanced) = kept(&chain, blocks);
        let decoded = ProvenHead::decode(&head.encode()).unwrap();
        assert_eq!(decoded, head);
        let (checkpoint, path) = decoded.prove(&start(&chain.world.genesis, Chain::Main)).unwrap();
        assert_eq!(checkpoint, advanced.checkpoint, "after {blocks} blocks");
        assert_eq!(path.newest_change(), Some(u64::from(blocks >= 3)));
    }
}

#[test]
fn another_network_or_chain_is_told_apart() {
    let chain = TestChain::three_epochs();
    let (head, _) = kept(&chain, 5);
    let prove = |head: &ProvenHead, genesis: &Genesis, chain| head.prove(&start(genesis, chain)).map(|_| ());
    let genesis = &chain.world.genesis;
    assert_eq!(prove(&head, genesis, Chain::Side), Err(Unproven::Other));
    let other = Genesis { name: "Another".into(), ..genesis.clone() };
    assert_eq!(prove(&head, &other, Chain::Main), Err(Unproven::Other));
    // It only says that it is of this network: its headers are not.
    let lying = ProvenHead { network: other.network(), ..head };
    assert_eq!(prove(&lying, &other, Chain::Main), Err(Invalid::OtherChain(3).into()));
}

#[test]
fn every_certificate_in_it_is_checked() {
    let chain = TestChain::three_epochs();
    let genesis = &chain.world.genesis;
    let spoiled = |change: &dyn Fn(&mut ProvenHead)| {
        let (mut head, _) = kept(&chain, 9);
        change(&mut head);
        match head.prove(&start(genesis, Chain::Main)) {
            Err(Unproven::Invalid(Invalid::Certificate {
                height,
                error: CertificateError::Signature(_),
            })) => height,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(spoiled(&|head| *head.head.as_mut().unwrap().1.last_mut().unwrap() ^= 1), 9);
    assert_eq!(spoiled(&|head| *head.steps[0].certificate.last_mut().unwrap() ^= 1), 3);
}

#[test]
fn a_left_out_or_surplus_change_is_refused() {
    let chain = TestChain::three_epochs();
    let genesis = &chain.world.genesis;
    let (mut head, _) = kept(&chain, 9);
    let step = head.steps.pop().unwrap();
    let error = CertificateError::OtherSet { found: 3, expected: 4 };
    assert_eq!(
        head.prove(&start(genesis, Chain::Main)),
        Err(Invalid::Certificate { height: 9, error }.into()),
        "another set signs"
    );
    // A head of the first epoch cannot know who signs in the second.
    let (mut head, _) = kept(&chain, 2);
    head.steps.push(step.clone());
    assert_eq!(head.prove(&start(genesis, Chain::Main)), Err(Invalid::StepAbove(1).into()));
    // The epoch's last header can.
    let (head, advanced) = kept(&chain, 3);
    assert_eq!(head.steps, [step]);
    assert_eq!(
        head.prove(&start(genesis, Chain::Main)).unwrap().0.validators,
        advanced.checkpoint.validators
    );
}

#[test]
fn a_head_that_others_signed_is_refused() {
    let chain = TestChain::three_epochs();
    let (mut head, _) = kept(&chain, 9);
    let header = Header::decode(&chain.blocks[8].0).unwrap();
    let genesis = &chain.world.genesis;
    head.head.as_mut().unwrap().1 = certificate(&header, &genesis.validators(Chain::Main));
    let error = CertificateError::OtherSet { found: 4, expected: 3 };
    assert_eq!(
        head.prove(&start(genesis, Chain::Main)),
        Err(Invalid::Certificate { height: 9, error }.into())
    );
}

#[test]
fn every_bit_of_the_file_counts_or_changes_nothing() {
    let chain = TestChain::three_epochs();
    let (head, advanced) = kept(&chain, 5);
    let bytes = head.encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let proven = ProvenHead::decode(&changed)
            .ok()
            .and_then(|head| head.prove(&start(&chain.world.genesis, Chain::Main)).ok());
        assert!(proven.is_none_or(|(checkpoint, _)| checkpoint == advanced.checkpoint), "byte {at}");
        assert!(ProvenHead::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

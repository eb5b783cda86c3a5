//! The bugs of other light clients, by name: each must be impossible here.
//!
//! Every forged thing is made as a real attacker could make it, with the true keys where the attacker may have them.

use super::tests::{Story, given, story};
use super::*;
use crate::testing::{TestChain, certificate, certify, genesis, key, validator_keys};
use crate::{BranchId, TrustPath, transaction_root};
use wardline_crypto::{SigningKey, merkle};

/// Where the parts of a certificate of three or four validators begin.
const SIGNERS: usize = 43;
const COUNT: usize = 44;
const SIGNATURES: usize = 45;

/// Refused by the auditor and by the live follower, both for the same reason.
fn refusal(story: &Story) -> Invalid {
    let audit = story.advance().unwrap_err();
    let live = prepare(&story.from, &given(&story.headers), &story.sets, Certificates::Needed)
        .and_then(|prepared| prepared.believe(check_all))
        .unwrap_err();
    assert_eq!(audit, live);
    audit
}

/// One header with a certificate of the attacker's.
fn with_certificate(edit: impl FnOnce(&Story, Vec<u8>) -> Vec<u8>) -> Story {
    let mut story = story();
    story.headers.truncate(1);
    let given = story.headers[0].1.clone().unwrap();
    story.headers[0].1 = Some(edit(&story, given));
    story
}

fn certificate_error(story: &Story) -> CertificateError {
    match refusal(story) {
        Invalid::Certificate { height: 1, error } => error,
        other => panic!("{other}"),
    }
}

/// A certificate of the first header by these signers with these keys.
fn signed_by(story: &Story, set: &ValidatorSet, signers: &[usize], keys: &[SigningKey]) -> Vec<u8> {
    let namespace = namespace(&story.from.network, story.from.chain);
    certify(&namespace, set, signers, &story.header(1).digest(), 0, keys)
}

#[test]
fn absent_signatures_only_tendermint_rs_652() {
    let story = with_certificate(|_, mut bytes| {
        bytes.truncate(SIGNATURES);
        (bytes[SIGNERS], bytes[COUNT]) = (0, 0);
        bytes
    });
    assert_eq!(certificate_error(&story), CertificateError::NoQuorum { found: 0, quorum: 3 });
    // Bits without signatures.
    let story = with_certificate(|_, mut bytes| {
        bytes.truncate(SIGNATURES);
        bytes
    });
    assert!(matches!(certificate_error(&story), CertificateError::Malformed(_)));
}

#[test]
fn a_validator_set_of_the_servers_own_ibc_rs_583() {
    let strangers: Vec<SigningKey> = (1..=4).map(|n| key(&format!("stranger {n}"))).collect();
    let set = ValidatorSet::new((1..).map(BranchId).zip(strangers.iter().map(SigningKey::public)).collect());
    let story = with_certificate(|story, _| signed_by(story, &set, &[0, 1, 2, 3], &strangers));
    assert!(matches!(certificate_error(&story), CertificateError::Signature(_)));
    // Handed over at the epoch's end without the state's proof.
    let mut story = self::story();
    story.sets.get_mut(&1).unwrap().0 = set.encode();
    story.headers[3].1 = Some(certify(
        &namespace(&story.from.network, Chain::Main),
        &set,
        &[0, 1, 2, 3],
        &story.header(4).digest(),
        1,
        &strangers,
    ));
    assert_eq!(refusal(&story), Invalid::ValidatorsUnproven { epoch: 1, error: ProofError::OtherValue });
}

#[test]
fn another_chain_id_tendermintx_34() {
    let mut story = story();
    story.headers.truncate(1);
    story.forge(1, |header| header.chain = Chain::Side);
    assert_eq!(story.link_error(), HeaderError::OtherChain);
    story.forge(1, |header| (header.chain, header.network) = (Chain::Main, Digest::of(b"theirs")));
    assert_eq!(story.link_error(), HeaderError::OtherNetwork);
}

#[test]
fn a_certificate_of_another_chain_or_network() {
    for foreign in
        [namespace(&genesis().network(), Chain::Side), namespace(&Digest::of(b"theirs"), Chain::Main)]
    {
        let story = with_certificate(|story, _| {
            let keys = validator_keys(Chain::Main);
            certify(&foreign, &story.from.validators, &[0, 1, 2], &story.header(1).digest(), 0, &keys)
        });
        assert!(matches!(certificate_error(&story), CertificateError::Signature(_)));
    }
}

#[test]
fn a_certificate_of_another_epoch_or_height() {
    let story = with_certificate(|story, _| {
        let keys = validator_keys(Chain::Main);
        let namespace = namespace(&story.from.network, Chain::Main);
        certify(&namespace, &story.from.validators, &[0, 1, 2], &story.header(1).digest(), 1, &keys)
    });
    assert_eq!(certificate_error(&story), CertificateError::OtherEpoch { found: 1, expected: 0 });
    let second = self::story().headers[1].1.clone().unwrap();
    assert_eq!(certificate_error(&with_certificate(|_, _| second)), CertificateError::OtherBlock);
}

#[test]
fn the_last_block_id_of_the_adjacent_header_cometbft_2252() {
    for height in 1..=3 {
        let mut story = story();
        story.headers.truncate(3);
        story.forge(height, |header| header.parent = Digest::of(b"another history"));
        assert_eq!(story.link_error(), HeaderError::Parent, "height {height}");
    }
}

#[test]
fn bogus_signatures_cometbft_1749() {
    for vote in 0..3 {
        let story = with_certificate(|_, mut bytes| {
            bytes[SIGNATURES + 64 * vote..][..64].fill(7);
            bytes
        });
        assert!(matches!(certificate_error(&story), CertificateError::Signature(_)), "vote {vote}");
    }
}

#[test]
fn the_same_signer_twice_tough_2020_15093() {
    let story = with_certificate(|_, mut bytes| {
        let first = bytes[SIGNATURES..SIGNATURES + 64].to_vec();
        bytes[SIGNATURES + 64..SIGNATURES + 128].copy_from_slice(&first);
        bytes
    });
    assert!(matches!(certificate_error(&story), CertificateError::Signature(_)));
    let story = with_certificate(|_, mut bytes| {
        bytes[SIGNERS] = 1 << bytes[SIGNERS].trailing_zeros();
        bytes
    });
    assert_eq!(certificate_error(&story), CertificateError::Uneven { signers: 1, signatures: 3 });
    // One key under two places of the set: the state's list of validators cannot have it.
    let one = key("main 1").public();
    let twice = ValidatorSet { members: vec![(BranchId(1), one), (BranchId(2), one)] };
    assert!(ValidatorSet::decode(&twice.encode()).is_err());
}

#[test]
fn a_time_that_is_not_the_certified_one_cometbft_ghsa_c32p() {
    // The time is a part of what is certified: another one is another block.
    let mut story = story();
    story.headers.truncate(1);
    let mut header = story.header(1);
    header.time_s += 1;
    story.headers[0].0 = header.encode();
    assert_eq!(certificate_error(&story), CertificateError::OtherBlock);
}

#[test]
fn a_forward_lunatic_header_cometbft_ghsa_f3w5() {
    // A header far ahead, certified by a quorum of today's validators: there is no way to it but over all between.
    let mut story = story();
    let mut future = story.header(10);
    (future.height, future.epoch, future.time_s) = (400, 100, future.time_s + 1_000_000);
    let forged = certificate(&Header { epoch: 0, ..future.clone() }, &story.from.validators);
    story.headers = vec![(future.encode(), Some(forged))];
    assert_eq!(story.link_error(), HeaderError::Height { found: 400, expected: 1 });
    // Linked, but of a time to come: believed, for a quorum holds it, and told.
    let mut story = self::story();
    story.headers.truncate(1);
    story.forge(1, |header| header.time_s += 1_000_000);
    let (checkpoint, _) = story.advance().unwrap();
    assert!(ahead_s(&checkpoint.header, self::story().header(1).time_s).is_some());
}

#[test]
fn the_servers_own_claim_of_its_network_immudb_2022_39199() {
    // Everything that a server gives is of its own network, perfect in itself, and says so.
    let theirs = TestChain::three_epochs();
    let ours = Genesis { name: "Ours".into(), ..genesis() };
    let from = Checkpoint::genesis(&ours, Chain::Main).unwrap();
    let error = HeaderError::OtherNetwork;
    assert_eq!(advance(&from, &theirs.blocks, &theirs.sets), Err(Invalid::Link { after: 0, error }));
    let path = TrustPath::begin(&ours, Chain::Main);
    let (header, certificate) = theirs.blocks[0].clone();
    assert_eq!(path.certified(&[header], &certificate.unwrap()), Err(Invalid::OtherChain(1)));
}

#[test]
fn an_inner_node_as_a_leaf_bitcoin_2017_12842() {
    // A 64-byte "transaction" that is two hashes: its leaf hash is not the node's.
    let transactions: Vec<Vec<u8>> = (0..4u8).map(|n| vec![n; 100]).collect();
    let leaves: Vec<Digest> = transactions.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
    let forged = [leaves[0].bytes().as_slice(), leaves[1].bytes()].concat();
    assert_eq!(forged.len(), 64);
    let root = transaction_root(&transactions);
    let upper = merkle::node_hash(&leaves[2], &leaves[3]);
    for (index, size) in [(0, 2), (0, 4), (1, 4)] {
        assert!(!merkle::verify_inclusion(&merkle::leaf_hash(&forged), index, size, &[upper], &root));
    }
    // Nor are two transactions the one that is their hashes.
    assert_ne!(transaction_root(&transactions[..2]), transaction_root(&[forged]));
}

#[test]
fn the_last_leaf_doubled_bitcoin_2012_2459() {
    for count in 1..9usize {
        let mut transactions: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8; 50]).collect();
        let root = transaction_root(&transactions);
        transactions.push(transactions[count - 1].clone());
        assert_ne!(transaction_root(&transactions), root, "{count} and the last again");
    }
}

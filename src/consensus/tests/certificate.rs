//! `docs/format/certificate.md` against the engine itself: the bytes of its example, what they
//! sign, and the engine's own verdict on them.

use crate::block::Digest;
use commonware_codec::{Copying, DecodeExt as _, Encode as _, ReadExt as _, varint::UInt};
use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Finalization, Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, Verifier as _, ed25519};
use commonware_parallel::Sequential;
use commonware_utils::{iter::NonEmpty, ordered::Set};

const DOCUMENT: &str = include_str!("../../../docs/format/certificate.md");

fn namespace() -> Vec<u8> {
    format!("wardline/{}/main", "00".repeat(32)).into_bytes()
}

fn keys() -> Vec<ed25519::PrivateKey> {
    (1..=4u8).map(|i| ed25519::PrivateKey::decode(Copying(&[i; 32])).unwrap()).collect()
}

fn participants() -> Set<ed25519::PublicKey> {
    Set::try_from(keys().iter().map(|key| key.public_key()).collect::<Vec<_>>()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The example: the signers at places 0, 2 and 3 of the sorted set.
fn example() -> Finalization<Scheme, Digest> {
    let mut rng = commonware_utils::test_rng();
    let digest = Sha256::hash(&[b"a block header"]);
    let proposal = Proposal::new(Round::new(Epoch::new(1), View::new(300)), View::new(299), digest);
    let votes: Vec<_> = keys()
        .into_iter()
        .filter(|key| participants().position(&key.public_key()) != Some(1))
        .map(|key| {
            let scheme = Scheme::signer(&namespace(), participants(), key).unwrap();
            Finalize::sign(&scheme, proposal.clone()).unwrap()
        })
        .collect();
    let verifier = Scheme::verifier(&namespace(), participants());
    let mut votes = votes.iter();
    let certificate =
        Finalization::from_finalizes(&verifier, NonEmpty::new(votes.next().unwrap(), votes), &Sequential)
            .unwrap();
    assert!(certificate.verify(&mut rng, &verifier, &Sequential));
    certificate
}

#[test]
fn document_shows_the_engines_bytes() {
    let bytes = example().encode();
    let shown: String = DOCUMENT
        .split("```hex\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(shown, hex(&bytes), "the example in docs/format/certificate.md");
    assert_eq!(bytes.len(), 239);
}

#[test]
fn layout_and_signed_message_are_as_documented() {
    let bytes = example().encode();
    let mut rest = Copying(&bytes);
    let epoch: u64 = UInt::read(&mut rest).unwrap().into();
    let view: u64 = UInt::read(&mut rest).unwrap().into();
    let parent: u64 = UInt::read(&mut rest).unwrap().into();
    assert_eq!((epoch, view, parent), (1, 300, 299));
    assert_eq!(bytes[..5], [0x01, 0xac, 0x02, 0xab, 0x02]);
    let proposal = &bytes[..5 + 32];
    let rest = &bytes[5 + 32..];
    assert_eq!(rest[..8], 4u64.to_be_bytes());
    assert_eq!(rest[8], 0b1101, "bit i of the map is validator i, lowest bit first");
    assert_eq!(rest[9], 3);
    assert_eq!(rest.len(), 10 + 3 * 64);

    let domain = [namespace(), b"_FINALIZE".to_vec()].concat();
    let message = [&[domain.len() as u8][..], &domain, proposal].concat();
    let set: Vec<_> = participants().into_iter().collect();
    let mut sorted = set.clone();
    sorted.sort_by_key(|key| key.as_ref().to_vec());
    assert_eq!(set, sorted);
    for (place, signature) in [0, 2, 3].into_iter().zip(rest[10..].chunks(64)) {
        // Through aws-lc or any other library this would be a plain Ed25519 verification of `message`.
        let signature = ed25519::Signature::decode(Copying(signature)).unwrap();
        assert!(set[place].verify(&domain, proposal, &signature));
        assert_eq!(commonware_utils::union_unique(&domain, proposal), message);
    }
}

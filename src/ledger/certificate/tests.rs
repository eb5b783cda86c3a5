//! Certificates as the engine makes them, and one named test per way to make a bad one.

use super::*;
use crate::testing::{certify, key, raw_sign};
use proptest::prelude::*;
use wardline_crypto::SigningKey;

const NAMESPACE: &[u8] = b"wardline/test/main";
const EPOCH: u64 = 3;

struct Fixture {
    keys: Vec<SigningKey>,
    set: ValidatorSet,
    digest: Digest,
}

impl Fixture {
    fn new(n: u16) -> Self {
        let keys: Vec<_> = (0..n).map(|i| key(&format!("validator {i}"))).collect();
        let set = ValidatorSet::new((0..n).map(BranchId).zip(keys.iter().map(SigningKey::public)).collect());
        Self { keys, set, digest: Digest::of(b"a header") }
    }

    fn certificate(&self, signers: &[usize]) -> Vec<u8> {
        certify(NAMESPACE, &self.set, signers, &self.digest, EPOCH, &self.keys)
    }

    fn verify(&self, certificate: &[u8]) -> Result<Signers, CertificateError> {
        verify(certificate, NAMESPACE, &self.set, &self.digest, EPOCH)
    }
}

/// Where the parts of a certificate of four validators with one-byte varints begin.
const SET_SIZE: usize = 35;
const BITMAP: usize = 43;
const COUNT: usize = 44;
const SIGNATURES: usize = 45;

#[test]
fn a_quorum_certifies() {
    for (n, quorum) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5), (10, 7), (50, 34)] {
        let f = Fixture::new(n);
        assert_eq!(f.set.quorum(), quorum);
        let signers: Vec<usize> = (0..quorum).collect();
        let branches: Vec<BranchId> = f.set.members[..quorum].iter().map(|(branch, _)| *branch).collect();
        assert_eq!(f.verify(&f.certificate(&signers)), Ok(Signers(branches)));
        assert_eq!(
            f.verify(&f.certificate(&signers[1..])),
            Err(CertificateError::NoQuorum { found: quorum - 1, quorum }),
            "{n}"
        );
        assert!(f.verify(&f.certificate(&(0..usize::from(n)).collect::<Vec<_>>())).is_ok());
    }
}

#[test]
fn nobody_certifies_nothing() {
    let f = Fixture::new(4);
    assert_eq!(f.verify(&f.certificate(&[])), Err(CertificateError::NoQuorum { found: 0, quorum: 3 }));
    let empty = Fixture::new(0);
    assert_eq!(
        empty.verify(&empty.certificate(&[])),
        Err(CertificateError::NoQuorum { found: 0, quorum: 0 })
    );
}

#[test]
fn one_signer_repeated_is_one_signer() {
    let f = Fixture::new(4);
    let mut certificate = f.certificate(&[0, 1, 2]);
    let first = certificate[SIGNATURES..SIGNATURES + 64].to_vec();
    certificate[SIGNATURES + 64..SIGNATURES + 128].copy_from_slice(&first);
    assert!(matches!(f.verify(&certificate), Err(CertificateError::Signature(_))));
    certificate[BITMAP] = 0b0001; // one bit, three signatures
    assert_eq!(f.verify(&certificate), Err(CertificateError::Uneven { signers: 1, signatures: 3 }));
}

#[test]
fn another_epoch_block_chain_or_set_certifies_nothing() {
    let f = Fixture::new(4);
    let certificate = f.certificate(&[0, 1, 2]);
    let verify = |namespace: &[u8], set: &ValidatorSet, digest: &Digest, epoch| {
        verify(&certificate, namespace, set, digest, epoch)
    };
    assert!(verify(NAMESPACE, &f.set, &f.digest, EPOCH).is_ok());
    assert_eq!(
        verify(NAMESPACE, &f.set, &f.digest, EPOCH + 1),
        Err(CertificateError::OtherEpoch { found: EPOCH, expected: EPOCH + 1 })
    );
    assert_eq!(verify(NAMESPACE, &f.set, &Digest::of(b"other"), EPOCH), Err(CertificateError::OtherBlock));
    assert!(matches!(
        verify(b"wardline/test/side", &f.set, &f.digest, EPOCH),
        Err(CertificateError::Signature(_))
    ));
    let fewer = ValidatorSet { members: f.set.members[..3].to_vec() };
    assert_eq!(
        verify(NAMESPACE, &fewer, &f.digest, EPOCH),
        Err(CertificateError::OtherSet { found: 4, expected: 3 })
    );
    let mut others = Fixture::new(4).set;
    others.members[0].1 = key("stranger").public();
    assert!(matches!(verify(NAMESPACE, &others, &f.digest, EPOCH), Err(CertificateError::Signature(_))));
}

#[test]
fn a_bit_outside_of_the_set_is_refused() {
    let f = Fixture::new(4);
    let mut certificate = f.certificate(&[0, 1, 2]);
    certificate[BITMAP] |= 1 << 4;
    assert_eq!(f.verify(&certificate), Err(DecodeError::OutOfRange("signers").into()));
    // In the last byte of a longer list too: ten validators leave six bits unused.
    let f = Fixture::new(10);
    let good = f.certificate(&[0, 1, 2, 3, 4, 5, 6]);
    for unused in 2..8 {
        let mut certificate = good.clone();
        certificate[BITMAP + 1] |= 1 << unused;
        assert_eq!(
            f.verify(&certificate),
            Err(CertificateError::Malformed(DecodeError::OutOfRange("signers"))),
            "bit {unused}"
        );
    }
}

#[test]
fn signatures_and_signers_must_be_as_many() {
    let f = Fixture::new(4);
    let mut certificate = f.certificate(&[0, 1, 2]);
    certificate[BITMAP] = 0b1111;
    assert_eq!(f.verify(&certificate), Err(CertificateError::Uneven { signers: 4, signatures: 3 }));
    let mut certificate = f.certificate(&[0, 1, 2]);
    certificate[COUNT] = 4;
    assert_eq!(f.verify(&certificate), Err(CertificateError::Uneven { signers: 3, signatures: 4 }));
}

#[test]
fn a_vote_to_notarize_finalizes_nothing() {
    let f = Fixture::new(4);
    let mut certificate = f.certificate(&[0, 1, 2]);
    let domain = [NAMESPACE, b"_NOTARIZE"].concat();
    let message = [&[u8::try_from(domain.len()).unwrap()][..], &domain, &certificate[..SET_SIZE]].concat();
    for (i, (_, public)) in f.set.members[..3].iter().enumerate() {
        let key = f.keys.iter().find(|key| key.public() == *public).unwrap();
        certificate[SIGNATURES + 64 * i..][..64].copy_from_slice(&raw_sign(key, &message));
    }
    assert!(matches!(f.verify(&certificate), Err(CertificateError::Signature(_))));
}

#[test]
fn every_bit_and_the_exact_length_count() {
    let f = Fixture::new(4);
    let certificate = f.certificate(&[0, 1, 3]);
    assert_eq!(certificate.len(), 237);
    assert_eq!(&certificate[SET_SIZE..SIGNATURES], &[0, 0, 0, 0, 0, 0, 0, 4, 0b1011, 3]);
    assert!(f.verify(&certificate).is_ok());
    for i in 0..certificate.len() {
        for bit in 0..8 {
            let mut changed = certificate.clone();
            changed[i] ^= 1 << bit;
            assert!(f.verify(&changed).is_err(), "byte {i}, bit {bit}");
        }
        assert!(f.verify(&certificate[..i]).is_err(), "cut at {i}");
    }
    assert_eq!(f.verify(&[certificate.as_slice(), &[0]].concat()), Err(DecodeError::Trailing(1).into()));
}

#[test]
fn varints_are_in_their_shortest_form() {
    let read = |bytes: &[u8]| varint(&mut Reader::new(bytes), "n");
    assert_eq!(read(&[0]), Ok(0));
    assert_eq!(read(&[0x7f]), Ok(127));
    assert_eq!(read(&[0xac, 0x02]), Ok(300));
    assert_eq!(read(&[[0xff; 9].as_slice(), &[1]].concat()), Ok(u64::MAX));
    for bad in
        [&[0x80, 0][..], &[0xff, 0x80, 0], &[[0xff; 9].as_slice(), &[2]].concat(), &[0xff; 10], &[0xff; 11]]
    {
        assert_eq!(read(bad), Err(DecodeError::OutOfRange("n")), "{bad:?}");
    }
    assert_eq!(read(&[0x80]), Err(DecodeError::Truncated("n")));
    for n in [0, 1, 127, 128, 300, 70_000] {
        let mut w = Writer::default();
        write_varint(&mut w, n);
        assert_eq!(read(&w.into_bytes()), Ok(n as u64));
    }
}

/// `docs/format/certificate.md` has a certificate that the engine itself made.
#[test]
fn the_engines_own_certificate_verifies() {
    let page = include_str!("../../../docs/format/certificate.md");
    let hex = page
        .split("```hex\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the page has an example");
    let hex: String = hex.split_whitespace().collect();
    let certificate = data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("the example is hexadecimal");
    let keys =
        [1u8, 2, 3, 4].map(|n| SigningKey::from_seed(wardline_crypto::Secret::from_slice(&[n; 32]).unwrap()));
    let set = ValidatorSet::new((0..).map(BranchId).zip(keys.iter().map(SigningKey::public)).collect());
    let namespace = crate::namespace(&Digest::ZERO, crate::Chain::Main);
    let digest = Digest::of(b"a block header");
    let signers = verify(&certificate, &namespace, &set, &digest, 1).unwrap();
    assert_eq!(signers.0, [0, 2, 3].map(|i: usize| set.members[i].0));
}

proptest! {
    #[test]
    fn random_bytes_certify_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Fixture::new(4).verify(&bytes).is_err());
    }
}

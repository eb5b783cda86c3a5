//! X25519: RFC 7748 and Wycheproof, on the curve that HPKE agrees over.

use curve25519_dalek::MontgomeryPoint;

use super::{Fields, blocks, hex, read, wycheproof};
use crate::{AgreementKey, AgreementPublic, KeyError, SealError, Secret, SeededEntropy, seal_to};

fn agree(private: &[u8], public: &[u8]) -> Vec<u8> {
    let point = MontgomeryPoint(public.try_into().unwrap());
    point.mul_clamped(private.try_into().unwrap()).to_bytes().to_vec()
}

#[test]
fn rfc7748() {
    let Some(text) = read("x25519-ed25519/rfc7748.txt") else { return };
    let mut ran = 0;
    for (_, block) in blocks(&text) {
        let [scalar, u, expected] = ["INPUT_SCALAR", "INPUT_U", "OUTPUT_U"].map(|name| hex(&block[name]));
        assert_eq!(agree(&scalar, &u), expected);
        let mut base_point = [0; 32];
        base_point[0] = 9;
        if u == base_point {
            let key = AgreementKey::from_bytes(Secret::from_slice(&scalar).unwrap());
            assert_eq!(key.public().bytes()[..], expected);
        }
        ran += 1;
    }
    assert_eq!(ran, 3);
}

/// Besides the arithmetic: what leads to an all-zero secret is refused when it is registered and
/// when something is sealed to it, and nothing else is.
#[test]
fn wycheproof_agreement() {
    let Some(tests) = wycheproof("x25519") else { return };
    let (mut low_order, mut ran) = (0, 0);
    for (_, test) in &tests {
        let (public, shared) = (test.hex("public"), test.hex("shared"));
        assert_eq!(agree(&test.hex("private"), &public), shared, "{test}");

        let key = AgreementPublic::from_bytes(public.try_into().unwrap());
        let sealed = seal_to(&key, b"", b"", b"", &mut SeededEntropy::new(1));
        let registrable = key.check_registrable();
        if shared == [0; 32] {
            assert_eq!(sealed, Err(SealError::BadRecipient), "{test}");
            assert!(registrable.is_err(), "{test}");
            low_order += 1;
        } else {
            assert!(sealed.is_ok(), "{test}");
            let expected =
                if test.has_flag("NonCanonicalPublic") { Err(KeyError::NotCanonical) } else { Ok(()) };
            assert_eq!(registrable, expected, "{test}");
        }
        ran += 1;
    }
    assert_eq!((ran, low_order), (518, 31));
}

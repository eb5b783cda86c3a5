//! A batch holds exactly when each of its signatures does.

use super::*;
use crate::{Secret, SigningKey};
use ed25519_dalek::Signer as _;

/// Signatures by a few keys in turn, over messages of their own.
fn signed(count: u8) -> Vec<([u8; 32], [u8; 64], Vec<u8>)> {
    (0..count)
        .map(|i| {
            let key = SigningKey::from_seed(Secret::from_slice(&[i % 4 + 1; 32]).unwrap());
            let message = vec![i; usize::from(i)];
            let signature = ed25519_dalek::SigningKey::from_bytes(key.seed()).sign(&message).to_bytes();
            (*key.public().bytes(), signature, message)
        })
        .collect()
}

fn claims(signed: &[([u8; 32], [u8; 64], Vec<u8>)]) -> Vec<Claim<'_>> {
    signed.iter().map(|(key, signature, message)| Claim { key, signature, message }).collect()
}

#[test]
fn good_signatures_hold_together() {
    // 200 are more than where the multiplication changes its method.
    for count in [0, 1, 2, 3, 7, 200] {
        assert!(verify_all(&claims(&signed(count))), "{count}");
    }
}

#[test]
fn one_bad_signature_among_good_ones_is_felt_wherever_it_is() {
    for at in 0..6 {
        for byte in [0, 31, 32, 63] {
            let mut bad = signed(6);
            bad[at].1[byte] ^= 1;
            assert!(!verify_all(&claims(&bad)), "signature {at}, byte {byte}");
        }
        let mut bad = signed(6);
        bad[at].2.push(0);
        assert!(!verify_all(&claims(&bad)), "message {at}");
        let mut bad = signed(6);
        bad[at].0 = bad[(at + 1) % 6].0;
        assert!(!verify_all(&claims(&bad)), "key {at}");
    }
}

#[test]
fn errors_that_cancel_each_other_do_not_hold() {
    // s + 1 here and s − 1 there: the plain sum of both equations still holds.
    let mut bad = signed(2);
    for (one, change) in bad.iter_mut().zip([Scalar::ONE, -Scalar::ONE]) {
        let s = Scalar::from_canonical_bytes(*one.1.last_chunk().unwrap()).unwrap() + change;
        one.1[32..].copy_from_slice(s.as_bytes());
    }
    assert!(!verify_all(&claims(&bad)));
    // The same signature under two messages of one key, swapped.
    let mut swapped = signed(8);
    let (first, second) = (swapped[0].1, swapped[4].1);
    (swapped[0].1, swapped[4].1) = (second, first);
    assert_eq!(swapped[0].0, swapped[4].0);
    assert!(!verify_all(&claims(&swapped)));
}

#[test]
fn coefficients_depend_on_everything_and_on_the_place() {
    let of = |seed: &[u8], number| coefficient(seed, number).unwrap();
    assert_ne!(of(b"a", 0), of(b"a", 1));
    assert_ne!(of(b"a", 0), of(b"b", 0));
    assert_ne!(of(b"a", 0), Scalar::ZERO);
}

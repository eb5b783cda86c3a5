//! Ed25519: the original authors' signatures, CCTV's edge cases, Wycheproof.

use super::{Fields, hex, json, read, wycheproof};
use crate::{KeyError, PublicKey, Secret, SigningKey, zip215};

#[test]
fn sign_input() {
    let Some(text) = read("x25519-ed25519/ed25519-sign.input.first256") else { return };
    let mut ran = 0;
    for line in text.lines() {
        let fields: Vec<Vec<u8>> = line.split(':').map(hex).collect();
        let (message, expected) = (&fields[2], &fields[3][..64]);
        let key = SigningKey::from_seed(Secret::from_slice(&fields[0][..32]).unwrap());
        assert_eq!(key.public().bytes()[..], fields[1]);
        let signature = key.sign_bytes(message);
        assert_eq!(signature.bytes()[..], *expected);
        assert!(zip215::verify(key.public().bytes(), signature.bytes(), message));
        let mut changed = *signature.bytes();
        changed[ran % 64] ^= 1;
        assert!(!zip215::verify(key.public().bytes(), &changed, message));
        ran += 1;
    }
    assert_eq!(ran, 256);
}

/// Whether a signature holds alone in a batch; among good ones it must be the same.
fn in_batches(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    let good: Vec<_> = (1..=3u8)
        .map(|n| {
            let key = SigningKey::from_seed(Secret::from_slice(&[n; 32]).unwrap());
            (*key.public().bytes(), *key.sign_bytes(&[n]).bytes(), [n])
        })
        .collect();
    let it = zip215::Claim { key, signature, message };
    let mut batch: Vec<_> =
        good.iter().map(|(key, signature, message)| zip215::Claim { key, signature, message }).collect();
    batch.insert(1, it);
    // Twice, so that low-order parts which cancel would show.
    batch.push(it);
    let alone = zip215::verify_all(&[it]);
    assert_eq!(zip215::verify_all(&batch), alone);
    alone
}

/// What ZIP-215 accepts, in CCTV's flags: every encoding and every low-order part, but not a
/// signature whose hash is taken over a re-encoded R or A, unless A has low order and the
/// cofactor takes the hash out of the equation.
#[test]
fn cctv_edge_cases() {
    let Some(vectors) = json("x25519-ed25519/cctv-ed25519vectors.json") else { return };
    let (mut accepted, mut ran) = (0, 0);
    for vector in vectors.as_array().unwrap() {
        let key = vector.hex("key").try_into().unwrap();
        let signature = vector.hex("sig").try_into().unwrap();
        let expected = !vector.has_flag("reencoded_k") || vector.has_flag("low_order_A");
        let message = vector.text("msg");
        assert_eq!(zip215::verify(&key, &signature, message.as_bytes()), expected, "{vector}");
        assert_eq!(in_batches(&key, &signature, message.as_bytes()), expected, "{vector}");

        let registrable = PublicKey::from_bytes(key).check_registrable();
        if vector.has_flag("non_canonical_A") {
            assert_eq!(registrable, Err(KeyError::NotCanonical), "{vector}");
        } else if vector.has_flag("low_order_A") || vector.has_flag("low_order_component_A") {
            assert_eq!(registrable, Err(KeyError::Weak), "{vector}");
        } else {
            assert_eq!(registrable, Ok(()), "{vector}");
        }
        accepted += usize::from(expected);
        ran += 1;
    }
    assert_eq!((ran, accepted), (914, 826));
}

#[test]
fn wycheproof_verify() {
    let Some(tests) = wycheproof("ed25519") else { return };
    let (mut valid, mut ran, mut lenient) = (0, 0, Vec::new());
    for (group, test) in &tests {
        let key = group["publicKey"].hex("pk").try_into().unwrap();
        let verifies = test.hex("sig").try_into().is_ok_and(|signature: [u8; 64]| {
            let message = test.hex("msg");
            let holds = zip215::verify(&key, &signature, &message);
            assert_eq!(in_batches(&key, &signature, &message), holds, "{test}");
            holds
        });
        if verifies != (test.text("result") == "valid") {
            lenient.push(test["tcId"].as_u64().unwrap());
        }
        valid += usize::from(test.text("result") == "valid");
        ran += 1;
    }
    assert_eq!((ran, valid), (151, 88));
    assert_eq!(lenient, [151], "an R of x = 0 with its sign set: RFC 8032 refuses it, ZIP-215 takes it");
}

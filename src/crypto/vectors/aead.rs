//! AES-256-GCM-SIV and XChaCha20-Poly1305: Wycheproof.

use aes_gcm_siv::Aes256GcmSiv;
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload, array::typenum::Unsigned},
};

use super::{Fields, wycheproof};

/// Runs the file's tests with this key and nonce size, both directions; gives (run, valid).
fn run<A: Aead + KeyInit>(name: &str) -> Option<(usize, usize)> {
    let (mut ran, mut valid) = (0, 0);
    for (group, test) in wycheproof(name)? {
        let sizes = ["keySize", "ivSize"].map(|size| group[size].as_u64().unwrap());
        if sizes != [256, A::NonceSize::U64 * 8] {
            continue;
        }
        let cipher = A::new_from_slice(&test.hex("key")).unwrap();
        let nonce = test.hex("iv");
        let nonce = nonce.as_slice().try_into().unwrap();
        let (plain, aad) = (test.hex("msg"), test.hex("aad"));
        let sealed = [test.hex("ct"), test.hex("tag")].concat();
        let opened = cipher.decrypt(nonce, Payload { msg: &sealed, aad: &aad });
        if test.text("result") == "valid" {
            assert_eq!(opened.unwrap(), plain, "{test}");
            assert_eq!(cipher.encrypt(nonce, Payload { msg: &plain, aad: &aad }).unwrap(), sealed, "{test}");
            valid += 1;
        } else {
            assert!(opened.is_err(), "{test}");
        }
        ran += 1;
    }
    Some((ran, valid))
}

#[test]
fn aes_256_gcm_siv() {
    if let Some(counts) = run::<Aes256GcmSiv>("aes_gcm_siv") {
        assert_eq!(counts, (103, 69));
    }
}

#[test]
fn xchacha20_poly1305() {
    if let Some(counts) = run::<XChaCha20Poly1305>("xchacha20_poly1305") {
        assert_eq!(counts, (306, 246));
    }
}

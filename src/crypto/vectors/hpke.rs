//! HPKE: RFC 9180's vectors of the one ciphersuite in use, base mode.

use hpke::{Deserializable, Kem, OpModeR, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256};

use super::{Fields, json};
use crate::{AgreementKey, AgreementPublic, Entropy, Secret, open_from, seal_to};

/// Gives the vector's own randomness, once.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&std::mem::take(&mut self.0));
    }
}

#[test]
fn rfc9180_base_mode() {
    let Some(vectors) = json("hpke/rfc9180-x25519-hkdf-sha256.json") else { return };
    let (mut suites, mut opened) = (0, 0);
    for vector in vectors.as_array().unwrap() {
        // 32: DHKEM(X25519, HKDF-SHA256), 1: HKDF-SHA256, 3: ChaCha20-Poly1305.
        let ids = ["mode", "kem_id", "kdf_id", "aead_id"].map(|name| vector[name].as_u64().unwrap());
        if ids != [0, 32, 1, 3] {
            continue;
        }
        let key = AgreementKey::from_bytes(Secret::from_slice(&vector.hex("skRm")).unwrap());
        assert_eq!(key.public().bytes()[..], vector.hex("pkRm"));
        let (info, enc) = (vector.hex("info"), vector.hex("enc"));

        // The first message through our own functions, both ways and byte for byte.
        let first = &vector["encryptions"][0];
        let [plain, aad, ciphertext] = ["pt", "aad", "ct"].map(|name| first.hex(name));
        let sealed = [enc.clone(), ciphertext].concat();
        let to = AgreementPublic::from_bytes(vector.hex("pkRm").try_into().unwrap());
        assert_eq!(seal_to(&to, &info, &aad, &plain, &mut Fixed(vector.hex("ikmE"))).unwrap(), sealed);
        assert_eq!(open_from(&key, &info, &aad, &sealed).unwrap().expose(), plain);

        // All of them through the library beneath.
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(key.bytes()).unwrap();
        let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&enc).unwrap();
        let mut receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &encapped,
            &info,
        )
        .unwrap();
        for message in vector["encryptions"].as_array().unwrap() {
            let [plain, aad, ciphertext] = ["pt", "aad", "ct"].map(|name| message.hex(name));
            assert_eq!(receiver.open(&ciphertext, &aad).unwrap(), plain);
            opened += 1;
        }
        suites += 1;
    }
    assert_eq!((suites, opened), (1, 20));
}

//! HKDF, HMAC and Argon2id: the RFCs and Wycheproof.

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use hkdf::Hkdf;
use hmac::{KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Fields, blocks, hex, read, wycheproof};
use crate::{
    Secret,
    kdf::{HmacSha256, mac},
};

#[test]
fn rfc5869() {
    let Some(text) = read("kdf/rfc-5869-HKDF-SHA256.txt") else { return };
    let mut ran = 0;
    for (_, block) in blocks(&text) {
        let [ikm, salt, info, okm] = ["IKM", "salt", "info", "OKM"].map(|name| hex(&block[name]));
        let mut out = vec![0; block["L"].parse().unwrap()];
        Hkdf::<Sha256>::new(Some(&salt), &ikm).expand(&info, &mut out).unwrap();
        assert_eq!(out, okm);
        ran += 1;
    }
    assert_eq!(ran, 3);
}

#[test]
fn wycheproof_hkdf() {
    let Some(tests) = wycheproof("hkdf_sha256") else { return };
    let (mut valid, mut ran) = (0, 0);
    for (_, test) in &tests {
        let [ikm, salt, info] = ["ikm", "salt", "info"].map(|name| test.hex(name));
        let mut out = vec![0; usize::try_from(test["size"].as_u64().unwrap()).unwrap()];
        let expanded = Hkdf::<Sha256>::new(Some(&salt), &ikm).expand(&info, &mut out);
        assert_eq!(expanded.is_ok(), test.text("result") == "valid", "{test}");
        if expanded.is_ok() {
            assert_eq!(out, test.hex("okm"), "{test}");
            valid += 1;
        }
        ran += 1;
    }
    assert_eq!((ran, valid), (86, 83));
}

#[test]
fn wycheproof_hmac() {
    let Some(tests) = wycheproof("hmac_sha256") else { return };
    let (mut valid, mut ours, mut ran) = (0, 0, 0);
    for (_, test) in &tests {
        let [key, message, tag] = ["key", "msg", "tag"].map(|name| test.hex(name));
        let mac = match Secret::from_slice(&key) {
            Some(key) => {
                ours += 1;
                mac(&key)
            }
            None => HmacSha256::new_from_slice(&key).unwrap(),
        };
        let verified = mac.chain_update(&message).verify_truncated_left(&tag);
        assert_eq!(verified.is_ok(), test.text("result") == "valid", "{test}");
        valid += usize::from(verified.is_ok());
        ran += 1;
    }
    assert_eq!((ran, valid, ours), (174, 66, 162));
}

#[test]
fn argon2id() {
    let Some(text) = read("kdf/argon2id.txt") else { return };
    let mut ran = 0;
    for (_, block) in blocks(&text) {
        let number = |name: &str| block[name].parse::<u32>().unwrap();
        let bytes = |name: &str| block.get(name).map(|text| hex(text)).unwrap_or_default();
        let expected = bytes("output");
        let params = ParamsBuilder::new()
            .m_cost(number("memcost"))
            .t_cost(number("iter"))
            .p_cost(number("lanes"))
            .output_len(expected.len())
            .data(AssociatedData::new(&bytes("ad")).unwrap())
            .build()
            .unwrap();
        let secret = bytes("secret");
        let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut out = vec![0; expected.len()];
        argon2.hash_password_into(&bytes("pass"), &bytes("salt"), &mut out).unwrap();
        assert_eq!(out, expected);
        ran += 1;
    }
    assert_eq!(ran, 6);
}

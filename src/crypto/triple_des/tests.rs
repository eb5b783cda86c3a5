//! 3DES: NIST's vectors beneath the key check, the check itself, and the bound of one key.

use std::cell::Cell;

use super::*;
use crate::{
    SeededEntropy,
    vectors::{blocks, hex, read},
};

/// A bundle with nothing wrong with it, in odd parity.
const GOOD: [u8; 24] =
    *b"\x0b\x13\x25\x37\x49\x5b\x6d\x7f\x91\xa2\xb3\xc4\xd5\xe6\xf7\x08\x19\x2a\x3b\x4c\x5d\x6e\x7f\x80";

/// The 64 weak, semi-weak and possibly weak keys (SP 800-67r2 §3.3.2 and FIPS 74), made from
/// their structure and not from the table under test: each half of the key schedule's register
/// repeats 00, 11, 01 or 10, which fixes the byte pairs of the key.
fn weak_keys() -> Vec<[u8; 8]> {
    // Bytes with odd parity, by (left register half bit pattern, right): see FIPS 74.
    let bytes = [0x01u8, 0x1F, 0xE0, 0xFE];
    let mut keys = Vec::new();
    for a in bytes {
        for b in bytes {
            for c in bytes {
                // The fourth is the exclusive-or of the three, in the pattern's two bits.
                let index = |byte: u8| bytes.iter().position(|&other| other == byte).unwrap();
                let d = bytes[index(a) ^ index(b) ^ index(c)];
                let right = |byte: u8| match byte {
                    0x1F => 0x0E,
                    0xE0 => 0xF1,
                    same => same,
                };
                keys.push([a, b, c, d, right(a), right(b), right(c), right(d)]);
            }
        }
    }
    keys
}

fn bundle(parts: [[u8; 8]; 3]) -> Secret<24> {
    Secret::from_slice(&parts.concat()).unwrap()
}

fn good_parts() -> [[u8; 8]; 3] {
    [0, 8, 16].map(|at| GOOD[at..at + 8].try_into().unwrap())
}

fn flip_parity(mut part: [u8; 8], pattern: u8) -> [u8; 8] {
    for (bit, byte) in part.iter_mut().enumerate() {
        *byte ^= (pattern >> bit) & 1;
    }
    part
}

fn run(file: &str) -> Option<[usize; 2]> {
    let (mut encrypted, mut decrypted) = (0, 0);
    for (section, block) in blocks(&read(&format!("3des/{file}.rsp"))?) {
        let Some(plain) = block.get("PLAINTEXT").map(|text| hex(text)) else { continue };
        let cipher = hex(&block["CIPHERTEXT"]);
        let key: [u8; 24] = match block.get("KEYs") {
            Some(key) => hex(key).repeat(3),
            None => ["KEY1", "KEY2", "KEY3"].map(|name| hex(&block[name])).concat(),
        }
        .try_into()
        .unwrap();
        // ECB is CBC of one block with a zero vector.
        let (iv, step) = match block.get("IV") {
            Some(iv) => (hex(iv).try_into().unwrap(), plain.len()),
            None => ([0; 8], 8),
        };
        let (mut forth, mut back) = (plain.clone(), cipher.clone());
        forth.chunks_mut(step).for_each(|chunk| encrypt_unchecked(&key, &iv, chunk).unwrap());
        back.chunks_mut(step).for_each(|chunk| decrypt_unchecked(&key, &iv, chunk).unwrap());
        assert_eq!((forth, back), (cipher, plain), "{file} {block:?}");
        match section.as_str() {
            "ENCRYPT" => encrypted += 1,
            "DECRYPT" => decrypted += 1,
            other => panic!("{file}: section {other}"),
        }
    }
    Some([encrypted, decrypted])
}

#[test]
fn nist_cbc() {
    let files = ["MMT1", "MMT2", "MMT3", "invperm", "permop", "subtab", "varkey", "vartext"];
    let counts: Option<Vec<_>> = files.iter().map(|name| run(&format!("TCBC{name}"))).collect();
    if let Some(counts) = counts {
        assert_eq!(counts.iter().flatten().sum::<usize>(), 530);
        assert!(counts.iter().all(|[encrypt, decrypt]| encrypt == decrypt && *encrypt > 0), "{counts:?}");
    }
}

#[test]
fn nist_ecb() {
    let counts: Option<Vec<_>> =
        ["MMT3", "varkey", "vartext"].iter().map(|name| run(&format!("TECB{name}"))).collect();
    if let Some(counts) = counts {
        assert_eq!(counts.iter().flatten().sum::<usize>(), 260);
    }
}

#[test]
fn a_good_bundle_passes_and_its_parity_does_not_matter() {
    let key = TripleDesKey::accept(&bundle(good_parts())).unwrap();
    let flipped = TripleDesKey::accept(&bundle(good_parts().map(|part| flip_parity(part, 0xA5)))).unwrap();
    assert_eq!(key.0.expose(), flipped.0.expose());
    assert!(key.0.expose().iter().all(|byte| byte.count_ones() % 2 == 1));

    let iv = [7; 8];
    let mut data = *b"sixteen bytes ok";
    key.encrypt(&iv, &mut data).unwrap();
    let mut raw = *b"sixteen bytes ok";
    encrypt_unchecked(&GOOD, &iv, &mut raw).unwrap();
    assert_eq!(data, raw, "setting parity does not change the cipher");
    key.decrypt(&iv, &mut data).unwrap();
    assert_eq!(&data, b"sixteen bytes ok");
}

/// 64 keys × 3 positions × 256 parity patterns.
#[test]
fn every_weak_part_is_refused_in_every_spelling() {
    let weak = weak_keys();
    assert_eq!(weak.len(), 64);
    let mut refused = 0;
    for key in weak {
        for position in 0..3 {
            for pattern in 0..=255 {
                let mut parts = good_parts();
                parts[position] = flip_parity(key, pattern);
                assert!(TripleDesKey::accept(&bundle(parts)).is_none(), "{key:02x?} {position} {pattern}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 49_152);
}

/// With two equal parts, 3DES-EDE is DES once, or twice with one key.
#[test]
fn equal_parts_are_refused_in_every_spelling() {
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        for pattern in 0..=255 {
            let mut parts = good_parts();
            parts[other] = flip_parity(parts[one], pattern);
            assert!(TripleDesKey::accept(&bundle(parts)).is_none(), "{one} {other} {pattern}");
        }
    }
}

#[test]
fn derivation_goes_on_past_bad_bundles() {
    let weak = || bundle([[1; 8]; 3]);
    for bad in 0..=MAX_TRIES + 1 {
        let asked = Cell::new(0);
        let derived = TripleDesKey::derive(|counter| {
            assert_eq!(counter, asked.get(), "counters go up by one");
            asked.set(asked.get() + 1);
            if counter < bad { weak() } else { bundle(good_parts()) }
        });
        assert_eq!(asked.get(), (bad + 1).min(MAX_TRIES));
        match derived {
            Ok(_) => assert!(bad < MAX_TRIES),
            Err(error) => assert_eq!((error, bad >= MAX_TRIES), (SealError::WeakKeys { tries: 8 }, true)),
        }
    }
}

#[test]
fn one_key_is_bounded_and_takes_whole_blocks() {
    let key = TripleDesKey::accept(&bundle(good_parts())).unwrap();
    let mut data = vec![0; (MAX_BLOCKS + 1) * BLOCK];
    let refused = SealError::TooManyBlocks { blocks: MAX_BLOCKS + 1, limit: 1 << 19 };
    assert_eq!(key.encrypt(&[0; 8], &mut data), Err(refused));
    assert_eq!(key.encrypt(&[0; 8], &mut data[..MAX_BLOCKS * BLOCK + 1]), Err(refused));
    assert!(data.iter().all(|&byte| byte == 0), "refused before anything was encrypted");
    assert_eq!(key.encrypt(&[0; 8], &mut data[..MAX_BLOCKS * BLOCK]), Ok(()));

    assert_eq!(key.encrypt(&[0; 8], &mut [0; 7]), Err(SealError::PartialBlock { length: 7 }));
    assert_eq!(key.decrypt(&[0; 8], &mut [0; 9]), Err(OpenError));
}

#[test]
fn random_bundles_pass() {
    let mut entropy = SeededEntropy::new(1);
    for _ in 0..1000 {
        assert!(TripleDesKey::accept(&Secret::draw(&mut entropy)).is_some());
    }
}

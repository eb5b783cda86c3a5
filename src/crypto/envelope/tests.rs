//! Envelopes: round trips, and every way in which they must not open. Named bad envelopes, byte
//! by byte, are in `golden`.

use proptest::prelude::*;

use super::*;
use crate::SeededEntropy;

fn header(suite: Suite) -> Header {
    Header { suite, content: Content::Record, object: *b"temporary id 016", version: 1 }
}

fn suites() -> impl Strategy<Value = Suite> {
    proptest::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #[test]
    fn round_trip(
        suite in suites(),
        identity in any::<bool>(),
        object in any::<[u8; 16]>(),
        version in any::<u32>(),
        plain in proptest::collection::vec(any::<u8>(), 0..5000),
        seed in any::<u64>(),
    ) {
        let mut entropy = SeededEntropy::new(seed);
        let key = DataKey::generate(&mut entropy);
        let content = if identity { Content::Identity } else { Content::Record };
        let header = Header { suite, content, object, version };
        let sealed = seal(&key, &header, &plain, &mut entropy).unwrap();
        prop_assert_eq!(peek(&sealed), Ok(header));
        let (opened, back) = open(&key, &sealed).unwrap();
        prop_assert_eq!(opened, header);
        prop_assert_eq!(back.expose(), &plain[..]);

        let other = DataKey::generate(&mut entropy);
        prop_assert_eq!(open(&other, &sealed).unwrap_err(), OpenError);
    }

    #[test]
    fn noise_does_not_open_or_panic(
        suite in suites(),
        mut noise in proptest::collection::vec(any::<u8>(), 0..1500),
        shape in any::<bool>(),
    ) {
        let mut entropy = SeededEntropy::new(1);
        let key = DataKey::generate(&mut entropy);
        if shape {
            // A true frame around noise gets past the parser.
            let real = seal(&key, &header(suite), b"", &mut entropy).unwrap();
            noise.resize(real.len(), 0);
            noise[..HEADER_LEN].copy_from_slice(&real[..HEADER_LEN]);
            prop_assert!(peek(&noise).is_ok());
        }
        prop_assert_eq!(open(&key, &noise).unwrap_err(), OpenError);
    }
}

#[test]
fn every_flipped_bit_gives_the_same_error() {
    let mut entropy = SeededEntropy::new(2);
    let key = DataKey::generate(&mut entropy);
    for suite in Suite::ALL {
        let mut sealed = seal(&key, &header(suite), b"visit on the third", &mut entropy).unwrap();
        assert_eq!(sealed.len(), HEADER_LEN + SEGMENT_HEAD + 512 + suite.overhead());
        for bit in 0..sealed.len() * 8 {
            sealed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, &sealed).unwrap_err(), OpenError, "{suite:?}, bit {bit}");
            sealed[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(open(&key, &sealed).is_ok());
    }
}

#[test]
fn every_truncation_and_extension_gives_the_same_error() {
    let mut entropy = SeededEntropy::new(3);
    let key = DataKey::generate(&mut entropy);
    for suite in Suite::ALL {
        let mut sealed = seal(&key, &header(suite), b"visit", &mut entropy).unwrap();
        let expected = sealed.len();
        for length in 0..expected {
            assert_eq!(open(&key, &sealed[..length]).unwrap_err(), OpenError, "{suite:?}, {length}");
            let why = match length {
                0..HEADER_LEN => FrameError::Short,
                found => FrameError::Length { found, expected },
            };
            assert_eq!(peek(&sealed[..length]), Err(why), "{suite:?}");
        }
        sealed.push(0);
        assert_eq!(open(&key, &sealed).unwrap_err(), OpenError);
    }
}

/// A header can claim any size; only buckets of an envelope's own range are believed, whatever
/// the length of what follows.
#[test]
fn only_buckets_are_framed() {
    let mut entropy = SeededEntropy::new(7);
    let key = DataKey::generate(&mut entropy);
    let sealed = seal(&key, &header(Suite::AesGcmSiv), b"visit", &mut entropy).unwrap();
    for padded in [0, 8, 511, 513, 520, 3072, MAX_PADDED + 512, (8 << 20) + 512] {
        let mut claimed = sealed.clone();
        claimed[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&u32::try_from(padded).unwrap().to_be_bytes());
        claimed.resize(sealed_length(Suite::AesGcmSiv, padded), 0);
        assert_eq!(peek(&claimed), Err(FrameError::Bucket(u32::try_from(padded).unwrap())));
    }
    let mut without_end = sealed;
    without_end[HEADER_LEN - 4..HEADER_LEN].fill(0xFF);
    assert_eq!(peek(&without_end), Err(FrameError::Bucket(u32::MAX)));
    let named = [
        (0, b'w', FrameError::Magic),
        (7, 2, FrameError::Layout(2)),
        (8, 4, FrameError::Suite(4)),
        (9, 0, FrameError::Content(0)),
    ];
    for (at, byte, why) in named {
        let mut changed = without_end.clone();
        changed[at] = byte;
        assert_eq!(peek(&changed), Err(why));
        assert_eq!(open(&key, &changed).unwrap_err(), OpenError, "what is sealed tells nothing");
    }
}

#[test]
fn large_plaintexts_go_in_segments() {
    let mut entropy = SeededEntropy::new(4);
    let key = DataKey::generate(&mut entropy);
    for (suite, length, segments) in [
        (Suite::AesGcmSiv, MAX_PLAIN, 33),
        (Suite::AesGcmSiv, SEGMENT - 4, 2),
        (Suite::TripleDes, SEGMENT + 1, 2),
        (Suite::Cascade, SEGMENT + 1, 2),
    ] {
        let plain: Vec<u8> = (0..=250).cycle().take(length).collect();
        let sealed = seal(&key, &header(suite), &plain, &mut entropy).unwrap();
        let padded = sealed.len() - HEADER_LEN - segments * (SEGMENT_HEAD + suite.overhead());
        assert!(is_bucket(padded) && segment_lengths(padded).len() == segments, "{suite:?} {length}");
        assert!(sealed.len() <= MAX_ENVELOPE);
        assert!(open(&key, &sealed).unwrap().1.expose() == plain);
    }
    let long = vec![0; MAX_PLAIN + 1];
    let refused = SealError::TooLong { length: MAX_PLAIN + 1, limit: MAX_PLAIN };
    assert_eq!(seal(&key, &header(Suite::AesGcmSiv), &long, &mut entropy), Err(refused));
}

#[test]
fn sealing_twice_shares_nothing() {
    let mut entropy = SeededEntropy::new(5);
    let key = DataKey::generate(&mut entropy);
    for suite in Suite::ALL {
        let [a, b] = [(); 2].map(|()| seal(&key, &header(suite), b"same", &mut entropy).unwrap());
        let fixed = HEADER_LEN - 32 - 32 - 4;
        assert_eq!(a[..fixed], b[..fixed]);
        for (from, to) in
            [(fixed, fixed + 32), (fixed + 32, fixed + 64), (HEADER_LEN + SEGMENT_HEAD, a.len())]
        {
            let equal = a[from..to].iter().zip(&b[from..to]).filter(|(a, b)| a == b).count();
            assert!(equal < (to - from) / 4, "{suite:?}: {equal} of {} bytes equal", to - from);
        }
    }
}

/// The layers of the cascade have keys of their own: the outer one peeled off leaves something
/// that neither suite 1's keys nor the same segment in suite 1 would give.
#[test]
fn the_cascade_has_both_layers() {
    let mut entropy = SeededEntropy::new(6);
    let key = DataKey::generate(&mut entropy);
    let (salt, padded) = ([9; 32], pad(b"visit").unwrap());
    let seal = |suite| seal_padded(&key, &header(suite), padded.expose(), &salt).unwrap();
    let [triple_des, siv, cascade] = Suite::ALL.map(seal);
    assert_eq!(cascade.len(), siv.len() + 32);
    assert_eq!(cascade.len(), triple_des.len() + 16);

    // Peel the outer layer with its own key, then check and peel the inner one by hand.
    use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, aead::AeadInOut as _};
    use hmac::Mac as _;

    use crate::{
        kdf::{derive, mac_of_pair},
        label::Label,
        triple_des::TripleDesKey,
    };
    let (head, body) = cascade.split_at(HEADER_LEN + SEGMENT_HEAD);
    let info = [&[3, 1], b"temporary id 016".as_slice(), &[0, 0, 0, 1], &[0, 0, 0, 0, 1, 0]].concat();
    let siv_key = derive::<32>(&salt, key.secret(), Label::SivKey, &info);
    let nonce = derive::<12>(&salt, key.secret(), Label::SivNonce, &info);
    let mut inner = body.to_vec();
    let outer = Aes256GcmSiv::new(siv_key.expose().into());
    outer.decrypt_in_place(nonce.expose().into(), head, &mut inner).unwrap();

    // Neither tag is enough alone: the inner one is checked under a good outer one.
    let resealed = |inner: &[u8]| {
        let mut body = inner.to_vec();
        outer.encrypt_in_place(nonce.expose().into(), head, &mut body).unwrap();
        open(&key, &[head, &body].concat())
    };
    assert!(resealed(&inner).is_ok());
    for at in 0..inner.len() {
        let mut changed = inner.clone();
        changed[at] ^= 1;
        assert_eq!(resealed(&changed).unwrap_err(), OpenError, "inner byte {at}");
    }

    let (ciphertext, tag) = inner.split_at_mut(512);
    let mac_key = derive(&salt, key.secret(), Label::MacKey, &info);
    mac_of_pair(&mac_key, head, ciphertext).verify_slice(tag).unwrap();
    let des_key = TripleDesKey::accept(&derive(&salt, key.secret(), Label::TripleDesKey, &info)).unwrap();
    let iv = derive::<8>(&salt, key.secret(), Label::TripleDesIv, &info);
    des_key.decrypt(iv.expose(), ciphertext).unwrap();
    assert_eq!(ciphertext, padded.expose());
}

//! HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! One message per encapsulation. The output is the 32-byte encapsulated key, then the
//! ciphertext with its 16-byte tag.

use hpke::{
    Deserializable, HpkeError, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};

use crate::{
    agreement::{AgreementKey, AgreementPublic},
    entropy::{AsRng, Entropy},
    error::{OpenError, SealError},
    secret::SecretBytes,
};

type Kem = X25519HkdfSha256;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

/// Bytes of the encapsulated key in front of the ciphertext.
const ENCAPPED: usize = 32;

/// The longest `info`, in bytes: well below the 16-bit count at which the library may panic.
const MAX_INFO: usize = 1 << 15;

/// Seals `plain` to the holder of a key. Whoever opens it must name the same `info` (what it
/// is for) and `aad` (what it is about).
///
/// # Errors
/// [`SealError::BadRecipient`] for a key of low order, [`SealError::TooLong`] for `info` above
/// 32 KiB.
pub fn seal_to(
    to: &AgreementPublic,
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    if info.len() > MAX_INFO {
        return Err(SealError::TooLong { length: info.len(), limit: MAX_INFO });
    }
    let key = PublicKey::from_bytes(to.bytes()).map_err(|_| SealError::BadRecipient)?;
    let (encapped, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeS::Base,
        &key,
        info,
        plain,
        aad,
        &mut AsRng(entropy),
    )
    .map_err(|error| match error {
        HpkeError::SealError => SealError::TooLong { length: plain.len(), limit: u32::MAX as usize },
        _ => SealError::BadRecipient,
    })?;
    Ok([encapped.to_bytes().as_slice(), &ciphertext].concat())
}

/// Opens what [`seal_to`] sealed to this key under the same `info` and `aad`.
///
/// # Errors
/// [`OpenError`] for whatever reason.
pub fn open_from(
    key: &AgreementKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, OpenError> {
    if info.len() > MAX_INFO {
        return Err(OpenError);
    }
    let (encapped, ciphertext) = sealed.split_at_checked(ENCAPPED).ok_or(OpenError)?;
    let key = PrivateKey::from_bytes(key.bytes()).map_err(|_| OpenError)?;
    let encapped = EncappedKey::from_bytes(encapped).map_err(|_| OpenError)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeR::Base,
        &key,
        &encapped,
        info,
        ciphertext,
        aad,
    )
    .map(SecretBytes::new)
    .map_err(|_| OpenError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn only_the_same_key_info_and_aad_open() {
        let mut entropy = SeededEntropy::new(1);
        let (key, other) = (AgreementKey::generate(&mut entropy), AgreementKey::generate(&mut entropy));
        let sealed = seal_to(&key.public(), b"info", b"aad", b"plain", &mut entropy).unwrap();
        assert_eq!(sealed.len(), ENCAPPED + 5 + 16);
        assert_eq!(open_from(&key, b"info", b"aad", &sealed).unwrap().expose(), b"plain");
        assert!(open_from(&other, b"info", b"aad", &sealed).is_err());
        assert!(open_from(&key, b"inf0", b"aad", &sealed).is_err());
        assert!(open_from(&key, b"info", b"aae", &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(open_from(&key, b"info", b"aad", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn low_order_recipients_and_long_infos_are_refused() {
        let mut entropy = SeededEntropy::new(1);
        let zero = AgreementPublic::from_bytes([0; 32]);
        assert_eq!(seal_to(&zero, b"", b"", b"x", &mut entropy), Err(SealError::BadRecipient));
        let key = AgreementKey::generate(&mut entropy);
        let long = vec![0; MAX_INFO + 1];
        let error = seal_to(&key.public(), &long, b"", b"x", &mut entropy).unwrap_err();
        assert_eq!(error, SealError::TooLong { length: MAX_INFO + 1, limit: MAX_INFO });
        // The same bound on the way back, for what someone else sealed without it.
        let to = PublicKey::from_bytes(key.public().bytes()).unwrap();
        let (encapped, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &to,
            &long,
            b"x",
            b"",
            &mut AsRng(&mut entropy),
        )
        .unwrap();
        let sealed = [encapped.to_bytes().as_slice(), &ciphertext].concat();
        assert!(open_from(&key, &long, b"", &sealed).is_err());
    }
}

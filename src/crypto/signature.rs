//! Ed25519 signatures, each made and verified for one purpose.
//!
//! `ed25519-dalek` signs; [`zip215`](crate::zip215) verifies.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::Signer as _;

use crate::{Domain, Entropy, KeyError, Secret, hex::hex_text, label::length_byte, zip215};

/// The bytes that are signed: `length(domain) ‖ domain ‖ message`.
fn signed(domain: Domain, message: &[u8]) -> Vec<u8> {
    let label = domain.bytes();
    [length_byte(label).as_slice(), label, message].concat()
}

/// A private Ed25519 key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::from_seed(Secret::draw(entropy))
    }

    /// The key of a seed (RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The seed, for key files only.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` for one purpose.
    #[must_use]
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.sign_bytes(&signed(domain, message))
    }

    /// Signs exactly these bytes: for standard vectors; everything else names its domain.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(<secret> of {})", self.public())
    }
}

/// A public Ed25519 key. Prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

hex_text!(PublicKey);

impl PublicKey {
    /// Takes the bytes unchecked. A key that is no point verifies nothing.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` was made by this key for this purpose over `message`, by ZIP-215.
    #[must_use]
    pub fn verify(&self, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        zip215::verify(&self.0, &signature.0, &signed(domain, message))
    }

    /// Whether the key may enter the registry. Verification alone would let weak keys through,
    /// under which one signature fits many messages.
    ///
    /// # Errors
    /// [`KeyError`] for bytes that are no point, a second spelling of one, or a point of small
    /// order or with a small-order part.
    pub fn check_registrable(&self) -> Result<(), KeyError> {
        let point = CompressedEdwardsY(self.0).decompress().ok_or(KeyError::NotAPoint)?;
        if point.compress().to_bytes() != self.0 {
            Err(KeyError::NotCanonical)
        } else if point.is_small_order() || !point.is_torsion_free() {
            Err(KeyError::Weak)
        } else {
            Ok(())
        }
    }
}

/// An Ed25519 signature. Prints as 128 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

hex_text!(Signature);

impl Signature {
    /// Takes the bytes unchecked.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_signature_holds_in_its_domain_only() {
        let mut entropy = SeededEntropy::new(1);
        let (key, other) = (SigningKey::generate(&mut entropy), SigningKey::generate(&mut entropy));
        for domain in Domain::ALL {
            let signature = key.sign(domain, b"message");
            for asked in Domain::ALL {
                assert_eq!(key.public().verify(asked, b"message", &signature), asked == domain);
            }
            assert!(!key.public().verify(domain, b"massage", &signature));
            assert!(!other.public().verify(domain, b"message", &signature));
        }
        assert_eq!(key.public().check_registrable(), Ok(()));
        assert!(!format!("{key:?}").contains(&crate::hex::encode(key.seed())));
    }

    #[test]
    fn weak_and_respelled_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey(identity).check_registrable(), Err(KeyError::Weak));

        let mut respelled_identity = identity;
        respelled_identity[31] = 0x80;
        assert_eq!(PublicKey(respelled_identity).check_registrable(), Err(KeyError::NotCanonical));

        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert_eq!(PublicKey(no_point).check_registrable(), Err(KeyError::NotAPoint));

        let key = SigningKey::generate(&mut SeededEntropy::new(1)).public();
        let point = CompressedEdwardsY(key.0).decompress().unwrap();
        let order_two = CompressedEdwardsY([
            0xEC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
        ]);
        let mixed = point + order_two.decompress().unwrap();
        assert_eq!(PublicKey(mixed.compress().to_bytes()).check_registrable(), Err(KeyError::Weak));
    }
}

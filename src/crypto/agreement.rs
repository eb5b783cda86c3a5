//! X25519 (RFC 7748): the keys that data keys are wrapped to.

use std::fmt;

use curve25519_dalek::MontgomeryPoint;

use crate::{Entropy, KeyError, Secret, hex::hex_text};

/// A private X25519 key.
pub struct AgreementKey {
    secret: Secret<32>,
    public: AgreementPublic,
}

impl AgreementKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::from_bytes(Secret::draw(entropy))
    }

    /// Takes any 32 bytes; they are clamped when used (RFC 7748 §5).
    #[must_use]
    pub fn from_bytes(secret: Secret<32>) -> Self {
        let public = AgreementPublic(MontgomeryPoint::mul_base_clamped(*secret.expose()).to_bytes());
        Self { secret, public }
    }

    /// The private bytes, for key files only.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        self.secret.expose()
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> AgreementPublic {
        self.public
    }
}

impl fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgreementKey(<secret> of {})", self.public)
    }
}

/// A public X25519 key. Prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgreementPublic([u8; 32]);

hex_text!(AgreementPublic);

impl AgreementPublic {
    /// Takes the bytes unchecked. What is sealed to an unusable key fails when it is sealed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the key may enter the registry.
    ///
    /// # Errors
    /// [`KeyError::NotCanonical`] for a coordinate of 2²⁵⁵ − 19 or more, [`KeyError::Weak`] for
    /// a point of low order, with which every agreement gives zero.
    pub fn check_registrable(&self) -> Result<(), KeyError> {
        let field_prime = [&[0xED], [0xFF; 30].as_slice(), &[0x7F]].concat();
        if self.0.iter().rev().ge(field_prime.iter().rev()) {
            return Err(KeyError::NotCanonical);
        }
        // Clamping makes every scalar a multiple of eight, which sends low order to zero.
        let agreed = MontgomeryPoint(self.0).mul_clamped([1; 32]).to_bytes();
        if agreed == [0; 32] { Err(KeyError::Weak) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn generated_keys_are_registrable_and_redacted() {
        let mut entropy = SeededEntropy::new(1);
        for _ in 0..32 {
            let key = AgreementKey::generate(&mut entropy);
            assert_eq!(key.public().check_registrable(), Ok(()));
            assert!(!format!("{key:?}").contains(&crate::hex::encode(key.bytes())));
        }
    }

    #[test]
    fn weak_and_respelled_keys_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for low_order in [[0; 32], one] {
            assert_eq!(AgreementPublic(low_order).check_registrable(), Err(KeyError::Weak));
        }
        let mut prime = [0xFF; 32];
        (prime[0], prime[31]) = (0xED, 0x7F);
        let mut high_bit = [9; 32];
        high_bit[31] = 0x80;
        for respelled in [prime, high_bit, [0xFF; 32]] {
            assert_eq!(AgreementPublic(respelled).check_registrable(), Err(KeyError::NotCanonical));
        }
        let mut below = prime;
        below[0] = 0xEB; // p − 2, of large order
        assert_eq!(AgreementPublic(below).check_registrable(), Ok(()));
    }
}

//! Containers for key material: wiped on drop, redacted in print, impossible to clone.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Entropy;

/// `N` secret bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes. A copy that the caller keeps is the caller's to wipe.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        Self::fill_with(|out| entropy.fill(out))
    }

    /// Copies a slice of exactly `N` bytes, else `None`.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Lets `write` fill the bytes in place, so that no second copy is made.
    pub(crate) fn fill_with(write: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self([0; N]);
        write(&mut secret.0);
        secret
    }

    /// The bytes. Do not copy them into anything that is not wiped.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Secret bytes of any length: plaintexts, passphrases, key file contents.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes without copying them.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes. Do not copy them into anything that is not wiped.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_is_redacted() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "<secret>");
        assert_eq!(format!("{:?}", SecretBytes::new(vec![7; 32])), "<secret>");
    }

    /// Dropping itself cannot be watched without `unsafe`; that drop wipes is the derive's word,
    /// which this bound holds it to, and the wipe itself is watched here.
    #[test]
    fn wiping_leaves_nothing() {
        fn wipes_on_drop<T: ZeroizeOnDrop>() {}
        wipes_on_drop::<Secret<32>>();
        wipes_on_drop::<SecretBytes>();

        let mut secret = Secret::new([7; 32]);
        secret.zeroize();
        assert_eq!(secret.expose(), &[0; 32]);

        let mut bytes = SecretBytes::new(vec![7; 32]);
        bytes.zeroize();
        assert!(bytes.expose().is_empty());
    }
}

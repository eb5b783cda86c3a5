//! SHA-256 (FIPS 180-4) as a value: what blocks, records and transactions are known by.

use sha2::{Digest as _, Sha256};

use crate::hex::hex_text;

/// A SHA-256 digest. Prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

hex_text!(Digest);

impl Digest {
    /// Thirty-two zero bytes: the parent of a first block, never a digest of anything known.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of the parts one after the other. Callers keep the parts unambiguous
    /// (fixed widths or lengths in front).
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Takes bytes that are known to be a digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight hexadecimal digits: for people, never for comparing.
    #[must_use]
    pub fn short(&self) -> String {
        crate::hex::encode(self.0.first_chunk::<4>().unwrap_or(&[0; 4]))
    }
}

/// A digest over bytes that come piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything that was taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_one_spelling() {
        let digest = Digest::of(b"abc");
        let text = digest.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(digest.short(), "ba7816bf");
        for refused in [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), format!(" {text}")] {
            assert!(refused.parse::<Digest>().is_err(), "{refused}");
        }
    }

    #[test]
    fn parts_are_the_whole() {
        assert_eq!(Digest::of_parts(&[b"a", b"", b"bc"]), Digest::of(b"abc"));
        let mut hasher = Hasher::default();
        [&b"a"[..], b"", b"bc"].iter().for_each(|part| hasher.update(part));
        assert_eq!(hasher.finish(), Digest::of(b"abc"));
    }
}

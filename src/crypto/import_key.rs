//! The key by which an importer names the records that it takes over.

use crate::{entropy::Entropy, kdf::keyed_name, label::Label, secret::Secret};

/// Draws the same temporary ID for the same thing at every run, so that an import that was broken off goes on with what
/// it began. Without the key the IDs look as random as any: nobody can tell what they were drawn for, nor which belong
/// together.
#[derive(Debug)]
pub struct ImportKey(Secret<32>);

impl ImportKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::draw(entropy))
    }

    /// Takes a kept key.
    #[must_use]
    pub const fn from_bytes(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The bytes, for keeping.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The ID of what these parts name together: the first 16 bytes of an HMAC-SHA-256 over the parts, each after its
    /// length (8 bytes, big-endian).
    #[must_use]
    pub fn id(&self, parts: &[&[u8]]) -> [u8; 16] {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let with_lengths: Vec<&[u8]> =
            lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]).collect();
        keyed_name(&self.0, Label::ImportedId, &with_lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_every_part_where_it_ends_and_on_the_key() {
        let (a, b) =
            (ImportKey::from_bytes(Secret::new([1; 32])), ImportKey::from_bytes(Secret::new([2; 32])));
        assert_eq!(a.id(&[b"patient", b"Encounter/1"]), a.id(&[b"patient", b"Encounter/1"]));
        assert_ne!(a.id(&[b"patient", b"Encounter/1"]), a.id(&[b"patient", b"Encounter/2"]));
        assert_ne!(a.id(&[b"patient", b"Encounter/1"]), a.id(&[b"patientE", b"ncounter/1"]));
        assert_ne!(a.id(&[b"patient", b"Encounter/1"]), b.id(&[b"patient", b"Encounter/1"]));
    }
}

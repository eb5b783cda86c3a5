//! Search tokens: what a node's index holds instead of the words they stand for.

use crate::{entropy::Entropy, kdf::keyed_name, label::Label, secret::Secret};

/// The key that turns search terms into tokens. Held by the branches of a side chain; without
/// it a token says only that two entries share a term.
#[derive(Debug)]
pub struct SearchKey(Secret<32>);

impl SearchKey {
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

    /// The token of a term: the first 16 bytes of an HMAC-SHA-256. Terms are compared byte for
    /// byte, so callers fold case and spelling first.
    #[must_use]
    pub fn token(&self, term: &str) -> [u8; 16] {
        keyed_name(&self.0, Label::Search, &[term.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_depend_on_term_and_key() {
        let (a, b) =
            (SearchKey::from_bytes(Secret::new([1; 32])), SearchKey::from_bytes(Secret::new([2; 32])));
        assert_eq!(a.token("name:mei"), a.token("name:mei"));
        assert_ne!(a.token("name:mei"), a.token("name:me"));
        assert_ne!(a.token("name:mei"), b.token("name:mei"));
        // Computed apart with Python's hmac.
        assert_eq!(crate::hex::encode(&a.token("name:mei")), "7ec489dab1be935428b9f834b45fefe8");
    }
}

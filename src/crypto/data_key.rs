//! The key of one version of one record.

use crate::{Entropy, Secret};

/// Thirty-two random bytes from which one envelope's keys are derived. Drawn afresh for every
/// version of every record, never derived from a passphrase or a patient.
#[derive(Debug)]
pub struct DataKey(Secret<32>);

impl DataKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::draw(entropy))
    }

    pub(crate) const fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    pub(crate) const fn secret(&self) -> &Secret<32> {
        &self.0
    }
}

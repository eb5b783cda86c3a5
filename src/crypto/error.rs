//! The errors of sealing, opening and registering keys. None of them carries data or key material.

use thiserror::Error;

/// Something sealed did not open.
///
/// Deliberately one value for every cause (damaged, truncated, of another key, of another
/// context): telling causes apart would give an attacker an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("cannot be opened: damaged, or not for this key")]
pub struct OpenError;

/// Something could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The plaintext is longer than the format carries.
    #[error("`{length}` bytes are too long to seal, the limit is `{limit}`")]
    TooLong {
        /// Bytes handed in.
        length: usize,
        /// Most bytes one seal takes.
        limit: usize,
    },
    /// One 3DES key would encrypt more blocks than its bound allows (SP 800-67r2, halved).
    #[error("`{blocks}` blocks under one 3DES key are above the limit of `{limit}`")]
    TooManyBlocks {
        /// Blocks asked for.
        blocks: usize,
        /// Most blocks one key may encrypt.
        limit: usize,
    },
    /// The input of the raw cipher is not a whole number of blocks.
    #[error("`{length}` bytes are not a whole number of 3DES blocks")]
    PartialBlock {
        /// Bytes handed in.
        length: usize,
    },
    /// No derivation counter gave a usable 3DES key.
    #[error("no usable 3DES key after `{tries}` derivations")]
    WeakKeys {
        /// Derivations tried.
        tries: u8,
    },
    /// The recipient's key has low order, so that anyone could open what is sealed to it.
    #[error("recipient key is not usable for key agreement")]
    BadRecipient,
    /// Shares were asked for too few or too many holders.
    #[error("`{holders}` share holders, at least `2` and at most `255` are needed")]
    BadHolderCount {
        /// Holders handed in.
        holders: usize,
    },
    /// One branch or one key would hold two shares, and so the whole key.
    #[error("a share holder is named twice")]
    RepeatedHolder,
}

/// A public key that must not enter the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The bytes are no point of the curve.
    #[error("not a public key")]
    NotAPoint,
    /// A second spelling of a key: the registry would hold one person twice.
    #[error("public key is not in its canonical encoding")]
    NotCanonical,
    /// A point of small order, or with a small-order part.
    #[error("public key is weak")]
    Weak,
}

//! 3DES-EDE3-CBC (SP 800-67r2, SP 800-38A): key checks and the bound of one key.
//!
//! It authenticates nothing and pads nothing; `segment` puts the MAC in front and hands in
//! whole blocks, so that there is no padding for an oracle to ask about.
//!
//! The cipher's tables are indexed by secret bytes. Behind a MAC that is no matter to an attacker
//! on the network; it can be to another tenant of the same processor.

use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use des::TdesEde3;

use crate::{OpenError, SealError, Secret};

/// Bytes in a block.
pub(crate) const BLOCK: usize = 8;

/// Blocks that one key may encrypt: half of SP 800-67r2's bound. With 64-bit blocks, ciphertext
/// collisions begin to leak plaintext long before the key itself is in danger.
pub(crate) const MAX_BLOCKS: usize = 1 << 19;

/// Derivations tried before giving up. One is refused with a probability of about 2⁻⁴⁸.
pub(crate) const MAX_TRIES: u8 = 8;

/// A key bundle that passed the checks: three parts that differ in more than parity, none of
/// them weak or semi-weak. Its bytes have odd parity.
#[derive(Debug)]
pub(crate) struct TripleDesKey(Secret<24>);

impl TripleDesKey {
    /// Checks a bundle. `None` when it would be weaker than three-key 3DES.
    ///
    /// DES ignores the lowest bit of each key byte, so that two parts may look different and be
    /// the same key; parity is set before anything is compared.
    pub(crate) fn accept(bundle: &Secret<24>) -> Option<Self> {
        let key = Secret::fill_with(|out: &mut [u8; 24]| {
            for (out, byte) in out.iter_mut().zip(bundle.expose()) {
                let significant = byte & 0xFE;
                *out = significant | u8::from(significant.count_ones() % 2 == 0);
            }
        });
        // With parity set, the crate's byte comparison compares the 56 key bits: its weak-key
        // table and all three pairs.
        des::weak_key_test(key.expose()).ok().map(|()| Self(key))
    }

    /// Derives until a bundle passes. `derivation` is given the counter, which starts at zero.
    pub(crate) fn derive(derivation: impl Fn(u8) -> Secret<24>) -> Result<Self, SealError> {
        (0..MAX_TRIES)
            .find_map(|counter| Self::accept(&derivation(counter)))
            .ok_or(SealError::WeakKeys { tries: MAX_TRIES })
    }

    /// Encrypts whole blocks in place.
    ///
    /// # Errors
    /// Refuses a partial block, and more blocks than one key may encrypt.
    pub(crate) fn encrypt(&self, iv: &[u8; BLOCK], data: &mut [u8]) -> Result<(), SealError> {
        if data.len() > MAX_BLOCKS * BLOCK {
            return Err(SealError::TooManyBlocks { blocks: data.len().div_ceil(BLOCK), limit: MAX_BLOCKS });
        }
        encrypt_unchecked(self.0.expose(), iv, data)
    }

    /// Decrypts whole blocks in place. Call it only on authenticated bytes.
    ///
    /// # Errors
    /// Refuses a partial block.
    pub(crate) fn decrypt(&self, iv: &[u8; BLOCK], data: &mut [u8]) -> Result<(), OpenError> {
        decrypt_unchecked(self.0.expose(), iv, data)
    }
}

/// The cipher beneath the checks: most of NIST's vectors use one key three times.
fn encrypt_unchecked(key: &[u8; 24], iv: &[u8; BLOCK], data: &mut [u8]) -> Result<(), SealError> {
    let length = data.len();
    cbc::Encryptor::<TdesEde3>::new(key.into(), iv.into())
        .encrypt_padded::<NoPadding>(data, length)
        .map(|_| ())
        .map_err(|_| SealError::PartialBlock { length })
}

fn decrypt_unchecked(key: &[u8; 24], iv: &[u8; BLOCK], data: &mut [u8]) -> Result<(), OpenError> {
    cbc::Decryptor::<TdesEde3>::new(key.into(), iv.into())
        .decrypt_padded::<NoPadding>(data)
        .map(|_| ())
        .map_err(|_| OpenError)
}

#[cfg(test)]
pub(crate) mod tests;

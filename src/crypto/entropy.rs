//! Where randomness comes from. Nothing else in the house's pure rooms may ask for any.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Infallible, Rng, SeedableRng, TryCryptoRng, TryRng},
};

/// A source of unpredictable bytes.
pub trait Entropy: Send {
    /// Overwrites all of `out`.
    fn fill(&mut self, out: &mut [u8]);
}

/// `N` fresh bytes. For identifiers and salts; secrets go through [`Secret::draw`](crate::Secret::draw).
pub fn array<const N: usize>(entropy: &mut dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Panics when the system gives no randomness: no key made without it may ever be used.
    #[expect(clippy::panic, reason = "going on without randomness would make guessable keys")]
    fn fill(&mut self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// ChaCha20 from a number: the same bytes every time, for tests and simulations only.
pub struct SeededEntropy(ChaCha20Rng);

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        if let Some(head) = key.first_chunk_mut() {
            *head = seed.to_be_bytes();
        }
        Self(ChaCha20Rng::from_seed(key))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

/// Lends an [`Entropy`] to libraries that ask for a `rand_core` generator.
pub(crate) struct AsRng<'a>(pub(crate) &'a mut dyn Entropy);

impl TryRng for AsRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(array(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(array(self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for AsRng<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_repeats_and_seeds_differ() {
        let draw = |seed| array::<48>(&mut SeededEntropy::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1), draw(1 << 32 | 1));
    }

    #[test]
    fn the_system_fills_everything() {
        let (a, b) = (array::<64>(&mut OsEntropy), array::<64>(&mut OsEntropy));
        assert_ne!(a, b);
        assert_ne!(a[32..], [0; 32]);
    }
}

//! Shamir's secret sharing of a data key, any two shares of which give it back.
//!
//! The arithmetic is the crate `blahaj`'s: GF(2⁸) with the polynomial 0x11D, one line per key
//! byte, coefficients uniform over the whole field. Its shares are wiped on drop. Two limits of
//! it: the lines themselves are freed unwiped, and its tables are indexed by secret bytes. Both
//! concern only a console, where the data key is in memory anyway.

use blahaj::Sharks;
use zeroize::Zeroizing;

use crate::{
    data_key::DataKey,
    entropy::{AsRng, Entropy},
    error::{OpenError, SealError},
    secret::Secret,
};

/// Shares that are needed to get the key back.
const THRESHOLD: u8 = 2;

/// One point of the lines, numbered from 1. A single one says nothing about the key.
#[derive(Debug)]
pub struct Share {
    pub(crate) number: u8,
    pub(crate) value: Secret<32>,
}

/// Splits `key` into `count` shares, numbered from 1.
///
/// # Errors
/// [`SealError::BadHolderCount`] unless there are 2 to 255.
pub(crate) fn split(key: &DataKey, count: usize, entropy: &mut dyn Entropy) -> Result<Vec<Share>, SealError> {
    let refused = SealError::BadHolderCount { holders: count };
    if !(usize::from(THRESHOLD)..=255).contains(&count) {
        return Err(refused);
    }
    Sharks(THRESHOLD)
        .dealer_rng(key.secret().expose(), &mut AsRng(entropy))
        .take(count)
        .map(|share| Share::from_point(&Zeroizing::new(Vec::from(&share))).ok_or(refused))
        .collect()
}

/// Gets the key back from two or more shares of one splitting.
///
/// # Errors
/// [`OpenError`] for too few, for a repeated number, or when the shares do not all lie on the
/// same lines. Two false shares cannot be told from true ones here: the envelope's commitment
/// tells.
pub(crate) fn join(shares: &[Share]) -> Result<DataKey, OpenError> {
    let (first, others) = shares.split_first().ok_or(OpenError)?;
    let mut numbers: Vec<u8> = shares.iter().map(|share| share.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() != shares.len() {
        return Err(OpenError);
    }
    let mut key: Option<Secret<32>> = None;
    for other in others {
        let points = [first.point()?, other.point()?];
        let joined = Zeroizing::new(Sharks(THRESHOLD).recover(&points).map_err(|_| OpenError)?);
        let joined = Secret::from_slice(&joined).ok_or(OpenError)?;
        if key.as_ref().is_some_and(|key| key.expose() != joined.expose()) {
            return Err(OpenError);
        }
        key = Some(joined);
    }
    key.map(DataKey::new).ok_or(OpenError)
}

impl Share {
    /// `number ‖ value`, refusing the number 0, at which the key itself would lie.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let (&number, value) = point.split_first()?;
        (number != 0).then_some(())?;
        Some(Self { number, value: Secret::from_slice(value)? })
    }

    fn point(&self) -> Result<blahaj::Share, OpenError> {
        let bytes = Zeroizing::new([[self.number].as_slice(), self.value.expose()].concat());
        blahaj::Share::try_from(bytes.as_slice()).map_err(|_| OpenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    fn pick(from: &[Share], numbers: &[usize]) -> Vec<Share> {
        numbers
            .iter()
            .map(|&at| Share { number: from[at].number, value: Secret::new(*from[at].value.expose()) })
            .collect()
    }

    #[test]
    fn any_two_give_the_key_back() {
        let mut entropy = SeededEntropy::new(1);
        for count in [2, 3, 5, 255] {
            let key = DataKey::generate(&mut entropy);
            let shares = split(&key, count, &mut entropy).unwrap();
            assert_eq!(
                shares.iter().map(|s| s.number).collect::<Vec<_>>(),
                (1..=255).take(count).collect::<Vec<u8>>()
            );
            for a in 0..count.min(5) {
                for b in (0..count).filter(|&b| b != a) {
                    let joined = join(&pick(&shares, &[a, b])).unwrap();
                    assert_eq!(joined.secret().expose(), key.secret().expose());
                }
            }
            assert_eq!(join(&shares).unwrap().secret().expose(), key.secret().expose());
        }
    }

    #[test]
    fn too_few_repeated_or_disagreeing_shares_are_refused() {
        let mut entropy = SeededEntropy::new(1);
        let key = DataKey::generate(&mut entropy);
        let shares = split(&key, 4, &mut entropy).unwrap();
        for numbers in [&[][..], &[0], &[1, 1], &[0, 1, 1]] {
            assert!(join(&pick(&shares, numbers)).is_err(), "{numbers:?}");
        }
        let others = split(&key, 4, &mut entropy).unwrap();
        let mut mixed = pick(&shares, &[0, 1]);
        mixed.extend(pick(&others, &[2]));
        assert!(join(&mixed).is_err());
        assert!(Share::from_point(&[0; 33]).is_none());
        assert!(Share::from_point(&[1; 32]).is_none());
        for count in [0, 1, 256] {
            assert_eq!(
                split(&key, count, &mut entropy).unwrap_err(),
                SealError::BadHolderCount { holders: count }
            );
        }
    }

    /// One share must not lean towards any value, whatever the key: over many splittings of one
    /// key every byte value of a share comes up about equally often (chi-squared, 255 degrees of
    /// freedom: above 400 with a chance below one in ten million).
    #[test]
    fn one_share_says_nothing() {
        let mut entropy = SeededEntropy::new(7);
        let key = DataKey::new(Secret::new([0; 32]));
        let mut seen = [0u32; 256];
        for _ in 0..4096 {
            for &byte in split(&key, 2, &mut entropy).unwrap()[0].value.expose() {
                seen[usize::from(byte)] += 1;
            }
        }
        let expected = 4096 * 32 / 256;
        let squares: u32 = seen.iter().map(|&n| n.abs_diff(expected).pow(2)).sum();
        assert!(squares / expected < 400, "{}", squares / expected);
    }
}

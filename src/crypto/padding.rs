//! Padding to buckets, so that the size of an envelope says little about its content.

use crate::{error::SealError, reader::Reader, secret::SecretBytes, triple_des::BLOCK};

/// Bytes of the true length, in front of the plaintext.
const LENGTH: usize = 4;

/// The buckets below the geometric ladder, and its first rung.
const SMALL: [usize; 5] = [512, 1 << 10, 2 << 10, 4 << 10, 16 << 10];
const FIRST_RUNG: usize = 64 << 10;

/// The grain of the ladder: each rung is a multiple of it.
const GRAIN: usize = 512;

/// The largest bucket: the last rung whose envelope stays within `MAX_ENVELOPE`.
pub(crate) const MAX_PADDED: usize = largest_rung(33 * (1 << 20) - 8192);

/// The longest plaintext of an envelope, in bytes.
pub const MAX_PLAIN: usize = MAX_PADDED - LENGTH;

const _: () = assert!(GRAIN.is_multiple_of(BLOCK), "every bucket is whole 3DES blocks");

/// The next rung of the ladder: a quarter more, rounded up to the grain.
const fn next_rung(bucket: usize) -> usize {
    (bucket + bucket / 4).next_multiple_of(GRAIN)
}

const fn largest_rung(limit: usize) -> usize {
    let mut rung = FIRST_RUNG;
    while next_rung(rung) <= limit {
        rung = next_rung(rung);
    }
    rung
}

/// The smallest bucket that holds `needed` bytes.
fn bucket(needed: usize) -> Option<usize> {
    let ladder = std::iter::successors(Some(FIRST_RUNG), |&rung| Some(next_rung(rung)));
    SMALL.into_iter().chain(ladder).take_while(|&rung| rung <= MAX_PADDED).find(|&rung| rung >= needed)
}

/// Whether an envelope may hold this many padded bytes.
pub(crate) fn is_bucket(padded: usize) -> bool {
    bucket(padded) == Some(padded)
}

/// `length ‖ plain ‖ zeros`, up to the bucket.
pub(crate) fn pad(plain: &[u8]) -> Result<SecretBytes, SealError> {
    let too_long = SealError::TooLong { length: plain.len(), limit: MAX_PLAIN };
    let length = u32::try_from(plain.len()).map_err(|_| too_long)?;
    let size = bucket(LENGTH + plain.len()).ok_or(too_long)?;
    // At its full size from the start: growing would leave copies behind.
    let mut padded = Vec::with_capacity(size);
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(plain);
    padded.resize(size, 0);
    Ok(SecretBytes::new(padded))
}

/// The plaintext of a bucket. `None` unless this is exactly how [`pad`] writes it.
pub(crate) fn unpad(padded: &[u8]) -> Option<SecretBytes> {
    let mut reader = Reader::new(padded);
    let length = usize::try_from(reader.u32()?).ok()?;
    let plain = reader.take(length)?;
    let zeros = reader.rest().iter().all(|&byte| byte == 0);
    let smallest = bucket(LENGTH + length)? == padded.len();
    (zeros && smallest).then(|| SecretBytes::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_those_of_the_format() {
        let rungs: Vec<usize> = std::iter::successors(bucket(0), |&rung| bucket(rung + 1)).collect();
        assert_eq!(rungs[..9], [512, 1024, 2048, 4096, 16_384, 65_536, 81_920, 102_400, 128_000]);
        assert_eq!(rungs[9..12], [160_256, 200_704, 250_880]);
        assert_eq!(rungs.last(), Some(&MAX_PADDED));
        assert!(rungs.iter().all(|rung| rung % GRAIN == 0));
        assert_eq!(MAX_PADDED, 34_118_656);
    }

    #[test]
    fn the_longest_plaintext_fits_and_one_more_does_not() {
        assert_eq!(pad(&vec![1; MAX_PLAIN]).unwrap().expose().len(), MAX_PADDED);
        assert_eq!(
            pad(&vec![1; MAX_PLAIN + 1]).unwrap_err(),
            SealError::TooLong { length: MAX_PLAIN + 1, limit: MAX_PLAIN }
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = pad(b"abc").unwrap().expose().to_vec();
        assert_eq!(unpad(&good).unwrap().expose(), b"abc");
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            unpad(&bad)
        };
        assert!(with(511, 1).is_none(), "padding that is not zero");
        assert!(with(3, 2).is_none(), "a shorter length leaves a byte in the padding");
        assert!(with(2, 2).is_none(), "a length past the end");
        assert!(unpad(&[good.as_slice(), &[0; 512]].concat()).is_none(), "a larger bucket than needed");
        assert!(unpad(&good[..511]).is_none());
        assert!(unpad(&[]).is_none());
    }

    proptest! {
        #[test]
        fn round_trip(plain in proptest::collection::vec(any::<u8>(), 0..6000)) {
            let padded = pad(&plain).unwrap();
            prop_assert!(is_bucket(padded.expose().len()));
            let back = unpad(padded.expose()).unwrap();
            prop_assert_eq!(back.expose(), &plain[..]);
        }
    }
}

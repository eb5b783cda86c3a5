//! Exact decimals for money and laboratory limits: no binary fractions, the written precision kept.
//!
//! It must not know currencies.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{cmp::Ordering, fmt, str::FromStr};

/// Most digits after the point.
const MAX_SCALE: u8 = 18;
/// Most digits before the point.
const MAX_WHOLE: usize = 18;

/// An exact decimal number: up to 18 digits before the point and 18 after it.
///
/// Equality is of the spelling: `1.50` and `1.5` differ. [`Decimal::compare`] compares the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// The number times ten to the power of `scale`.
    units: i128,
    scale: u8,
}

/// Text that is no decimal. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number like 12.50, with a point and without spaces")]
pub struct DecimalError;

impl Decimal {
    /// Zero, with no digits after the point.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    /// `units` of the smallest coin where ten to the power of `scale` of them are one: `(1250, 2)` is 12.50.
    ///
    /// # Errors
    /// When it has more than 18 digits before the point or after it.
    pub fn new(units: i64, scale: u8) -> Result<Self, DecimalError> {
        Self { units: i128::from(units), scale }.within_limits().ok_or(DecimalError)
    }

    /// How many digits are written after the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// The exact sum, with the larger scale of the two; nothing when it has too many digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.units_at(scale)?.checked_add(other.units_at(scale)?)?;
        Self { units, scale }.within_limits()
    }

    /// The exact sum of all; zero of none, nothing when it has too many digits.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// Compares the values: `1.50` is equal to `1.5`.
    pub fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        // Within the limits both fit: 18 + 18 digits are below i128's 38.
        self.units_at(scale).cmp(&other.units_at(scale))
    }

    fn units_at(self, scale: u8) -> Option<i128> {
        let more = u32::from(scale.checked_sub(self.scale)?);
        self.units.checked_mul(10_i128.checked_pow(more)?)
    }

    fn within_limits(self) -> Option<Self> {
        let one = 10_i128.checked_pow(u32::from(self.scale))?;
        let whole = self.units.unsigned_abs() / one.unsigned_abs();
        (self.scale <= MAX_SCALE && whole < 10_u128.pow(MAX_WHOLE as u32)).then_some(self)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// One spelling for each number and precision: no plus sign, no leading zeros, no bare point, no `-0`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(DecimalError),
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let well_formed =
            all_digits(whole) && all_digits(fraction) && (whole == "0" || !whole.starts_with('0'));
        if whole.is_empty()
            || whole.len() > MAX_WHOLE
            || fraction.len() > usize::from(MAX_SCALE)
            || !well_formed
        {
            return Err(DecimalError);
        }
        let units: i128 = format!("{whole}{fraction}").parse().map_err(|_| DecimalError)?;
        let scale = u8::try_from(fraction.len()).map_err(|_| DecimalError)?;
        match (negative, units) {
            (true, 0) => Err(DecimalError),
            (true, units) => Ok(Self { units: -units, scale }),
            (false, units) => Ok(Self { units, scale }),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let one = 10_u128.pow(u32::from(self.scale));
        let (whole, fraction) = (self.units.unsigned_abs() / one, self.units.unsigned_abs() % one);
        match usize::from(self.scale) {
            0 => f.pad(&format!("{sign}{whole}")),
            width => f.pad(&format!("{sign}{whole}.{fraction:0width$}")),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn each_number_has_one_spelling_at_each_precision() {
        for good in ["0", "7", "-7", "12.50", "-0.01", "0.000001", "999999999999999999.999999999999999999"] {
            assert_eq!(decimal(good).to_string(), good);
        }
        for bad in [
            "",
            "-",
            ".5",
            "5.",
            "05",
            "+5",
            "-0",
            "-0.00",
            "1,50",
            "1 000",
            "1e3",
            "0.0000000000000000001",
            "1000000000000000000",
            "１",
        ] {
            assert_eq!(bad.parse::<Decimal>(), Err(DecimalError), "{bad}");
        }
    }

    #[test]
    fn sums_are_exact_where_binary_fractions_are_not() {
        let sum = Decimal::sum(["0.10", "0.20", "0.3"].map(decimal)).unwrap();
        assert_eq!(sum.to_string(), "0.60");
        assert_eq!(sum.compare(decimal("0.6")), Ordering::Equal);
        assert_ne!(sum, decimal("0.6"));
        assert_eq!(Decimal::sum([]), Some(Decimal::ZERO));
        assert_eq!(decimal("999999999999999999").plus(decimal("1")), None);
        assert_eq!(decimal("-3.5").compare(decimal("2")), Ordering::Less);
    }

    #[test]
    fn smallest_coins_become_decimals() {
        assert_eq!(Decimal::new(1250, 2).unwrap().to_string(), "12.50");
        assert_eq!(Decimal::new(-5, 2).unwrap().to_string(), "-0.05");
        assert_eq!(Decimal::new(3400, 0).unwrap().to_string(), "3400");
        assert!(Decimal::new(1, 19).is_err());
        assert!(Decimal::new(1, 200).is_err());
        assert!(Decimal::new(i64::MAX, 0).is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(units in -1_000_000_000_000_000_i64..1_000_000_000_000_000, scale in 0_u8..=6) {
            if let Ok(number) = Decimal::new(units, scale) {
                prop_assert_eq!(number.to_string().parse(), Ok(number));
            }
        }
    }
}

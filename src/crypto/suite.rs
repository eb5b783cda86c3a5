//! The cipher suites of the envelope.

/// How a segment is sealed. Which suites may be written is the network's decision; all stay
/// readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// 3DES-EDE3-CBC, then HMAC-SHA-256. NIST disallowed 3DES for new data after 2023.
    TripleDes = 1,
    /// AES-256-GCM-SIV (RFC 8452).
    AesGcmSiv = 2,
    /// All of suite 1, sealed again by suite 2 under an independent key: safe while either is.
    #[default]
    Cascade = 3,
}

impl Suite {
    /// Every suite, by code.
    pub const ALL: [Self; 3] = [Self::TripleDes, Self::AesGcmSiv, Self::Cascade];

    /// The permanent number of the suite.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The suite of a number, `None` for numbers that have no suite.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::TripleDes),
            2 => Some(Self::AesGcmSiv),
            3 => Some(Self::Cascade),
            _ => None,
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TripleDes => "3DES-EDE3-CBC + HMAC-SHA-256",
            Self::AesGcmSiv => "AES-256-GCM-SIV",
            Self::Cascade => "3DES-EDE3-CBC + HMAC-SHA-256 in AES-256-GCM-SIV",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_permanent() {
        assert_eq!(Suite::ALL.map(Suite::code), [1, 2, 3]);
        for code in 0..=255 {
            assert_eq!(Suite::from_code(code).map(Suite::code), (1..=3).contains(&code).then_some(code));
        }
        assert_eq!(Suite::default(), Suite::Cascade);
    }
}

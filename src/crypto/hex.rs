//! Lower-case hexadecimal for fixed-size values: one spelling out, the same one in.

use data_encoding::HEXLOWER;
use thiserror::Error;

/// The text is not the lower-case hexadecimal form of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `{expected}` lower-case hexadecimal digits")]
pub struct HexError {
    /// Digits that the value has.
    pub expected: usize,
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let refused = HexError { expected: 2 * N };
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| refused)?;
    bytes.try_into().map_err(|_| refused)
}

/// Text forms of a public 32-byte newtype: `Display`, `Debug` and `FromStr`, all lower-case hex.
macro_rules! hex_text {
    ($type:ident) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&crate::hex::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::hex::HexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::hex::decode(text).map(Self)
            }
        }
    };
}
pub(crate) use hex_text;

//! Names of things on the chains. All are random and mean nothing, except a branch's small number.

use crate::codec::{Canonical, DecodeError, Reader, Writer, canonical_bytes, canonical_code};
use wardline_crypto::{Digest, Entropy};

/// A network's name for itself: the digest of its genesis' canonical bytes.
pub type NetworkId = Digest;

/// A transaction's name: SHA-256 of its canonical bytes.
pub type TxId = Digest;

/// Text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct BadId;

macro_rules! random_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A fresh random id.
            pub fn draw(entropy: &mut dyn Entropy) -> Self {
                Self(wardline_crypto::array(entropy))
            }

            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's bytes.
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The first eight digits, for people.
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_hex(text).map(Self)
            }
        }

        canonical_bytes! { $name, "id"; }
    )+};
}

random_id! {
    /// A record's temporary ID: drawn for it, used once, public on the main chain.
    RecordId;
    /// A patient on the side chain. Never on the main chain.
    PatientId;
    /// A member of staff.
    StaffId;
    /// One lookup.
    LookupId;
}

fn parse_hex(text: &str) -> Result<[u8; 16], BadId> {
    // Checked first because `from_str_radix` takes a sign.
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(BadId);
    }
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| BadId)
}

/// A participant of the network: a branch or a research institute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u16);

impl std::fmt::Display for BranchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Canonical for BranchId {
    fn write(&self, w: &mut Writer) {
        w.u16(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u16("branch").map(Self)
    }
}

/// One of the network's two ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Every participant: records without patients.
    Main = 1,
    /// Trusted branches only: patients and their links.
    Side = 2,
}

impl Chain {
    /// Both chains, main first.
    pub const ALL: [Self; 2] = [Self::Main, Self::Side];

    /// The permanent number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The chain with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Main),
            2 => Some(Self::Side),
            _ => None,
        }
    }

    /// The permanent name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Side => "side",
        }
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

canonical_code! { Chain, "chain"; }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        let id: RecordId = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(id.short(), "00010203");
        for bad in [
            "",
            "00",
            "+00102030405060708090a0b0c0d0e0f",
            "000102030405060708090A0B0C0D0E0F",
            "é00102030405060708090a0b0c0d0e0",
        ] {
            assert_eq!(bad.parse::<RecordId>(), Err(BadId), "{bad}");
        }
    }
}

//! Closed lists: enums whose codes and names are permanent because chains, files and people hold them.
//!
//! It must not know what any of the lists means.

/// A name that the closed list does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {what}; use one of {known}")]
pub struct UnknownName {
    /// What was looked for: "role", "purpose", …
    pub what: &'static str,
    /// The name as given.
    pub name: String,
    /// All names of the list, comma-separated.
    pub known: String,
}

/// Declares a closed list with permanent codes and permanent lower-case names (words joined by hyphens).
///
/// Gives `ALL`, `code`, `from_code`, `name`, `words`, `Display`, `FromStr` and serde by name.
macro_rules! closed_list {
    ($(#[$doc:meta])* $what:literal $type:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $type { $($(#[$item_doc])* $item = $code,)+ }

        impl $type {
            /// The whole list in the order of its codes.
            pub const ALL: &'static [$type] = &[$($type::$item),+];

            /// The permanent number: what canonical bytes hold.
            pub const fn code(self) -> u8 { self as u8 }

            /// The item with this number, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$item),)+ _ => None }
            }

            /// The permanent name: what files, commands and JSON hold.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $name,)+ }
            }

            /// The name as running text, with spaces for hyphens.
            pub fn words(self) -> String { self.name().replace('-', " ") }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.name()) }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|item| item.name() == name).ok_or_else(|| $crate::UnknownName {
                    what: $what,
                    name: name.to_owned(),
                    known: Self::ALL.iter().map(|item| item.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.name()) }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use closed_list;

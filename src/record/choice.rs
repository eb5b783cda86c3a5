//! Fields whose values come from a short closed list, and fields that may be left out.
//!
//! It must not know any of the lists.

use crate::{Decimal, Text};

/// A word that the list does not have. Does not repeat the word: it could be a patient's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("choose one of: {known}")]
pub struct UnknownChoice {
    /// The words of the list, comma-separated.
    pub known: &'static str,
}

/// Declares an enum with a permanent word for each value: `ALL`, `name`, `words`, `Display`, `FromStr`, serde by word.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($(#[$item_doc:meta])* $item:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$item_doc])* #[serde(rename = $name)] $item,)+ }

        impl $type {
            /// All choices in the order in which a form offers them.
            pub const ALL: &'static [$type] = &[$($type::$item),+];

            /// The permanent word in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $name,)+ }
            }

            /// The word as running text, with spaces for hyphens.
            pub fn words(self) -> String { self.name().replace('-', " ") }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(&self.words()) }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownChoice;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let known = concat!($($name, ", "),+);
                Self::ALL.iter().copied().find(|item| item.name() == name)
                    .ok_or($crate::UnknownChoice { known: known.trim_end_matches(", ") })
            }
        }
    };
}
pub(crate) use choice;

/// Declares a struct for JSON: fields in the order given, unknown fields refused, empty ones left out.
macro_rules! fields {
    ($(#[$doc:meta])* $type:ident { $($(#[$field_doc:meta])* $field:ident: $of:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $type {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "crate::choice::Absent::is_absent")] pub $field: $of,)+
        }
    };
}
pub(crate) use fields;

/// Whether a field has nothing to write. There is one spelling for nothing: the field is left out.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl Absent for Text {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Absent for bool {
    fn is_absent(&self) -> bool {
        !self
    }
}

impl Absent for Decimal {
    /// An amount is always written, zero too.
    fn is_absent(&self) -> bool {
        false
    }
}

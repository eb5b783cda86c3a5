//! Text as people write it, in one spelling: Unicode NFC, no spaces around it, `\n` between lines.
//!
//! It must not know how long a field may be or whether it may have several lines: `check` does.

use serde::{Deserialize, Deserializer, Serialize};
use std::{fmt, ops::Deref};
use unicode_normalization::UnicodeNormalization;

/// Normalised text. Empty text and an absent field are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let composed: String = text.replace("\r\n", "\n").nfc().collect();
        Self(composed.trim().to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    /// Normalises: a spelling that is not the canonical one then differs when it is written again.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self::from)
    }
}

//! Where a record was taken over from, and what came with it.
//!
//! It must not know any interchange format: whoever reads one fills this in.

use crate::{
    Text,
    check::{Checker, limits},
    choice::{Absent, fields},
};
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

fields! {
    /// The place that a record was taken over from.
    Source {
        /// The format: "FHIR R4". Required.
        system: Text,
        /// Whom it is about, as its source names the patient: "Patient/3c1a". Ids are one system's own: with this they are
        /// told apart from those of another system.
        subject: Text,
        /// What the record was made from, as its source names it: "Encounter/7b2f". The leading one first, one at least.
        ids: Vec<Text>,
        /// How the source says that it stands: "finished", "entered-in-error".
        status: Text,
        /// The visit that it belongs to, as its source names it: "Encounter/7b2f".
        visit: Text,
    }
}

impl Source {
    /// What is checked of it: it must say from where.
    pub(crate) fn check(&self, c: &mut Checker) {
        c.required("system", &self.system, limits::NAME);
        c.must(!self.ids.is_empty(), "ids", "name at least one thing that the record was made from");
    }

    /// The leading id's part after its type: "7b2f" of "Encounter/7b2f"; empty when there is none.
    pub fn leading_id(&self) -> &str {
        let leading = self.ids.first().map_or("", Text::as_str);
        leading.split_once('/').map_or(leading, |(_, id)| id)
    }

    /// Whether the source has taken it back.
    pub fn is_withdrawn(&self) -> bool {
        self.status.as_str() == "entered-in-error"
    }
}

fields! {
    /// A document that came with a record.
    Attachment {
        /// What it is.
        title: Text,
        /// Its media type (RFC 6838): "text/plain", "application/pdf".
        content_type: Text,
        /// The document.
        data: Bytes,
    }
}

impl Attachment {
    /// "Discharge letter, application/pdf, 20480 bytes".
    pub(crate) fn words(&self) -> String {
        let size = format!("{} bytes", self.data.as_slice().len());
        crate::lines::join(", ", &[&self.title, &self.content_type, &size])
    }

    /// The document as text, where it is plain text in UTF-8.
    pub fn text(&self) -> Option<&str> {
        let plain = self.content_type.starts_with("text/plain");
        plain.then(|| std::str::from_utf8(self.data.as_slice()).ok()).flatten()
    }
}

/// Bytes of a document; base64 (RFC 4648 §4, with padding) in JSON.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Bytes from base64, white space ignored; nothing when it is none.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let decoded = if bytes.iter().any(u8::is_ascii_whitespace) {
            let packed: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(&packed)
        } else {
            BASE64.decode(bytes)
        };
        decoded.ok().map(Self)
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

impl Absent for Bytes {
    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(|_| de::Error::custom("not base64"))
    }
}

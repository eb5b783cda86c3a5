//! Where a record was taken over from, and what came with it.
//!
//! It must not know any interchange format: whoever reads one fills this in.

use crate::{
    Text,
    check::{Checker, limits},
    choice::{Absent, fields},
    page::{Mark, Page},
    words::{count, first_of, join},
};
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

fields! {
    /// The place that a record was taken over from.
    Source {
        /// The format: "FHIR R4". Required.
        system: Text,
        /// The server that it came from, where its source says: "https://a.example/fhir". Ids are one server's own: two
        /// servers may both have a "Patient/1".
        server: Text,
        /// Whom it is about, as its source names the patient: "Patient/3c1a".
        subject: Text,
        /// What the record was made from, as its source names it: "Encounter/7b2f". The leading one first, one at least.
        ids: Vec<Text>,
        /// How the source says that it stands: "finished", "entered-in-error".
        status: Text,
        /// The visit that it belongs to, as its source names it: "Encounter/7b2f".
        visit: Text,
    }
}

/// Said before everything else of what its source took back.
pub(crate) const WITHDRAWN: &str =
    "WITHDRAWN: its source says that this was entered in error. Do not act on it.";

/// Ids of the source that a page shows; a panel can be made from hundreds.
const IDS_SHOWN: usize = 6;

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

    /// What nobody may overlook: that the source took it back, that it has not come to be, or that it counts no more.
    /// Empty where the status says nothing of the kind: "finished", "active". The words are those of FHIR R4.
    pub(crate) fn standing(&self) -> &'static str {
        match self.status.as_str() {
            "entered-in-error" => "WITHDRAWN",
            "not-done" => "NOT DONE",
            "not-taken" => "NOT TAKEN",
            "stopped" => "STOPPED",
            "cancelled" => "CANCELLED",
            "planned" => "PLANNED",
            "intended" => "INTENDED",
            "on-hold" => "ON HOLD",
            "draft" => "DRAFT",
            "preparation" => "PREPARATION",
            "partial" => "PARTIAL",
            "revoked" => "REVOKED",
            "aborted" => "ABORTED",
            "abandoned" => "ABANDONED",
            _ => "",
        }
    }

    /// Says it before everything else.
    pub(crate) fn state(&self, page: &mut Page) {
        match self.standing() {
            "" => {}
            _ if self.is_withdrawn() => page.state(Mark::Alarm, WITHDRAWN),
            standing => {
                page.state(Mark::Warning, format!("{standing}: that is how it stands at its source."));
            }
        }
    }

    /// From where it was taken over.
    pub(crate) fn page(&self, page: &mut Page) {
        page.section("");
        page.field("Status at source", &self.status);
        page.field("Server", &self.server);
        page.field("Patient there", &self.subject);
        page.field("Part of visit", &self.visit);
        page.field("Taken over from", join("\n", &[&self.system, &first_of(&self.ids, IDS_SHOWN)]));
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
    /// The document on the record's page: what it is, and its beginning where it is plain text. `number` counts from 1.
    pub(crate) fn page(&self, number: usize, digest: String, page: &mut Page) {
        let title = if self.title.is_empty() { "without a title" } else { &self.title };
        page.section(format!("Document {number}: {title}"));
        if let Some(text) = self.text() {
            page.prose("Text", &beginning(text));
        }
        let size = count(self.data.as_slice().len(), "byte");
        page.field("Type", join(", ", &[&self.content_type, &size]));
        page.field("SHA-256", digest);
    }

    /// The document as text, where it is plain text in UTF-8.
    pub fn text(&self) -> Option<&str> {
        let plain = self.content_type.starts_with("text/plain");
        plain.then(|| std::str::from_utf8(self.data.as_slice()).ok()).flatten()
    }
}

/// Lines and bytes of a document that its page shows.
const DOCUMENT_LINES: usize = 100;
const DOCUMENT_BYTES: usize = 16 * 1024;

/// The beginning of a long text, with a line that says how much is missing.
fn beginning(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end().trim_start_matches(['\r', '\n']);
    let lines = text.split_inclusive('\n').take(DOCUMENT_LINES).map(str::len).sum::<usize>();
    let shown = text.get(..text.floor_char_boundary(lines.min(DOCUMENT_BYTES))).unwrap_or(text);
    if shown.len() == text.len() {
        return text.to_owned();
    }
    let more = match text.get(shown.len()..).map_or(0, |rest| rest.lines().count()) {
        0 | 1 => count(text.len() - shown.len(), "more byte"),
        lines => count(lines, "more line"),
    };
    format!(
        "{}\n[{more}: `wardline record show` with --attachment writes the whole document]",
        shown.trim_end()
    )
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

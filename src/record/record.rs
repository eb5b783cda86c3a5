//! The record: what all kinds have in common, and its one canonical form.
//!
//! It must not know the fields of any kind, nor how the bytes are sealed.

use crate::{
    Attachment, Body, FieldError, RecordKind, Source, Text, When,
    check::{Checker, limits},
    choice::fields,
    page::{Mark, Page},
    words::{join, with_note},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The version of the canonical form that this build writes and reads: the field `v`.
pub const VERSION: u32 = 1;

/// The longest canonical form, in bytes: room for documents of 20 MB in base64.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// One record of one kind about one patient. It does not name the patient: the side chain's link does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it happened, with its own precision and offset.
    pub occurred: When,
    /// When it was written down, if that was later.
    pub recorded: Option<When>,
    /// Who answers for it.
    pub practitioner: Practitioner,
    /// The hospital, branch or practice. Empty in a record that was taken over without one: nobody knows where it was
    /// made, and the branch that has it only keeps it.
    pub organization: Text,
    /// The kind with its fields.
    pub body: Body,
    /// A remark about the record itself.
    pub note: Text,
    /// The record that this one corrects.
    pub corrects: Option<RecordRef>,
    /// Where it was taken over from; nothing for what was written here.
    pub source: Option<Source>,
    /// Documents that came with it.
    pub attachments: Vec<Attachment>,
}

fields! {
    /// Who treated, ordered, measured or charged.
    Practitioner {
        /// The name as it is to be shown.
        name: Text,
        /// The licence or staff number, if any.
        id: Text,
    }
}

/// The temporary ID of another record: 16 bytes, written as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef([u8; 16]);

/// Bytes that are not a record or an identity in canonical form. Never repeats what was in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_BYTES`].
    #[error("is {size} bytes long, {MAX_BYTES} at most")]
    TooLong {
        /// Its length in bytes.
        size: usize,
    },
    /// Written by a newer version of the product.
    #[error("is written in format {0}, this version reads format {VERSION}: update Wardline")]
    UnknownVersion(
        /// The version found.
        u32,
    ),
    /// Not JSON, a field missing, unknown or of a wrong type.
    #[error("is not in format {VERSION}, see line {line}, column {column}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// The right content in another spelling than the one allowed.
    #[error("is not in its canonical spelling")]
    NotCanonical,
}

impl From<serde_json::Error> for DecodeError {
    /// The message of serde_json would quote the data, so only the place is kept.
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed { line: error.line(), column: error.column() }
    }
}

/// The canonical form: members in this order, empty ones left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<B> {
    v: u32,
    kind: RecordKind,
    occurred: When,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recorded: Option<When>,
    practitioner: Practitioner,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    organization: Text,
    body: B,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    note: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    corrects: Option<RecordRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
}

/// What must be known before the body can be read.
#[derive(Deserialize)]
struct KindOnly {
    kind: RecordKind,
}

impl Record {
    /// Its kind.
    pub fn kind(&self) -> RecordKind {
        self.body.kind()
    }

    /// The canonical bytes: equal records give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.body.encode(self)
    }

    /// Reads canonical bytes and nothing else. The content is not checked: [`Record::check`] does that, so that a
    /// record which breaks a rule of today can still be shown.
    ///
    /// # Errors
    /// When the bytes are too long, of an unknown version, malformed, or spelled otherwise than [`Record::to_bytes`]
    /// would spell them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let record = Self::from_json(bytes)?;
        if record.to_bytes() == bytes { Ok(record) } else { Err(DecodeError::NotCanonical) }
    }

    /// Reads a record that a person or another program wrote: the same members in any order, with any white space,
    /// text in any normal form. Never for what was sealed: that has one spelling.
    ///
    /// # Errors
    /// When the JSON is too long, of an unknown version, or malformed.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        within_limit(json)?;
        check_version(json)?;
        let KindOnly { kind } = serde_json::from_slice(json)?;
        Body::decode(kind, json)
    }

    /// Everything that must be put right before the record may be kept; empty when all is well. What was taken over
    /// from elsewhere is kept as it came: nobody here can fill in what its source left out.
    pub fn check(&self) -> Vec<FieldError> {
        let mut checker = Checker::default();
        match &self.source {
            Some(source) => checker.inside("source", |c| source.check(c)),
            None => self.check_content(&mut checker),
        }
        let long = self.to_bytes().len() > MAX_BYTES;
        checker.must(!long, "body", "shorten it, or write several records");
        checker.into_errors()
    }

    /// The rules for what is written here.
    fn check_content(&self, checker: &mut Checker) {
        checker.inside("practitioner", |c| {
            c.required("name", &self.practitioner.name, limits::NAME);
            c.line("id", &self.practitioner.id, limits::CODE);
        });
        checker.required("organization", &self.organization, limits::NAME);
        checker.prose("note", &self.note);
        checker.in_order("recorded", Some(&self.occurred), self.recorded.as_ref());
        checker.inside("body", |c| self.body.content().check(c));
        checker.each("attachments", &self.attachments, |c, attachment| {
            c.required("title", &attachment.title, limits::NAME);
            c.required("content_type", &attachment.content_type, limits::NAME);
        });
    }

    /// One line for lists: what matters most, without the kind. What its source withdrew, or what has not come to be,
    /// or counts no more, begins with that: "WITHDRAWN: ", "NOT DONE: ", "CANCELLED: ".
    pub fn summary(&self) -> String {
        let content = self.body.content();
        let body = content.summary().replace('\n', " ");
        let body = if body.is_empty() { "nothing is said about it" } else { &body };
        let standing = self.source.as_ref().map(Source::standing).unwrap_or_default();
        let told = body.strip_prefix(standing).is_some_and(|rest| rest.starts_with(": "))
            || (content.tells_outcome() && !self.is_withdrawn());
        if told { body.to_owned() } else { join(": ", &[standing, body]) }
    }

    /// The record as a page, what matters first. `digest` gives the digest of a document's bytes in words: this room
    /// knows no hash.
    pub fn page(&self, digest: impl Fn(&[u8]) -> String) -> Page {
        let mut page = Page::default();
        if let Some(source) = &self.source {
            source.state(&mut page);
        }
        let body = self.body.content();
        page.field("When", body.when(&self.occurred));
        page.field_of(
            "Written down",
            self.recorded.as_ref().filter(|at| **at != self.occurred).map(When::words),
        );
        let who = with_note(&self.practitioner.name, &self.practitioner.id);
        match (who.as_str(), self.is_place_known()) {
            ("", true) => page.field("At", &self.organization),
            (who, true) => page.field("By", join(", ", &[who, &self.organization])),
            (who, false) => {
                page.field("By", who);
                page.field("Place", "not known: its source does not say where it was made");
            }
        }
        let later = self.note_first(&mut page);
        body.page(self, &mut page);
        page.prose("Note", &later);
        page.field_of("Corrects record", self.corrects);
        for (at, attachment) in self.attachments.iter().enumerate() {
            attachment.page(at + 1, digest(attachment.data.as_slice()), &mut page);
        }
        if let Some(source) = &self.source {
            source.page(&mut page);
        }
        page
    }

    /// What of the note must be read before the body, put there; returns the rest. A note of one line is short enough; of
    /// what was taken over each line is a remark of its own, and one that begins with "NOT" turns the record around.
    fn note_first(&self, page: &mut Page) -> String {
        let (loud, others): (Vec<&str>, Vec<&str>) =
            self.note.lines().partition(|line| self.source.is_some() && line.starts_with("NOT "));
        loud.into_iter().for_each(|line| page.state(Mark::Alarm, line));
        let (first, rest) = match others.as_slice() {
            // A remark "Label: value" can wait; a sentence, and what begins with "Not", is about the record.
            [first, rest @ ..]
                if self.source.is_some() && (!first.contains(": ") || first.starts_with("Not ")) =>
            {
                (*first, rest)
            }
            [first, rest @ ..] if self.source.is_none() && rest.is_empty() => (*first, rest),
            all => ("", all),
        };
        page.prose("Note", first);
        rest.join("\n")
    }

    /// Whether its source has taken it back: it must not be acted on.
    pub fn is_withdrawn(&self) -> bool {
        self.source.as_ref().is_some_and(Source::is_withdrawn)
    }

    /// Whether it is known where it was made.
    pub fn is_place_known(&self) -> bool {
        !self.organization.is_empty()
    }

    /// Seconds since 1970 in UTC at which it began, for sorting; a date without a time counts from 00:00 UTC.
    pub fn occurred_sort_key(&self) -> i64 {
        self.occurred.utc_seconds()
    }

    pub(crate) fn encode_with<B: Serialize>(&self, body: &B) -> Vec<u8> {
        encode(&Form {
            v: VERSION,
            kind: self.kind(),
            occurred: self.occurred.clone(),
            recorded: self.recorded.clone(),
            practitioner: self.practitioner.clone(),
            organization: self.organization.clone(),
            body,
            note: self.note.clone(),
            corrects: self.corrects,
            source: self.source.clone(),
            attachments: self.attachments.clone(),
        })
    }

    pub(crate) fn decode_with<B: de::DeserializeOwned>(
        bytes: &[u8],
        body: impl Fn(B) -> Body,
    ) -> Result<Self, DecodeError> {
        let form: Form<B> = serde_json::from_slice(bytes)?;
        Ok(Self {
            occurred: form.occurred,
            recorded: form.recorded,
            practitioner: form.practitioner,
            organization: form.organization,
            body: body(form.body),
            note: form.note,
            corrects: form.corrects,
            source: form.source,
            attachments: form.attachments,
        })
    }
}

/// JSON without spaces, in the order of the struct's fields.
#[expect(
    clippy::expect_used,
    reason = "strings, integers and lists of them cannot fail to be written to memory"
)]
pub(crate) fn encode(form: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(form).expect("JSON into memory")
}

pub(crate) fn within_limit(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.len() > MAX_BYTES { Err(DecodeError::TooLong { size: bytes.len() }) } else { Ok(()) }
}

/// Refuses other versions before anything else is read: their fields may differ in every way.
pub(crate) fn check_version(bytes: &[u8]) -> Result<(), DecodeError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice(bytes)? {
        Version { v: VERSION } => Ok(()),
        Version { v } => Err(DecodeError::UnknownVersion(v)),
    }
}

impl RecordRef {
    /// The record with this temporary ID.
    pub const fn new(id: [u8; 16]) -> Self {
        Self(id)
    }

    /// The temporary ID.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text that is no record's ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the record's ID as 32 lower-case hex digits")]
pub struct RecordRefError;

impl FromStr for RecordRef {
    type Err = RecordRefError;
    fn from_str(text: &str) -> Result<Self, RecordRefError> {
        let lower_hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| lower_hex).ok_or(RecordRefError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for RecordRef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

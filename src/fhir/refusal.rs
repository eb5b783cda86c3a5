//! Why a bundle is refused, and where.
//!
//! It must never repeat a value from the file: a place is a path of element names and indexes, and names that no FHIR
//! element could have are not repeated either.

use crate::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
use std::fmt;

/// A release of FHIR that is not R4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// FHIR 1.0.
    Dstu2,
    /// FHIR 3.0.
    Stu3,
    /// FHIR 5.0.
    R5,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dstu2 => "DSTU2",
            Self::Stu3 => "STU3",
            Self::R5 => "R5",
        })
    }
}

/// Why a bundle is refused. Nothing of a refused bundle is taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than [`MAX_BYTES`].
    #[error("is longer than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    /// More than [`MAX_VALUES`].
    #[error("line {line}: holds more than {MAX_VALUES} values")]
    TooManyValues {
        /// Line, from 1.
        line: u64,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("line {line}, column {column}: nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
    },
    /// Bytes that are not UTF-8.
    #[error("line {line}, column {column}: not UTF-8")]
    NotUtf8 {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
    },
    /// The text ends in the middle of a value, or there is none.
    #[error("line {line}, column {column}: ends in the middle, the file was cut off")]
    Truncated {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
    },
    /// Not JSON (RFC 8259).
    #[error("line {line}, column {column}: not JSON")]
    NotJson {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
    },
    /// More text after the end of the JSON text.
    #[error(
        "line {line}, column {column}: more text after the end of the bundle; one resource a line is not read"
    )]
    Trailing {
        /// Line, from 1.
        line: u64,
        /// Column in bytes, from 1.
        column: u64,
    },
    /// A name that stands twice in one object, so that readers could disagree on its value.
    #[error("{place}: stands twice in the same object")]
    DuplicateKey {
        /// The path of the member.
        place: String,
    },
    /// One resource, a list, or something else that is no bundle.
    #[error("is not a FHIR bundle: {reason}")]
    NotABundle {
        /// What it is instead.
        reason: &'static str,
    },
    /// A bundle of another purpose than carrying resources.
    #[error(
        "type: bundles of this type are not read, only transaction, batch, collection, document and searchset"
    )]
    BundleType,
    /// Written for another release of FHIR.
    #[error("{place}: not R4, only {release} has this")]
    OtherRelease {
        /// The path of the telling element.
        place: String,
        /// The release it belongs to.
        release: Release,
    },
    /// A resource type that R4 does not have.
    #[error("{place}: not R4, which has no such resource type")]
    UnknownType {
        /// The path of `resourceType`.
        place: String,
    },
    /// Not of the JSON type that FHIR gives it.
    #[error("{place}: {expected} expected")]
    Shape {
        /// The path of the element.
        place: String,
        /// The type that FHIR asks for.
        expected: &'static str,
    },
    /// A resource that can be called by no id.
    #[error("{place}: no id, neither its own nor in fullUrl")]
    NoId {
        /// The path of the resource.
        place: String,
    },
    /// An id that breaks FHIR's rule: 1 to 64 letters, digits, `-` and `.`.
    #[error("{place}: not an id, 1 to 64 letters, digits, hyphens and dots expected")]
    BadId {
        /// The path of the id.
        place: String,
    },
    /// Two resources of the same name.
    #[error("{place}: same id as {other}")]
    DuplicateId {
        /// The path of the later one.
        place: String,
        /// The path of the earlier one.
        other: String,
    },
    /// An entry that deletes: nothing is ever removed from a history.
    #[error("{place}: an entry that deletes")]
    Delete {
        /// The path of the request's method.
        place: String,
    },
    /// An entry that asks for something else than to store a resource.
    #[error("{place}: only POST and PUT entries are read")]
    Method {
        /// The path of the request's method.
        place: String,
    },
    /// A date or time that does not exist or is not written as FHIR asks.
    #[error("{place}: no such date or time, or not written as FHIR R4 asks")]
    ImpossibleDate {
        /// The path of the element.
        place: String,
    },
    /// A period that ends before it starts.
    #[error("{place}: ends before it starts")]
    BackwardsPeriod {
        /// The path of the period.
        place: String,
    },
    /// A number outside of what can be kept exactly.
    #[error("{place}: not a number that can be kept exactly")]
    Number {
        /// The path of the element.
        place: String,
    },
    /// A bundle without a patient.
    #[error("holds no patient")]
    NoPatient,
    /// A subject that is not in the bundle.
    #[error("{place}: names a patient who is not in this bundle")]
    NoSubject {
        /// The path of the reference.
        place: String,
    },
    /// A subject that fits more than one patient of the bundle.
    #[error("{place}: names more than one patient of this bundle")]
    AmbiguousSubject {
        /// The path of the reference.
        place: String,
    },
    /// A record that the record room does not take.
    #[error("{place}: {reason}")]
    NotARecord {
        /// The path of the leading resource.
        place: String,
        /// The field and the rule, without the value.
        reason: String,
    },
    /// A bundle of shared resources that holds a patient.
    #[error("{place}: a patient among shared resources")]
    PatientAmongShared {
        /// The path of the patient.
        place: String,
    },
}

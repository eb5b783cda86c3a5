//! The twelve record kinds and a patient's identity: fields, checks, one canonical form.
//!
//! Pure: no clock, no storage, no keys. It must not know how a record is sealed, sent or announced, nor who reads it.
//! What it hands out as bytes is the plaintext that the console seals; `docs/format/record.md` specifies it.

mod body;
mod check;
mod choice;
mod decimal;
mod identity;
mod kinds;
pub mod layout;
pub mod page;
mod record;
pub mod sanitise;
mod search;
mod source;
mod text;
mod when;
mod words;

pub use body::Body;
pub use check::{FieldError, limits};
pub use choice::UnknownChoice;
pub use decimal::{Decimal, DecimalError};
pub use identity::{Identity, Mrn, Sex};
pub use kinds::*;
pub use layout::wrap;
pub use page::Page;
pub use record::{DecodeError, MAX_BYTES, Practitioner, Record, RecordRef, RecordRefError, VERSION};
pub use search::query_terms;
pub use source::{Attachment, Bytes, Source};
pub use text::Text;
pub use wardline_policy::RecordKind;
pub use when::{Precision, When, WhenError};

#[cfg(test)]
mod tests;

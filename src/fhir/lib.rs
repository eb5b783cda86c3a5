//! FHIR R4 bundles in: patients, their records, and a list of what was not taken over.
//!
//! Pure: no I/O, no clock, no randomness. It must not know branches, keys, ledgers or files; a bundle is bytes.
//! A bundle is taken whole or refused whole, and nothing in it is dropped silently: what no mapper reads is counted
//! in [`Import::left`]. `docs/import.md` says which element becomes which field.

mod absent;
mod allergy;
mod benefit;
mod bundle;
mod claim;
mod condition;
mod context;
mod dates;
mod document;
mod dosage;
mod draft;
mod encounter;
mod family_history;
mod imaging;
mod immunization;
mod import;
mod json;
mod left;
mod mapping;
mod medication;
mod narrative;
mod observation;
mod organization;
mod patient;
mod peek;
mod procedure;
mod read;
mod references;
mod refusal;
mod release;
mod report;
mod shared;
mod value;

pub use import::{Import, Left, Organization, Patient, Taken, read};
pub use peek::holds_patients;
pub use refusal::{Refusal, Release};
pub use shared::Shared;

/// The longest bundle that is read, in bytes of JSON.
pub const MAX_BYTES: usize = 256 << 20;

/// The most JSON values in one bundle: what bounds the memory that its tree takes, some 60 bytes each.
pub const MAX_VALUES: usize = 8 << 20;

/// The deepest nesting of JSON objects and lists. Real bundles stay below 20.
pub const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests;

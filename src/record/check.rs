//! Checks of fields: what is missing, too long or unreadable, said so that the person can put it right.
//!
//! It must not repeat what was written: these messages can end in logs.

use crate::{Text, When};

/// The limits of fields, in Unicode scalar values, and of lists, in entries.
pub mod limits {
    /// A name: of a person, medicine, test, ward.
    pub const NAME: usize = 120;
    /// A code, number or identifier.
    pub const CODE: usize = 40;
    /// A short phrase on one line: dose, frequency, reason.
    pub const LINE: usize = 200;
    /// Free text with line breaks.
    pub const NOTES: usize = 20_000;
    /// Entries in a list: items, lines, diagnoses.
    pub const ENTRIES: usize = 100;
    /// A patient's numbers at branches.
    pub const MRNS: usize = 50;
}

/// What is wrong with one field. The message says what to do and repeats nothing that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's path as in the canonical JSON, such as `body.items[0].medicine`.
    pub field: String,
    /// What to do.
    pub message: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Collects errors under the path of the part that is being checked.
#[derive(Default)]
pub(crate) struct Checker {
    path: String,
    errors: Vec<FieldError>,
}

impl Checker {
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    pub fn error(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: format!("{}{field}", self.path), message: message.into() });
    }

    /// An error unless the condition holds.
    pub fn must(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.error(field, message);
        }
    }

    /// One line that may be left out.
    pub fn line(&mut self, field: &str, text: &Text, limit: usize) {
        self.length(field, text, limit);
        self.must(!text.chars().any(is_hidden), field, "keep it on one line, without control characters");
    }

    /// One line that must be filled in.
    pub fn required(&mut self, field: &str, text: &Text, limit: usize) {
        self.must(!text.is_empty(), field, "fill this in");
        self.line(field, text, limit);
    }

    /// Several lines; only `\n` breaks them.
    pub fn prose(&mut self, field: &str, text: &Text) {
        self.length(field, text, limits::NOTES);
        self.must(
            !text.chars().any(|c| c != '\n' && is_hidden(c)),
            field,
            "remove tabs and control characters",
        );
    }

    /// A choice that must be made.
    pub fn chosen<T>(&mut self, field: &str, choice: Option<T>) {
        self.must(choice.is_some(), field, "choose one");
    }

    /// A pair of times in their order; the second may be missing.
    pub fn in_order(&mut self, field: &str, from: Option<&When>, to: Option<&When>) {
        if let (Some(from), Some(to)) = (from, to) {
            // A year or day may begin before the moment that lies in it, so only equal precision is compared.
            let wrong = from.precision() == to.precision() && to.utc_seconds() < from.utc_seconds();
            self.must(!wrong, field, "put the end after the beginning");
        }
    }

    /// The entries of a list, each under its own path.
    pub fn each<T>(&mut self, field: &str, entries: &[T], mut check: impl FnMut(&mut Self, &T)) {
        let within = entries.len() <= limits::ENTRIES;
        self.must(
            within,
            field,
            &format!("keep it to {} entries, and put the rest in another record", limits::ENTRIES),
        );
        for (i, entry) in entries.iter().enumerate() {
            self.inside(&format!("{field}[{i}]"), |checker| check(checker, entry));
        }
    }

    /// Checks a part under its name.
    pub fn inside(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        self.path.push_str(part);
        self.path.push('.');
        check(self);
        self.path.truncate(outer);
    }

    fn length(&mut self, field: &str, text: &Text, limit: usize) {
        self.must(text.chars().count() <= limit, field, &format!("keep it to {limit} characters"));
    }
}

/// Control characters, line separators, and marks that turn the direction of text around what follows.
/// Joiners stay allowed: Persian and Indic names need them.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

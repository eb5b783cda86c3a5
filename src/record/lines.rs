//! A record as labelled lines for a screen or a printout.
//!
//! It must not know widths, colours or columns.

use std::fmt::Display;

/// Labelled values in reading order; what is empty is left out.
#[derive(Default)]
pub(crate) struct Lines(Vec<(String, String)>);

impl Lines {
    pub fn into_vec(self) -> Vec<(String, String)> {
        self.0
    }

    pub fn add(&mut self, label: impl Into<String>, value: impl Display) {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push((label.into(), value));
        }
    }

    pub fn add_some(&mut self, label: impl Into<String>, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(label, value);
        }
    }

    /// One line for each entry, numbered when there are several.
    pub fn add_each<T>(&mut self, label: &str, entries: &[T], value: impl Fn(&T) -> String) {
        for (i, entry) in entries.iter().enumerate() {
            let numbered = if entries.len() == 1 { label.to_owned() } else { format!("{label} {}", i + 1) };
            self.add(numbered, value(entry));
        }
    }
}

/// The parts that are not empty, joined.
pub(crate) fn join(separator: &str, parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// "text (note)", or the text alone.
pub(crate) fn with_note(text: &str, note: &str) -> String {
    if note.is_empty() { text.to_owned() } else { format!("{text} ({note})") }
}

//! How commands print: one JSON document, or text in which nothing from outside can steer the terminal.

use super::Result;
use serde_json::Value;
use std::io::Write as _;
use wardline_record::sanitise;

/// Text, made safe for the terminal line by line. A reader that has gone (`| head`) ends the command quietly:
/// `main` knows the error.
pub fn text(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in sanitise::lines(text) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// One JSON document and a newline. What could steer a terminal is escaped, so that nothing of it is lost.
pub fn json(value: &Value) -> Result<()> {
    let mut out = String::new();
    for c in serde_json::to_string_pretty(value)?.chars() {
        if c != '\n' && sanitise::is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    writeln!(std::io::stdout().lock(), "{out}")?;
    Ok(())
}

/// A table with columns as wide as their widest cell; every cell is made visible first.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| sanitise::line(cell).into_owned()).collect()).collect();
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width(cell))
                .chain([width(title)])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let print = |cells: &[String]| {
        let line: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))))
            .collect();
        text(line.join("  ").trim_end())
    };
    print(&head.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| print(row))
}

/// A word as a shell takes it, so that a printed command works by copy and paste.
#[cfg(feature = "node")]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

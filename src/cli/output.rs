//! How commands print: one JSON document, or text in which nothing from outside can steer the terminal.

use super::Result;
use serde_json::Value;
use std::io::Write as _;
use wardline_record::visible;

/// One line. A reader that has gone (`| head`) ends the command quietly: `cli::run`'s caller knows the error.
pub fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// One JSON document and a newline.
pub fn json(value: &Value) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// A table with columns as wide as their widest cell; every cell is made visible first.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
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
        self::line(line.join("  ").trim_end())
    };
    print(&head.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    rows.iter().try_for_each(|row| print(row))
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

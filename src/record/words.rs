//! Small pieces of running text.

/// The parts that are not empty, joined.
pub(crate) fn join(separator: &str, parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// "text (note)", or the one of the two that is there.
pub(crate) fn with_note(text: &str, note: &str) -> String {
    match (text, note) {
        ("", note) => note.to_owned(),
        (text, "") => text.to_owned(),
        (text, note) => format!("{text} ({note})"),
    }
}

/// The first `most` of them, one on a line, and how many more there are.
pub(crate) fn first_of<T: AsRef<str>>(all: &[T], most: usize) -> String {
    let mut lines: Vec<String> = all.iter().take(most).map(|one| one.as_ref().to_owned()).collect();
    if let Some(more) = all.len().checked_sub(most).filter(|more| *more > 0) {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// "1 line", "2 lines".
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

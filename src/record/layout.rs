//! A page laid out in lines of a given number of columns, for a screen or a printout.
//!
//! Every text becomes safe here before it is measured. Nothing is cut: what does not fit is wrapped. It must not know
//! what a mark looks like, nor which lines are on a screen.

mod table;

use crate::{
    page::{Block, Mark, Page, Section},
    sanitise,
};
use unicode_width::UnicodeWidthStr;

/// Columns of the labels of fields.
const LABEL: usize = 17;
/// Below this there is no column of labels, and no line is left empty: a label stands before its value.
const NARROW: usize = 50;
/// Columns by which text stands in under its heading.
const INDENT: usize = 2;

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Its pieces from left to right, made safe, with the spaces between them.
    pub spans: Vec<(String, Mark)>,
}

impl Line {
    fn new(text: impl Into<String>, mark: Mark) -> Self {
        let mut line = Self::default();
        line.push(text, mark);
        line
    }

    fn push(&mut self, text: impl Into<String>, mark: Mark) {
        let text = text.into();
        if !text.is_empty() {
            self.spans.push((text, mark));
        }
    }

    /// The whole line.
    pub fn text(&self) -> String {
        self.spans.iter().map(|(text, _)| text.as_str()).collect()
    }
}

impl Page {
    /// The page in lines of at most `columns` columns.
    pub fn lines(&self, columns: usize) -> Vec<Line> {
        let columns = columns.max(INDENT + 2);
        let mut out = Vec::new();
        for statement in &self.statements {
            hanging(&mut out, 0, "", &statement.text, statement.mark, columns);
        }
        for section in self.sections.iter().filter(|section| !section.blocks.is_empty()) {
            lay_out(&mut out, section, columns);
        }
        out
    }
}

fn lay_out(out: &mut Vec<Line>, section: &Section, columns: usize) {
    let spaced = columns >= NARROW;
    if spaced && !out.is_empty() {
        out.push(Line::default());
    }
    if !section.title.is_empty() {
        out.extend(wrap(&section.title, columns).into_iter().map(|text| Line::new(text, Mark::Strong)));
    }
    // A table and a text stand apart from what is around them; fields and one-line texts stand together.
    let mut apart = false;
    for (at, block) in section.blocks.iter().enumerate() {
        let alone = match block {
            Block::Field { .. } => false,
            Block::Prose { title, text } => !fits_beside(title, text, columns),
            Block::Table(_) => true,
        };
        if spaced && at > 0 && (alone || apart) {
            out.push(Line::default());
        }
        apart = alone;
        match block {
            Block::Field { label, value, mark } => field(out, label, value, *mark, columns),
            Block::Prose { title, text } if alone => {
                out.extend(wrap(title, columns).into_iter().map(|text| Line::new(text, Mark::Label)));
                for text in wrap(text, columns - INDENT) {
                    let indent = if text.is_empty() { 0 } else { INDENT };
                    out.push(Line::new(format!("{:indent$}{text}", ""), Mark::Plain));
                }
            }
            Block::Prose { title, text } => field(out, title, text, Mark::Plain, columns),
            Block::Table(table) => table::lay_out(out, table, columns),
        }
    }
}

/// Whether a text fits on one line beside its heading, as a field does.
fn fits_beside(title: &str, text: &str, columns: usize) -> bool {
    columns >= NARROW
        && title.width() < LABEL
        && text.len() < columns * 4
        && !text.contains('\n')
        && sanitise::line(text).width() <= columns - LABEL
}

fn field(out: &mut Vec<Line>, label: &str, value: &str, mark: Mark, columns: usize) {
    let label = sanitise::line(label);
    if columns < NARROW || label.width() >= LABEL {
        hanging(out, 0, &label, value, mark, columns);
        return;
    }
    let room = columns - LABEL;
    let pad = LABEL - label.width();
    let mut head = Line::new(format!("{label}{:pad$}", ""), Mark::Label);
    for text in wrap_unbroken(value, room, columns - INDENT) {
        let indent = if text.width() > room { INDENT } else { LABEL };
        if head.spans.is_empty() {
            head.push(" ".repeat(indent), Mark::Plain);
        } else if indent == INDENT {
            out.push(Line::new(label.as_ref(), Mark::Label));
            head = Line::new(" ".repeat(indent), Mark::Plain);
        }
        head.push(text, mark);
        out.push(std::mem::take(&mut head));
    }
}

/// As [`wrap`], but a value that is one long word, such as a digest, keeps whole where the wider lines take it.
fn wrap_unbroken(value: &str, columns: usize, wider: usize) -> Vec<String> {
    let whole = (columns + 1..=wider).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    wrap(value, if whole { wider } else { columns })
}

/// "Label: value" from a column on, with the following lines further in.
fn hanging(out: &mut Vec<Line>, indent: usize, label: &str, value: &str, mark: Mark, columns: usize) {
    let head = if label.is_empty() { String::new() } else { format!("{label}:") };
    let whole = format!("{head} {value}");
    let room = columns.saturating_sub(indent);
    let room =
        if fits(&sanitise::line(whole.trim_start()), room) { room } else { room.saturating_sub(INDENT) };
    let whole = wrap(whole.trim_start(), room);
    for (at, text) in whole.into_iter().enumerate() {
        let mut line = Line::new(" ".repeat(if at == 0 { indent } else { indent + INDENT }), Mark::Plain);
        match text.strip_prefix(&head).filter(|_| at == 0) {
            Some(rest) => {
                line.push(head.as_str(), Mark::Label);
                line.push(rest, mark);
            }
            None => line.push(text, mark),
        }
        out.push(line);
    }
}

/// Breaks text into safe lines of at most `columns`, between words where it can.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut out = Vec::new();
    for line in sanitise::lines(text) {
        let mut current = String::new();
        for word in line.split_inclusive(' ') {
            let (mut rest, bare) = (word, word.trim_end());
            if !current.is_empty() && !fits(bare, columns.saturating_sub(current.width())) {
                out.push(std::mem::take(&mut current).trim_end().to_owned());
            }
            while current.is_empty() && !fits(rest.trim_end(), columns) {
                let (head, tail) = rest.split_at(head_of(rest, columns));
                out.push(head.to_owned());
                rest = tail;
            }
            current.push_str(rest);
        }
        out.push(current.trim_end().to_owned());
    }
    out
}

/// Whether a text takes at most `columns`, without measuring a long one to its end.
fn fits(text: &str, columns: usize) -> bool {
    // No character has more than four bytes, and at most four marks stand on one that is safe.
    text.len() <= columns || (text.len() <= (columns + 1) * 20 && text.width() <= columns)
}

/// Length in bytes of the longest beginning that fits; at least one character.
fn head_of(text: &str, columns: usize) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        // A column takes one byte at least, so what has no more bytes than columns fits unmeasured.
        if end > 0 && next > columns && text.get(..next).is_some_and(|head| head.width() > columns) {
            break;
        }
        end = next;
    }
    end
}

#[cfg(test)]
mod tests;

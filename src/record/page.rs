//! A record as a page: what must be said first, then sections of fields, tables and text.
//!
//! It must not know widths, columns of a screen or colours: [`layout`](crate::layout) lays a page out, and whoever draws
//! it decides what a [`Mark`] looks like. Text is as it came and is made safe when it is laid out.

use std::fmt::Display;

/// What a piece of a page means to the reader. The words say it too: a mark only helps to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mark {
    /// A label or a heading of a column.
    Label,
    /// Ordinary text.
    #[default]
    Plain,
    /// A heading or a sum.
    Strong,
    /// Good to know: "no known allergies".
    Good,
    /// To be known before acting: outside the range, suspected.
    Warning,
    /// To be known at once: critical, an allergy, withdrawn.
    Alarm,
}

/// A whole page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Sentences that stand before everything else, the most important one first.
    pub statements: Vec<Statement>,
    /// The rest in reading order.
    pub sections: Vec<Section>,
}

/// A sentence that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// How much it matters.
    pub mark: Mark,
    /// The sentence.
    pub text: String,
}

/// Blocks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Its heading; empty when it needs none.
    pub title: String,
    /// What it consists of.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A value with its label; the value may have several lines.
    Field {
        /// What it is.
        label: String,
        /// The value.
        value: String,
        /// How much it matters.
        mark: Mark,
    },
    /// Text of several lines under its heading.
    Prose {
        /// What it is.
        title: String,
        /// The text.
        text: String,
    },
    /// Values in columns.
    Table(Table),
}

/// Values in columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each has a cell for each column.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub role: Role,
}

/// What stands in a column, and so what becomes of it where there is little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Words: wrapped when they do not fit.
    Words,
    /// Numbers: aligned on the decimal point and never broken.
    Number,
    /// A detail, such as a code: left out when the table does not fit with it.
    Detail,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// What else is to be said of it, under the row and as wide as the table.
    pub note: String,
    /// Whether it sums up the rows above it.
    pub total: bool,
}

/// What stands in one place of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// How much it matters.
    pub mark: Mark,
}

impl<T: Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.to_string(), mark: Mark::Plain }
    }
}

impl Cell {
    /// The text of a value that may be missing.
    pub fn of(value: Option<impl Display>) -> Self {
        Self { text: value.map(|value| value.to_string()).unwrap_or_default(), mark: Mark::Plain }
    }

    /// A text, or what to say where there is none.
    pub fn or(text: &str, missing: &str) -> Self {
        if text.is_empty() { missing.into() } else { text.into() }
    }

    /// The same cell, marked.
    pub fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(columns: [(&str, Role); N]) -> Self {
        let columns = columns.map(|(title, role)| Column { title: title.to_owned(), role });
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// One more row; `note` may be empty.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N], note: impl Into<String>) {
        self.rows.push(Row { cells: cells.into(), note: note.into(), total: false });
    }

    /// One more row that sums up what is above it.
    pub fn total<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(Row { cells: cells.into(), note: String::new(), total: true });
    }

    /// Without the columns in which nothing stands: what nobody recorded needs no empty column.
    fn without_empty_columns(mut self) -> Self {
        let filled = |at: usize| {
            self.rows.iter().any(|row| row.cells.get(at).is_some_and(|cell| !cell.text.is_empty()))
        };
        let kept: Vec<bool> = (0..self.columns.len()).map(filled).collect();
        let mut flags = kept.iter();
        self.columns.retain(|_| flags.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut flags = kept.iter();
            row.cells.retain(|_| flags.next().copied().unwrap_or(true));
        }
        self
    }
}

impl Page {
    /// A sentence that must be read first; said after those that were stated before it, and once.
    pub fn state(&mut self, mark: Mark, text: impl Into<String>) {
        let statement = Statement { mark, text: text.into() };
        if !self.statements.contains(&statement) {
            self.statements.push(statement);
        }
    }

    /// Begins a section.
    pub fn section(&mut self, title: impl Into<String>) {
        self.sections.push(Section { title: title.into(), blocks: Vec::new() });
    }

    /// A field; left out when it is empty.
    pub fn field(&mut self, label: &str, value: impl Display) {
        self.marked_field(label, value, Mark::Plain);
    }

    /// A field that may be missing.
    pub fn field_of(&mut self, label: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(label, value);
        }
    }

    /// A field that matters more than others.
    pub fn marked_field(&mut self, label: &str, value: impl Display, mark: Mark) {
        let value = value.to_string();
        if !value.is_empty() {
            self.push(Block::Field { label: label.to_owned(), value, mark });
        }
    }

    /// Text of several lines; left out when it is empty.
    pub fn prose(&mut self, title: &str, text: &str) {
        if !text.is_empty() {
            self.push(Block::Prose { title: title.to_owned(), text: text.to_owned() });
        }
    }

    /// A table without its empty columns; left out when it has no rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.push(Block::Table(table.without_empty_columns()));
        }
    }

    fn push(&mut self, block: Block) {
        if self.sections.is_empty() {
            self.section("");
        }
        if let Some(section) = self.sections.last_mut() {
            section.blocks.push(block);
        }
    }
}

#[cfg(test)]
mod tests;

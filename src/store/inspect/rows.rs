//! Rows as they lie in a stopped file, and two files' rows side by side.

use std::cmp::Ordering;

use wardline_crypto::Digest;
use wardline_crypto::merkle::Frontier;

use super::{Fault, StoppedFile};
use crate::image::shape::Shape;
use crate::image::{Cell, Place, Rows, Value};

/// A row and where it lies.
pub struct StoredRow<'a> {
    cell: Cell,
    shape: &'a Shape,
}

impl StoredRow<'_> {
    fn at(&self, column: &str) -> Option<usize> {
        self.shape.columns.iter().position(|one| one.name == column)
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.shape.name
    }

    /// A whole number; nothing when there is none, or it is negative.
    pub fn number(&self, column: &str) -> Option<u64> {
        match self.cell.values.get(self.at(column)?)? {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Bytes; empty when there are none.
    pub fn bytes(&self, column: &str) -> &[u8] {
        match self.at(column).and_then(|at| self.cell.values.get(at)) {
            Some(Value::Blob(bytes)) => bytes,
            _ => &[],
        }
    }

    /// Bytes of a fixed length; nothing when they are not there or of another.
    pub fn array<const N: usize>(&self, column: &str) -> Option<[u8; N]> {
        self.bytes(column).try_into().ok()
    }

    /// Whether a column holds anything.
    pub fn has(&self, column: &str) -> bool {
        self.at(column).and_then(|at| self.cell.values.get(at)).is_some_and(|value| *value != Value::Null)
    }

    /// Where the row lies in its page.
    pub fn place(&self) -> Place {
        self.cell.place
    }

    /// The page that it is in.
    pub fn page(&self) -> Place {
        self.cell.page
    }

    /// Where a column's value lies.
    pub fn column(&self, column: &str) -> Place {
        self.at(column).map_or(self.cell.place, |at| self.cell.column(at))
    }

    fn key(&self) -> &[Value] {
        let keys = if self.shape.by_number { 1 } else { self.shape.unique };
        self.cell.values.get(..keys).unwrap_or_default()
    }

    /// The row by its key, for people: numbers as they are, bytes in hexadecimal and not all of them.
    pub fn label(&self) -> String {
        let columns = self.shape.columns.iter().zip(self.key());
        let one = |(column, value): (&crate::image::shape::Column, &Value)| match value {
            Value::Integer(number) => format!("{} {number}", column.name),
            Value::Blob(bytes) | Value::Text(bytes) => {
                let hex: String = bytes.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
                format!("{} {hex}", column.name)
            }
            Value::Null => column.name.clone(),
        };
        columns.map(one).collect::<Vec<_>>().join(", ")
    }
}

/// The rows of a table.
pub struct StoredRows<'a> {
    rows: Option<(Rows<'a>, &'a Shape)>,
}

impl<'a> StoredRows<'a> {
    pub(super) fn new(rows: Option<(Rows<'a>, &'a Shape)>) -> Self {
        Self { rows }
    }
}

impl<'a> Iterator for StoredRows<'a> {
    type Item = StoredRow<'a>;

    fn next(&mut self) -> Option<StoredRow<'a>> {
        let (rows, shape) = self.rows.as_mut()?;
        rows.next().map(|cell| StoredRow { cell, shape })
    }
}

impl StoppedFile {
    /// SHA-256 over all rows of all tables: two files with the same one say the same, wherever it lies in them.
    pub fn digest_of_rows(&self) -> Digest {
        let mut all = Frontier::new();
        for shape in &self.expected.tables {
            all.append(Digest::of(shape.name.as_bytes()));
            for row in self.rows(&shape.name) {
                all.append(Digest::of(&encoded(&row.cell.values)));
            }
        }
        all.root()
    }

    /// Compares a table row by row with that of a file that is right, and tells each difference. `below` ends the
    /// comparison at rows whose first number is not below it.
    pub fn compare(&self, right: &Self, table: &str, below: Option<u64>, tell: &mut dyn FnMut(Fault)) {
        let within = |row: &StoredRow<'_>| match (below, row.key().first()) {
            (Some(below), Some(Value::Integer(number))) => {
                u64::try_from(*number).is_ok_and(|number| number < below)
            }
            _ => true,
        };
        let mut ours = self.rows(table).take_while(within).peekable();
        let mut theirs = right.rows(table).take_while(within).peekable();
        let mut last_page = None;
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(ours), Some(theirs)) => ours.key().cmp(theirs.key()),
            };
            match order {
                Ordering::Less => {
                    if let Some(row) = ours.next() {
                        last_page = Some(row.page());
                        tell(self.row_fault(&row, None, "a row that nothing agreed leads to"));
                    }
                }
                Ordering::Greater => {
                    let near = ours.peek().map(StoredRow::page).or(last_page);
                    if let Some(row) = theirs.next() {
                        tell(self.fault(
                            table,
                            Some(row.label()),
                            near,
                            "the row is missing; it would be in this page",
                        ));
                    }
                }
                Ordering::Equal => {
                    if let (Some(ours), Some(theirs)) = (ours.next(), theirs.next()) {
                        last_page = Some(ours.page());
                        self.difference(&ours, &theirs, tell);
                    }
                }
            }
        }
    }

    fn difference(&self, ours: &StoredRow<'_>, theirs: &StoredRow<'_>, tell: &mut dyn FnMut(Fault)) {
        let values = ours.cell.values.iter().zip(&theirs.cell.values).enumerate();
        for (at, (mine, right)) in values.filter(|(_, (mine, right))| mine != right) {
            let place = match (mine, right) {
                (Value::Blob(mine), Value::Blob(right)) => {
                    let differs = |index: &usize| mine.get(*index) != right.get(*index);
                    let from = (0..mine.len()).find(differs).unwrap_or(0);
                    let to = (0..mine.len()).rev().find(differs).map_or(mine.len(), |last| last + 1);
                    ours.cell.place_of(at, from, to.max(from))
                }
                _ => ours.cell.column(at),
            };
            let column = self.column_name(ours, at);
            let what = format!("`{column}` is not what the agreed blocks lead to");
            tell(self.fault(ours.table(), Some(ours.label()), Some(place), what));
        }
    }

    fn column_name(&self, row: &StoredRow<'_>, at: usize) -> String {
        row.shape.columns.get(at).map(|column| column.name.clone()).unwrap_or_default()
    }
}

/// Values as bytes, each behind its kind and length.
pub(super) fn encoded(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        let (kind, part) = match value {
            Value::Null => (0, Vec::new()),
            Value::Integer(number) => (1, number.to_be_bytes().to_vec()),
            Value::Text(text) => (2, text.clone()),
            Value::Blob(blob) => (3, blob.clone()),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&part);
    }
    bytes
}

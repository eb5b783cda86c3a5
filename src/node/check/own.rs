//! A chain file's blocks, height by height, from four tables at once.

use std::iter::Peekable;
use wardline_store::{StoppedFile, StoredRow, StoredRows};

/// A stopped file's blocks in their order. Each table is read once.
pub(crate) struct OwnBlocks<'a> {
    headers: Peekable<StoredRows<'a>>,
    certificates: Peekable<StoredRows<'a>>,
    bodies: Peekable<StoredRows<'a>>,
    handovers: Peekable<StoredRows<'a>>,
}

impl<'a> OwnBlocks<'a> {
    pub fn of(file: &'a StoppedFile) -> Self {
        Self {
            headers: file.rows("header").peekable(),
            certificates: file.rows("certificate").peekable(),
            bodies: file.rows("body").peekable(),
            handovers: file.rows("handover").peekable(),
        }
    }

    /// The header's row at a height. Heights are asked for in their order.
    pub fn header(&mut self, height: u64) -> Option<StoredRow<'a>> {
        at(&mut self.headers, "height", height)
    }

    /// The certificate's row.
    pub fn certificate(&mut self, height: u64) -> Option<StoredRow<'a>> {
        at(&mut self.certificates, "height", height)
    }

    /// The body's row.
    pub fn body(&mut self, height: u64) -> Option<StoredRow<'a>> {
        at(&mut self.bodies, "height", height)
    }

    /// The next validators' row.
    pub fn handover(&mut self, epoch: u64) -> Option<StoredRow<'a>> {
        at(&mut self.handovers, "epoch", epoch)
    }

    /// The next header that nobody asked for.
    pub fn next_header(&mut self) -> Option<&StoredRow<'a>> {
        self.headers.peek()
    }

    /// The next body that nobody asked for.
    pub fn next_body(&mut self) -> Option<&StoredRow<'a>> {
        self.bodies.peek()
    }
}

fn at<'a>(rows: &mut Peekable<StoredRows<'a>>, column: &str, wanted: u64) -> Option<StoredRow<'a>> {
    let number = |row: &StoredRow<'_>| row.number(column).unwrap_or_default();
    while rows.next_if(|row| number(row) < wanted).is_some() {}
    rows.next_if(|row| number(row) == wanted)
}

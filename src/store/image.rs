//! SQLite's files as bytes: pages, the write-ahead log over them, b-trees, rows, and where in the file each byte of
//! a row lies. Reads only, believes nothing, and goes on behind what is damaged.
//!
//! Format: <https://www.sqlite.org/fileformat2.html>. It must not know what a table is for.

mod log;
mod record;
pub(crate) mod shape;
mod tree;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use log::Log;
pub(crate) use record::Value;
pub(crate) use tree::{Cell, Rows, Seen};

/// Bytes of a page: SQLite's default, which every file of ours has.
pub(crate) const PAGE: usize = 4096;
const PAGE_64: u64 = PAGE as u64;

/// Some bytes of a database file, or of the log beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whether they lie in the write-ahead log (`-wal`).
    pub log: bool,
    /// Offset of the first byte.
    pub start: u64,
    /// Offset behind the last byte.
    pub end: u64,
}

impl Place {
    /// Bytes of the database file itself.
    pub(crate) const fn file(start: u64, end: u64) -> Self {
        Self { log: false, start, end }
    }
}

/// Something that is not as SQLite writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub place: Option<Place>,
    pub what: String,
    /// It may be what a power cut leaves.
    pub may_be_a_crash: bool,
}

impl Flaw {
    pub fn at(place: Place, what: impl Into<String>) -> Self {
        Self { place: Some(place), what: what.into(), may_be_a_crash: false }
    }
}

/// A page and where it was read from.
pub(crate) struct Page {
    pub bytes: Vec<u8>,
    log: bool,
    offset: u64,
}

impl Page {
    /// Where bytes of it lie.
    pub fn place(&self, from: usize, to: usize) -> Place {
        let at = |offset: usize| self.offset + offset as u64;
        Place { log: self.log, start: at(from), end: at(to.max(from)) }
    }

    pub fn whole(&self) -> Place {
        self.place(0, self.bytes.len())
    }
}

/// A database file with its log, opened for reading.
pub(crate) struct Image {
    file: File,
    length: u64,
    log: Option<(File, Log)>,
    /// Pages of the database as it is with the log.
    pub pages: u32,
    /// Pages that the header says.
    counted: u32,
    /// What is wrong with header and log.
    pub flaws: Vec<Flaw>,
    /// Bytes 60..64 and 68..72 of the header.
    pub user_version: i32,
    pub application: i32,
}

impl Image {
    /// Opens the file at `path` and the log beside it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut flaws = Vec::new();
        let mut log_path = path.as_os_str().to_owned();
        log_path.push("-wal");
        let log = match File::open(&log_path) {
            Ok(file) => {
                let read = Log::read(&file, &mut flaws)?;
                Some((file, read))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut image =
            Self { file, length, log, pages: 0, counted: 0, flaws, user_version: 0, application: 0 };
        image.header();
        Ok(image)
    }

    /// Whether the log holds commits that the file has not.
    pub fn has_log(&self) -> bool {
        self.log.as_ref().is_some_and(|(_, log)| log.pages.is_some())
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.length == 0 && !self.has_log()
    }

    /// A page as the newest commit left it, counted from 1; nothing when it is not there.
    pub fn page(&self, number: u32) -> Option<Page> {
        let index = u64::from(number.checked_sub(1)?);
        let in_log = self.log.as_ref().and_then(|(file, log)| Some((file, *log.newest.get(&number)?)));
        let mut bytes = vec![0; PAGE];
        let (log, offset) = match in_log {
            Some((file, offset)) => {
                file.read_exact_at(&mut bytes, offset).ok()?;
                (true, offset)
            }
            None => {
                self.file.read_exact_at(&mut bytes, index * PAGE_64).ok()?;
                (false, index * PAGE_64)
            }
        };
        Some(Page { bytes, log, offset })
    }

    /// Whether a page is one of those that the file was cut off before the end of: that is told once.
    pub fn is_cut_off(&self, number: u32) -> bool {
        number <= self.counted && !self.has_log() && Self::place_of(number).end > self.length
    }

    /// Where a page lies in the file, whether or not it can be read.
    pub fn place_of(number: u32) -> Place {
        let index = u64::from(number.saturating_sub(1));
        Place::file(index * PAGE_64, (index + 1) * PAGE_64)
    }

    /// Reads the 100 bytes that the file begins with; every one is what our own files have there.
    fn header(&mut self) {
        let Some(first) = self.page(1) else {
            let what = format!("the file has {} bytes, less than one page", self.length);
            self.flaws.push(Flaw::at(Place::file(0, self.length), what));
            return;
        };
        let number = |at: usize| u32_at(&first.bytes, at).unwrap_or_default();
        let flaws = &mut self.flaws;
        let mut expect = |from: usize, to: usize, bytes: &[u8], what: &str| {
            if first.bytes.get(from..to) != Some(bytes) {
                flaws
                    .push(Flaw::at(first.place(from, to), format!("{what} is not what this release writes")));
            }
        };
        expect(0, 16, b"SQLite format 3\0", "the file's first line");
        expect(16, 18, &[0x10, 0], "the page size");
        expect(18, 20, &[2, 2], "the journal mode (write-ahead log)");
        expect(20, 24, &[0, 64, 32, 32], "the page layout");
        expect(44, 48, &[0, 0, 0, 4], "the schema format");
        expect(48, 56, &[0; 8], "the cache size and vacuum root");
        expect(56, 60, &[0, 0, 0, 1], "the text encoding");
        expect(64, 68, &[0; 4], "the vacuum mode");
        expect(72, 92, &[0; 20], "the reserved part of the header");
        let valid_for = first.bytes.get(92..96).unwrap_or_default().to_vec();
        expect(24, 28, &valid_for, "the change counter");
        self.user_version = number(60).cast_signed();
        self.application = number(68).cast_signed();
        let counted = number(28);
        self.counted = counted;
        let log_pages = self.log.as_ref().and_then(|(_, log)| log.pages);
        let most =
            self.length.div_ceil(PAGE_64) + self.log.as_ref().map_or(0, |(_, log)| log.newest.len() as u64);
        self.pages = log_pages.map_or(counted, |pages| pages.min(u32::try_from(most).unwrap_or(u32::MAX)));
        let expected = u64::from(self.pages) * PAGE_64;
        if log_pages.is_some_and(|pages| pages != counted) {
            self.flaws.push(Flaw::at(first.place(28, 32), "file and log disagree about the number of pages"));
        } else if log_pages.is_none() && expected != self.length {
            let what =
                format!("the file has {} bytes, and its header says {counted} pages of {PAGE}", self.length);
            // A whole number of pages too few or too many, or the count itself.
            let (start, end) = (expected.min(self.length), expected.max(self.length));
            let page = self.length.div_ceil(PAGE_64);
            let flaw = if end - start <= self.length.max(PAGE_64) {
                Place::file(start, end)
            } else {
                first.place(28, 32)
            };
            self.flaws.push(Flaw::at(flaw, what));
            self.pages = u32::try_from(page).unwrap_or(u32::MAX).min(counted.max(1));
        }
    }

    /// Head of the list of free pages and how many it has.
    pub fn free_list(&self) -> Option<(Page, u32, u32)> {
        let first = self.page(1)?;
        let (head, count) = (u32_at(&first.bytes, 32)?, u32_at(&first.bytes, 36)?);
        Some((first, head, count))
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

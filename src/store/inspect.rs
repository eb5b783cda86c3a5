//! A stopped node's file, looked at without changing a byte of it: its structure page by page, its rows in their
//! order, each with where it lies.
//!
//! Says what is not as this release writes it, and where; whether rows say the truth is judged elsewhere.

mod rows;
mod structure;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::database::private_file;
use crate::error::{Result, StoreError};
use crate::image::shape::{Expected, Shape, schema};
use crate::image::{Flaw, Image, Place, Rows, Value};
use crate::tables::{CHAIN, Format, VAULT};

pub use rows::{StoredRow, StoredRows};

/// Which tables a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `main.sqlite`, `side.sqlite`.
    Chain,
    /// `vault.sqlite`.
    Vault,
}

impl FileKind {
    pub(crate) const fn format(self) -> &'static Format {
        match self {
            Self::Chain => &CHAIN,
            Self::Vault => &VAULT,
        }
    }

    /// What files of this kind look like inside, found out once.
    fn expected(self) -> Result<Arc<Expected>> {
        static KNOWN: [OnceLock<Arc<Expected>>; 2] = [const { OnceLock::new() }; 2];
        let [chain, vault] = &KNOWN;
        let known = if self == Self::Chain { chain } else { vault };
        if let Some(expected) = known.get() {
            return Ok(Arc::clone(expected));
        }
        let expected = Arc::new(Expected::of(self.format())?);
        Ok(Arc::clone(known.get_or_init(|| expected)))
    }
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file's name in its directory.
    pub file: String,
    /// Where, as narrow as it is known; nothing when what is missing has no place.
    pub place: Option<Place>,
    /// The table or index, when it is about a row.
    pub table: Option<String>,
    /// Which row, for people.
    pub row: Option<String>,
    /// What is wrong, for people.
    pub what: String,
    /// It need not be damage: it cannot be told, or a power cut leaves the same.
    pub doubt: bool,
}

/// Holds a stopped node's files until it is dropped, so that no node starts on them meanwhile.
#[derive(Debug)]
pub struct StoppedLock(#[allow(dead_code, reason = "held, not read")] Vec<File>);

impl StoppedLock {
    /// Locks those of the named files in `directory` that have a lock file, and makes none: for who only reads.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a node has one of them open.
    pub fn take(directory: &Path, names: &[&str]) -> Result<Self> {
        Self::lock(directory, names, |path| File::open(path))
    }

    /// Locks all of the named files in `directory`, whose lock files are made where there are none, as in a restored
    /// directory: for who writes.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a node has one of them open; when a lock file cannot be made.
    pub fn make(directory: &Path, names: &[&str]) -> Result<Self> {
        Self::lock(directory, names, private_file)
    }

    fn lock(directory: &Path, names: &[&str], open: fn(&Path) -> std::io::Result<File>) -> Result<Self> {
        let mut held = Vec::new();
        for name in names {
            let path = directory.join(format!("{name}.lock"));
            let file = match open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(StoreError::File { path, source }),
            };
            match file.try_lock() {
                Ok(()) => held.push(file),
                Err(TryLockError::WouldBlock) => {
                    let (directory, name) = (directory.to_owned(), (*name).to_owned());
                    return Err(StoreError::Locked { directory, name });
                }
                Err(TryLockError::Error(source)) => return Err(StoreError::File { path, source }),
            }
        }
        Ok(Self(held))
    }
}

/// A file of a stopped node, opened for reading only.
pub struct StoppedFile {
    path: PathBuf,
    name: String,
    kind: FileKind,
    image: Image,
    expected: Arc<Expected>,
    /// The first page of each table and index.
    roots: BTreeMap<String, u32>,
    /// What is wrong with header, log and schema.
    flaws: Vec<(Option<String>, Option<String>, Flaw)>,
}

impl StoppedFile {
    /// Opens the file at `path`; nothing when there is none.
    ///
    /// # Errors
    /// When the system refuses to read it. Damage is no error: it is told by [`Self::structure`].
    pub fn open(path: &Path, kind: FileKind) -> Result<Option<Self>> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        let mut image = match Image::open(path) {
            Ok(image) => image,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let flaws = std::mem::take(&mut image.flaws).into_iter().map(|flaw| (None, None, flaw)).collect();
        let (path, expected, roots) = (path.to_owned(), kind.expected()?, BTreeMap::new());
        let mut file = Self { path, name, kind, image, expected, roots, flaws };
        file.read_schema();
        Ok(Some(file))
    }

    /// The file's name in its directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows of a table in the order of their key; what cannot be read is passed over.
    pub fn rows(&self, table: &str) -> StoredRows<'_> {
        let shape = self.expected.tables.iter().find(|shape| shape.name == table);
        let root = self.roots.get(table).copied();
        StoredRows::new(shape.zip(root).map(|(shape, root)| (Rows::new(&self.image, shape, root), shape)))
    }

    /// A fault in this file. Without a place of its own it is in the table's first page.
    pub fn fault(
        &self,
        table: &str,
        row: Option<String>,
        place: Option<Place>,
        what: impl Into<String>,
    ) -> Fault {
        // What is missing would be somewhere under the table's first page.
        let root = || Some(self.image.page(*self.roots.get(table)?)?.whole());
        let place = place.or_else(root);
        let (file, table, what) = (self.name.clone(), Some(table.to_owned()), what.into());
        Fault { file, place, table, row, what, doubt: false }
    }

    /// A fault in a row of this file.
    pub fn row_fault(&self, row: &StoredRow<'_>, column: Option<&str>, what: impl Into<String>) -> Fault {
        let place = column.map_or_else(|| row.place(), |column| row.column(column));
        self.fault(row.table(), Some(row.label()), Some(place), what)
    }

    fn told(&self, table: Option<String>, row: Option<String>, flaw: Flaw) -> Fault {
        let Flaw { place, what, may_be_a_crash } = flaw;
        let file = if place.is_some_and(|place| place.log) {
            format!("{}-wal", self.name)
        } else {
            self.name.clone()
        };
        Fault { file, place, table, row, what, doubt: may_be_a_crash }
    }

    /// Reads the schema and compares it with each that a release of ours leaves.
    fn read_schema(&mut self) {
        let shape = schema();
        let mut found = Vec::new();
        {
            let mut rows = Rows::new(&self.image, &shape, 1);
            for cell in &mut rows {
                if let [Value::Text(kind), Value::Text(name), Value::Text(of), Value::Integer(root), sql] =
                    cell.values.as_slice()
                {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let sql = if let Value::Text(sql) = sql { Some(text(sql)) } else { None };
                    let root = u32::try_from(*root).unwrap_or_default();
                    found.push(((text(kind), text(name), text(of), sql), root, cell.place));
                }
            }
            self.flaws.extend(rows.flaws.into_iter().map(|flaw| (Some(shape.name.clone()), None, flaw)));
        }
        let format = self.kind.format();
        let version = self.image.user_version;
        let header = |from, to, what: String| (None, None, Flaw::at(Place::file(from, to), what));
        if self.image.application != format.application {
            let what = format!("the file is not marked as a {} of ours", format.kind);
            self.flaws.push(header(68, 72, what));
        }
        if version != format.version {
            let what = format!(
                "the file has format {version}, and this release checks format {} only",
                format.version
            );
            let mut older = header(60, 64, what);
            older.2.may_be_a_crash = (1..format.version).contains(&version);
            self.flaws.push(older);
        }
        let misfits = |entries: &Vec<crate::image::shape::Entry>| {
            let strange = found.iter().filter(|(entry, ..)| !entries.contains(entry)).count();
            let missing = entries.iter().filter(|entry| !found.iter().any(|(one, ..)| one == *entry)).count();
            strange + missing
        };
        let expected = Arc::clone(&self.expected);
        let Some(nearest) = expected.schemas.iter().min_by_key(|entries| misfits(entries)) else { return };
        let table = Some("sqlite_schema".to_owned());
        for (entry, root, place) in &found {
            let known = nearest.contains(entry);
            let again = self.roots.contains_key(&entry.1);
            if known && !again {
                self.roots.insert(entry.1.clone(), *root);
            } else {
                let flaw = Flaw::at(*place, "a line of the schema is not one that this release writes");
                self.flaws.push((table.clone(), Some(entry.1.chars().take(40).collect()), flaw));
            }
        }
        for entry in nearest.iter().filter(|entry| !found.iter().any(|(one, ..)| one == *entry)) {
            let flaw =
                Flaw::at(Place::file(0, 4096), "this table or index is missing, or its line is altered");
            self.flaws.push((table.clone(), Some(entry.1.clone()), flaw));
        }
    }

    fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.expected.tables.iter().chain(&self.expected.indexes)
    }
}

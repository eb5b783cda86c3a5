//! One open SQLite file: its lock, its writer, its readers. Knows no table of either format.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Result, StoreError};
use crate::tables::Format;
use crate::writer::Writer;

/// Idle read connections that are kept open; more are opened when more threads read at once.
const IDLE_READERS: usize = 4;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 48;
/// How long SQLite waits for another process's lock, say a backup's.
const BUSY: Duration = Duration::from_secs(10);

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// What is acknowledged survives a power cut.
    Full,
    /// For files that are made anew when anything goes wrong.
    None,
}

/// An open file. Fields drop in order: readers close first, so that the writer is the last
/// connection and leaves the file whole, and the lock is let go at the very end.
pub(crate) struct Database {
    readers: Readers,
    pub(crate) writer: Writer,
    _lock: File,
}

impl Database {
    /// Opens or makes the file at `path`, and refuses one that is not of this `format`.
    pub fn open(path: &Path, format: &Format) -> Result<Self> {
        Self::open_as(path, format, Durability::Full)
    }

    /// The same with less care for the disk, where losing everything loses nothing.
    pub fn open_as(path: &Path, format: &Format, durability: Durability) -> Result<Self> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(at(directory))?;
        let lock = lock(directory, path)?;
        // Made here and not by SQLite, whose files are readable to others; its side files
        // inherit this one's mode.
        private_file(path).map_err(at(path))?;
        File::open(directory).and_then(|open| open.sync_all()).map_err(at(directory))?;

        let connection = open_writer(path, format, durability)?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        let writer = Writer::start(format!("store-{name}"), connection).map_err(at(path))?;
        let readers = Readers { path: path.to_owned(), idle: Mutex::default() };
        Ok(Self { readers, writer, _lock: lock })
    }

    /// Runs `job` on the writing thread; durable when this returns `Ok`.
    pub fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.submit(job).wait()
    }

    /// Runs `query` on a read connection. What it sees is durable already: with
    /// `synchronous=FULL` a commit becomes visible after its sync.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.readers.take()?;
        let found = query(&connection);
        self.readers.give_back(connection);
        found
    }

    /// Runs `query` on one unchanging view of the file, however many statements it needs.
    pub fn view<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            let found = query(&view);
            view.finish()?;
            found
        })
    }

    /// Carries the log over to the file, by a connection of its own.
    pub fn carry_log(&self) -> Result<()> {
        let connection = Connection::open_with_flags(&self.readers.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY)?;
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy { Err(StoreError::Damaged("the log could not be carried over")) } else { Ok(()) }
    }

    /// Why writing stopped, when it has.
    pub fn failure(&self) -> Option<StoreError> {
        self.writer.failure()
    }
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.idle().pop();
        match idle {
            Some(connection) => Ok(connection),
            None => open_reader(&self.path),
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE_READERS && connection.is_autocommit() {
            idle.push(connection);
        }
    }
}

/// Takes the lock file beside the database: SQLite alone would let two processes write in turn.
fn lock(directory: &Path, path: &Path) -> Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lock = directory.join(format!("{name}.lock"));
    let file = private_file(&lock).map_err(|source| StoreError::File { path: lock.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { directory: directory.to_owned(), name }),
        Err(TryLockError::Error(source)) => Err(StoreError::File { path: lock, source }),
    }
}

/// Opens a file for reading and writing, made readable to its owner only.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn open_writer(path: &Path, format: &Format, durability: Durability) -> Result<Connection> {
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    // Nothing in a file that is not ours, or newer than us, may be changed.
    let found = check_format(path, &connection, format)?;
    let journal: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::NoLog { file: path.to_owned() });
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -2048;",
    )?;
    connection.pragma_update(None, "secure_delete", format.secure_delete)?;
    if durability == Durability::None {
        connection.pragma_update(None, "synchronous", "OFF")?;
    }
    if found != Some(format.version) {
        let making = connection.transaction()?;
        match found {
            None => {
                making.execute_batch(format.schema)?;
                making.pragma_update(None, "application_id", format.application)?;
            }
            Some(version) => {
                let done = usize::try_from(version - 1).unwrap_or_default();
                for step in format.steps.iter().skip(done) {
                    making.execute_batch(step)?;
                }
            }
        }
        making.pragma_update(None, "user_version", format.version)?;
        making.commit()?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// The file's version of this format; nothing when it is new and empty.
fn check_format(path: &Path, connection: &Connection, format: &Format) -> Result<Option<i32>> {
    let foreign = || StoreError::ForeignFile { file: path.to_owned(), kind: format.kind };
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let application = match number("PRAGMA application_id") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        other => other?,
    };
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(None);
    }
    if application != format.application {
        return Err(foreign());
    }
    if version > format.version {
        return Err(StoreError::NewerFormat { file: path.to_owned(), found: version, known: format.version });
    }
    Ok(Some(version))
}

fn open_reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -1024;",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

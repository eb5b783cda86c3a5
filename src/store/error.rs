//! What can go wrong in this room, said so that an operator knows what to do.
//!
//! Messages name files and heights only: never a value that was to be stored.

use std::path::PathBuf;

/// The result of every operation of this room.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another part of this one, has the file open.
    #[error("`{name}` in `{}` is in use by another process: stop that one first, or name another directory", directory.display())]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// The database's file name in it.
        name: String,
    },
    /// The file was written by a later release.
    #[error("`{}` has format {found}, and this release knows formats up to {known}: use a newer release", file.display())]
    NewerFormat {
        /// The database file.
        file: PathBuf,
        /// The format number in the file.
        found: i32,
        /// The newest format number this release reads.
        known: i32,
    },
    /// The file is not a database of the expected kind.
    #[error("`{}` is not a {kind} database: it was left as it is", file.display())]
    ForeignFile {
        /// The file.
        file: PathBuf,
        /// What was expected in it.
        kind: &'static str,
    },
    /// A file or directory could not be made, opened or synced.
    #[error("cannot open `{}`: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file system lacks what SQLite's write-ahead log needs (shared memory, locks).
    #[error("`{}` cannot be written durably: its file system supports no write-ahead log", file.display())]
    NoLog {
        /// The database file.
        file: PathBuf,
    },
    /// The block is not the next one.
    #[error("block {height} cannot be applied: the next height is {expected}")]
    Gap {
        /// The only height that can be applied now.
        expected: u64,
        /// The height that was offered.
        height: u64,
    },
    /// A block is applied at this height already, and stays.
    #[error("a block is applied at height {height} already")]
    AlreadyApplied {
        /// The height that was offered.
        height: u64,
    },
    /// Other bytes are kept under the same identifier and version, and stay.
    #[error("another envelope is kept under this identifier and version")]
    OtherEnvelope,
    /// A consistency proof was asked for more entries than there are.
    #[error("the audit log has {size} entries, not {asked}")]
    AuditSize {
        /// Entries in the log.
        size: u64,
        /// The size that was asked for.
        asked: u64,
    },
    /// An earlier write failed, so nothing that follows can be promised to be durable.
    #[error("writing stopped after a failed write ({cause}): free or repair the disk, then start again")]
    Poisoned {
        /// What failed first.
        cause: String,
    },
    /// A number does not fit the file's integers, or stored bytes do not decode.
    #[error("a stored value is damaged or out of range: {0}")]
    Damaged(&'static str),
    /// SQLite refused or failed.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether a job that failed so must stop all writing: the disk or the file failed, and not
    /// a rule of ours or of the schema.
    pub(crate) fn is_fault(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            _ => false,
        }
    }
}

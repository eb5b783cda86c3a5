//! A vault made anew from rows that hold, and files put in the place of damaged ones.
//!
//! Decides nothing: which rows hold is judged elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use wardline_crypto::Digest;
use wardline_crypto::merkle::Frontier;

use crate::database::Database;
use crate::database::Durability;
use crate::error::{Result, StoreError};
use crate::sql::{execute, integer};
use crate::tables::VAULT;
use crate::vault::{Envelope, insert_envelope, insert_stanza, insert_token};

/// Names what is being swapped while it is.
pub const SWAP_MARK: &str = "repair.swap";

/// A new vault file, written in one transaction that [`NewVault::finish`] ends.
pub struct NewVault {
    connection: Connection,
    frontier: Frontier,
}

impl NewVault {
    /// Makes the file.
    ///
    /// # Errors
    /// When the system refuses, or there is one.
    pub fn create(path: &Path) -> Result<Self> {
        drop(Database::open_as(path, &VAULT, Durability::None)?);
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA synchronous = OFF; BEGIN IMMEDIATE")?;
        Ok(Self { connection, frontier: Frontier::new() })
    }

    /// Takes an envelope over, under its number where it had one; its wrapped key is empty where that is lost.
    /// `false` when the same one is there already.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn envelope(&self, number: Option<u64>, envelope: &Envelope) -> Result<bool> {
        let connection = &self.connection;
        let Envelope { object, version, content, pointer, bytes, stanza, .. } = envelope;
        let sql = "SELECT count(*) FROM envelope WHERE object = ?1 AND version = ?2 AND pointer = ?3";
        let there: u32 =
            connection.query_row(sql, params![object, version, pointer.bytes()], |row| row.get(0))?;
        if there > 0 {
            return Ok(false);
        }
        insert_envelope(connection, envelope)?;
        let mut row = connection.last_insert_rowid();
        if let Some(number) = number {
            let number = integer(number)?;
            execute(connection, "UPDATE envelope SET number = ?1 WHERE number = ?2", [number, row])?;
            row = number;
        }
        insert_stanza(connection, row, pointer, stanza)?;
        let sql = "INSERT INTO kept VALUES (?1, 1, ?2)
                   ON CONFLICT DO UPDATE SET envelopes = envelopes + 1, bytes = bytes + excluded.bytes";
        execute(connection, sql, params![content, integer(bytes.len() as u64)?])?;
        Ok(true)
    }

    /// Takes a search token over.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn token(&self, token: &[u8; 16], patient: &[u8; 16]) -> Result<()> {
        insert_token(&self.connection, token, patient)
    }

    /// Takes an entry of the audit log over with its leaf; an entry that is lost is empty.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn audit(&mut self, number: u64, leaf: &Digest, entry: &[u8]) -> Result<()> {
        let sql = "INSERT INTO audit VALUES (?1, ?2, ?3)";
        execute(&self.connection, sql, params![integer(number)?, leaf.bytes(), entry])?;
        self.frontier.append(*leaf);
        Ok(())
    }

    /// Writes the audit tree's edge and makes the file one that needs no log; durable when this returns.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(self, path: &Path) -> Result<()> {
        let sql = "INSERT INTO audit_tree VALUES (1, ?1)";
        if self.frontier.size() > 0 {
            execute(&self.connection, sql, [self.frontier.encode()])?;
        }
        self.connection.execute_batch("COMMIT")?;
        self.connection.flush_prepared_statement_cache();
        self.connection.close().map_err(|(_, error)| error)?;
        settle(path)
    }
}

/// Makes a closed file durable.
///
/// # Errors
/// When the system refuses.
pub fn settle(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| StoreError::File { path: path.to_owned(), source })
}

/// Puts the files `names` of `new` into `directory` and sets the ones there, with their logs, aside as
/// `NAME.damaged-STAMP`. Until it is done a mark keeps nodes from starting; [`finish_swap`] ends one that was interrupted.
///
/// # Errors
/// When the system refuses.
pub fn swap(directory: &Path, new: &Path, names: &[&str], stamp: &str) -> Result<()> {
    let mark = directory.join(SWAP_MARK);
    let failed = |source| StoreError::File { path: mark.clone(), source };
    let folder = new.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = [&[stamp, &folder], names].concat().join("\n");
    // Under another name first: a mark is whole or not there.
    let unfinished = directory.join(format!("{SWAP_MARK}.new"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).open(&unfinished).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, &mark).map_err(failed)?;
    sync_directory(directory)?;
    finish_swap(directory).map(drop)
}

/// Ends a swap that a mark in `directory` tells of. `false` when there is none.
///
/// # Errors
/// When the system refuses.
pub fn finish_swap(directory: &Path) -> Result<bool> {
    let mark = directory.join(SWAP_MARK);
    let text = match fs::read_to_string(&mark) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(StoreError::File { path: mark, source }),
    };
    let mut lines = text.lines();
    let (stamp, folder) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let new = directory.join(folder);
    for name in lines {
        let fresh = new.join(name);
        if !fresh.exists() {
            continue;
        }
        for ending in ["", "-wal"] {
            let old = directory.join(format!("{name}{ending}"));
            let aside = directory.join(format!("{name}{ending}.damaged-{stamp}"));
            if old.exists() && !aside.exists() {
                rename(&old, &aside)?;
            }
        }
        // The index of a log that is not there any more; SQLite makes its own.
        let _ = fs::remove_file(directory.join(format!("{name}-shm")));
        rename(&fresh, &directory.join(name))?;
    }
    sync_directory(directory)?;
    fs::remove_file(&mark).map_err(|source| StoreError::File { path: mark, source })?;
    let _ = fs::remove_dir_all(&new);
    sync_directory(directory)?;
    Ok(true)
}

fn rename(from: &Path, to: &PathBuf) -> Result<()> {
    fs::rename(from, to).map_err(|source| StoreError::File { path: from.to_owned(), source })
}

fn sync_directory(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|open| open.sync_all());
    synced.map_err(|source| StoreError::File { path: directory.to_owned(), source })
}

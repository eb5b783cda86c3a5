//! The vault's audit log: appended only, and hashed as a Merkle tree (RFC 6962) whose root the
//! branch publishes on the main chain. What an entry says is the node's business.

use rusqlite::{Connection, params};
use wardline_crypto::Digest;
use wardline_crypto::merkle::{self, Frontier};

use crate::error::{Result, StoreError};
use crate::sql::{all, digest, execute, integer, natural, one};
use crate::vault::Vault;

impl Vault {
    /// Appends the entry that `entry` makes of its own sequence number; durable when this
    /// returns. Numbers begin at 0 and have no gaps.
    ///
    /// Returns the number and the entry's leaf hash.
    pub fn append_audit(&self, entry: impl FnOnce(u64) -> Vec<u8> + Send + 'static) -> Result<(u64, Digest)> {
        self.database.write(move |connection| append(connection, entry))
    }

    /// Up to `limit` entries from number `from` on, ascending.
    pub fn audit(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        let Ok(from) = integer(from) else { return Ok(Vec::new()) };
        let params = (from, integer(limit as u64)?);
        let rows: Vec<(i64, Vec<u8>)> = self.database.read(|connection| {
            let sql = "SELECT number, entry FROM audit WHERE number >= ?1 ORDER BY number LIMIT ?2";
            all(connection, sql, params, |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        rows.into_iter().map(|(number, entry)| Ok((natural(number)?, entry))).collect()
    }

    /// The log's size and Merkle root. Reads one row, however long the log is.
    pub fn audit_root(&self) -> Result<(u64, Digest)> {
        let frontier = self.database.read(frontier)?;
        Ok((frontier.size(), frontier.root()))
    }

    /// The leaf hashes of the first `size` entries.
    ///
    /// # Errors
    /// [`StoreError::AuditSize`] when there are fewer.
    pub fn audit_leaves(&self, size: u64) -> Result<Vec<Digest>> {
        let leaves = self.database.read(|connection| {
            let sql = "SELECT leaf FROM audit WHERE number < ?1 ORDER BY number";
            all(connection, sql, [integer(size)?], |row| Ok(digest(row.get(0)?)))
        })?;
        let found = leaves.len() as u64;
        if found == size { Ok(leaves) } else { Err(StoreError::AuditSize { size: found, asked: size }) }
    }

    /// The RFC 6962 proof that the first `new` entries begin with the first `old` ones.
    ///
    /// # Errors
    /// [`StoreError::AuditSize`] when `old` is more than `new` or `new` more than there are.
    pub fn audit_consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>> {
        if old > new {
            return Err(StoreError::AuditSize { size: new, asked: old });
        }
        let leaves = self.audit_leaves(new)?;
        let old = usize::try_from(old).map_err(|_| StoreError::Damaged("a number beyond memory"))?;
        Ok(merkle::consistency_proof(&leaves, old))
    }
}

/// Appends an entry within a job, so that it stands or falls with what it tells of.
pub(crate) fn append(connection: &Connection, entry: impl FnOnce(u64) -> Vec<u8>) -> Result<(u64, Digest)> {
    let mut frontier = frontier(connection)?;
    let number = frontier.size();
    let entry = entry(number);
    let leaf = merkle::leaf_hash(&entry);
    frontier.append(leaf);
    let sql = "INSERT INTO audit VALUES (?1, ?2, ?3)";
    execute(connection, sql, params![integer(number)?, leaf.bytes(), entry])?;
    let sql = "INSERT INTO audit_tree VALUES (1, ?1)
               ON CONFLICT DO UPDATE SET frontier = excluded.frontier";
    execute(connection, sql, [frontier.encode()])?;
    Ok((number, leaf))
}

fn frontier(connection: &Connection) -> Result<Frontier> {
    let stored: Option<Vec<u8>> = one(connection, "SELECT frontier FROM audit_tree", [], |row| row.get(0))?;
    match stored {
        Some(bytes) => Frontier::decode(&bytes).map_err(|_| StoreError::Damaged("the audit tree")),
        None => Ok(Frontier::default()),
    }
}

//! A branch's vault: sealed envelopes, the wrapped keys that open them, search tokens, counts.
//! Knows no plaintext and no key; which copy is right is said by the chain, not here.

use std::path::Path;

use rusqlite::{Connection, params};
use wardline_crypto::Digest;

use crate::database::Database;
use crate::error::{Result, StoreError};
use crate::sql::{digest, execute, integer, natural, one};
use crate::tables::VAULT;

/// Search tokens that one query may name.
const MAX_QUERY_TOKENS: usize = 16;
/// How far the rows of a token are counted to see which token is the rarest.
const COUNT_AT_MOST: i64 = 1000;

/// A branch's vault file. Cheap to read from many threads; share it in an `Arc`.
pub struct Vault {
    pub(crate) database: Database,
}

/// A sealed object and what it is kept with.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// A record's temporary identifier or a patient's identifier.
    pub object: [u8; 16],
    /// The object's version.
    pub version: u32,
    /// The content code of the envelope's header (record, identity).
    pub content: u8,
    /// SHA-256 of `bytes`.
    pub pointer: Digest,
    /// The envelope.
    pub bytes: Vec<u8>,
    /// The data key, or a share of it, wrapped to this branch.
    pub stanza: Vec<u8>,
}

/// What became of an envelope that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept now.
    New,
    /// The same envelope was kept before; nothing was changed.
    Already,
}

/// The wrapped key of the newest version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStanza {
    /// The version it belongs to.
    pub version: u32,
    /// SHA-256 of that version's envelope.
    pub pointer: Digest,
    /// The stanza's bytes.
    pub stanza: Vec<u8>,
}

/// How much of one content is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Envelopes, each version counted.
    pub envelopes: u64,
    /// Their bytes, without wrapped keys.
    pub bytes: u64,
}

impl Vault {
    /// Opens or makes the file at `path`, and its directory (owner only).
    ///
    /// # Errors
    /// When another process has it open, when it is of another kind or a newer format, and when
    /// the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open(path.as_ref(), &VAULT)? })
    }

    /// Why this store no longer writes, when it has stopped ([`StoreError::Poisoned`]).
    pub fn failure(&self) -> Option<StoreError> {
        self.database.failure()
    }

    /// Keeps an envelope with its wrapped key, durably. Putting the same one again is no error
    /// and changes nothing, its first stanza included.
    ///
    /// # Errors
    /// [`StoreError::OtherEnvelope`] when another one is kept for this object and version.
    pub fn put_envelope(&self, envelope: Envelope) -> Result<Kept> {
        self.database.write(move |connection| put_envelope(connection, &envelope))
    }

    /// The newest version of an object's envelope.
    pub fn envelope(&self, object: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        self.database.read(|connection| {
            let sql = "SELECT bytes FROM envelope WHERE object = ?1 ORDER BY version DESC LIMIT 1";
            one(connection, sql, [object], |row| row.get(0))
        })
    }

    /// The wrapped key of the newest version of an object.
    pub fn stanza(&self, object: &[u8; 16]) -> Result<Option<KeptStanza>> {
        self.database.read(|connection| {
            let sql = "SELECT version, pointer, stanza.bytes
                       FROM envelope JOIN stanza ON stanza.envelope = number
                       WHERE object = ?1 ORDER BY version DESC LIMIT 1";
            one(connection, sql, [object], |row| {
                let pointer = digest(row.get(1)?);
                Ok(KeptStanza { version: row.get(0)?, pointer, stanza: row.get(2)? })
            })
        })
    }

    /// Makes `tokens` the search tokens of a patient, in place of those before.
    pub fn put_tokens(&self, patient: [u8; 16], tokens: &[[u8; 16]]) -> Result<()> {
        let tokens = tokens.to_vec();
        self.database.write(move |connection| {
            execute(connection, "DELETE FROM token WHERE patient = ?1", [patient])?;
            for token in &tokens {
                let sql = "INSERT INTO token VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                execute(connection, sql, [token, &patient])?;
            }
            Ok(())
        })
    }

    /// Up to `limit` patients that have every one of `tokens`, in the order of their
    /// identifiers. No token, no patient; tokens past the sixteenth are not looked at.
    pub fn search(&self, tokens: &[[u8; 16]], limit: usize) -> Result<Vec<[u8; 16]>> {
        let limit = integer(limit as u64)?;
        self.database.view(|connection| search(connection, tokens, limit))
    }

    /// How much of one content code is kept.
    pub fn counts(&self, content: u8) -> Result<Counts> {
        let found = self.database.read(|connection| {
            let sql = "SELECT envelopes, bytes FROM kept WHERE content = ?1";
            one(connection, sql, [content], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        let (envelopes, bytes) = found.unwrap_or((0, 0));
        Ok(Counts { envelopes: natural(envelopes)?, bytes: natural(bytes)? })
    }
}

fn put_envelope(connection: &Connection, envelope: &Envelope) -> Result<Kept> {
    let sql = "SELECT pointer FROM envelope WHERE object = ?1 AND version = ?2";
    let known = one(connection, sql, params![envelope.object, envelope.version], |row| row.get(0))?;
    match known.map(digest) {
        Some(pointer) if pointer == envelope.pointer => return Ok(Kept::Already),
        Some(_) => return Err(StoreError::OtherEnvelope),
        None => {}
    }
    let Envelope { object, version, content, pointer, bytes, stanza } = envelope;
    let sql = "INSERT INTO envelope (object, version, content, pointer, bytes)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(connection, sql, params![object, version, content, pointer.bytes(), bytes])?;
    let number = connection.last_insert_rowid();
    execute(connection, "INSERT INTO stanza VALUES (?1, ?2)", params![number, stanza])?;
    let sql = "INSERT INTO kept VALUES (?1, 1, ?2)
               ON CONFLICT DO UPDATE SET envelopes = envelopes + 1, bytes = bytes + excluded.bytes";
    execute(connection, sql, params![content, integer(bytes.len() as u64)?])?;
    Ok(Kept::New)
}

fn search(connection: &Connection, tokens: &[[u8; 16]], limit: i64) -> Result<Vec<[u8; 16]>> {
    let mut wanted: Vec<(i64, [u8; 16])> = Vec::new();
    for token in tokens.iter().take(MAX_QUERY_TOKENS) {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM token WHERE token = ?1 LIMIT ?2)";
        let rows = one(connection, sql, params![token, COUNT_AT_MOST], |row| row.get(0))?;
        wanted.push((rows.unwrap_or(0), *token));
    }
    // The rarest token leads: the others are only looked up for its patients.
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = "SELECT patient FROM token AS lead WHERE token = ?2".to_owned();
    for parameter in 3..wanted.len() + 2 {
        sql += &format!(
            " AND EXISTS (SELECT 1 FROM token WHERE token = ?{parameter} AND patient = lead.patient)"
        );
    }
    sql += " ORDER BY patient LIMIT ?1";
    let mut statement = connection.prepare_cached(&sql)?;
    statement.raw_bind_parameter(1, limit)?;
    for (place, (_, token)) in wanted.iter().enumerate() {
        statement.raw_bind_parameter(place + 2, token)?;
    }
    Ok(statement.raw_query().mapped(|row| row.get(0)).collect::<rusqlite::Result<_>>()?)
}

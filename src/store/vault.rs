//! A branch's vault: sealed envelopes, the wrapped keys that open them, search tokens, counts.
//! Knows no plaintext and no key; which copy is right is said by the chain, not here.

use std::path::Path;

use rusqlite::{Connection, params};
use wardline_crypto::Digest;

use crate::audit;
use crate::checksums;
use crate::database::Database;
use crate::error::{Result, StoreError};
use crate::sql::{all, digest, execute, integer, natural, one};
use crate::tables::VAULT;
use crate::writer::Pending;

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
    /// The branch that a record was made at; none for an identity.
    pub home: Option<u16>,
    /// The member of staff who left it here; none for an identity.
    pub author: Option<[u8; 16]>,
    /// SHA-256 of `bytes`.
    pub pointer: Digest,
    /// The envelope.
    pub bytes: Vec<u8>,
    /// The data key, or a share of it, wrapped to this branch.
    pub stanza: Vec<u8>,
    /// The search tokens of the patient whose identity this is; none for a record.
    pub tokens: Vec<[u8; 16]>,
}

/// What the chain says about an envelope that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet: the first one that comes keeps its place, and another under its name is refused, unless it comes
    /// from the same home and author, whose first attempt may have broken off.
    Open,
    /// It is the one that the network agreed on: kept whatever else came under its name.
    Agreed,
}

/// What became of an envelope that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept now.
    New,
    /// The same envelope was kept before; nothing was changed.
    Already,
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

    /// Keeps an envelope with its wrapped key, its search tokens in place of the patient's former ones, and the audit
    /// entry that `entry` makes of its own sequence number: all of it, durably, or none. Putting the same envelope
    /// again is no error and changes nothing, its first stanza and tokens included.
    ///
    /// # Errors
    /// [`StoreError::OtherEnvelope`] when the chain says nothing yet and another envelope, or the same one of another
    /// home, is kept for this object and version.
    pub fn put_envelope(
        &self,
        envelope: Envelope,
        standing: Standing,
        entry: impl FnOnce(u64) -> Vec<u8> + Send + 'static,
    ) -> Result<Kept> {
        self.submit_envelope(envelope, standing, entry).wait()
    }

    /// Keeps many envelopes, each whole or not at all, with as few commits as the writer can: outcomes in their order.
    pub fn put_envelopes<E>(&self, puts: Vec<(Envelope, Standing, E)>) -> Vec<Result<Kept>>
    where
        E: FnOnce(u64) -> Vec<u8> + Send + 'static,
    {
        let under_way: Vec<_> = puts
            .into_iter()
            .map(|(envelope, standing, entry)| self.submit_envelope(envelope, standing, entry))
            .collect();
        under_way.into_iter().map(Pending::wait).collect()
    }

    fn submit_envelope(
        &self,
        envelope: Envelope,
        standing: Standing,
        entry: impl FnOnce(u64) -> Vec<u8> + Send + 'static,
    ) -> Pending<Kept> {
        self.database.writer.submit(move |connection| {
            let kept = put_envelope(connection, &envelope, standing)?;
            if kept == Kept::New {
                audit::append(connection, entry)?;
            }
            Ok(kept)
        })
    }

    /// The pointer of the first envelope of a `content` that was kept for an object and version: what there is while
    /// the chain names none.
    pub fn first_kept(&self, object: &[u8; 16], version: u32, content: u8) -> Result<Option<Digest>> {
        let found = self.database.read(|connection| {
            let sql = "SELECT pointer FROM envelope WHERE object = ?1 AND version = ?2 AND content = ?3
                       ORDER BY number LIMIT 1";
            one(connection, sql, params![object, version, content], |row| row.get(0))
        })?;
        Ok(found.map(digest))
    }

    /// The envelope of an object and version that has this `pointer`. There is no newest one: anybody may have left
    /// something under a higher version, and the chain alone says which counts.
    pub fn envelope(&self, object: &[u8; 16], version: u32, pointer: &Digest) -> Result<Option<Vec<u8>>> {
        self.database.read(|connection| {
            let sql = "SELECT bytes FROM envelope WHERE object = ?1 AND version = ?2 AND pointer = ?3";
            one(connection, sql, params![object, version, pointer.bytes()], |row| row.get(0))
        })
    }

    /// The wrapped key of the envelope of an object and version that has this `pointer`.
    pub fn stanza(&self, object: &[u8; 16], version: u32, pointer: &Digest) -> Result<Option<Vec<u8>>> {
        self.database.read(|connection| {
            let sql = "SELECT stanza.bytes FROM envelope JOIN stanza ON stanza.envelope = number
                       WHERE object = ?1 AND version = ?2 AND pointer = ?3";
            one(connection, sql, params![object, version, pointer.bytes()], |row| row.get(0))
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

fn put_envelope(connection: &Connection, envelope: &Envelope, standing: Standing) -> Result<Kept> {
    let Envelope { object, version, content, home, author, pointer, bytes, stanza, tokens } = envelope;
    let sql =
        "SELECT pointer, home, author FROM envelope WHERE object = ?1 AND version = ?2 AND content = ?3";
    let known: Vec<(Digest, Option<u16>, Option<[u8; 16]>)> =
        all(connection, sql, params![object, version, content], |row| {
            Ok((digest(row.get(0)?), row.get(1)?, row.get(2)?))
        })?;
    let taken = |(kept, from, by): &(Digest, Option<u16>, Option<[u8; 16]>)| {
        let again = author.is_some() && by == author;
        from != home || !(kept == pointer || again)
    };
    if standing == Standing::Open && known.iter().any(taken) {
        return Err(StoreError::OtherEnvelope);
    }
    if known.iter().any(|(kept, ..)| kept == pointer) {
        return Ok(Kept::Already);
    }
    insert_envelope(connection, envelope)?;
    let number = connection.last_insert_rowid();
    insert_stanza(connection, number, pointer, stanza)?;
    let sql = "INSERT INTO kept VALUES (?1, 1, ?2)
               ON CONFLICT DO UPDATE SET envelopes = envelopes + 1, bytes = bytes + excluded.bytes";
    execute(connection, sql, params![content, integer(bytes.len() as u64)?])?;
    // Only by an identity: a record that was given a patient's identifier must not take the patient's terms away.
    if !tokens.is_empty() {
        execute(connection, "DELETE FROM token WHERE patient = ?1", [object])?;
    }
    for token in tokens {
        insert_token(connection, token, object)?;
    }
    Ok(Kept::New)
}

/// Writes an envelope's row under the next number.
pub(crate) fn insert_envelope(connection: &Connection, envelope: &Envelope) -> Result<()> {
    let Envelope { object, version, content, home, author, pointer, bytes, .. } = envelope;
    let author_bytes = author.as_ref().map(<[u8; 16]>::as_slice);
    let checksum = checksums::of_envelope(object, *version, *content, *home, author_bytes, pointer.bytes());
    let sql = "INSERT INTO envelope (object, version, content, home, author, pointer, bytes, checksum)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let pointer = pointer.bytes();
    execute(connection, sql, params![object, version, content, home, author, pointer, bytes, checksum])?;
    Ok(())
}

/// Writes the wrapped key of the envelope with this number.
pub(crate) fn insert_stanza(
    connection: &Connection,
    number: i64,
    pointer: &Digest,
    stanza: &[u8],
) -> Result<()> {
    let checksum = checksums::of_stanza(pointer.bytes(), stanza);
    let sql = "INSERT INTO stanza (envelope, bytes, checksum) VALUES (?1, ?2, ?3)";
    execute(connection, sql, params![number, stanza, checksum])?;
    Ok(())
}

/// Writes a search token, once.
pub(crate) fn insert_token(connection: &Connection, token: &[u8; 16], patient: &[u8; 16]) -> Result<()> {
    let sql = "INSERT INTO token (token, patient, checksum) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    execute(connection, sql, params![token, patient, checksums::of_token(token, patient)])?;
    Ok(())
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

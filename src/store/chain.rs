//! One chain on disk: its blocks, the state after the newest one, the tree over that state, the
//! transactions that wait. Does not know whether a block is valid; applies what it is handed,
//! whole or not at all, one height after the other.

use std::path::Path;

use rusqlite::{Connection, params};
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Changes, Handover, Key, LinkEntry, PatientId, RecordId, StateProof,
    StateUnavailable, StateView, TreeNodes, TreeUpdate,
};

use crate::database::{Database, Durability};
use crate::error::{Result, StoreError};
use crate::sql::{all, digest, execute, integer, natural, one};
use crate::tables::{CHAIN, STALE_VERSIONS};

/// One chain's file. Cheap to read from many threads; share it in an `Arc`.
pub struct ChainStore {
    database: Database,
}

/// The newest block of the applied state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its height.
    pub height: u64,
    /// SHA-256 of its header.
    pub digest: Digest,
}

/// A height, its header's bytes and, where there is one, its certificate.
pub type KeptHeader = (u64, Vec<u8>, Option<Vec<u8>>);

/// A block with everything that follows from it, as the ledger's rules computed it.
#[derive(Debug)]
pub struct AppliedBlock {
    /// One more than the newest applied height; 0 in an empty store.
    pub height: u64,
    /// SHA-256 of the header.
    pub digest: Digest,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The identifiers of the body's transactions, in their order.
    pub transactions: Vec<Digest>,
    /// What the block does to the state.
    pub changes: Changes,
    /// What it does to the tree over the state; its version is the height.
    pub tree: TreeUpdate,
}

impl ChainStore {
    /// Opens or makes the file at `path`, and its directory (owner only).
    ///
    /// # Errors
    /// When another process has it open, when it is of another kind or a newer format, and when
    /// the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open(path.as_ref(), &CHAIN)? })
    }

    /// The same for a file that is made to be compared or swapped in: nothing waits for the disk, so a power cut may
    /// leave anything.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_scratch(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open_as(path.as_ref(), &CHAIN, Durability::None)? })
    }

    /// The newest applied block; `None` before the genesis block is applied.
    pub fn applied(&self) -> Result<Option<Applied>> {
        self.database.read(applied)
    }

    /// Why this store no longer writes, when it has stopped ([`StoreError::Poisoned`]).
    pub fn failure(&self) -> Option<StoreError> {
        self.database.failure()
    }

    /// Carries the log over to the file, so that the file alone is everything.
    ///
    /// # Errors
    /// When somebody reads meanwhile, or the system refuses.
    pub fn carry_log(&self) -> Result<()> {
        self.database.carry_log()
    }

    /// Applies the next block: all of it is durable when this returns, or none of it is there.
    ///
    /// # Errors
    /// [`StoreError::Gap`] and [`StoreError::AlreadyApplied`] when the height is not the next.
    pub fn apply(&self, block: AppliedBlock) -> Result<()> {
        self.database.write(move |connection| apply(connection, &block))
    }

    /// Keeps the certificate of a height, whose block may still be unapplied. Certificates of
    /// one block differ in who signed; the first one kept stays.
    pub fn put_certificate(&self, height: u64, certificate: &[u8]) -> Result<()> {
        let certificate = certificate.to_vec();
        self.database.write(move |connection| {
            let sql = "INSERT INTO certificate VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            execute(connection, sql, params![integer(height)?, certificate])?;
            Ok(())
        })
    }

    /// The header at a height.
    pub fn header(&self, height: u64) -> Result<Option<Vec<u8>>> {
        self.bytes("SELECT bytes FROM header WHERE height = ?1", height)
    }

    /// The body at a height.
    pub fn body(&self, height: u64) -> Result<Option<Vec<u8>>> {
        self.bytes("SELECT bytes FROM body WHERE height = ?1", height)
    }

    /// The certificate at a height.
    pub fn certificate(&self, height: u64) -> Result<Option<Vec<u8>>> {
        self.bytes("SELECT bytes FROM certificate WHERE height = ?1", height)
    }

    fn bytes(&self, sql: &str, height: u64) -> Result<Option<Vec<u8>>> {
        // No block is that high, so there is nothing: callers pass on what others ask for.
        let Ok(height) = integer(height) else { return Ok(None) };
        self.database.read(|connection| one(connection, sql, [height], |row| row.get(0)))
    }

    /// Up to `limit` applied headers from height `from` on, ascending.
    pub fn headers(&self, from: u64, limit: usize) -> Result<Vec<KeptHeader>> {
        let sql = "SELECT height, header.bytes, certificate.bytes
                   FROM header LEFT JOIN certificate USING (height)
                   WHERE height >= ?1 ORDER BY height LIMIT ?2";
        let Ok(from) = integer(from) else { return Ok(Vec::new()) };
        let params = (from, integer(limit as u64)?);
        let rows: Vec<(i64, _, _)> = self.database.read(|connection| {
            all(connection, sql, params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })?;
        rows.into_iter()
            .map(|(height, header, certificate)| Ok((natural(height)?, header, certificate)))
            .collect()
    }

    /// Where an applied transaction stands: its height and its index in the body.
    pub fn find_transaction(&self, id: &Digest) -> Result<Option<(u64, u32)>> {
        let found = self.database.read(|connection| {
            let sql = "SELECT height, position FROM tx WHERE id = ?1";
            one(connection, sql, [id.bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        found.map(|(height, position)| Ok((natural(height)?, position))).transpose()
    }

    /// Puts a transaction in the queue, durably. `false` when it waits or is applied already.
    pub fn admit_waiting(&self, id: Digest, transaction: &[u8]) -> Result<bool> {
        let admitted = self.admit_all_waiting(vec![(id, transaction.to_vec())])?;
        Ok(admitted == [true])
    }

    /// Puts transactions in the queue, durably and all or none; for each whether it is new there.
    pub fn admit_all_waiting(&self, transactions: Vec<(Digest, Vec<u8>)>) -> Result<Vec<bool>> {
        self.database.write(move |connection| {
            let sql = "INSERT INTO waiting (id, bytes)
                       SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM tx WHERE id = ?1)
                       ON CONFLICT DO NOTHING";
            let admit = |(id, bytes): &(Digest, Vec<u8>)| {
                Ok(execute(connection, sql, params![id.bytes(), bytes])? == 1)
            };
            transactions.iter().map(admit).collect()
        })
    }

    /// The waiting transactions in the order of their arrival, as many as fit in `max_bytes`.
    pub fn waiting(&self, max_bytes: usize) -> Result<Vec<(Digest, Vec<u8>)>> {
        self.database.read(|connection| {
            let sql = "SELECT id, bytes FROM waiting ORDER BY arrival";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            let mut room = max_bytes;
            while let Some(row) = rows.next()? {
                let bytes: Vec<u8> = row.get(1)?;
                let Some(left) = room.checked_sub(bytes.len()) else { break };
                room = left;
                found.push((digest(row.get(0)?), bytes));
            }
            Ok(found)
        })
    }

    /// Takes transactions out of the queue; those that do not wait are passed over.
    pub fn drop_waiting(&self, ids: &[Digest]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.database.write(move |connection| drop_waiting(connection, &ids))
    }

    /// The records linked to a patient and where each was made, in the order of their index:
    /// what the patient's entry in the state proves whole.
    pub fn links_of(&self, patient: &PatientId) -> Result<Vec<(RecordId, BranchId)>> {
        self.database.read(|connection| {
            let sql = "SELECT record, branch FROM link WHERE patient = ?1 ORDER BY position";
            all(connection, sql, [patient.bytes()], |row| {
                Ok((RecordId::from_bytes(row.get(0)?), BranchId(row.get(1)?)))
            })
        })
    }

    /// The validators of an epoch, proven under the state root of the last block before it; kept
    /// for ever, while other proofs can be made of the newest state only. `None` for epoch 0 and
    /// for epochs that no applied block leads to.
    pub fn handover(&self, epoch: u64) -> Result<Option<Handover>> {
        let Ok(key) = integer(epoch) else { return Ok(None) };
        let found = self.database.read(|connection| {
            let sql = "SELECT value, proof FROM handover WHERE epoch = ?1";
            one(connection, sql, [key], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
        })?;
        let Some((set, proof)) = found else { return Ok(None) };
        let proof = StateProof::from_bytes(&proof).map_err(|_| StoreError::Damaged("a proof"))?;
        Ok(Some(Handover { epoch, set, proof }))
    }

    /// The newest value of a state key.
    pub fn get_state(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.database.read(|connection| value(connection, key))
    }

    /// Runs `read` on one unchanging state, while blocks go on being applied: a proof, or
    /// several values that must belong together.
    pub fn view<T>(&self, read: impl FnOnce(&ChainView<'_>) -> Result<T>) -> Result<T> {
        self.database.view(|connection| read(&ChainView { connection }))
    }
}

/// The state after one block, for as long as [`ChainStore::view`] runs.
pub struct ChainView<'a> {
    connection: &'a Connection,
}

impl ChainView<'_> {
    /// The block that this state follows from.
    pub fn applied(&self) -> Result<Option<Applied>> {
        applied(self.connection)
    }
}

impl StateView for ChainView<'_> {
    fn get(&self, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StateUnavailable> {
        value(self.connection, key).map_err(unavailable)
    }
}

impl TreeNodes for ChainView<'_> {
    fn node(&self, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StateUnavailable> {
        node(self.connection, key).map_err(unavailable)
    }
}

impl StateView for ChainStore {
    fn get(&self, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StateUnavailable> {
        self.get_state(key).map_err(unavailable)
    }
}

impl TreeNodes for ChainStore {
    fn node(&self, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StateUnavailable> {
        self.database.read(|connection| node(connection, key)).map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> StateUnavailable {
    StateUnavailable(error.to_string())
}

fn applied(connection: &Connection) -> Result<Option<Applied>> {
    let sql = "SELECT height, digest FROM header ORDER BY height DESC LIMIT 1";
    one(connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?
        .map(|(height, bytes)| Ok(Applied { height: natural(height)?, digest: digest(bytes) }))
        .transpose()
}

fn apply(connection: &Connection, block: &AppliedBlock) -> Result<()> {
    let expected = applied(connection)?.map_or(0, |newest| newest.height + 1);
    if block.height < expected {
        return Err(StoreError::AlreadyApplied { height: block.height });
    }
    if block.height > expected {
        return Err(StoreError::Gap { expected, height: block.height });
    }
    let height = integer(block.height)?;
    let header = params![height, block.digest.bytes(), block.header];
    execute(connection, "INSERT INTO header VALUES (?1, ?2, ?3)", header)?;
    execute(connection, "INSERT INTO body VALUES (?1, ?2)", params![height, block.body])?;
    for (position, id) in block.transactions.iter().enumerate() {
        // The rules keep a transaction from being applied twice; the index is no place to
        // refuse a block that the network has agreed on.
        let sql = "INSERT INTO tx VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        execute(connection, sql, params![id.bytes(), height, integer(position as u64)?])?;
    }
    apply_state(connection, &block.changes)?;
    apply_tree(connection, block.height, &block.tree)?;
    drop_waiting(connection, &block.transactions)
}

fn apply_state(connection: &Connection, changes: &Changes) -> Result<()> {
    for (key, change) in changes {
        match change {
            Some(value) => {
                let sql = "INSERT INTO state VALUES (?1, ?2)
                           ON CONFLICT DO UPDATE SET value = excluded.value";
                execute(connection, sql, params![key, value])?;
                index_link(connection, key, value)?;
            }
            None => {
                execute(connection, "DELETE FROM state WHERE key = ?1", [key])?;
            }
        }
    }
    Ok(())
}

/// Keeps the list of a patient's records, which the state alone holds only record by record.
fn index_link(connection: &Connection, key: &[u8], value: &[u8]) -> Result<()> {
    const LINK: u8 = Key::Link(RecordId::from_bytes([0; 16])).prefix();
    let Some((&LINK, record)) = key.split_first() else { return Ok(()) };
    let entry = LinkEntry::decode(value).map_err(|_| StoreError::Damaged("a link"))?;
    let sql = "INSERT INTO link VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET record = excluded.record, branch = excluded.branch";
    let params = params![entry.patient.bytes(), integer(entry.index)?, record, entry.branch.0];
    execute(connection, sql, params)?;
    Ok(())
}

fn apply_tree(connection: &Connection, version: u64, tree: &TreeUpdate) -> Result<()> {
    for (key, node) in &tree.nodes {
        execute(connection, "INSERT OR REPLACE INTO tree VALUES (?1, ?2)", params![key, node])?;
    }
    for key in &tree.stale {
        let sql = "INSERT INTO stale VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        execute(connection, sql, params![integer(version)?, key])?;
    }
    if let Some(Handover { epoch, set, proof }) = &tree.handover {
        let sql = "INSERT INTO handover VALUES (?1, ?2, ?3)";
        execute(connection, sql, params![integer(*epoch)?, set, proof.bytes()])?;
    }
    if let Some(old) = version.checked_sub(STALE_VERSIONS) {
        let old = integer(old)?;
        let sql = "DELETE FROM tree WHERE key IN (SELECT key FROM stale WHERE since <= ?1)";
        execute(connection, sql, [old])?;
        execute(connection, "DELETE FROM stale WHERE since <= ?1", [old])?;
    }
    Ok(())
}

fn drop_waiting(connection: &Connection, ids: &[Digest]) -> Result<()> {
    for id in ids {
        execute(connection, "DELETE FROM waiting WHERE id = ?1", [id.bytes()])?;
    }
    Ok(())
}

fn value(connection: &Connection, key: &[u8]) -> Result<Option<Vec<u8>>> {
    one(connection, "SELECT value FROM state WHERE key = ?1", [key], |row| row.get(0))
}

fn node(connection: &Connection, key: &[u8]) -> Result<Option<Vec<u8>>> {
    one(connection, "SELECT node FROM tree WHERE key = ?1", [key], |row| row.get(0))
}

//! The two file formats: their permanent numbers and their tables, in one place.
//!
//! What each column holds is told in `docs/format/store.md`. A number once given is never given
//! again: a changed table is a new format version with a step that leads to it from the one
//! before.

mod former;

/// A kind of database file.
pub(crate) struct Format {
    /// What people call it.
    pub kind: &'static str,
    /// SQLite's `application_id`: four letters, so that `file` and we know whose it is.
    pub application: i32,
    /// SQLite's `user_version`.
    pub version: i32,
    /// The tables of `version`.
    pub schema: &'static str,
    /// The tables of each version before, from 1 on: what a file may have begun with.
    pub formerly: &'static [&'static str],
    /// What leads to each version from the one before; the first is that from version 1 to 2.
    pub steps: &'static [&'static str],
    /// Whether freed pages are overwritten: what was erased must not linger in the file.
    pub secure_delete: bool,
}

/// One chain: blocks, applied state, state tree, waiting transactions. `WLch`.
pub(crate) const CHAIN: Format = Format {
    kind: "chain",
    application: 0x574c_6368,
    version: 1,
    secure_delete: false,
    formerly: &[],
    steps: &[],
    schema: "
CREATE TABLE header (
    height INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE body (
    height INTEGER PRIMARY KEY REFERENCES header (height),
    bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE certificate (
    height INTEGER PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE tx (
    id       BLOB PRIMARY KEY CHECK (length(id) = 32),
    height   INTEGER NOT NULL REFERENCES header (height),
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    key   BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tree (
    key  BLOB PRIMARY KEY,
    node BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stale (
    since INTEGER NOT NULL,
    key   BLOB NOT NULL,
    PRIMARY KEY (since, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE handover (
    epoch INTEGER PRIMARY KEY,
    value BLOB NOT NULL,
    proof BLOB NOT NULL
) STRICT;
CREATE TABLE link (
    patient  BLOB NOT NULL CHECK (length(patient) = 16),
    position INTEGER NOT NULL,
    record   BLOB NOT NULL CHECK (length(record) = 16),
    branch   INTEGER NOT NULL,
    PRIMARY KEY (patient, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE waiting (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    bytes   BLOB NOT NULL
) STRICT;
",
};

/// A branch's sealed records and its audit log. `WLva`.
pub(crate) const VAULT: Format = Format {
    kind: "vault",
    application: 0x574c_7661,
    version: 3,
    secure_delete: true,
    formerly: former::VAULT,
    steps: &[
        // Who left a record, so that the same person may try again: unknown of what was kept before.
        "ALTER TABLE envelope ADD COLUMN author BLOB CHECK (length(author) = 16)",
        // What nothing else proves against damage: unknown of what was kept before.
        "ALTER TABLE envelope ADD COLUMN checksum BLOB CHECK (length(checksum) = 8);
         ALTER TABLE stanza ADD COLUMN checksum BLOB CHECK (length(checksum) = 8);
         ALTER TABLE token ADD COLUMN checksum BLOB CHECK (length(checksum) = 8)",
    ],
    schema: "
CREATE TABLE envelope (
    number  INTEGER PRIMARY KEY,
    object  BLOB NOT NULL CHECK (length(object) = 16),
    version INTEGER NOT NULL,
    content INTEGER NOT NULL,
    home    INTEGER,
    pointer BLOB NOT NULL CHECK (length(pointer) = 32),
    bytes   BLOB NOT NULL,
    author  BLOB CHECK (length(author) = 16),
    checksum BLOB CHECK (length(checksum) = 8),
    UNIQUE (object, version, pointer)
) STRICT;
CREATE TABLE stanza (
    envelope INTEGER PRIMARY KEY REFERENCES envelope (number),
    bytes    BLOB NOT NULL,
    checksum BLOB CHECK (length(checksum) = 8)
) STRICT;
CREATE TABLE kept (
    content   INTEGER PRIMARY KEY,
    envelopes INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
) STRICT;
CREATE TABLE token (
    token   BLOB NOT NULL CHECK (length(token) = 16),
    patient BLOB NOT NULL CHECK (length(patient) = 16),
    checksum BLOB CHECK (length(checksum) = 8),
    PRIMARY KEY (token, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_of_patient ON token (patient);
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    leaf   BLOB NOT NULL CHECK (length(leaf) = 32),
    entry  BLOB NOT NULL
) STRICT;
CREATE TABLE audit_tree (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    frontier BLOB NOT NULL
) STRICT;
",
};

/// How many versions an outdated tree node outlives the block that replaced it.
pub(crate) const STALE_VERSIONS: u64 = 64;

//! The tables of earlier format versions: files that began with them are brought to the present one, and whoever
//! checks a file must know both spellings of its schema.

/// The vault's, from version 1 on.
pub(super) const VAULT: &[&str] = &[
    "
CREATE TABLE envelope (
    number  INTEGER PRIMARY KEY,
    object  BLOB NOT NULL CHECK (length(object) = 16),
    version INTEGER NOT NULL,
    content INTEGER NOT NULL,
    home    INTEGER,
    pointer BLOB NOT NULL CHECK (length(pointer) = 32),
    bytes   BLOB NOT NULL,
    UNIQUE (object, version, pointer)
) STRICT;
CREATE TABLE stanza (
    envelope INTEGER PRIMARY KEY REFERENCES envelope (number),
    bytes    BLOB NOT NULL
) STRICT;
CREATE TABLE kept (
    content   INTEGER PRIMARY KEY,
    envelopes INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
) STRICT;
CREATE TABLE token (
    token   BLOB NOT NULL CHECK (length(token) = 16),
    patient BLOB NOT NULL CHECK (length(patient) = 16),
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
    "
CREATE TABLE envelope (
    number  INTEGER PRIMARY KEY,
    object  BLOB NOT NULL CHECK (length(object) = 16),
    version INTEGER NOT NULL,
    content INTEGER NOT NULL,
    home    INTEGER,
    pointer BLOB NOT NULL CHECK (length(pointer) = 32),
    bytes   BLOB NOT NULL,
    author  BLOB CHECK (length(author) = 16),
    UNIQUE (object, version, pointer)
) STRICT;
CREATE TABLE stanza (
    envelope INTEGER PRIMARY KEY REFERENCES envelope (number),
    bytes    BLOB NOT NULL
) STRICT;
CREATE TABLE kept (
    content   INTEGER PRIMARY KEY,
    envelopes INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
) STRICT;
CREATE TABLE token (
    token   BLOB NOT NULL CHECK (length(token) = 16),
    patient BLOB NOT NULL CHECK (length(patient) = 16),
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
];

//! Tests of the room: what it promises, and what it does when the disk or the process fails.

mod audit;
mod chain;
mod faults;
mod files;
mod vault;

use tempfile::TempDir;
use wardline_crypto::Digest;

use crate::{ChainStore, Envelope, Kept, Result, Standing, Vault};

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn chain(directory: &TempDir) -> ChainStore {
    ChainStore::open(directory.path().join("main.sqlite")).unwrap()
}

fn vault(directory: &TempDir) -> Vault {
    Vault::open(directory.path().join("vault.sqlite")).unwrap()
}

/// Puts an envelope of which the chain says nothing yet.
fn put(vault: &Vault, envelope: Envelope) -> Result<Kept> {
    vault.put_envelope(envelope, Standing::Open, |_| b"kept".to_vec())
}

/// An envelope of made-up bytes that only `seed` decides.
fn envelope(seed: u8, size: usize) -> Envelope {
    let bytes = vec![seed; size];
    Envelope {
        object: [seed; 16],
        version: 1,
        content: 1,
        home: Some(1),
        author: Some([1; 16]),
        pointer: Digest::of(&bytes),
        bytes,
        stanza: vec![seed, 1, 2, 3],
        tokens: Vec::new(),
    }
}

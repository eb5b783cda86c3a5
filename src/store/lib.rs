//! SQLite: the only room with a database.
//!
//! [`ChainStore`] holds one chain (blocks, applied state, state tree, waiting transactions),
//! [`Vault`] a branch's sealed records and its audit log. Both are synchronous: a write returns
//! when it is durable, so call them where blocking is allowed. Both may be shared by many
//! threads; one thread per file writes, and commits the jobs of many callers at once.
//!
//! This room keeps bytes and decides nothing: which block is valid and who may read what is
//! said elsewhere. It never sees a plaintext record or an unwrapped key.

mod audit;
mod chain;
pub mod checksums;
mod database;
mod error;
mod image;
mod inspect;
mod salvage;
mod sql;
mod tables;
mod vault;
mod writer;

pub use chain::{Applied, AppliedBlock, ChainStore, ChainView, KeptHeader};
pub use error::{Result, StoreError};
pub use image::Place;
pub use inspect::{Fault, FileKind, StoppedFile, StoppedLock, StoredRow, StoredRows};
pub use salvage::{NewVault, SWAP_MARK, finish_swap, settle, swap};
pub use vault::{Counts, Envelope, Kept, Standing, Vault};

#[cfg(test)]
mod tests;

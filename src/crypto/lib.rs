//! Everything a cryptography reviewer reads: digests, signatures, envelopes, wrapped keys, key
//! files, search tokens and Merkle trees.
//!
//! This room is pure. It opens no file, reads no clock, and takes randomness only through
//! [`Entropy`]; it knows nothing of patients, ledgers or networks beyond the bytes it is handed.
//! Every byte it produces is specified in `docs/format/crypto.md`.
//!
//! Two rules hold throughout. Whatever opens something fails with the one opaque [`OpenError`],
//! so that a failure tells nobody which check refused. And whatever is secret is wiped when it is
//! dropped, prints as `<secret>`, and cannot be cloned.

mod agreement;
mod data_key;
mod digest;
mod entropy;
mod envelope;
mod error;
mod hex;
mod hpke;
mod import_key;
mod kdf;
mod key_file;
mod label;
pub mod merkle;
mod padding;
mod reader;
mod release;
mod search;
mod secret;
mod segment;
mod share;
mod signature;
mod stanza;
mod suite;
mod triple_des;
pub mod zip215;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod vectors;

pub use agreement::{AgreementKey, AgreementPublic};
pub use data_key::DataKey;
pub use digest::{Digest, Hasher};
pub use entropy::{Entropy, OsEntropy, SeededEntropy, array};
pub use envelope::{Content, FrameError, HEADER_LEN, Header, MAX_ENVELOPE, MAX_PLAIN, open, peek, seal};
pub use error::{KeyError, OpenError, SealError};
pub use hex::HexError;
pub use hpke::{open_from, seal_to};
pub use import_key::ImportKey;
pub use key_file::{Cost, FileKind, KeyFileError, Unlocked, lock, read_public, unlock};
pub use label::Domain;
pub use release::{ReleaseContext, accept, release};
pub use search::SearchKey;
pub use secret::{Secret, SecretBytes};
pub use share::Share;
pub use signature::{PublicKey, Signature, SigningKey};
pub use stanza::{Held, MAX_STANZA_BODY, Stanza, WrapContext, combine, unwrap, wrap_shares, wrap_whole};
pub use suite::Suite;

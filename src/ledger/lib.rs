//! What a valid ledger is: bytes, blocks, transactions, rules, proofs, certificates, light client.
//!
//! Pure: no I/O, no clock, no randomness of its own. Everything that is signed or stored is specified in
//! `docs/format/ledger.md`, well enough that a second verifier can be written from it alone.

mod answer;
mod block;
mod body;
pub mod certificate;
mod codec;
pub mod evidence;
mod genesis;
#[cfg(test)]
mod golden;
mod grant;
mod header;
mod id;
pub mod light;
mod overlay;
mod path;
mod proven;
mod registry;
mod replay;
#[cfg(test)]
mod roundtrip;
pub mod rules;
mod spoken;
pub mod state;
#[cfg(test)]
mod testing;
mod tip;
mod transaction;
pub mod tree;
mod verdict;

pub use answer::{Answer, SignedAnswer};
pub use block::{
    BlockRefusal, BuiltBlock, HeaderError, MAX_AHEAD_S, Proposal, build_block, build_empty_block,
    check_block, check_header, follows, replay_block,
};
pub use body::{
    Access, Assent, Custody, Enrol, Link, Lookup, MAX_CONSISTENCY, MAX_IDENTITY, MAX_REASON, MAX_RECEIPTS,
    Receipt, Storage,
};
pub use certificate::{CertificateError, Signed, Signers};
pub use codec::{Canonical, DecodeError, Reader, Writer};
pub use genesis::{Genesis, GenesisBlock, GenesisError, namespace};
pub use grant::{Grant, GrantError};
pub use header::{
    BodyError, HEADER_LEN, HEADER_VERSION, Header, MAX_BODY, MAX_TRANSACTION, MAX_TRANSACTIONS, body_matches,
    committed_body, decode_body, encode_body, ends_epoch, epoch_of, transaction_root,
};
pub use id::{BadId, BranchId, Chain, LookupId, NetworkId, PatientId, RecordId, StaffId, TxId};
pub use light::{Advanced, Certificates, Checkpoint, Given, Invalid, Job, VerifiedHeader};
pub use overlay::{Overlay, State};
pub use path::{Step, TrustPath};
pub use proven::{ProvenHead, Unproven};
pub use registry::{
    EntryError, FIRST_KEY_EPOCH, MAX_ADDRESS, MAX_GRANT_S, MAX_NAME, MAX_PARTICIPANTS, MAX_STAFF,
    MAX_VALIDATORS, NetworkPolicy, Participant, Registry, RegistryEntry, SUITES, StaffEntry, Subject,
};
pub use replay::{Replay, ResumeError};
pub use rules::{BlockContext, Refusal, Selection};
pub use spoken::{StateWord, state_word};
pub use state::{
    AccessEntry, Changes, CopyError, Key, LinkEntry, LookupEntry, PatientEntry, RecordEntry,
    StateUnavailable, StateView, ValidatorSet, VerdictEntry, check_copy, link_leaf,
};
pub use tip::SignedTip;
pub use transaction::{Approval, Author, Body, MAX_APPROVALS, Scope, Transaction};
pub use tree::{Handover, ProofError, StateProof, TreeError, TreeNodes, TreeUpdate};
pub use verdict::{Lack, MAX_NAMED, Named, Verdict};

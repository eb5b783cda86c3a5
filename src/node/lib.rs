//! A running branch: where the engine meets the ledger's rules, and the branch's HTTPS API.
//!
//! The node knows neither what is in a record nor how a console looks. It holds ciphertext, wrapped keys, and the
//! applied state of its chains, and answers by them alone; every check is named in `docs/format/node.md`.

mod agreement;
mod api;
mod application;
mod audit;
mod branch;
mod check;
mod clock;
mod mirror;
mod node;
mod pool;
mod repair;
mod secrets;
mod settings;
mod tips;
mod verified;

pub use api::openapi::openapi;
pub use application::OpenError;
pub use check::{
    ChainFound, CheckError, CheckProgress, CheckReport, CheckVerdict, Scratch, VaultFound, check,
};
pub use clock::{Clock, SystemClock};
pub use node::{DEMO, Node, StartError};
pub use repair::{ChainRepaired, PeerHeaders, Peers, RepairError, RepairReport, repair};
pub use secrets::{BranchAddresses, BranchSecrets, SecretsError};
pub use settings::{Limits, NodeSettings, PeerAddresses};
pub use wardline_store::{Fault, Place};

#[cfg(test)]
mod tests;

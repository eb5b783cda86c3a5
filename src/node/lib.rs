//! A running branch: where the engine meets the ledger's rules, and the branch's HTTPS API.
//!
//! The node knows neither what is in a record nor how a console looks. It holds ciphertext, wrapped keys, and the
//! applied state of its chains, and answers by them alone; every check is named in `docs/format/node.md`.

mod agreement;
mod api;
mod application;
mod audit;
mod branch;
mod clock;
mod mirror;
mod node;
mod pool;
mod secrets;
mod settings;
mod tips;
mod verified;

pub use api::openapi::openapi;
pub use application::OpenError;
pub use clock::{Clock, SystemClock};
pub use node::{DEMO, Node, StartError};
pub use secrets::{BranchAddresses, BranchSecrets, SecretsError};
pub use settings::{Limits, NodeSettings, PeerAddresses};

#[cfg(test)]
mod tests;

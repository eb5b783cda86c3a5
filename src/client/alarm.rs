//! What was found, and where it goes.

use crate::{
    answer::SignedBody,
    group::{Inner, locked},
};
use std::sync::Arc;
use wardline_ledger::{Chain, SignedTip};

/// A block as a *block* line of `docs/format/evidence.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certified {
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) certificate: Vec<u8>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    Fork { chain: Chain, ours: Certified, theirs: Certified, from: u16 },
    Contradiction { chain: Chain, block: Certified, tip: SignedTip },
    Rollback { chain: Chain, earlier: SignedTip, later: SignedTip },
    Forged { chain: Chain, proof: Arc<SignedBody> },
}

impl Inner {
    pub(crate) async fn raise(&self, finding: Finding) {
        locked(&self.found).push(finding);
    }
}

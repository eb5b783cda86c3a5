//! Why what is kept of a chain, or what somebody gives of it, is not taken.

use wardline_ledger::{Chain, Invalid};

/// Why kept checkpoints cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read or written.
    #[error("the checkpoint `{path}` cannot be used: {cause}")]
    File {
        /// The file.
        path: String,
        /// The system's word.
        cause: String,
    },
    /// The file is damaged.
    #[error(
        "the checkpoint `{path}` is damaged: move it away, and everything is verified again from the genesis"
    )]
    Damaged {
        /// The file.
        path: String,
    },
    /// The file is whole and does not prove what it says.
    #[error(
        "the checkpoint `{path}` does not prove itself ({why}): somebody changed it; move it away, and everything is \
         verified again from the genesis"
    )]
    Unproven {
        /// The file.
        path: String,
        /// What does not hold.
        why: String,
    },
    /// The file is of another network or chain.
    #[error("the checkpoint `{path}` is of another network: give each network a folder of its own")]
    OtherNetwork {
        /// The file.
        path: String,
    },
    /// The genesis block cannot be made.
    #[error("the genesis block cannot be made: {0}")]
    Genesis(String),
    /// What was verified before is not in the chain.
    #[error(
        "ALARM: block `{height}` of the {chain} chain is another one than the certified block that was verified here \
         before; a quorum's keys signed both, nothing more of this chain is believed or kept"
    )]
    Conflict {
        /// The chain.
        chain: Chain,
        /// The height of both blocks.
        height: u64,
    },
}

/// Why headers are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They do not hold.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// They hold, and so does what was verified before and is something else.
    #[error(transparent)]
    Conflict(#[from] TrustError),
}

//! What can go wrong, each in one line that says what to do. Never patient data, never key material.

use crate::{branch::BranchError, trust::TrustError};
use wardline_ledger::Chain;
use wardline_record::FieldError;
use wardline_wire::Problem;

/// Most characters of a branch's message that are passed on.
const MESSAGE_MAX: usize = 300;

/// A branch's refusal, cleaned of control characters and cut to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemDetail {
    /// HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// To find the event in the branch's log.
    pub id: String,
}

impl ProblemDetail {
    pub(crate) fn new(status: u16, problem: Problem) -> Self {
        Self { status, code: clean(&problem.code), message: clean(&problem.message), id: clean(&problem.id) }
    }
}

/// Text from outside, safe to show on one line.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect()
}

/// Why something could not be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// Session, settings and genesis are not of one network.
    #[error("the {0} is for another network: check which files this console uses")]
    OtherNetwork(&'static str),
    /// The session's branch is not in the network.
    #[error("branch `{0}` of this key file is not in the network: ask for a new key file")]
    UnknownBranch(u16),
    /// An address cannot be used.
    #[error("address of branch `{branch}` must be like `https://host:port`")]
    Address {
        /// The branch.
        branch: u16,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up on this machine: {0}")]
    Tls(String),
    /// The kept checkpoints cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The session ended.
    #[error("the session has ended: unlock again")]
    SessionOver,
    /// The session's branch keeps to the main chain.
    #[error("your branch is not on the side chain: patients are handled at trusted branches only")]
    NoSideChain,
    /// The chain is not verified as far as that.
    #[error("there is no verified block `{height}` of the {chain} chain yet")]
    NoBlock {
        /// The chain.
        chain: Chain,
        /// The height that was asked for.
        height: u64,
    },
    /// Nobody answered.
    #[error("no branch answered ({0}): check this machine's network and try again")]
    AllSilent(String),
    /// Branches answered, none usefully.
    #[error("no branch gave a usable answer ({0})")]
    NoneUsable(String),
    /// Every branch answered with the same refusal.
    #[error("every branch answers: {0}")]
    EveryBranch(String),
    /// One branch that was needed.
    #[error("{branch}: {error}")]
    Branch {
        /// Its name.
        branch: String,
        /// What happened.
        error: BranchError,
    },
    /// A branch said what does not verify.
    #[error("{branch} gave an answer that does not verify: {what}")]
    Unverified {
        /// Its name.
        branch: String,
        /// What does not hold.
        what: String,
    },
    /// Nobody has this name.
    #[error("no branch is called `{name}`; there are {known}")]
    NoSuchBranch {
        /// What was asked for.
        name: String,
        /// Every branch.
        known: String,
    },
    /// A range of blocks that is not there.
    #[error("there are no such blocks: the newest of the {chain} chain is `{newest}`")]
    NoSuchBlocks {
        /// Which chain.
        chain: wardline_ledger::Chain,
        /// The newest height that a branch claims.
        newest: u64,
    },
    /// An open alarm stops writing.
    #[error(
        "an open alarm stops writing (alarm `{id}`, {kind}: {what}): an operator, a supervisor or an auditor looks \
         into it and closes it"
    )]
    Alarm {
        /// The alarm's.
        id: String,
        /// In capitals.
        kind: &'static str,
        /// What it is about, for people.
        what: String,
    },
    /// Evidence cannot be made.
    #[error("no evidence can be made: {0}")]
    NoEvidence(String),
    /// What was made could not be written.
    #[error("cannot be written: {0}")]
    Output(String),
    /// A rule of the ledger refuses.
    #[error("refused: {0}")]
    Refused(String),
    /// A form has errors.
    #[error("{}", fields(.0))]
    Fields(Vec<FieldError>),
    /// What was typed has no term to search for.
    #[error("type at least two letters of a name, a birth date or a patient's number")]
    NothingToSearch,
    /// A transaction is not final yet.
    #[error("handed in and not yet agreed after {seconds} s: it goes on by itself, look again in a moment")]
    NotFinal {
        /// How long was waited.
        seconds: u64,
    },
    /// Keeping a record stopped at a step.
    #[error("{step}: {why}. {safe}")]
    Stopped {
        /// What did not happen.
        step: &'static str,
        /// Why.
        why: String,
        /// What is safe, and what to do.
        safe: String,
    },
    /// Something else is agreed or kept under a record's identifier.
    #[error("record `{0}`: another content or another author's record is kept under this identifier")]
    Conflict(wardline_ledger::RecordId),
    /// Sealing failed on this machine.
    #[error("cannot be sealed on this machine: {0}")]
    Seal(String),
    /// A thread of this program failed.
    #[error("a worker of this program failed: start it again")]
    Worker,
}

fn fields(errors: &[FieldError]) -> String {
    match errors {
        [] => "the form has errors".to_owned(),
        [one] => format!("{}: {}", one.field, one.message),
        [first, rest @ ..] => format!("{}: {} (and {} more)", first.field, first.message, rest.len()),
    }
}

//! Many branches at once: fetch, verify, compare, seal, open. It believes nothing that it can check.
//!
//! A [`Group`] is an unlocked session with every branch of the network. Each answer is compared with two verified
//! chains that grow from checkpoints kept on disk; a branch's word alone is never shown as a fact. This room does no
//! drawing and takes no passphrase from anybody: callers bring settings, genesis, key file and passphrase.

mod alarm;
mod answer;
mod auditors;
mod bisect;
mod blocks;
mod branch;
mod bulk;
mod clock;
mod copies;
pub mod cores;
mod enrol;
mod envelopes;
mod error;
mod finalities;
mod finality;
mod given;
mod group;
mod history;
mod keep;
mod keys;
mod links;
mod lookup;
mod opening;
mod overview;
mod proof;
mod prove;
mod race;
mod registry;
mod seal;
mod search;
mod session;
mod settings;
mod staff;
mod standing;
mod stream;
mod sync;
mod tally;
mod tls;
mod trust;
mod verdict;
mod verify;
mod watch;

#[cfg(test)]
mod tests;

pub use alarm::{Alarm, AlarmKind, Closed, headline};
pub use auditors::AuditorVerdict;
pub use bisect::{Bisection, Difference};
pub use blocks::{BlockBody, BlockDetail, BlockLine, Certified, GivenBody, TransactionView};
pub use branch::BranchError;
pub use bulk::NewRecord;
pub use clock::{Clock, SystemClock};
pub use error::{ClientError, ProblemDetail};
pub use finality::Final;
pub use given::GivenHeaders;
pub use group::{BranchInfo, Group};
pub use history::{AnswerState, BranchAnswer, History, Row, RowState, Wholeness};
pub use keep::{Added, Progress};
pub use lookup::FinalLookup;
pub use overview::{BranchView, BranchWord, Head, Overview};
pub use prove::{MadeEvidence, ToProve, check_evidence, write_evidence};
pub use registry::session_length_s;
pub use search::{Candidate, SearchOutcome};
pub use session::Session;
pub use settings::{DEADLINE_MS, Settings, SettingsError};
pub use staff::{
    NewStaff, StaffFileError, StaffKeys, StaffPublic, UnlockError, approve, read_staff_file, unlock,
};
pub use trust::{Conflict, Refused, Trust, TrustError};
pub use verdict::{Check, CustodyReceipt, CustodyReceipts, RecordVerdict};
pub use verify::{
    ArchiveError, Audit, Auditor, BadCopy, BranchChain, ChainReport, Copies, Depth, Earlier, ExportRequest,
    Exported, Fault, RecordsReport, Standing, Unheard, Verdict, Verification, VerifyProgress, VerifyRequest,
    verify_archive,
};
pub use watch::{Cell, StripBranch, StripCell, StripRow, StripView};

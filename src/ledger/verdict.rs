//! What an auditor says of the sealed records: main chain. It names records and branches, never a patient.
//!
//! Shape and bytes only; whether it may be said is the rules' business.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, RecordId};
use wardline_crypto::Digest;

/// Most copies that a verdict names.
pub const MAX_NAMED: usize = 64;

/// What is wrong with a copy of a sealed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The branch signed custody of it and says that it has none.
    Missing,
    /// The branch gave other bytes than those of the pointer.
    Altered,
    /// The branch gave no answer; nothing is known of the copy.
    Unanswered,
}

impl Lack {
    /// The word for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Unanswered => "unanswered",
        }
    }

    /// Whether the copy is known to be bad.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Missing | Self::Altered)
    }
}

impl Canonical for Lack {
    fn write(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Missing => 1,
            Self::Altered => 2,
            Self::Unanswered => 3,
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("lack")? {
            1 => Ok(Self::Missing),
            2 => Ok(Self::Altered),
            3 => Ok(Self::Unanswered),
            code => Err(DecodeError::UnknownCode { what: "lack", code: code.into() }),
        }
    }
}

/// A copy that a verdict names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The record's temporary ID.
    pub record: RecordId,
    /// Whose copy.
    pub branch: BranchId,
    /// What is wrong with it.
    pub lack: Lack,
}

impl Canonical for Named {
    fn write(&self, w: &mut Writer) {
        self.record.write(w);
        self.branch.write(w);
        self.lack.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: RecordId::read(r)?, branch: BranchId::read(r)?, lack: Lack::read(r)? })
    }
}

/// "Up to this main block I recomputed the digest of every record's newest version at two branches that signed custody
/// of it." The newest verdict of an auditor stands for all that the auditor found so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Every copy was fetched when the main chain was at this height or later: the last time that all were.
    pub since: u64,
    /// The main block up to which records were checked.
    pub height: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// Records that were checked.
    pub records: u64,
    /// Copies that are missing or altered.
    pub bad: u64,
    /// Copies of which nothing was heard.
    pub unheard: u64,
    /// Such copies, ascending by record and branch: all of them, or 64 when they are more.
    pub named: Vec<Named>,
}

impl Canonical for Verdict {
    fn write(&self, w: &mut Writer) {
        w.u64(self.since);
        w.u64(self.height);
        self.digest.write(w);
        w.u64(self.records);
        w.u64(self.bad);
        w.u64(self.unheard);
        w.list(&self.named);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            since: r.u64("height")?,
            height: r.u64("height")?,
            digest: Digest::read(r)?,
            records: r.u64("records")?,
            bad: r.u64("bad copies")?,
            unheard: r.u64("unanswered copies")?,
            named: r.sorted(MAX_NAMED, "named copies", |named: &Named| (named.record, named.branch))?,
        })
    }
}

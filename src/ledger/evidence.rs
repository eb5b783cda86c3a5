//! Evidence: what was seen, in a form that anybody judges offline with SHA-256 of the genesis alone.
//!
//! `docs/format/evidence.md` is the specification. Here are the decoded parts and the judgement; how a file and an
//! answer's body are spelled in JSON is the wire's affair.

mod answer;
mod error;
mod ground;
mod judge;

pub use answer::{Bodies, CertifiedBytes, GivenLinks, HeadersIn};
pub use error::{Fault, NotEvidence, Refuted};
pub use judge::{Claim, Forged, Proven, Seen, SignedBy, Verdict, judge};

use crate::id::{Chain, NetworkId};
use crate::path::Step;
use wardline_crypto::Digest;

/// Most bytes of an evidence file: 64 MiB.
pub const MAX_EVIDENCE: usize = 64 * 1024 * 1024;

/// What a piece of evidence claims. The names are permanent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A transaction is in a final block.
    Inclusion,
    /// Two final blocks of one height.
    Fork,
    /// A branch signed another block than the final one.
    Contradiction,
    /// A branch's own word went back.
    Rollback,
    /// A branch answered with a header or certificate that cannot be.
    Forged,
    /// A branch answered with another envelope than the agreed one.
    Altered,
    /// A branch answered that it has not what it signed for.
    Missing,
    /// A branch answered with a patient's list that is not the whole one.
    Omission,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Inclusion,
        Self::Fork,
        Self::Contradiction,
        Self::Rollback,
        Self::Forged,
        Self::Altered,
        Self::Missing,
        Self::Omission,
    ];

    /// The permanent name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inclusion => "inclusion",
            Self::Fork => "fork",
            Self::Contradiction => "contradiction",
            Self::Rollback => "rollback",
            Self::Forged => "forged",
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Omission => "omission",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A file's content, nothing of it believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it claims.
    pub kind: Kind,
    /// The network that it says it is of.
    pub network: NetworkId,
    /// The chain that it is about.
    pub chain: Chain,
    /// The genesis document.
    pub genesis: Vec<u8>,
    /// Changes of validators, each with the epoch that the file says it leads to.
    pub steps: Vec<(u64, Step)>,
    /// Registry entries that are not as in the genesis document.
    pub members: Vec<Member>,
    /// The parts, in the file's order.
    pub parts: Vec<Part>,
    /// Who saw it; nobody in an inclusion.
    pub witness: Option<Witness>,
}

/// A proven registry entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose it is.
    pub entry: Entry,
    /// The block under whose state root it is proven.
    pub block: FinalBlock,
    /// The state proof of presence.
    pub proof: Vec<u8>,
}

/// A registry entry's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The value of `Participant(id)`.
    Participant(Vec<u8>),
    /// The value of `Staff(id)`.
    Staff(Vec<u8>),
}

/// A part of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A final block.
    Block(FinalBlock),
    /// A transaction of the block before.
    Transaction(Included),
    /// A signed tip.
    Tip(Vec<u8>),
    /// What a branch answered.
    Answer(Answered),
}

/// A header and those after it up to the one that a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalBlock {
    /// The headers' bytes, ascending.
    pub headers: Vec<Vec<u8>>,
    /// The last one's certificate.
    pub certificate: Vec<u8>,
}

/// A transaction and its way to a header's transaction root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Its bytes.
    pub transaction: Vec<u8>,
    /// Its place in the block.
    pub index: u64,
    /// RFC 6962 inclusion proof.
    pub inclusion: Vec<Digest>,
}

/// A question and its signed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Canonical bytes of the signed answer.
    pub answer: Vec<u8>,
    /// The request line.
    pub request: Vec<u8>,
    /// The request's body.
    pub asked: Vec<u8>,
    /// The answer's body, or the stream's item.
    pub body: Vec<u8>,
}

/// Whose console saw it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// SHA-256 of what the signature is over: the file before its last line.
    pub sum: Digest,
    /// Unix seconds.
    pub seen_s: u64,
    /// The session grant's canonical bytes.
    pub grant: Vec<u8>,
    /// The session key's signature.
    pub signature: Vec<u8>,
}

impl Witness {
    /// What the session key signs, in the domain of evidence.
    pub fn signed_bytes(sum: &Digest, seen_s: u64) -> Vec<u8> {
        [sum.as_ref(), &seen_s.to_be_bytes()].concat()
    }
}

#[cfg(test)]
mod tests;

//! What a branch answered, bound to its signature; and what of an answer's body counts.

use super::Answered;
use super::error::NotEvidence;
use super::ground::Ground;
use crate::answer::{Answer, SignedAnswer};
use crate::codec::{Canonical, DecodeError, Reader};
use crate::id::{BranchId, Chain, NetworkId, PatientId, RecordId};
use wardline_crypto::Digest;

/// Most bytes of a request line's texts.
const LINE_MAX: usize = 16 * 1024;

/// A header's bytes and the certificate beside it.
pub type CertifiedBytes = (Vec<u8>, Option<Vec<u8>>);

/// Where in an answer's body headers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadersIn {
    /// A list of headers.
    Headers,
    /// One block, or the block of state proofs.
    Block,
    /// The item of a stream.
    Stream,
}

/// A patient's list as a branch gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenLinks {
    /// The header that it is under.
    pub header: Vec<u8>,
    /// The patient's entry, or that there is none.
    pub value: Option<Vec<u8>>,
    /// The proof of either.
    pub proof: Vec<u8>,
    /// The list's records.
    pub records: Vec<RecordId>,
    /// The branch that each was made at.
    pub branches: Vec<u16>,
}

/// How bodies of requests and answers are read. Nothing where they are not what they should be.
pub trait Bodies {
    /// The headers of an answer.
    fn headers(&self, place: HeadersIn, body: &[u8]) -> Option<Vec<CertifiedBytes>>;
    /// The records that envelopes were asked of.
    fn records(&self, asked: &[u8]) -> Option<Vec<RecordId>>;
    /// The envelopes that were given.
    fn envelopes(&self, body: &[u8]) -> Option<Vec<Option<Vec<u8>>>>;
    /// The patient whose list was asked for.
    fn patient(&self, asked: &[u8]) -> Option<PatientId>;
    /// The list.
    fn links(&self, body: &[u8]) -> Option<GivenLinks>;
}

/// The bytes that a session signs for a request (`docs/format/node.md`), as far as they count here.
struct Line {
    network: NetworkId,
    branch: BranchId,
    min_main: u64,
    path: String,
    body: Digest,
}

impl Line {
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let (network, branch) = (Digest::read(&mut r)?, BranchId::read(&mut r)?);
        let _boot: [u8; 16] = r.array("boot nonce")?;
        let _counter = r.u64("counter")?;
        let (min_main, _min_side) = (r.u64("minimum height")?, r.u64("minimum height")?);
        let _method = r.text(LINE_MAX, "method")?;
        let target = r.text(LINE_MAX, "target")?;
        let body = Digest::read(&mut r)?;
        r.finish()?;
        let path = target.split('?').next().unwrap_or_default().to_owned();
        Ok(Self { network, branch, min_main, path, body })
    }
}

/// An answer that its branch signed, to exactly this request, with exactly this body.
pub(super) struct Said<'a> {
    pub(super) branch: BranchId,
    pub(super) time_s: u64,
    /// The main chain's height that the branch had to have reached.
    pub(super) min_main: u64,
    /// 0 for a whole answer, from 1 for the items of a stream.
    part: u32,
    path: String,
    pub(super) asked: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Said<'a> {
    pub(super) fn of(answered: &'a Answered, ground: &Ground) -> Result<Self, NotEvidence> {
        let malformed = |what| move |error| NotEvidence::AnswerMalformed { what, error };
        let signed = SignedAnswer::decode(&answered.answer).map_err(malformed("signed answer"))?;
        let Answer { network, branch, request, status, body, time_s, part } = &signed.answer;
        if *network != ground.network {
            return Err(NotEvidence::AnswerElsewhere("answer"));
        }
        if !signed.verify(&ground.branch(*branch)?.signing) {
            return Err(NotEvidence::AnswerSignature(*branch));
        }
        if *status != 200 {
            return Err(NotEvidence::AnswerStatus(*status));
        }
        if Digest::of(&answered.request) != *request {
            return Err(NotEvidence::AnswerOther("request"));
        }
        if Digest::of(&answered.body) != *body {
            return Err(NotEvidence::AnswerOther("answer's body"));
        }
        let line = Line::decode(&answered.request).map_err(malformed("request line"))?;
        if line.network != ground.network {
            return Err(NotEvidence::AnswerElsewhere("request"));
        }
        if line.branch != *branch {
            return Err(NotEvidence::AnswerBranch { asked: line.branch, answered: *branch });
        }
        if Digest::of(&answered.asked) != line.body {
            return Err(NotEvidence::AnswerOther("request's body"));
        }
        Ok(Self {
            branch: *branch,
            time_s: *time_s,
            min_main: line.min_main,
            part: *part,
            path: line.path,
            asked: &answered.asked,
            body: &answered.body,
        })
    }

    /// Where headers of this chain are in the answer, if it has any.
    pub(super) fn headers_in(&self, chain: Chain) -> Option<HeadersIn> {
        let rest = self.path.strip_prefix(&format!("/v1/{chain}/"))?;
        match rest {
            "headers" => Some(HeadersIn::Headers),
            "proofs" => Some(HeadersIn::Block),
            "stream" => Some(HeadersIn::Stream),
            _ => {
                let height = rest.strip_prefix("blocks/")?;
                let is_number = !height.is_empty() && height.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then_some(HeadersIn::Block)
            }
        }
    }

    /// Whether it is a stream's item, and not a whole answer.
    pub(super) fn is_part(&self) -> bool {
        self.part > 0
    }

    pub(super) fn is_about(&self, path: &str) -> bool {
        self.path == path
    }
}

//! Answers with their branches' signatures: what a branch said, so that it can't deny it.
//!
//! It must not judge what an answer says.

use crate::branch::BranchError;
use bytes::Bytes;
use std::sync::Arc;
use wardline_crypto::{Digest, PublicKey};
use wardline_ledger::{BranchId, Canonical, NetworkId, SignedAnswer};
use wardline_wire::Base64;

/// What somebody answered, and the signature under it.
#[derive(Clone, Debug)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) proof: Arc<SignedBody>,
}

/// A question and its signed answer, as `docs/format/evidence.md` wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedBody {
    /// The request line.
    pub(crate) request: Vec<u8>,
    /// The request's body.
    pub(crate) asked: Vec<u8>,
    /// The answer's body, or the item of a stream.
    pub(crate) body: Vec<u8>,
    pub(crate) answer: SignedAnswer,
}

/// What an answer must be signed for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) network: NetworkId,
    pub(crate) branch: BranchId,
    /// The branch's registered signing key.
    pub(crate) key: PublicKey,
    pub(crate) line: Vec<u8>,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The answer, once its branch's signature over it is checked.
    ///
    /// # Errors
    /// When the signature is missing, or is of something else.
    pub(crate) fn signed(
        &self,
        signature: &str,
        part: u32,
        body: Vec<u8>,
    ) -> Result<SignedBody, BranchError> {
        let malformed = |what: &str| BranchError::Malformed(what.to_owned());
        let unsigned = || malformed("without its signature over the answer");
        let bytes: Base64 = signature.parse().map_err(|_| unsigned())?;
        let answer = SignedAnswer::decode(&bytes.0).map_err(|_| unsigned())?;
        let said = &answer.answer;
        let other = [
            (said.network == self.network, "with a signature for another network"),
            (said.branch == self.branch, "with a signature of another branch"),
            (said.request == Digest::of(&self.line), "with a signature for another request"),
            (said.part == part, "with a signature over another part"),
            (said.status == 200, "with a signature over another status"),
            (said.body == Digest::of(&body), "with a signature over another body"),
        ];
        if let Some((_, what)) = other.into_iter().find(|(same, _)| !same) {
            return Err(malformed(what));
        }
        if !answer.verify(&self.key) {
            return Err(malformed("with a signature that does not hold"));
        }
        Ok(SignedBody { request: self.line.clone(), asked: self.body.to_vec(), body, answer })
    }
}

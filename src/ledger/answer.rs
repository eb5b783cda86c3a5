//! A branch's signature under one of its answers: who lies in an answer can't deny it afterwards.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, NetworkId};
use wardline_crypto::{Digest, Domain, PublicKey, Signature, SigningKey};

/// "To this request I answered this."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The network.
    pub network: NetworkId,
    /// Who answers.
    pub branch: BranchId,
    /// SHA-256 of the request line that the session signed.
    pub request: Digest,
    /// 0 for an answer that is whole; in a stream its items count from 1.
    pub part: u32,
    /// The HTTP status.
    pub status: u16,
    /// SHA-256 of the answer's body, or of the stream's item, as sent.
    pub body: Digest,
    /// The branch's clock, Unix seconds.
    pub time_s: u64,
}

/// An answer with its branch's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAnswer {
    /// What is signed.
    pub answer: Answer,
    /// By the participant's signing key, [`Domain::Answer`] over everything before it.
    pub signature: Signature,
}

impl SignedAnswer {
    /// Signs an answer with the branch's signing key.
    pub fn sign(key: &SigningKey, answer: Answer) -> Self {
        let signature = key.sign(Domain::Answer, &answer.encode());
        Self { answer, signature }
    }

    /// Whether `key`, the participant's registered signing key, signed it.
    pub fn verify(&self, key: &PublicKey) -> bool {
        key.verify(Domain::Answer, &self.answer.encode(), &self.signature)
    }
}

impl Canonical for Answer {
    fn write(&self, w: &mut Writer) {
        self.network.write(w);
        self.branch.write(w);
        self.request.write(w);
        w.u32(self.part);
        w.u16(self.status);
        self.body.write(w);
        w.u64(self.time_s);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: NetworkId::read(r)?,
            branch: BranchId::read(r)?,
            request: Digest::read(r)?,
            part: r.u32("part")?,
            status: r.u16("status")?,
            body: Digest::read(r)?,
            time_s: r.u64("time")?,
        })
    }
}

impl Canonical for SignedAnswer {
    fn write(&self, w: &mut Writer) {
        self.answer.write(w);
        self.signature.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { answer: Answer::read(r)?, signature: Signature::read(r)? })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::Secret;

    fn answer() -> Answer {
        Answer {
            network: Digest::of(b"network"),
            branch: BranchId(3),
            request: Digest::of(b"request"),
            part: 7,
            status: 200,
            body: Digest::of(b"body"),
            time_s: 1_700_000_000,
        }
    }

    #[test]
    fn its_bytes_are_those_of_the_page() {
        let key = SigningKey::from_seed(Secret::new([9; 32]));
        let signed = SignedAnswer::sign(&key, answer());
        let bytes = signed.encode();
        let expected = [
            Digest::of(b"network").bytes().as_slice(),
            &[0, 3],
            Digest::of(b"request").bytes(),
            &[0, 0, 0, 7],
            &[0, 200],
            Digest::of(b"body").bytes(),
            &1_700_000_000_u64.to_be_bytes(),
            signed.signature.bytes(),
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(SignedAnswer::decode(&bytes).unwrap(), signed);
        assert!(SignedAnswer::decode(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn the_signature_covers_every_field_under_its_own_key() {
        let key = SigningKey::from_seed(Secret::new([9; 32]));
        let signed = SignedAnswer::sign(&key, answer());
        assert!(signed.verify(&key.public()));
        assert!(!signed.verify(&SigningKey::from_seed(Secret::new([8; 32])).public()));
        let changed = [
            Answer { network: Digest::ZERO, ..answer() },
            Answer { branch: BranchId(4), ..answer() },
            Answer { request: Digest::ZERO, ..answer() },
            Answer { part: 0, ..answer() },
            Answer { status: 404, ..answer() },
            Answer { body: Digest::ZERO, ..answer() },
            Answer { time_s: 0, ..answer() },
        ];
        for answer in changed {
            let other = SignedAnswer { answer, signature: signed.signature };
            assert!(!other.verify(&key.public()), "{:?}", other.answer);
        }
    }
}

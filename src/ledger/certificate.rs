//! The engine's finalization certificate, checked with public keys alone and with the validators' own signature rule.
//!
//! Bytes as in `docs/format/certificate.md`. It must not know the engine's code, nor what the certified block holds.

use crate::codec::{DecodeError, Reader, Writer};
use crate::id::BranchId;
use crate::state::ValidatorSet;
use wardline_crypto::{
    Digest, PublicKey,
    zip215::{self, Claim},
};

/// What the engine appends to its namespace where it finalizes.
const FINALIZE: &[u8] = b"_FINALIZE";

/// The branches whose validators signed, ascending by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers(pub Vec<BranchId>);

/// Why a certificate certifies nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are no certificate.
    #[error("the certificate is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// It is of another epoch, so other validators signed it.
    #[error("the certificate is of epoch `{found}`, not `{expected}`")]
    OtherEpoch {
        /// The certificate's.
        found: u64,
        /// The header's.
        expected: u64,
    },
    /// It certifies another block.
    #[error("the certificate is of another block")]
    OtherBlock,
    /// It is of a set of another size.
    #[error("the certificate is of `{found}` validators, not `{expected}`")]
    OtherSet {
        /// The certificate's.
        found: u64,
        /// The set's.
        expected: usize,
    },
    /// Signatures and signers differ in number.
    #[error("the certificate names `{signers}` signers and carries `{signatures}` signatures")]
    Uneven {
        /// Bits set.
        signers: usize,
        /// Signatures there.
        signatures: usize,
    },
    /// Too few signed.
    #[error("`{found}` validators signed, `{quorum}` must")]
    NoQuorum {
        /// How many signed.
        found: usize,
        /// How many must.
        quorum: usize,
    },
    /// A signature is not its signer's.
    #[error("the signature of branch `{0}` does not hold")]
    Signature(BranchId),
}

/// A certificate of which everything holds but the signatures, which are still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    message: Vec<u8>,
    votes: Vec<(BranchId, PublicKey, [u8; 64])>,
}

impl Signed {
    /// Checks every signature: all in one, and each by itself only where that fails, to name the bad one.
    ///
    /// # Errors
    /// The first signature that is not its signer's.
    pub fn check(&self) -> Result<(), CertificateError> {
        let claims: Vec<Claim<'_>> = self.claims().collect();
        if zip215::verify_all(&claims) {
            return Ok(());
        }
        let bad = self.votes.iter().zip(claims).find(|(_, claim)| !claim.holds());
        bad.map_or(Ok(()), |((branch, ..), _)| Err(CertificateError::Signature(*branch)))
    }

    /// What its signers claim, to be checked together with other certificates.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Claim<'_>> {
        self.votes.iter().map(|(_, key, signature)| Claim {
            key: key.bytes(),
            signature,
            message: &self.message,
        })
    }

    /// Who signed, as soon as the signatures hold.
    pub(crate) fn signers(self) -> Signers {
        Signers(self.votes.into_iter().map(|(branch, ..)| branch).collect())
    }
}

/// Checks that a quorum of `set` finalized the block with this header digest in this epoch.
///
/// `namespace` is [`Genesis::namespace`](crate::Genesis::namespace) of the chain.
///
/// # Errors
/// The first check that fails; every one is needed.
pub fn verify(
    certificate: &[u8],
    namespace: &[u8],
    set: &ValidatorSet,
    header_digest: &Digest,
    epoch: u64,
) -> Result<Signers, CertificateError> {
    let signed = read(certificate, namespace, set, header_digest, epoch)?;
    signed.check()?;
    Ok(signed.signers())
}

/// The same without the signatures: [`Signed::check`] is still owed.
///
/// # Errors
/// The first check that fails.
pub fn read(
    certificate: &[u8],
    namespace: &[u8],
    set: &ValidatorSet,
    header_digest: &Digest,
    epoch: u64,
) -> Result<Signed, CertificateError> {
    let mut r = Reader::new(certificate);
    let found_epoch = varint(&mut r, "epoch")?;
    varint(&mut r, "view")?;
    varint(&mut r, "parent view")?;
    let digest: [u8; 32] = r.array("block digest")?;
    let (proposal, _) = certificate.split_at_checked(certificate.len() - r.rest().len()).unwrap_or_default();

    if found_epoch != epoch {
        return Err(CertificateError::OtherEpoch { found: found_epoch, expected: epoch });
    }
    if digest != *header_digest.bytes() {
        return Err(CertificateError::OtherBlock);
    }
    let signers = signers(&mut r, set)?;
    let signatures = varint(&mut r, "signature count")?;
    if usize::try_from(signatures) != Ok(signers.len()) {
        let signatures = usize::try_from(signatures).unwrap_or(usize::MAX);
        return Err(CertificateError::Uneven { signers: signers.len(), signatures });
    }
    if signers.len() < set.quorum() || signers.is_empty() {
        return Err(CertificateError::NoQuorum { found: signers.len(), quorum: set.quorum() });
    }
    let mut votes = Vec::with_capacity(signers.len());
    for (branch, key) in signers {
        votes.push((branch, key, r.array("signature")?));
    }
    r.finish()?;
    Ok(Signed { message: signed_message(namespace, proposal), votes })
}

/// The members whose bit is set: each once, none outside of the set.
fn signers(r: &mut Reader<'_>, set: &ValidatorSet) -> Result<Vec<(BranchId, PublicKey)>, CertificateError> {
    let bits = r.u64("validator count")?;
    if usize::try_from(bits) != Ok(set.members.len()) {
        return Err(CertificateError::OtherSet { found: bits, expected: set.members.len() });
    }
    let bitmap = r.take(set.members.len().div_ceil(8), "signers")?;
    let is_set = |i: usize| bitmap.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
    if (set.members.len()..bitmap.len() * 8).any(is_set) {
        return Err(DecodeError::OutOfRange("signers").into());
    }
    Ok(set.members.iter().enumerate().filter(|(i, _)| is_set(*i)).map(|(_, member)| *member).collect())
}

/// The bytes that validators sign: length of the namespace, namespace, proposal.
fn signed_message(namespace: &[u8], proposal: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    write_varint(&mut w, namespace.len() + FINALIZE.len());
    w.fixed(namespace);
    w.fixed(FINALIZE);
    w.fixed(proposal);
    w.into_bytes()
}

fn write_varint(w: &mut Writer, mut n: usize) {
    while n > 0x7f {
        w.u8((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    w.u8(n as u8);
}

/// Seven bits a byte, lowest first, in the shortest form.
fn varint(r: &mut Reader<'_>, what: &'static str) -> Result<u64, DecodeError> {
    let mut n: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = r.u8(what)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            break;
        }
        n |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err(DecodeError::OutOfRange(what))
}

#[cfg(test)]
mod tests;

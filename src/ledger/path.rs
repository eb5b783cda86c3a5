//! The shortest proof of who signs: from the pinned genesis over those ends of epochs at which the validators changed.
//!
//! A certificate of an epoch is checked with the validators of the newest step that is not above it. That nothing
//! changed between two steps needs no proof: whoever could sign a certificate of a later epoch with the older keys
//! could have signed other validators at the end of the older epoch with the very same keys.

use crate::block::follows;
use crate::certificate::{self, Signers};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::genesis::{Genesis, namespace};
use crate::header::{HEADER_LEN, Header, ends_epoch, epoch_of};
use crate::id::{Chain, NetworkId};
use crate::light::{Checkpoint, Invalid, Job, VerifiedHeader, proven_set};
use crate::state::ValidatorSet;
use crate::tree::StateProof;
use std::collections::BTreeMap;
use wardline_crypto::Digest;

/// A change of validators, in the bytes that prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Header of an epoch's last block.
    pub header: Vec<u8>,
    /// Its certificate, by the validators before the change.
    pub certificate: Vec<u8>,
    /// The validators of the next epoch: the value of `Validators(epoch + 1)`.
    pub set: Vec<u8>,
    /// That value's proof of presence under the header's state root.
    pub proof: Vec<u8>,
}

/// Most bytes of a certificate: varints, digest, bitmap and signatures of 50 validators, rounded up.
pub(crate) const MAX_CERTIFICATE: usize = 4096;
/// Most bytes of a validator set of 50, rounded up.
const MAX_SET: usize = 2048;

impl Canonical for Step {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.header);
        w.bytes(&self.certificate);
        w.bytes(&self.set);
        w.bytes(&self.proof);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: r.bytes(HEADER_LEN, "header")?.to_vec(),
            certificate: r.bytes(MAX_CERTIFICATE, "certificate")?.to_vec(),
            set: r.bytes(MAX_SET, "validators")?.to_vec(),
            proof: r.bytes(StateProof::MAX, "proof")?.to_vec(),
        })
    }
}

/// The validators of a chain as far as steps prove them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPath {
    network: NetworkId,
    chain: Chain,
    epoch_length: u64,
    /// By the first epoch that they sign.
    sets: BTreeMap<u64, ValidatorSet>,
}

impl TrustPath {
    /// The genesis' validators. `genesis` must be the pinned one.
    pub fn begin(genesis: &Genesis, chain: Chain) -> Self {
        Self {
            network: genesis.network(),
            chain,
            epoch_length: genesis.epoch_length,
            sets: BTreeMap::from([(0, genesis.validators(chain))]),
        }
    }

    /// The same from a chain's beginning, which is [`Checkpoint::genesis`].
    pub fn of(start: &Checkpoint) -> Self {
        Self {
            network: start.network,
            chain: start.chain,
            epoch_length: start.epoch_length,
            sets: BTreeMap::from([(0, start.validators.clone())]),
        }
    }

    /// Takes the next change; steps ascend by epoch.
    ///
    /// # Errors
    /// What does not hold; the path is unchanged then.
    pub fn step(&mut self, step: &Step) -> Result<(), Invalid> {
        let (known, job) = self.claim(std::slice::from_ref(&step.header), &step.certificate)?;
        job.check()?;
        self.take(&known, step)
    }

    /// The change that a header's state proves. The header's certificate is the caller's to check.
    pub(crate) fn take(&mut self, known: &VerifiedHeader, step: &Step) -> Result<(), Invalid> {
        let height = known.header.height;
        if !ends_epoch(height, self.epoch_length) {
            return Err(Invalid::NotEpochEnd(height));
        }
        let epoch = known.header.epoch.saturating_add(1);
        if self.newest_change() >= Some(epoch) {
            return Err(Invalid::StepOrder(epoch));
        }
        let proof = StateProof::from_bytes(&step.proof)
            .map_err(|error| Invalid::ValidatorsMalformed { epoch, error })?;
        let set = proven_set(&known.header, &step.set, &proof)?;
        self.sets.insert(epoch, set);
        Ok(())
    }

    /// The validators whose quorum an epoch's certificates need.
    pub fn validators(&self, epoch: u64) -> Option<&ValidatorSet> {
        self.sets.range(..=epoch).next_back().map(|(_, set)| set)
    }

    /// The first epoch of the newest validators.
    pub fn newest_change(&self) -> Option<u64> {
        self.sets.last_key_value().map(|(epoch, _)| *epoch)
    }

    /// The validators of this very epoch, where the path has them: of other epochs there may be a change that it leaves
    /// out.
    pub fn validators_of(&self, epoch: u64) -> Option<&ValidatorSet> {
        self.sets.get(&epoch)
    }

    /// The first of these headers, once the last one is certified and each names the one before: all of one epoch.
    ///
    /// # Errors
    /// What does not hold.
    pub fn certified(&self, headers: &[Vec<u8>], certificate: &[u8]) -> Result<VerifiedHeader, Invalid> {
        self.certified_by(headers, certificate).map(|(first, _)| first)
    }

    /// The same, with the branches that signed.
    ///
    /// # Errors
    /// What does not hold.
    pub fn certified_by(
        &self,
        headers: &[Vec<u8>],
        certificate: &[u8],
    ) -> Result<(VerifiedHeader, Signers), Invalid> {
        let (first, job) = self.claim(headers, certificate)?;
        Ok((first, job.signers()?))
    }

    /// The same with the signatures still owed.
    pub(crate) fn claim(
        &self,
        headers: &[Vec<u8>],
        certificate: &[u8],
    ) -> Result<(VerifiedHeader, Job), Invalid> {
        let mut run: Vec<VerifiedHeader> = Vec::with_capacity(headers.len());
        for bytes in headers {
            let after = run.last().map_or(0, |last| last.header.height);
            let header = Header::decode(bytes).map_err(|error| Invalid::Header { after, error })?;
            if header.network != self.network || header.chain != self.chain {
                return Err(Invalid::OtherChain(header.height));
            }
            if header.epoch != epoch_of(header.height, self.epoch_length) {
                return Err(Invalid::OtherEpoch(header.height));
            }
            if let Some(last) = run.last() {
                follows(&last.header, &last.digest, &header, self.epoch_length)
                    .map_err(|error| Invalid::Link { after, error })?;
                if last.header.epoch != header.epoch {
                    return Err(Invalid::EpochEndUncertified(last.header.height));
                }
            }
            run.push(VerifiedHeader { digest: Digest::of(bytes), header });
        }
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Err(Invalid::NoHeader) };
        let (height, epoch) = (last.header.height, last.header.epoch);
        let set = self.validators(epoch).ok_or(Invalid::ValidatorsMissing(epoch))?;
        let namespace = namespace(&self.network, self.chain);
        let signed = certificate::read(certificate, &namespace, set, &last.digest, epoch)
            .map_err(|error| Invalid::Certificate { height, error })?;
        Ok((first.clone(), Job::new(height, signed)))
    }
}

#[cfg(test)]
mod tests;

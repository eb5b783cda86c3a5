//! The shortest proof of who signs: from the pinned genesis over those ends of epochs at which the validators changed.
//!
//! A certificate of an epoch is checked with the validators of the newest step that is not above it. That nothing
//! changed between two steps needs no proof: whoever could sign a certificate of a later epoch with the older keys
//! could have signed other validators at the end of the older epoch with the very same keys.

use crate::block::follows;
use crate::certificate::{self, Signers};
use crate::codec::Canonical;
use crate::genesis::{Genesis, namespace};
use crate::header::{Header, ends_epoch};
use crate::id::{Chain, NetworkId};
use crate::light::{Invalid, VerifiedHeader};
use crate::state::{Key, ValidatorSet};
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

    /// Takes the next change; steps ascend by epoch.
    ///
    /// # Errors
    /// What does not hold; the path is unchanged then.
    pub fn step(&mut self, step: &Step) -> Result<(), Invalid> {
        let known = self.certified(std::slice::from_ref(&step.header), &step.certificate)?;
        let height = known.header.height;
        if !ends_epoch(height, self.epoch_length) {
            return Err(Invalid::NotEpochEnd(height));
        }
        let epoch = known.header.epoch.saturating_add(1);
        if self.newest() >= epoch {
            return Err(Invalid::StepOrder(epoch));
        }
        let proof = StateProof::from_bytes(&step.proof)
            .map_err(|error| Invalid::ValidatorsMalformed { epoch, error })?;
        proof
            .verify(&known.header.state_root, &Key::Validators(epoch).bytes(), Some(&step.set))
            .map_err(|error| Invalid::ValidatorsUnproven { epoch, error })?;
        let set =
            ValidatorSet::decode(&step.set).map_err(|error| Invalid::ValidatorsMalformed { epoch, error })?;
        self.sets.insert(epoch, set);
        Ok(())
    }

    /// The validators whose quorum an epoch's certificates need.
    pub fn validators(&self, epoch: u64) -> Option<&ValidatorSet> {
        self.sets.range(..=epoch).next_back().map(|(_, set)| set)
    }

    /// The first epoch of the newest known validators.
    pub fn newest(&self) -> u64 {
        self.sets.last_key_value().map_or(0, |(epoch, _)| *epoch)
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
        let mut run: Vec<VerifiedHeader> = Vec::with_capacity(headers.len());
        for bytes in headers {
            let after = run.last().map_or(0, |last| last.header.height);
            let header = Header::decode(bytes).map_err(|error| Invalid::Header { after, error })?;
            if header.network != self.network || header.chain != self.chain {
                return Err(Invalid::OtherChain(header.height));
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
        if height / self.epoch_length != epoch {
            return Err(Invalid::OtherEpoch(height));
        }
        let set = self.validators(epoch).ok_or(Invalid::ValidatorsMissing(epoch))?;
        let namespace = namespace(&self.network, self.chain);
        let signers = certificate::verify(certificate, &namespace, set, &last.digest, epoch)
            .map_err(|error| Invalid::Certificate { height, error })?;
        Ok((first.clone(), signers))
    }
}

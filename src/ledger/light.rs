//! The light client: follows a chain by headers, certificates and the validators that the state hands over.
//!
//! Pure. It believes nothing but its checkpoint: every header must be linked to it and certified by the validators of
//! its epoch, and new validators must be proven under the last header of the epoch before.

use crate::block::{HeaderError, follows};
use crate::certificate::{self, CertificateError};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::genesis::{Genesis, namespace};
use crate::header::{Header, ends_epoch, epoch_of};
use crate::id::{Chain, NetworkId};
use crate::state::{Key, ValidatorSet};
use crate::tree::{ProofError, StateProof, TreeError};
use std::collections::BTreeMap;
use wardline_crypto::Digest;

/// A header that is agreed and everything that the next one is checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The network.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// Blocks of an epoch.
    pub epoch_length: u64,
    /// The newest verified header.
    pub header: Header,
    /// Its digest.
    pub digest: Digest,
    /// The validators of the next block's epoch.
    pub validators: ValidatorSet,
}

/// A header that a quorum agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader {
    /// The header.
    pub header: Header,
    /// Its digest.
    pub digest: Digest,
}

/// Why headers are not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A header is not canonical.
    #[error("a header after height `{after}` is malformed: {error}")]
    Header {
        /// The last height that was read.
        after: u64,
        /// What is wrong.
        error: DecodeError,
    },
    /// A header does not follow the one before.
    #[error("the header after height `{after}` does not follow: {error}")]
    Link {
        /// The height before.
        after: u64,
        /// What is wrong.
        error: HeaderError,
    },
    /// A certificate does not certify its header.
    #[error("height `{height}` is not certified: {error}")]
    Certificate {
        /// The header's height.
        height: u64,
        /// What is wrong.
        error: CertificateError,
    },
    /// The last header of an epoch has no certificate of its own, and later ones cannot speak for it.
    #[error("height `{0}` ends an epoch and has no certificate")]
    EpochEndUncertified(u64),
    /// The next epoch's validators were not given.
    #[error("the validators of epoch `{0}` are missing")]
    ValidatorsMissing(u64),
    /// The next epoch's validators are not what the state holds.
    #[error("the validators of epoch `{epoch}` are not proven: {error}")]
    ValidatorsUnproven {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        error: ProofError,
    },
    /// The next epoch's validators are no validator set.
    #[error("the validators of epoch `{epoch}` are malformed: {error}")]
    ValidatorsMalformed {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        error: DecodeError,
    },
    /// A header of another network or chain.
    #[error("the header of height `{0}` is of another network or chain")]
    OtherChain(u64),
    /// A header names an epoch that its height is not in.
    #[error("the header of height `{0}` names another epoch than its own")]
    OtherEpoch(u64),
    /// A change of validators is claimed within an epoch.
    #[error("height `{0}` does not end an epoch, so no validators change there")]
    NotEpochEnd(u64),
    /// Changes of validators are not in ascending order.
    #[error("the change of validators to epoch `{0}` comes after a later one")]
    StepOrder(u64),
    /// There is nothing to certify.
    #[error("no header is given")]
    NoHeader,
}

impl Checkpoint {
    /// Where a network's chain begins.
    ///
    /// # Errors
    /// Only when the first state tree cannot be made.
    pub fn genesis(genesis: &Genesis, chain: Chain) -> Result<Self, TreeError> {
        let header = genesis.block(chain)?.header;
        Ok(Self {
            network: header.network,
            chain,
            epoch_length: genesis.epoch_length,
            digest: header.digest(),
            header,
            validators: genesis.validators(chain),
        })
    }

    /// The epoch whose validators sign the next block.
    pub fn next_epoch(&self) -> u64 {
        epoch_of(self.header.height.saturating_add(1), self.epoch_length)
    }
}

impl Canonical for Checkpoint {
    fn write(&self, w: &mut Writer) {
        w.u64(self.epoch_length);
        self.header.write(w);
        self.validators.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let epoch_length = match r.u64("epoch length")? {
            0 | 1 => return Err(DecodeError::OutOfRange("epoch length")),
            length => length,
        };
        let header = Header::read(r)?;
        Ok(Self {
            network: header.network,
            chain: header.chain,
            epoch_length,
            digest: header.digest(),
            header,
            validators: ValidatorSet::read(r)?,
        })
    }
}

/// Follows the chain from a checkpoint over consecutive headers, each with its certificate if it has one.
///
/// A header without a certificate is believed once a later one of its epoch is certified and linked to it; headers
/// after the last certificate are not returned. `next_sets` holds, by epoch, the state value and proof of the epoch's
/// validators under the last header of the epoch before; it is needed as soon as that header is among the headers.
///
/// # Errors
/// The first thing that is not as it must be; nothing is believed then.
pub fn advance(
    from: &Checkpoint,
    headers: &[(Vec<u8>, Option<Vec<u8>>)],
    next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
) -> Result<(Checkpoint, Vec<VerifiedHeader>), Invalid> {
    let namespace = namespace(&from.network, from.chain);
    let mut checkpoint = from.clone();
    let mut verified = Vec::new();
    let mut waiting: Vec<VerifiedHeader> = Vec::new(); // linked, not certified yet

    for (bytes, certificate) in headers {
        let (before, before_digest) = waiting
            .last()
            .map_or((&checkpoint.header, &checkpoint.digest), |last| (&last.header, &last.digest));
        let after = before.height;
        let header = Header::decode(bytes).map_err(|error| Invalid::Header { after, error })?;
        follows(before, before_digest, &header, checkpoint.epoch_length)
            .map_err(|error| Invalid::Link { after, error })?;
        let height = header.height;
        let epoch_ends = ends_epoch(height, checkpoint.epoch_length);
        let epoch = header.epoch;
        waiting.push(VerifiedHeader { digest: Digest::of(bytes), header });

        let Some(certificate) = certificate else {
            if epoch_ends {
                return Err(Invalid::EpochEndUncertified(height));
            }
            continue;
        };
        let Some(newest) = waiting.last().cloned() else { continue };
        certificate::verify(certificate, &namespace, &checkpoint.validators, &newest.digest, epoch)
            .map_err(|error| Invalid::Certificate { height, error })?;
        if epoch_ends {
            checkpoint.validators = handed_over(&newest.header, next_sets)?;
        }
        checkpoint.header = newest.header;
        checkpoint.digest = newest.digest;
        verified.append(&mut waiting);
    }
    Ok((checkpoint, verified))
}

/// The next epoch's validators, proven under the last header of this epoch.
fn handed_over(
    last: &Header,
    next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
) -> Result<ValidatorSet, Invalid> {
    let epoch = last.epoch.saturating_add(1);
    let (value, proof) = next_sets.get(&epoch).ok_or(Invalid::ValidatorsMissing(epoch))?;
    proof
        .verify(&last.state_root, &Key::Validators(epoch).bytes(), Some(value))
        .map_err(|error| Invalid::ValidatorsUnproven { epoch, error })?;
    ValidatorSet::decode(value).map_err(|error| Invalid::ValidatorsMalformed { epoch, error })
}

#[cfg(test)]
mod tests;

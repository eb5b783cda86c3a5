//! The light client: follows a chain by headers, certificates and the validators that the state hands over.
//!
//! Pure. It believes nothing but its checkpoint: every header must be linked to it and certified by the validators of
//! its epoch, and new validators must be proven under the last header of the epoch before.
//!
//! Two steps, so that the signatures can be spread over cores by whoever has threads: [`prepare`] does everything that
//! goes by order, and [`Prepared::believe`] gives the result away only when every certificate that it owes holds.
//! Which certificates those are: `docs/decisions/0011-which-certificates.md`.

use crate::block::{HeaderError, MAX_AHEAD_S, follows};
use crate::certificate::{self, CertificateError, Signed, Signers};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::genesis::{Genesis, namespace};
use crate::header::{Header, ends_epoch, epoch_of};
use crate::id::{Chain, NetworkId};
use crate::path::Step;
use crate::state::{Key, ValidatorSet};
use crate::tree::{ProofError, StateProof, TreeError};
use std::collections::BTreeMap;
use wardline_crypto::{Digest, zip215};

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
    /// A change of validators is claimed that the head knows nothing of.
    #[error("the change of validators to epoch `{0}` is not at or below the head")]
    StepAbove(u64),
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

/// A header as somebody gave it, decoded and hashed: the part of the work that needs no order, so that many can be read
/// at once.
#[derive(Debug, Clone)]
pub struct Given {
    bytes: Vec<u8>,
    certificate: Option<Vec<u8>>,
    header: Result<Header, DecodeError>,
    digest: Digest,
}

impl Given {
    /// Reads a header with its certificate, if it has one.
    pub fn read(bytes: Vec<u8>, certificate: Option<Vec<u8>>) -> Self {
        Self { header: Header::decode(&bytes), digest: Digest::of(&bytes), bytes, certificate }
    }

    /// The height that it says, if it is a header.
    pub fn height(&self) -> Option<u64> {
        self.header.as_ref().ok().map(|header| header.height)
    }

    /// The header's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its own certificate.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    /// Header and certificate.
    pub fn into_parts(self) -> (Vec<u8>, Option<Vec<u8>>) {
        (self.bytes, self.certificate)
    }
}

/// Which of the given certificates are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Those that no later one of the same epoch speaks for: the last one given, and that of every epoch's last header.
    Needed,
    /// Every one: an audit, which is to find a bad one among good ones too.
    All,
}

/// The signatures of one certificate, still to be checked: independent of every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    height: u64,
    signed: Signed,
}

impl Job {
    pub(crate) const fn new(height: u64, signed: Signed) -> Self {
        Self { height, signed }
    }

    /// Checks the signatures.
    ///
    /// # Errors
    /// The first one that does not hold.
    pub fn check(&self) -> Result<(), Invalid> {
        self.signed.check().map_err(|error| Invalid::Certificate { height: self.height, error })
    }

    /// Who signed, once the signatures are checked.
    pub(crate) fn signers(self) -> Result<Signers, Invalid> {
        self.check()?;
        Ok(self.signed.signers())
    }
}

/// Checks certificates together, which is quicker than one after the other.
///
/// # Errors
/// The first signature that does not hold.
pub fn check_all(jobs: &[Job]) -> Result<(), Invalid> {
    let claims: Vec<_> = jobs.iter().flat_map(|job| job.signed.claims()).collect();
    if zip215::verify_all(&claims) { Ok(()) } else { jobs.iter().try_for_each(Job::check) }
}

/// Headers of which everything holds but the signatures of the certificates. Nothing of it is believed yet.
#[derive(Debug)]
pub struct Prepared {
    advanced: Advanced,
    jobs: Vec<Job>,
}

/// How far headers lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// The newest certified header.
    pub checkpoint: Checkpoint,
    /// Every header up to it, ascending.
    pub headers: Vec<VerifiedHeader>,
    /// The changes of validators among them.
    pub steps: Vec<Step>,
    /// The checkpoint's own certificate; nothing when there is no new header.
    pub certificate: Option<Vec<u8>>,
}

impl Prepared {
    /// Gives the result away once `check`, which may spread the jobs over threads, says that every one of them holds.
    ///
    /// # Errors
    /// What `check` finds.
    pub fn believe(self, check: impl FnOnce(&[Job]) -> Result<(), Invalid>) -> Result<Advanced, Invalid> {
        check(&self.jobs)?;
        Ok(self.advanced)
    }
}

/// Follows the chain from a checkpoint over consecutive headers, each with its certificate if it has one, and checks
/// every certificate. [`prepare`] has the rules.
///
/// # Errors
/// The first thing that is not as it must be, signatures last; nothing is believed then.
pub fn advance(
    from: &Checkpoint,
    headers: &[(Vec<u8>, Option<Vec<u8>>)],
    next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
) -> Result<(Checkpoint, Vec<VerifiedHeader>), Invalid> {
    let given: Vec<Given> =
        headers.iter().map(|(bytes, certificate)| Given::read(bytes.clone(), certificate.clone())).collect();
    let advanced = prepare(from, &given, next_sets, Certificates::All)?.believe(check_all)?;
    Ok((advanced.checkpoint, advanced.headers))
}

/// Checks all of consecutive headers but signatures: form, links, heights, epochs, times, what certificates say, and
/// the validators that are handed over.
///
/// A header without a certificate is believed once a later one of its epoch is certified and linked to it; headers
/// after the last certificate are not returned. `next_sets` holds, by epoch, the state value and proof of the epoch's
/// validators under the last header of the epoch before; it is needed as soon as that header is among the headers.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn prepare(
    from: &Checkpoint,
    headers: &[Given],
    next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
    which: Certificates,
) -> Result<Prepared, Invalid> {
    let namespace = namespace(&from.network, from.chain);
    let last_certified = headers.iter().rposition(|given| given.certificate.is_some());
    let mut validators = from.validators.clone();
    let mut linked: Vec<VerifiedHeader> = Vec::with_capacity(headers.len());
    let (mut steps, mut jobs) = (Vec::new(), Vec::new());

    for (index, given) in headers.iter().enumerate() {
        let (before, before_digest) =
            linked.last().map_or((&from.header, &from.digest), |last| (&last.header, &last.digest));
        let after = before.height;
        let header = given.header.clone().map_err(|error| Invalid::Header { after, error })?;
        follows(before, before_digest, &header, from.epoch_length)
            .map_err(|error| Invalid::Link { after, error })?;
        let digest = given.digest;
        let epoch_ends = ends_epoch(header.height, from.epoch_length);
        match &given.certificate {
            // A later certificate of this epoch speaks for it: the epoch's last one or the last one given.
            Some(_) if !epoch_ends && Some(index) != last_certified && which == Certificates::Needed => {}
            Some(certificate) => {
                let signed = certificate::read(certificate, &namespace, &validators, &digest, header.epoch)
                    .map_err(|error| Invalid::Certificate { height: header.height, error })?;
                jobs.push(Job::new(header.height, signed));
            }
            None if epoch_ends => return Err(Invalid::EpochEndUncertified(header.height)),
            None => {}
        }
        if let (true, Some(certificate)) = (epoch_ends, &given.certificate) {
            let (next, step) = handed_over(&header, &given.bytes, certificate, next_sets)?;
            if next != validators {
                steps.push(step);
                validators = next;
            }
        }
        linked.push(VerifiedHeader { header, digest });
    }

    // What nobody certified is not believed.
    linked.truncate(last_certified.map_or(0, |index| index + 1));
    let newest = linked.last().map_or((&from.header, from.digest), |last| (&last.header, last.digest));
    let checkpoint =
        Checkpoint { header: newest.0.clone(), digest: newest.1, validators, ..Checkpoint::clone(from) };
    let certificate = last_certified.and_then(|index| headers.get(index)?.certificate.clone());
    Ok(Prepared { advanced: Advanced { checkpoint, headers: linked, steps, certificate }, jobs })
}

/// By how many seconds a header's time is ahead of the clock, where that is more than validators allow each other.
///
/// A certified header is not refused for it: a quorum whose honest members held its time against their clocks made it,
/// so the wrong clock is more likely here. But it is never silently fine. Since times never go back, asking for the
/// newest header asks for all.
pub fn ahead_s(header: &Header, now_s: u64) -> Option<u64> {
    Some(header.time_s.saturating_sub(now_s)).filter(|ahead| *ahead > MAX_AHEAD_S)
}

/// The next epoch's validators, proven under the last header of this epoch, and all of that as a step.
fn handed_over(
    last: &Header,
    bytes: &[u8],
    certificate: &[u8],
    next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
) -> Result<(ValidatorSet, Step), Invalid> {
    let epoch = last.epoch.saturating_add(1);
    let (value, proof) = next_sets.get(&epoch).ok_or(Invalid::ValidatorsMissing(epoch))?;
    let set = proven_set(last, value, proof)?;
    let step = Step {
        header: bytes.to_vec(),
        certificate: certificate.to_vec(),
        set: value.clone(),
        proof: proof.bytes().to_vec(),
    };
    Ok((set, step))
}

/// The validators that a state value names, if the last header of an epoch proves it for the next one.
pub(crate) fn proven_set(last: &Header, value: &[u8], proof: &StateProof) -> Result<ValidatorSet, Invalid> {
    let epoch = last.epoch.saturating_add(1);
    proof
        .verify(&last.state_root, &Key::Validators(epoch).bytes(), Some(value))
        .map_err(|error| Invalid::ValidatorsUnproven { epoch, error })?;
    ValidatorSet::decode(value).map_err(|error| Invalid::ValidatorsMalformed { epoch, error })
}

#[cfg(test)]
mod known_bugs;
#[cfg(test)]
mod tests;

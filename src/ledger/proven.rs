//! A head that proves itself: what a console keeps of a chain, so that a file needs no more trust than a branch.
//!
//! The changes of validators and the newest certified header, each in the bytes that prove it from the pinned genesis.
//! It costs one certificate for each change and one for the head, however long the chain is. It must not know where it
//! is kept.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::header::HEADER_LEN;
use crate::id::{Chain, NetworkId};
use crate::light::{Checkpoint, Invalid, Job, check_all};
use crate::path::{MAX_CERTIFICATE, Step, TrustPath};

/// Most changes of validators that are kept.
const MAX_STEPS: usize = 65536;

/// A chain's newest verified header with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenHead {
    /// The network it says that it is of.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// Every change of validators up to the head, ascending.
    pub steps: Vec<Step>,
    /// The head's bytes and its certificate; nothing at the genesis.
    pub head: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why a head is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is of another network or chain.
    #[error("it is of another network or chain")]
    Other,
    /// Something in it does not hold.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl ProvenHead {
    /// Where a chain begins: proven by the genesis alone.
    pub const fn genesis(network: NetworkId, chain: Chain) -> Self {
        Self { network, chain, steps: Vec::new(), head: None }
    }

    /// Proves it from the genesis, whose [`Checkpoint::genesis`] `start` is: the checkpoint to go on from, and who signed
    /// when.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn prove(&self, start: &Checkpoint) -> Result<(Checkpoint, TrustPath), Unproven> {
        self.prove_by(start, check_all)
    }

    /// The same with `check`, which may spread the certificates over threads, and says whether every one of them holds.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn prove_by(
        &self,
        start: &Checkpoint,
        check: impl FnOnce(&[Job]) -> Result<(), Invalid>,
    ) -> Result<(Checkpoint, TrustPath), Unproven> {
        if self.network != start.network || self.chain != start.chain {
            return Err(Unproven::Other);
        }
        let mut path = TrustPath::of(start);
        let mut jobs = Vec::with_capacity(self.steps.len() + 1);
        for step in &self.steps {
            let (known, job) = path.claim(std::slice::from_ref(&step.header), &step.certificate)?;
            path.take(&known, step)?;
            jobs.push(job);
        }
        let (header, digest) = match &self.head {
            Some((header, certificate)) => {
                let (known, job) = path.claim(std::slice::from_ref(header), certificate)?;
                jobs.push(job);
                (known.header, known.digest)
            }
            None => (start.header.clone(), start.digest),
        };
        check(&jobs)?;
        let checkpoint = Checkpoint { header, digest, ..start.clone() };
        let next = checkpoint.next_epoch();
        if let Some(above) = path.newest_change().filter(|epoch| *epoch > next) {
            return Err(Invalid::StepAbove(above).into());
        }
        let validators = path.validators(next).cloned().unwrap_or(checkpoint.validators);
        Ok((Checkpoint { validators, ..checkpoint }, path))
    }
}

impl Canonical for ProvenHead {
    fn write(&self, w: &mut Writer) {
        self.network.write(w);
        self.chain.write(w);
        w.list(&self.steps);
        w.option(self.head.as_ref(), |w, (header, certificate)| {
            w.bytes(header);
            w.bytes(certificate);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: NetworkId::read(r)?,
            chain: Chain::read(r)?,
            steps: r.list(MAX_STEPS, "steps")?,
            head: r.option("head", |r| {
                let header = r.bytes(HEADER_LEN, "header")?.to_vec();
                Ok((header, r.bytes(MAX_CERTIFICATE, "certificate")?.to_vec()))
            })?,
        })
    }
}

#[cfg(test)]
mod tests;

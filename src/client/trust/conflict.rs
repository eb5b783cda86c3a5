//! A chain that does not have the block which was verified here before.

use super::{error::TrustError, file::Proved};
use crate::alarm::{Certified, Finding};
use wardline_crypto::Digest;
use wardline_ledger::{Chain, Checkpoint, Given, Header, ProvenHead, epoch_of};

/// Two certified blocks of one height: proof that more than a third of the validators signed both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The chain.
    pub chain: Chain,
    /// The height of both.
    pub height: u64,
    /// The header that was verified before, and its certificate.
    pub ours: (Vec<u8>, Vec<u8>),
    /// The other block's header and those after it up to the first that is certified, all of one epoch.
    pub theirs: Vec<Vec<u8>>,
    /// That one's certificate.
    pub certificate: Vec<u8>,
}

impl Conflict {
    pub(super) const fn error(&self) -> TrustError {
        TrustError::Conflict { chain: self.chain, height: self.height }
    }

    /// For the alarm; `from` is the branch whose console it is, since any may have shown the other block.
    pub(crate) fn finding(self, from: u16) -> Finding {
        let ours = Certified { headers: vec![self.ours.0], certificate: self.ours.1 };
        let theirs = Certified { headers: self.theirs, certificate: self.certificate };
        Finding::Fork { chain: self.chain, ours, theirs, from }
    }
}

/// Two heads of one height that are not one block.
pub(super) fn of_heads(before: &Proved, kept: &ProvenHead) -> Option<Conflict> {
    let (header, certificate) = kept.head.clone()?;
    if before.checkpoint.digest == Digest::of(&header) {
        return None;
    }
    of_blocks(before, Certified { headers: vec![header], certificate })
}

/// What is remembered, and another certified block of its height.
pub(super) fn of_blocks(before: &Proved, theirs: Certified) -> Option<Conflict> {
    let Checkpoint { chain, header: Header { height, .. }, .. } = before.checkpoint;
    let Certified { headers: theirs, certificate } = theirs;
    Some(Conflict { chain, height, ours: before.head.head.clone()?, theirs, certificate })
}

/// What is remembered, and verified headers of which the first is another block of its height.
pub(super) fn of_chain(before: &Proved, given: &[Given]) -> Option<Conflict> {
    let Checkpoint { chain, epoch_length, header, .. } = &before.checkpoint;
    let epoch = |given: &Given| given.height().map(|height| epoch_of(height, *epoch_length));
    let same = given.iter().take_while(|given| epoch(given) == Some(header.epoch)).count();
    let given = given.get(..same)?;
    // The last certificate of the epoch: the one that was checked.
    let certified = given.iter().rposition(|given| given.certificate().is_some())?;
    let theirs = given.iter().take(certified + 1).map(|given| given.bytes().to_vec()).collect();
    let certificate = given.get(certified)?.certificate()?.to_vec();
    Some(Conflict {
        chain: *chain,
        height: header.height,
        ours: before.head.head.clone()?,
        theirs,
        certificate,
    })
}

//! What everything else is checked by: the genesis, the validators as far as they are proven, and the registered keys.

use super::error::NotEvidence;
use super::{Entry, Evidence, FinalBlock, Member};
use crate::certificate::Signers;
use crate::codec::{Canonical, DecodeError};
use crate::genesis::Genesis;
use crate::id::{BranchId, Chain, NetworkId, StaffId};
use crate::light::{Invalid, VerifiedHeader};
use crate::path::TrustPath;
use crate::registry::{Participant, StaffEntry};
use crate::state::Key;
use crate::tree::StateProof;
use std::collections::BTreeMap;
use wardline_crypto::Digest;

pub(super) struct Ground {
    pub(super) network: NetworkId,
    pub(super) chain: Chain,
    pub(super) epoch_length: u64,
    pub(super) path: TrustPath,
    participants: BTreeMap<BranchId, Participant>,
    staff: BTreeMap<StaffId, StaffEntry>,
}

impl Ground {
    pub(super) fn of(evidence: &Evidence, told: &NetworkId) -> Result<Self, NotEvidence> {
        if evidence.network != *told {
            return Err(NotEvidence::OtherNetwork { found: evidence.network, told: *told });
        }
        if Digest::of(&evidence.genesis) != *told {
            return Err(NotEvidence::Genesis);
        }
        let genesis = Genesis::decode(&evidence.genesis).map_err(NotEvidence::GenesisMalformed)?;
        if !(2..=65536).contains(&genesis.epoch_length) {
            return Err(NotEvidence::GenesisMalformed(DecodeError::OutOfRange("epoch length")));
        }
        let mut ground = Self {
            network: *told,
            chain: evidence.chain,
            epoch_length: genesis.epoch_length,
            path: TrustPath::begin(&genesis, evidence.chain),
            participants: genesis.participants.into_iter().map(|one| (one.id, one)).collect(),
            staff: genesis.staff.into_iter().map(|one| (one.id, one)).collect(),
        };
        for (said, step) in &evidence.steps {
            ground.path.step(step).map_err(|error| NotEvidence::Step { epoch: *said, error })?;
            let found = ground.path.newest_change().unwrap_or_default();
            if found != *said {
                return Err(NotEvidence::StepEpoch { said: *said, found });
            }
        }
        ground.enter(&evidence.members)?;
        Ok(ground)
    }

    /// Takes the proven entries in place of the genesis'.
    fn enter(&mut self, members: &[Member]) -> Result<(), NotEvidence> {
        let (mut participants, mut staff) = (BTreeMap::new(), BTreeMap::new());
        for member in members {
            let twice = match &member.entry {
                Entry::Participant(value) => {
                    let entry = Participant::decode(value).map_err(NotEvidence::MemberMalformed)?;
                    self.prove(member, Key::Participant(entry.id), value)?;
                    participants.insert(entry.id, entry).is_some()
                }
                Entry::Staff(value) => {
                    let entry = StaffEntry::decode(value).map_err(NotEvidence::MemberMalformed)?;
                    self.prove(member, Key::Staff(entry.id), value)?;
                    staff.insert(entry.id, entry).is_some()
                }
            };
            if twice {
                return Err(NotEvidence::MemberTwice);
            }
        }
        self.participants.extend(participants);
        self.staff.extend(staff);
        Ok(())
    }

    fn prove(&self, member: &Member, key: Key, value: &[u8]) -> Result<(), NotEvidence> {
        let (known, _) = self.certified(&member.block).map_err(NotEvidence::MemberBlock)?;
        let proof = StateProof::from_bytes(&member.proof).map_err(NotEvidence::MemberMalformed)?;
        proof.verify(&known.header.state_root, &key.bytes(), Some(value)).map_err(NotEvidence::MemberUnproven)
    }

    fn certified(&self, block: &FinalBlock) -> Result<(VerifiedHeader, Signers), Invalid> {
        self.path.certified_by(&block.headers, &block.certificate)
    }

    /// A final block, and who signed.
    pub(super) fn block(&self, block: &FinalBlock) -> Result<(VerifiedHeader, Signers), NotEvidence> {
        self.certified(block).map_err(NotEvidence::Block)
    }

    pub(super) fn branch(&self, branch: BranchId) -> Result<&Participant, NotEvidence> {
        self.participants.get(&branch).ok_or(NotEvidence::UnknownBranch(branch))
    }

    pub(super) fn staff(&self, staff: StaffId) -> Result<&StaffEntry, NotEvidence> {
        self.staff.get(&staff).ok_or(NotEvidence::UnknownStaff(staff))
    }

    /// Every participant's name, for people.
    pub(super) fn names(&self) -> BTreeMap<BranchId, String> {
        self.participants.iter().map(|(id, one)| (*id, one.name.clone())).collect()
    }
}

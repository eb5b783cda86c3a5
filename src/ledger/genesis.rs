//! The first agreement of a network: who is in it, and the block that each chain begins with.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::header::{HEADER_VERSION, Header, encode_body, transaction_root};
use crate::id::{BranchId, Chain, NetworkId, StaffId};
use crate::overlay::Nothing;
use crate::registry::{
    EntryError, FIRST_KEY_EPOCH, MAX_NAME, MAX_PARTICIPANTS, MAX_STAFF, MAX_VALIDATORS, NetworkPolicy,
    Participant, StaffEntry, Subject, check_suites,
};
use crate::rules::may_administer;
use crate::state::{BranchList, ChainEntry, Changes, Key, StaffList, Suites, ValidatorSet};
use crate::tree::{self, TreeError, TreeUpdate};
use std::collections::{BTreeMap, BTreeSet};
use wardline_crypto::Digest;

/// The genesis format of this build.
const VERSION: u16 = 1;

/// What a network begins with. Its digest is the network's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The network's name, for people.
    pub name: String,
    /// When it was made, Unix seconds; the time of both genesis blocks.
    pub created_s: u64,
    /// Blocks of an epoch: 2 to 65536.
    pub epoch_length: u64,
    /// Participants, ascending by id.
    pub participants: Vec<Participant>,
    /// Staff, ascending by id: at least two administrators.
    pub staff: Vec<StaffEntry>,
    /// The suites that may be written: bit n is the suite with code n + 1.
    pub suites_writable: u8,
    /// The policy, version 1.
    pub policy: NetworkPolicy,
}

/// Why a network cannot begin with a genesis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The network has no name.
    #[error("the network needs a name")]
    NoName,
    /// The epoch length is out of range.
    #[error("the epoch length must be 2 to 65536 blocks")]
    EpochLength,
    /// Participants or staff are not strictly ascending by id, or too many.
    #[error("{0}")]
    Bytes(#[from] DecodeError),
    /// A participant's entry cannot stand.
    #[error("participant `{0}`: {1}")]
    Participant(BranchId, EntryError),
    /// A member of staff's entry cannot stand.
    #[error("staff `{0}`: {1}")]
    Staff(StaffId, EntryError),
    /// A member of staff's key epoch is not the first.
    #[error("the first keys of staff `{0}` must have key epoch 1")]
    KeyEpoch(StaffId),
    /// A member of staff belongs to no active participant.
    #[error("staff `{0}` belongs to no active participant")]
    StrayStaff(StaffId),
    /// Two entries have the same Ed25519 key.
    #[error("two entries have the same key")]
    SharedKey,
    /// Fewer than two administrators.
    #[error("at least two members of staff must be able to approve registry changes")]
    Administrators,
    /// A chain has no validator, or too many.
    #[error("the {0} chain needs 1 to 50 validators")]
    Validators(Chain),
    /// Suites or policy cannot stand.
    #[error(transparent)]
    Entry(EntryError),
    /// The policy's version is not 1.
    #[error("the first policy has version 1")]
    PolicyVersion,
}

/// The first block of a chain with what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisBlock {
    /// The header.
    pub header: Header,
    /// The header's canonical bytes.
    pub header_bytes: Vec<u8>,
    /// The body: no transactions.
    pub body: Vec<u8>,
    /// The first state.
    pub changes: Changes,
    /// The first tree, version 0.
    pub tree: TreeUpdate,
}

impl Genesis {
    /// The network's name for itself.
    pub fn network(&self) -> NetworkId {
        Digest::of(&self.encode())
    }

    /// The engine's namespace for a chain.
    pub fn namespace(&self, chain: Chain) -> Vec<u8> {
        namespace(&self.network(), chain)
    }

    /// The chain's validators of epoch 0: every active participant that may validate it.
    pub fn validators(&self, chain: Chain) -> ValidatorSet {
        let members = self.participants.iter().filter_map(|p| p.may_validate(chain).map(|key| (p.id, key)));
        ValidatorSet::new(members.collect())
    }

    /// Checks that a network can begin with this.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), GenesisError> {
        Self::decode(&self.encode())?; // order, limits, text
        if self.name.trim().is_empty() {
            return Err(GenesisError::NoName);
        }
        if !(2..=65536).contains(&self.epoch_length) {
            return Err(GenesisError::EpochLength);
        }
        check_suites(self.suites_writable).map_err(GenesisError::Entry)?;
        self.policy.check().map_err(GenesisError::Entry)?;
        if self.policy.version != 1 {
            return Err(GenesisError::PolicyVersion);
        }
        for participant in &self.participants {
            participant.check().map_err(|error| GenesisError::Participant(participant.id, error))?;
        }
        let mut administrators = 0;
        for staff in &self.staff {
            staff.check().map_err(|error| GenesisError::Staff(staff.id, error))?;
            if staff.key_epoch != FIRST_KEY_EPOCH {
                return Err(GenesisError::KeyEpoch(staff.id));
            }
            let branch = self
                .participants
                .iter()
                .find(|participant| participant.id == staff.branch && participant.active);
            let branch = branch.ok_or(GenesisError::StrayStaff(staff.id))?;
            administrators += u32::from(staff.active && may_administer(staff.roles, branch.trusted).allowed);
        }
        if administrators < 2 {
            return Err(GenesisError::Administrators);
        }
        let keys: Vec<_> = self.keys().map(|(key, _)| key).collect();
        if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            return Err(GenesisError::SharedKey);
        }
        for chain in Chain::ALL {
            if !(1..=MAX_VALIDATORS).contains(&self.validators(chain).members.len()) {
                return Err(GenesisError::Validators(chain));
            }
        }
        Ok(())
    }

    /// The first block of a chain.
    ///
    /// # Errors
    /// Only when the tree cannot be made.
    pub fn block(&self, chain: Chain) -> Result<GenesisBlock, TreeError> {
        let changes = self.changes(chain);
        let tree = tree::update(&Nothing, 0, &changes)?;
        let header = Header {
            parent: Digest::ZERO,
            height: 0,
            version: HEADER_VERSION,
            network: self.network(),
            chain,
            epoch: 0,
            time_s: self.created_s,
            transactions: 0,
            transaction_root: transaction_root(&[]),
            state_root: tree.root,
        };
        Ok(GenesisBlock { header_bytes: header.encode(), header, body: encode_body(&[]), changes, tree })
    }

    fn keys(&self) -> impl Iterator<Item = (wardline_crypto::PublicKey, Subject)> {
        let participants = self
            .participants
            .iter()
            .flat_map(|p| p.keys().into_iter().map(|key| (key, Subject::Participant(p.id))));
        participants.chain(self.staff.iter().map(|staff| (staff.signing, Subject::Staff(staff.id))))
    }

    fn changes(&self, chain: Chain) -> Changes {
        let mut changes = Changes::new();
        let mut put = |key: Key, value: Vec<u8>| {
            changes.insert(key.bytes(), Some(value));
        };
        let chain_entry = ChainEntry { network: self.network(), chain, epoch_length: self.epoch_length };
        put(Key::Chain, chain_entry.encode());
        put(Key::Policy, self.policy.encode());
        put(Key::Suites, Suites(self.suites_writable).encode());
        put(Key::Participants, BranchList(self.participants.iter().map(|p| p.id).collect()).encode());
        for participant in &self.participants {
            put(Key::Participant(participant.id), participant.encode());
        }
        let mut staff_of: BTreeMap<BranchId, Vec<StaffId>> = BTreeMap::new();
        for staff in &self.staff {
            put(Key::Staff(staff.id), staff.encode());
        }
        for staff in self.staff.iter().filter(|staff| staff.active) {
            staff_of.entry(staff.branch).or_default().push(staff.id);
        }
        for (branch, staff) in staff_of {
            put(Key::StaffOf(branch), StaffList(staff).encode());
        }
        let administrators =
            self.staff.iter().filter(|staff| staff.active && may_administer(staff.roles, true).allowed);
        put(Key::Administrators, StaffList(administrators.map(|staff| staff.id).collect()).encode());
        for (key, owner) in self.keys() {
            put(Key::KeyOwner(key), owner.encode());
        }
        put(Key::Validators(0), self.validators(chain).encode());
        changes
    }
}

/// The engine's namespace for a chain of a network: `wardline/`, the network in hexadecimal, `/main` or `/side`.
pub fn namespace(network: &NetworkId, chain: Chain) -> Vec<u8> {
    format!("wardline/{network}/{chain}").into_bytes()
}

impl Canonical for Genesis {
    fn write(&self, w: &mut Writer) {
        w.u16(VERSION);
        w.text(&self.name);
        w.u64(self.created_s);
        w.u64(self.epoch_length);
        w.list(&self.participants);
        w.list(&self.staff);
        w.u8(self.suites_writable);
        self.policy.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u16("genesis version")? {
            VERSION => {}
            code => return Err(DecodeError::UnknownCode { what: "genesis version", code: code.into() }),
        }
        Ok(Self {
            name: r.text(MAX_NAME, "network's name")?,
            created_s: r.u64("creation time")?,
            epoch_length: r.u64("epoch length")?,
            participants: r
                .sorted(MAX_PARTICIPANTS, "participants", |participant: &Participant| participant.id)?,
            staff: r.sorted(MAX_STAFF, "staff", |staff: &StaffEntry| staff.id)?,
            suites_writable: r.u8("suites")?,
            policy: NetworkPolicy::read(r)?,
        })
    }
}

//! The applied state: what every key and value is, and how it is read.
//!
//! Keys are a prefix byte and an id; values are canonical bytes; the state root commits to both. It must not know how
//! the state is stored or changed.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, Chain, LookupId, NetworkId, PatientId, RecordId, StaffId};
use crate::registry::{
    MAX_PARTICIPANTS, MAX_STAFF, MAX_VALIDATORS, NetworkPolicy, Participant, StaffEntry, Subject,
};
use crate::verdict::Verdict;
use std::collections::BTreeMap;
use wardline_crypto::{Digest, Domain, PublicKey, Signature, merkle};
use wardline_policy::{Purpose, RecordKind};

/// The state could not be read: the store failed, or holds what no rule wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state could not be read: {0}")]
pub struct StateUnavailable(
    /// What failed, without any value.
    pub String,
);

/// Reads the state at one height.
pub trait StateView {
    /// The value at a key, or nothing.
    ///
    /// # Errors
    /// When the store cannot tell. Absence is no error.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable>;

    /// Whether `key` signed this. The answer depends on the arguments alone; a view may remember those that it has
    /// said yes to, since the same transaction is checked again and again on its way into a block.
    fn verifies(&self, key: &PublicKey, domain: Domain, message: &[u8], signature: &Signature) -> bool {
        key.verify(domain, message, signature)
    }
}

/// What a block does to the state: new values, or nothing where a key goes.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A key of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// [`ChainEntry`]: what this chain is.
    Chain,
    /// [`NetworkPolicy`].
    Policy,
    /// One byte: the suites that may be written.
    Suites,
    /// [`BranchList`]: every participant there ever was.
    Participants,
    /// [`Participant`].
    Participant(BranchId),
    /// [`StaffList`]: the branch's active staff.
    StaffOf(BranchId),
    /// [`StaffEntry`].
    Staff(StaffId),
    /// [`StaffList`]: the active staff who may approve registry changes.
    Administrators,
    /// [`Subject`]: whose a registered Ed25519 key is, for good.
    KeyOwner(PublicKey),
    /// [`RegistryVersion`].
    RegistryVersion,
    /// [`ValidatorSet`] of an epoch of this chain.
    Validators(u64),
    /// [`ValidatorSet`] of the next epoch, only while a change is pending.
    PendingValidators,
    /// [`RecordEntry`].
    Record(RecordId),
    /// [`AccessEntry`].
    AccessRoot(BranchId),
    /// [`StaffList`]: every auditor who ever gave a verdict.
    Verdicts,
    /// [`VerdictEntry`]: an auditor's newest verdict.
    Verdict(StaffId),
    /// [`PatientEntry`].
    Patient(PatientId),
    /// [`LinkEntry`].
    Link(RecordId),
    /// [`LookupEntry`].
    Lookup(LookupId),
}

impl Key {
    /// The prefix byte.
    pub const fn prefix(&self) -> u8 {
        match self {
            Self::Chain => 0x01,
            Self::Policy => 0x02,
            Self::Suites => 0x03,
            Self::Participants => 0x04,
            Self::Participant(_) => 0x05,
            Self::StaffOf(_) => 0x06,
            Self::Staff(_) => 0x07,
            Self::Administrators => 0x08,
            Self::KeyOwner(_) => 0x09,
            Self::RegistryVersion => 0x0a,
            Self::Validators(_) => 0x0b,
            Self::PendingValidators => 0x0c,
            Self::Record(_) => 0x10,
            Self::AccessRoot(_) => 0x11,
            Self::Verdicts => 0x12,
            Self::Verdict(_) => 0x13,
            Self::Patient(_) => 0x20,
            Self::Link(_) => 0x21,
            Self::Lookup(_) => 0x22,
        }
    }

    /// The key's bytes: prefix, then the id.
    pub fn bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(self.prefix());
        match self {
            Self::Chain
            | Self::Policy
            | Self::Suites
            | Self::Participants
            | Self::Administrators
            | Self::RegistryVersion
            | Self::PendingValidators
            | Self::Verdicts => {}
            Self::Participant(branch) | Self::StaffOf(branch) | Self::AccessRoot(branch) => {
                branch.write(&mut w)
            }
            Self::Staff(staff) | Self::Verdict(staff) => staff.write(&mut w),
            Self::KeyOwner(key) => key.write(&mut w),
            Self::Validators(epoch) => w.u64(*epoch),
            Self::Record(record) | Self::Link(record) => record.write(&mut w),
            Self::Patient(patient) => patient.write(&mut w),
            Self::Lookup(lookup) => lookup.write(&mut w),
        }
        w.into_bytes()
    }
}

/// The value at a key.
///
/// # Errors
/// When the store cannot tell, or holds bytes that are not the canonical form of a `T`.
pub fn read<T: Canonical>(view: &dyn StateView, key: Key) -> Result<Option<T>, StateUnavailable> {
    match view.get(&key.bytes())? {
        None => Ok(None),
        Some(bytes) => T::decode(&bytes).map(Some).map_err(|error| {
            StateUnavailable(format!("the value under prefix `{:#04x}`: {error}", key.prefix()))
        }),
    }
}

/// The value at a key that every state since the genesis has.
///
/// # Errors
/// As [`read`], and when it is not there.
pub fn require<T: Canonical>(view: &dyn StateView, key: Key) -> Result<T, StateUnavailable> {
    read(view, key)?.ok_or_else(|| StateUnavailable(format!("no value under prefix `{:#04x}`", key.prefix())))
}

/// A participant's entry.
///
/// # Errors
/// As [`read`].
pub fn participant(view: &dyn StateView, id: BranchId) -> Result<Option<Participant>, StateUnavailable> {
    read(view, Key::Participant(id))
}

/// Every participant there ever was, ascending.
///
/// # Errors
/// As [`require`].
pub fn participants(view: &dyn StateView) -> Result<Vec<Participant>, StateUnavailable> {
    let BranchList(ids) = require(view, Key::Participants)?;
    ids.into_iter().map(|id| require(view, Key::Participant(id))).collect()
}

/// A member of staff's entry.
///
/// # Errors
/// As [`read`].
pub fn staff(view: &dyn StateView, id: StaffId) -> Result<Option<StaffEntry>, StateUnavailable> {
    read(view, Key::Staff(id))
}

/// A branch's active staff, ascending.
///
/// # Errors
/// As [`require`].
pub fn staff_of(view: &dyn StateView, branch: BranchId) -> Result<Vec<StaffEntry>, StateUnavailable> {
    let StaffList(ids) = read(view, Key::StaffOf(branch))?.unwrap_or_default();
    ids.into_iter().map(|id| require(view, Key::Staff(id))).collect()
}

/// The network's policy.
///
/// # Errors
/// As [`require`].
pub fn policy(view: &dyn StateView) -> Result<NetworkPolicy, StateUnavailable> {
    require(view, Key::Policy)
}

/// The suites that may be written: bit n is the suite with code n + 1.
///
/// # Errors
/// As [`require`].
pub fn suites(view: &dyn StateView) -> Result<u8, StateUnavailable> {
    require(view, Key::Suites).map(|Suites(mask)| mask)
}

/// The validators of an epoch: known from the last block of the epoch before.
///
/// # Errors
/// As [`read`].
pub fn validators(view: &dyn StateView, epoch: u64) -> Result<Option<ValidatorSet>, StateUnavailable> {
    read(view, Key::Validators(epoch))
}

/// Whether a validator change waits for the end of the epoch: only then are empty blocks made.
///
/// # Errors
/// When the store cannot tell.
pub fn change_is_pending(view: &dyn StateView) -> Result<bool, StateUnavailable> {
    Ok(view.get(&Key::PendingValidators.bytes())?.is_some())
}

/// Declares a value with fixed fields: struct and canonical bytes in one place.
macro_rules! value {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $write:expr, $read:expr;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        impl Canonical for $name {
            fn write(&self, w: &mut Writer) {
                $({ let write: fn(&$type, &mut Writer) = $write; write(&self.$field, w); })+
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: { let read: fn(&mut Reader<'_>) -> Result<$type, DecodeError> = $read; read(r)? },)+ })
            }
        }
    };
}

value! {
    /// What this chain is.
    ChainEntry {
        /// The network.
        network: NetworkId = Canonical::write, Canonical::read;
        /// The chain.
        chain: Chain = Canonical::write, Canonical::read;
        /// Blocks of an epoch.
        epoch_length: u64 = |n, w| w.u64(*n), |r| r.u64("epoch length");
    }
}

value! {
    /// A record on the main chain, at its newest version.
    RecordEntry {
        /// Where it was made.
        branch: BranchId = Canonical::write, Canonical::read;
        /// What it is.
        kind: RecordKind = Canonical::write, Canonical::read;
        /// SHA-256 of the envelope.
        pointer: Digest = Canonical::write, Canonical::read;
        /// The envelope's bytes.
        size: u32 = |n, w| w.u32(*n), |r| r.u32("envelope size");
        /// How many times it was sealed.
        version: u32 = |n, w| w.u32(*n), |r| r.u32("record version");
        /// Who sent the newest version.
        author: StaffId = Canonical::write, Canonical::read;
        /// The block of the newest version.
        height: u64 = |n, w| w.u64(*n), |r| r.u64("height");
    }
}

/// Why an envelope is not the one that the chain names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// It has another length.
    #[error("{found} bytes instead of {expected}")]
    Size {
        /// Bytes there.
        found: usize,
        /// Bytes on the chain.
        expected: u32,
    },
    /// It is another one of the same length.
    #[error("its SHA-256 is not the chain's pointer")]
    Pointer,
}

/// Checks that an envelope is the one with this pointer and size.
///
/// # Errors
/// When it is another one.
pub fn check_copy(envelope: &[u8], pointer: &Digest, size: u32) -> Result<(), CopyError> {
    if u32::try_from(envelope.len()) != Ok(size) {
        return Err(CopyError::Size { found: envelope.len(), expected: size });
    }
    if Digest::of(envelope) != *pointer {
        return Err(CopyError::Pointer);
    }
    Ok(())
}

value! {
    /// The newest root of a branch's audit log.
    AccessEntry {
        /// Entries in it.
        size: u64 = |n, w| w.u64(*n), |r| r.u64("log size");
        /// RFC 6962 root over them.
        root: Digest = Canonical::write, Canonical::read;
        /// The block that it is in.
        height: u64 = |n, w| w.u64(*n), |r| r.u64("height");
    }
}

value! {
    /// An auditor's newest verdict on the sealed records.
    VerdictEntry {
        /// What the auditor says.
        verdict: Verdict = Canonical::write, Canonical::read;
        /// The block's time, Unix seconds.
        time_s: u64 = |n, w| w.u64(*n), |r| r.u64("time");
        /// The block that it is in.
        at: u64 = |n, w| w.u64(*n), |r| r.u64("height");
    }
}

value! {
    /// A patient on the side chain.
    PatientEntry {
        /// SHA-256 of the sealed identity.
        identity: Digest = Canonical::write, Canonical::read;
        /// The block of the enrolment.
        enrolled_height: u64 = |n, w| w.u64(*n), |r| r.u64("height");
        /// Count and root of the patient's links: RFC 6962 over [`link_leaf`].
        links: merkle::Frontier = |frontier, w| w.bytes(&frontier.encode()), read_frontier;
    }
}

value! {
    /// Whose a record is.
    LinkEntry {
        /// The patient.
        patient: PatientId = Canonical::write, Canonical::read;
        /// The link's place in the patient's list.
        index: u64 = |n, w| w.u64(*n), |r| r.u64("index");
        /// Where the record was made.
        branch: BranchId = Canonical::write, Canonical::read;
    }
}

value! {
    /// A lookup.
    LookupEntry {
        /// Whose history.
        patient: PatientId = Canonical::write, Canonical::read;
        /// Who looked.
        staff: StaffId = Canonical::write, Canonical::read;
        /// What for.
        purpose: Purpose = Canonical::write, Canonical::read;
        /// The block's time, Unix seconds.
        time_s: u64 = |n, w| w.u64(*n), |r| r.u64("time");
        /// The block.
        height: u64 = |n, w| w.u64(*n), |r| r.u64("height");
    }
}

fn read_frontier(r: &mut Reader<'_>) -> Result<merkle::Frontier, DecodeError> {
    const LIMIT: usize = 8 + 64 * 32;
    merkle::Frontier::decode(r.bytes(LIMIT, "frontier")?).map_err(|_| DecodeError::OutOfRange("frontier"))
}

/// The leaf of a link in its patient's list: record ‖ branch.
pub fn link_leaf(record: &RecordId, branch: BranchId) -> Vec<u8> {
    let mut w = Writer::default();
    record.write(&mut w);
    branch.write(&mut w);
    w.into_bytes()
}

impl PatientEntry {
    /// Whether these links, in the order of their index, are all that the patient has: none missing, none added.
    pub fn proves_whole(&self, links: &[(RecordId, BranchId)]) -> bool {
        // Leaves and inner nodes hash apart, so no list of another length has the same root.
        let leaves: Vec<Vec<u8>> = links.iter().map(|(record, branch)| link_leaf(record, *branch)).collect();
        merkle::root_of(leaves.iter().map(Vec::as_slice)) == self.links.root()
    }
}

/// The validators of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    /// Branch and key, strictly ascending by key: the order of the engine's participants.
    pub members: Vec<(BranchId, PublicKey)>,
}

impl ValidatorSet {
    /// A set of these members, brought into its order.
    pub fn new(mut members: Vec<(BranchId, PublicKey)>) -> Self {
        members.sort_by_key(|(_, key)| *key);
        Self { members }
    }

    /// Signatures that make a certificate: n − ⌊(n − 1) / 3⌋, more than two thirds.
    pub fn quorum(&self) -> usize {
        let n = self.members.len();
        n - n.saturating_sub(1) / 3
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.members.iter().map(|(_, key)| key)
    }
}

impl Canonical for ValidatorSet {
    fn write(&self, w: &mut Writer) {
        w.len(self.members.len());
        for (branch, key) in &self.members {
            branch.write(w);
            key.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let n = r.len(MAX_VALIDATORS, "validators")?;
        let mut members = Vec::new();
        for _ in 0..n {
            members.push((BranchId::read(r)?, PublicKey::read(r)?));
        }
        if !members.is_sorted_by(|(_, a), (_, b)| a < b) {
            return Err(DecodeError::Unsorted("validators"));
        }
        Ok(Self { members })
    }
}

/// A sorted list of participants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BranchList(pub Vec<BranchId>);

impl Canonical for BranchList {
    fn write(&self, w: &mut Writer) {
        w.list(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.sorted(MAX_PARTICIPANTS, "participants", |id: &BranchId| *id).map(Self)
    }
}

/// A sorted list of staff.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaffList(pub Vec<StaffId>);

impl Canonical for StaffList {
    fn write(&self, w: &mut Writer) {
        w.list(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.sorted(MAX_STAFF, "staff", |id: &StaffId| *id).map(Self)
    }
}

/// The suites that may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suites(pub(crate) u8);

impl Canonical for Suites {
    fn write(&self, w: &mut Writer) {
        w.u8(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u8("suites").map(Self)
    }
}

/// How many changes the registry has had since the genesis; absent is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistryVersion(pub u32);

impl Canonical for RegistryVersion {
    fn write(&self, w: &mut Writer) {
        w.u32(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.u32("registry version").map(Self)
    }
}

impl Canonical for Subject {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Participant(id) => {
                w.u8(1);
                id.write(w);
            }
            Self::Staff(id) => {
                w.u8(2);
                id.write(w);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("registry subject")? {
            1 => BranchId::read(r).map(Self::Participant),
            2 => StaffId::read(r).map(Self::Staff),
            code => Err(DecodeError::UnknownCode { what: "registry subject", code: code.into() }),
        }
    }
}

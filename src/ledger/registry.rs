//! Who and what the network consists of: participants, staff, validators, suites, policy. Shapes, bytes and what an
//! entry must be by itself; whether it may replace the one before is the rules' business.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, Chain, StaffId};
use wardline_crypto::{AgreementPublic, Digest, PublicKey};
use wardline_policy::Roles;

/// Most participants of a network.
pub const MAX_PARTICIPANTS: usize = 200;
/// Most validators of a chain.
pub const MAX_VALIDATORS: usize = 50;
/// Most staff of one branch.
pub const MAX_STAFF: usize = 4096;
/// Most bytes of a name.
pub const MAX_NAME: usize = 100;
/// Most bytes of an address or URL.
pub const MAX_ADDRESS: usize = 200;
/// Longest grant that a policy may allow: 12 hours.
pub const MAX_GRANT_S: u32 = 12 * 3600;
/// The key epoch of a person's first keys.
pub const FIRST_KEY_EPOCH: u32 = 1;
/// The suites that exist, as bits: bit n is the suite with code n + 1.
pub const SUITES: u8 = 0b111;

/// Why an entry cannot stand, whoever signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A name is empty.
    #[error("a participant needs a name")]
    NoName,
    /// The API address is not an `https` URL.
    #[error("a participant's API address must begin with `https://`")]
    Api,
    /// An engine address is not `host:port`.
    #[error("a participant's engine address must be host and port")]
    Address,
    /// A key that anybody could sign for, or with a second spelling.
    #[error("a key is weak or not canonical: make a new one")]
    WeakKey,
    /// One key stands for two things.
    #[error("every key of an entry must be its own")]
    SharedKey,
    /// Side-chain key and address must be there exactly when the participant is trusted.
    #[error("a trusted participant, and no other, has a key and an address on the side chain")]
    SideChain,
    /// No suite, or an unknown one.
    #[error("the suites must be at least one of those that exist")]
    Suites,
    /// A limit of the policy is outside of what the design allows.
    #[error("the policy's `{0}` is out of range")]
    Policy(&'static str),
    /// A validator set is empty.
    #[error("a chain needs at least one validator")]
    NoValidators,
}

/// A branch or research institute with its keys and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its number.
    pub id: BranchId,
    /// Its name, for people.
    pub name: String,
    /// Whether it is on the side chain.
    pub trusted: bool,
    /// Whether it may be a validator.
    pub votes: bool,
    /// Signs receipts, tips and the branch's own transactions.
    pub signing: PublicKey,
    /// Its identity in the main chain's engine.
    pub main_validator: PublicKey,
    /// Its identity in the side chain's engine; exactly when trusted.
    pub side_validator: Option<PublicKey>,
    /// Data keys are wrapped to it.
    pub wrap: AgreementPublic,
    /// SHA-256 of its API certificate's SubjectPublicKeyInfo (DER).
    pub tls: Digest,
    /// Its API: `https://host:port`.
    pub api: String,
    /// Its engine on the main chain: `host:port`.
    pub main_address: String,
    /// Its engine on the side chain: `host:port`; exactly when trusted.
    pub side_address: Option<String>,
    /// Whether it is still a participant.
    pub active: bool,
}

impl Participant {
    /// Its identity in the chain's engine, if it is on the chain.
    pub fn validator_key(&self, chain: Chain) -> Option<PublicKey> {
        match chain {
            Chain::Main => Some(self.main_validator),
            Chain::Side => self.side_validator,
        }
    }

    /// Its Ed25519 keys: signing, main, side.
    pub fn keys(&self) -> Vec<PublicKey> {
        [Some(self.signing), Some(self.main_validator), self.side_validator].into_iter().flatten().collect()
    }

    /// Whether it may be in the chain's validator set, and with which key.
    pub fn may_validate(&self, chain: Chain) -> Option<PublicKey> {
        (self.active && self.votes).then(|| self.validator_key(chain)).flatten()
    }

    /// Checks what the entry must be by itself.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), EntryError> {
        if self.name.trim().is_empty() {
            return Err(EntryError::NoName);
        }
        if self.api.strip_prefix("https://").is_none_or(str::is_empty) {
            return Err(EntryError::Api);
        }
        if !self.side_address.iter().chain([&self.main_address]).all(|address| is_host_and_port(address)) {
            return Err(EntryError::Address);
        }
        if self.trusted != self.side_validator.is_some() || self.trusted != self.side_address.is_some() {
            return Err(EntryError::SideChain);
        }
        let mut keys = self.keys();
        if keys.iter().any(|key| key.check_registrable().is_err()) || self.wrap.check_registrable().is_err() {
            return Err(EntryError::WeakKey);
        }
        keys.sort();
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(EntryError::SharedKey);
        }
        Ok(())
    }
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
    })
}

impl Canonical for Participant {
    fn write(&self, w: &mut Writer) {
        self.id.write(w);
        w.text(&self.name);
        w.bool(self.trusted);
        w.bool(self.votes);
        self.signing.write(w);
        self.main_validator.write(w);
        w.option(self.side_validator.as_ref(), |w, key| key.write(w));
        self.wrap.write(w);
        self.tls.write(w);
        w.text(&self.api);
        w.text(&self.main_address);
        w.option(self.side_address.as_ref(), |w, address| w.text(address));
        w.bool(self.active);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: BranchId::read(r)?,
            name: r.text(MAX_NAME, "participant's name")?,
            trusted: r.bool("trusted")?,
            votes: r.bool("votes")?,
            signing: PublicKey::read(r)?,
            main_validator: PublicKey::read(r)?,
            side_validator: r.option("side validator", PublicKey::read)?,
            wrap: AgreementPublic::read(r)?,
            tls: Digest::read(r)?,
            api: r.text(MAX_ADDRESS, "API address")?,
            main_address: r.text(MAX_ADDRESS, "engine address")?,
            side_address: r.option("side address", |r| r.text(MAX_ADDRESS, "engine address"))?,
            active: r.bool("active")?,
        })
    }
}

/// A member of staff. Names of people are not on the chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffEntry {
    /// Who.
    pub id: StaffId,
    /// Where.
    pub branch: BranchId,
    /// Signs grants and approvals.
    pub signing: PublicKey,
    /// The person's X25519 key.
    pub agreement: AgreementPublic,
    /// What the person may do.
    pub roles: Roles,
    /// [`FIRST_KEY_EPOCH`], and one more at every change of keys.
    pub key_epoch: u32,
    /// False once the person left or the key was lost.
    pub active: bool,
}

impl StaffEntry {
    /// Checks what the entry must be by itself.
    ///
    /// # Errors
    /// When a key is not registrable.
    pub fn check(&self) -> Result<(), EntryError> {
        self.signing
            .check_registrable()
            .and_then(|()| self.agreement.check_registrable())
            .map_err(|_| EntryError::WeakKey)
    }
}

impl Canonical for StaffEntry {
    fn write(&self, w: &mut Writer) {
        self.id.write(w);
        self.branch.write(w);
        self.signing.write(w);
        self.agreement.write(w);
        w.u16(self.roles.bits());
        w.u32(self.key_epoch);
        w.bool(self.active);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: StaffId::read(r)?,
            branch: BranchId::read(r)?,
            signing: PublicKey::read(r)?,
            agreement: AgreementPublic::read(r)?,
            roles: {
                let bits = r.u16("roles")?;
                Roles::from_bits(bits)
                    .map_err(|_| DecodeError::UnknownCode { what: "role set", code: bits.into() })?
            },
            key_epoch: r.u32("key epoch")?,
            active: r.bool("active")?,
        })
    }
}

/// The network's limits that every participant keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// 1 in the genesis, one more at every change.
    pub version: u32,
    /// Age at which a signed tip counts no more, seconds: 1 to 3600.
    pub tip_max_age_s: u32,
    /// Longest session grant, seconds: 60 to [`MAX_GRANT_S`].
    pub grant_max_s: u32,
    /// Branches that must hold a record: 2 to [`MAX_RECEIPTS`](crate::MAX_RECEIPTS).
    pub copies_min: u8,
    /// The version of the table of roles by which everybody decides: the one that this build has.
    pub roles_table: u32,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            version: 1,
            tip_max_age_s: 10,
            grant_max_s: MAX_GRANT_S,
            copies_min: 2,
            roles_table: wardline_policy::TABLE_VERSION,
        }
    }
}

impl NetworkPolicy {
    /// Checks the limits.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), EntryError> {
        let fields = [
            ("version", self.version >= 1),
            ("tip_max_age_s", (1..=3600).contains(&self.tip_max_age_s)),
            ("grant_max_s", (60..=MAX_GRANT_S).contains(&self.grant_max_s)),
            ("copies_min", (2..=crate::body::MAX_RECEIPTS).contains(&usize::from(self.copies_min))),
            ("roles_table", self.roles_table == wardline_policy::TABLE_VERSION),
        ];
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(EntryError::Policy(field)),
            None => Ok(()),
        }
    }
}

impl Canonical for NetworkPolicy {
    fn write(&self, w: &mut Writer) {
        w.u32(self.version);
        w.u32(self.tip_max_age_s);
        w.u32(self.grant_max_s);
        w.u8(self.copies_min);
        w.u32(self.roles_table);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.u32("policy version")?,
            tip_max_age_s: r.u32("tip age")?,
            grant_max_s: r.u32("grant length")?,
            copies_min: r.u8("copies")?,
            roles_table: r.u32("roles table")?,
        })
    }
}

/// Checks a mask of suites.
///
/// # Errors
/// When it is empty or has a bit without a suite.
pub fn check_suites(suites: u8) -> Result<(), EntryError> {
    if suites == 0 || suites & !SUITES != 0 { Err(EntryError::Suites) } else { Ok(()) }
}

/// A change of the registry. The same bytes are valid on both chains, and each applies them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The registry's version that this makes: how many changes it has had on the chain, of whatever entry, with this
    /// one. One line for all, because what a change needs may be what another one takes away: both chains must take
    /// them in the same order to come to the same registry.
    pub version: u32,
    /// What it is from now on.
    pub entry: RegistryEntry,
}

/// What a registry transaction sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryEntry {
    /// A participant, new or changed.
    Participant(Participant),
    /// A member of staff, new or changed.
    Staff(StaffEntry),
    /// The suites that may be written: bit n is the suite with code n + 1.
    Suites(u8),
    /// The network's policy.
    Policy(NetworkPolicy),
    /// A chain's validators from the next epoch on.
    Validators {
        /// Which chain's.
        chain: Chain,
        /// Their branches, ascending.
        set: Vec<BranchId>,
    },
}

/// Whose a registered key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One participant's.
    Participant(BranchId),
    /// One member of staff's.
    Staff(StaffId),
}

impl RegistryEntry {
    /// Checks what the entry must be by itself.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), EntryError> {
        match self {
            Self::Participant(participant) => participant.check(),
            Self::Staff(staff) => staff.check(),
            Self::Suites(suites) => check_suites(*suites),
            Self::Policy(policy) => policy.check(),
            Self::Validators { set, .. } if set.is_empty() => Err(EntryError::NoValidators),
            Self::Validators { .. } => Ok(()),
        }
    }
}

impl Canonical for RegistryEntry {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Participant(participant) => {
                w.u8(1);
                participant.write(w);
            }
            Self::Staff(staff) => {
                w.u8(2);
                staff.write(w);
            }
            Self::Suites(suites) => {
                w.u8(3);
                w.u8(*suites);
            }
            Self::Policy(policy) => {
                w.u8(4);
                policy.write(w);
            }
            Self::Validators { chain, set } => {
                w.u8(5);
                chain.write(w);
                w.list(set);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("registry entry")? {
            1 => Participant::read(r).map(Self::Participant),
            2 => StaffEntry::read(r).map(Self::Staff),
            3 => r.u8("suites").map(Self::Suites),
            4 => NetworkPolicy::read(r).map(Self::Policy),
            5 => Ok(Self::Validators {
                chain: Chain::read(r)?,
                set: r.sorted(MAX_VALIDATORS, "validators", |branch: &BranchId| *branch)?,
            }),
            code => Err(DecodeError::UnknownCode { what: "registry entry", code: code.into() }),
        }
    }
}

impl Canonical for Registry {
    fn write(&self, w: &mut Writer) {
        w.u32(self.version);
        self.entry.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { version: r.u32("registry version")?, entry: RegistryEntry::read(r)? })
    }
}

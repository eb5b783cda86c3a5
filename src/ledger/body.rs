//! What a transaction says, except for the registry: storage, access, enrol, link, lookup.
//!
//! Shapes and bytes only; whether it may be said is the rules' business.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, LookupId, NetworkId, PatientId, RecordId};
use crate::state::StateView;
use wardline_crypto::{Digest, Domain, PublicKey, Signature, SigningKey};
use wardline_policy::{Purpose, RecordKind};

/// Most receipts of one storage transaction.
pub const MAX_RECEIPTS: usize = 64;
/// Most bytes of a patient's sealed identity: 8 KiB.
pub const MAX_IDENTITY: usize = 8 * 1024;
/// Most bytes of a lookup's reason.
pub const MAX_REASON: usize = 200;
/// Most digests of a consistency proof: two per level of a tree of 2^64 leaves.
pub const MAX_CONSISTENCY: usize = 128;

/// "A record exists and is kept": main chain. Nothing in it names a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The record's temporary ID.
    pub record: RecordId,
    /// The branch that it was made at.
    pub branch: BranchId,
    /// What it is.
    pub kind: RecordKind,
    /// SHA-256 of the whole envelope.
    pub pointer: Digest,
    /// The envelope's bytes.
    pub size: u32,
    /// 1 for a new record, one more when it is sealed again.
    pub version: u32,
    /// What it rests on.
    pub assent: Assent,
    /// Who holds the envelope durably, ascending by branch.
    pub receipts: Vec<Receipt>,
}

impl Storage {
    /// What its receipts must be for.
    pub fn custody(&self, network: NetworkId) -> Custody {
        Custody {
            network,
            record: self.record,
            version: self.version,
            home: self.branch,
            pointer: self.pointer,
            size: self.size,
        }
    }
}

impl Canonical for Storage {
    fn write(&self, w: &mut Writer) {
        self.record.write(w);
        self.branch.write(w);
        self.kind.write(w);
        self.pointer.write(w);
        w.u32(self.size);
        w.u32(self.version);
        self.assent.write(w);
        w.list(&self.receipts);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            record: RecordId::read(r)?,
            branch: BranchId::read(r)?,
            kind: RecordKind::read(r)?,
            pointer: Digest::read(r)?,
            size: r.u32("envelope size")?,
            version: r.u32("record version")?,
            assent: Assent::read(r)?,
            receipts: r.sorted(MAX_RECEIPTS, "receipts", |receipt: &Receipt| receipt.branch)?,
        })
    }
}

/// On what ground a record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assent {
    /// A patient's policy, by its commitment on the main chain.
    Commitment(Digest),
    /// Care that could not wait; the reason's code.
    Emergency(u8),
    /// The patient could not be asked; the reason's code.
    UnableToAsk(u8),
    /// The network's own default, by the version of its policy.
    NetworkDefault(u32),
}

impl Canonical for Assent {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Commitment(commitment) => {
                w.u8(1);
                commitment.write(w);
            }
            Self::Emergency(reason) => {
                w.u8(2);
                w.u8(*reason);
            }
            Self::UnableToAsk(reason) => {
                w.u8(3);
                w.u8(*reason);
            }
            Self::NetworkDefault(version) => {
                w.u8(4);
                w.u32(*version);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("assent")? {
            1 => Digest::read(r).map(Self::Commitment),
            2 => r.u8("reason code").map(Self::Emergency),
            3 => r.u8("reason code").map(Self::UnableToAsk),
            4 => r.u32("policy version").map(Self::NetworkDefault),
            code => Err(DecodeError::UnknownCode { what: "assent", code: code.into() }),
        }
    }
}

/// What a branch has in custody: one version of a record, sealed in exactly this envelope, for the branch that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Custody {
    /// The network that the record is kept in.
    pub network: NetworkId,
    /// The record's temporary ID.
    pub record: RecordId,
    /// Which version of it.
    pub version: u32,
    /// The record's home: the branch that it was made at.
    pub home: BranchId,
    /// SHA-256 of the whole envelope.
    pub pointer: Digest,
    /// The envelope's bytes.
    pub size: u32,
}

impl Custody {
    /// What a receipt of `branch` signs. The home is in it so that nobody can announce under another branch's name what
    /// was handed in for one.
    fn signed_bytes(&self, branch: BranchId) -> Vec<u8> {
        let mut w = Writer::default();
        self.network.write(&mut w);
        self.record.write(&mut w);
        w.u32(self.version);
        self.home.write(&mut w);
        self.pointer.write(&mut w);
        w.u32(self.size);
        branch.write(&mut w);
        w.into_bytes()
    }
}

/// A branch's signed word that it holds an envelope durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Who holds it.
    pub branch: BranchId,
    /// By the participant's signing key, [`Domain::Receipt`] over the [`Custody`] and the branch.
    pub signature: Signature,
}

impl Receipt {
    /// Signs a receipt with the signing key of the holding `branch`. Only after the envelope is durable.
    pub fn signed(custody: &Custody, branch: BranchId, key: &SigningKey) -> Self {
        Self { branch, signature: key.sign(Domain::Receipt, &custody.signed_bytes(branch)) }
    }

    /// Whether `key`, the holder's registered signing key, signed for exactly this.
    pub fn verify(&self, custody: &Custody, key: &PublicKey) -> bool {
        key.verify(Domain::Receipt, &custody.signed_bytes(self.branch), &self.signature)
    }

    /// The same as a rule over `view` checks it.
    pub(crate) fn verify_in(&self, view: &dyn StateView, custody: &Custody, key: &PublicKey) -> bool {
        view.verifies(key, Domain::Receipt, &custody.signed_bytes(self.branch), &self.signature)
    }
}

impl Canonical for Receipt {
    fn write(&self, w: &mut Writer) {
        self.branch.write(w);
        self.signature.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { branch: BranchId::read(r)?, signature: Signature::read(r)? })
    }
}

/// The root of a branch's audit log, consistent with the one before: main chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose log.
    pub branch: BranchId,
    /// Entries in it.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
    /// RFC 6962 consistency proof from the size that the state holds; empty when that is zero.
    pub consistency: Vec<Digest>,
}

impl Canonical for Access {
    fn write(&self, w: &mut Writer) {
        self.branch.write(w);
        w.u64(self.size);
        self.root.write(w);
        w.list(&self.consistency);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            branch: BranchId::read(r)?,
            size: r.u64("log size")?,
            root: Digest::read(r)?,
            consistency: r.list(MAX_CONSISTENCY, "consistency proof")?,
        })
    }
}

/// A new patient: side chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// The patient's new ID.
    pub patient: PatientId,
    /// Who the patient is, as a sealed envelope of content *identity*; its key lies off the chain.
    pub identity: Vec<u8>,
}

impl Canonical for Enrol {
    fn write(&self, w: &mut Writer) {
        self.patient.write(w);
        w.bytes(&self.identity);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            patient: PatientId::read(r)?,
            identity: r.bytes(MAX_IDENTITY, "sealed identity")?.to_vec(),
        })
    }
}

/// "This record is this patient's": side chain, final before the record's storage transaction is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The record's temporary ID.
    pub record: RecordId,
    /// Whose it is.
    pub patient: PatientId,
    /// The branch that it was made at.
    pub branch: BranchId,
}

impl Canonical for Link {
    fn write(&self, w: &mut Writer) {
        self.record.write(w);
        self.patient.write(w);
        self.branch.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: RecordId::read(r)?, patient: PatientId::read(r)?, branch: BranchId::read(r)? })
    }
}

/// "I look at this patient's history, for this purpose": side chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The lookup's new ID.
    pub lookup: LookupId,
    /// Whose history.
    pub patient: PatientId,
    /// What for.
    pub purpose: Purpose,
    /// Why, in a few words.
    pub reason: String,
}

impl Canonical for Lookup {
    fn write(&self, w: &mut Writer) {
        self.lookup.write(w);
        self.patient.write(w);
        self.purpose.write(w);
        w.text(&self.reason);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            lookup: LookupId::read(r)?,
            patient: PatientId::read(r)?,
            purpose: Purpose::read(r)?,
            reason: r.text(MAX_REASON, "reason")?,
        })
    }
}

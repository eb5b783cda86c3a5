//! A transaction: a body, the chain it is for, and who stands for it.
//!
//! Every signature covers all bytes before it; an approval covers network, scope and body, so that persons can sign one
//! after the other. It must not know whether the author may say what the body says.

use crate::body::{Access, Enrol, Link, Lookup, Storage};
use crate::codec::{Canonical, DecodeError, Reader, Writer, canonical_code};
use crate::grant::Grant;
use crate::id::{BranchId, Chain, NetworkId, StaffId, TxId};
use crate::registry::Registry;
use crate::verdict::Verdict;
use wardline_crypto::{Digest, Domain, Signature, SigningKey};

/// Most approvals of one transaction.
pub const MAX_APPROVALS: usize = 8;

/// The chains that a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The main chain.
    Main = 1,
    /// The side chain.
    Side = 2,
    /// Either chain takes the same bytes.
    Both = 3,
}

impl Scope {
    /// The permanent number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The scope with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Main),
            2 => Some(Self::Side),
            3 => Some(Self::Both),
            _ => None,
        }
    }

    /// Whether a transaction of this scope may be in the chain.
    pub const fn covers(self, chain: Chain) -> bool {
        self.code() & chain.code() != 0
    }
}

canonical_code! { Scope, "scope"; }

/// What a transaction says. The numbers are permanent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// 1: a record is kept.
    Storage(Storage),
    /// 3: who and what the network consists of.
    Registry(Registry),
    /// 4: the root of a branch's audit log.
    Access(Access),
    /// 6: a new patient.
    Enrol(Enrol),
    /// 10: whose a record is.
    Link(Link),
    /// 12: who looks at whose history.
    Lookup(Lookup),
    /// 14: what an auditor found of the sealed records.
    Verdict(Verdict),
}

/// Kinds whose numbers and shapes are written down and which no chain takes yet.
const RESERVED: [(u8, &str); 7] = [
    (2, "policy"),
    (5, "correction"),
    (7, "update"),
    (8, "merge"),
    (9, "unmerge"),
    (11, "consent"),
    (13, "erase"),
];

impl Body {
    /// The permanent number of the kind.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Storage(_) => 1,
            Self::Registry(_) => 3,
            Self::Access(_) => 4,
            Self::Enrol(_) => 6,
            Self::Link(_) => 10,
            Self::Lookup(_) => 12,
            Self::Verdict(_) => 14,
        }
    }

    /// Every kind's name.
    pub const NAMES: [&str; 7] = ["storage", "registry", "access", "enrol", "link", "lookup", "verdict"];

    /// The permanent name of the kind.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Registry(_) => "registry",
            Self::Access(_) => "access",
            Self::Enrol(_) => "enrol",
            Self::Link(_) => "link",
            Self::Lookup(_) => "lookup",
            Self::Verdict(_) => "verdict",
        }
    }

    /// The chains that the kind belongs to.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Storage(_) | Self::Access(_) | Self::Verdict(_) => Scope::Main,
            Self::Registry(_) => Scope::Both,
            Self::Enrol(_) | Self::Link(_) | Self::Lookup(_) => Scope::Side,
        }
    }

    /// The bytes that an approving member of staff signs with [`Domain::Approval`].
    pub fn approval_bytes(&self, network: &NetworkId) -> Vec<u8> {
        let mut w = Writer::default();
        network.write(&mut w);
        self.scope().write(&mut w);
        self.write(&mut w);
        w.into_bytes()
    }
}

impl Canonical for Body {
    fn write(&self, w: &mut Writer) {
        w.u8(self.code());
        match self {
            Self::Storage(body) => body.write(w),
            Self::Registry(body) => body.write(w),
            Self::Access(body) => body.write(w),
            Self::Enrol(body) => body.write(w),
            Self::Link(body) => body.write(w),
            Self::Lookup(body) => body.write(w),
            Self::Verdict(body) => body.write(w),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("transaction kind")? {
            1 => Storage::read(r).map(Self::Storage),
            3 => Registry::read(r).map(Self::Registry),
            4 => Access::read(r).map(Self::Access),
            6 => Enrol::read(r).map(Self::Enrol),
            10 => Link::read(r).map(Self::Link),
            12 => Lookup::read(r).map(Self::Lookup),
            14 => Verdict::read(r).map(Self::Verdict),
            code => Err(match RESERVED.iter().find(|(reserved, _)| *reserved == code) {
                Some((_, name)) => DecodeError::Reserved(name),
                None => DecodeError::UnknownCode { what: "transaction kind", code: code.into() },
            }),
        }
    }
}

/// Who stands for a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A member of staff through a session.
    Session {
        /// What the staff key let the session do.
        grant: Grant,
        /// By the session key, [`Domain::Transaction`] over every byte of the transaction before it.
        signature: Signature,
    },
    /// A branch's node.
    Branch {
        /// Which.
        branch: BranchId,
        /// By the participant's signing key, [`Domain::Transaction`] over every byte of the transaction before it.
        signature: Signature,
    },
    /// Members of staff with their own keys.
    Staff {
        /// Ascending by person, each [`Domain::Approval`] over network, scope and body.
        approvals: Vec<Approval>,
    },
}

/// One person's approval of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub staff: StaffId,
    /// By the person's signing key.
    pub signature: Signature,
}

impl Approval {
    /// Approves a body with a staff key.
    pub fn sign(key: &SigningKey, staff: StaffId, network: &NetworkId, body: &Body) -> Self {
        Self { staff, signature: key.sign(Domain::Approval, &body.approval_bytes(network)) }
    }
}

impl Canonical for Approval {
    fn write(&self, w: &mut Writer) {
        self.staff.write(w);
        self.signature.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { staff: StaffId::read(r)?, signature: Signature::read(r)? })
    }
}

impl Author {
    fn write_unsigned(&self, w: &mut Writer) {
        match self {
            Self::Session { grant, .. } => {
                w.u8(1);
                grant.write(w);
            }
            Self::Branch { branch, .. } => {
                w.u8(2);
                branch.write(w);
            }
            Self::Staff { .. } => w.u8(3),
        }
    }
}

impl Canonical for Author {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        match self {
            Self::Session { signature, .. } | Self::Branch { signature, .. } => signature.write(w),
            Self::Staff { approvals } => w.list(approvals),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("author")? {
            1 => Ok(Self::Session { grant: Grant::read(r)?, signature: Signature::read(r)? }),
            2 => Ok(Self::Branch { branch: BranchId::read(r)?, signature: Signature::read(r)? }),
            3 => Ok(Self::Staff {
                approvals: r.sorted(MAX_APPROVALS, "approvals", |approval: &Approval| approval.staff)?,
            }),
            code => Err(DecodeError::UnknownCode { what: "author", code: code.into() }),
        }
    }
}

/// One entry of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The network it is for.
    pub network: NetworkId,
    /// The chains it is for: its kind's, and signed.
    pub scope: Scope,
    /// What it says.
    pub body: Body,
    /// Who stands for it.
    pub author: Author,
}

impl Transaction {
    /// A member of staff's transaction: the session key that the grant names signs it.
    pub fn by_session(network: NetworkId, body: Body, grant: Grant, session: &SigningKey) -> Self {
        let signature = Signature::from_bytes([0; 64]);
        Self { network, scope: body.scope(), body, author: Author::Session { grant, signature } }
            .signed(session)
    }

    /// A branch's own transaction: the participant's signing key signs it.
    pub fn by_branch(network: NetworkId, body: Body, branch: BranchId, key: &SigningKey) -> Self {
        let signature = Signature::from_bytes([0; 64]);
        Self { network, scope: body.scope(), body, author: Author::Branch { branch, signature } }.signed(key)
    }

    /// A transaction by approvals, which are brought into their order.
    pub fn by_staff(network: NetworkId, body: Body, mut approvals: Vec<Approval>) -> Self {
        approvals.sort_by_key(|approval| approval.staff);
        Self { network, scope: body.scope(), body, author: Author::Staff { approvals } }
    }

    /// SHA-256 of the canonical bytes.
    pub fn id(&self) -> TxId {
        Digest::of(&self.encode())
    }

    /// The bytes that a session or a branch signs: every byte before the signature.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.network.write(&mut w);
        self.scope.write(&mut w);
        self.body.write(&mut w);
        self.author.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn signed(mut self, key: &SigningKey) -> Self {
        let made = key.sign(Domain::Transaction, &self.signed_bytes());
        match &mut self.author {
            Author::Session { signature, .. } | Author::Branch { signature, .. } => *signature = made,
            Author::Staff { .. } => {}
        }
        self
    }
}

impl Canonical for Transaction {
    fn write(&self, w: &mut Writer) {
        self.network.write(w);
        self.scope.write(w);
        self.body.write(w);
        self.author.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: NetworkId::read(r)?,
            scope: Scope::read(r)?,
            body: Body::read(r)?,
            author: Author::read(r)?,
        })
    }
}

//! The built-in table of roles, version 1. `config/roles.toml` mirrors it, a test compares the two.
//!
//! It must not know how a decision is made from it.

use crate::{
    Operation::{self, *},
    Purpose::{self, *},
    Role,
};

/// The version of the table that this build decides by; networks name it in their policy.
pub const TABLE_VERSION: u32 = 1;

/// How far a permission reaches, narrowest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From every participant of the network.
    Anywhere,
    /// From branches that are on the side chain.
    TrustedBranch,
    /// From such a branch, and only for that branch.
    OwnBranch,
}

/// Which record kinds a role may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All twelve.
    All,
    /// Those of [`RecordKind::is_emergency_subset`](crate::RecordKind::is_emergency_subset).
    EmergencySubset,
    /// None.
    None,
}

impl Kinds {
    /// The permanent name in `config/roles.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::EmergencySubset => "emergency-subset",
            Self::None => "none",
        }
    }
}

/// What one role may do. What is not listed is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleRules {
    /// Whose rules these are.
    pub role: Role,
    /// Allowed at [`Reach::Anywhere`].
    pub anywhere: &'static [Operation],
    /// Allowed at [`Reach::TrustedBranch`].
    pub trusted_branch: &'static [Operation],
    /// Allowed at [`Reach::OwnBranch`].
    pub own_branch: &'static [Operation],
    /// Purposes it may have where [`Operation::needs_purpose`] says that one is needed.
    pub purposes: &'static [Purpose],
    /// Kinds that it may have keys released for.
    pub kinds: Kinds,
}

impl RoleRules {
    /// How far the role may do this, or nothing when it may not.
    pub fn reach(&self, operation: Operation) -> Option<Reach> {
        let lists = [
            (self.anywhere, Reach::Anywhere),
            (self.trusted_branch, Reach::TrustedBranch),
            (self.own_branch, Reach::OwnBranch),
        ];
        lists.into_iter().find(|(list, _)| list.contains(&operation)).map(|(_, reach)| reach)
    }
}

/// Every role's rules, in the order of the roles' codes.
pub const fn table() -> &'static [RoleRules] {
    TABLE
}

const TABLE: &[RoleRules] = &[
    RoleRules {
        role: Role::Ward,
        anywhere: &[ReadStatus, ReadMainChain],
        trusted_branch: &[
            ReadSideChain,
            SubmitLookup,
            SearchPatients,
            OpenIdentity,
            ReadLinks,
            KeepRecord,
            FetchEnvelopes,
            ReleaseKeys,
        ],
        own_branch: &[SubmitStorage, SubmitLink],
        purposes: &[Treatment, Emergency],
        kinds: Kinds::All,
    },
    RoleRules {
        role: Role::Registrar,
        anywhere: &[ReadStatus, ReadMainChain],
        trusted_branch: &[
            ReadSideChain,
            SubmitEnrol,
            SubmitLookup,
            SearchPatients,
            KeepIdentity,
            OpenIdentity,
            ReadLinks,
            KeepRecord,
            FetchEnvelopes,
            ReleaseKeys,
        ],
        own_branch: &[SubmitStorage, SubmitLink],
        purposes: &[Treatment, Emergency],
        kinds: Kinds::All,
    },
    RoleRules {
        role: Role::Supervisor,
        anywhere: &[ReadStatus, ReadMainChain, CloseAlarm],
        trusted_branch: &[
            ReadSideChain,
            SubmitRegistry,
            SubmitLookup,
            SearchPatients,
            OpenIdentity,
            ReadLinks,
            FetchEnvelopes,
            ReleaseKeys,
        ],
        own_branch: &[ReadAudit],
        purposes: &[Treatment, Payment, Statistics, Emergency, Administration],
        kinds: Kinds::All,
    },
    RoleRules {
        role: Role::Operator,
        anywhere: &[ReadStatus, ReadMainChain, CloseAlarm],
        trusted_branch: &[ReadSideChain, SubmitRegistry],
        own_branch: &[],
        purposes: &[],
        kinds: Kinds::None,
    },
    RoleRules {
        role: Role::Researcher,
        anywhere: &[ReadStatus, ReadMainChain],
        trusted_branch: &[],
        own_branch: &[],
        purposes: &[],
        kinds: Kinds::None,
    },
    RoleRules {
        role: Role::Auditor,
        anywhere: &[ReadStatus, ReadMainChain, CloseAlarm],
        trusted_branch: &[ReadSideChain, FetchEnvelopes, SubmitVerdict, ReadSideBlocks, ReadAudit],
        own_branch: &[],
        purposes: &[],
        kinds: Kinds::None,
    },
    RoleRules {
        role: Role::Crew,
        anywhere: &[ReadStatus, ReadMainChain],
        trusted_branch: &[
            ReadSideChain,
            SubmitLookup,
            SearchPatients,
            OpenIdentity,
            ReadLinks,
            FetchEnvelopes,
            ReleaseKeys,
        ],
        own_branch: &[],
        purposes: &[Emergency],
        kinds: Kinds::EmergencySubset,
    },
    RoleRules {
        role: Role::Patient,
        anywhere: &[ReadStatus, ReadMainChain],
        trusted_branch: &[],
        own_branch: &[],
        purposes: &[],
        kinds: Kinds::None,
    },
];

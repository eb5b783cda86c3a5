//! The roles that the registry gives to staff, and sets of them.
//!
//! It must not know what a role may do: `table` does.

use crate::closed::closed_list;
use std::fmt;

closed_list! {
    /// A role. Its number is the bit in [`Roles`].
    "role" Role {
        /// Nurses and doctors on a ward.
        Ward = 0 "ward",
        /// The front desk: also enrols patients.
        Registrar = 1 "registrar",
        /// Answers for a branch's staff: reads, looks up, reviews the audit log.
        Supervisor = 2 "supervisor",
        /// IT: runs nodes and the registry, sees no patient data.
        Operator = 3 "operator",
        /// Reads the main chain alone.
        Researcher = 4 "researcher",
        /// Reads both chains and every audit log, compares sealed records with the chain, opens none.
        Auditor = 5 "auditor",
        /// Emergency crews: the emergency subset, for emergencies.
        Crew = 6 "crew",
        /// A patient.
        Patient = 7 "patient",
    }
}

impl Role {
    /// The role with this permanent name.
    pub fn parse(name: &str) -> Result<Self, crate::UnknownName> {
        name.parse()
    }

    /// Whether giving this role takes the signatures of two different persons: every role that touches patients' data,
    /// runs the registry or reads audit logs, so that nobody alone can make up a person who does.
    pub const fn needs_two_persons(self) -> bool {
        !matches!(self, Self::Researcher | Self::Patient)
    }

    const fn bit(self) -> u16 {
        1 << self.code()
    }
}

/// Bits that belong to no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role set has bits of unknown roles: {0:#06x}")]
pub struct UnknownRoleBits(
    /// The bits without meaning.
    pub u16,
);

/// A set of roles: bit n is the role with code n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Roles(u16);

impl Roles {
    /// No role at all.
    pub const NONE: Self = Self(0);

    /// The set of these roles.
    pub fn of(roles: &[Role]) -> Self {
        roles.iter().copied().collect()
    }

    /// Reads the bits of canonical bytes.
    ///
    /// # Errors
    /// When a bit is set that no role has.
    pub fn from_bits(bits: u16) -> Result<Self, UnknownRoleBits> {
        let known = Role::ALL.iter().fold(0, |all, role| all | role.bit());
        match bits & !known {
            0 => Ok(Self(bits)),
            unknown => Err(UnknownRoleBits(unknown)),
        }
    }

    /// The bits for canonical bytes.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether the role is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether no role is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with this role added.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// The roles in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |&role| self.contains(role))
    }

    /// Whether any role of the set takes two persons' signatures to give.
    pub fn needs_two_persons(self) -> bool {
        self.iter().any(Role::needs_two_persons)
    }

    /// Reads comma-separated role names; spaces around them do not matter.
    ///
    /// # Errors
    /// When a name is no role.
    pub fn parse(names: &str) -> Result<Self, crate::UnknownName> {
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Role::parse).collect()
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.iter().map(Role::name).collect::<Vec<_>>().join(", "))
    }
}

impl std::str::FromStr for Roles {
    type Err = crate::UnknownName;
    fn from_str(names: &str) -> Result<Self, Self::Err> {
        Self::parse(names)
    }
}

impl serde::Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for Roles {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Vec::<Role>::deserialize(d)?.into_iter().collect())
    }
}

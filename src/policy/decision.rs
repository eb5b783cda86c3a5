//! The decision: a request against the table, with reasons that a nurse understands.
//!
//! It must not know the table's content.

use crate::{Kinds, Operation, Purpose, Reach, RecordKind, Role, RoleRules, Roles, table};
use std::fmt;

/// What somebody asks for, and the facts that the decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub operation: Operation,
    /// The asker's roles as the registry gives them at the decider's height.
    pub roles: Roles,
    /// The purpose, where [`Operation::needs_purpose`]; ignored elsewhere.
    pub purpose: Option<Purpose>,
    /// Whether the branch that the transaction or the audit log belongs to is the asker's own.
    pub own_branch: bool,
    /// Whether the asker's branch is on the side chain.
    pub trusted_branch: bool,
    /// The record's kind, for [`Operation::ReleaseKeys`]; ignored elsewhere.
    pub kind: Option<RecordKind>,
}

impl Request {
    /// A request with nothing granted: no purpose, no kind, neither the own nor a trusted branch.
    pub const fn new(operation: Operation, roles: Roles) -> Self {
        Self { operation, roles, purpose: None, own_branch: false, trusted_branch: false, kind: None }
    }
}

/// The outcome. More may be told in later versions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the operation may go on.
    pub allowed: bool,
    /// Why not: never empty when refused, empty when allowed.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Decision {
    /// "allowed", or the reasons with semicolons between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.allowed {
            return f.write_str("allowed");
        }
        for (i, reason) in self.reasons.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}

/// Why a request is refused, as a sentence for the person who asked. Break-glass and consent will add more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The asker has no role at all.
    NoRole,
    /// One of these roles would do.
    NeedsRole(Roles),
    /// A branch's node does this by itself.
    NodesOnly,
    /// The asker has only the role operator, and this is about patients.
    OperatorsSeeNoPatientData,
    /// The asker's branch, or the only role researcher, keeps to the main chain.
    ResearchKeepsToMainChain,
    /// It is allowed for the asker's own branch only.
    OwnBranchOnly,
    /// A purpose must be given: one of these.
    NeedsPurpose(Vec<Purpose>),
    /// The role may have other purposes: these.
    PurposeNotAllowed {
        /// The purpose that was given.
        given: Purpose,
        /// The role that was tried.
        role: Role,
        /// The purposes that it may have.
        allowed: Vec<Purpose>,
    },
    /// The record's kind must be given.
    NeedsKind,
    /// The role opens records of the emergency subset only.
    EmergencySubsetOnly(Role),
    /// The role opens no record at all.
    OpensNoRecord(Role),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRole => f.write_str("you have no role in this network yet: ask your supervisor for one"),
            Self::NeedsRole(roles) => {
                write!(f, "needs role {}", either(roles.iter().map(Role::name)))
            }
            Self::NodesOnly => f.write_str("only a branch's own node does this, no person"),
            Self::OperatorsSeeNoPatientData => f.write_str("operators see no patient data"),
            Self::ResearchKeepsToMainChain => f.write_str("research participants never see the side chain"),
            Self::OwnBranchOnly => f.write_str("allowed for your own branch only"),
            Self::NeedsPurpose(allowed) => {
                write!(f, "needs a purpose: {}", either(allowed.iter().map(|p| p.name())))
            }
            Self::PurposeNotAllowed { given, role, allowed } => {
                write!(
                    f,
                    "role {role} may not look up for {given}, only for {}",
                    either(allowed.iter().map(|p| p.name()))
                )
            }
            Self::NeedsKind => f.write_str("needs the kind of the record"),
            Self::EmergencySubsetOnly(role) => {
                write!(f, "role {role} opens only allergies, conditions, medication and visits")
            }
            Self::OpensNoRecord(role) => write!(f, "role {role} opens no records"),
        }
    }
}

/// "a", "a or b", "a, b or c".
fn either<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// Decides by the built-in table. Any one role that allows the request is enough.
///
/// When several roles come near, the reasons are those of the role with the fewest obstacles.
pub fn decide(request: &Request) -> Decision {
    let held = table().iter().filter(|rules| request.roles.contains(rules.role));
    let obstacles = held
        .filter_map(|rules| rules.reach(request.operation).map(|reach| obstacles(request, rules, reach)))
        .min_by_key(Vec::len)
        .unwrap_or_else(|| no_role_allows(request));
    Decision { allowed: obstacles.is_empty(), reasons: obstacles }
}

/// What keeps this role from doing what its list otherwise allows.
fn obstacles(request: &Request, rules: &RoleRules, reach: Reach) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if reach >= Reach::TrustedBranch && !request.trusted_branch {
        reasons.push(Reason::ResearchKeepsToMainChain);
    }
    if reach >= Reach::OwnBranch && !request.own_branch {
        reasons.push(Reason::OwnBranchOnly);
    }
    if request.operation.needs_purpose() {
        match request.purpose {
            None => reasons.push(Reason::NeedsPurpose(rules.purposes.to_vec())),
            Some(given) if !rules.purposes.contains(&given) => {
                reasons.push(Reason::PurposeNotAllowed {
                    given,
                    role: rules.role,
                    allowed: rules.purposes.to_vec(),
                });
            }
            Some(_) => {}
        }
    }
    if request.operation == Operation::ReleaseKeys {
        match (rules.kinds, request.kind) {
            (Kinds::None, _) => reasons.push(Reason::OpensNoRecord(rules.role)),
            (_, None) => reasons.push(Reason::NeedsKind),
            (Kinds::EmergencySubset, Some(kind)) if !kind.is_emergency_subset() => {
                reasons.push(Reason::EmergencySubsetOnly(rules.role));
            }
            _ => {}
        }
    }
    reasons
}

/// Why nobody with these roles may do it at all.
fn no_role_allows(request: &Request) -> Vec<Reason> {
    let able: Roles = table()
        .iter()
        .filter(|rules| rules.reach(request.operation).is_some())
        .map(|rules| rules.role)
        .collect();
    let mut reasons = Vec::new();
    if able.is_empty() {
        reasons.push(Reason::NodesOnly);
    } else if request.roles.is_empty() {
        reasons.push(Reason::NoRole);
    } else {
        reasons.push(Reason::NeedsRole(able));
    }
    if request.operation.touches_patients() {
        if request.roles == Roles::NONE.with(Role::Operator) {
            reasons.push(Reason::OperatorsSeeNoPatientData);
        }
        if request.roles == Roles::NONE.with(Role::Researcher) {
            reasons.push(Reason::ResearchKeepsToMainChain);
        }
    }
    reasons
}

//! Rules about who stands for a transaction: registered, active, allowed, and really the signer.

use super::{BlockContext, Refusal};
use crate::id::{BranchId, StaffId};
use crate::registry::{Participant, StaffEntry};
use crate::state::{self, StateView};
use crate::transaction::{Approval, Author, Transaction};
use wardline_crypto::Domain;
use wardline_policy::{Decision, Operation, Purpose, Request, Roles, decide};

/// A member of staff with the branch.
pub(super) struct Member {
    pub(super) staff: StaffEntry,
    branch: Participant,
}

/// An active member of staff of an active participant.
fn member(view: &dyn StateView, id: StaffId) -> Result<Member, Refusal> {
    let staff = state::staff(view, id)?.ok_or(Refusal::UnknownStaff)?;
    if !staff.active {
        return Err(Refusal::InactiveStaff);
    }
    let branch = active_branch(view, staff.branch)?;
    Ok(Member { staff, branch })
}

fn active_branch(view: &dyn StateView, id: BranchId) -> Result<Participant, Refusal> {
    state::participant(view, id)?.filter(|branch| branch.active).ok_or(Refusal::InactiveBranch)
}

/// The member of staff behind a session: grant in force at the block's time, session's signature over the transaction.
pub(super) fn session(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
) -> Result<Member, Refusal> {
    let Author::Session { grant, signature } = &transaction.author else {
        return Err(Refusal::WrongAuthor("a session"));
    };
    let member = member(view, grant.staff)?;
    let max_s = state::policy(view)?.grant_max_s;
    grant.verify_in(view, &context.network, &member.staff, context.time_s, max_s).map_err(Refusal::Grant)?;
    if !view.verifies(&grant.session, Domain::Transaction, &transaction.signed_bytes(), signature) {
        return Err(Refusal::BadSignature);
    }
    Ok(member)
}

/// The branch that signed: an active participant, with its signing key.
pub(super) fn branch(view: &dyn StateView, transaction: &Transaction) -> Result<BranchId, Refusal> {
    let Author::Branch { branch, signature } = &transaction.author else {
        return Err(Refusal::WrongAuthor("a branch"));
    };
    let participant = active_branch(view, *branch)?;
    if !view.verifies(&participant.signing, Domain::Transaction, &transaction.signed_bytes(), signature) {
        return Err(Refusal::BadSignature);
    }
    Ok(*branch)
}

/// The persons who approved: each active, allowed to change the registry, and really the signer.
pub(super) fn approvers<'a>(
    view: &dyn StateView,
    transaction: &'a Transaction,
) -> Result<&'a [Approval], Refusal> {
    let Author::Staff { approvals } = &transaction.author else {
        return Err(Refusal::WrongAuthor("members of staff"));
    };
    let message = transaction.body.approval_bytes(&transaction.network);
    for approval in approvals {
        let member = member(view, approval.staff)?;
        allowed(&may_administer(member.staff.roles, member.branch.trusted))?;
        if !view.verifies(&member.staff.signing, Domain::Approval, &message, &approval.signature) {
            return Err(Refusal::BadSignature);
        }
    }
    Ok(approvals)
}

impl Member {
    /// The branch that the transaction is for must be the author's own.
    pub(super) fn belongs_to(&self, branch: BranchId) -> Result<(), Refusal> {
        if self.branch.id == branch { Ok(()) } else { Err(Refusal::OtherBranch) }
    }

    /// The author's registered roles must allow the operation, for the author's own branch.
    pub(super) fn may(&self, operation: Operation, purpose: Option<Purpose>) -> Result<(), Refusal> {
        allowed(&decide(&Request {
            purpose,
            own_branch: true,
            trusted_branch: self.branch.trusted,
            ..Request::new(operation, self.staff.roles)
        }))
    }
}

/// Whether these roles may approve changes of the registry.
pub(crate) fn may_administer(roles: Roles, trusted_branch: bool) -> Decision {
    decide(&Request { trusted_branch, ..Request::new(Operation::SubmitRegistry, roles) })
}

fn allowed(decision: &Decision) -> Result<(), Refusal> {
    if decision.allowed { Ok(()) } else { Err(Refusal::NotAllowed(decision.to_string())) }
}

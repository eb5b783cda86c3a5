//! Rules of `registry`: who and what the network consists of, the same on both chains.

use super::{BlockContext, Refusal, author, may_administer, next_validators};
use crate::codec::Canonical;
use crate::id::{BranchId, Chain, StaffId};
use crate::overlay::Layer;
use crate::registry::{
    FIRST_KEY_EPOCH, MAX_PARTICIPANTS, MAX_STAFF, NetworkPolicy, Participant, Registry, RegistryEntry,
    StaffEntry, Subject,
};
use crate::state::{
    self, BranchList, Changes, Key, RegistryVersion, StaffList, StateView, Suites, ValidatorSet,
};
use crate::transaction::Transaction;
use wardline_crypto::PublicKey;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Registry,
) -> Result<Changes, Refusal> {
    let approvals = author::approvers(view, transaction)?;
    let needed = persons_needed(view, &body.entry)?;
    if approvals.len() < needed {
        return Err(Refusal::ApprovalsTooFew(needed));
    }
    check_version(view, body)?;
    body.entry.check().map_err(Refusal::Entry)?;

    let mut changes = match &body.entry {
        RegistryEntry::Participant(participant) => set_participant(view, context, participant)?,
        RegistryEntry::Staff(staff) => set_staff(view, staff)?,
        RegistryEntry::Suites(suites) => {
            Changes::from([(Key::Suites.bytes(), Some(Suites(*suites).encode()))])
        }
        RegistryEntry::Policy(policy) => set_policy(view, policy)?,
        RegistryEntry::Validators { chain, set } => set_validators(view, context, *chain, set)?,
    };
    check_administrators(&Layer { base: view, changes: &changes })?;
    changes.insert(Key::RegistryVersion.bytes(), Some(RegistryVersion(body.version).encode()));
    Ok(changes)
}

/// Two different persons sign for the network's shape, for new staff with roles that can do much, and for every change
/// of somebody who is there: who alone replaces a nurse's keys is the nurse from then on.
fn persons_needed(view: &dyn StateView, entry: &RegistryEntry) -> Result<usize, Refusal> {
    let RegistryEntry::Staff(staff) = entry else {
        return Ok(2);
    };
    let one_will_do = match state::staff(view, staff.id)? {
        None => !staff.roles.needs_two_persons(),
        // Taking everything away must be quick.
        Some(before) => before.active && *staff == StaffEntry { active: false, ..before },
    };
    Ok(if one_will_do { 1 } else { 2 })
}

/// Changes follow each other one by one, in the one order that their signers gave them.
fn check_version(view: &dyn StateView, body: &Registry) -> Result<(), Refusal> {
    let RegistryVersion(last) = state::read(view, Key::RegistryVersion)?.unwrap_or_default();
    match body.version {
        version if version <= last => Err(Refusal::EntryOld),
        version if version - last > 1 => Err(Refusal::EntryAhead),
        _ => Ok(()),
    }
}

/// After the change at least two active administrators of active trusted participants remain.
fn check_administrators(view: &dyn StateView) -> Result<(), Refusal> {
    let StaffList(ids) = state::require(view, Key::Administrators)?;
    let mut able = 0;
    for id in ids {
        let staff: StaffEntry = state::require(view, Key::Staff(id))?;
        let branch = state::participant(view, staff.branch)?;
        able += u32::from(branch.is_some_and(|b| b.active && may_administer(staff.roles, b.trusted).allowed));
    }
    if able >= 2 { Ok(()) } else { Err(Refusal::NoAdministratorsLeft) }
}

/// A key that the subject did not have in this place must never have been registered before: not by others, and not by
/// itself, so that a lost key stays lost and a wiped validator cannot come back under its old one.
fn claim_key(
    view: &dyn StateView,
    changes: &mut Changes,
    owner: Subject,
    before: Option<PublicKey>,
    now: Option<PublicKey>,
) -> Result<(), Refusal> {
    let Some(key) = now.filter(|key| before != Some(*key)) else {
        return Ok(());
    };
    let place = Key::KeyOwner(key).bytes();
    if view.get(&place)?.is_some() {
        return Err(Refusal::KeyTaken);
    }
    changes.insert(place, Some(owner.encode()));
    Ok(())
}

fn set_participant(
    view: &dyn StateView,
    context: &BlockContext,
    now: &Participant,
) -> Result<Changes, Refusal> {
    let mut changes = Changes::new();
    let before = state::participant(view, now.id)?;
    let owner = Subject::Participant(now.id);
    let old = before.as_ref();
    claim_key(view, &mut changes, owner, old.map(|p| p.signing), Some(now.signing))?;
    claim_key(view, &mut changes, owner, old.map(|p| p.main_validator), Some(now.main_validator))?;
    claim_key(view, &mut changes, owner, old.and_then(|p| p.side_validator), now.side_validator)?;

    if before.is_none() {
        let BranchList(mut ids) = state::require(view, Key::Participants)?;
        insert_sorted(&mut ids, now.id, MAX_PARTICIPANTS)?;
        changes.insert(Key::Participants.bytes(), Some(BranchList(ids).encode()));
    }
    changes.insert(Key::Participant(now.id).bytes(), Some(now.encode()));
    update_member(view, context, now, &mut changes)?;
    Ok(changes)
}

/// A member of the next validator set whose key changed is in it with the new one; one that may not validate any more
/// leaves it. Both from the next epoch on.
///
/// The main chain refuses to lose its last validator. The side chain keeps its last one, because it must take every
/// change that the main chain took.
fn update_member(
    view: &dyn StateView,
    context: &BlockContext,
    now: &Participant,
    changes: &mut Changes,
) -> Result<(), Refusal> {
    let set = next_validators(view, context)?;
    let key = now.may_validate(context.chain);
    let update = |&(branch, old): &(BranchId, PublicKey)| {
        if branch == now.id { key.map(|key| (branch, key)) } else { Some((branch, old)) }
    };
    let updated = ValidatorSet::new(set.members.iter().filter_map(update).collect());
    if updated == set {
        return Ok(());
    }
    if updated.members.is_empty() {
        return match context.chain {
            Chain::Main => Err(Refusal::NoValidatorsLeft),
            Chain::Side => Ok(()),
        };
    }
    changes.insert(Key::PendingValidators.bytes(), Some(updated.encode()));
    Ok(())
}

fn set_staff(view: &dyn StateView, now: &StaffEntry) -> Result<Changes, Refusal> {
    let mut changes = Changes::new();
    let before = state::staff(view, now.id)?;
    if !state::participant(view, now.branch)?.is_some_and(|branch| branch.active || !now.active) {
        return Err(Refusal::StaffBranch);
    }
    check_key_epoch(before.as_ref(), now)?;
    claim_key(
        view,
        &mut changes,
        Subject::Staff(now.id),
        before.as_ref().map(|staff| staff.signing),
        Some(now.signing),
    )?;

    if let Some(before) = before.filter(|before| before.branch != now.branch) {
        list_staff(view, before.branch, now.id, false, &mut changes)?;
    }
    list_staff(view, now.branch, now.id, now.active, &mut changes)?;
    let StaffList(mut administrators) = state::require(view, Key::Administrators)?;
    administrators.retain(|id| *id != now.id);
    if now.active && may_administer(now.roles, true).allowed {
        insert_sorted(&mut administrators, now.id, MAX_STAFF)?;
    }
    changes.insert(Key::Administrators.bytes(), Some(StaffList(administrators).encode()));
    changes.insert(Key::Staff(now.id).bytes(), Some(now.encode()));
    Ok(changes)
}

/// Puts a person into a branch's list, or takes one out: only who works there now takes room.
fn list_staff(
    view: &dyn StateView,
    branch: BranchId,
    id: StaffId,
    works_there: bool,
    changes: &mut Changes,
) -> Result<(), Refusal> {
    let StaffList(mut ids) = state::read(view, Key::StaffOf(branch))?.unwrap_or_default();
    if works_there {
        insert_sorted(&mut ids, id, MAX_STAFF)?;
    } else {
        ids.retain(|listed| *listed != id);
    }
    changes.insert(Key::StaffOf(branch).bytes(), Some(StaffList(ids).encode()));
    Ok(())
}

/// The key epoch goes up by one exactly when keys change, so that grants of old keys end.
fn check_key_epoch(before: Option<&StaffEntry>, now: &StaffEntry) -> Result<(), Refusal> {
    let expected = match before {
        None => FIRST_KEY_EPOCH,
        Some(before) if before.signing == now.signing && before.agreement == now.agreement => {
            before.key_epoch
        }
        Some(before) => before.key_epoch.saturating_add(1),
    };
    if now.key_epoch == expected { Ok(()) } else { Err(Refusal::KeyEpoch) }
}

fn set_policy(view: &dyn StateView, now: &NetworkPolicy) -> Result<Changes, Refusal> {
    if now.version.checked_sub(1) != Some(state::policy(view)?.version) {
        return Err(Refusal::PolicyVersion);
    }
    Ok(Changes::from([(Key::Policy.bytes(), Some(now.encode()))]))
}

/// Every branch of the set may validate the chain; the set waits for the next epoch. The other chain notes only that
/// the entry was made.
fn set_validators(
    view: &dyn StateView,
    context: &BlockContext,
    chain: Chain,
    set: &[BranchId],
) -> Result<Changes, Refusal> {
    let mut members = Vec::new();
    for branch in set {
        let key = state::participant(view, *branch)?
            .and_then(|p| p.may_validate(chain))
            .ok_or(Refusal::NoValidator)?;
        members.push((*branch, key));
    }
    let mut changes = Changes::new();
    if chain == context.chain {
        changes.insert(Key::PendingValidators.bytes(), Some(ValidatorSet::new(members).encode()));
    }
    Ok(changes)
}

/// Adds an id to a sorted list that has room, unless it is there.
fn insert_sorted<T: Ord>(ids: &mut Vec<T>, id: T, limit: usize) -> Result<(), Refusal> {
    if let Err(place) = ids.binary_search(&id) {
        if ids.len() >= limit {
            return Err(Refusal::ListFull);
        }
        ids.insert(place, id);
    }
    Ok(())
}

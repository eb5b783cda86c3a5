//! Rules of `verdict`: what an auditor found of the sealed records, on the main chain.

use super::{BlockContext, Refusal, author};
use crate::codec::Canonical;
use crate::id::StaffId;
use crate::registry::MAX_STAFF;
use crate::state::{self, Changes, Key, StaffList, StateView, VerdictEntry};
use crate::transaction::Transaction;
use crate::verdict::{MAX_NAMED, Verdict};
use wardline_policy::Operation;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Verdict,
) -> Result<Changes, Refusal> {
    let author = author::session(view, context, transaction)?;
    author.may(Operation::SubmitVerdict, None)?;
    check_height(view, context, author.staff.id, body)?;
    check_counts(body)?;
    for named in &body.named {
        if view.get(&Key::Record(named.record).bytes())?.is_none() {
            return Err(Refusal::VerdictRecord);
        }
        if !state::participant(view, named.branch)?.is_some_and(|branch| branch.trusted) {
            return Err(Refusal::VerdictBranch);
        }
    }
    let entry = VerdictEntry { verdict: body.clone(), time_s: context.time_s, at: context.height };
    let mut changes = Changes::from([(Key::Verdict(author.staff.id).bytes(), Some(entry.encode()))]);
    changes.extend(listed(view, author.staff.id)?);
    Ok(changes)
}

/// It is about blocks that are there, and later ones than the auditor's last verdict.
fn check_height(
    view: &dyn StateView,
    context: &BlockContext,
    auditor: StaffId,
    body: &Verdict,
) -> Result<(), Refusal> {
    if body.height >= context.height || body.since > body.height {
        return Err(Refusal::VerdictHeight);
    }
    let before: Option<VerdictEntry> = state::read(view, Key::Verdict(auditor))?;
    match before {
        Some(before) if body.height <= before.verdict.height => Err(Refusal::VerdictNotNewer),
        _ => Ok(()),
    }
}

/// The counts are those of the list, or the list is full and they are more; two copies of a record at most.
fn check_counts(body: &Verdict) -> Result<(), Refusal> {
    let named_bad = body.named.iter().filter(|named| named.lack.is_bad()).count();
    let (bad, unheard) = (count(named_bad), count(body.named.len().saturating_sub(named_bad)));
    let all = body.bad.checked_add(body.unheard).ok_or(Refusal::VerdictCounts)?;
    let most = body.records.checked_mul(2).ok_or(Refusal::VerdictCounts)?;
    let fits = if all <= count(MAX_NAMED) {
        (bad, unheard) == (body.bad, body.unheard)
    } else {
        body.named.len() == MAX_NAMED && bad <= body.bad && unheard <= body.unheard
    };
    if fits && all <= most { Ok(()) } else { Err(Refusal::VerdictCounts) }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The list of everybody who gave a verdict, when the auditor is new in it.
fn listed(view: &dyn StateView, auditor: StaffId) -> Result<Changes, Refusal> {
    let StaffList(mut ids) = state::read(view, Key::Verdicts)?.unwrap_or_default();
    let Err(place) = ids.binary_search(&auditor) else { return Ok(Changes::new()) };
    if ids.len() >= MAX_STAFF {
        return Err(Refusal::ListFull);
    }
    ids.insert(place, auditor);
    Ok(Changes::from([(Key::Verdicts.bytes(), Some(StaffList(ids).encode()))]))
}

//! Rules of `lookup`: who looks at whose history, on the side chain.

use super::{BlockContext, Refusal, author};
use crate::body::Lookup;
use crate::codec::Canonical;
use crate::state::{Changes, Key, LookupEntry, StateView};
use crate::transaction::Transaction;
use wardline_policy::Operation;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Lookup,
) -> Result<Changes, Refusal> {
    let author = author::session(view, context, transaction)?;
    author.may(Operation::SubmitLookup, Some(body.purpose))?;
    if body.reason.trim().is_empty() {
        return Err(Refusal::LookupReason);
    }
    let key = Key::Lookup(body.lookup).bytes();
    if view.get(&key)?.is_some() {
        return Err(Refusal::LookupExists);
    }
    if view.get(&Key::Patient(body.patient).bytes())?.is_none() {
        return Err(Refusal::LookupPatient);
    }
    let entry = LookupEntry {
        patient: body.patient,
        staff: author.staff.id,
        purpose: body.purpose,
        time_s: context.time_s,
        height: context.height,
    };
    Ok(Changes::from([(key, Some(entry.encode()))]))
}

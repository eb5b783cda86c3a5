//! Rules of `access`: the root of a branch's audit log on the main chain.

use super::{BlockContext, Refusal, author};
use crate::body::Access;
use crate::codec::Canonical;
use crate::state::{self, AccessEntry, Changes, Key, StateView};
use crate::transaction::Transaction;
use wardline_crypto::merkle;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Access,
) -> Result<Changes, Refusal> {
    let signer = author::branch(view, transaction)?;
    if signer != body.branch {
        return Err(Refusal::OtherBranch);
    }
    check_growth(view, body)?;
    let entry = AccessEntry { size: body.size, root: body.root, height: context.height };
    Ok(Changes::from([(Key::AccessRoot(body.branch).bytes(), Some(entry.encode()))]))
}

/// The log has grown, and its new root contains the old one unchanged.
fn check_growth(view: &dyn StateView, body: &Access) -> Result<(), Refusal> {
    let before: Option<AccessEntry> = state::read(view, Key::AccessRoot(body.branch))?;
    let (size, consistent) = match before {
        Some(before) => (
            before.size,
            merkle::verify_consistency(before.size, &before.root, body.size, &body.root, &body.consistency),
        ),
        None => (0, body.consistency.is_empty()),
    };
    if body.size <= size {
        return Err(Refusal::LogNotGrown);
    }
    if consistent { Ok(()) } else { Err(Refusal::LogInconsistent) }
}

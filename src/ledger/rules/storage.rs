//! Rules of `storage`: a record on the main chain.

use super::{BlockContext, Refusal, author};
use crate::body::{Assent, Storage};
use crate::codec::Canonical;
use crate::id::StaffId;
use crate::state::{self, Changes, Key, RecordEntry, StateView};
use crate::transaction::Transaction;
use std::ops::RangeInclusive;
use wardline_crypto::MAX_ENVELOPE;
use wardline_policy::Operation;

/// Reason codes of an emergency: 1 danger to life, 2 danger of lasting harm, 3 no time to ask, 4 danger to others.
pub const EMERGENCY_REASONS: RangeInclusive<u8> = 1..=4;
/// Reason codes of a patient who could not be asked: 1 unconscious, 2 not able to decide, 3 a child without a
/// guardian at hand, 4 no common language, 5 unknown person, 6 not present.
pub const UNABLE_REASONS: RangeInclusive<u8> = 1..=6;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Storage,
) -> Result<Changes, Refusal> {
    let author = author::session(view, context, transaction)?;
    author.belongs_to(body.branch)?;
    author.may(Operation::SubmitStorage, None)?;
    check_version(view, author.staff.id, body)?;
    check_size(body)?;
    check_assent(view, body.assent)?;
    check_receipts(view, context, body)?;

    let entry = RecordEntry {
        branch: body.branch,
        kind: body.kind,
        pointer: body.pointer,
        size: body.size,
        version: body.version,
        author: author.staff.id,
        height: context.height,
    };
    Ok(Changes::from([(Key::Record(body.record).bytes(), Some(entry.encode()))]))
}

/// A new record has version 1; one that is sealed again one more than before, at the same branch, of the same kind and
/// by the same person: nobody replaces what somebody else wrote.
fn check_version(view: &dyn StateView, author: StaffId, body: &Storage) -> Result<(), Refusal> {
    let before: Option<RecordEntry> = state::read(view, Key::Record(body.record))?;
    if body.version.checked_sub(1) != Some(before.as_ref().map_or(0, |record| record.version)) {
        return Err(Refusal::RecordVersion);
    }
    match before {
        Some(record) if record.branch != body.branch || record.kind != body.kind => Err(Refusal::OtherRecord),
        Some(record) if record.author != author => Err(Refusal::OtherAuthor),
        _ => Ok(()),
    }
}

fn check_size(body: &Storage) -> Result<(), Refusal> {
    let size = usize::try_from(body.size).unwrap_or(usize::MAX);
    if (1..=MAX_ENVELOPE).contains(&size) { Ok(()) } else { Err(Refusal::EnvelopeSize) }
}

fn check_assent(view: &dyn StateView, assent: Assent) -> Result<(), Refusal> {
    match assent {
        Assent::Emergency(reason) if EMERGENCY_REASONS.contains(&reason) => Ok(()),
        Assent::UnableToAsk(reason) if UNABLE_REASONS.contains(&reason) => Ok(()),
        Assent::Emergency(_) | Assent::UnableToAsk(_) => Err(Refusal::AssentReason),
        Assent::NetworkDefault(version) if (1..=state::policy(view)?.version).contains(&version) => Ok(()),
        Assent::NetworkDefault(_) => Err(Refusal::PolicyUnknown),
        // No chain takes `policy` transactions yet, so no commitment can be of one.
        Assent::Commitment(_) => Err(Refusal::CommitmentUnknown),
    }
}

/// Enough distinct branches (the decoder keeps them distinct), the record's own among them, each active and trusted,
/// each signature for exactly this.
fn check_receipts(view: &dyn StateView, context: &BlockContext, body: &Storage) -> Result<(), Refusal> {
    let copies_min = state::policy(view)?.copies_min;
    if body.receipts.len() < usize::from(copies_min) {
        return Err(Refusal::ReceiptsTooFew(copies_min));
    }
    if body.receipts.iter().all(|receipt| receipt.branch != body.branch) {
        return Err(Refusal::HomeReceipt);
    }
    let custody = body.custody(context.network);
    for receipt in &body.receipts {
        let holder = state::participant(view, receipt.branch)?
            .filter(|holder| holder.active && holder.trusted)
            .ok_or(Refusal::ReceiptBranch)?;
        if !receipt.verify_in(view, &custody, &holder.signing) {
            return Err(Refusal::ReceiptSignature);
        }
    }
    Ok(())
}

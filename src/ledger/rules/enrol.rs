//! Rules of `enrol`: a new patient on the side chain.

use super::{BlockContext, Refusal, author};
use crate::body::Enrol;
use crate::codec::Canonical;
use crate::state::{self, Changes, Key, PatientEntry, StateView};
use crate::transaction::Transaction;
use wardline_crypto::{Content, Digest, merkle, peek};
use wardline_policy::Operation;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Enrol,
) -> Result<Changes, Refusal> {
    let author = author::session(view, context, transaction)?;
    author.may(Operation::SubmitEnrol, None)?;
    let key = Key::Patient(body.patient).bytes();
    if view.get(&key)?.is_some() {
        return Err(Refusal::PatientExists);
    }
    check_identity(view, body)?;
    let entry = PatientEntry {
        identity: Digest::of(&body.identity),
        enrolled_height: context.height,
        links: merkle::Frontier::default(),
    };
    Ok(Changes::from([(key, Some(entry.encode()))]))
}

/// The envelope says of itself that it is version 1 of this patient's identity, in a suite that may be written. Whether
/// it opens only the holders of its key can tell.
fn check_identity(view: &dyn StateView, body: &Enrol) -> Result<(), Refusal> {
    let header = peek(&body.identity).map_err(|_| Refusal::IdentityEnvelope("is no sealed envelope"))?;
    if header.content != Content::Identity {
        return Err(Refusal::IdentityEnvelope("holds something else"));
    }
    if header.object != *body.patient.bytes() {
        return Err(Refusal::IdentityEnvelope("is another patient's"));
    }
    if header.version != 1 {
        return Err(Refusal::IdentityEnvelope("is not the first version"));
    }
    if state::suites(view)? >> (header.suite.code() - 1) & 1 == 0 {
        return Err(Refusal::IdentitySuite);
    }
    Ok(())
}

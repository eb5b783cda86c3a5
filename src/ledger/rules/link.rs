//! Rules of `link`: whose a record is, on the side chain.

use super::{BlockContext, Refusal, author};
use crate::body::Link;
use crate::codec::Canonical;
use crate::state::{self, Changes, Key, LinkEntry, PatientEntry, StateView, link_leaf};
use crate::transaction::Transaction;
use wardline_crypto::merkle;
use wardline_policy::Operation;

pub(super) fn check(
    view: &dyn StateView,
    context: &BlockContext,
    transaction: &Transaction,
    body: &Link,
) -> Result<Changes, Refusal> {
    let author = author::session(view, context, transaction)?;
    author.belongs_to(body.branch)?;
    author.may(Operation::SubmitLink, None)?;
    let link_key = Key::Link(body.record).bytes();
    if view.get(&link_key)?.is_some() {
        return Err(Refusal::LinkExists);
    }
    let mut patient: PatientEntry =
        state::read(view, Key::Patient(body.patient))?.ok_or(Refusal::LinkPatient)?;

    let link = LinkEntry { patient: body.patient, index: patient.links.size(), branch: body.branch };
    patient.links.append(merkle::leaf_hash(&link_leaf(&body.record, body.branch)));
    Ok(Changes::from([
        (link_key, Some(link.encode())),
        (Key::Patient(body.patient).bytes(), Some(patient.encode())),
    ]))
}

//! The two ledgers: headers, blocks, proofs, transactions handed in and what became of them.

use super::{auth::Caller, blocking, error::ApiError, release};
use crate::{
    audit::{self, Matter},
    branch::{Branch, RunningChain},
};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{
    Author, Body, Canonical, Chain, Key, LookupId, PatientId, RecordId, Transaction, TxId, decode_body, tree,
};
use wardline_policy::Operation;
use wardline_wire::{
    Base64, Block, CertifiedHeader, FINALITY_WAIT_MS_MAX, Finality, FinalityQuery, HEADERS_PER_REPLY_MAX,
    Handover, Headers, HeadersQuery, KEYS_PER_REQUEST_MAX, Proofs, ProofsQuery, ProvenValue, Submission,
    Submitted,
};

/// How long an answer waits for the certificate of a block that was applied a moment ago.
const CERTIFICATE_WAIT: Duration = Duration::from_secs(1);
/// Longest state key.
const KEY_BYTES: usize = 64;

pub(crate) fn running(branch: &Branch, chain: Chain) -> Result<&RunningChain, ApiError> {
    branch.chain(chain).ok_or(ApiError::NoRoute)
}

pub(crate) async fn headers(
    branch: Arc<Branch>,
    chain: Chain,
    _: Caller,
    query: HeadersQuery,
) -> Result<Headers, ApiError> {
    blocking(move || {
        let application = &running(&branch, chain)?.application;
        let limit = query.limit.min(HEADERS_PER_REPLY_MAX);
        let limit = usize::try_from(limit).map_err(ApiError::internal)?;
        let rows = application.store().headers(query.from, limit)?;
        let mut handovers = Vec::new();
        let epoch_length = application.epoch_blocks();
        for (height, _, _) in &rows {
            if !wardline_ledger::ends_epoch(*height, epoch_length) {
                continue;
            }
            let epoch = wardline_ledger::epoch_of(height.saturating_add(1), epoch_length);
            if let Some(handover) = application.store().handover(epoch)? {
                let (set, proof) = (handover.set.into(), handover.proof.bytes().into());
                handovers.push(Handover { epoch, set, proof });
            }
        }
        let headers = rows.into_iter().map(|(_, header, certificate)| CertifiedHeader {
            header: header.into(),
            certificate: certificate.map(Into::into),
        });
        Ok(Headers { headers: headers.collect(), handovers })
    })
    .await
}

pub(crate) async fn main_block(branch: Arc<Branch>, _: Caller, height: u64) -> Result<Block, ApiError> {
    blocking(move || block(&branch.main, height)).await
}

/// A block of the side chain shows who came to whom: what is decided is in the audit log before the answer.
pub(crate) async fn side_block(
    branch: Arc<Branch>,
    mut caller: Caller,
    height: u64,
) -> Result<Block, ApiError> {
    blocking(move || {
        let operation = Operation::ReadSideBlocks;
        let (heights, allowed) = release::at_heights(&branch, |at| {
            Ok((at.heights, caller.renew(&branch, at).and_then(|()| caller.may(operation))))
        })?;
        let reason = allowed.as_ref().err().map(ToString::to_string);
        audit::write(&branch, &caller, operation, heights, reason.as_deref(), Matter::default())?;
        allowed?;
        block(running(&branch, Chain::Side)?, height)
    })
    .await
}

fn block(running: &RunningChain, height: u64) -> Result<Block, ApiError> {
    let store = running.application.store();
    let (Some(header), Some(body)) = (store.header(height)?, store.body(height)?) else {
        return Err(ApiError::NotFound("there is no block of this height here yet"));
    };
    let certificate = store.certificate(height)?.map(Into::into);
    Ok(Block { header: header.into(), body: body.into(), certificate })
}

/// The certificate of an applied height, for which it waits a little when the block is young.
pub(crate) async fn certificate(
    branch: &Arc<Branch>,
    chain: Chain,
    height: u64,
) -> Result<Option<Base64>, ApiError> {
    let mut progress = running(branch, chain)?.application.progress();
    // Without it the answer still stands: a later certificate proves the height by the hash links.
    let _ = timeout(CERTIFICATE_WAIT, progress.wait_for(|now| now.certified >= height)).await;
    let branch = Arc::clone(branch);
    blocking(move || {
        let kept = running(&branch, chain)?.application.store().certificate(height)?;
        Ok(kept.map(Into::into))
    })
    .await
}

pub(crate) async fn proofs(
    branch: Arc<Branch>,
    chain: Chain,
    _: Caller,
    query: ProofsQuery,
) -> Result<Proofs, ApiError> {
    if query.keys.len() > KEYS_PER_REQUEST_MAX || query.keys.iter().any(|key| key.0.len() > KEY_BYTES) {
        return Err(ApiError::BadField { field: "keys", reason: "too many, or one is too long".into() });
    }
    if chain == Chain::Side && query.keys.iter().any(|key| names_a_patient(&key.0)) {
        return Err(ApiError::Denied {
            code: "patient_key",
            message: "what the side chain holds about patients is shown only under a lookup",
        });
    }
    let at = Arc::clone(&branch);
    let (height, header, entries) = blocking(move || {
        let application = &running(&at, chain)?.application;
        application.at_one_height(|view, height| {
            let mut entries = Vec::with_capacity(query.keys.len());
            for key in &query.keys {
                entries.push(proven(view, height, &key.0)?);
            }
            Ok((height, application.header(height)?, entries))
        })
    })
    .await?;
    Ok(Proofs { header: header.into(), certificate: certificate(&branch, chain, height).await?, entries })
}

/// A state value or its absence, with its proof.
pub(crate) fn proven(
    view: &dyn wardline_ledger::State,
    height: u64,
    key: &[u8],
) -> Result<ProvenValue, ApiError> {
    let (value, proof) = tree::prove(view, height, key).map_err(ApiError::internal)?;
    Ok(ProvenValue { value: value.map(Into::into), proof: proof.bytes().into() })
}

fn names_a_patient(key: &[u8]) -> bool {
    let kinds = [
        Key::Patient(PatientId::from_bytes([0; 16])),
        Key::Link(RecordId::from_bytes([0; 16])),
        Key::Lookup(LookupId::from_bytes([0; 16])),
    ];
    key.first().is_some_and(|prefix| kinds.iter().any(|kind| kind.prefix() == *prefix))
}

pub(crate) async fn submit(
    branch: Arc<Branch>,
    chain: Chain,
    caller: Caller,
    submission: Submission,
) -> Result<Submitted, ApiError> {
    may_hand_in(&branch, chain, &caller, &submission.transaction.0)?;
    let id = Digest::of(&submission.transaction.0);
    let new = blocking(move || {
        let running = running(&branch, chain)?;
        running.application.check_waiting_room()?;
        running.engine.submit(submission.transaction.0.into()).map_err(|reason| refused(&reason))
    })
    .await?;
    Ok(Submitted { id, new })
}

/// What the chain says against a transaction, `code: message`, as the API's refusal.
pub(crate) fn refused(reason: &str) -> ApiError {
    let (code, message) = reason.split_once(": ").unwrap_or(("refused", reason));
    ApiError::Ledger { code: code.to_owned(), message: message.to_owned() }
}

/// Whether these bytes are a transaction of this chain that the caller may hand in.
pub(crate) fn may_hand_in(
    branch: &Branch,
    chain: Chain,
    caller: &Caller,
    bytes: &[u8],
) -> Result<(), ApiError> {
    let transaction = Transaction::decode(bytes).map_err(|error| ApiError::BadField {
        field: "transaction",
        reason: Cow::Owned(error.to_string()),
    })?;
    if transaction.network != branch.network || !transaction.scope.covers(chain) {
        return Err(ApiError::BadField {
            field: "transaction",
            reason: "it is for another network or chain".into(),
        });
    }
    may_submit(caller, &transaction)
}

/// Whether the caller may hand this in: by the table, and only in their own name.
fn may_submit(caller: &Caller, transaction: &Transaction) -> Result<(), ApiError> {
    let own = caller.staff.branch;
    let decision = match &transaction.body {
        Body::Storage(storage) => {
            caller.decide_for(Operation::SubmitStorage, None, None, storage.branch == own)
        }
        Body::Registry(_) => caller.decide(Operation::SubmitRegistry, None, None),
        Body::Access(_) => caller.decide(Operation::SubmitAccess, None, None),
        Body::Enrol(_) => caller.decide(Operation::SubmitEnrol, None, None),
        Body::Link(link) => caller.decide_for(Operation::SubmitLink, None, None, link.branch == own),
        Body::Lookup(lookup) => caller.decide(Operation::SubmitLookup, Some(lookup.purpose), None),
        Body::Verdict(_) => caller.decide(Operation::SubmitVerdict, None, None),
    };
    if !decision.allowed {
        return Err(ApiError::Forbidden(decision));
    }
    match &transaction.author {
        Author::Session { grant, .. } => caller.holds(grant),
        // Whoever may submit registry changes may carry what others have signed.
        Author::Staff { .. } => Ok(()),
        Author::Branch { .. } => {
            Err(ApiError::Denied { code: "author", message: "a branch's own node sends this, no person" })
        }
    }
}

pub(crate) async fn finality(
    branch: Arc<Branch>,
    chain: Chain,
    _: Caller,
    id: TxId,
    query: FinalityQuery,
) -> Result<Finality, ApiError> {
    let deadline = Instant::now() + Duration::from_millis(query.wait_ms.min(FINALITY_WAIT_MS_MAX));
    let mut progress = running(&branch, chain)?.application.progress();
    loop {
        // Marked before looking, so that what happens meanwhile wakes the wait below.
        progress.mark_unchanged();
        let at = Arc::clone(&branch);
        match blocking(move || look(&at, chain, &id)).await? {
            Found::Final(height, found) => {
                return Ok(match (found, certificate(&branch, chain, height).await?) {
                    (Finality::Final { header, index, inclusion, .. }, certificate) => {
                        Finality::Final { header, certificate, index, inclusion }
                    }
                    (other, _) => other,
                });
            }
            Found::Not(answer @ Finality::Refused { .. }) => return Ok(answer),
            Found::Not(answer) => match timeout_at(deadline, progress.changed()).await {
                Ok(Ok(())) => {}
                _ => return Ok(answer),
            },
        }
    }
}

enum Found {
    Final(u64, Finality),
    Not(Finality),
}

fn look(branch: &Branch, chain: Chain, id: &TxId) -> Result<Found, ApiError> {
    let application = &running(branch, chain)?.application;
    let store = application.store();
    if let Some((height, index)) = store.find_transaction(id)? {
        let body = store.body(height)?.ok_or_else(|| ApiError::internal("a block without its body"))?;
        let transactions = decode_body(&body).map_err(ApiError::internal)?;
        let leaves: Vec<Digest> = transactions.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
        let inclusion = merkle::inclusion_proof(&leaves, usize::try_from(index).map_err(ApiError::internal)?);
        let header = application.header(height)?.into();
        return Ok(Found::Final(height, Finality::Final { header, certificate: None, index, inclusion }));
    }
    Ok(Found::Not(if application.is_waiting(id) {
        Finality::Waiting
    } else {
        match application.refusal(id) {
            Some((code, message)) => Finality::Refused { code, message },
            None => Finality::Unknown,
        }
    }))
}

//! Patients: search, sealed identities, and the list of a patient's records.

use super::{
    auth::Caller,
    blocking,
    chain::{certificate, proven, running},
    error::ApiError,
    release::{self, Heights, Releasable},
};
use crate::{
    audit::{self, Matter},
    branch::Branch,
};
use bytes::Bytes;
use std::sync::Arc;
use wardline_crypto::{Content, Digest, peek, unwrap};
use wardline_ledger::{Chain, Key, PatientEntry, PatientId, StateView, state};
use wardline_policy::Operation;
use wardline_store::{Envelope, Kept};
use wardline_wire::{
    AuditObject, AuditOutcome, Found, FoundPatient, IdentityKept, KeepIdentity, Links, LinksQuery, Search,
};

/// Most patients in one answer.
const FOUND_MAX: usize = 20;
/// Most matches that are looked at; what the chain does not confirm is left out.
const MATCHES_MAX: usize = 64;
/// Most terms of a search.
const SEARCH_TERMS_MAX: usize = 16;
/// Most terms by which one patient is found.
const KEPT_TERMS_MAX: usize = 512;
/// Longest term, bytes.
const TERM_BYTES: usize = 200;

pub(crate) async fn search(branch: Arc<Branch>, caller: Caller, search: Search) -> Result<Found, ApiError> {
    let caller = Arc::new(caller);
    let (at, by) = (Arc::clone(&branch), Arc::clone(&caller));
    blocking(move || {
        for operation in [Operation::SearchPatients, Operation::OpenIdentity] {
            let decision = by.decide(operation, None, None);
            if !decision.allowed {
                let heights = Heights::now(&at, running(&at, Chain::Side)?);
                audit::write(&at, &by, operation, heights, Some(&decision.to_string()), Matter::default())?;
                return Err(ApiError::Forbidden(decision));
            }
        }
        Ok(())
    })
    .await?;
    check_terms(&search.terms, SEARCH_TERMS_MAX)?;
    release::fresh(&branch).await?;
    blocking(move || find(&branch, &caller, &search.terms)).await
}

fn check_terms(terms: &[String], most: usize) -> Result<(), ApiError> {
    let fits = |term: &String| !term.is_empty() && term.len() <= TERM_BYTES;
    if terms.is_empty() || terms.len() > most || !terms.iter().all(fits) {
        return Err(ApiError::BadField {
            field: "terms",
            reason: "none, too many, or one is too long".into(),
        });
    }
    Ok(())
}

fn find(branch: &Branch, caller: &Caller, terms: &[String]) -> Result<Found, ApiError> {
    let side = running(branch, Chain::Side)?;
    let tokens: Vec<[u8; 16]> = terms.iter().map(|term| branch.search.token(term)).collect();
    let matches = branch.vault.search(&tokens, MATCHES_MAX)?;
    let mut more = matches.len() == MATCHES_MAX;

    let main_height = branch.main.application.height();
    let (heights, confirmed) = side.application.at_one_height(|view, side_height| {
        let mut confirmed = Vec::new();
        for patient in matches {
            let patient = PatientId::from_bytes(patient);
            if let Some(kept) = confirmed_identity(branch, view, patient)? {
                confirmed.push((patient, kept));
            }
        }
        Ok((Heights { main: main_height, side: side_height }, confirmed))
    })?;
    more |= confirmed.len() > FOUND_MAX;
    let shown: Vec<_> = confirmed.into_iter().take(FOUND_MAX).collect();

    let objects = shown
        .iter()
        .map(|(patient, _)| AuditObject { object: *patient.bytes(), outcome: AuditOutcome::Released })
        .collect();
    // The terms are a patient's data: the entry holds their digest only, in the signed request line.
    let matter = Matter { objects, ..Matter::default() };
    let audit = audit::write(branch, caller, Operation::SearchPatients, heights, None, matter)?;

    let mut patients = Vec::with_capacity(shown.len());
    for (patient, (envelope, held)) in shown {
        if let Some(sealed) = release::to_session(branch, caller, heights, audit, &held)? {
            patients.push(FoundPatient { patient, envelope: envelope.into(), release: sealed.into(), audit });
        }
    }
    Ok(Found { patients, more, main_height: heights.main, side_height: heights.side })
}

/// The identity that this branch keeps of a patient, if it is the one that the side chain knows.
fn confirmed_identity(
    branch: &Branch,
    view: &dyn StateView,
    patient: PatientId,
) -> Result<Option<(Vec<u8>, Releasable)>, ApiError> {
    let object = *patient.bytes();
    let Some(entry) = state::read::<PatientEntry>(view, Key::Patient(patient))? else { return Ok(None) };
    let (Some(kept), Some(envelope)) = (branch.vault.stanza(&object)?, branch.vault.envelope(&object)?)
    else {
        return Ok(None);
    };
    if kept.pointer != entry.identity || Digest::of(&envelope) != entry.identity {
        return Ok(None);
    }
    let held = Releasable { object, version: kept.version, pointer: kept.pointer, stanza: kept.stanza };
    Ok(Some((envelope, held)))
}

pub(crate) async fn keep_identity(
    branch: Arc<Branch>,
    _: Caller,
    patient: PatientId,
    keep: KeepIdentity,
) -> Result<IdentityKept, ApiError> {
    check_terms(&keep.terms, KEPT_TERMS_MAX)?;
    blocking(move || {
        let side = running(&branch, Chain::Side)?;
        let object = *patient.bytes();
        let envelope = keep.envelope.0;
        let header = peek(&envelope)
            .ok()
            .filter(|header| header.object == object && header.content == Content::Identity)
            .ok_or(ApiError::BadField {
                field: "envelope",
                reason: "it is not this patient's identity".into(),
            })?;
        let pointer = Digest::of(&envelope);
        side.application.at_one_height(|view, _| {
            let enrolled: Option<PatientEntry> = state::read(view, Key::Patient(patient))?;
            if enrolled.is_some_and(|entry| entry.identity != pointer) {
                return Err(ApiError::Conflict);
            }
            super::records::check_suite(view, header.suite)
        })?;
        let context = release::wrap_context(&branch, object, header.version, pointer);
        super::records::check_stanza(&keep.stanza.0, |stanza| {
            unwrap(stanza, &branch.wrap, &context).is_ok()
        })?;
        let stored = branch.vault.put_envelope(Envelope {
            object,
            version: header.version,
            content: header.content.code(),
            pointer,
            bytes: envelope,
            stanza: keep.stanza.0,
        })?;
        let tokens: Vec<[u8; 16]> = keep.terms.iter().map(|term| branch.search.token(term)).collect();
        branch.vault.put_tokens(object, &tokens)?;
        Ok(IdentityKept { new: stored == Kept::New })
    })
    .await
}

pub(crate) async fn links(
    branch: Arc<Branch>,
    caller: Caller,
    query: LinksQuery,
    body: Bytes,
) -> Result<Links, ApiError> {
    release::fresh(&branch).await?;
    let at = Arc::clone(&branch);
    let (height, mut links) = blocking(move || {
        let side = running(&at, Chain::Side)?;
        let mut matter = Matter {
            patient: Some(query.patient),
            lookup: Some(query.lookup),
            body: body.to_vec(),
            ..Matter::default()
        };
        let now_s = at.clock.now_s();
        let main_height = at.main.application.height();
        let looked = side.application.at_one_height(|view, height| {
            let looked = release::lookup(view, &caller, query.patient, query.lookup, now_s);
            let patient = proven(view, height, &Key::Patient(query.patient).bytes())?;
            let entry: Option<PatientEntry> = state::read(view, Key::Patient(query.patient))?;
            let count =
                usize::try_from(entry.map_or(0, |entry| entry.links.size())).map_err(ApiError::internal)?;
            // The list only grows at its end: cut to the length that is proven, it is that of this height.
            let linked = side.application.store().links_of(&query.patient)?;
            let (records, branches) =
                linked.into_iter().take(count).map(|(record, at)| (record, at.0)).unzip();
            let header = side.application.header(height)?.into();
            Ok((height, looked, Links { header, certificate: None, patient, records, branches }))
        });
        let (side_height, looked, links) = looked?;
        let heights = Heights { main: main_height, side: side_height };
        let refused = match looked {
            Err(refused) => Some(refused),
            Ok(entry) => {
                matter.purpose = Some(entry.purpose);
                let decision = caller.decide(Operation::ReadLinks, Some(entry.purpose), None);
                (!decision.allowed).then_some(ApiError::Forbidden(decision))
            }
        };
        let reason = refused.as_ref().map(ToString::to_string);
        audit::write(&at, &caller, Operation::ReadLinks, heights, reason.as_deref(), matter)?;
        match refused {
            Some(refused) => Err(refused),
            None => Ok((side_height, links)),
        }
    })
    .await?;
    links.certificate = certificate(&branch, Chain::Side, height).await?;
    Ok(links)
}

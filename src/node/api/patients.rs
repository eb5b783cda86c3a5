//! Patients: search, sealed identities, and the list of a patient's records.

use super::{
    auth::Caller,
    blocking,
    chain::{certificate, proven, running},
    error::ApiError,
    records::{FIRST_VERSION, check_stanza, check_suite},
    release::{self, Grounds, Releasable},
};
use crate::{
    audit::{self, Matter},
    branch::Branch,
};
use bytes::Bytes;
use std::sync::Arc;
use wardline_crypto::{Content, Digest, peek, unwrap};
use wardline_ledger::{Chain, Key, PatientEntry, PatientId, StateView, state};
use wardline_policy::{Decision, Operation, Purpose};
use wardline_store::{Envelope, Kept, Standing};
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
    // Who may not at all need not wait, and is told so whatever the terms are.
    if may_search(&caller).is_ok() {
        check_terms(&search.terms, SEARCH_TERMS_MAX)?;
        release::fresh(&branch).await?;
    }
    blocking(move || find(&branch, caller, &search.terms)).await
}

fn may_search(caller: &Caller) -> Result<(), ApiError> {
    caller.may(Operation::SearchPatients)?;
    caller.may(Operation::OpenIdentity)
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

fn find(branch: &Branch, mut caller: Caller, terms: &[String]) -> Result<Found, ApiError> {
    let operation = Operation::SearchPatients;
    let (heights, matched) = release::at_heights(branch, |at| {
        let allowed = caller.renew(branch, at).and_then(|()| may_search(&caller));
        Ok((at.heights, allowed.and_then(|()| matches(branch, at.side, terms))))
    })?;
    let (shown, more) = match matched {
        Ok(matched) => matched,
        Err(refused) => {
            let reason = refused.to_string();
            audit::write(branch, &caller, operation, heights, Some(&reason), Matter::default())?;
            return Err(refused);
        }
    };
    let objects = shown
        .iter()
        .map(|(patient, _)| AuditObject { object: *patient.bytes(), outcome: AuditOutcome::Released })
        .collect();
    // The terms are a patient's data: the entry holds their digest only, in the signed request line.
    let matter = Matter { objects, ..Matter::default() };
    let audit = audit::write(branch, &caller, operation, heights, None, matter)?;

    let mut patients = Vec::with_capacity(shown.len());
    for (patient, (envelope, opened)) in shown {
        let sealed = release::to_session(branch, &caller, heights, audit, &opened)?;
        patients.push(FoundPatient { patient, envelope: envelope.into(), release: sealed.into(), audit });
    }
    Ok(Found { patients, more, main_height: heights.main, side_height: heights.side })
}

type Match = (PatientId, (Vec<u8>, Releasable));

/// The patients that have every term and whom the side chain confirms, and whether there may be more.
fn matches(branch: &Branch, side: &dyn StateView, terms: &[String]) -> Result<(Vec<Match>, bool), ApiError> {
    let tokens: Vec<[u8; 16]> = terms.iter().map(|term| branch.search.token(term)).collect();
    let matches = branch.vault.search(&tokens, MATCHES_MAX)?;
    let mut more = matches.len() == MATCHES_MAX;
    let mut confirmed = Vec::new();
    for patient in matches.into_iter().map(PatientId::from_bytes) {
        let Some(identity) = confirmed_identity(branch, side, patient)? else { continue };
        if confirmed.len() == FOUND_MAX {
            more = true;
            break;
        }
        confirmed.push((patient, identity));
    }
    Ok((confirmed, more))
}

/// The identity that this branch keeps of a patient, if it is the one that the side chain knows.
fn confirmed_identity(
    branch: &Branch,
    view: &dyn StateView,
    patient: PatientId,
) -> Result<Option<(Vec<u8>, Releasable)>, ApiError> {
    let object = *patient.bytes();
    let Some(entry) = state::read::<PatientEntry>(view, Key::Patient(patient))? else { return Ok(None) };
    let Some(envelope) = branch.vault.envelope(&object, FIRST_VERSION, &entry.identity)? else {
        return Ok(None);
    };
    let opened = release::open(branch, object, FIRST_VERSION, entry.identity)?;
    Ok(opened.map(|opened| (envelope, opened)))
}

pub(crate) async fn keep_identity(
    branch: Arc<Branch>,
    caller: Caller,
    patient: PatientId,
    keep: KeepIdentity,
) -> Result<IdentityKept, ApiError> {
    check_terms(&keep.terms, KEPT_TERMS_MAX)?;
    blocking(move || {
        let object = *patient.bytes();
        let envelope = keep.envelope.0;
        let header = peek(&envelope)
            .ok()
            .filter(|header| {
                header.object == object
                    && header.content == Content::Identity
                    && header.version == FIRST_VERSION
            })
            .ok_or(ApiError::BadField {
                field: "envelope",
                reason: "it is not this patient's identity".into(),
            })?;
        let pointer = Digest::of(&envelope);
        let (heights, standing) = release::at_heights(&branch, |at| {
            check_suite(at.side, header.suite)?;
            let enrolled: Option<PatientEntry> = state::read(at.side, Key::Patient(patient))?;
            match enrolled {
                None => Ok((at.heights, Standing::Open)),
                Some(entry) if entry.identity == pointer => Ok((at.heights, Standing::Agreed)),
                Some(_) => Err(ApiError::Conflict),
            }
        })?;
        let context = release::wrap_context(&branch, object, header.version, pointer);
        check_stanza(&keep.stanza.0, |stanza| unwrap(stanza, &branch.wrap, &context).is_ok())?;
        let matter = Matter { patient: Some(patient), ..Matter::default() };
        let entry = audit::entry(&branch, &caller, Operation::KeepIdentity, heights, None, matter);
        // The terms come with the envelope and never by themselves, so that nobody can make a patient unfindable.
        let envelope = Envelope {
            object,
            version: header.version,
            content: header.content.code(),
            home: None,
            author: None,
            pointer,
            bytes: envelope,
            stanza: keep.stanza.0,
            tokens: keep.terms.iter().map(|term| branch.search.token(term)).collect(),
        };
        let kept = branch.vault.put_envelope(envelope, standing, entry)?;
        Ok(IdentityKept { new: kept == Kept::New })
    })
    .await
}

pub(crate) async fn links(
    branch: Arc<Branch>,
    mut caller: Caller,
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
        let (heights, decided, links) = release::at_heights(&at, |grounds| {
            let decided = caller.renew(&at, grounds).and_then(|()| may_list(&at, &caller, grounds, &query));
            let (view, height) = (grounds.side, grounds.heights.side);
            let patient = proven(view, height, &Key::Patient(query.patient).bytes())?;
            let entry: Option<PatientEntry> = state::read(view, Key::Patient(query.patient))?;
            let count =
                usize::try_from(entry.map_or(0, |entry| entry.links.size())).map_err(ApiError::internal)?;
            // The list only grows at its end: cut to the length that is proven, it is that of this height.
            let linked = side.application.store().links_of(&query.patient)?;
            let (records, branches) =
                linked.into_iter().take(count).map(|(record, at)| (record, at.0)).unzip();
            let header = side.application.header(height)?.into();
            Ok((grounds.heights, decided, Links { header, certificate: None, patient, records, branches }))
        })?;
        let refused = match decided {
            Err(refused) => Some(refused),
            Ok((purpose, decision)) => {
                matter.purpose = Some(purpose);
                (!decision.allowed).then_some(ApiError::Forbidden(decision))
            }
        };
        let reason = refused.as_ref().map(ToString::to_string);
        audit::write(&at, &caller, Operation::ReadLinks, heights, reason.as_deref(), matter)?;
        match refused {
            Some(refused) => Err(refused),
            None => Ok((heights.side, links)),
        }
    })
    .await?;
    links.certificate = certificate(&branch, Chain::Side, height).await?;
    Ok(links)
}

/// The lookup's purpose, and whether the caller may list the patient's records for it.
fn may_list(
    branch: &Branch,
    caller: &Caller,
    at: &Grounds<'_>,
    query: &LinksQuery,
) -> Result<(Purpose, Decision), ApiError> {
    let entry = release::lookup(at.side, caller, query.patient, query.lookup, branch.clock.now_s())?;
    Ok((entry.purpose, caller.decide(Operation::ReadLinks, Some(entry.purpose), None)))
}

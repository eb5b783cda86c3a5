//! Sealed records: kept, handed out, and their keys released.

use super::{
    auth::Caller,
    blocking, body,
    chain::running,
    error::ApiError,
    release::{self, Heights, Releasable},
};
use crate::{
    audit::{self, Matter},
    branch::Branch,
};
use bytes::Bytes;
use std::sync::Arc;
use wardline_crypto::{Content, Digest, Stanza, Suite, peek, unwrap};
use wardline_ledger::{Canonical, Chain, Key, LinkEntry, Receipt, RecordEntry, RecordId, StateView, state};
use wardline_policy::{Operation, Purpose};
use wardline_store::{Envelope, Kept};
use wardline_wire::{
    AuditOutcome, Envelopes, EnvelopesQuery, KeepRecord, KeyRelease, Keys, KeysQuery,
    RECORDS_PER_REQUEST_MAX, RecordKept,
};

/// Most bytes of sealed records in one answer.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// A suite may be written only while the registry says so.
pub(crate) fn check_suite(view: &dyn StateView, suite: Suite) -> Result<(), ApiError> {
    let writable = state::suites(view)?;
    if writable & (1 << suite.code().saturating_sub(1)) != 0 {
        return Ok(());
    }
    Err(ApiError::BadField {
        field: "envelope",
        reason: "its suite may not be written in this network".into(),
    })
}

/// A stanza that does not open now would never open when somebody needs the record.
pub(crate) fn check_stanza(bytes: &[u8], opens: impl FnOnce(&Stanza) -> bool) -> Result<(), ApiError> {
    match Stanza::decode(bytes) {
        Ok(stanza) if opens(&stanza) => Ok(()),
        _ => Err(ApiError::BadField {
            field: "stanza",
            reason: "it does not open with this branch's key for this envelope".into(),
        }),
    }
}

pub(crate) async fn keep(
    branch: Arc<Branch>,
    caller: Caller,
    record: RecordId,
    body: Bytes,
) -> Result<RecordKept, ApiError> {
    blocking(move || {
        let keep: KeepRecord = body::json(&body)?;
        if keep.home != caller.staff.branch.0 {
            return Err(ApiError::BadField { field: "home", reason: "it is not your branch".into() });
        }
        let side = running(&branch, Chain::Side)?;
        let object = *record.bytes();
        let header = peek(&keep.envelope.0)
            .ok()
            .filter(|header| {
                header.object == object && header.content == Content::Record && header.version == keep.version
            })
            .ok_or(ApiError::BadField {
                field: "envelope",
                reason: "it is not this version of this record".into(),
            })?;
        side.application.at_one_height(|view, _| check_suite(view, header.suite))?;
        let pointer = Digest::of(&keep.envelope.0);
        let agreed: Option<RecordEntry> =
            branch.main.application.at_one_height(|view, _| Ok(state::read(view, Key::Record(record))?))?;
        if agreed.is_some_and(|entry| entry.version == header.version && entry.pointer != pointer) {
            return Err(ApiError::Conflict);
        }
        let context = release::wrap_context(&branch, object, header.version, pointer);
        check_stanza(&keep.stanza.0, |stanza| unwrap(stanza, &branch.wrap, &context).is_ok())?;

        let size = u32::try_from(keep.envelope.0.len()).map_err(ApiError::internal)?;
        let kept = branch.vault.put_envelope(Envelope {
            object,
            version: header.version,
            content: header.content.code(),
            pointer,
            bytes: keep.envelope.0,
            stanza: keep.stanza.0,
        })?;
        // Signed only now that the envelope is durable: others will rely on it.
        let receipt = Receipt::sign(&branch.signing, &branch.network, &record, &pointer, size, branch.id);
        Ok(RecordKept { new: kept == Kept::New, receipt: receipt.encode().into() })
    })
    .await
}

fn check_count(records: &[RecordId]) -> Result<(), ApiError> {
    if records.is_empty() || records.len() > RECORDS_PER_REQUEST_MAX {
        return Err(ApiError::BadField { field: "records", reason: "none, or too many at once".into() });
    }
    Ok(())
}

pub(crate) async fn envelopes(
    branch: Arc<Branch>,
    caller: Caller,
    query: EnvelopesQuery,
    body: Bytes,
) -> Result<Envelopes, ApiError> {
    check_count(&query.records)?;
    let decision = caller.decide(Operation::FetchEnvelopes, None, None);
    if decision.allowed {
        release::fresh(&branch).await?;
    }
    blocking(move || {
        let heights = Heights::now(&branch, running(&branch, Chain::Side)?);
        let mut matter = Matter { body: body.to_vec(), ..Matter::default() };
        if !decision.allowed {
            let reason = decision.to_string();
            audit::write(&branch, &caller, Operation::FetchEnvelopes, heights, Some(&reason), matter)?;
            return Err(ApiError::Forbidden(decision));
        }
        let mut found = Vec::with_capacity(query.records.len());
        let mut room = ANSWER_BYTES;
        for record in &query.records {
            let envelope = branch.vault.envelope(record.bytes())?;
            room = room.checked_sub(envelope.as_ref().map_or(0, Vec::len)).ok_or(ApiError::BadField {
                field: "records",
                reason: "together they are too large for one answer: ask for fewer".into(),
            })?;
            let outcome = if envelope.is_some() { AuditOutcome::Released } else { AuditOutcome::Absent };
            matter.objects.push((*record, outcome).into());
            found.push(envelope.map(Into::into));
        }
        audit::write(&branch, &caller, Operation::FetchEnvelopes, heights, None, matter)?;
        Ok(Envelopes { envelopes: found })
    })
    .await
}

pub(crate) async fn keys(
    branch: Arc<Branch>,
    caller: Caller,
    query: KeysQuery,
    body: Bytes,
) -> Result<Keys, ApiError> {
    check_count(&query.records)?;
    release::fresh(&branch).await?;
    blocking(move || {
        let mut matter = Matter {
            patient: Some(query.patient),
            lookup: Some(query.lookup),
            body: body.to_vec(),
            ..Matter::default()
        };
        let (heights, decided) = decide(&branch, &caller, &query, &mut matter.purpose)?;
        let outcomes = match decided {
            Ok(outcomes) => outcomes,
            Err(refused) => {
                let reason = refused.to_string();
                audit::write(&branch, &caller, Operation::ReleaseKeys, heights, Some(&reason), matter)?;
                return Err(refused);
            }
        };
        matter.objects = query
            .records
            .iter()
            .zip(&outcomes)
            .map(|(record, outcome)| (*record, outcome.audited()).into())
            .collect();
        let audit = audit::write(&branch, &caller, Operation::ReleaseKeys, heights, None, matter)?;

        let mut releases = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            releases.push(match outcome {
                Outcome::Release(held) => match release::to_session(&branch, &caller, heights, audit, &held)?
                {
                    Some(sealed) => KeyRelease::Released { sealed: sealed.into() },
                    None => KeyRelease::Absent,
                },
                Outcome::Withhold(reasons) => KeyRelease::Withheld { reasons },
                Outcome::Absent => KeyRelease::Absent,
            });
        }
        Ok(Keys { main_height: heights.main, side_height: heights.side, audit, releases })
    })
    .await
}

/// What is decided about one record, before anything is unwrapped.
enum Outcome {
    Release(Releasable),
    Withhold(Vec<String>),
    Absent,
}

impl Outcome {
    fn audited(&self) -> AuditOutcome {
        match self {
            Self::Release(_) => AuditOutcome::Released,
            Self::Withhold(_) => AuditOutcome::Withheld,
            Self::Absent => AuditOutcome::Absent,
        }
    }
}

type Decided = Result<Vec<Outcome>, ApiError>;

/// Decides on every record at one height of each chain. `purpose` is set to the lookup's.
fn decide(
    branch: &Branch,
    caller: &Caller,
    query: &KeysQuery,
    purpose: &mut Option<Purpose>,
) -> Result<(Heights, Decided), ApiError> {
    let side = running(branch, Chain::Side)?;
    let now_s = branch.clock.now_s();
    let (side_height, looked) = side.application.at_one_height(|view, height| {
        let looked = release::lookup(view, caller, query.patient, query.lookup, now_s);
        Ok((height, looked.and_then(|entry| all_linked(view, query).map(|()| entry))))
    })?;
    branch.main.application.at_one_height(|view, main_height| {
        let heights = Heights { main: main_height, side: side_height };
        let entry = match looked {
            Ok(entry) => entry,
            Err(refused) => return Ok((heights, Err(refused))),
        };
        *purpose = Some(entry.purpose);
        let mut outcomes = Vec::with_capacity(query.records.len());
        for record in &query.records {
            outcomes.push(decide_one(branch, caller, view, *record, entry.purpose)?);
        }
        Ok((heights, Ok(outcomes)))
    })
}

/// Every record asked for must be this patient's: a record of somebody else in the list refuses the whole request.
fn all_linked(view: &dyn StateView, query: &KeysQuery) -> Result<(), ApiError> {
    for record in &query.records {
        let link: Option<LinkEntry> = state::read(view, Key::Link(*record))?;
        if link.is_none_or(|link| link.patient != query.patient) {
            return Err(ApiError::Denied {
                code: "not_linked",
                message: "not every record that was asked for is this patient's",
            });
        }
    }
    Ok(())
}

fn decide_one(
    branch: &Branch,
    caller: &Caller,
    main: &dyn StateView,
    record: RecordId,
    purpose: Purpose,
) -> Result<Outcome, ApiError> {
    let Some(agreed) = state::read::<RecordEntry>(main, Key::Record(record))? else {
        return Ok(Outcome::Withhold(vec!["the record is not final on the main chain here yet".to_owned()]));
    };
    let decision = caller.decide(Operation::ReleaseKeys, Some(purpose), Some(agreed.kind));
    if !decision.allowed {
        return Ok(Outcome::Withhold(decision.reasons.iter().map(ToString::to_string).collect()));
    }
    let object = *record.bytes();
    Ok(match branch.vault.stanza(&object)? {
        // Of another version or envelope than the network agreed on, a key would open nothing that counts.
        Some(kept) if kept.version == agreed.version && kept.pointer == agreed.pointer => {
            Outcome::Release(Releasable {
                object,
                version: kept.version,
                pointer: kept.pointer,
                stanza: kept.stanza,
            })
        }
        _ => Outcome::Absent,
    })
}

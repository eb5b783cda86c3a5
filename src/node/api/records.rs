//! Sealed records: kept, handed out, and their keys released.

use super::{
    auth::Caller,
    blocking, body,
    error::ApiError,
    many,
    release::{self, Grounds, Releasable},
};
use crate::{
    audit::{self, Matter},
    branch::Branch,
};
use bytes::Bytes;
use std::sync::Arc;
use wardline_crypto::{Content, Digest, MAX_ENVELOPE, Stanza, Suite, peek, unwrap};
use wardline_ledger::{
    BranchId, Canonical, Custody, Key, LinkEntry, Receipt, RecordEntry, RecordId, StateView, state,
};
use wardline_policy::{Operation, Purpose};
use wardline_store::{Envelope, Kept, Standing};
use wardline_wire::{
    AuditOutcome, Envelopes, EnvelopesQuery, KeepOutcome, KeepRecord, KeepRecords, KeyRelease, Keys,
    KeysQuery, NamedRecord, RECORDS_PER_REQUEST_MAX, RecordKept, RecordsKept,
};

/// The version of what nothing is agreed about yet.
pub(crate) const FIRST_VERSION: u32 = 1;
/// Most bytes of sealed records in one answer: the largest record alone, or several smaller ones.
const ANSWER_BYTES: usize = MAX_ENVELOPE;

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
        // The text is not needed any more, and may be large.
        drop(body);
        let kept = keep_all(&branch, &caller, vec![NamedRecord { record, keep }]).pop();
        kept.unwrap_or_else(|| Err(ApiError::internal("a record was not looked at")))
    })
    .await
}

/// Keeps many records, each of which passes or fails by itself.
pub(crate) async fn keep_many(
    branch: Arc<Branch>,
    caller: Caller,
    body: Bytes,
) -> Result<RecordsKept, ApiError> {
    blocking(move || {
        let KeepRecords { records } = body::json(&body)?;
        drop(body);
        many::check_count("records", records.len())?;
        let outcomes = keep_all(&branch, &caller, records).into_iter().map(|outcome| match outcome {
            Ok(kept) => KeepOutcome::Kept(kept),
            Err(refused) => KeepOutcome::Refused(refused.problem()),
        });
        Ok(RecordsKept { outcomes: outcomes.collect() })
    })
    .await
}

fn keep_all(
    branch: &Branch,
    caller: &Caller,
    records: Vec<NamedRecord>,
) -> Vec<Result<RecordKept, ApiError>> {
    let mut outcomes = Vec::with_capacity(records.len());
    let mut puts = Vec::new();
    for named in records {
        outcomes.push(check(branch, caller, named).map(|(custody, put)| {
            puts.push(put);
            custody
        }));
    }
    let mut kept = branch.vault.put_envelopes(puts).into_iter();
    let outcomes = outcomes.into_iter().map(|checked| {
        let custody = checked?;
        let kept = kept.next().ok_or_else(|| ApiError::internal("a record was not looked at"))??;
        // Signed only now that the envelope is durable: others will rely on it.
        let receipt = Receipt::signed(&custody, branch.id, &branch.signing);
        Ok(RecordKept { new: kept == Kept::New, receipt: receipt.encode().into() })
    });
    outcomes.collect()
}

/// What is put into the vault: the envelope, what the chain says of it, its audit entry.
type Put = (Envelope, Standing, Box<dyn FnOnce(u64) -> Vec<u8> + Send>);

/// Checks a record that is to be kept, and says what its receipt will be for.
fn check(
    branch: &Branch,
    caller: &Caller,
    NamedRecord { record, keep }: NamedRecord,
) -> Result<(Custody, Put), ApiError> {
    if keep.home != caller.staff.branch.0 {
        return Err(ApiError::BadField { field: "home", reason: "it is not your branch".into() });
    }
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
    let pointer = Digest::of(&keep.envelope.0);
    let (heights, standing) = release::at_heights(branch, |at| {
        check_suite(at.side, header.suite)?;
        Ok((at.heights, record_standing(at.main, record, &keep, pointer)?))
    })?;
    let context = release::wrap_context(branch, object, header.version, pointer);
    check_stanza(&keep.stanza.0, |stanza| unwrap(stanza, &branch.wrap, &context).is_ok())?;

    let size = u32::try_from(keep.envelope.0.len()).map_err(ApiError::internal)?;
    let entry = audit::entry(branch, caller, Operation::KeepRecord, heights, None, named(record));
    let home = BranchId(keep.home);
    let custody = Custody { network: branch.network, record, version: header.version, home, pointer, size };
    let envelope = Envelope {
        object,
        version: header.version,
        content: header.content.code(),
        home: Some(keep.home),
        author: Some(*caller.staff.id.bytes()),
        pointer,
        bytes: keep.envelope.0,
        stanza: keep.stanza.0,
        tokens: Vec::new(),
    };
    Ok((custody, (envelope, standing, Box::new(entry))))
}

/// One record that was kept, for the audit entry: the request line of a list does not name it.
fn named(record: RecordId) -> Matter {
    Matter { objects: vec![(record, AuditOutcome::Kept).into()], ..Matter::default() }
}

/// Whether an envelope may be kept, by what is agreed about its record: the first version while nothing is; then the
/// agreed envelope itself and the version after it, both from the record's own branch alone.
fn record_standing(
    main: &dyn StateView,
    record: RecordId,
    keep: &KeepRecord,
    pointer: Digest,
) -> Result<Standing, ApiError> {
    let agreed: Option<RecordEntry> = state::read(main, Key::Record(record))?;
    match agreed {
        None if keep.version == FIRST_VERSION => Ok(Standing::Open),
        Some(entry) if entry.branch.0 != keep.home => Err(ApiError::Conflict),
        Some(entry) if (entry.version, entry.pointer) == (keep.version, pointer) => Ok(Standing::Agreed),
        Some(entry) if entry.version.checked_add(1) == Some(keep.version) => Ok(Standing::Open),
        _ => Err(ApiError::Conflict),
    }
}

fn check_count(records: &[RecordId]) -> Result<(), ApiError> {
    if records.is_empty() || records.len() > RECORDS_PER_REQUEST_MAX {
        return Err(ApiError::BadField { field: "records", reason: "none, or too many at once".into() });
    }
    Ok(())
}

pub(crate) async fn envelopes(
    branch: Arc<Branch>,
    mut caller: Caller,
    query: EnvelopesQuery,
    body: Bytes,
) -> Result<Envelopes, ApiError> {
    check_count(&query.records)?;
    // Who may not at all need not wait.
    if caller.decide(Operation::FetchEnvelopes, None, None).allowed {
        release::fresh(&branch).await?;
    }
    blocking(move || {
        let mut matter = Matter { body: body.to_vec(), ..Matter::default() };
        let (heights, found) = release::at_heights(&branch, |at| {
            Ok((at.heights, find(&branch, &mut caller, at, &query.records, &mut matter)))
        })?;
        let reason = found.as_ref().err().map(ToString::to_string);
        audit::write(&branch, &caller, Operation::FetchEnvelopes, heights, reason.as_deref(), matter)?;
        Ok(Envelopes { envelopes: found?.into_iter().map(|envelope| envelope.map(Into::into)).collect() })
    })
    .await
}

/// The envelopes that the main chain names, and of records that it knows nothing of yet the first version as kept.
fn find(
    branch: &Branch,
    caller: &mut Caller,
    at: &Grounds<'_>,
    records: &[RecordId],
    matter: &mut Matter,
) -> Result<Vec<Option<Vec<u8>>>, ApiError> {
    caller.renew(branch, at)?;
    caller.may(Operation::FetchEnvelopes)?;
    let mut found = Vec::with_capacity(records.len());
    let mut outcomes = Vec::with_capacity(records.len());
    let mut room = ANSWER_BYTES;
    for record in records {
        let object = record.bytes();
        let named = match state::read::<RecordEntry>(at.main, Key::Record(*record))? {
            Some(agreed) => Some((agreed.version, agreed.pointer)),
            None => branch
                .vault
                .first_kept(object, FIRST_VERSION, Content::Record.code())?
                .map(|pointer| (FIRST_VERSION, pointer)),
        };
        let envelope = match named {
            Some((version, pointer)) => {
                let envelope = branch.vault.envelope(object, version, &pointer)?;
                envelope.iter().for_each(|envelope| branch.look_at(envelope, &pointer));
                envelope
            }
            None => None,
        };
        room = room.checked_sub(envelope.as_ref().map_or(0, Vec::len)).ok_or(ApiError::BadField {
            field: "records",
            reason: "together they are too large for one answer: ask for fewer".into(),
        })?;
        let outcome = if envelope.is_some() { AuditOutcome::Released } else { AuditOutcome::Absent };
        outcomes.push((*record, outcome).into());
        found.push(envelope);
    }
    matter.objects = outcomes;
    Ok(found)
}

pub(crate) async fn keys(
    branch: Arc<Branch>,
    mut caller: Caller,
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
        let (heights, decided) = release::at_heights(&branch, |at| {
            Ok((at.heights, decide(&branch, &mut caller, at, &query, &mut matter.purpose)))
        })?;
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
                Outcome::Release(opened) => {
                    let sealed = release::to_session(&branch, &caller, heights, audit, &opened)?;
                    KeyRelease::Released { sealed: sealed.into() }
                }
                Outcome::Withhold(reasons) => KeyRelease::Withheld { reasons },
                Outcome::Absent => KeyRelease::Absent,
            });
        }
        Ok(Keys { main_height: heights.main, side_height: heights.side, audit, releases })
    })
    .await
}

/// What is decided about one record, before anything leaves the branch.
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

/// Decides on every record, at one height of each chain. `purpose` is set to the lookup's.
fn decide(
    branch: &Branch,
    caller: &mut Caller,
    at: &Grounds<'_>,
    query: &KeysQuery,
    purpose: &mut Option<Purpose>,
) -> Result<Vec<Outcome>, ApiError> {
    caller.renew(branch, at)?;
    let entry = release::lookup(at.side, caller, query.patient, query.lookup, branch.clock.now_s())?;
    all_linked(at.side, query)?;
    *purpose = Some(entry.purpose);
    query.records.iter().map(|record| decide_one(branch, caller, at.main, *record, entry.purpose)).collect()
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
    // Of another version or envelope than the network agreed on, a key would open nothing that counts.
    let opened = release::open(branch, *record.bytes(), agreed.version, agreed.pointer)?;
    Ok(opened.map_or(Outcome::Absent, Outcome::Release))
}

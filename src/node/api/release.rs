//! What stands between a key and its release: a final lookup, fresh tips, a durable audit entry.

use super::{auth::Caller, blocking, chain::running, error::ApiError};
use crate::branch::Branch;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use wardline_crypto::{Digest, Held, OsEntropy, ReleaseContext, Stanza, WrapContext, release, unwrap};
use wardline_ledger::{Chain, Key, LookupEntry, LookupId, PatientId, StateView, state};
use wardline_store::ChainView;

/// How long a request waits for tips, which are a moment behind whenever blocks are made.
const FRESH_WAIT: Duration = Duration::from_secs(2);
const FRESH_POLL: Duration = Duration::from_millis(50);

/// The heights at which a decision was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heights {
    pub main: u64,
    pub side: u64,
}

/// Both chains as they are at one height each: all that a decision is made by.
pub(crate) struct Grounds<'a> {
    pub main: &'a ChainView<'a>,
    pub side: &'a ChainView<'a>,
    pub heights: Heights,
}

/// Runs `decide` on both chains' states, which stand still meanwhile.
pub(crate) fn at_heights<T>(
    branch: &Branch,
    decide: impl FnOnce(&Grounds<'_>) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let side = &running(branch, Chain::Side)?.application;
    branch.main.application.at_one_height(|main_view, main| {
        side.at_one_height(|side_view, side| {
            decide(&Grounds { main: main_view, side: side_view, heights: Heights { main, side } })
        })
    })
}

/// Goes on once a quorum has said lately, on both chains, that this node is not behind.
pub(crate) async fn fresh(branch: &Arc<Branch>) -> Result<(), ApiError> {
    let deadline = Instant::now() + FRESH_WAIT;
    loop {
        let at = Arc::clone(branch);
        let fresh = blocking(move || {
            let now_s = at.clock.now_s();
            for running in at.chains() {
                if !running.application.fresh(now_s)? {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        if fresh.await? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(ApiError::NotFresh);
        }
        sleep(FRESH_POLL).await;
    }
}

/// The caller's own lookup of this patient, final here and young enough. What exactly is amiss is not told: other
/// people's lookups are nobody's business.
pub(crate) fn lookup(
    view: &dyn StateView,
    caller: &Caller,
    patient: PatientId,
    lookup: LookupId,
    now_s: u64,
) -> Result<LookupEntry, ApiError> {
    state::read::<LookupEntry>(view, Key::Lookup(lookup))?
        .filter(|entry| entry.staff == caller.staff.id && entry.patient == patient)
        .filter(|entry| now_s.saturating_sub(entry.time_s) <= u64::from(caller.policy.grant_max_s))
        .ok_or(ApiError::Denied {
            code: "no_lookup",
            message: "you have no lookup of this patient that is final here and young enough: look the patient up",
        })
}

/// A key that may be released, as this branch holds it.
pub(crate) struct Releasable {
    object: [u8; 16],
    pointer: Digest,
    held: Held,
}

/// The context to which this branch's stanzas are bound.
pub(crate) fn wrap_context(branch: &Branch, object: [u8; 16], version: u32, pointer: Digest) -> WrapContext {
    WrapContext { network: branch.network, object, version, pointer, branch: branch.id.0 }
}

/// Opens the wrapped key of the envelope that the chain names. Nothing when this branch has none, or when it does not
/// open, which the log tells: it opened when it was kept.
///
/// Before the audit entry is written, so that the entry says nothing was released when there is nothing to release.
pub(crate) fn open(
    branch: &Branch,
    object: [u8; 16],
    version: u32,
    pointer: Digest,
) -> Result<Option<Releasable>, ApiError> {
    let Some(stanza) = branch.vault.stanza(&object, version, &pointer)? else { return Ok(None) };
    let context = wrap_context(branch, object, version, pointer);
    match Stanza::decode(&stanza).and_then(|stanza| unwrap(&stanza, &branch.wrap, &context)) {
        Ok(held) => Ok(Some(Releasable { object, pointer, held })),
        Err(_) => {
            tracing::error!(
                "a kept key does not open any more: the vault is damaged or the wrapping key was changed"
            );
            Ok(None)
        }
    }
}

/// Re-wraps what this branch holds to the caller's session, once the entry `audit` is durable.
pub(crate) fn to_session(
    branch: &Branch,
    caller: &Caller,
    heights: Heights,
    audit: Digest,
    opened: &Releasable,
) -> Result<Vec<u8>, ApiError> {
    let context = ReleaseContext {
        network: branch.network,
        branch: branch.id.0,
        object: opened.object,
        pointer: opened.pointer,
        session: caller.grant.session_agreement,
        main_height: heights.main,
        side_height: heights.side,
        audit,
    };
    release(&opened.held, &context, &mut OsEntropy).map_err(ApiError::internal)
}

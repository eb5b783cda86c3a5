//! What stands between a key and its release: a final lookup, fresh tips, a durable audit entry.

use super::{auth::Caller, blocking, error::ApiError};
use crate::branch::{Branch, RunningChain};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use wardline_crypto::{Digest, OsEntropy, ReleaseContext, Stanza, WrapContext, release, unwrap};
use wardline_ledger::{Key, LookupEntry, LookupId, PatientId, StateView, state};

/// How long a request waits for tips, which are a moment behind whenever blocks are made.
const FRESH_WAIT: Duration = Duration::from_secs(2);
const FRESH_POLL: Duration = Duration::from_millis(50);

/// The heights at which a decision was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heights {
    pub main: u64,
    pub side: u64,
}

impl Heights {
    pub fn now(branch: &Branch, side: &RunningChain) -> Self {
        Self { main: branch.main.application.height(), side: side.application.height() }
    }
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

/// A wrapped key that may be released.
pub(crate) struct Releasable {
    pub object: [u8; 16],
    pub version: u32,
    pub pointer: Digest,
    pub stanza: Vec<u8>,
}

/// The context to which this branch's stanzas are bound.
pub(crate) fn wrap_context(branch: &Branch, object: [u8; 16], version: u32, pointer: Digest) -> WrapContext {
    WrapContext { network: branch.network, object, version, pointer, branch: branch.id.0 }
}

/// Re-wraps what this branch holds to the caller's session. Nothing when the stanza does not open, which the log
/// tells: it opened when it was kept.
pub(crate) fn to_session(
    branch: &Branch,
    caller: &Caller,
    heights: Heights,
    audit: Digest,
    held: &Releasable,
) -> Result<Option<Vec<u8>>, ApiError> {
    let context = wrap_context(branch, held.object, held.version, held.pointer);
    let opened = Stanza::decode(&held.stanza).and_then(|stanza| unwrap(&stanza, &branch.wrap, &context));
    let Ok(opened) = opened else {
        tracing::error!(
            "a kept key does not open any more: the vault is damaged or the wrapping key was changed"
        );
        return Ok(None);
    };
    let context = ReleaseContext {
        network: branch.network,
        branch: branch.id.0,
        object: held.object,
        pointer: held.pointer,
        session: caller.grant.session_agreement,
        main_height: heights.main,
        side_height: heights.side,
        audit,
    };
    release(&opened, &context, &mut OsEntropy).map(Some).map_err(ApiError::internal)
}

//! The branch's audit log: what an entry says, and the root that goes to the main chain from time to time.

use crate::{
    api::{auth::Caller, error::ApiError, release::Heights, server::stopped},
    branch::Branch,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::MissedTickBehavior};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{Access, AccessEntry, Body, Canonical, Key, LookupId, PatientId, Transaction, state};
use wardline_policy::{Operation, Purpose};
use wardline_wire::{AuditEntry, AuditObject};

/// What an entry says beside who asked and when.
#[derive(Default)]
pub(crate) struct Matter {
    pub patient: Option<PatientId>,
    pub lookup: Option<LookupId>,
    pub purpose: Option<Purpose>,
    pub objects: Vec<AuditObject>,
    /// The request's body where it holds identifiers only.
    pub body: Vec<u8>,
}

/// Writes an entry; it is durable when this returns. `refused` says why not, when the request is refused.
///
/// Returns the entry's leaf hash, to which every release is bound.
pub(crate) fn write(
    branch: &Branch,
    caller: &Caller,
    operation: Operation,
    heights: Heights,
    refused: Option<&str>,
    matter: Matter,
) -> Result<Digest, ApiError> {
    let mut entry = AuditEntry {
        sequence: 0,
        time_s: branch.clock.now_s(),
        operation,
        main_height: heights.main,
        side_height: heights.side,
        allowed: refused.is_none(),
        reason: refused.unwrap_or_default().to_owned(),
        patient: matter.patient,
        lookup: matter.lookup,
        purpose: matter.purpose,
        objects: matter.objects,
        grant: caller.grant.clone(),
        request_line: caller.line.clone(),
        signature: *caller.signature.bytes(),
        body: matter.body,
    };
    let (_, leaf) = branch.vault.append_audit(move |sequence| {
        entry.sequence = sequence;
        entry.encode()
    })?;
    Ok(leaf)
}

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Sends the log's root to the main chain when the log has grown by enough entries or for long enough, until `stop`.
pub(crate) async fn publish(branch: Arc<Branch>, mut stop: watch::Receiver<bool>) {
    let mut publisher = Publisher { sent: None, grew_s: None };
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        let at = Arc::clone(&branch);
        let done = tokio::task::spawn_blocking(move || {
            let looked = publisher.look(&at);
            (publisher, looked)
        });
        let Ok((back, looked)) = done.await else { return };
        publisher = back;
        if let Err(error) = looked {
            tracing::warn!(%error, "the audit log's root cannot be sent yet");
        }
    }
}

struct Publisher {
    /// The transaction that is under way.
    sent: Option<Digest>,
    /// When new entries were first seen.
    grew_s: Option<u64>,
}

impl Publisher {
    fn look(&mut self, branch: &Branch) -> Result<(), ApiError> {
        let main = &branch.main.application;
        if self.sent.is_some_and(|sent| main.is_waiting(&sent)) {
            return Ok(());
        }
        self.sent = None;
        let published: Option<AccessEntry> =
            main.at_one_height(|view, _| Ok(state::read(view, Key::AccessRoot(branch.id))?))?;
        let old = published.map_or(0, |entry| entry.size);
        let (size, _) = branch.vault.audit_root()?;
        let Some(grown) = size.checked_sub(old).filter(|grown| *grown > 0) else {
            self.grew_s = None;
            return Ok(());
        };
        let now_s = branch.clock.now_s();
        let grew_s = *self.grew_s.get_or_insert(now_s);
        if grown < branch.limits.audit_entries && now_s.saturating_sub(grew_s) < branch.limits.audit_after_s {
            return Ok(());
        }
        let leaves = branch.vault.audit_leaves(size)?;
        let root = merkle::root(&leaves);
        let consistency = branch.vault.audit_consistency(old, size)?;
        let access = Access { branch: branch.id, size, root, consistency };
        let transaction =
            Transaction::by_branch(branch.network, Body::Access(access), branch.id, &branch.signing).encode();
        let id = Digest::of(&transaction);
        branch.main.engine.submit(transaction.into()).map_err(ApiError::internal)?;
        self.sent = Some(id);
        self.grew_s = None;
        Ok(())
    }
}

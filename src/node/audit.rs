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

/// Makes an entry of its number in the log. `refused` says why not, when the request is refused.
pub(crate) fn entry(
    branch: &Branch,
    caller: &Caller,
    operation: Operation,
    heights: Heights,
    refused: Option<&str>,
    matter: Matter,
) -> impl FnOnce(u64) -> Vec<u8> + Send + use<> {
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
    move |sequence| {
        entry.sequence = sequence;
        entry.encode()
    }
}

/// Writes an entry; it is durable when this returns.
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
    let (_, leaf) = branch.vault.append_audit(entry(branch, caller, operation, heights, refused, matter))?;
    Ok(leaf)
}

/// How far the log is, and how far it is published. Fails when the log is not the one that was published: entries
/// were lost, and whoever was let in by them could not be told any more.
pub(crate) fn sizes(branch: &Branch) -> Result<(u64, u64), ApiError> {
    let published: Option<AccessEntry> = branch
        .main
        .application
        .at_one_height(|view, _| Ok(state::read(view, Key::AccessRoot(branch.id))?))?;
    // After the chain, since the log grows first.
    let (size, root) = branch.vault.audit_root()?;
    let Some(published) = published else { return Ok((size, 0)) };
    if size < published.size || (size == published.size && root != published.root) {
        return Err(ApiError::internal(format!(
            "the audit log is not the one that was published: it has {size} entries, {} are on the main chain",
            published.size
        )));
    }
    Ok((size, published.size))
}

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Sends the log's root to the main chain when the log has grown by enough entries or for long enough, until `stop`.
pub(crate) async fn publish(branch: Arc<Branch>, mut stop: watch::Receiver<bool>) {
    let mut publisher = Publisher { sent: None, grew_s: None };
    // What was told last, so that a trouble that lasts is told once.
    let mut told: Option<String> = None;
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
        let trouble = looked.err().map(|error| error.detail());
        if let Some(trouble) = trouble.as_ref().filter(|trouble| told.as_ref() != Some(trouble)) {
            tracing::error!(trouble, "the audit log's root cannot be sent");
        }
        told = trouble;
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
        let (size, old) = sizes(branch)?;
        let grown = size.saturating_sub(old);
        if grown == 0 {
            self.grew_s = None;
            return Ok(());
        }
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

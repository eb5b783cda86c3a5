//! Who answers, and how the node stands.

use super::{auth::Caller, blocking, error::ApiError};
use crate::{
    audit,
    branch::{Branch, RunningChain},
};
use std::sync::{Arc, atomic::Ordering};
use wardline_crypto::Content;
use wardline_ledger::Canonical;
use wardline_wire::{ChainStatus, GenesisDocument, Hello, Status};

pub(crate) fn hello(branch: &Branch) -> Hello {
    Hello {
        network: branch.network,
        branch: branch.id.0,
        name: branch.name.clone(),
        boot: branch.boot.to_vec().into(),
        time_s: branch.clock.now_s(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

pub(crate) fn genesis(branch: &Branch) -> GenesisDocument {
    GenesisDocument { genesis: branch.genesis.as_slice().into() }
}

pub(crate) async fn status(branch: Arc<Branch>, caller: Caller) -> Result<Status, ApiError> {
    blocking(move || {
        // A participant that is trusted less is not even told how far the side chain is.
        let side = branch.side.as_ref().filter(|_| caller.trusted_branch);
        let records = branch.vault.counts(Content::Record.code())?;
        let identities = branch.vault.counts(Content::Identity.code())?;
        let (audit_entries, _) = branch.vault.audit_root()?;
        // A branch whose vault is damaged, not written any more, or has lost entries, is not well on either chain.
        let damaged = branch.damaged.load(Ordering::Relaxed);
        let sound = !damaged && branch.vault.failure().is_none() && audit::sizes(&branch).is_ok();
        Ok(Status {
            hello: hello(&branch),
            main: chain(&branch, &branch.main, sound)?,
            side: side.map(|side| chain(&branch, side, sound)).transpose()?,
            envelopes: records.envelopes,
            envelope_bytes: records.bytes.saturating_add(identities.bytes),
            audit_entries,
        })
    })
    .await
}

fn chain(branch: &Branch, running: &RunningChain, sound: bool) -> Result<ChainStatus, ApiError> {
    let application = &running.application;
    let store = application.store();
    let height = application.height();
    Ok(ChainStatus {
        height,
        header: application.header(height)?.into(),
        certificate: store.certificate(height)?.map(Into::into),
        waiting: application.waiting_len(),
        tips: application.tips().latest().iter().map(|tip| tip.encode().into()).collect(),
        fresh: application.fresh(branch.clock.now_s())?,
        healthy: sound && running.engine.healthy() && application.sound(),
    })
}

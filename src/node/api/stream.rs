//! Final blocks as they come, each line signed by the branch. `docs/format/node.md` has the bytes.

use super::{auth::Caller, blocking, chain::running, error::ApiError, reply};
use crate::{application::Progress, branch::Branch};
use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use futures::stream;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use wardline_consensus::Application;
use wardline_crypto::Digest;
use wardline_ledger::{Chain, ends_epoch, epoch_of};
use wardline_wire::{Handover, StreamBlock, StreamItem, StreamQuery};

/// How long a stream goes on before the console must ask anew, with a new signature.
const LASTS: Duration = Duration::from_secs(300);
/// How long nothing is said when nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Blocks that are read from the store at once.
const PAGE: usize = 64;

/// One console's stream.
struct Blocks {
    branch: Arc<Branch>,
    chain: Chain,
    caller: Caller,
    /// What the lines are the answer to.
    request: Digest,
    progress: watch::Receiver<Progress>,
    stopping: watch::Receiver<bool>,
    next: u64,
    part: u32,
    ends: Instant,
}

/// The lines of a stream from `query.from` on.
pub(crate) fn blocks(
    branch: Arc<Branch>,
    chain: Chain,
    caller: Caller,
    query: &StreamQuery,
) -> Result<Body, ApiError> {
    let progress = running(&branch, chain)?.application.progress();
    let blocks = Blocks {
        chain,
        request: Digest::of(&caller.line),
        progress,
        stopping: branch.stopping.clone(),
        next: query.from,
        part: 0,
        ends: Instant::now() + LASTS,
        caller,
        branch,
    };
    Ok(Body::from_stream(stream::unfold(blocks, Blocks::step)))
}

impl Blocks {
    /// The next lines, once there are some. Whatever goes wrong ends the stream: the console asks again and is told.
    async fn step(mut self) -> Option<(Result<Bytes, ApiError>, Self)> {
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            if Instant::now() >= self.ends || *self.stopping.borrow() {
                return None;
            }
            // Marked before looking, so that what happens meanwhile wakes the wait below.
            self.progress.mark_unchanged();
            let idle = Instant::now() >= heartbeat;
            let (blocks, lines) = blocking(move || {
                let lines = self.lines(idle);
                lines.map(|lines| (self, lines))
            })
            .await
            .ok()?;
            self = blocks;
            if !lines.is_empty() {
                return Some((Ok(lines.into()), self));
            }
            let wait = heartbeat.saturating_duration_since(Instant::now());
            tokio::select! {
                // What comes of the wait is seen by looking again.
                _ = timeout(wait, self.progress.changed()) => {}
                _ = self.stopping.changed() => {}
            }
        }
    }

    /// What is new, or that nothing is; nothing when neither is to be said yet.
    fn lines(&mut self, idle: bool) -> Result<Vec<u8>, ApiError> {
        // The person may have been revoked, or the grant be over, since the last line.
        self.caller.still(&self.branch, self.chain)?;
        let mut rows = running(&self.branch, self.chain)?.application.store().headers(self.next, PAGE)?;
        // A full page without any certificate is passed on too; what follows certifies it.
        if rows.len() < PAGE || rows.iter().any(|(.., certificate)| certificate.is_some()) {
            let certified = rows.iter().rposition(|(.., certificate)| certificate.is_some());
            rows.truncate(certified.map_or(0, |last| last + 1));
            // The genesis block has no certificate and needs none.
            if rows.is_empty() && self.next == 0 {
                rows = running(&self.branch, self.chain)?.application.store().headers(0, 1)?;
            }
        }
        let mut lines = Vec::new();
        for (height, header, certificate) in rows {
            let handover = self.handover(height)?;
            let block =
                StreamBlock { header: header.into(), certificate: certificate.map(Into::into), handover };
            self.line(Some(block), &mut lines)?;
            self.next = height.saturating_add(1);
        }
        if lines.is_empty() && idle {
            self.line(None, &mut lines)?;
        }
        Ok(lines)
    }

    /// The next epoch's validators, where a block ends an epoch.
    fn handover(&self, height: u64) -> Result<Option<Handover>, ApiError> {
        let application = &running(&self.branch, self.chain)?.application;
        let epoch_length = application.epoch_blocks();
        if !ends_epoch(height, epoch_length) {
            return Ok(None);
        }
        let epoch = epoch_of(height.saturating_add(1), epoch_length);
        Ok(application.store().handover(epoch)?.map(|handover| Handover {
            epoch,
            set: handover.set.into(),
            proof: handover.proof.bytes().into(),
        }))
    }

    fn line(&mut self, block: Option<StreamBlock>, lines: &mut Vec<u8>) -> Result<(), ApiError> {
        let tip = running(&self.branch, self.chain)?.application.tip().ok_or(ApiError::Stopped)?;
        let item = StreamItem { block, tip: tip.as_ref().into() };
        let item = serde_json::to_vec(&item).map_err(ApiError::internal)?;
        self.part = self.part.saturating_add(1);
        let signature = reply::sign(&self.branch, self.request, self.part, StatusCode::OK, Digest::of(&item));
        lines.extend_from_slice(signature.as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(&item);
        lines.push(b'\n');
        Ok(())
    }
}

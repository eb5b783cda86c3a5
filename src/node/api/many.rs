//! Many transactions in one request: handed in, and asked for until they are final.

use super::{auth::Caller, blocking, chain, error::ApiError};
use crate::branch::Branch;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{Chain, TxId, decode_body};
use wardline_wire::{
    BATCH_MAX, FINALITY_WAIT_MS_MAX, FinalBlock, Finalities, FinalitiesQuery, FinalityOutcome,
    SubmissionOutcome, Submissions, SubmissionsTaken,
};

/// How long what became final first waits for the rest of what was asked: blocks come one after the other.
const GATHER: Duration = Duration::from_millis(40);

/// Blocks of one answer: each is read and hashed whole, however little of it was asked for.
const BLOCKS_PER_ANSWER: usize = 16;

/// Refuses an empty list and one that is too long.
pub(crate) fn check_count(field: &'static str, count: usize) -> Result<(), ApiError> {
    if (1..=BATCH_MAX).contains(&count) {
        return Ok(());
    }
    Err(ApiError::BadField { field, reason: "none, or too many at once".into() })
}

/// Hands in each transaction that the caller may hand in; the others are refused by themselves.
pub(crate) async fn submit(
    branch: Arc<Branch>,
    on: Chain,
    caller: Caller,
    submissions: Submissions,
) -> Result<SubmissionsTaken, ApiError> {
    check_count("transactions", submissions.transactions.len())?;
    blocking(move || {
        let running = chain::running(&branch, on)?;
        running.application.check_waiting_room()?;
        let mut outcomes = Vec::with_capacity(submissions.transactions.len());
        let mut allowed = Vec::new();
        for transaction in submissions.transactions {
            match chain::may_hand_in(&branch, on, &caller, &transaction.0) {
                Ok(()) => {
                    allowed.push(transaction.0.into());
                    outcomes.push(None);
                }
                Err(refused) => outcomes.push(Some(refused)),
            }
        }
        let mut taken = running.engine.submit_all(&allowed).into_iter();
        let outcomes = outcomes.into_iter().map(|refused| match refused {
            Some(refused) => refusal(refused),
            None => match taken.next() {
                Some(Ok(new)) => SubmissionOutcome::Taken { new },
                Some(Err(reason)) => refusal(chain::refused(&reason)),
                None => refusal(ApiError::internal("a transaction was not looked at")),
            },
        });
        Ok(SubmissionsTaken { outcomes: outcomes.collect() })
    })
    .await
}

fn refusal(error: ApiError) -> SubmissionOutcome {
    let problem = error.problem();
    SubmissionOutcome::Refused { code: problem.code, message: problem.message }
}

/// Where the transactions stand, once all of them are decided, the answer is full or the time is over.
pub(crate) async fn finalities(
    branch: Arc<Branch>,
    on: Chain,
    _: Caller,
    query: FinalitiesQuery,
) -> Result<Finalities, ApiError> {
    check_count("ids", query.ids.len())?;
    let mut deadline = Instant::now() + Duration::from_millis(query.wait_ms.min(FINALITY_WAIT_MS_MAX));
    let mut progress = chain::running(&branch, on)?.application.progress();
    let ids: Arc<[TxId]> = query.ids.into();
    let mut some = false;
    let (places, outcomes) = loop {
        // Marked before looking, so that what happens meanwhile wakes the wait below.
        progress.mark_unchanged();
        let (at, asked) = (Arc::clone(&branch), Arc::clone(&ids));
        let (places, outcomes) = blocking(move || look(&at, on, &asked)).await?;
        let open = |outcome: &FinalityOutcome| {
            matches!(outcome, FinalityOutcome::Waiting | FinalityOutcome::Unknown)
        };
        let full = outcomes.iter().any(|outcome| matches!(outcome, FinalityOutcome::Later));
        if full || !outcomes.iter().any(open) {
            break (places, outcomes);
        }
        if !some && !outcomes.iter().all(open) {
            some = true;
            deadline = deadline.min(Instant::now() + GATHER);
        }
        match timeout_at(deadline, progress.changed()).await {
            Ok(Ok(())) => {}
            _ => break (places, outcomes),
        }
    };
    let mut blocks = Vec::with_capacity(places.len());
    for height in places {
        let certificate = chain::certificate(&branch, on, height).await?;
        let at = Arc::clone(&branch);
        let (header, leaves) = blocking(move || block(&at, on, height)).await?;
        blocks.push(FinalBlock { header: header.into(), certificate, leaves: leaves.into() });
    }
    Ok(Finalities { blocks, outcomes })
}

/// The heights of the blocks, in the order in which the outcomes name them.
fn look(branch: &Branch, on: Chain, ids: &[TxId]) -> Result<(Vec<u64>, Vec<FinalityOutcome>), ApiError> {
    let application = &chain::running(branch, on)?.application;
    let (mut places, mut known) = (Vec::new(), BTreeMap::new());
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        outcomes.push(match application.store().find_transaction(id)? {
            Some((height, index)) => {
                if !known.contains_key(&height) && places.len() < BLOCKS_PER_ANSWER {
                    known.insert(height, u32::try_from(places.len()).map_err(ApiError::internal)?);
                    places.push(height);
                }
                match known.get(&height) {
                    Some(block) => FinalityOutcome::Final { block: *block, index },
                    None => FinalityOutcome::Later,
                }
            }
            None if application.is_waiting(id) => FinalityOutcome::Waiting,
            None => match application.refusal(id) {
                Some((code, message)) => FinalityOutcome::Refused { code, message },
                None => FinalityOutcome::Unknown,
            },
        });
    }
    Ok((places, outcomes))
}

/// Header and leaf hashes of a block.
fn block(branch: &Branch, on: Chain, height: u64) -> Result<(Vec<u8>, Vec<u8>), ApiError> {
    let application = &chain::running(branch, on)?.application;
    let body = application.store().body(height)?;
    let body = body.ok_or_else(|| ApiError::internal("a block without its body"))?;
    let leaf = |bytes: &Vec<u8>| -> [u8; 32] { *Digest::bytes(&merkle::leaf_hash(bytes)) };
    let leaves = decode_body(&body).map_err(ApiError::internal)?.iter().flat_map(leaf).collect();
    Ok((application.header(height)?, leaves))
}

//! Many transactions at once: handed in with one request, and waited for with one, each proven like a single one.

use crate::{
    branch::{Branch, Target},
    error::{ClientError, clean},
    finality::{AGREE, Final},
    group::Inner,
};
use futures::{StreamExt, stream};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{Canonical, Chain, Transaction, TxId};
use wardline_wire::{
    BATCH_MAX, FinalBlock, Finalities, FinalitiesQuery, FinalityOutcome, RouteId, SubmissionOutcome,
    Submissions, SubmissionsTaken,
};

/// Transactions that are settled one by one at a time, when their branch fails.
const SINGLY: usize = 16;
/// Refusals whose reason the caller proves from the chain. Of all others a second branch is asked.
const PROVEN_OTHERWISE: [&str; 2] = [LINK_EXISTS, STORAGE_VERSION];
/// The code of a link that is there already.
pub(crate) const LINK_EXISTS: &str = "link.exists";
/// The code of a version that is not the next one.
pub(crate) const STORAGE_VERSION: &str = "storage.version";
/// How long one request is held open.
const HELD: Duration = Duration::from_secs(5);
/// Bytes of a leaf hash.
const LEAF: usize = 32;

/// A transaction under way, and what is known of it.
struct Settling {
    bytes: Vec<u8>,
    id: TxId,
    outcome: Option<Settled>,
}

/// How a transaction of many ended.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    /// Final and verified.
    Final(Final),
    /// The branch says that a rule of this code refuses it.
    Refused { code: String, message: String },
    /// Refused by two branches, or given up.
    Failed(ClientError),
}

impl Inner {
    /// Hands in many transactions and waits until each is final and verified, refused, or given up. One branch is
    /// asked for all of them; what it leaves open is settled one by one, with every branch.
    pub(crate) async fn settle_all(&self, chain: Chain, transactions: &[Transaction]) -> Vec<Settled> {
        let mut settling: Vec<Settling> = transactions
            .iter()
            .map(|transaction| {
                let bytes = transaction.encode();
                Settling { id: Digest::of(&bytes), bytes, outcome: None }
            })
            .collect();
        if transactions.len() > 1
            && let Some(branch) = self.writable(chain).unwrap_or_default().first()
        {
            for part in settling.chunks_mut(BATCH_MAX) {
                // Whatever went wrong, the transactions are asked for one by one then.
                let _ = self.settle_at_once(branch, chain, part).await;
            }
        }
        let open = |(_, one): &(&Transaction, &mut Settling)| match &one.outcome {
            None => true,
            Some(Settled::Refused { code, .. }) => !PROVEN_OTHERWISE.contains(&code.as_str()),
            Some(_) => false,
        };
        stream::iter(transactions.iter().zip(&mut settling).filter(open))
            .for_each_concurrent(SINGLY, |(transaction, one)| async {
                one.outcome = Some(match self.settle(chain, transaction).await {
                    Ok(settled) => Settled::Final(settled),
                    Err(error) => Settled::Failed(error),
                });
            })
            .await;
        settling.into_iter().map(|one| one.outcome.unwrap_or(Settled::Failed(ClientError::Worker))).collect()
    }

    async fn settle_at_once(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        settling: &mut [Settling],
    ) -> Result<(), ClientError> {
        let (submit, finality) = match chain {
            Chain::Main => (RouteId::SubmitManyMain, RouteId::MainFinalities),
            Chain::Side => (RouteId::SubmitManySide, RouteId::SideFinalities),
        };
        let until = Instant::now() + AGREE;
        let transactions = settling.iter().map(|one| one.bytes.as_slice().into()).collect();
        let taken: SubmissionsTaken = branch
            .ask(Target::of(submit), &Submissions { transactions })
            .await
            .map_err(|error| branch.failed(error))?;
        if taken.outcomes.len() != settling.len() {
            return Err(branch.unverified("it left transactions out"));
        }
        // A refusal may mean that it is final already: that is asked before the refusal is believed.
        let refusals: Vec<Option<Settled>> = taken
            .outcomes
            .into_iter()
            .map(|outcome| match outcome {
                SubmissionOutcome::Taken { .. } => None,
                SubmissionOutcome::Refused { code, message } => {
                    Some(Settled::Refused { code: clean(&code), message: clean(&message) })
                }
            })
            .collect();
        let mut refused = refusals.iter().any(Option::is_some);
        loop {
            let asked: Vec<usize> = (0..settling.len())
                .filter(|place| settling.get(*place).is_some_and(|one| one.outcome.is_none()))
                .collect();
            let left = until.saturating_duration_since(Instant::now());
            if asked.is_empty() || left.is_zero() {
                return Ok(());
            }
            let held = if refused { Duration::ZERO } else { HELD.min(left) };
            let wait_ms = u64::try_from(held.as_millis()).unwrap_or_default();
            let ids = asked.iter().filter_map(|place| settling.get(*place)).map(|one| one.id).collect();
            let body = Branch::body(&FinalitiesQuery { ids, wait_ms });
            let word: Finalities =
                branch.wait(Target::of(finality), body, held).await.map_err(|error| branch.failed(error))?;
            let put_off = self.take(branch, chain, settling, &asked, word).await?;
            // What is put off is final, whatever was said when it was handed in.
            if refused && !put_off {
                refused = false;
                for (one, refusal) in settling.iter_mut().zip(&refusals) {
                    if one.outcome.is_none() {
                        one.outcome.clone_from(refusal);
                    }
                }
            }
        }
    }

    /// Takes over what the branch says of the transactions asked for, as far as it proves it. Returns whether it puts
    /// off some that are final, for which it must be asked again.
    async fn take(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        settling: &mut [Settling],
        asked: &[usize],
        word: Finalities,
    ) -> Result<bool, ClientError> {
        if word.outcomes.len() != asked.len() {
            return Err(branch.unverified("it left transactions out"));
        }
        let mut blocks = Vec::with_capacity(word.blocks.len());
        for block in &word.blocks {
            blocks.push(self.leaves(branch, chain, block).await?);
        }
        let (mut some, mut put_off) = (false, false);
        let elsewhere = || branch.unverified("the transaction is not in the block it names");
        for (place, outcome) in asked.iter().zip(word.outcomes) {
            let Some(one) = settling.get_mut(*place) else { continue };
            match outcome {
                FinalityOutcome::Final { block, index } => {
                    let block = usize::try_from(block).ok().and_then(|block| blocks.get(block));
                    let (height, leaves) = block.ok_or_else(elsewhere)?;
                    let leaf = usize::try_from(index).ok().and_then(|index| leaves.get(index));
                    if leaf != Some(&merkle::leaf_hash(&one.bytes)) {
                        return Err(elsewhere());
                    }
                    one.outcome = Some(Settled::Final(Final { id: one.id, height: *height, index }));
                    some = true;
                }
                FinalityOutcome::Refused { code, message } => {
                    one.outcome = Some(Settled::Refused { code: clean(&code), message: clean(&message) });
                }
                FinalityOutcome::Later => put_off = true,
                FinalityOutcome::Waiting | FinalityOutcome::Unknown => {}
            }
        }
        if put_off && !some {
            return Err(branch.unverified("it puts off every transaction that is final"));
        }
        Ok(put_off)
    }

    /// Height and leaf hashes of a block, which are those that its verified header commits to.
    async fn leaves(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        block: &FinalBlock,
    ) -> Result<(u64, Vec<Digest>), ClientError> {
        let certificate = block.certificate.as_ref().map(|bytes| bytes.0.as_slice());
        let known = self.verified(chain, &block.header.0, certificate, branch).await?;
        let (leaves, rest) = block.leaves.0.as_chunks::<LEAF>();
        let leaves: Vec<Digest> = leaves.iter().map(|leaf| Digest::from_bytes(*leaf)).collect();
        let counted = u32::try_from(leaves.len()) == Ok(known.header.transactions);
        if !rest.is_empty() || !counted || merkle::root(&leaves) != known.header.transaction_root {
            return Err(branch.unverified("the transactions are not those of the block it names"));
        }
        Ok((known.header.height, leaves))
    }
}

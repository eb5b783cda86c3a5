//! Handing in a transaction and waiting until it is final, which means: included in a block whose header is verified.

use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner},
    race::none_of,
};
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{Canonical, Chain, Transaction, TxId};
use wardline_wire::{FINALITY_WAIT_MS_MAX, Finality, RouteId, Submission, Submitted};

/// Longest wait for a transaction to become final.
pub(crate) const AGREE: Duration = Duration::from_secs(30);
/// How long to wait at one branch before handing it in at another too, which may have the better connections.
const AT_ONE_BRANCH: Duration = Duration::from_secs(5);

/// Branches that must say that a transaction is refused before that is believed.
const REFUSALS: usize = 2;
/// How long to wait when no branch knows more, before asking all again.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);

/// A transaction that is final, verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Final {
    /// The transaction.
    pub id: TxId,
    /// Its block.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
}

/// How waiting at one branch ended without finality.
enum Unsettled {
    /// Try the next branch.
    Next(ClientError),
    /// The branch says that the rules refuse it. Another must say so too: one may be lying, or not know yet what the
    /// transaction rests on.
    Refused(ClientError),
}

impl Group {
    /// Hands in a transaction and returns when it is final and verified. The same bytes may be handed in again:
    /// they become final once.
    ///
    /// # Errors
    /// When two branches say that a rule refuses it, no branch answers, or it is not final in time; then it may still
    /// become final.
    pub async fn submit(&self, chain: Chain, transaction: &Transaction) -> Result<Final, ClientError> {
        self.inner.in_session()?;
        self.inner.settle(chain, transaction).await
    }
}

impl Inner {
    pub(crate) async fn settle(&self, chain: Chain, transaction: &Transaction) -> Result<Final, ClientError> {
        let bytes = transaction.encode();
        let id = Digest::of(&bytes);
        let until = Instant::now() + AGREE;
        let mut failures = Vec::new();
        let mut waited = false;
        let mut refused_by = BTreeSet::new();
        loop {
            for branch in self.writable(chain)? {
                match self.settle_at(&branch, chain, &bytes, id, until).await {
                    Ok(settled) => return Ok(settled),
                    Err(Unsettled::Refused(error)) => {
                        refused_by.insert(branch.id());
                        if refused_by.len() >= REFUSALS {
                            return Err(error);
                        }
                        failures.push((branch.name().to_owned(), error));
                    }
                    Err(Unsettled::Next(error)) => {
                        waited |= matches!(error, ClientError::NotFinal { .. });
                        failures.push((branch.name().to_owned(), error));
                    }
                }
                if Instant::now() >= until {
                    break;
                }
            }
            // Once handed in it goes on by itself; while nobody took it, asking again and again helps nobody.
            if Instant::now() >= until || !waited {
                break;
            }
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
        Err(if waited { ClientError::NotFinal { seconds: AGREE.as_secs() } } else { none_of(failures) })
    }

    async fn settle_at(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        bytes: &[u8],
        id: TxId,
        until: Instant,
    ) -> Result<Final, Unsettled> {
        let (submit, finality) = match chain {
            Chain::Main => (RouteId::SubmitMain, RouteId::MainFinality),
            Chain::Side => (RouteId::SubmitSide, RouteId::SideFinality),
        };
        let failed = |error| Unsettled::Next(branch.failed(error));
        let submission = Submission { transaction: bytes.into() };
        // A refusal may mean that it is final already: that is asked before the refusal is believed.
        let refusal = match branch.ask::<_, Submitted>(Target::of(submit), &submission).await {
            Ok(submitted) if submitted.id != id => {
                return Err(Unsettled::Next(
                    branch.unverified("it took another transaction than was handed in"),
                ));
            }
            Ok(_) => None,
            Err(BranchError::Refused(problem)) => Some(problem),
            Err(error) => return Err(failed(error)),
        };
        let leave = (Instant::now() + AT_ONE_BRANCH).min(until);
        loop {
            let left = leave.saturating_duration_since(Instant::now());
            let held = if refusal.is_some() { Duration::ZERO } else { left };
            let wait_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX).min(FINALITY_WAIT_MS_MAX);
            let target = Target::with(finality, id).query(&[("wait_ms", wait_ms)]);
            let word: Result<Finality, BranchError> = branch.wait(target, Bytes::new(), held).await;
            if let Ok(Finality::Final { header, certificate, index, inclusion }) = word {
                let certificate = certificate.as_ref().map(|bytes| bytes.0.as_slice());
                let known =
                    self.verified(chain, &header.0, certificate, branch).await.map_err(Unsettled::Next)?;
                let leaf = merkle::leaf_hash(bytes);
                let (size, root) = (u64::from(known.header.transactions), &known.header.transaction_root);
                if !merkle::verify_inclusion(&leaf, u64::from(index), size, &inclusion, root) {
                    return Err(Unsettled::Next(
                        branch.unverified("the transaction is not in the block it names"),
                    ));
                }
                return Ok(Final { id, height: known.header.height, index });
            }
            if let Some(problem) = refusal {
                // 403 is about the person and 422 about the ledger. The rest may be about this branch alone, which may
                // be behind or about to stop.
                let refused = ClientError::Refused(problem.message.clone());
                return Err(match problem.status {
                    403 | 422 => Unsettled::Refused(refused),
                    _ => failed(BranchError::Refused(problem)),
                });
            }
            match word {
                Ok(Finality::Refused { message, .. }) => {
                    return Err(Unsettled::Refused(ClientError::Refused(crate::error::clean(&message))));
                }
                Ok(Finality::Waiting) if Instant::now() < leave => {}
                Ok(_) => {
                    return Err(Unsettled::Next(ClientError::NotFinal { seconds: AT_ONE_BRANCH.as_secs() }));
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

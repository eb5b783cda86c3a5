//! Registry changes on both chains: agreed on the main chain first, then carried over to the side chain.
//!
//! One order for both: a side chain that took changes of its own could end up with another registry.

use crate::application::ChainApplication;
use std::sync::Arc;
use tokio::sync::mpsc;
use wardline_consensus::Chain as Engine;
use wardline_crypto::Digest;
use wardline_ledger::{Body, Canonical, Transaction};
use wardline_store::Result;

/// What one chain has to do with the other.
pub(crate) enum Mirror {
    /// The only chain that this participant is on.
    None,
    /// The main chain of a trusted branch: what is final here goes to the side chain.
    To { side: Arc<ChainApplication>, wake: mpsc::UnboundedSender<Vec<u8>> },
    /// The side chain: takes registry changes that are final on the main chain.
    From { main: Arc<wardline_store::ChainStore> },
}

fn is_registry(transaction: &[u8]) -> bool {
    Transaction::decode(transaction).is_ok_and(|transaction| matches!(transaction.body, Body::Registry(_)))
}

impl Mirror {
    /// Puts the registry changes of a block that is about to be applied into the side chain's queue. Durable before
    /// the block is, so that a crash in between loses none of them.
    pub fn carry(&self, transactions: &[Vec<u8>]) -> Result<()> {
        let Self::To { side, .. } = self else { return Ok(()) };
        for bytes in transactions.iter().filter(|bytes| is_registry(bytes)) {
            side.store.admit_waiting(Digest::of(bytes), bytes)?;
        }
        Ok(())
    }

    /// Tells of what was carried over, once its block is applied here: before that it is not taken.
    pub fn carried(&self, transactions: &[Vec<u8>]) {
        let Self::To { wake, .. } = self else { return };
        for bytes in transactions.iter().filter(|bytes| is_registry(bytes)) {
            // Nobody listens once the node stops; the transaction waits in the store.
            let _ = wake.send(bytes.clone());
        }
    }

    /// Whether the main chain stands in no way of this transaction on the side chain.
    pub fn allows(&self, transaction: &[u8]) -> Result<bool> {
        match self {
            Self::From { main } if is_registry(transaction) => {
                Ok(main.find_transaction(&Digest::of(transaction))?.is_some())
            }
            _ => Ok(true),
        }
    }
}

/// Tells the side chain's engine of what was carried over, until the main chain is gone.
pub(crate) async fn run(engine: Engine, mut carried: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(transaction) = carried.recv().await {
        let engine = engine.clone();
        let told = tokio::task::spawn_blocking(move || engine.submit(transaction.into())).await;
        if let Ok(Err(reason)) = told {
            tracing::warn!(reason, "a registry change of the main chain was not taken on the side chain");
        }
    }
}

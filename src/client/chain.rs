//! Blocks to look at: headers and bodies, each held against the verified chain.

use crate::{
    branch::Target,
    error::ClientError,
    group::{Group, Inner},
    race::first_good,
};
use std::sync::Arc;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Header, Transaction, TxId, body_matches, decode_body};
use wardline_wire::{Block, HEADERS_PER_REPLY_MAX, RouteId};

/// A header of the verified chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderView {
    /// The header.
    pub header: Header,
    /// Its digest: the block's name.
    pub digest: Digest,
}

/// A block of the verified chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockView {
    /// Its header.
    pub header: HeaderView,
    /// Its transactions in their order, with their names.
    pub transactions: Vec<(TxId, Transaction)>,
    /// The branch that gave the body.
    pub from: u16,
}

impl Group {
    /// Verified headers from height `from`, at most `limit` (512), ascending; none above the newest verified one.
    /// Recent ones come from memory, older ones are fetched and must be linked to the verified chain.
    ///
    /// # Errors
    /// When headers have to be fetched and no branch has them.
    pub async fn headers(&self, chain: Chain, from: u64, limit: u64) -> Result<Vec<HeaderView>, ClientError> {
        let head = self.inner.trust(chain)?.head().header.height;
        let limit = limit.min(HEADERS_PER_REPLY_MAX);
        if limit == 0 || from > head {
            return Ok(Vec::new());
        }
        let to = head.min(from.saturating_add(limit - 1));
        let known = self.inner.walk_back(chain, from, to, None).await?;
        Ok(known.into_iter().map(|known| HeaderView { header: known.header, digest: known.digest }).collect())
    }

    /// A block at or below the newest verified height: its body is the one that the verified header commits to.
    ///
    /// # Errors
    /// When the height is not verified yet, or no branch gives the block.
    pub async fn block(&self, chain: Chain, height: u64) -> Result<BlockView, ClientError> {
        let inner = &self.inner;
        let known = inner.walk_back(chain, height, height, None).await?;
        let known = known.into_iter().next().ok_or_else(|| {
            ClientError::NoneUsable(format!("height {height} of the {chain} chain is not verified yet"))
        })?;
        let digest = known.digest;
        let (branch, transactions) = first_good(inner.on(chain), |branch| async move {
            inner.body_of(&branch, chain, height, digest).await
        })
        .await?;
        let header = HeaderView { header: known.header, digest };
        Ok(BlockView { header, transactions, from: branch.id() })
    }
}

impl Inner {
    async fn body_of(
        &self,
        branch: &Arc<crate::branch::Branch>,
        chain: Chain,
        height: u64,
        digest: Digest,
    ) -> Result<Vec<(TxId, Transaction)>, ClientError> {
        let route = match chain {
            Chain::Main => RouteId::MainBlock,
            Chain::Side => RouteId::SideBlock,
        };
        let block: Block =
            branch.get(Target::with(route, height)).await.map_err(|error| branch.failed(error))?;
        if Digest::of(&block.header.0) != digest || body_matches(&block.header.0, &block.body.0).is_none() {
            return Err(branch.unverified(format!("another block than the verified one at height {height}")));
        }
        let malformed = |error: wardline_ledger::DecodeError| branch.unverified(error.to_string());
        let transactions = decode_body(&block.body.0).map_err(malformed)?;
        transactions
            .iter()
            .map(|bytes| Ok((Digest::of(bytes), Transaction::decode(bytes).map_err(malformed)?)))
            .collect()
    }
}

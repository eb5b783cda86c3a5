//! Where two branches part: the first block at which their chains differ, found with few questions.
//!
//! Each header names the one before, so two chains that are equal at a height are equal below it. A branch whose headers
//! do not bear that out is told as such. It must not say which branch is right; the verified digest beside them does.

use crate::{
    branch::{Branch, Target},
    error::ClientError,
    group::{Group, Inner},
};
use std::sync::Arc;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Header};
use wardline_wire::{RouteId, Status};

/// What comparing two branches' chains gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bisection {
    /// Which chain's.
    pub chain: Chain,
    /// Number and name of the one branch.
    pub left: (u16, String),
    /// Of the other.
    pub right: (u16, String),
    /// Heights of the newest blocks that they claim, left and right.
    pub heights: (u64, u64),
    /// Where they part; absent when the shorter chain is the beginning of the longer.
    pub first_difference: Option<Difference>,
    /// Heights at which both were asked.
    pub compared: u32,
    /// The newest height at which both agree.
    pub common: u64,
}

/// The first block that is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its height.
    pub height: u64,
    /// The one branch's digest.
    pub left: Option<Digest>,
    /// The other's.
    pub right: Option<Digest>,
    /// This console's, if it has verified as far and can still tell.
    pub verified: Option<Digest>,
}

/// A header and its digest.
type Named = (Header, Digest);

impl Group {
    /// Finds the first block at which branches `a` and `b` differ. Asks each for one header at each of about log₂ of
    /// the height places.
    ///
    /// # Errors
    /// When the session ended, a branch is not on the chain, does not answer, or gives headers that cannot be of one
    /// chain.
    pub async fn bisect(&self, chain: Chain, a: u16, b: u16) -> Result<Bisection, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        inner.trust(chain)?;
        let (left, right) = (inner.asked_for(chain, a)?, inner.asked_for(chain, b)?);
        let (of_left, of_right) =
            futures::future::try_join(inner.claimed(&left, chain), inner.claimed(&right, chain)).await?;
        let heights = (of_left.height, of_right.height);
        let top = heights.0.min(heights.1);

        let mut compared = 0;
        let mut at = async |height: u64| -> Result<(Named, Named), ClientError> {
            compared += 1;
            futures::future::try_join(
                inner.header_of(&left, chain, height),
                inner.header_of(&right, chain, height),
            )
            .await
        };
        let newest = at(top).await?;
        // What a branch calls its newest block must be the block that it gives.
        for (branch, claim, given) in [(&left, &of_left, &newest.0), (&right, &of_right, &newest.1)] {
            if claim.height == top && claim.digest() != given.1 {
                return Err(
                    branch.unverified("another newest header than the one it gives when asked for it")
                );
            }
        }
        // Equal at `low`, different at `high`; the genesis is this console's own.
        let (mut low, mut high, mut parts) = (0, top, newest);
        let same = parts.0.1 == parts.1.1;
        if same {
            low = top;
        }
        let mut below: Option<Digest> = None;
        while high.saturating_sub(low) > 1 {
            let middle = low + (high - low) / 2;
            let both = at(middle).await?;
            if both.0.1 == both.1.1 {
                (low, below) = (middle, Some(both.0.1));
            } else {
                (high, parts) = (middle, both);
            }
        }
        let common = low;
        let first_difference = if same {
            None
        } else {
            let below = match below {
                Some(below) => below,
                None => inner.genesis_digest(chain, &left, &right).await?,
            };
            for (branch, part) in [(&left, &parts.0), (&right, &parts.1)] {
                if part.0.parent != below {
                    return Err(branch.unverified(format!(
                        "a {chain}-chain block {high} that does not follow its own block {low}"
                    )));
                }
            }
            // Whoever gave the false one gives it once more, signed: that is an alarm.
            for branch in [&left, &right] {
                inner.have_it_signed(branch, chain, high).await;
            }
            let verified = inner.digest_at(chain, high).await;
            Some(Difference { height: high, left: Some(parts.0.1), right: Some(parts.1.1), verified })
        };
        let named = |branch: &Branch| (branch.id(), branch.name().to_owned());
        Ok(Bisection {
            chain,
            left: named(&left),
            right: named(&right),
            heights,
            first_difference,
            compared,
            common,
        })
    }
}

impl Inner {
    fn asked_for(&self, chain: Chain, id: u16) -> Result<Arc<Branch>, ClientError> {
        let found = self.on(chain).into_iter().find(|branch| branch.id() == id);
        found.ok_or(ClientError::UnknownBranch(id))
    }

    /// The newest header that a branch claims.
    async fn claimed(&self, branch: &Arc<Branch>, chain: Chain) -> Result<Header, ClientError> {
        let target = Target::of(RouteId::Status).at_any_height();
        let status: Status = branch.get(target).await.map_err(|error| branch.failed(error))?;
        let claim = crate::standing::chain_status(&status, chain)
            .ok_or_else(|| branch.unverified(format!("it is not on the {chain} chain")))?;
        self.of_chain(branch, chain, &claim.header.0, claim.height)
    }

    /// One header of a branch, as it gives it.
    async fn header_of(&self, branch: &Arc<Branch>, chain: Chain, height: u64) -> Result<Named, ClientError> {
        let page = self.headers_at_any_height(branch, chain, height, 1).await?.value;
        let one = page.headers.first().ok_or_else(|| {
            branch.unverified(format!("it has no {chain}-chain block {height}, which it claims"))
        })?;
        let header = self.of_chain(branch, chain, &one.header.0, height)?;
        Ok((header, Digest::of(&one.header.0)))
    }

    fn of_chain(
        &self,
        branch: &Branch,
        chain: Chain,
        bytes: &[u8],
        height: u64,
    ) -> Result<Header, ClientError> {
        let header = Header::decode(bytes).map_err(|error| branch.unverified(error.to_string()))?;
        if header.network != self.network || header.chain != chain || header.height != height {
            return Err(
                branch.unverified(format!("another header than that of {chain}-chain block {height}"))
            );
        }
        Ok(header)
    }

    /// The first block, which the network's identity fixes.
    async fn genesis_digest(
        &self,
        chain: Chain,
        left: &Arc<Branch>,
        right: &Arc<Branch>,
    ) -> Result<Digest, ClientError> {
        let (left_one, right_one) =
            futures::future::try_join(self.header_of(left, chain, 0), self.header_of(right, chain, 0))
                .await?;
        let own = self.digest_at(chain, 0).await.unwrap_or(left_one.1);
        for (branch, given) in [(left, left_one), (right, right_one)] {
            if given.1 != own {
                return Err(branch.unverified(format!("another first block of the {chain} chain")));
            }
        }
        Ok(own)
    }

    /// The verified digest of a height, if this console can tell it now.
    async fn digest_at(&self, chain: Chain, height: u64) -> Option<Digest> {
        let trust = self.trust(chain).ok()?;
        if height > trust.head().header.height {
            return None;
        }
        if let Some(known) = trust.recent(height) {
            return Some(known.digest);
        }
        let known = self.walk_back(chain, height, height, None).await.ok()?;
        known.first().filter(|known| known.header.height == height).map(|known| known.digest)
    }
}

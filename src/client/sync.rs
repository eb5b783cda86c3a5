//! Following the chains: headers forward from the checkpoint, from whichever branch has them, and holding the headers
//! of replies against what is verified.

use crate::{
    answer::Given,
    branch::{Branch, Target},
    cores::cores,
    error::ClientError,
    group::{Inner, heavy},
    race::{first_good, none_of},
    trust::{Known, Refused, Trust},
};
use futures::{StreamExt, stream};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, DecodeError, Header, Invalid, StateProof, ends_epoch};
use wardline_wire::{CertifiedHeader, HEADERS_PER_REPLY_MAX, Handover, Headers, RouteId};

/// How long to wait for the certificate of a block that was just made.
const CERTIFY: Duration = Duration::from_millis(1500);
/// How soon to look for it again; then twice as long every time.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Most pages that are fetched to reach an old header: about 130 000 blocks back.
const PAGES_BACK: u64 = 256;
/// Headers of a full page.
const PAGE: usize = HEADERS_PER_REPLY_MAX as usize;
/// Pages that are on their way or read while one is verified: with 50 validators some 2 MB each.
const PAGES_AHEAD: usize = 3;

/// Headers with their certificates, and the validators that they hand over by epoch.
struct Page {
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
}

impl Inner {
    /// The verified header that a reply's header is, after following the chain as far as needed.
    ///
    /// # Errors
    /// When it is malformed, of another chain, not certified, or another block than the verified one of its height.
    pub(crate) async fn verified(
        &self,
        chain: Chain,
        header: &[u8],
        certificate: Option<&[u8]>,
        from: &Arc<Branch>,
    ) -> Result<Known, ClientError> {
        let trust = self.trust(chain)?;
        let digest = Digest::of(header);
        let decoded = Header::decode(header).map_err(|error| from.unverified(error.to_string()))?;
        if decoded.network != trust.network || decoded.chain != chain {
            return Err(from.unverified("a header of another chain"));
        }
        let height = decoded.height;
        if height > trust.head().header.height {
            self.step(trust, header, certificate, &decoded).await;
            if height > trust.head().header.height {
                self.follow(chain, height, Some(from)).await?;
            }
        }
        let known = match trust.recent(height) {
            Some(known) => known,
            None => {
                self.walk_back(chain, height, height, Some(from)).await?.into_iter().next().ok_or_else(
                    || from.unverified(format!("a header of height {height}, too old to check")),
                )?
            }
        };
        if known.digest != digest {
            return Err(from.unverified(format!("another block than the verified one at height {height}")));
        }
        Ok(known)
    }

    /// The usual case without asking anybody: the very next block with its certificate. A bad certificate is no
    /// error here; the headers are then asked for.
    async fn step(&self, trust: &Trust, header: &[u8], certificate: Option<&[u8]>, decoded: &Header) {
        let checkpoint = trust.checkpoint();
        let next = decoded.height == checkpoint.header.height + 1 && decoded.parent == checkpoint.digest;
        if let (true, false, Some(certificate)) =
            (next, ends_epoch(decoded.height, checkpoint.epoch_length), certificate)
        {
            // One certificate is some tens of signatures at most: quicker than a thread.
            let given = vec![(header.to_vec(), Some(certificate.to_vec()))];
            let _ = trust.extend(given, &BTreeMap::new(), 1);
        }
    }

    /// Follows a chain to a height, asking `first` before the others.
    ///
    /// # Errors
    /// When no branch has certified headers up to there.
    pub(crate) async fn follow(
        &self,
        chain: Chain,
        height: u64,
        first: Option<&Arc<Branch>>,
    ) -> Result<(), ClientError> {
        let trust = self.trust(chain)?;
        let _one_at_a_time = trust.advancing.lock().await;
        if trust.head().header.height >= height {
            return Ok(());
        }
        let mut branches = self.on(chain);
        if let Some(first) = first {
            branches.sort_by_key(|branch| branch.id() != first.id());
        }
        let missing = height.saturating_sub(trust.head().header.height);
        if missing <= HEADERS_PER_REPLY_MAX {
            first_good(branches, |branch| async move { self.follow_by(trust, &branch, height).await })
                .await?;
        } else {
            // Long: the next one goes on where one fails, instead of doing the same beside it.
            let mut failures = Vec::new();
            for branch in branches {
                match self.follow_by(trust, &branch, height).await {
                    Ok(()) => break,
                    Err(error) => failures.push((branch.name().to_owned(), error)),
                }
            }
            if trust.head().header.height < height {
                return Err(none_of(failures));
            }
        }
        self.keep_when_due(trust).await;
        Ok(())
    }

    /// The same from one branch alone, to see whether it can prove the height that it claims.
    pub(crate) async fn follow_from(
        &self,
        chain: Chain,
        height: u64,
        branch: &Arc<Branch>,
    ) -> Result<(), ClientError> {
        let trust = self.trust(chain)?;
        let _one_at_a_time = trust.advancing.lock().await;
        self.follow_by(trust, branch, height).await
    }

    /// Follows a chain to a height from one branch. Pages are asked for ahead, so that the next ones are on their way
    /// and read while one is verified.
    async fn follow_by(&self, trust: &Trust, branch: &Arc<Branch>, height: u64) -> Result<(), ClientError> {
        let give_up = Instant::now() + CERTIFY;
        let mut pause = LOOK_AGAIN;
        // Linked headers that no certificate speaks for yet: fewer than an epoch has.
        let mut carried = Vec::new();
        loop {
            let before = trust.head().header.height;
            if before >= height {
                return Ok(());
            }
            let from = before + 1 + carried.len() as u64;
            let pages =
                (from..=height.max(from)).step_by(PAGE).map(|from| page(branch.clone(), trust.chain, from));
            let mut pages = std::pin::pin!(stream::iter(pages).buffered(PAGES_AHEAD));
            let mut next = pages.next().await.transpose()?;
            while let Some(page) = next {
                let (head, count) = (trust.head().header.height, page.headers.len());
                if count == 0 && carried.is_empty() {
                    let what = format!("it has no {}-chain block {}", trust.chain, head + 1);
                    return Err(branch.unverified(what));
                }
                let mut headers = std::mem::take(&mut carried);
                headers.extend(page.headers);
                // What no certificate in it speaks for is given again, with what follows it.
                let certified = headers.iter().rposition(|(_, certificate)| certificate.is_some());
                let tail = headers.split_off(certified.map_or(0, |index| index + 1));
                let (verified, following) =
                    tokio::join!(self.extend(branch, trust.chain, headers, page.sets), pages.next());
                verified?;
                self.keep_when_due(trust).await;
                let stuck = certified.is_some() && trust.head().header.height == head;
                if count < PAGE || stuck {
                    break;
                }
                if tail.len() as u64 >= trust.checkpoint().epoch_length {
                    return Err(branch.unverified("an epoch's worth of headers without a certificate"));
                }
                carried = tail;
                next = following.transpose()?;
            }
            let reached = trust.head().header.height;
            if reached == before && carried.is_empty() {
                if Instant::now() >= give_up {
                    return Err(branch.unverified(format!(
                        "no certificate for block {} of the {} chain",
                        height, trust.chain
                    )));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }

    /// Verifies headers on threads of their own.
    async fn extend(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        next_sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
    ) -> Result<(), ClientError> {
        let trust = self.trust_arc(chain)?;
        match heavy(move || trust.extend(headers, &next_sets, cores())).await? {
            // The last block of an epoch gets its certificate in a moment.
            Ok(()) | Err(Refused::Invalid(Invalid::EpochEndUncertified(_))) => Ok(()),
            Err(Refused::Invalid(error)) => Err(branch.unverified(error.to_string())),
            Err(Refused::Conflict(error)) => Err(error.into()),
        }
    }

    async fn keep_when_due(&self, trust: &Trust) {
        if trust.is_due() {
            self.keep_checkpoint_or_warn(trust.chain).await;
        }
    }

    pub(crate) async fn headers_of(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        from: u64,
        limit: u64,
    ) -> Result<Headers, ClientError> {
        headers_of(branch, chain, from, limit).await
    }

    /// The same of a branch that may be behind: what it has is compared, not relied on.
    pub(crate) async fn headers_at_any_height(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        from: u64,
        limit: u64,
    ) -> Result<Given<Headers>, ClientError> {
        let target = headers_target(chain, from, limit).at_any_height();
        branch.get_kept(target).await.map_err(|error| branch.failed(error))
    }

    /// Verified headers from `low` to `high`, at or below the newest verified one. What is older than the headers in
    /// memory is believed because each header names the one before.
    ///
    /// # Errors
    /// When no branch has headers that are linked to the verified chain.
    pub(crate) async fn walk_back(
        &self,
        chain: Chain,
        low: u64,
        high: u64,
        first: Option<&Arc<Branch>>,
    ) -> Result<Vec<Known>, ClientError> {
        let trust = self.trust(chain)?;
        let high = high.min(trust.head().header.height);
        let mut above = trust.nearest(high);
        let mut found: BTreeMap<u64, Known> =
            (low..=high).filter_map(|height| Some((height, trust.recent(height)?))).collect();
        if (low..=high).contains(&above.header.height) {
            found.insert(above.header.height, above.clone());
        }
        for _ in 0..PAGES_BACK {
            let top = above.header.height;
            if top <= low {
                break;
            }
            let from = low.max(top.saturating_sub(HEADERS_PER_REPLY_MAX));
            let mut branches = self.on(chain);
            if let Some(first) = first {
                branches.sort_by_key(|branch| branch.id() != first.id());
            }
            let anchor = above.clone();
            let (_, page) = first_good(branches, |branch| {
                let anchor = anchor.clone();
                async move {
                    let page = self.headers_of(&branch, chain, from, anchor.header.height - from).await?;
                    linked(&branch, &page.headers, from, &anchor)
                }
            })
            .await?;
            above = match page.first() {
                Some(lowest) => lowest.clone(),
                None => break,
            };
            trust.keep_stone(above.clone());
            let wanted = page.into_iter().filter(|known| (low..=high).contains(&known.header.height));
            found.extend(wanted.map(|known| (known.header.height, known)));
        }
        Ok(found.into_values().collect())
    }

    /// Looks whether a block that was verified here before, below the head, is in the chain that is followed. As long as
    /// nobody gives the headers it stays open, and is told.
    pub(crate) async fn compare_memory(&self, chain: Chain) {
        let Ok(trust) = self.trust(chain) else { return };
        let Some((height, digest)) = trust.behind() else { return };
        let found = self.walk_back(chain, height, height, None).await.ok();
        let Some(own) = found.and_then(|found| found.into_iter().find(|own| own.header.height == height))
        else {
            return;
        };
        let mut shown = None;
        if own.digest != digest {
            for branch in self.on(chain) {
                match self.certified_at(&branch, chain, height).await {
                    Ok((digest, certified)) if digest == own.digest => {
                        shown = Some(certified);
                        break;
                    }
                    _ => {}
                }
            }
        }
        trust.compare_behind(&own, shown);
    }

    /// Keeps the checkpoint on disk.
    pub(crate) async fn keep_checkpoint(&self, chain: Chain) -> Result<(), ClientError> {
        let trust = self.trust_arc(chain)?;
        Ok(heavy(move || trust.save()).await??)
    }
}

fn headers_target(chain: Chain, from: u64, limit: u64) -> Target {
    let route = match chain {
        Chain::Main => RouteId::MainHeaders,
        Chain::Side => RouteId::SideHeaders,
    };
    Target::of(route).query(&[("from", from), ("limit", limit)])
}

async fn headers_of(
    branch: &Arc<Branch>,
    chain: Chain,
    from: u64,
    limit: u64,
) -> Result<Headers, ClientError> {
    branch.get(headers_target(chain, from, limit)).await.map_err(|error| branch.failed(error))
}

/// One page of headers and what it hands over, as given; fetched and read by a task of its own.
async fn page(branch: Arc<Branch>, chain: Chain, from: u64) -> Result<Page, ClientError> {
    let fetched = tokio::spawn(async move {
        let page = headers_of(&branch, chain, from, HEADERS_PER_REPLY_MAX).await?;
        let sets = handed_over(&branch, page.handovers)?;
        let pair = |one: CertifiedHeader| (one.header.0, one.certificate.map(|bytes| bytes.0));
        Ok(Page { headers: page.headers.into_iter().map(pair).collect(), sets })
    });
    fetched.await.map_err(|_| ClientError::Worker)?
}

/// The headers, if each is the parent of the next and the last one is the parent of `anchor`.
fn linked(
    branch: &Branch,
    page: &[CertifiedHeader],
    from: u64,
    anchor: &Known,
) -> Result<Vec<Known>, ClientError> {
    let broken = || branch.unverified("headers that are not linked to the verified chain");
    let mut parent = anchor.header.parent;
    let mut expected = anchor.header.height;
    let mut known = Vec::with_capacity(page.len());
    for one in page.iter().rev() {
        let digest = Digest::of(&one.header.0);
        let header = Header::decode(&one.header.0).map_err(|_| broken())?;
        expected = expected.checked_sub(1).ok_or_else(broken)?;
        if digest != parent || header.height != expected {
            return Err(broken());
        }
        parent = header.parent;
        known.push(Known { header, digest });
    }
    if expected != from {
        return Err(branch.unverified("it left headers out"));
    }
    known.reverse();
    Ok(known)
}

/// The validators that the last headers of epochs hand over; proven when they are used.
pub(crate) fn handed_over(
    branch: &Branch,
    handovers: Vec<Handover>,
) -> Result<BTreeMap<u64, (Vec<u8>, StateProof)>, ClientError> {
    let mut sets = BTreeMap::new();
    for one in handovers {
        let epoch = one.epoch;
        let unproven = |error: DecodeError| {
            branch.unverified(Invalid::ValidatorsUnproven { epoch, error: error.into() }.to_string())
        };
        let proof = StateProof::from_bytes(&one.proof.0).map_err(unproven)?;
        if sets.insert(epoch, (one.set.0, proof)).is_some() {
            return Err(branch.unverified(format!("the validators of epoch `{epoch}` are handed over twice")));
        }
    }
    Ok(sets)
}

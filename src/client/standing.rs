//! How one branch's account of itself stands to the verified chains: the word that is shown for it.

use crate::{
    branch::{Branch, BranchError},
    group::{Inner, locked},
    overview::{BranchView, BranchWord},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Canonical, Chain, Header, SignedTip};
use wardline_wire::{ChainStatus, Status};

/// A block younger than this many seconds may be missing at a branch without its being behind.
const JUST_NOW_S: u64 = 3;
/// And not more of them than these.
pub(crate) const LAG_BLOCKS: u64 = 3;
/// How far this machine's clock may be from the branches' without their tips looking old.
pub(crate) const CLOCKS_APART_S: u64 = 5;

/// What was found out of a branch's newest claim. The same claim again is the same, and nobody is asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is in the verified chain.
    InChain { claim: Digest },
    /// Another block than the verified one.
    Conflict { claim: Digest },
    /// The branch could not prove it while the verified chain ended at `head`.
    Unproven { claim: Digest, head: u64 },
}

/// How a chain's claimed head stands to the verified chain.
enum Standing {
    Newest,
    Behind(u64),
    Conflict,
    Unverified(String),
}

impl Inner {
    /// One branch as its answer, or its silence, shows it.
    pub(crate) async fn view(
        &self,
        branch: &Arc<Branch>,
        status: &Result<Status, BranchError>,
        took: Duration,
    ) -> BranchView {
        let mut view = BranchView::before(branch);
        view.last_answer_s = branch.last_answer_s();
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                let word = match error {
                    BranchError::Silent(_) | BranchError::Unreachable => BranchWord::Silent,
                    BranchError::Refused(_) => BranchWord::Refused,
                    BranchError::WrongKey | BranchError::Malformed(_) => BranchWord::Invalid,
                };
                view.say(word, error.to_string());
                return view;
            }
        };
        view.round_trip_ms = u64::try_from(took.as_millis()).ok();
        view.envelopes = Some(status.envelopes);
        locked(&self.stopped).remove(&branch.id());
        let mut fresh = true;
        let mut waiting = 0_u64;
        for chain in Chain::ALL {
            let Some(claim) = chain_status(status, chain) else { continue };
            fresh &= claim.fresh && self.tips_agree(branch, chain, claim);
            waiting = waiting.saturating_add(claim.waiting);
            match chain {
                Chain::Main => {
                    view.main_height = Some(claim.height);
                    view.head = Some(Digest::of(&claim.header.0));
                }
                Chain::Side => view.side_height = Some(claim.height),
            }
            if !claim.healthy {
                let unwell =
                    "it calls itself unwell: damaged files, a stopped engine, or a disk that it cannot \
                              write; its log says which"
                        .to_owned();
                locked(&self.stopped).insert(branch.id(), unwell.clone());
                view.say(BranchWord::Unwell, unwell);
            }
            // Without a side chain of its own this session cannot judge other branches' side chains.
            if self.trust(chain).is_ok() {
                self.judge(branch, chain, claim, &mut view).await;
            }
        }
        view.fresh = Some(fresh);
        view.waiting = Some(waiting);
        view
    }

    /// Whether the signed tips that the branch shows bear out its word that it is not behind: a quorum of the
    /// validators, itself among them, with young tips that are not above its height.
    fn tips_agree(&self, branch: &Branch, chain: Chain, claim: &ChainStatus) -> bool {
        // What this session cannot follow it cannot judge.
        let Ok(trust) = self.trust(chain) else { return true };
        let (now_s, max_age_s) = (self.clock.now_s(), u64::from(self.rules().policy.tip_max_age_s));
        let own = branch.participant.id;
        let agrees = |tip: &SignedTip| {
            let signer = self.branch(tip.branch.0).map(|speaker| &speaker.participant.signing);
            tip.network == self.network
                && tip.chain == chain
                && tip.height <= claim.height
                && now_s.abs_diff(tip.time_s) <= max_age_s + CLOCKS_APART_S
                && signer.is_some_and(|key| tip.verify(key))
        };
        let tips = claim.tips.iter().filter_map(|bytes| SignedTip::decode(&bytes.0).ok());
        let mut agreeing: BTreeSet<BranchId> = tips.filter(agrees).map(|tip| tip.branch).collect();
        agreeing.insert(own);
        let validators = trust.checkpoint().validators;
        let voices = validators.members.iter().filter(|(member, _)| agreeing.contains(member)).count();
        voices >= validators.quorum()
    }

    async fn judge(&self, branch: &Arc<Branch>, chain: Chain, claim: &ChainStatus, view: &mut BranchView) {
        match self.standing(branch, chain, claim).await {
            Standing::Newest => view.say(BranchWord::Verified, ""),
            Standing::Behind(blocks) => {
                view.behind = view.behind.max(blocks);
                view.say(BranchWord::Behind, format!("{blocks} blocks behind on the {chain} chain"));
            }
            Standing::Conflict => {
                view.say(
                    BranchWord::Conflict,
                    format!("another {chain}-chain block at height {} than the certified one", claim.height),
                );
                return;
            }
            Standing::Unverified(why) => {
                view.say(BranchWord::Invalid, why);
                return;
            }
        }
        match chain {
            Chain::Main => view.verified_main = Some(claim.height),
            Chain::Side => view.verified_side = Some(claim.height),
        }
    }

    /// Asks a branch for the header of a height where it gave a false one: what it answers is signed, and a lie in it
    /// becomes an alarm with its evidence.
    pub(crate) async fn have_it_signed(&self, branch: &Arc<Branch>, chain: Chain, height: u64) {
        if let Some(heights) = self.checkable(chain, height..=height).await {
            self.check_heights(branch, chain, heights).await;
            self.tell_waiting().await;
        }
    }

    pub(crate) fn is_judged(&self, branch: &Branch, chain: Chain, judged: &Judged) -> bool {
        locked(&self.judged).get(&(branch.id(), chain)) == Some(judged)
    }

    pub(crate) fn keep_judged(&self, branch: &Branch, chain: Chain, judged: Judged) {
        locked(&self.judged).insert((branch.id(), chain), judged);
    }

    async fn standing(&self, branch: &Arc<Branch>, chain: Chain, claim: &ChainStatus) -> Standing {
        let header = match Header::decode(&claim.header.0) {
            Ok(header)
                if header.height == claim.height
                    && header.network == self.network
                    && header.chain == chain =>
            {
                header
            }
            Ok(_) => {
                return Standing::Unverified(format!(
                    "its newest {chain}-chain header is not what it claims"
                ));
            }
            Err(error) => {
                return Standing::Unverified(format!(
                    "its newest {chain}-chain header is malformed: {error}"
                ));
            }
        };
        let Ok(trust) = self.trust(chain) else { return Standing::Unverified(String::new()) };
        let head = trust.head().header;
        if header.height > head.height {
            // It was asked for the headers up to there when the chain was followed.
            return Standing::Unverified(format!(
                "it does not prove block {} of the {chain} chain",
                header.height
            ));
        }
        let digest = claim_digest(claim);
        if self.is_judged(branch, chain, &Judged::Conflict { claim: digest }) {
            return Standing::Conflict;
        }
        if !self.is_judged(branch, chain, &Judged::InChain { claim: digest }) {
            let certificate = claim.certificate.as_ref().map(|bytes| bytes.0.as_slice());
            if let Err(error) = self.verified(chain, &claim.header.0, certificate, branch).await {
                let known = trust.recent(header.height);
                if known.is_none_or(|known| known.digest == Digest::of(&claim.header.0)) {
                    return Standing::Unverified(error.to_string());
                }
                self.keep_judged(branch, chain, Judged::Conflict { claim: digest });
                self.have_it_signed(branch, chain, header.height).await;
                return Standing::Conflict;
            }
            self.keep_judged(branch, chain, Judged::InChain { claim: digest });
        }
        let behind = head.height.saturating_sub(header.height);
        // All branches are asked in one moment: what was agreed within it cannot be everywhere yet.
        let just_now = self.clock.now_s().saturating_sub(head.time_s) <= JUST_NOW_S && behind <= LAG_BLOCKS;
        if behind == 0 || just_now { Standing::Newest } else { Standing::Behind(behind) }
    }
}

/// A claimed head with its certificate, to know it again.
pub(crate) fn claim_digest(claim: &ChainStatus) -> Digest {
    let certificate = claim.certificate.as_ref().map_or(&[][..], |bytes| bytes.0.as_slice());
    Digest::of_parts(&[&claim.header.0, certificate])
}

/// A chain's part of a status.
pub(crate) const fn chain_status(status: &Status, chain: Chain) -> Option<&ChainStatus> {
    match chain {
        Chain::Main => Some(&status.main),
        Chain::Side => status.side.as_ref(),
    }
}

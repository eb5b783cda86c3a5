//! What the other branches have said lately about how far they are, and whether a quorum of them says that this node
//! is not behind.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use wardline_ledger::{BranchId, SignedTip, ValidatorSet};

/// The newest tip of each participant of one chain.
#[derive(Default)]
pub(crate) struct Tips(Mutex<BTreeMap<BranchId, SignedTip>>);

impl Tips {
    /// Keeps a verified tip unless a newer one of the same branch is known.
    pub fn hear(&self, tip: SignedTip) {
        let mut tips = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = tips
            .get(&tip.branch)
            .is_none_or(|known| (known.time_s, known.height) <= (tip.time_s, tip.height));
        if newer {
            tips.insert(tip.branch, tip);
        }
    }

    /// The newest tip of each participant heard, ascending by branch.
    pub fn latest(&self) -> Vec<SignedTip> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether a quorum of `validators` (`own` among them, if it is one) said within `max_age_s` that their newest
    /// block is at `height` or below.
    ///
    /// A block becomes final through the votes of a quorum, and any two quorums share an honest validator: what was
    /// final longer ago than the tips' age is known to at least one of those who spoke.
    pub fn fresh(
        &self,
        own: BranchId,
        height: u64,
        validators: &ValidatorSet,
        now_s: u64,
        max_age_s: u32,
    ) -> bool {
        let tips = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let not_ahead = validators
            .members
            .iter()
            .filter(|(branch, _)| {
                *branch == own
                    || tips.get(branch).is_some_and(|tip| {
                        now_s.abs_diff(tip.time_s) <= u64::from(max_age_s) && tip.height <= height
                    })
            })
            .count();
        not_ahead >= validators.quorum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::{Digest, SeededEntropy, SigningKey};
    use wardline_ledger::Chain;

    fn tip(branch: u16, height: u64, time_s: u64) -> SignedTip {
        let key = SigningKey::generate(&mut SeededEntropy::new(u64::from(branch)));
        SignedTip::sign(&key, Digest::ZERO, Chain::Main, BranchId(branch), height, Digest::ZERO, time_s)
    }

    fn four() -> ValidatorSet {
        let key = |seed| SigningKey::generate(&mut SeededEntropy::new(seed)).public();
        ValidatorSet::new((1..=4).map(|branch| (BranchId(branch), key(u64::from(branch)))).collect())
    }

    #[test]
    fn a_quorum_of_young_tips_that_are_not_ahead_is_needed() {
        let tips = Tips::default();
        let fresh = |now_s| tips.fresh(BranchId(1), 7, &four(), now_s, 10);
        assert!(!fresh(100), "one's own word is not enough");
        tips.hear(tip(2, 7, 100));
        assert!(!fresh(100));
        tips.hear(tip(9, 7, 100));
        assert!(!fresh(100), "who does not vote does not count");
        tips.hear(tip(3, 6, 100));
        assert!(fresh(100));
        assert!(fresh(110));
        assert!(!fresh(111), "too old");
        assert!(!fresh(89), "from the future");
        tips.hear(tip(3, 8, 101));
        assert!(!fresh(101), "a validator is ahead of this node");
        tips.hear(tip(4, 7, 101));
        assert!(fresh(101));
    }

    #[test]
    fn an_older_tip_does_not_replace_a_newer_one() {
        let tips = Tips::default();
        tips.hear(tip(2, 7, 100));
        tips.hear(tip(2, 5, 99));
        assert_eq!(tips.latest(), [tip(2, 7, 100)]);
        tips.hear(tip(2, 5, 101));
        assert_eq!(tips.latest(), [tip(2, 5, 101)], "a branch may be restored from a backup");
    }

    #[test]
    fn a_follower_needs_a_quorum_of_others() {
        let tips = Tips::default();
        let fresh = || tips.fresh(BranchId(9), 7, &four(), 100, 10);
        tips.hear(tip(1, 7, 100));
        tips.hear(tip(2, 7, 100));
        assert!(!fresh());
        tips.hear(tip(3, 7, 100));
        assert!(fresh());
    }
}

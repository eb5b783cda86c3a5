//! What is said of a branch by what it told in this run, and whether the newest verified block is the newest of all.
//!
//! It must not look at anything that another branch said about a branch: tips come from their signers' own streams.

use super::table::{JUST_NOW, Table, Voice};
use crate::{
    group::Inner,
    overview::{BranchWord, Head},
    standing::{CLOCKS_APART_S, LAG_BLOCKS},
};
use tokio::time::Instant;
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Chain};

/// A branch on a chain, in words.
pub(crate) struct Heard {
    pub(crate) branch: u16,
    pub(crate) word: BranchWord,
    pub(crate) detail: Option<String>,
    /// Height and digest of its newest signed tip.
    pub(crate) height: Option<u64>,
    pub(crate) digest: Option<Digest>,
    /// The greatest height at which it gave or signed the verified block.
    pub(crate) verified: Option<u64>,
    /// When its last item came, Unix seconds.
    pub(crate) heard_s: Option<u64>,
    pub(crate) behind: u64,
    pub(crate) since_s: Option<u64>,
    /// Whether its stream says something at this moment.
    pub(crate) live: bool,
    /// Whether a quorum's tips bear out that it is not behind.
    pub(crate) fresh: bool,
}

/// Heights of the newest tips of the validators that have lately spoken, each by its own stream.
pub(crate) struct Speaking {
    heights: Vec<u64>,
    quorum: usize,
}

impl Speaking {
    /// Whether a quorum says that it has nothing above `height`.
    pub(crate) fn nothing_above(&self, height: u64) -> bool {
        self.heights.iter().filter(|tip| **tip <= height).count() >= self.quorum
    }
}

impl Inner {
    /// Every column in words.
    pub(crate) fn heard(&self, chain: Chain, table: &Table, head: &Head) -> Vec<Heard> {
        let now = Instant::now();
        let speaking = self.speaking(chain, table);
        let say = |branch: u16| {
            let mut heard = say(table, branch, table.voice(branch)?, chain, head, now);
            let not_behind =
                |speaking: &Speaking| heard.height.is_some_and(|height| speaking.nothing_above(height));
            heard.fresh = speaking.as_ref().is_some_and(not_behind);
            Some(heard)
        };
        table.branches().iter().filter_map(|branch| say(*branch)).collect()
    }

    /// The validators that speak at this moment.
    pub(crate) fn speaking(&self, chain: Chain, table: &Table) -> Option<Speaking> {
        let validators = self.trust(chain).ok()?.checkpoint().validators;
        let now = Instant::now();
        let (now_s, max_age_s) = (self.clock.now_s(), u64::from(self.rules().policy.tip_max_age_s));
        let height = |branch: BranchId| {
            let voice = table.voice(branch.0).filter(|voice| voice.is_live(now))?;
            let tip = voice.tip.as_ref()?;
            (now_s.abs_diff(tip.time_s) <= max_age_s + CLOCKS_APART_S).then_some(tip.height)
        };
        let heights = validators.members.iter().filter_map(|(member, _)| height(*member)).collect();
        Some(Speaking { heights, quorum: validators.quorum() })
    }
}

fn say(table: &Table, branch: u16, voice: &Voice, chain: Chain, head: &Head, now: Instant) -> Heard {
    let height = voice.tip.as_ref().map(|tip| tip.height);
    let behind = height.map_or(0, |height| head.height.saturating_sub(height));
    let live = voice.is_live(now);
    let (word, detail, since_s) = word(table, branch, voice, chain, head, now);
    Heard {
        branch,
        word,
        detail,
        height,
        digest: voice.tip.as_ref().map(|tip| tip.digest),
        verified: voice.verified,
        heard_s: voice.heard_s,
        behind,
        since_s,
        live,
        fresh: false,
    }
}

type Words = (BranchWord, Option<String>, Option<u64>);

fn word(table: &Table, branch: u16, voice: &Voice, chain: Chain, head: &Head, now: Instant) -> Words {
    if voice.asked.is_none() {
        return (BranchWord::NotAsked, None, None);
    }
    // What it did stays said while it is silent.
    if let Some((earlier, later)) = voice.rolled_back() {
        let detail = format!(
            "it signed block {} of the {chain} chain as its newest, and later block {later}",
            earlier.height
        );
        return (BranchWord::RolledBack, Some(detail), None);
    }
    let holds = table.tip_holds(branch);
    let height = voice.tip.as_ref().map_or(0, |tip| tip.height);
    if voice.forked && holds != Some(true) {
        let detail = format!("a quorum signed its {chain} chain up to block {height} and the verified one");
        return (BranchWord::Forked, Some(detail), None);
    }
    if holds == Some(false) {
        let detail = format!("another {chain}-chain block at height {height} than the certified one");
        // One certified block too many, or only its own word for it.
        let word = if voice.forked { BranchWord::Forked } else { BranchWord::Conflict };
        return (word, Some(detail), None);
    }
    if let Some(trouble) = &voice.trouble {
        return (BranchWord::Invalid, Some(trouble.clone()), None);
    }
    if let Some(refused) = &voice.refused {
        return (BranchWord::Refused, Some(refused.clone()), None);
    }
    if voice.is_silent(now) {
        return (BranchWord::Silent, voice.failed.clone(), voice.heard_s);
    }
    let Some(tip) = &voice.tip else { return (BranchWord::Asking, None, None) };
    if tip.height > head.height {
        return match voice.ahead_since {
            Some(since) if now.duration_since(since) > JUST_NOW => {
                let why = format!("it does not prove block {} of the {chain} chain", tip.height);
                (BranchWord::Invalid, Some(why), None)
            }
            // Its last block is a verified one; this one is being verified.
            _ if voice.verified.is_some() => (BranchWord::Verified, None, None),
            _ => (BranchWord::Asking, None, None),
        };
    }
    let behind = head.height - tip.height;
    match voice.behind_since {
        Some((since, since_s)) if behind > LAG_BLOCKS || now.duration_since(since) > JUST_NOW => {
            let detail = format!("{behind} blocks behind on the {chain} chain");
            (BranchWord::Behind, Some(detail), Some(since_s))
        }
        _ if voice.verified.is_some() => (BranchWord::Verified, None, None),
        _ => (BranchWord::Asking, None, None),
    }
}

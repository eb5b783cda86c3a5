//! What is said of a branch by what it told in this run, and whether the newest verified block is the newest of all.
//!
//! It must not look at anything that another branch said about a branch: tips come from their signers' own streams.

use super::table::{JUST_NOW, Table, Voice};
use crate::{
    group::Inner,
    overview::{BranchWord, Head},
    standing::{CLOCKS_APART_S, LAG_BLOCKS},
};
use std::collections::BTreeSet;
use tokio::time::Instant;
use wardline_ledger::{BranchId, Chain};

/// A branch on a chain, in words.
pub(crate) struct Heard {
    pub(crate) branch: u16,
    pub(crate) word: BranchWord,
    pub(crate) detail: Option<String>,
    pub(crate) height: Option<u64>,
    pub(crate) behind: u64,
    pub(crate) since_s: Option<u64>,
    /// Whether its stream says something at this moment.
    pub(crate) live: bool,
    /// Whether a quorum's tips bear out that it is not behind.
    pub(crate) fresh: bool,
}

impl Inner {
    /// Every column in words.
    pub(crate) fn heard(&self, chain: Chain, table: &Table, head: &Head) -> Vec<Heard> {
        let now = Instant::now();
        let say = |branch: u16| {
            let voice = table.voice(branch)?;
            let mut heard = say(table, branch, voice, chain, head, now);
            heard.fresh = heard.height.is_some_and(|height| self.is_newest(chain, table, height));
            Some(heard)
        };
        table.branches().iter().filter_map(|branch| say(*branch)).collect()
    }

    /// Whether validators that make a quorum have said lately, each by its own stream, that they have nothing above
    /// `height`.
    pub(crate) fn is_newest(&self, chain: Chain, table: &Table, height: u64) -> bool {
        let Ok(trust) = self.trust(chain) else { return false };
        let now = Instant::now();
        let (now_s, max_age_s) = (self.clock.now_s(), u64::from(self.rules().policy.tip_max_age_s));
        let agrees = |branch: &u16| {
            table.voice(*branch).is_some_and(|voice| {
                voice.is_live(now)
                    && voice.tip.as_ref().is_some_and(|tip| {
                        tip.height <= height && now_s.abs_diff(tip.time_s) <= max_age_s + CLOCKS_APART_S
                    })
            })
        };
        let agreeing: BTreeSet<BranchId> =
            table.branches().iter().filter(|branch| agrees(branch)).map(|id| BranchId(*id)).collect();
        let validators = trust.checkpoint().validators;
        let voices = validators.members.iter().filter(|(member, _)| agreeing.contains(member)).count();
        voices >= validators.quorum()
    }
}

fn say(table: &Table, branch: u16, voice: &Voice, chain: Chain, head: &Head, now: Instant) -> Heard {
    let height = voice.tip.as_ref().map(|tip| tip.height);
    let behind = height.map_or(0, |height| head.height.saturating_sub(height));
    let live = voice.is_live(now);
    let (word, detail, since_s) = word(table, branch, voice, chain, head, now);
    Heard { branch, word, detail, height, behind, since_s, live, fresh: false }
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
    if table.tip_holds(branch) == Some(false) {
        let height = voice.tip.as_ref().map_or(0, |tip| tip.height);
        let detail = format!("another {chain}-chain block at height {height} than the certified one");
        return (BranchWord::Conflict, Some(detail), None);
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

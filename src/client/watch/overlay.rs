//! The overview's words by the streams: what a branch said a moment ago stands before what it answered some seconds ago.
//!
//! A branch whose streams do not come is judged by its answers, as without streams.

use super::freshness::Heard;
use crate::{
    branch::Branch,
    group::{Inner, locked},
    overview::{BranchView, BranchWord, Head, Overview},
};
use std::time::Duration;
use tokio::time::Instant;
use wardline_ledger::Chain;

/// How often a branch whose streams come is asked for what they do not tell: what waits there and what it keeps.
const STATUS_EVERY: Duration = Duration::from_secs(10);

impl Inner {
    /// The overview with what the streams told since the branches were asked.
    pub(crate) fn overview_now(&self) -> Overview {
        let mut overview = locked(&self.overview).clone();
        self.set_heads(&mut overview);
        let said = self.said();
        for view in &mut overview.branches {
            let id = view.id;
            let of_branch = || said.iter().filter(move |(_, heard)| heard.branch == id);
            if of_branch().next().is_some() && of_branch().all(|(_, heard)| heard.live) {
                view.hear(of_branch());
                if let Some(stopped) = locked(&self.stopped).get(&id) {
                    view.say(BranchWord::Behind, stopped);
                }
            }
            // What its own signature shows stays said while it is silent.
            for (_, heard) in of_branch() {
                if matches!(heard.word, BranchWord::RolledBack | BranchWord::Forked | BranchWord::Conflict) {
                    view.say(heard.word, heard.detail.clone().unwrap_or_default());
                }
            }
        }
        overview
    }

    /// Whether a branch is to be asked for its status now; not soon again while its streams tell where it stands.
    pub(crate) fn is_to_be_asked(&self, branch: &Branch) -> bool {
        let answered = locked(&self.watch.answers).get(&branch.id()).copied();
        let lately = answered.is_some_and(|at| at.elapsed() < STATUS_EVERY);
        let said = self.said();
        let mut heard = said.iter().filter(|(_, heard)| heard.branch == branch.id()).peekable();
        !lately || heard.peek().is_none() || heard.any(|(_, heard)| !heard.live)
    }

    /// A branch has answered for its status.
    pub(crate) fn has_answered(&self, branch: &Branch) {
        locked(&self.watch.answers).insert(branch.id(), Instant::now());
    }

    /// Every branch on every chain, in words.
    fn said(&self) -> Vec<(Chain, Heard)> {
        let of = |chain| {
            let head = Head::of(&self.trust(chain).ok()?.head());
            let heard = self.with_table(chain, |table, _| self.heard(chain, table, &head));
            Some(heard.into_iter().map(move |heard| (chain, heard)))
        };
        Chain::ALL.into_iter().filter_map(of).flatten().collect()
    }
}

impl BranchView {
    /// Takes over what the branch's streams tell.
    fn hear<'a>(&mut self, said: impl Iterator<Item = &'a (Chain, Heard)>) {
        (self.word, self.detail, self.behind) = (BranchWord::NotAsked, None, 0);
        let mut fresh = true;
        for (chain, heard) in said {
            self.say(heard.word, heard.detail.clone().unwrap_or_default());
            self.behind = self.behind.max(heard.behind);
            self.last_answer_s = self.last_answer_s.max(heard.heard_s);
            fresh &= heard.fresh;
            match chain {
                Chain::Main => {
                    self.main_height = heard.height;
                    self.head = heard.digest;
                    self.verified_main = self.verified_main.max(heard.verified);
                }
                Chain::Side => {
                    self.side_height = heard.height;
                    self.verified_side = self.verified_side.max(heard.verified);
                }
            }
        }
        if self.word == BranchWord::NotAsked {
            self.word = BranchWord::Asking;
        }
        self.fresh = Some(fresh);
    }
}

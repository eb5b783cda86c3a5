//! What every branch was asked and gave, counted while the answers come in.

use crate::{
    alarm::{Finding, Raising},
    branch::{Branch, BranchError},
    group::{Inner, locked},
    history::{AnswerState, BranchAnswer},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Instant,
};

/// One line for every branch of a question.
pub(crate) struct Tally {
    began: Instant,
    branches: Vec<Arc<Branch>>,
    lines: Mutex<BTreeMap<u16, BranchAnswer>>,
    /// Branches whose answer was not waited for because others gave what was needed.
    overtaken: Mutex<BTreeSet<u16>>,
    /// Where what branches signed and cannot be true is raised.
    inner: Weak<Inner>,
    raising: Mutex<Vec<Raising>>,
}

impl Tally {
    /// Nothing asked yet; the question began at `began`.
    pub(crate) fn of(inner: &Inner, branches: &[Arc<Branch>], began: Instant) -> Self {
        let line = |branch: &Arc<Branch>| {
            let name = branch.name().to_owned();
            let state = AnswerState::Answered;
            (
                branch.id(),
                BranchAnswer {
                    branch: branch.id(),
                    name,
                    asked: 0,
                    answered: 0,
                    verified: 0,
                    withheld: 0,
                    lacking: 0,
                    state,
                },
            )
        };
        let lines = Mutex::new(branches.iter().map(line).collect());
        Self {
            began,
            branches: branches.to_vec(),
            lines,
            overtaken: Mutex::default(),
            inner: inner.me.clone(),
            raising: Mutex::default(),
        }
    }

    pub(crate) fn asked(&self, branch: u16, things: usize) {
        self.with(branch, |line| line.asked = add(line.asked, things));
    }

    pub(crate) fn answered(&self, branch: u16, things: usize) {
        self.with(branch, |line| line.answered = add(line.answered, things));
    }

    pub(crate) fn verified(&self, branch: u16, things: usize) {
        self.with(branch, |line| line.verified = add(line.verified, things));
    }

    pub(crate) fn withheld(&self, branch: u16, things: usize) {
        self.with(branch, |line| line.withheld = add(line.withheld, things));
    }

    /// It answered that it does not have what it must keep.
    pub(crate) fn lacking(&self, branch: u16, things: usize) {
        self.with(branch, |line| line.lacking = add(line.lacking, things));
    }

    /// It answered in form, and not in truth.
    pub(crate) fn invalid(&self, branch: u16, reason: String) {
        self.worsen(branch, AnswerState::Invalid { reason });
    }

    /// It signed what cannot be true. That is raised at once, whatever becomes of the question.
    pub(crate) fn found(&self, finding: Finding) {
        if let Some(inner) = self.inner.upgrade() {
            locked(&self.raising).push(inner.raise_soon(finding));
        }
    }

    /// The alarms on their way since this was last asked.
    pub(crate) fn raising(&self) -> Vec<Raising> {
        std::mem::take(&mut *locked(&self.raising))
    }

    /// It answered in truth, from an older state than another branch.
    pub(crate) fn behind(&self, branch: u16, reason: String) {
        self.worsen(branch, AnswerState::Behind { reason });
    }

    /// It did not answer in time.
    pub(crate) fn silent(&self, branch: &Branch) {
        self.worsen(branch.id(), AnswerState::Silent { since_s: branch.last_answer_s() });
    }

    /// Others gave what was needed before it answered. Whether it is silent or only slow shows at the end.
    pub(crate) fn overtaken(&self, branch: &Branch) {
        locked(&self.overtaken).insert(branch.id());
    }

    /// It failed.
    pub(crate) fn failed(&self, branch: &Branch, error: &BranchError) {
        match error {
            BranchError::Silent(_) | BranchError::Unreachable => self.silent(branch),
            BranchError::Refused(problem) => {
                self.worsen(branch.id(), AnswerState::Refused { reason: problem.message.clone() });
            }
            BranchError::WrongKey | BranchError::Malformed(_) => self.invalid(branch.id(), error.to_string()),
        }
    }

    /// The lines by branch number, once all is done.
    pub(crate) fn lines(&self) -> Vec<BranchAnswer> {
        let overtaken = std::mem::take(&mut *locked(&self.overtaken));
        for branch in self.branches.iter().filter(|branch| overtaken.contains(&branch.id())) {
            if !branch.has_answered_since(self.began) {
                self.silent(branch);
            }
        }
        locked(&self.lines).values().cloned().collect()
    }

    fn worsen(&self, branch: u16, state: AnswerState) {
        self.with(branch, |line| {
            if weight(&state) > weight(&line.state) {
                line.state = state;
            }
        });
    }

    fn with(&self, branch: u16, change: impl FnOnce(&mut BranchAnswer)) {
        if let Some(line) = locked(&self.lines).get_mut(&branch) {
            change(line);
        }
    }
}

fn add(count: u32, things: usize) -> u32 {
    count.saturating_add(u32::try_from(things).unwrap_or(u32::MAX))
}

/// What is worse is shown.
const fn weight(state: &AnswerState) -> u8 {
    match state {
        AnswerState::Answered => 0,
        AnswerState::Behind { .. } => 1,
        AnswerState::Silent { .. } => 2,
        AnswerState::Refused { .. } => 3,
        AnswerState::Invalid { .. } => 4,
    }
}

//! What was found and is not an alarm yet: it waits here for the verified chain's side of it, and one task raises it.
//!
//! The streams must not wait for it: whoever floods this console with findings would silence everybody else.

use super::{streams::in_session, table::Clash};
use crate::{
    alarm::Finding,
    group::{Inner, locked},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use wardline_ledger::Chain;

/// Findings of one subject that wait.
pub(crate) const EACH: usize = 8;
/// How soon to ask again for a certificate that nobody gave; how often to look whether the session lasts.
const AGAIN: Duration = Duration::from_secs(2);

/// The chain, the branch, and whether it is a fork: one that floods does not push out what is said of others.
type Subject = (Chain, u16, bool);

/// Findings that wait.
#[derive(Default)]
pub(crate) struct Findings {
    waiting: Mutex<BTreeMap<Subject, VecDeque<Clash>>>,
    added: Arc<Notify>,
    telling: tokio::sync::Mutex<()>,
}

impl Findings {
    /// Puts a finding at the end of its subject's; gives it back when there is no room.
    fn add(&self, chain: Chain, branch: u16, clash: Clash) -> Option<Clash> {
        let subject = (chain, branch, matches!(clash, Clash::Fork { .. }));
        let mut waiting = locked(&self.waiting);
        let waiting = waiting.entry(subject).or_default();
        if waiting.len() >= EACH {
            return Some(clash);
        }
        waiting.push_back(clash);
        self.added.notify_one();
        None
    }

    fn lengths(&self) -> Vec<(Subject, usize)> {
        locked(&self.waiting).iter().map(|(subject, waiting)| (*subject, waiting.len())).collect()
    }

    fn first(&self, subject: Subject) -> Option<Clash> {
        locked(&self.waiting).get(&subject)?.front().cloned()
    }

    /// The first one of a subject is told, or is tried again after the others.
    fn pass(&self, subject: Subject, told: bool) {
        let mut waiting = locked(&self.waiting);
        let Some(of_subject) = waiting.get_mut(&subject) else { return };
        let first = of_subject.pop_front();
        if !told {
            of_subject.extend(first);
        }
        if of_subject.is_empty() {
            waiting.remove(&subject);
        }
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.lengths().iter().map(|(_, length)| length).sum()
    }
}

/// Raises what is found until the session or the group ends.
pub(crate) async fn run(group: Weak<Inner>) {
    loop {
        let Some(inner) = in_session(&group) else { return };
        inner.tell_waiting().await;
        let (left, added) = (inner.watch.findings.count() > 0, inner.watch.findings.added.clone());
        drop(inner);
        if left {
            sleep(AGAIN).await;
        } else {
            // The time over is no event: the session is looked at.
            let _ = timeout(AGAIN, added.notified()).await;
        }
    }
}

impl Inner {
    /// Hands over what was found. What there is no room for counts as not told, so that it is told when it is said
    /// again.
    pub(crate) fn tell(&self, chain: Chain, clashes: Vec<(u16, Clash)>) {
        for (branch, clash) in clashes {
            if let Some(clash) = self.watch.findings.add(chain, branch, clash) {
                self.with_table(chain, |table, _| table.untell(branch, &clash));
            }
        }
    }

    /// Raises what waits, one of each subject after the other; what nobody proves at this moment waits on. A finding
    /// leaves only when it is raised: whoever calls may be stopped at any time.
    pub(crate) async fn tell_waiting(&self) {
        let findings = &self.watch.findings;
        let _one_at_a_time = findings.telling.lock().await;
        let lengths = findings.lengths();
        for turn in 0..EACH {
            for (subject, _) in lengths.iter().filter(|(_, length)| turn < *length) {
                let Some(clash) = findings.first(*subject) else { continue };
                let finding = self.finding(subject.0, subject.1, clash).await;
                let told = finding.is_some();
                if let Some(finding) = finding {
                    self.raise(finding).await;
                }
                findings.pass(*subject, told);
            }
        }
    }

    /// A clash with the verified chain's side of it; nothing while nobody has its certificate.
    async fn finding(&self, chain: Chain, from: u16, clash: Clash) -> Option<Finding> {
        Some(match clash {
            Clash::Rollback { earlier, later } => Finding::Rollback { chain, earlier, later },
            Clash::Fork { height, theirs, against } => {
                let ours = match against {
                    Some(other) => other,
                    None => self.ours(chain, height).await?,
                };
                Finding::Fork { chain, ours, theirs, from }
            }
            Clash::Contradiction { tip } => {
                Finding::Contradiction { chain, block: self.ours(chain, tip.height).await?, tip }
            }
        })
    }
}

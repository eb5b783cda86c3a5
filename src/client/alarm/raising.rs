//! From what somebody noticed to an alarm: its evidence is made, checked as anybody would, and kept.
//!
//! What convicts by itself stops writing before its evidence is made. It must not know how a lie is noticed.

use super::{Alarm, AlarmKind, Alarms, Finding, OPEN_MAX, Subject, alarm_of, kept, words};
use crate::{
    error::ClientError,
    group::{Inner, heavy, locked},
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinSet, time::timeout};
use wardline_crypto::Digest;
use wardline_ledger::evidence::{Refuted, Verdict};

/// How long an answer waits for the alarms that it gives reason to.
const RAISING: Duration = Duration::from_millis(1500);
/// When to try again what the others were too slow for.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(8), Duration::from_secs(30), Duration::from_secs(120)];
/// How long evidence that is being made has at the session's end.
const GRACE: Duration = Duration::from_secs(2);
/// Signed words that are remembered; beyond them one may be told twice.
const WORDS: usize = 4096;

/// Signed words that an alarm of that kind has shown.
pub(super) type Words = BTreeSet<(AlarmKind, Digest)>;

/// A finding's alarm on its way.
pub(crate) type Raising = oneshot::Receiver<()>;

/// What goes on by itself, and no longer than the session.
#[derive(Default)]
pub(super) struct Tasks {
    /// Nothing once the session is over.
    running: Mutex<Running>,
    /// Findings that wait for another try.
    pending: Mutex<BTreeSet<Subject>>,
}

struct Running(Option<JoinSet<()>>);

impl Default for Running {
    fn default() -> Self {
        Self(Some(JoinSet::new()))
    }
}

impl Tasks {
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(running) = &mut self.running.lock().unwrap_or_else(PoisonError::into_inner).0 {
            while running.try_join_next().is_some() {}
            running.spawn(work);
        }
    }
}

impl Inner {
    /// Raises each finding by itself, as soon as it is there: an alarm must not keep a record from whoever needs it, nor
    /// end with the question that brought it to light.
    pub(crate) fn raise_soon(&self, finding: Finding) -> Raising {
        let (done, raising) = oneshot::channel();
        if let Some(inner) = self.me.upgrade() {
            self.alarms.tasks.spawn(async move {
                inner.raise(finding).await;
                let _ = done.send(());
            });
        }
        raising
    }

    /// Waits for alarms, as long as one may.
    pub(crate) async fn raised(&self, raising: Vec<Raising>) {
        let all = async {
            for one in raising {
                let _ = one.await;
            }
        };
        let _ = timeout(RAISING, all).await;
    }

    /// Ends what is still being made, after a short grace: the session's key is used no more then.
    pub(crate) fn end_raising(&self) {
        let tasks = self.alarms.tasks.running.lock().unwrap_or_else(PoisonError::into_inner).0.take();
        if let (Some(mut tasks), Ok(runtime)) = (tasks, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
            });
        }
    }

    /// Keeps what somebody noticed: makes its evidence, checks it as anybody would, writes it and stops writing. What its
    /// evidence does not show is no alarm. It never fails: what convicts by itself is an alarm at once, and says so when it
    /// cannot be proven or written; everything else is tried again when what it rests on cannot be fetched now.
    pub(crate) async fn raise(&self, finding: Finding) {
        if self.try_raise(&finding).await {
            return;
        }
        let subject = finding.subject();
        if !locked(&self.alarms.tasks.pending).insert(subject) {
            return;
        }
        let me = self.me.clone();
        self.alarms.tasks.spawn(async move {
            for pause in AGAIN {
                tokio::time::sleep(pause).await;
                let Some(inner) = me.upgrade() else { return };
                if inner.try_raise(&finding).await {
                    break;
                }
            }
            if let Some(inner) = me.upgrade() {
                locked(&inner.alarms.tasks.pending).remove(&subject);
            }
        });
    }

    /// Whether that is settled: it is an alarm, or none.
    async fn try_raise(&self, finding: &Finding) -> bool {
        let Some(under_way) = self.alarms.begin(finding) else { return true };
        let seen_s = self.clock.now_s();
        if finding.convicts() {
            under_way.stop(self.unproven(finding, seen_s, "its evidence is being made"));
            self.watch.changed();
        }
        let unproven =
            |why: &str| self.unproven(finding, seen_s, &format!("no evidence could be made ({why})"));
        let (file, mut alarm) = match self.evidence_of(finding, seen_s).await {
            Ok(built) => match built.verdict {
                Verdict::Holds(proven) => (Some(built.file), alarm_of(&proven, seen_s)),
                // It was read here, and cannot be read by whoever checks: no way to lie without an alarm.
                Verdict::Refuted(why @ Refuted::Unreadable(_)) => (None, unproven(&why.to_string())),
                Verdict::Refuted(why) => {
                    tracing::info!("what looked like a lie shows none: {why}");
                    drop(under_way);
                    self.watch.changed();
                    return true;
                }
                Verdict::NotEvidence(why) => (None, unproven(&why.to_string())),
            },
            Err(ClientError::NoEvidence(why)) if !finding.convicts() => {
                tracing::warn!("what looked like a lie cannot be shown: {why}");
                return true;
            }
            Err(error) if !finding.convicts() => {
                tracing::info!("what looked like a lie cannot be shown yet: {error}");
                return false;
            }
            Err(error) => (None, unproven(&error.to_string())),
        };
        if let Some(id) = under_way.id() {
            alarm.id = id;
        }
        if let Some(file) = file {
            let folder = self.alarms.folder.clone();
            let mut drafted = alarm.clone();
            let written = heavy(move || folder.write(&mut drafted, &file).map(|()| drafted)).await;
            match written {
                Ok(Ok(written)) => alarm = written,
                Ok(Err(error)) => {
                    let why = crate::error::clean(&error.to_string());
                    alarm.what.push_str(&format!("; its evidence could not be written ({why})"));
                }
                Err(error) => alarm.what.push_str(&format!("; its evidence could not be written ({error})")),
            }
        }
        tracing::warn!("alarm {} {}", alarm.kind.text(), alarm.id);
        if let Finding::Fork { from, .. } = finding {
            tracing::warn!("the other block was given by branch {from}");
        }
        self.alarms.show(finding);
        under_way.settle(alarm);
        // Whoever draws must hear of it at once, whoever noticed it.
        self.watch.changed();
        true
    }

    fn unproven(&self, finding: &Finding, seen_s: u64, why: &str) -> Alarm {
        let branch = finding.branch();
        let said = words::without_proof(finding.kind(), finding.chain());
        let who = branch.map_or_else(|| "the network".to_owned(), |branch| self.name_of(branch));
        let about = format!("{:?} {:?} {:?}", finding.height(), finding.record(), finding.word());
        Alarm {
            id: kept::name_of_alarm(finding.kind(), finding.chain(), branch, seen_s, about.as_bytes()),
            kind: finding.kind(),
            chain: finding.chain(),
            height: finding.height(),
            branch,
            branch_name: None,
            record: finding.record(),
            seen_s,
            what: format!("{who}: {said}; {why}"),
            evidence: None,
            closed: None,
        }
    }
}

impl Finding {
    fn subject(&self) -> Subject {
        (self.kind(), self.chain(), self.branch(), self.record())
    }
}

impl Alarms {
    /// Whether a finding is new; while the guard lives, the same one is not.
    fn begin(&self, finding: &Finding) -> Option<UnderWay<'_>> {
        let subject = finding.subject();
        let same =
            |alarm: &&Alarm| (alarm.kind, alarm.chain, alarm.branch) == (subject.0, subject.1, subject.2);
        let mut under_way = locked(&self.under_way);
        if under_way.iter().any(|(one, _)| *one == subject) {
            return None;
        }
        let list = locked(&self.list);
        let open: Vec<&Alarm> = list.iter().filter(same).filter(|alarm| alarm.closed.is_none()).collect();
        let others = under_way.iter().filter(|((kind, chain, branch, _), id)| {
            id.is_none() && (*kind, *chain, *branch) == (subject.0, subject.1, subject.2)
        });
        if open.iter().any(|alarm| alarm.record == subject.3) || open.len() + others.count() >= OPEN_MAX {
            // It is closed with the one that is open.
            self.show(finding);
            return None;
        }
        // What an alarm has shown before, and somebody has closed, is not seen for the first time. A time would not tell:
        // it is the liar's own.
        let known = match finding.kind() {
            AlarmKind::Fork => list.iter().filter(same).any(|alarm| alarm.height == finding.height()),
            kind => finding.word().is_some_and(|word| locked(&self.shown).contains(&(kind, word))),
        };
        if known {
            return None;
        }
        under_way.push((subject, None));
        Some(UnderWay { alarms: self, subject })
    }

    /// Remembers the signed word that a finding is about.
    fn show(&self, finding: &Finding) {
        let mut shown = locked(&self.shown);
        if let Some(word) = finding.word().filter(|_| shown.len() < WORDS) {
            shown.insert((finding.kind(), word));
        }
    }

    /// Whether an alarm's evidence is still being made.
    pub(super) fn is_under_way(&self, id: &str) -> bool {
        locked(&self.under_way).iter().any(|(_, one)| one.as_deref() == Some(id))
    }
}

struct UnderWay<'a> {
    alarms: &'a Alarms,
    subject: Subject,
}

impl UnderWay<'_> {
    /// Stops writing until it is settled.
    fn stop(&self, alarm: Alarm) {
        let mut under_way = locked(&self.alarms.under_way);
        if let Some((_, id)) = under_way.iter_mut().find(|(subject, _)| *subject == self.subject) {
            *id = Some(alarm.id.clone());
            locked(&self.alarms.list).push(alarm);
        }
    }

    fn id(&self) -> Option<String> {
        let under_way = locked(&self.alarms.under_way);
        under_way.iter().find(|(subject, _)| *subject == self.subject)?.1.clone()
    }

    /// Puts the alarm in the place of the one that stopped writing meanwhile.
    fn settle(self, alarm: Alarm) {
        let id = self.id();
        let mut under_way = locked(&self.alarms.under_way);
        let mut list = locked(&self.alarms.list);
        list.retain(|one| Some(&one.id) != id.as_ref());
        list.push(alarm);
        under_way.retain(|(subject, _)| *subject != self.subject);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = locked(&self.alarms.under_way);
        let Some(place) = under_way.iter().position(|(subject, _)| *subject == self.subject) else { return };
        if let (_, Some(id)) = under_way.swap_remove(place) {
            locked(&self.alarms.list).retain(|alarm| alarm.id != id);
        }
    }
}

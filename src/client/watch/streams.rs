//! Reading one branch's stream, again and again, for as long as the session lasts.
//!
//! It must not judge what is read.

use super::{
    judge::Position,
    table::{SILENT, Voice},
};
use crate::{
    branch::{Branch, BranchError},
    error::ClientError,
    group::Inner,
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};
use wardline_ledger::Chain;

/// How long to wait before asking a branch anew whose stream has just failed; then twice as long every time.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(250);
/// And at most so long.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A stream that lasted so long did not fail.
const LASTED: Duration = Duration::from_secs(10);
/// From so many blocks on the chain is followed by pages.
const FAR: u64 = 256;

/// Why reading stopped.
enum Ended {
    /// The session or the group has.
    Session,
    /// The stream has, or it is to be asked for at another height.
    Stream { goes_on: Option<u64> },
    /// It failed.
    Failed,
}

/// Reads a branch's streams of a chain until the session or the group ends.
pub(crate) async fn run(group: Weak<Inner>, branch: Arc<Branch>, chain: Chain) {
    let mut pause = PAUSE_MIN;
    let mut goes_on = None;
    loop {
        let began = Instant::now();
        match read(&group, &branch, chain, goes_on.take()).await {
            Ended::Session => return,
            Ended::Stream { goes_on: next } => goes_on = next,
            Ended::Failed => {}
        }
        if began.elapsed() >= LASTED {
            pause = PAUSE_MIN;
        }
        rest(&group, &branch, chain, pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One stream, from its opening to its end.
async fn read(group: &Weak<Inner>, branch: &Arc<Branch>, chain: Chain, goes_on: Option<u64>) -> Ended {
    let from = {
        let Some(inner) = in_session(group) else { return Ended::Session };
        note(&inner, branch, chain, |voice| {
            voice.asked.get_or_insert_with(Instant::now);
        });
        match inner.begin(chain).await {
            Ok(from) => goes_on.map_or(from, |next| next.max(from)),
            Err(_) => return Ended::Session,
        }
    };
    let mut stream = match branch.stream(chain, from).await {
        Ok(stream) => stream,
        Err(error) => return failed(group, branch, chain, &error),
    };
    let (mut position, began) = (Position::at(from), Instant::now());
    loop {
        let said = match stream.next().await {
            Ok(Some(said)) => said,
            Ok(None) => return Ended::Stream { goes_on: Some(position.next) },
            Err(error) => return failed(group, branch, chain, &error),
        };
        let Some(inner) = in_session(group) else { return Ended::Session };
        let claimed = said.tip.height;
        if let Err(why) = inner.take_said(branch, chain, &mut position, said).await {
            note(&inner, branch, chain, |voice| voice.trouble = Some(why));
            return Ended::Failed;
        }
        note(&inner, branch, chain, |voice| {
            voice.failed = None;
            voice.refused = None;
            if began.elapsed() >= SILENT {
                voice.trouble = None;
            }
        });
        if inner.catches_up_far(branch, chain, claimed).await {
            return Ended::Stream { goes_on: None };
        }
    }
}

impl Inner {
    /// Follows the chain by pages where a branch claims to be far ahead; says whether that brought it there. Only this
    /// branch is asked: what it claims costs the others nothing. While the chain does not grow it is asked once.
    async fn catches_up_far(&self, branch: &Arc<Branch>, chain: Chain, claimed: u64) -> bool {
        let Ok(trust) = self.trust(chain) else { return false };
        let head = trust.head().header.height;
        let unproven = |voice: &Voice| voice.unproven_at == Some(head);
        let known = self.with_table(chain, |table, _| table.voice(branch.id()).is_some_and(unproven));
        if known || claimed <= head.saturating_add(FAR) {
            return false;
        }
        let followed = self.follow_from(chain, claimed, branch).await;
        let reached = trust.head().header.height;
        if let Err(ClientError::Unverified { .. }) = followed {
            note(self, branch, chain, |voice| voice.unproven_at = Some(reached));
        }
        followed.is_ok() || reached > head.saturating_add(FAR)
    }
}

/// The group, while it is there and its session lasts.
pub(super) fn in_session(group: &Weak<Inner>) -> Option<Arc<Inner>> {
    group.upgrade().filter(|inner| inner.in_session().is_ok())
}

/// Keeps why a stream cannot be read.
fn failed(group: &Weak<Inner>, branch: &Arc<Branch>, chain: Chain, error: &BranchError) -> Ended {
    let Some(inner) = in_session(group) else { return Ended::Session };
    let why = error.to_string();
    note(&inner, branch, chain, |voice| match error {
        BranchError::Silent(_) | BranchError::Unreachable => voice.failed = Some(why),
        BranchError::Refused(_) => voice.refused = Some(why),
        BranchError::WrongKey | BranchError::Malformed(_) => voice.trouble = Some(why),
    });
    Ended::Failed
}

/// Waits, and says so when the branch falls silent meanwhile.
async fn rest(group: &Weak<Inner>, branch: &Branch, chain: Chain, pause: Duration) {
    let until = Instant::now() + pause;
    let silent_from = group.upgrade().and_then(|inner| {
        inner.with_table(chain, |table, _| {
            let voice = table.voice(branch.id())?;
            Some(voice.heard.or(voice.asked)? + SILENT + Duration::from_millis(1))
        })
    });
    if let Some(at) = silent_from.filter(|at| (Instant::now()..until).contains(at)) {
        sleep_until(at).await;
        if let Some(inner) = group.upgrade() {
            inner.watch.changed();
        }
    }
    sleep(until.saturating_duration_since(Instant::now())).await;
}

/// Changes what is known of a branch's stream.
fn note(inner: &Inner, branch: &Branch, chain: Chain, change: impl FnOnce(&mut Voice)) {
    let changed = inner.with_table(chain, |table, _| {
        let Some(voice) = table.voice_mut(branch.id()) else { return false };
        let before = voice.words();
        change(voice);
        voice.words() != before
    });
    if changed {
        inner.watch.changed();
    }
}

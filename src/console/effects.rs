//! Effects: the work that the model asks for, run beside the drawing; every result comes back as a message.
//!
//! The session lives here, inside the client's group, and nowhere in the model. It must not decide anything about
//! what is shown.

mod watch;

use crate::{
    message::{Message, Outcome, Ticket, Who},
    screens::entry::form::tie_to_visit,
    watching::Watched,
};
use std::{
    collections::BTreeMap, error::Error, future::Future, ops::RangeInclusive, path::PathBuf, sync::Arc,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::AbortHandle,
};
use wardline_client::{Clock, FinalLookup, Group, Settings, read_staff_file, session_length_s, unlock};
use wardline_crypto::{Digest, OsEntropy, SecretBytes};
use wardline_ledger::{Chain, Genesis, PatientId, RecordId};
use wardline_policy::{Purpose, RecordKind};
use wardline_record::{Record, RecordRef};
use watch::{follow, refresh, strip_rows};

/// Longest key file, bytes: nobody's is longer than a few hundred.
const KEY_FILE_MAX: u64 = 64 * 1024;

/// Work to be done.
#[derive(Debug)]
pub enum Effect {
    /// Open a key file into a session.
    Unlock {
        /// Its result carries this.
        ticket: Ticket,
        /// Which of the key files.
        choice: usize,
        /// What was typed.
        passphrase: SecretBytes,
    },
    /// Ask every branch where it stands.
    Refresh {
        /// Its result carries this.
        ticket: Ticket,
    },
    /// Search patients.
    Search {
        /// Its result carries this.
        ticket: Ticket,
        /// What was typed.
        query: String,
    },
    /// Record a lookup, and wait until it is final.
    LookUp {
        /// Its result carries this.
        ticket: Ticket,
        /// The patient.
        patient: PatientId,
        /// The purpose.
        purpose: Purpose,
        /// The reason.
        reason: String,
    },
    /// Fetch a history.
    FetchHistory {
        /// Its result carries this.
        ticket: Ticket,
        /// The patient.
        patient: PatientId,
        /// The lookup that allows it.
        lookup: FinalLookup,
    },
    /// Fetch verified blocks for the list.
    FetchBlocks {
        /// Its result carries this.
        ticket: Ticket,
        /// The chain.
        chain: Chain,
        /// Their heights.
        heights: RangeInclusive<u64>,
    },
    /// Fetch a whole block.
    FetchBlock {
        /// Its result carries this.
        ticket: Ticket,
        /// The chain.
        chain: Chain,
        /// Its height.
        height: u64,
    },
    /// Ask every branch for what it has at these heights.
    CheckStrip {
        /// Its result carries this.
        ticket: Ticket,
        /// The chain.
        chain: Chain,
        /// The heights.
        heights: RangeInclusive<u64>,
    },
    /// Find the first block in which two branches differ.
    Bisect {
        /// Its result carries this.
        ticket: Ticket,
        /// The chain.
        chain: Chain,
        /// One branch.
        a: u16,
        /// The other one.
        b: u16,
    },
    /// Close an alarm.
    CloseAlarm {
        /// Its result carries this.
        ticket: Ticket,
        /// Which one.
        id: String,
        /// Why.
        reason: String,
    },
    /// Fetch and check who signed that they hold a record.
    FetchCustody {
        /// Its result carries this.
        ticket: Ticket,
        /// The record.
        record: RecordId,
        /// SHA-256 of its envelope.
        pointer: Digest,
        /// The block of the main chain that took it.
        height: u64,
    },
    /// Seal and send records, one after the other; the first failure ends it.
    SendRecords {
        /// Its results carry this.
        ticket: Ticket,
        /// The patient.
        patient: PatientId,
        /// The records; a receipt is tied to the visit before it.
        records: Vec<Record>,
    },
    /// Nobody waits for this work any more.
    Cancel(Ticket),
    /// Drop the session and everything that runs under it, except records that are being sent.
    EndSession,
    /// Ring the terminal's bell.
    Bell,
    /// Draw the whole screen again.
    Redraw,
    /// Leave.
    Quit,
}

/// What the drawing loop must do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Ring the terminal's bell.
    Bell,
    /// Draw the whole screen again.
    Redraw,
    /// Leave.
    Quit,
}

/// What a session is opened with.
pub struct Context {
    /// Which network, and where its checkpoints are.
    pub settings: Settings,
    /// The network's genesis.
    pub genesis: Genesis,
    /// The key files that are offered.
    pub files: Vec<PathBuf>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

enum Answer {
    Unlocked(Ticket, Box<Outcome<(Group, Who)>>),
    Message(Ticket, Message),
    /// What the streams of this session brought; nothing once they are over.
    Watched(Ticket, Option<Box<Watched>>),
}

/// Runs effects and hands back their results.
pub struct Effects {
    context: Arc<Context>,
    group: Option<Group>,
    running: BTreeMap<Ticket, AbortHandle>,
    sending: BTreeMap<Ticket, AbortHandle>,
    /// Follows the streams of the session that the ticket opened.
    watching: Option<(Ticket, AbortHandle)>,
    answers: UnboundedReceiver<Answer>,
    sender: UnboundedSender<Answer>,
}

impl Effects {
    /// Nothing runs, nobody is signed in.
    pub fn new(context: Context) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        Self {
            context: Arc::new(context),
            group: None,
            running: BTreeMap::new(),
            sending: BTreeMap::new(),
            watching: None,
            answers,
            sender,
        }
    }

    /// The next result. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Message {
        loop {
            match self.answers.recv().await {
                // The sender is kept here too, so the channel never closes.
                None => std::future::pending::<()>().await,
                Some(Answer::Unlocked(ticket, outcome)) => {
                    // A try that was given up must not open a session afterwards.
                    if self.running.remove(&ticket).is_none() {
                        continue;
                    }
                    let outcome = outcome.map(|(group, who)| {
                        self.watch(ticket, group.clone());
                        self.group = Some(group);
                        who
                    });
                    return Message::Unlocked(ticket, outcome);
                }
                Some(Answer::Watched(ticket, watched)) => {
                    // What an earlier session's streams brought is nothing to this one.
                    if self.watching.as_ref().is_none_or(|(current, _)| *current != ticket) {
                        continue;
                    }
                    return watched.map_or(Message::WatchEnded, Message::Watched);
                }
                Some(Answer::Message(ticket, message)) => {
                    if matches!(&message, Message::Refreshed(_, known) if known.asking) {
                        if self.running.contains_key(&ticket) {
                            return message;
                        }
                        continue;
                    }
                    let more = matches!(message, Message::Progressed { .. } | Message::Sent { .. });
                    if more && self.sending.contains_key(&ticket) || self.running.remove(&ticket).is_some() {
                        return message;
                    }
                }
            }
        }
    }

    /// Starts the work; what only the drawing loop can do is handed back.
    pub fn run(&mut self, effect: Effect) -> Option<Request> {
        match effect {
            Effect::Bell => return Some(Request::Bell),
            Effect::Redraw => return Some(Request::Redraw),
            Effect::Quit => return Some(Request::Quit),
            Effect::Unlock { ticket, choice, passphrase } => self.unlock(ticket, choice, passphrase),
            Effect::Refresh { ticket } => {
                let sender = self.sender.clone();
                self.ask(ticket, move |group| refresh(group, ticket, sender));
            }
            Effect::Search { ticket, query } => self.ask(ticket, |group| async move {
                Message::Found(
                    ticket,
                    group.search(&query).await.map(Box::new).map_err(|error| in_words(&error)),
                )
            }),
            Effect::LookUp { ticket, patient, purpose, reason } => self.ask(ticket, |group| async move {
                let outcome = group.look_up(patient, purpose, &reason).await;
                Message::LookedUp(ticket, outcome.map_err(|error| in_words(&error)))
            }),
            Effect::FetchHistory { ticket, patient, lookup } => self.ask(ticket, |group| async move {
                let outcome = group.history(patient, &lookup).await;
                Message::Fetched(ticket, outcome.map(Box::new).map_err(|error| in_words(&error)))
            }),
            Effect::FetchBlocks { ticket, chain, heights } => self.ask(ticket, move |group| async move {
                let outcome = group.blocks(chain, heights).await;
                Message::Blocks(ticket, outcome.map_err(|error| in_words(&error)))
            }),
            Effect::FetchBlock { ticket, chain, height } => self.ask(ticket, move |group| async move {
                let outcome = group.block(chain, height).await;
                Message::Block(ticket, outcome.map(Box::new).map_err(|error| in_words(&error)))
            }),
            Effect::CheckStrip { ticket, chain, heights } => self.ask(ticket, move |group| async move {
                group.check_strip(chain, heights.clone()).await;
                Message::Checked(ticket, strip_rows(&group, chain, heights))
            }),
            Effect::Bisect { ticket, chain, a, b } => self.ask(ticket, move |group| async move {
                let outcome = group.bisect(chain, a, b).await;
                Message::Bisected(ticket, outcome.map(Box::new).map_err(|error| in_words(&error)))
            }),
            Effect::CloseAlarm { ticket, id, reason } => self.ask(ticket, move |group| async move {
                let outcome = group.close_alarm(&id, &reason).await;
                let outcome = outcome.map(|()| group.alarms()).map_err(|error| in_words(&error));
                Message::AlarmClosed(ticket, outcome)
            }),
            Effect::FetchCustody { ticket, record, pointer, height } => {
                self.ask(ticket, move |group| async move {
                    let outcome = group.custody(record, pointer, height).await;
                    Message::Custody(ticket, outcome.map_err(|error| in_words(&error)))
                });
            }
            Effect::SendRecords { ticket, patient, records } => self.send(ticket, patient, records),
            Effect::Cancel(ticket) => {
                if let Some(task) = self.running.remove(&ticket) {
                    task.abort();
                }
            }
            Effect::EndSession => {
                if let Some(group) = self.group.take() {
                    // Records on their way keep the group: not whom it was used to find.
                    group.forget_people();
                    // And not its streams, which nobody sees.
                    group.unwatch();
                }
                if let Some((_, task)) = self.watching.take() {
                    task.abort();
                }
                std::mem::take(&mut self.running).into_values().for_each(|task| task.abort());
            }
        }
        None
    }

    fn ask<F>(&mut self, ticket: Ticket, work: impl FnOnce(Group) -> F)
    where
        F: Future<Output = Message> + Send + 'static,
    {
        let Some(group) = self.group.clone() else { return };
        let work = work(group);
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            // The receiver is gone only when the console is.
            let _ = sender.send(Answer::Message(ticket, work.await));
        });
        self.running.insert(ticket, task.abort_handle());
    }

    /// Follows what the group watches, from now to the session's end.
    fn watch(&mut self, ticket: Ticket, group: Group) {
        let task = tokio::spawn(follow(group, ticket, self.sender.clone()));
        if let Some((_, before)) = self.watching.replace((ticket, task.abort_handle())) {
            before.abort();
        }
    }

    fn unlock(&mut self, ticket: Ticket, choice: usize, passphrase: SecretBytes) {
        let (context, sender) = (Arc::clone(&self.context), self.sender.clone());
        // Argon2id takes a second of a processor on purpose: not on the drawing's thread.
        let task = tokio::task::spawn_blocking(move || {
            let outcome = open(&context, choice, &passphrase);
            let _ = sender.send(Answer::Unlocked(ticket, Box::new(outcome)));
        });
        self.running.insert(ticket, task.abort_handle());
    }

    fn send(&mut self, ticket: Ticket, patient: PatientId, records: Vec<Record>) {
        let Some(group) = self.group.clone() else { return };
        let sender = self.sender.clone();
        let task = tokio::spawn(send_records(group, patient, records, ticket, sender));
        self.sending.retain(|_, task| !task.is_finished());
        self.sending.insert(ticket, task.abort_handle());
    }
}

impl Drop for Effects {
    fn drop(&mut self) {
        let watching = self.watching.iter().map(|(_, task)| task);
        self.running.values().chain(self.sending.values()).chain(watching).for_each(AbortHandle::abort);
    }
}

fn open(context: &Context, choice: usize, passphrase: &SecretBytes) -> Outcome<(Group, Who)> {
    let path = context.files.get(choice).ok_or("no key file was given to this console")?;
    let unreadable = |error: std::io::Error| format!("the key file cannot be read: {error}");
    if std::fs::metadata(path).map_err(unreadable)?.len() > KEY_FILE_MAX {
        return Err("the key file is too long to be one".into());
    }
    let file = std::fs::read_to_string(path).map_err(unreadable)?;
    read_staff_file(&file).map_err(|error| in_words(&error))?;
    let now_s = context.clock.now_s();
    let length_s = session_length_s(&context.settings, &context.genesis).map_err(|error| in_words(&error))?;
    let session =
        unlock(&file, passphrase, now_s, length_s, &mut OsEntropy).map_err(|error| in_words(&error))?;
    let staff = session.staff();
    let mut who = Who {
        staff: staff.staff,
        name: staff.name.clone(),
        roles: session.roles(),
        branch: staff.branch.0,
        branch_name: String::new(),
        trusted_branch: false,
        expires_s: session.expires_s(),
    };
    let group =
        Group::open(context.settings.clone(), context.genesis.clone(), session, Arc::clone(&context.clock))
            .map_err(|error| in_words(&error))?;
    if let Some(own) = group.branches().iter().find(|branch| branch.own) {
        who.branch_name.clone_from(&own.name);
        who.trusted_branch = own.trusted;
    }
    Ok((group, who))
}

/// One record after the other, so that a receipt can name its visit; stops at the first failure.
async fn send_records(
    group: Group,
    patient: PatientId,
    records: Vec<Record>,
    ticket: Ticket,
    sender: UnboundedSender<Answer>,
) {
    let say = |message| {
        let _ = sender.send(Answer::Message(ticket, message));
    };
    let mut visit = None;
    for (part, mut record) in records.into_iter().enumerate() {
        if let Some(visit) = visit {
            tie_to_visit(&mut record, visit);
        }
        let is_visit = record.kind() == RecordKind::Visit;
        let (steps, mut progress) = mpsc::unbounded_channel();
        let adding = group.add_record(patient, record, steps);
        tokio::pin!(adding);
        let outcome = loop {
            tokio::select! {
                biased;
                Some(progress) = progress.recv() => say(Message::Progressed { ticket, part, progress }),
                outcome = &mut adding => break outcome,
            }
        };
        while let Ok(progress) = progress.try_recv() {
            say(Message::Progressed { ticket, part, progress });
        }
        let failed = outcome.is_err();
        if let (true, Ok(added)) = (is_visit, &outcome) {
            visit = Some(RecordRef::new(*added.record.bytes()));
        }
        say(Message::Sent { ticket, part, outcome: outcome.map_err(|error| in_words(&error)) });
        if failed {
            break;
        }
    }
}

/// An error with its causes, as a person reads it.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "effects/tests.rs"]
mod tests;

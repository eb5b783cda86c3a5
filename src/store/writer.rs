//! One thread that does all writing of one file, and commits many callers' jobs at once.
//!
//! A job runs in its own savepoint, so a refused one leaves nothing and the others of its group
//! stand. Callers hear back after the commit is on the disk. The first failed commit ends the
//! thread: after a failed sync nobody can say what the disk holds, and trying again would claim
//! what is not so.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// Jobs in one commit at most, so that the first of a group does not wait for ever.
const GROUP: usize = 256;
/// Jobs that wait for the thread before callers are held back.
const QUEUE: usize = 1024;
/// Pages in the write-ahead log before they are carried over to the database file.
const LOG_PAGES: i64 = 1000;

type Task = Box<dyn FnOnce(&Connection) -> Ran + Send>;
type Reply = Box<dyn FnOnce(Result<()>) + Send>;

/// A job that has run: what to do with its savepoint, and whom to tell after the commit.
struct Ran {
    verdict: Verdict,
    reply: Reply,
}

enum Verdict {
    Keep,
    Refuse,
    /// The file failed under the job: nothing of the group may be promised.
    Fault(String),
}

/// The writing end of a database.
pub(crate) struct Writer {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<()>>,
    cause: Arc<OnceLock<String>>,
}

impl Writer {
    /// Starts the thread `name` on `connection`.
    pub fn start(name: String, connection: Connection) -> std::io::Result<Self> {
        let (tasks, receiver) = sync_channel(QUEUE);
        let cause = Arc::new(OnceLock::new());
        let thread = std::thread::Builder::new().name(name).spawn({
            let cause = Arc::clone(&cause);
            move || run(&connection, &receiver, &cause)
        })?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread), cause })
    }

    /// Hands `job` in for the next group. When the job returns an error, nothing it wrote remains.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = sync_channel(1);
        let task: Task = Box::new(move |connection| {
            let outcome = job(connection);
            let verdict = match &outcome {
                Ok(_) => Verdict::Keep,
                Err(error) if error.is_fault() => Verdict::Fault(error.to_string()),
                Err(_) => Verdict::Refuse,
            };
            // A caller that has gone away needs no answer.
            let reply: Reply = Box::new(move |commit| drop(sender.send(commit.and(outcome))));
            Ran { verdict, reply }
        });
        if let Some(tasks) = &self.tasks {
            // When the thread has ended, the task is dropped here and `wait` says so.
            drop(tasks.send(task));
        }
        Pending { outcome: receiver, cause: Arc::clone(&self.cause) }
    }

    /// Why writing stopped, when it has.
    pub fn failure(&self) -> Option<StoreError> {
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        (ended || self.cause.get().is_some()).then(|| poisoned(&self.cause))
    }
}

/// A job that was handed in.
pub(crate) struct Pending<T> {
    outcome: Receiver<Result<T>>,
    cause: Arc<OnceLock<String>>,
}

impl<T> Pending<T> {
    /// Waits for the job's commit to be durable, and returns what the job returned.
    pub fn wait(self) -> Result<T> {
        self.outcome.recv().unwrap_or_else(|_| Err(poisoned(&self.cause)))
    }
}

impl Drop for Writer {
    /// Lets the jobs that were handed in finish, and waits for the file to be closed.
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take() {
            // A job that panicked has been told to its caller.
            drop(thread.join());
        }
    }
}

fn poisoned(cause: &OnceLock<String>) -> StoreError {
    let cause = cause.get().map_or("the writing thread ended", String::as_str);
    StoreError::Poisoned { cause: cause.to_owned() }
}

fn run(connection: &Connection, tasks: &Receiver<Task>, cause: &OnceLock<String>) {
    while let Ok(first) = tasks.recv() {
        let mut replies = Vec::new();
        let committed = commit(connection, first, tasks, &mut replies);
        if let Err(error) = &committed {
            cause.get_or_init(|| error.to_string());
        }
        for reply in replies {
            reply(if committed.is_ok() { Ok(()) } else { Err(poisoned(cause)) });
        }
        if committed.is_err() {
            return;
        }
        if let Err(error) = checkpoint(connection) {
            cause.get_or_init(|| error.to_string());
            return;
        }
    }
}

/// Runs `first` and the jobs that wait behind it as one transaction.
fn commit(
    connection: &Connection,
    first: Task,
    tasks: &Receiver<Task>,
    replies: &mut Vec<Reply>,
) -> std::result::Result<(), String> {
    let execute = |sql| connection.execute_batch(sql).map_err(|error| error.to_string());
    execute("BEGIN IMMEDIATE")?;
    let mut next = Some(first);
    while let Some(task) = next {
        execute("SAVEPOINT job")?;
        let Ran { verdict, reply } = task(connection);
        replies.push(reply);
        match verdict {
            Verdict::Keep => execute("RELEASE job")?,
            Verdict::Refuse => execute("ROLLBACK TO job; RELEASE job")?,
            Verdict::Fault(cause) => return Err(cause),
        }
        next = if replies.len() < GROUP { tasks.try_recv().ok() } else { None };
    }
    execute("COMMIT")
}

/// Carries the log over to the database file when it has grown long.
///
/// SQLite's own checkpoint does this too, but swallows the error of a failed sync.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let pages = |mode: &str| {
        connection
            .prepare_cached(mode)?
            .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    };
    if pages("PRAGMA wal_checkpoint(NOOP)")? >= LOG_PAGES {
        pages("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}

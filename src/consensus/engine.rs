//! The real runtime: threads, storage directory, network. Chains are opened on it and live until
//! it is stopped.

use crate::{
    Application, ChainConfig, Error,
    chain::{self, Chain, Settings},
    host::Host,
    network,
};
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use commonware_utils::sync::Mutex;
use std::{
    fs::{File, TryLockError},
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Weak, mpsc as blocking},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// How long the tasks may take to finish what they are at when the engine is stopped.
const GRACE: Duration = Duration::from_secs(2);
/// How long a stopped engine of this process may take to let go of a storage directory.
const HANDOVER: Duration = Duration::from_secs(3);
/// Threads for what blocks: disk access and the application. They come and go as needed.
const BLOCKING_THREADS: usize = 64;

/// One runtime: its threads and its storage directory. Dropping it stops it.
pub struct Engine {
    commands: mpsc::UnboundedSender<Open>,
    thread: Option<JoinHandle<()>>,
    ended: blocking::Receiver<()>,
    chains: Chains,
}

/// The chains that were opened, to tell them when the runtime ends; `None` when it has.
type Chains = Arc<Mutex<Option<Vec<(&'static str, Weak<Host>)>>>>;

struct Open {
    settings: Settings,
    listen: SocketAddr,
    application: Arc<dyn Application>,
    reply: blocking::Sender<Result<Chain, String>>,
}

impl Engine {
    /// Starts the runtime on `threads` worker threads (one is enough for a node) with its files in
    /// `storage_dir`, which is created if missing and belongs to this engine alone while it runs.
    pub fn start(storage_dir: PathBuf, threads: usize) -> Result<Self, Error> {
        claim(&storage_dir)?;
        let (commands, received) = mpsc::unbounded_channel();
        let (end, ended) = blocking::channel();
        let chains = Chains::new(Mutex::new(Some(Vec::new())));
        let config = runtime::Config::new()
            .with_storage_directory(storage_dir)
            .with_worker_threads(threads.max(1))
            .with_max_blocking_threads(BLOCKING_THREADS);
        let thread = thread::Builder::new()
            .name("consensus".to_owned())
            .spawn({
                let chains = chains.clone();
                move || {
                    run(config, received, &chains);
                    let _ = end.send(());
                }
            })
            .map_err(Error::Thread)?;
        Ok(Self { commands, thread: Some(thread), ended, chains })
    }

    /// Starts a chain and returns when it runs. Blocks for as long as opening its files takes, and
    /// longer when the application has to catch up with them.
    pub fn open(&self, config: ChainConfig, application: Arc<dyn Application>) -> Result<Chain, Error> {
        let (chain, listen) = (config.name, config.listen);
        if self.chains.lock().as_ref().ok_or(Error::Ended)?.iter().any(|(open, _)| *open == chain) {
            return Err(Error::AlreadyOpen(chain));
        }
        let settings =
            Settings::new(&config, &*application).map_err(|reason| Error::Setting { chain, reason })?;
        // The network would panic over an address that is taken; tried here, it is an error.
        drop(TcpListener::bind(listen).map_err(|source| Error::Listen { chain, address: listen, source })?);
        let (reply, answer) = blocking::channel();
        self.commands.send(Open { settings, listen, application, reply }).map_err(|_| Error::Ended)?;
        match answer.recv() {
            Ok(Ok(opened)) => {
                let mut chains = self.chains.lock();
                chains.as_mut().ok_or(Error::Ended)?.push((chain, Arc::downgrade(&opened.0)));
                Ok(opened)
            }
            Ok(Err(reason)) => Err(Error::Failed { chain, reason }),
            Err(_) => Err(Error::Ended),
        }
    }

    /// Stops all chains and waits for the threads: two seconds or little more. The same directory
    /// can be opened again afterwards.
    pub fn stop(self) {}
}

impl Drop for Engine {
    fn drop(&mut self) {
        let (closed, _) = mpsc::unbounded_channel();
        self.commands = closed;
        match self.ended.recv_timeout(GRACE + HANDOVER) {
            Err(blocking::RecvTimeoutError::Timeout) => {
                tracing::error!("the consensus engine does not stop; it is left behind");
            }
            _ => {
                if let Some(thread) = self.thread.take() {
                    let _ = thread.join();
                }
            }
        }
    }
}

/// Makes sure that the directory can be written and that no other engine uses it: the runtime
/// itself would panic over the one and wait for ever over the other.
fn claim(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Storage { directory: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let lock = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join(".hold"))
        .map_err(failed)?;
    let deadline = Instant::now() + HANDOVER;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20))
            }
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { directory: directory.to_owned() }),
        }
    }
}

/// The engine's thread. A panic in any of its tasks ends the whole runtime, so that no chain goes
/// on with a part of it missing; it must be seen, but not take the process along.
fn run(config: runtime::Config, mut commands: mpsc::UnboundedReceiver<Open>, chains: &Chains) {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime::Runner::new(config).start(|context| async move {
            while let Some(Open { settings, listen, application, reply }) = commands.recv().await {
                context
                    .child(settings.name)
                    .spawn(move |context| open(context, settings, listen, application, reply));
            }
            if context.child("stop").stop(0, Some(GRACE)).await.is_err() {
                tracing::warn!("not all tasks of the consensus engine finished in time");
            }
        });
    }));
    for (_, chain) in chains.lock().take().into_iter().flatten() {
        if let Some(chain) = chain.upgrade() {
            chain.end();
        }
    }
    if let Err(panic) = ended {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let reason = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        tracing::error!(reason, "the consensus engine panicked: its chains stand");
    }
}

/// Runs a chain until it ends; should it not even start, everything of it goes with this task.
async fn open(
    context: runtime::Context,
    settings: Settings,
    listen: SocketAddr,
    application: Arc<dyn Application>,
    reply: blocking::Sender<Result<Chain, String>>,
) {
    let bytes = network::message_bytes(&settings.limits, &settings.codec);
    let network = network::connect(
        context.child("p2p"),
        settings.signer.clone(),
        settings.namespace.clone(),
        listen,
        settings.limits.peers,
        bytes,
    )
    .await;
    chain::run(context, settings, application, network, move |outcome| drop(reply.send(outcome))).await;
}

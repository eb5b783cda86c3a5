//! The terminal in and out: raw mode and back, signals, the loop that turns events into messages and models into
//! pictures.
//!
//! Whatever ends the console, the terminal is as it was before: a quit, a panic, SIGTERM, SIGHUP, a terminal that is
//! gone. It must not decide what anything means.

use crate::{
    backend::{Bell, Charset, Lean},
    draw,
    effects::{Context, Effects, Request},
    input::{Input, Inputs, escape_delay},
    message::Message,
    model::Model,
    screens::unlock::Unlock,
    theme::Theme,
    update::update,
    widgets::field::Passphrase,
};
use crossterm::{
    cursor, event, execute,
    style::ResetColor,
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use futures::Stream;
use ratatui::{Terminal, backend::Backend};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};
use wardline_client::{Clock, Settings};
use wardline_crypto::SecretBytes;
use wardline_ledger::Genesis;

/// The spinner turns this often.
const SPIN: Duration = Duration::from_millis(250);
/// The clock is looked at this often at least while somebody is signed in: a machine that slept must lock at once.
const LOOK: Duration = Duration::from_secs(10);
/// Events that are taken in before a picture is drawn.
const BATCH: usize = 256;

/// What the console is opened with.
pub struct Start {
    /// Which network, and where its verified checkpoints are kept.
    pub settings: Settings,
    /// The network's genesis.
    pub genesis: Genesis,
    /// The key files to choose from.
    pub staff_files: Vec<StaffChoice>,
    /// Where the passphrase is to be found; for a demo.
    pub passphrase_hint: Option<String>,
    /// A passphrase that stands in the field already; for a demo.
    pub prefilled_passphrase: Option<SecretBytes>,
    /// Seconds without a key after which the console locks itself.
    pub idle_lock_s: u64,
    /// Whether a new alarm rings the terminal's bell.
    pub bell: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// A key file to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffChoice {
    /// Whose it is, for people.
    pub label: String,
    /// The file.
    pub path: PathBuf,
}

/// Why the console ended, other than by the person's wish.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// There is no terminal to draw on.
    #[error(
        "the console needs a terminal on standard input and output; without one use the other commands with --json"
    )]
    NoTerminal,
    /// No key file to unlock.
    #[error("no key file was given: name at least one")]
    NoKeyFile,
    /// The terminal cannot be used, or is gone.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
    /// The terminal was closed.
    #[error("the terminal was closed")]
    Gone,
    /// A signal asked for the end.
    #[error("ended by {0}")]
    Signal(&'static str),
    /// A part of this program failed; its message is on the standard error output.
    #[error("a part of the console failed and it was closed")]
    Failed,
}

/// Runs the console until the person leaves. The runtime may be a current-thread one; it needs time and I/O.
///
/// # Errors
/// When there is no terminal, it is closed, or a signal ends the console. The terminal is restored in every case.
pub async fn run(start: Start) -> Result<(), ConsoleError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ConsoleError::NoTerminal);
    }
    if start.staff_files.is_empty() {
        return Err(ConsoleError::NoKeyFile);
    }
    let mut signals = Signals::listen()?;
    let guard = Guard::enter()?;
    let over_ssh = std::env::var_os("SSH_CONNECTION").is_some();
    let delay = escape_delay(std::env::var("ESCDELAY").ok().as_deref(), over_ssh);
    let inputs = Inputs::new(event::EventStream::new(), delay);
    let backend = Lean::new(io::stdout(), terminal::size, Charset::from_environment());
    let mut terminal = Terminal::new(backend)?;
    let (model, effects, clock) = assemble(start);
    let result = tokio::select! {
        biased;
        signal = signals.next() => Err(ConsoleError::Signal(signal)),
        result = turn(&mut terminal, inputs, model, effects, clock) => result,
    };
    drop(guard);
    result
}

fn assemble(start: Start) -> (Model, Effects, Arc<dyn Clock>) {
    let mut prefilled = Passphrase::new();
    if let Some(passphrase) = &start.prefilled_passphrase {
        prefilled.append(std::str::from_utf8(passphrase.expose()).unwrap_or_default());
    }
    let (labels, files) = start.staff_files.into_iter().map(|choice| (choice.label, choice.path)).unzip();
    let unlock = Unlock::new(labels, start.passphrase_hint, prefilled);
    let mut model = Model::new(
        start.settings.network_name.clone(),
        unlock,
        start.idle_lock_s,
        start.clock.now_s(),
        jiff::tz::TimeZone::system(),
        Theme::from_environment(),
    );
    model.bell = start.bell;
    let clock = Arc::clone(&start.clock);
    let effects =
        Effects::new(Context { settings: start.settings, genesis: start.genesis, files, clock: start.clock });
    (model, effects, clock)
}

/// The loop: one thing happens, what is ready with it is taken in too, one picture is drawn.
async fn turn<B, S>(
    terminal: &mut Terminal<B>,
    mut inputs: Inputs<S>,
    mut model: Model,
    mut effects: Effects,
    clock: Arc<dyn Clock>,
) -> Result<(), ConsoleError>
where
    B: Backend<Error = io::Error> + Bell,
    S: Stream<Item = io::Result<event::Event>> + Unpin,
{
    let size = terminal.size()?;
    model.size = (size.width, size.height);
    terminal.clear()?;
    loop {
        terminal.draw(|frame| {
            draw::draw(&model, frame);
        })?;
        let mut happened = Some(next(&model, &mut inputs, &mut effects).await);
        for _ in 0..BATCH {
            let Some(event) = happened.take() else { break };
            // The clock first: a key that comes after the time is over must find the console locked.
            let mut wanted = Vec::new();
            if clock.now_s() != model.now_s {
                wanted.extend(update(&mut model, Message::Tick { now_s: clock.now_s() }));
            }
            match event {
                Happened::Message(message) => wanted.extend(update(&mut model, message)),
                Happened::Time => {}
                Happened::Gone => return Err(ConsoleError::Gone),
            }
            for effect in wanted {
                match effects.run(effect) {
                    Some(Request::Quit) => return Ok(()),
                    Some(Request::Redraw) => terminal.clear()?,
                    Some(Request::Bell) => terminal.backend_mut().ring(),
                    None => {}
                }
            }
            happened = ready(&mut inputs, &mut effects).await;
        }
        if PANICKED.load(Ordering::Acquire) {
            return Err(ConsoleError::Failed);
        }
    }
}

enum Happened {
    Message(Message),
    Time,
    Gone,
}

/// Waits for a key, a result, or the time at which something must be looked at.
async fn next<S>(model: &Model, inputs: &mut Inputs<S>, effects: &mut Effects) -> Happened
where
    S: Stream<Item = io::Result<event::Event>> + Unpin,
{
    let wake = async {
        if model.animated() {
            tokio::time::sleep(SPIN).await;
            return Happened::Message(Message::Spin);
        }
        match model.wake_in_s() {
            // A whole second more: the clock counts whole seconds, and waking before one is over would wake twice.
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.max(1)).min(LOOK)).await,
            None => std::future::pending().await,
        }
        Happened::Time
    };
    tokio::select! {
        biased;
        input = inputs.next() => happened(input),
        message = effects.next() => Happened::Message(message),
        happened = wake => happened,
    }
}

/// What has happened already.
async fn ready<S>(inputs: &mut Inputs<S>, effects: &mut Effects) -> Option<Happened>
where
    S: Stream<Item = io::Result<event::Event>> + Unpin,
{
    if let Some(input) = at_once(inputs.next()).await {
        return Some(happened(input));
    }
    at_once(effects.next()).await.map(Happened::Message)
}

/// A future's value, if it has one now.
///
/// It is polled with this task's own waker, unlike by `now_or_never`: crossterm's stream remembers the first waker it
/// is asked with until a key comes, and with one that wakes nobody that key would lie there until something else
/// happens.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

fn happened(input: Input) -> Happened {
    match input {
        Input::Key(key) => Happened::Message(Message::Key(key)),
        Input::Paste(text) => Happened::Message(Message::Paste(text)),
        Input::Resize { width, height } => Happened::Message(Message::Resize { width, height }),
        Input::Gone => Happened::Gone,
    }
}

static ACTIVE: AtomicBool = AtomicBool::new(false);
static PANICKED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Raw mode and the alternate screen, until dropped.
struct Guard;

impl Guard {
    fn enter() -> io::Result<Self> {
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                // The screen must be the person's again before the message is written on it.
                if restore() {
                    PANICKED.store(true, Ordering::Release);
                }
                previous(info);
            }));
        });
        terminal::enable_raw_mode()?;
        ACTIVE.store(true, Ordering::Release);
        let guard = Self;
        execute!(io::stdout(), EnterAlternateScreen, event::EnableBracketedPaste)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once; says whether it was ours.
fn restore() -> bool {
    let ours = ACTIVE.swap(false, Ordering::AcqRel);
    if ours {
        // A terminal that is gone cannot be restored, and nobody is there to tell.
        let _ = execute!(
            io::stdout(),
            ResetColor,
            event::DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = terminal::disable_raw_mode();
    }
    ours
}

#[cfg(unix)]
struct Signals {
    signals: Vec<(&'static str, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl Signals {
    /// Takes over the signals that ask for the end. In raw mode Ctrl-C and Ctrl-Z are keys and send none.
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            ("SIGTERM", SignalKind::terminate()),
            ("SIGHUP", SignalKind::hangup()),
            ("SIGINT", SignalKind::interrupt()),
            ("SIGQUIT", SignalKind::quit()),
        ];
        let signals =
            kinds.into_iter().map(|(name, kind)| Ok((name, signal(kind)?))).collect::<io::Result<_>>()?;
        Ok(Self { signals })
    }

    async fn next(&mut self) -> &'static str {
        let waiting = self.signals.iter_mut().map(|(name, signal)| {
            Box::pin(async move {
                signal.recv().await;
                *name
            })
        });
        futures::future::select_all(waiting).await.0
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
#[path = "run/tests.rs"]
mod tests;

//! Commands: wiring only. Each says what it did, exits 0 only when what it claims holds, and prints one clear
//! line that names what to do when it does not.

mod access;
mod audit;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "node")]
mod demo;
mod evidence;
mod export;
#[cfg(feature = "node")]
mod files;
mod import;
#[cfg(feature = "node")]
mod init;
mod lookup;
#[cfg(feature = "node")]
mod memory;
#[cfg(feature = "node")]
mod network;
#[cfg(feature = "node")]
mod node;
mod output;
mod private;
mod record;
#[cfg(feature = "node")]
mod repair;
#[cfg(feature = "console")]
mod screenshots;
mod status;
mod verify;
mod visits;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What a command may fail with; printed as one line with its causes.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Failure>;

/// The command did what it says, but what it shows is not whole: a branch was silent, a byte was changed.
pub const NOT_WHOLE: u8 = 3;

/// Something was checked and is wrong: a block, a certificate, a record is not what it must be.
pub const WRONG: u8 = 4;

/// Patient records of many branches over two permissioned ledgers, in a terminal.
#[derive(Debug, Parser)]
#[command(name = "wardline", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Four branches and a research institute with made-up patients, and the console on them
    #[cfg(feature = "node")]
    Demo(demo::Options),
    /// Make a group: its genesis, key files, and a folder for each branch's machine
    #[cfg(feature = "node")]
    Init(init::Options),
    /// Run one branch's node
    #[cfg(feature = "node")]
    Node(node::Options),
    /// Make a stopped branch's damaged files anew, from its own rows and from the other branches
    #[cfg(feature = "node")]
    Repair(repair::Options),
    /// Open the full-screen console
    #[cfg(feature = "console")]
    Console(console::Options),
    /// Every branch: state, heights, head, lag, verified up to
    Status(status::Options),
    /// Verify both chains from the genesis, and every record against its pointer; goes on where it last ended
    Verify(verify::Options),
    /// Recompute every sealed record's digest at two branches, and say on the main chain what came of it
    Audit(audit::Options),
    /// Write a chain's verified blocks to a file, for another verifier
    Export(export::Options),
    /// Check what proves a lie or an entry, offline; or prove that something is on a chain
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// A patient's consolidated history over all branches
    Visits(visits::Options),
    /// Take over patient histories that other systems wrote (FHIR R4)
    Import(import::Options),
    /// Look a patient up, with purpose and reason; the lookup is recorded
    Lookup(lookup::Options),
    /// Add or show one record
    #[command(subcommand)]
    Record(record::Command),
    /// Draw every screen as SVG from the states that the tests use
    #[cfg(feature = "console")]
    #[command(hide = true)]
    Screenshots(screenshots::Options),
}

/// Runs one command.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        #[cfg(feature = "node")]
        Command::Demo(options) => demo::run(options),
        #[cfg(feature = "node")]
        Command::Init(options) => init::run(options),
        #[cfg(feature = "node")]
        Command::Node(options) => node::run(options),
        #[cfg(feature = "node")]
        Command::Repair(options) => repair::run(options),
        #[cfg(feature = "console")]
        Command::Console(options) => console::run(options),
        Command::Status(options) => status::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Audit(options) => audit::run(options),
        Command::Export(options) => export::run(options),
        Command::Evidence(command) => evidence::run(command),
        Command::Visits(options) => visits::run(options),
        Command::Import(options) => import::run(options),
        Command::Lookup(options) => lookup::run(options),
        Command::Record(command) => record::run(command),
        #[cfg(feature = "console")]
        Command::Screenshots(options) => screenshots::run(options),
    }
}

/// Whether a command failed only because the reader of its output has gone.
pub fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // thiserror's transparent variants would say the same twice
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}

/// A runtime for commands that only ask: one thread waits, the heavy work has its own.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Returns when the program is told to stop: SIGTERM or an interrupt.
async fn stopped() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = term.recv() => {}
            ended = tokio::signal::ctrl_c() => ended?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

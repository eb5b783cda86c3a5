//! The demo's branches as processes of their own, as a hospital runs them: each may be stopped, killed and started
//! again while the demo goes on.

use super::lock;
use crate::cli::{Result, network::Layout, output::shell_word};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};
use wardline_ledger::Genesis;

/// A branch's log, in the branch's folder.
const LOG: &str = "node.log";
/// How long a branch may take to end: a node ends within four seconds; one that was stopped (SIGSTOP) never does.
const PATIENCE: Duration = Duration::from_secs(6);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One branch's process.
struct Branch {
    name: String,
    child: Child,
    config: PathBuf,
    log: PathBuf,
}

/// What programs and people need to stop, kill and start a branch.
#[derive(Debug, Serialize)]
pub struct Process {
    pub pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// For a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// All branches' processes, ended when dropped.
pub struct Processes {
    program: PathBuf,
    lock: PathBuf,
    hold: Option<lock::Hold>,
    branches: Arc<Mutex<Vec<Branch>>>,
}

impl Processes {
    /// Starts every participant and returns when all answer.
    pub fn start(layout: &Layout, genesis: &Genesis, hold: lock::Hold) -> Result<Self> {
        let all = Self {
            program: std::env::current_exe()?,
            lock: layout.lock(),
            hold: Some(hold),
            branches: Arc::default(),
        };
        let mut answers = Vec::new();
        for participant in &genesis.participants {
            let (config, log) = (layout.node(&participant.name), layout.branch(&participant.name).join(LOG));
            let mut child = all.spawn(&config, &log)?;
            answers.push((participant.name.clone(), log.clone(), child.stdout.take()));
            locked(&all.branches).push(Branch { name: participant.name.clone(), child, config, log });
        }
        for (name, log, stdout) in answers {
            let mut line = String::new();
            // a node says one line when it answers, and none when it cannot start
            let said = stdout.map(BufReader::new).map_or(Ok(0), |mut stdout| stdout.read_line(&mut line))?;
            if said == 0 {
                return Err(format!("{name} does not start: {}", last_line(&log)).into());
            }
        }
        Ok(all)
    }

    fn spawn(&self, config: &Path, log: &Path) -> Result<Child> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(&self.program)
            .args(["node".as_ref(), "--config".as_ref(), config.as_os_str()])
            .args(["--of-demo".as_ref(), self.lock.as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // what is typed at the demo's terminal is for the demo, which ends its branches itself
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        Ok(child)
    }

    /// The process of this branch.
    pub fn of(&self, name: &str) -> Option<Process> {
        let word = |path: &Path| shell_word(&path.display().to_string());
        let branches = locked(&self.branches);
        let branch = branches.iter().find(|branch| branch.name == name)?;
        let command = format!(
            "{} node --config {} --of-demo {} 2>> {}",
            word(&self.program),
            word(&branch.config),
            word(&self.lock),
            word(&branch.log)
        );
        Some(Process { pid: branch.child.id(), log: Some(branch.log.clone()), command: Some(command) })
    }

    /// Takes note of branches that end while the demo goes on. Runs until it is dropped.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + 'static {
        let branches = Arc::clone(&self.branches);
        async move {
            let Ok(mut ended) = signal(SignalKind::child()) else { return };
            let mut noted: Vec<u32> = Vec::new();
            loop {
                for branch in locked(&branches).iter_mut() {
                    if let Ok(Some(status)) = branch.child.try_wait()
                        && !noted.contains(&branch.child.id())
                    {
                        noted.push(branch.child.id());
                        tracing::warn!(branch = branch.name, %status, "a branch's process has ended");
                    }
                }
                if ended.recv().await.is_none() {
                    return;
                }
            }
        }
    }
}

impl Drop for Processes {
    /// Lets go of the lock, which ends every branch, also one that was started by hand; kills what does not end.
    fn drop(&mut self) {
        drop(self.hold.take());
        let deadline = Instant::now() + PATIENCE;
        for branch in locked(&self.branches).iter_mut() {
            while matches!(branch.child.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    let _ = branch.child.kill();
                    let _ = branch.child.wait();
                }
                thread::sleep(LOOK_AGAIN);
            }
        }
    }
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("it says nothing in its log").to_owned()
}

fn locked(branches: &Mutex<Vec<Branch>>) -> MutexGuard<'_, Vec<Branch>> {
    branches.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A real group of branches for the tests: the built program's demo in a process of its own.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

pub const WARDLINE: &str = env!("CARGO_BIN_EXE_wardline");
/// Long enough for a loaded machine; every wait ends as soon as its condition holds.
pub const PATIENCE: Duration = Duration::from_secs(90);

const PROCESSES: &[&str] = &["--processes"];

/// A running demo, stopped when dropped.
pub struct Demo {
    child: Child,
    pub dir: PathBuf,
    pub ready: Value,
    /// Kept so that the folder lives as long as the demo.
    folder: Option<tempfile::TempDir>,
}

impl Demo {
    /// Starts a demo with `people` made-up patients in a new folder.
    pub fn start(people: usize) -> Self {
        Self::in_new_folder(people, &[])
    }

    /// The same with every branch as a process of its own.
    pub fn processes(people: usize) -> Self {
        Self::in_new_folder(people, PROCESSES)
    }

    fn in_new_folder(people: usize, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("demo");
        let mut demo = Self::launch(&dir, people, options);
        demo.folder = Some(folder);
        demo
    }

    /// Starts a demo in `dir`, which may hold one already.
    pub fn at(dir: &Path, people: usize) -> Self {
        Self::launch(dir, people, &[])
    }

    /// The same with every branch as a process of its own.
    pub fn processes_at(dir: &Path, people: usize) -> Self {
        Self::launch(dir, people, PROCESSES)
    }

    fn launch(dir: &Path, people: usize, options: &[&str]) -> Self {
        let mut child = Command::new(WARDLINE)
            .args(["demo", "--headless", "--people", &people.to_string(), "--dir"])
            .arg(dir)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("not ready: {error}: {line:?}"));
        Self { child, dir: dir.to_path_buf(), ready, folder: None }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the ready line says of a branch.
    pub fn branch(&self, name: &str) -> &Value {
        self.ready["branches"].as_array().unwrap().iter().find(|branch| branch["name"] == name).unwrap()
    }

    /// Ends the demo as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn config(&self) -> &str {
        self.ready["config"].as_str().unwrap()
    }

    pub fn key(&self, staff: &str) -> &str {
        self.ready["staff"][staff].as_str().unwrap()
    }

    pub fn passphrase_file(&self) -> &str {
        self.ready["passphrase_file"].as_str().unwrap()
    }

    /// A command of `staff`, not started yet.
    pub fn command(&self, staff: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(WARDLINE);
        command
            .args(arguments)
            .env_remove("WARDLINE_PASSPHRASE")
            .env("WARDLINE_CONFIG", self.config())
            .env("WARDLINE_KEY", self.key(staff))
            .env("WARDLINE_PASSPHRASE_FILE", self.passphrase_file())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of `staff`.
    pub fn run(&self, staff: &str, arguments: &[&str]) -> Output {
        self.command(staff, arguments).output().unwrap()
    }

    /// Runs a command with `--json` that must succeed, and parses what it prints.
    pub fn json(&self, staff: &str, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let output = self.run(staff, &arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks the demo to stop (SIGTERM) and waits until it has; its exit must be clean.
    pub fn stop(mut self) {
        self.terminate();
    }

    /// Stops the demo and gives its folder, to look at what it left.
    pub fn end_and_keep(mut self) -> Option<tempfile::TempDir> {
        self.terminate();
        self.folder.take()
    }

    fn terminate(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let deadline = Instant::now() + PATIENCE;
        while asked.is_ok() && Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success() || std::thread::panicking(), "the demo ended with {status}");
                return;
            }
            std::thread::yield_now();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.terminate();
        }
    }
}

/// One demo for all tests that only read or add; it ends with the test process's watcher.
pub fn shared() -> &'static Demo {
    static SHARED: OnceLock<Demo> = OnceLock::new();
    SHARED.get_or_init(|| {
        let demo = Demo::start(6);
        stop_with_us(demo.pid());
        demo
    })
}

/// A static is never dropped, so a small watcher ends the demo when this process is gone.
#[expect(clippy::zombie_processes, reason = "it outlives this process on purpose, and then ends by itself")]
fn stop_with_us(pid: u32) {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "while kill -0 {} 2>/dev/null; do sleep 0.2; done; kill -TERM {pid}",
            std::process::id()
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

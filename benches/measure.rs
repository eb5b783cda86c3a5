//! What the benchmarks of a real group share: the built program in processes, sessions on it, figures from /proc.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_client::{BranchWord, Clock as _, Group, Settings, SystemClock, session_length_s, unlock};
use wardline_crypto::{OsEntropy, SecretBytes};
use wardline_policy::Purpose;

pub const WARDLINE: &str = env!("CARGO_BIN_EXE_wardline");
/// Clock ticks a second of /proc on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Starts a demo in a folder; gives it and its line of JSON once it is ready.
pub fn demo(dir: &Path, arguments: &[&str]) -> (Child, serde_json::Value) {
    let mut child = Command::new(WARDLINE)
        .args(["demo", "--headless", "--dir"])
        .arg(dir)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let ready = serde_json::from_str(&ready).unwrap_or_else(|_| panic!("the demo is not ready: {ready}"));
    (child, ready)
}

/// Ends a demo as its user would.
pub fn end(mut demo: Child) {
    signal(demo.id(), "-TERM");
    demo.wait().unwrap();
}

pub fn signal(pid: u32, name: &str) {
    Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
}

pub fn passphrase(path: &Path) -> SecretBytes {
    SecretBytes::new(fs::read(path).unwrap())
}

/// A session of a member of the demo's staff.
pub fn group(dir: &Path, staff: &str) -> Group {
    let settings = Settings::load(&dir.join("console.toml")).unwrap();
    let genesis = settings.read_genesis().unwrap();
    let key = fs::read_to_string(dir.join("staff").join(format!("{staff}.key"))).unwrap();
    let clock = Arc::new(SystemClock);
    let length_s = session_length_s(&settings, &genesis).unwrap();
    let passphrase = passphrase(&dir.join("staff/passphrase"));
    let session = unlock(&key, &passphrase, clock.now_s(), length_s, &mut OsEntropy).unwrap();
    Group::open(settings, genesis, session, clock).unwrap()
}

/// A patient's whole history again and again: fetched, proven, verified, opened.
pub async fn histories(dir: &Path, number: &str, count: usize) -> Vec<Duration> {
    let group = group(dir, "supervisor");
    group.refresh().await;
    let patient = group.search(number).await.unwrap().candidates[0].patient;
    let lookup = group.look_up(patient, Purpose::Treatment, "benchmark").await.unwrap();
    let mut took = Vec::new();
    for _ in 0..count {
        let at = Instant::now();
        let history = group.history(patient, &lookup).await.unwrap();
        took.push(at.elapsed());
        assert!(history.rows.len() > 40, "{} records", history.rows.len());
        assert!(history.rows.iter().all(|row| row.opened.is_some()));
    }
    took
}

/// Returns when every branch is verified again.
pub async fn all_verified(dir: &Path) {
    let group = group(dir, "supervisor");
    while group.refresh().await.branches.iter().any(|branch| branch.word != BranchWord::Verified) {}
}

/// The resident memory of a console process of its own with a history on its screen, KiB.
pub fn console(dir: &Path, number: &str) -> u64 {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(WARDLINE);
    command.args(["console", "--config"]);
    command.arg(dir.join("console.toml"));
    command.arg("--key");
    command.arg(dir.join("staff/ward.key"));
    command.env("TERM", "xterm");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut keys = pair.master.take_writer().unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let (sender, screen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            let _ = sender.send(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
    });
    let mut seen = String::new();
    let mut wait = |text: &str| {
        while !seen.contains(text) {
            seen += &screen.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        seen.clear();
    };
    let mut press = |text: &str| keys.write_all(text.as_bytes()).unwrap();
    wait("Passphrase");
    press(std::str::from_utf8(passphrase(&dir.join("staff/passphrase")).expose()).unwrap());
    press("\r");
    wait("VERIFIED");
    press("p");
    wait("Find a patient");
    press(number);
    press("\r");
    wait("branches answered");
    press("\r");
    wait("Look up");
    press("\r\r\r");
    wait("PROVEN WHOLE");
    let resident = resident_kib(child.process_id().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    resident
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub fn print(what: &str, took: &mut [Duration]) {
    took.sort();
    let at = |percent: usize| ms(took[(took.len() - 1) * percent / 100]);
    println!(
        "{what}: median {:.1} ms, p90 {:.1}, p99 {:.1}, max {:.1} ms ({} runs)",
        at(50),
        at(90),
        at(99),
        at(100),
        took.len()
    );
}

pub fn resident_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS").unwrap()
}

/// A line of a process's status; nothing when it has ended.
pub fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Seconds of a core that a process has used.
pub fn cpu_seconds(pid: u32) -> f64 {
    let (own, _) = cpu(pid);
    own
}

/// The same of all processes that this one has started and that have ended.
pub fn cpu_seconds_of_children() -> f64 {
    let (_, children) = cpu(std::process::id());
    children
}

fn cpu(pid: u32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let ticks: Vec<f64> =
        after_name.split(' ').skip(11).take(4).map(|field| field.parse::<u32>().unwrap().into()).collect();
    ((ticks[0] + ticks[1]) / TICKS_PER_SECOND, (ticks[2] + ticks[3]) / TICKS_PER_SECOND)
}

//! Figures of a real group: the demo's branches, seeded by the built program, then run in this process.
//!
//! `cargo bench --bench network` prints medians and percentiles; nothing here is a test.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run says so by failing"
)]

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_client::{Clock as _, Group, NewRecord, Settings, SystemClock, session_length_s, unlock};
use wardline_crypto::{OsEntropy, SecretBytes};
use wardline_ledger::RecordId;
use wardline_node::{BranchSecrets, Node, NodeSettings};
use wardline_policy::Purpose;

const WARDLINE: &str = env!("CARGO_BIN_EXE_wardline");
const SUBMISSIONS: usize = 300;
const HISTORIES: usize = 30;
/// Records of each of the four branches in a round of the bulk benchmark.
const BULK: usize = 500;
const BULK_ROUNDS: usize = 3;
const IDLE: Duration = Duration::from_secs(30);
/// Clock ticks a second of /proc on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let mut demo = start(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();

    // a first look lets caches and connections settle before anything is weighed
    runtime.block_on(histories(&dir, 2));
    println!("demo, resident memory: {} MiB", resident_kib(demo.id()) / 1024);
    let (cpu, at) = (cpu_ticks(demo.id()), Instant::now());
    std::thread::sleep(IDLE);
    let seconds = (cpu_ticks(demo.id()) - cpu) as f64 / TICKS_PER_SECOND;
    println!(
        "demo, idle for {} s: {:.2} % of a core",
        IDLE.as_secs(),
        100.0 * seconds / at.elapsed().as_secs_f64()
    );
    console(&dir);
    let mut took = runtime.block_on(histories(&dir, HISTORIES));
    print("longest history, fetched, proven, verified, opened", &mut took);
    Command::new("kill").args(["-TERM", &demo.id().to_string()]).status().unwrap();
    demo.wait().unwrap();

    runtime.block_on(finality(&dir));
}

fn start(dir: &Path) -> Child {
    let mut child = Command::new(WARDLINE)
        .args(["demo", "--headless", "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.starts_with('{'), "the demo is not ready: {ready}");
    child
}

fn passphrase(path: &Path) -> SecretBytes {
    SecretBytes::new(fs::read(path).unwrap())
}

fn group(dir: &Path, staff: &str) -> Group {
    let settings = Settings::load(&dir.join("console.toml")).unwrap();
    let genesis = settings.read_genesis().unwrap();
    let key = fs::read_to_string(dir.join("staff").join(format!("{staff}.key"))).unwrap();
    let clock = Arc::new(SystemClock);
    let length_s = session_length_s(&settings, &genesis).unwrap();
    let session =
        unlock(&key, &passphrase(&dir.join("staff/passphrase")), clock.now_s(), length_s, &mut OsEntropy)
            .unwrap();
    Group::open(settings, genesis, session, clock).unwrap()
}

/// The first made-up patient is the one with the longest history.
fn longest(dir: &Path) -> String {
    let people: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("people.json")).unwrap()).unwrap();
    people[0]["mrn"].as_str().unwrap().to_owned()
}

async fn histories(dir: &Path, count: usize) -> Vec<Duration> {
    let group = group(dir, "supervisor");
    group.refresh().await;
    let patient = group.search(&longest(dir)).await.unwrap().candidates[0].patient;
    let lookup = group.look_up(patient, Purpose::Treatment, "benchmark").await.unwrap();
    let mut took = Vec::new();
    for _ in 0..count {
        let at = Instant::now();
        let history = group.history(patient, &lookup).await.unwrap();
        took.push(at.elapsed());
        assert!(history.rows.len() > 40, "{} records", history.rows.len());
    }
    took
}

/// A console process of its own with the longest history on its screen.
fn console(dir: &Path) {
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
    press(&longest(dir));
    press("\r");
    wait("branches answered");
    press("\r");
    wait("Look up");
    press("\r\r\r");
    wait("PROVEN WHOLE");
    println!(
        "console process with the longest history open, resident memory: {} MiB",
        resident_kib(child.process_id().unwrap()) / 1024
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// From the moment that a lookup is handed in until all four branches have applied its block: TLS, the client's own
/// check of the certificate and every branch's durable commit included.
async fn finality(dir: &Path) {
    let mut nodes = Vec::new();
    for name in ["north", "south", "east", "west"] {
        nodes.push(Node::start(node_settings(&dir.join("branches").join(name))).await.unwrap());
    }
    let group = group(dir, "import-north");
    group.refresh().await;
    // nodes answer searches when a quorum of tips has been heard
    let patient = loop {
        match group.search(&longest(dir)).await {
            Ok(outcome) => break outcome.candidates[0].patient,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let mut took = Vec::new();
    for _ in 0..SUBMISSIONS {
        took.push(submit(&group, patient, &nodes).await);
    }
    print("submit to final on all four", &mut took);
    tokio::time::sleep(IDLE).await;
    let first = submit(&group, patient, &nodes).await;
    println!("submit to final on all four, the first after {} s idle: {:.1} ms", IDLE.as_secs(), ms(first));
    bulk(dir, &group, patient).await;
    for node in nodes {
        node.stop().await;
    }
}

/// Many records into four branches at once, each branch's signed by its own import key: the longest history's records
/// again and again, under new identifiers.
async fn bulk(dir: &Path, north: &Group, patient: wardline_ledger::PatientId) {
    let lookup = north.look_up(patient, Purpose::Treatment, "benchmark").await.unwrap();
    let history = north.history(patient, &lookup).await.unwrap();
    let known: Vec<_> = history.rows.into_iter().filter_map(|row| row.opened).collect();
    let mut groups = vec![north.clone()];
    groups.extend(["south", "east", "west"].map(|name| group(dir, &format!("import-{name}"))));
    for round in 0..BULK_ROUNDS {
        let (cpu, at) = (cpu_ticks(std::process::id()), Instant::now());
        let mut running = tokio::task::JoinSet::new();
        for group in groups.clone() {
            let records = known.iter().cycle().take(BULK).map(|record| NewRecord {
                patient,
                id: RecordId::draw(&mut OsEntropy),
                version: 1,
                record: record.clone(),
            });
            let records = records.collect();
            let (progress, _) = tokio::sync::mpsc::unbounded_channel();
            running.spawn(async move { group.keep_all(records, progress).await });
        }
        for outcome in running.join_all().await.into_iter().flatten() {
            outcome.unwrap();
        }
        let (took, count) = (at.elapsed().as_secs_f64(), groups.len() * BULK);
        let cpu = (cpu_ticks(std::process::id()) - cpu) as f64 / TICKS_PER_SECOND;
        println!(
            "bulk, round {round}: {count} records in {took:.1} s, {:.0} records/s, {:.1} ms of CPU each, \
             importers and four nodes together; resident memory {} MiB",
            count as f64 / took,
            1e3 * cpu / count as f64,
            resident_kib(std::process::id()) / 1024
        );
    }
}

async fn submit(group: &Group, patient: wardline_ledger::PatientId, nodes: &[Node]) -> Duration {
    let at = Instant::now();
    let lookup = group.look_up(patient, Purpose::Treatment, "benchmark").await.unwrap();
    while nodes.iter().any(|node| node.heights().1.is_none_or(|height| height < lookup.height)) {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    at.elapsed()
}

fn node_settings(folder: &Path) -> NodeSettings {
    let file: toml::Table = fs::read_to_string(folder.join("node.toml")).unwrap().parse().unwrap();
    let address = |key: &str| file[key].as_str().unwrap().parse::<SocketAddr>().unwrap();
    let genesis = wardline_ledger::Canonical::decode(&fs::read(folder.join("genesis.bin")).unwrap()).unwrap();
    let key = fs::read_to_string(folder.join("branch.key")).unwrap();
    let secrets = BranchSecrets::open(&key, &passphrase(&folder.join("passphrase"))).unwrap();
    let branch = wardline_ledger::BranchId(file["branch"].as_integer().unwrap().try_into().unwrap());
    let mut settings = NodeSettings::new(
        genesis,
        branch,
        folder.join("data"),
        secrets,
        address("api_listen"),
        address("main_listen"),
        Some(address("side_listen")),
    );
    settings.allow_demo = true;
    settings
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn print(what: &str, took: &mut [Duration]) {
    took.sort();
    let at = |percent: usize| ms(took[(took.len() - 1) * percent / 100]);
    println!(
        "{what}: median {:.1} ms, p90 {:.1}, p99 {:.1}, max {:.1} ({} runs)",
        at(50),
        at(90),
        at(99),
        at(100),
        took.len()
    );
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

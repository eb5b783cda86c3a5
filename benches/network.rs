//! Figures of a real group: the demo's branches, seeded by the built program, then run in this process.
//!
//! `cargo bench --bench network` prints medians and percentiles; nothing here is a test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run says so by failing"
)]
#![allow(dead_code, reason = "the benchmarks share measure.rs, and none needs all of it")]

mod measure;

use measure::{cpu_seconds, group, histories, ms, passphrase, print, resident_kib};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use wardline_client::{Cell, Group, NewRecord};
use wardline_crypto::OsEntropy;
use wardline_ledger::{Chain, RecordId};
use wardline_node::{BranchSecrets, Node, NodeSettings};
use wardline_policy::Purpose;

const SUBMISSIONS: usize = 300;
const HISTORIES: usize = 30;
/// Records of each of the four branches in a round of the bulk benchmark.
const BULK: usize = 500;
const BULK_ROUNDS: usize = 3;
const IDLE: Duration = Duration::from_secs(30);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let (demo, _) = measure::demo(&dir, &[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let number = longest(&dir);

    // a first look lets caches and connections settle before anything is weighed
    runtime.block_on(histories(&dir, &number, 2));
    println!("demo, resident memory: {} MiB", resident_kib(demo.id()) / 1024);
    let (cpu, at) = (cpu_seconds(demo.id()), Instant::now());
    std::thread::sleep(IDLE);
    let seconds = cpu_seconds(demo.id()) - cpu;
    println!(
        "demo, idle for {} s: {:.2} % of a core",
        IDLE.as_secs(),
        100.0 * seconds / at.elapsed().as_secs_f64()
    );
    let resident = measure::console(&dir, &number);
    println!("console process with the longest history open, resident memory: {} MiB", resident / 1024);
    let mut took = runtime.block_on(histories(&dir, &number, HISTORIES));
    print("longest history, fetched, proven, verified, opened", &mut took);
    measure::end(demo);

    runtime.block_on(finality(&dir));
}

/// The first made-up patient is the one with the longest history.
fn longest(dir: &Path) -> String {
    let people: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("people.json")).unwrap()).unwrap();
    people[0]["mrn"].as_str().unwrap().to_owned()
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
    let mut took = verified(&group, patient, &nodes).await;
    print("final at a node to VERIFIED on the console", &mut took);
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
        let (cpu, at) = (cpu_seconds(std::process::id()), Instant::now());
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
        let cpu = cpu_seconds(std::process::id()) - cpu;
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

/// From the moment that the console's own node has applied a block until the console has verified that node's stream of
/// it: the certificate's way over TLS, the console's check of it and its table of cells.
async fn verified(group: &Group, patient: wardline_ledger::PatientId, nodes: &[Node]) -> Vec<Duration> {
    let _changes = group.watch();
    let is_verified = |height: u64| {
        let strip = group.strip(Chain::Side, 4);
        let own = strip.branches.iter().position(|branch| branch.own).unwrap();
        let row = strip.rows.iter().find(|row| row.height == height);
        row.is_some_and(|row| row.cells[own].cell == Cell::Verified)
    };
    let height = || nodes[0].heights().1.unwrap();
    while !is_verified(height()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut took = Vec::new();
    for _ in 0..SUBMISSIONS {
        let due = height() + 1;
        let asking = group.clone();
        let looking = tokio::spawn(async move {
            asking.look_up(patient, Purpose::Treatment, "benchmark").await.unwrap();
        });
        while height() < due {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let at = Instant::now();
        while !is_verified(due) {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took.push(at.elapsed());
        looking.await.unwrap();
    }
    took
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

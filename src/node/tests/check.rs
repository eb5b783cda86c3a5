//! A stopped branch's directory, made by a real network, and everything that can happen to its files.

mod damage;
mod flips;
mod repaired;

use super::{
    asker::{Running, now_s},
    release::{identities, keep_record, query},
    world::{World, lookup_id, patient_id, record_id},
};
use crate::{CheckProgress, CheckReport, CheckVerdict, check};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use wardline_ledger::BranchId;
use wardline_policy::{Purpose, RecordKind};
use wardline_store::{FileKind, StoppedFile};

/// Short, so that the validators are handed over a few times.
const EPOCH: u64 = 3;

/// Branches that have enrolled, kept, linked, looked up, agreed, and published what they released.
pub(super) async fn lived() -> Running {
    let world = World::with_epochs(now_s(), EPOCH);
    let running = Running::start_in(world, &[1, 2, 3, 4], |limits| limits.audit_after_s = 1).await;
    let world = &running.world;
    let [registrar, ward, doctor] =
        ["registrar 1", "ward 1", "ward 2"].map(|name| world.session(name, now_s()));
    let patient = patient_id("mei");
    identities(&running, &registrar, &doctor).await;
    running.make_final(1, &registrar, "side", &world.enrol(&registrar, patient)).await;
    for name in ["visit", "operation", "allergy", "receipt"] {
        let record = record_id(name);
        keep_record(&running, &ward, record, &[1, 2, 3]).await;
        running.make_final(1, &ward, "side", &world.link(&ward, record, patient, 1)).await;
        let storage = world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2]);
        running.make_final(1, &ward, "main", &storage).await;
    }
    // Kept, and not agreed yet.
    keep_record(&running, &ward, record_id("pending"), &[1, 2]).await;
    let asked = world.lookup(&doctor, lookup_id("advice"), patient, Purpose::Treatment);
    running.make_final(1, &doctor, "side", &asked).await;
    let (status, answer) =
        running.post(1, &doctor, "/v1/records/keys", query("advice", "mei", &["visit", "allergy"])).await;
    assert_eq!(status, 200, "{answer}");
    let auditor = world.session("auditor 1", now_s());
    running
        .until("the log is published and settled", async || {
            let (_, status) = running.get(1, &auditor, "/v1/status").await;
            let quiet = status["main"]["waiting"] == 0 && status["side"]["waiting"] == 0;
            quiet && status["main"]["certificate"].is_string() && status["side"]["certificate"].is_string()
        })
        .await;
    running
}

/// A copy of a directory, without the engine's files.
pub(super) fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    to.to_owned()
}

pub(super) fn look(running_world: &World, directory: &Path, scratch: &Path) -> CheckReport {
    check(&running_world.genesis, directory, Some(BranchId(1)), scratch, &mut |_| {}).unwrap()
}

pub(super) fn told(report: &CheckReport) -> String {
    let faults = report.faults.iter().map(|fault| format!("{fault:?}\n")).collect::<String>();
    format!("{faults}{:?}\n{:?}", report.unchecked, report.beside)
}

fn bytes_of(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_directory_is_called_whole_and_is_not_touched() {
    let mut running = lived().await;
    let home = TempDir::new().unwrap();
    let directory = running.directory(1);
    let refused = check(&running.world.genesis, &directory, None, home.path(), &mut |_| {});
    assert!(refused.unwrap_err().to_string().contains("in use"), "a node runs on it");
    // As a power cut leaves it: most lies in the logs.
    let cut = copy(&directory, &home.path().join("cut"));
    running.stop_branch(1).await;

    let before = bytes_of(&directory);
    let mut heard = Vec::new();
    let report =
        check(&running.world.genesis, &directory, None, home.path(), &mut |at| heard.push(at)).unwrap();
    assert_eq!(report.verdict(), CheckVerdict::Whole, "{}", told(&report));
    assert_eq!(bytes_of(&directory), before, "a byte was changed or a file made");
    assert_eq!(report.branch, Some(BranchId(1)), "the audit log says whose it is");
    let [main, side] = report.chains.as_slice() else { panic!("{:?}", report.chains) };
    assert!(main.proven > EPOCH && main.proven == main.replayed && side.proven >= 6, "{:?}", report.chains);
    // One is pending, and two people are not enrolled.
    assert_eq!((report.vault.open, report.vault.stanzas > 4), (1 + 2, true), "{:?}", report.vault);
    assert!(report.vault.audit > 5 && report.vault.tokens > 0);
    assert!(report.beside.iter().any(|line| line.starts_with("engine/")), "{:?}", report.beside);
    assert!(heard.iter().any(|at| matches!(at, CheckProgress::Audit(_))));
    assert!(fs::read_dir(home.path()).unwrap().count() == 1, "what was built beside is removed");

    let before = bytes_of(&cut);
    assert!(before.iter().any(|(path, bytes)| path.ends_with("main.sqlite-wal") && bytes.len() > 4096));
    let report = look(&running.world, &cut, home.path());
    assert_eq!(report.verdict(), CheckVerdict::Whole, "{}", told(&report));
    assert_eq!(bytes_of(&cut), before);
    damaged_logs_are_told(&cut);
    running.stop().await;
}

/// SQLite stops reading a log silently where it does not check; here that is told, or nothing was lost.
fn damaged_logs_are_told(directory: &Path) {
    let (file, log) = (directory.join("main.sqlite"), directory.join("main.sqlite-wal"));
    let read = || StoppedFile::open(&file, FileKind::Chain).unwrap().unwrap();
    let (whole, original) = (read().digest_of_rows(), fs::read(&log).unwrap());
    let (mut told, mut same) = (0, 0);
    let mut judge = |bytes: &[u8], what: &str| {
        fs::write(&log, bytes).unwrap();
        let file = read();
        let mut named = false;
        file.structure(&mut |_| named = true);
        assert!(named || file.digest_of_rows() == whole, "{what}");
        if named { told += 1 } else { same += 1 }
    };
    for at in (0..original.len()).step_by(1499).chain(0..64) {
        let mut bytes = original.clone();
        bytes[at] ^= 1 << (at % 8);
        judge(&bytes, &format!("byte {at}"));
    }
    // Where a commit ends nothing can tell that there was another one.
    for at in (0..original.len()).step_by(4096) {
        let mut bytes = original.clone();
        bytes.truncate(at);
        bytes.resize(original.len(), 0x5a);
        judge(&bytes, &format!("garbage from byte {at}"));
    }
    assert!(told > 20, "{told} {same}");
}

#[test]
fn what_a_killed_check_left_is_removed_and_what_is_in_use_is_not() {
    let home = TempDir::new().unwrap();
    let used = crate::Scratch::make(home.path()).unwrap();
    // As it lies when its process was killed: nobody holds the lock.
    let left = home.path().join("wardline-check-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("in-use.lock"), "").unwrap();
    fs::write(left.join("side.sqlite"), "a copy").unwrap();
    let other = home.path().join("wardline-check");
    fs::create_dir(&other).unwrap();
    let next = crate::Scratch::make(home.path()).unwrap();
    assert!(!left.exists() && other.exists() && used.path().exists());
    let path = next.path().to_owned();
    drop(next);
    assert!(!path.exists());
}

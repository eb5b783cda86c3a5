//! Refused jobs, failed commits, killed processes, torn logs.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use rusqlite::Connection;
use wardline_crypto::merkle;

use super::*;
use crate::StoreError;

/// Names the directory that a child of this test binary writes to until it is killed.
const CHILD: &str = "WARDLINE_STORE_TEST_CHILD";

fn insert_token(connection: &Connection, number: u8) -> crate::Result<()> {
    connection.execute("INSERT INTO token (token, patient) VALUES (?1, ?1)", [[number; 16]])?;
    Ok(())
}

#[test]
fn a_refused_job_leaves_nothing_and_its_group_commits() {
    let home = directory();
    let vault = vault(&home);
    let writer = &vault.database.writer;
    // The first job holds the thread until all the others wait, so that they are one group.
    let (open_gate, gate) = channel::<()>();
    let first = writer.submit(move |_| {
        gate.recv().unwrap();
        Ok(())
    });
    let jobs: Vec<_> = (0..20)
        .map(|number| {
            writer.submit(move |connection| {
                insert_token(connection, number)?;
                match number % 3 {
                    0 => Err(StoreError::OtherEnvelope),
                    1 => insert_token(connection, number), // breaks the primary key
                    _ => Ok(()),
                }
            })
        })
        .collect();
    open_gate.send(()).unwrap();
    first.wait().unwrap();
    for (number, job) in (0_u8..).zip(jobs) {
        let outcome = job.wait();
        match number % 3 {
            0 => assert!(matches!(outcome, Err(StoreError::OtherEnvelope))),
            1 => assert!(matches!(outcome, Err(StoreError::Database(_)))),
            _ => outcome.unwrap(),
        }
        let found = vault.search(&[[number; 16]], 1).unwrap().len();
        assert_eq!(found, usize::from(number % 3 == 2), "{number}");
    }
    assert!(vault.failure().is_none());
}

#[test]
fn a_full_disk_is_an_error_and_stops_all_writing() {
    let home = directory();
    {
        let vault = vault(&home);
        vault.append_audit(|_| b"before".to_vec()).unwrap();
        vault
            .database
            .write(|writer| {
                let pages: i64 = writer.query_row("PRAGMA page_count", [], |row| row.get(0))?;
                writer.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
                Ok(())
            })
            .unwrap();
        let full = put(&vault, envelope(1, 1 << 20)).unwrap_err();
        assert!(matches!(full, StoreError::Poisoned { .. }));
        assert!(full.to_string().contains("full"), "{full}");
        let later = vault.append_audit(|_| b"after".to_vec()).unwrap_err();
        assert_eq!(later.to_string(), full.to_string());
        assert!(matches!(vault.failure(), Some(StoreError::Poisoned { .. })));
        // Reading goes on, and shows nothing of what failed.
        assert_eq!(vault.audit(0, 10).unwrap().len(), 1);
        assert_eq!(vault.first_kept(&[1; 16], 1, 1).unwrap(), None);
    }
    let vault = vault(&home);
    assert_eq!(vault.audit(0, 10).unwrap(), [(0, b"before".to_vec())]);
    put(&vault, envelope(1, 1 << 20)).unwrap();
}

#[test]
fn a_failed_commit_fails_its_whole_group_and_everything_after() {
    let home = directory();
    {
        let vault = vault(&home);
        let writer = &vault.database.writer;
        let (open_gate, gate) = channel::<()>();
        let first = writer.submit(move |connection| {
            gate.recv().unwrap();
            insert_token(connection, 1)
        });
        // SQLite checks a deferred foreign key when it commits: the nearest there is to a disk
        // that refuses the commit itself.
        let cause = writer.submit(|connection| {
            connection.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            connection.execute("INSERT INTO stanza (envelope, bytes) VALUES (99, x'00')", [])?;
            Ok(())
        });
        let behind = writer.submit(|connection| insert_token(connection, 2));
        open_gate.send(()).unwrap();
        for job in [first, cause, behind] {
            assert!(matches!(job.wait(), Err(StoreError::Poisoned { .. })));
        }
        assert!(matches!(put(&vault, envelope(3, 10)), Err(StoreError::Poisoned { .. })));
        assert!(vault.failure().is_some());
    }
    let vault = vault(&home);
    for number in 1..=3 {
        assert_eq!(vault.search(&[[number; 16]], 1).unwrap().len(), 0, "{number}");
    }
}

#[test]
fn a_job_that_panics_stops_all_writing() {
    let home = directory();
    let vault = vault(&home);
    let outcome = vault.append_audit(|_| panic!("made to panic by a test"));
    assert!(matches!(outcome, Err(StoreError::Poisoned { .. })));
    assert!(matches!(vault.append_audit(|_| Vec::new()), Err(StoreError::Poisoned { .. })));
    assert_eq!(vault.audit_root().unwrap().0, 0);
}

#[test]
fn a_long_log_is_carried_over_to_the_file() {
    let home = directory();
    let vault = vault(&home);
    for seed in 0..40 {
        put(&vault, envelope(seed, 256 << 10)).unwrap();
    }
    let length = |name: &str| home.path().join(name).metadata().unwrap().len();
    assert!(length("vault.sqlite") > 5 << 20);
    assert!(length("vault.sqlite-wal") < 8 << 20, "{}", length("vault.sqlite-wal"));
}

/// Not a test of its own: what the child process of the next one does.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let vault = Vault::open(Path::new(&home).join("vault.sqlite")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let vault = &vault;
            scope.spawn(move || {
                for round in 0..u8::MAX {
                    let (number, leaf) =
                        vault.append_audit(move |number| vec![thread; number as usize % 300]).unwrap();
                    let mut kept = envelope(thread, 20_000);
                    kept.object[1] = round;
                    put(vault, kept).unwrap();
                    // Straight to the pipe: one write, so that lines stay whole.
                    let line = format!("kept {number} {leaf} {thread} {round}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill() {
    for lines_before_kill in [1, 30, 200] {
        let home = directory();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::faults::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while text.lines().filter(|line| line.starts_with("kept")).count() < lines_before_kill {
            assert_ne!(output.read_line(&mut text).unwrap(), 0, "the child ended early");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        output.read_to_string(&mut text).unwrap();

        let vault = vault(&home);
        let (size, root) = vault.audit_root().unwrap();
        let leaves = vault.audit_leaves(size).unwrap();
        assert_eq!(merkle::root(&leaves), root);
        for line in text.lines().filter(|line| line.starts_with("kept")) {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, number, leaf, thread, round] = words[..] else { panic!("{line}") };
            assert_eq!(leaves[number.parse::<usize>().unwrap()].to_string(), leaf);
            let mut object = [thread.parse::<u8>().unwrap(); 16];
            object[1] = round.parse().unwrap();
            let pointer = vault.first_kept(&object, 1, 1).unwrap().unwrap();
            assert_eq!(vault.envelope(&object, 1, &pointer).unwrap().unwrap().len(), 20_000);
        }
        vault.append_audit(|_| b"and it goes on".to_vec()).unwrap();
    }
}

/// What a power cut leaves of the log is a beginning of it, or one with a damaged page.
#[test]
fn a_torn_or_damaged_log_gives_a_whole_beginning() {
    let home = directory();
    let vault_at = |home: &TempDir| vault(home);
    let running = vault_at(&home);
    for number in 0..30_usize {
        running.append_audit(move |_| vec![number as u8; number * 40]).unwrap();
    }
    let file = std::fs::read(home.path().join("vault.sqlite")).unwrap();
    let log = std::fs::read(home.path().join("vault.sqlite-wal")).unwrap();
    let reopen = |log: &[u8]| {
        let copy = directory();
        std::fs::write(copy.path().join("vault.sqlite"), &file).unwrap();
        std::fs::write(copy.path().join("vault.sqlite-wal"), log).unwrap();
        let vault = vault_at(&copy);
        let (size, root) = vault.audit_root().unwrap();
        assert_eq!(merkle::root(&vault.audit_leaves(size).unwrap()), root);
        let entries = vault.audit(0, usize::from(u8::MAX)).unwrap();
        assert_eq!(entries.len() as u64, size);
        for (number, entry) in entries {
            assert_eq!(entry, vec![number as u8; number as usize * 40]);
        }
        assert_eq!(vault.append_audit(|_| b"next".to_vec()).unwrap().0, size);
        size
    };
    assert_eq!(reopen(&log), 30);
    // A file whose schema was in the lost part is made anew, so start past the schema.
    let start = log.len() / 3;
    let mut newest = 0;
    for cut in (start..log.len()).step_by(3001) {
        let size = reopen(&log[..cut]);
        assert!(size >= newest, "a longer log gave less");
        newest = size;
        let mut damaged = log.clone();
        damaged[cut] ^= 1;
        assert!(reopen(&damaged) <= 30);
    }
    assert!(newest > 0);
}

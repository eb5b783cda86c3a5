//! Opening: modes, locks, formats.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;
use crate::{FileKind, StoppedFile, StoppedLock, StoreError};

#[test]
fn files_are_readable_to_their_owner_only() {
    let home = directory();
    let inside = home.path().join("branch");
    let vault = Vault::open(inside.join("vault.sqlite")).unwrap();
    put(&vault, envelope(1, 10)).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inside), 0o700);
    let mut names = Vec::new();
    for entry in inside.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["vault.sqlite", "vault.sqlite-shm", "vault.sqlite-wal", "vault.sqlite.lock"]);
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let home = directory();
    let first = chain(&home);
    let path = home.path().join("main.sqlite");
    let Err(refused) = ChainStore::open(&path) else { panic!("opened twice") };
    assert!(matches!(refused, StoreError::Locked { .. }));
    let text = refused.to_string();
    assert!(text.contains(&*home.path().to_string_lossy()) && text.contains("main.sqlite"), "{text}");
    // Another file of the same directory is free.
    drop(vault(&home));
    drop(first);
    assert!(ChainStore::open(&path).is_ok());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let home = directory();
    drop(vault(&home));
    let path = home.path().join("vault.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 4).unwrap();
    let before = std::fs::read(&path).unwrap();
    let Err(refused) = Vault::open(&path) else { panic!("opened a newer format") };
    assert!(matches!(refused, StoreError::NewerFormat { found: 4, known: 3, .. }), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    let home = directory();
    drop(vault(&home));
    let as_chain = ChainStore::open(home.path().join("vault.sqlite"));
    assert!(matches!(as_chain, Err(StoreError::ForeignFile { kind: "chain", .. })));

    let text = home.path().join("notes.txt");
    let notes = "not a database, and long enough to be read as the header of one: ".repeat(20);
    std::fs::write(&text, &notes).unwrap();
    assert!(matches!(Vault::open(&text), Err(StoreError::ForeignFile { kind: "vault", .. })));
    assert_eq!(std::fs::read_to_string(&text).unwrap(), notes);

    let foreign = home.path().join("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(Vault::open(&foreign), Err(StoreError::ForeignFile { .. })));
}

#[test]
fn every_connection_has_the_durable_settings() {
    let home = directory();
    let vault = vault(&home);
    let number = |connection: &Connection, name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap()
    };
    vault
        .database
        .write(move |writer| {
            let full = 2;
            assert_eq!(number(writer, "synchronous"), full);
            assert_eq!(number(writer, "foreign_keys"), 1);
            assert_eq!(number(writer, "secure_delete"), 1);
            assert_eq!(number(writer, "cache_size"), -2048);
            Ok(())
        })
        .unwrap();
    let written = vault.database.read(|reader| {
        assert_eq!(number(reader, "cache_size"), -1024);
        Ok(reader.execute("DELETE FROM envelope", [])?)
    });
    assert!(written.is_err(), "a read connection wrote");
}

#[test]
fn a_directory_without_lock_files_is_held_by_who_writes_in_it() {
    let home = directory();
    drop(chain(&home));
    let (path, lock) = (home.path().join("main.sqlite"), home.path().join("main.sqlite.lock"));
    std::fs::remove_file(&lock).unwrap();
    drop(StoppedLock::take(home.path(), &["main.sqlite"]).unwrap());
    assert!(!lock.exists(), "who reads makes no file");
    let held = StoppedLock::make(home.path(), &["main.sqlite"]).unwrap();
    assert!(matches!(ChainStore::open(&path), Err(StoreError::Locked { .. })));
    assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(held);
    assert!(ChainStore::open(&path).is_ok());
}

#[test]
fn a_commit_that_others_follow_is_not_lost_by_a_power_cut() {
    let home = directory();
    let (store, path) = (vault(&home), home.path().join("vault.sqlite"));
    for seed in 1..4 {
        put(&store, envelope(seed, 10)).unwrap();
    }
    let cut = directory();
    let copy = cut.path().join("vault.sqlite");
    std::fs::copy(&path, &copy).unwrap();
    let whole = std::fs::read(path.with_extension("sqlite-wal")).unwrap();
    let frame = 24 + 4096;
    let commits: Vec<usize> = (0..(whole.len() - 32) / frame)
        .map(|number| 32 + number * frame)
        .filter(|at| whole[at + 4..at + 8] != [0; 4])
        .collect();
    assert!(commits.len() >= 3, "{commits:?}");
    let doubts = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at + 24 + 100] ^= 1;
        std::fs::write(copy.with_extension("sqlite-wal"), bytes).unwrap();
        let mut doubts = Vec::new();
        let file = StoppedFile::open(&copy, FileKind::Vault).unwrap().unwrap();
        file.structure(&mut |fault| {
            if fault.what.contains("does not check from here on") {
                doubts.push(fault.doubt);
            }
        });
        doubts
    };
    let (last, others) = commits.split_last().unwrap();
    for at in others {
        assert_eq!(doubts(*at), [false], "frame at {at}");
    }
    assert_eq!(doubts(*last), [true], "the last may not have been written to its end");
}

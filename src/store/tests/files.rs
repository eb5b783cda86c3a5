//! Opening: modes, locks, formats.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;
use crate::StoreError;

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

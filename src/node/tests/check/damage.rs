//! Damage as it happens and as it is done: each is named, with the file and a place in it.

use super::{copy, lived, look, told};
use crate::{CheckReport, CheckVerdict, tests::asker::Running};
use rusqlite::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Header, RegistryEntry, decode_body, encode_body, transaction_root,
};
use wardline_store::checksums;

const PAGE: usize = 4096;

pub(super) fn sql(directory: &Path, file: &str, statements: &str) {
    let connection = Connection::open(directory.join(file)).unwrap();
    connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statements}")).unwrap();
    connection.close().unwrap();
}

fn pages(directory: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = directory.join(file);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// The page that a table or index begins at.
fn root(directory: &Path, file: &str, table: &str) -> usize {
    let connection = Connection::open(directory.join(file)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: i64 = connection.query_row(sql, [table], |row| row.get(0)).unwrap();
    connection.close().unwrap();
    usize::try_from(root).unwrap()
}

fn flip_in(directory: &Path, file: &str, table: &str, column: &str, row: u32) {
    sql(
        directory,
        file,
        &format!(
            "UPDATE {table} SET {column} = CAST(substr({column}, 1, length({column}) - 1) || \
             CASE WHEN substr({column}, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) \
             WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {row})"
        ),
    );
}

/// An administrator's rewrite: a transaction less in a block, and every root and hash after it made to fit.
pub(super) fn rewrite(directory: &Path, file: &str, from: u64) {
    let connection = Connection::open(directory.join(file)).unwrap();
    let bytes = |table: &str, height: u64| -> Option<Vec<u8>> {
        let sql = format!("SELECT bytes FROM {table} WHERE height = ?1");
        connection.query_row(&sql, [height as i64], |row| row.get(0)).ok()
    };
    let mut parent = None;
    for height in from.. {
        let Some(header) = bytes("header", height) else { break };
        let mut header = Header::decode(&header).unwrap();
        if let Some(parent) = parent {
            header.parent = parent;
        } else {
            let mut transactions = decode_body(&bytes("body", height).unwrap()).unwrap();
            transactions.pop().unwrap();
            header.transactions -= 1;
            header.transaction_root = transaction_root(&transactions);
            let body = encode_body(&transactions);
            connection
                .execute("UPDATE body SET bytes = ?1 WHERE height = ?2", (body, height as i64))
                .unwrap();
        }
        let encoded = header.encode();
        let digest = Digest::of(&encoded);
        parent = Some(digest);
        let sql = "UPDATE header SET bytes = ?1, digest = ?2 WHERE height = ?3";
        connection.execute(sql, (encoded, digest.bytes(), height as i64)).unwrap();
    }
    connection.close().unwrap();
}

/// An agreed envelope is gone, and an unagreed draft of the same version is there.
fn only_a_draft(directory: &Path) {
    let connection = Connection::open(directory.join("vault.sqlite")).unwrap();
    let (number, object, mut bytes): (i64, [u8; 16], Vec<u8>) = connection
        .query_row("SELECT min(number), object, bytes FROM envelope WHERE content = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let pointer = Digest::of(&bytes);
    let header = wardline_crypto::peek(&bytes).unwrap();
    let sum = checksums::of_envelope(&object, header.version, 1, None, None, pointer.bytes());
    let next: i64 =
        connection.query_row("SELECT max(number) + 1 FROM envelope", [], |row| row.get(0)).unwrap();
    // The agreed one's wrapped key stays, and the draft has one like it.
    let stanza: Vec<u8> = connection
        .query_row("SELECT bytes FROM stanza WHERE envelope = ?1", [number], |row| row.get(0))
        .unwrap();
    let key_sum = checksums::of_stanza(pointer.bytes(), &stanza);
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    let sql = "UPDATE envelope SET number = ?1, bytes = ?2, pointer = ?3, checksum = ?4, home = NULL, author = NULL \
               WHERE number = ?5";
    connection.execute(sql, rusqlite::params![next, bytes, pointer.bytes(), sum, number]).unwrap();
    let sql = "INSERT INTO stanza (envelope, bytes, checksum) VALUES (?1, ?2, ?3)";
    connection.execute(sql, rusqlite::params![next, stanza, key_sum]).unwrap();
    connection.close().unwrap();
}

type Deed = fn(&Path);

/// What is done, in which file, and a word that must be told of the first fault; repair by peers brings all back
/// but the last ones.
pub(super) const DEEDS: &[(&str, &str, &str, Deed)] = &[
    ("relinked rewrite", "main.sqlite", "validators signed", |at| rewrite(at, "main.sqlite", 2)),
    ("relinked rewrite of the side chain", "side.sqlite", "validators signed", |at| {
        rewrite(at, "side.sqlite", 3)
    }),
    ("certificates dropped and rewritten", "main.sqlite", "certificate is missing", |at| {
        sql(at, "main.sqlite", "DELETE FROM certificate WHERE height >= 2");
        rewrite(at, "main.sqlite", 2);
    }),
    ("a changed body", "main.sqlite", "commits to", |at| flip_in(at, "main.sqlite", "body", "bytes", 2)),
    ("a changed certificate", "side.sqlite", "", |at| flip_in(at, "side.sqlite", "certificate", "bytes", 0)),
    ("a changed header", "side.sqlite", "", |at| flip_in(at, "side.sqlite", "header", "bytes", 3)),
    ("a changed digest", "side.sqlite", "digest is not the header's", |at| {
        flip_in(at, "side.sqlite", "header", "digest", 3)
    }),
    ("a changed handover", "main.sqlite", "", |at| flip_in(at, "main.sqlite", "handover", "value", 0)),
    ("a changed state value", "main.sqlite", "agreed blocks lead to", |at| {
        sql(
            at,
            "main.sqlite",
            "UPDATE state SET value = CAST(value || x'00' AS BLOB) WHERE key = (SELECT max(key) FROM state)",
        );
    }),
    ("a forged state row", "side.sqlite", "nothing agreed", |at| {
        sql(at, "side.sqlite", "INSERT INTO state VALUES (x'20000000000000000000000000000000ff', x'00')");
    }),
    ("a deleted tree node", "main.sqlite", "missing", |at| {
        sql(at, "main.sqlite", "DELETE FROM tree WHERE key = (SELECT min(key) FROM tree)");
    }),
    ("a deleted block", "main.sqlite", "missing", |at| {
        sql(at, "main.sqlite", "DELETE FROM header WHERE height = 3")
    }),
    ("a deleted link", "side.sqlite", "missing", |at| {
        sql(at, "side.sqlite", "DELETE FROM link WHERE position = 1")
    }),
    ("swapped pages", "main.sqlite", "", |at| {
        let (a, b) = (root(at, "main.sqlite", "body"), root(at, "main.sqlite", "state"));
        pages(at, "main.sqlite", |bytes| {
            let (a, b) = ((a - 1) * PAGE, (b - 1) * PAGE);
            let first: Vec<u8> = bytes[a..a + PAGE].to_vec();
            bytes.copy_within(b..b + PAGE, a);
            bytes[b..b + PAGE].copy_from_slice(&first);
        });
    }),
    ("a duplicated tail", "side.sqlite", "header says", |at| {
        pages(at, "side.sqlite", |bytes| {
            let tail = bytes[bytes.len() - 2 * PAGE..].to_vec();
            bytes.extend_from_slice(&tail);
        });
    }),
    ("a truncated file", "main.sqlite", "header says", |at| {
        pages(at, "main.sqlite", |bytes| bytes.truncate(bytes.len() / 2 + 100));
    }),
    ("a zeroed page", "main.sqlite", "another kind", |at| {
        let page = root(at, "main.sqlite", "tree");
        pages(at, "main.sqlite", |bytes| bytes[(page - 1) * PAGE..page * PAGE].fill(0));
    }),
    ("a missing file", "side.sqlite", "missing", |at| fs::remove_file(at.join("side.sqlite")).unwrap()),
    ("a dropped index", "main.sqlite", "schema", |at| {
        sql(at, "main.sqlite", "CREATE TABLE extra (a)");
    }),
    ("a hand-edited envelope", "vault.sqlite", "SHA-256", |at| {
        sql(
            at,
            "vault.sqlite",
            "UPDATE envelope SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE content = 1 AND number = \
             (SELECT min(number) FROM envelope WHERE content = 1)",
        );
    }),
    ("a deleted envelope", "vault.sqlite", "", |at| {
        sql(
            at,
            "vault.sqlite",
            "DELETE FROM envelope WHERE number = (SELECT min(number) FROM envelope WHERE content = 1)",
        );
    }),
    ("a draft in the place of an envelope", "vault.sqlite", "", only_a_draft),
];

/// What only this branch knows: named, and a repair can only say so.
pub(super) const LOSSES: &[(&str, &str, &str, Deed)] = &[
    ("a deleted wrapped key", "vault.sqlite", "wrapped key", |at| {
        sql(
            at,
            "vault.sqlite",
            "DELETE FROM stanza WHERE envelope = (SELECT max(number) FROM envelope WHERE content = 1)",
        );
    }),
    ("a changed wrapped key", "vault.sqlite", "wrapped key", |at| {
        flip_in(at, "vault.sqlite", "stanza", "bytes", 2)
    }),
    ("a changed audit entry", "vault.sqlite", "leaf", |at| flip_in(at, "vault.sqlite", "audit", "entry", 1)),
    ("a changed search token", "vault.sqlite", "token", |at| {
        sql(at, "vault.sqlite", "UPDATE token SET token = CAST(x'00' || substr(token, 2) AS BLOB)");
    }),
];

fn first(report: &CheckReport) -> String {
    format!("{:?}", report.faults.first())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_damage_is_named_with_its_place() {
    let mut running = lived().await;
    let home = TempDir::new().unwrap();
    running.stop_branch(1).await;
    let whole = running.directory(1);
    for (number, (name, file, word, deed)) in DEEDS.iter().chain(LOSSES).enumerate() {
        let directory = copy(&whole, &home.path().join(number.to_string()));
        deed(&directory);
        let report = look(&running.world, &directory, home.path());
        assert_eq!(report.verdict(), CheckVerdict::Wrong, "{name}: {}", told(&report));
        let where_it_is = if name.contains("truncated") { told(&report) } else { first(&report) };
        assert!(where_it_is.contains(file) && where_it_is.contains(word), "{name}: {}", told(&report));
        let placed = report.faults.iter().filter(|fault| fault.file == *file).any(|fault| {
            let length = directory.join(file).metadata().map_or(0, |found| found.len());
            fault
                .place
                .is_some_and(|place| place.start < place.end && place.end <= length.max(place.start + 1))
        });
        assert!(placed || name.contains("missing"), "{name}: {}", told(&report));
    }
    an_edited_value_is_named_to_the_byte(&running, &whole, home.path());
    older_copies(running, home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_branch_that_reads_an_altered_envelope_calls_itself_unwell() {
    let mut running = lived().await;
    running.stop_branch(1).await;
    let deed = DEEDS.iter().find(|(name, ..)| *name == "a hand-edited envelope").unwrap().3;
    deed(&running.directory(1));
    running.start_branch(1).await;
    let auditor = running.world.session("auditor 1", super::now_s());
    let healthy = async || running.get(1, &auditor, "/v1/status").await.1["main"]["healthy"] == true;
    running.until("it has started", async || healthy().await).await;
    let names = ["visit", "operation", "allergy", "receipt", "pending"]
        .map(|name| super::record_id(name).to_string());
    let asked = serde_json::json!({ "records": names });
    running
        .until("it is fresh, and gives what it has", async || {
            running.post(1, &auditor, "/v1/records/envelopes", asked.clone()).await.0 == 200
        })
        .await;
    assert!(!healthy().await);
    running.stop().await;
}

/// The place is that of the changed byte, and of nothing else.
fn an_edited_value_is_named_to_the_byte(running: &Running, whole: &Path, home: &Path) {
    let directory = copy(whole, &home.join("byte"));
    let path = directory.join("main.sqlite");
    let wanted = {
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT value FROM state ORDER BY key LIMIT 1 OFFSET 3";
        let value: Vec<u8> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        connection.close().unwrap();
        value
    };
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap() + 7;
    bytes[at] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let report = look(&running.world, &directory, home);
    let [fault] = report.faults.as_slice() else { panic!("{}", told(&report)) };
    let place = fault.place.unwrap();
    assert_eq!((place.start, place.end), (at as u64, at as u64 + 1), "{}", told(&report));
}

/// A file from before is whole by itself, and the others know better.
async fn older_copies(mut running: Running, home: TempDir) {
    let before = copy(&running.directory(1), &home.path().join("before"));
    running.start_branch(1).await;
    let ward = running.world.session("ward 1", super::now_s());
    let record = super::record_id("later");
    super::keep_record(&running, &ward, record, &[1, 2, 3]).await;
    let storage = running.world.storage(&ward, record, 1, super::RecordKind::Visit, &[1, 2]);
    running.make_final(1, &ward, "main", &storage).await;
    super::keep_record(&running, &ward, super::record_id("last"), &[1]).await;
    running.stop_branch(1).await;
    for (file, word) in [("main.sqlite", "older copy"), ("vault.sqlite", "signed that it holds it")] {
        let directory = copy(&running.directory(1), &home.path().join(format!("old-{file}")));
        let now = look(&running.world, &directory, home.path());
        assert_ne!(now.verdict(), CheckVerdict::Wrong, "{}", told(&now));
        let from: PathBuf = before.join(file);
        fs::copy(from, directory.join(file)).unwrap();
        let report = look(&running.world, &directory, home.path());
        assert_eq!(report.verdict(), CheckVerdict::Wrong, "{file}: {}", told(&report));
        assert!(told(&report).contains(word), "{file}: {}", told(&report));
        let mended = super::repaired::mend(&running, &directory);
        // Entries of the log that are published and lost stay lost; blocks come back.
        let wrong = mended.faults.iter().filter(|fault| !fault.doubt);
        assert!(wrong.clone().all(|fault| fault.table.as_deref() == Some("audit")), "{}", told(&mended));
        assert!(file == "vault.sqlite" || wrong.count() == 0, "{}", told(&mended));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_became_trusted_later_needs_the_side_chain_too() {
    let mut running = lived().await;
    let world = &running.world;
    let own = crate::BranchSecrets::generate(true, &mut wardline_crypto::SeededEntropy::new(6)).unwrap();
    let addresses = crate::BranchAddresses {
        api: "https://127.0.0.1:1".to_owned(),
        main: "127.0.0.1:2".to_owned(),
        side: Some("127.0.0.1:3".to_owned()),
    };
    let joins = own.participant(BranchId(6), "Branch 6", true, &addresses).unwrap();
    let joins = world.registry(1, RegistryEntry::Participant(joins));
    let operator = world.session("operator 1", super::now_s());
    running.make_final(1, &operator, "main", &joins).await;
    running.stop_branch(1).await;
    let home = TempDir::new().unwrap();
    let directory = copy(&running.directory(1), &home.path().join("six"));
    fs::remove_file(directory.join("side.sqlite")).unwrap();
    let six = Some(BranchId(6));
    let report = crate::check(&running.world.genesis, &directory, six, home.path(), &mut |_| {}).unwrap();
    let missing = |one: &wardline_store::Fault| one.file == "side.sqlite" && one.what.contains("missing");
    assert!(report.faults.iter().any(missing), "{}", told(&report));
    running.stop().await;
}

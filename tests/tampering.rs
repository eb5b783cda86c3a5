//! A branch's administrator changes what lies on the branch's own disk: every console must see it.

use crate::demo::{self, Demo};
use rusqlite::Connection;
use serde_json::Value;
use std::{fs, path::PathBuf};

const WHY: [&str; 4] = ["--purpose", "treatment", "--reason", "test of tampering"];

fn vault(demo: &Demo, branch: &str) -> PathBuf {
    demo.dir.join("branches").join(branch.to_lowercase()).join("data").join("vault.sqlite")
}

/// Everything that `visits` says about a made-up patient; it need not be whole.
fn visits(demo: &Demo, person: usize) -> (Option<i32>, Value) {
    let people: Value = serde_json::from_slice(&fs::read(demo.dir.join("people.json")).unwrap()).unwrap();
    let mrn = people[person]["mrn"].as_str().unwrap();
    let output = demo.run("supervisor", &[&["visits", mrn, "--json"], &WHY[..]].concat());
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), document)
}

fn row<'a>(history: &'a Value, record: &str) -> &'a Value {
    history["records"].as_array().unwrap().iter().find(|row| row["record"] == record).unwrap()
}

fn change(demo: &Demo, branch: &str, sql: &str, record: &str) {
    let id = data_encoding::HEXLOWER.decode(record.as_bytes()).unwrap();
    let vault = Connection::open(vault(demo, branch)).unwrap();
    vault.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(vault.execute(sql, [id]).unwrap(), 1, "nothing was changed");
}

/// Flips the last byte of an envelope, which lies under its authentication tag.
const FLIP: &str = "UPDATE envelope SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || \
    CASE WHEN substr(bytes, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) WHERE object = ?1 AND content = 1";

#[test]
fn a_changed_byte_turns_the_rows_state_and_the_record_opens_from_an_honest_copy() {
    let demo = demo::shared();
    let (code, before) = visits(demo, 1);
    assert_eq!(code, Some(0), "{before:#}");
    let victim = before["records"][0].clone();
    let (record, home) = (victim["record"].as_str().unwrap(), victim["branch_name"].as_str().unwrap());

    change(demo, home, FLIP, record);
    let (code, after) = visits(demo, 1);
    let row = row(&after, record);
    assert_eq!(row["state"], "ALTERED", "{row:#}");
    assert!(row["notes"].to_string().contains(home), "the row names who served it: {row:#}");
    assert_eq!(row["summary"], victim["summary"], "it opens from another branch's copy");
    assert_ne!(code, Some(0));
}

#[test]
fn a_record_that_its_home_lost_opens_from_the_others_shares() {
    let demo = demo::shared();
    let (code, before) = visits(demo, 2);
    assert_eq!(code, Some(0), "{before:#}");
    let victim = before["records"][0].clone();
    let (record, home) = (victim["record"].as_str().unwrap(), victim["branch_name"].as_str().unwrap());

    change(
        demo,
        home,
        "DELETE FROM stanza WHERE envelope = (SELECT number FROM envelope WHERE object = ?1 AND content = 1)",
        record,
    );
    change(demo, home, "DELETE FROM envelope WHERE object = ?1 AND content = 1", record);
    let (_, after) = visits(demo, 2);
    let row = row(&after, record);
    assert_eq!(row["summary"], victim["summary"], "{row:#}");
    assert_ne!(row["opened_from"], row["branch"], "{row:#}");
    assert_eq!(after["links"], before["links"]);
}

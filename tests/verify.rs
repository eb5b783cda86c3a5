//! `verify` and `export` of the built program against a real group, and against bytes that somebody changed.

use crate::demo::{self, Demo, text};
use rusqlite::Connection;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Runs `verify --json`; it need not hold.
fn verify(demo: &Demo, staff: &str, options: &[&str]) -> (Option<i32>, Value) {
    let output = demo.run(staff, &[&["verify", "--json"], options].concat());
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), document)
}

/// A database file of a branch.
fn file(demo: &Demo, branch: &str, name: &str) -> Connection {
    let path = demo.dir.join("branches").join(branch).join("data").join(name);
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(demo::PATIENCE).unwrap();
    connection
}

#[test]
fn everything_is_verified_and_what_somebody_changes_is_found() {
    // A demo of its own: what is changed here must disturb nobody else.
    let demo = Demo::start(3);
    an_auditor_verifies_everything_and_others_are_told_what_was_not_checked(&demo);
    a_changed_record_and_a_changed_block_are_found_and_the_branch_is_named(&demo);
    demo.stop();
}

fn an_auditor_verifies_everything_and_others_are_told_what_was_not_checked(demo: &Demo) {
    let (code, all) = verify(demo, "auditor", &[]);
    assert_eq!((code, &all["verdict"]), (Some(0), &"holds".into()), "{all:#}");
    let every = ["headers", "links", "certificates", "bodies", "transactions", "state roots"];
    assert_eq!(all["main"]["checked"], serde_json::json!(every));
    assert_eq!(all["side"]["checked"], serde_json::json!(every));
    let records = all["records"]["records"].as_u64().unwrap();
    assert!(records > 10);
    assert_eq!((&all["records"]["copies"], &all["records"]["good"]), (&records.into(), &records.into()));
    assert_eq!(all["main"]["transactions"]["storage"], records);
    assert_eq!(all["side"]["transactions"]["link"], records);
    assert_eq!(all["main"]["same_chain_at"].as_array().unwrap().len(), 5);

    let (code, copies) = verify(demo, "auditor", &["--all-copies", "--branch", "south"]);
    assert_eq!(code, Some(0), "{copies:#}");
    assert_eq!(copies["main"]["sources"], serde_json::json!(["South"]));
    assert!(copies["records"]["good"].as_u64().unwrap() >= 2 * records, "{copies:#}");

    for (staff, side, has_records) in [
        ("ward", "bodies: needs role auditor", true),
        ("operator", "bodies: needs role auditor", false),
        ("researcher", "not on the side chain", false),
    ] {
        let (code, some) = verify(demo, staff, &[]);
        assert_eq!((code, &some["verdict"]), (Some(3), &"not whole".into()), "{staff}: {some:#}");
        assert_eq!(some["main"]["verdict"], "holds");
        assert!(some["side"]["not_checked"].as_str().unwrap().contains(side), "{staff}: {some:#}");
        assert!(some["side"]["transactions"].as_object().unwrap().is_empty());
        assert_eq!(some["records"]["not_checked"].is_null(), has_records, "{staff}: {some:#}");
    }
    // In words, for people.
    let output = demo.run("operator", &["verify"]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stdout);
    assert!(said.contains("NOT CHECKED bodies: needs role auditor"), "{said}");
    assert!(said.contains("NOT EVERYTHING WAS CHECKED"), "{said}");
    assert!(text(&output.stderr).is_empty(), "no figure where there is no terminal");
}

fn a_changed_record_and_a_changed_block_are_found_and_the_branch_is_named(demo: &Demo) {
    let vault = file(demo, "west", "vault.sqlite");
    let id: Vec<u8> = vault
        .query_row("SELECT object FROM envelope WHERE content = 1 AND home = 4 LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let flip = "UPDATE envelope SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || \
        CASE WHEN substr(bytes, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) WHERE object = ?1";
    assert_eq!(vault.execute(flip, [&id]).unwrap(), 1);
    let (code, all) = verify(demo, "auditor", &[]);
    assert_eq!((code, &all["verdict"]), (Some(4), &"wrong".into()), "{all:#}");
    let altered = all["records"]["altered"].as_array().unwrap();
    assert_eq!(altered.len(), 1, "{altered:#?}");
    assert_eq!(altered[0]["branch"], "West");
    assert_eq!(altered[0]["record"], data_encoding::HEXLOWER.encode(&id));
    assert_eq!((&all["main"]["verdict"], &all["side"]["verdict"]), (&"holds".into(), &"holds".into()));

    // The same byte in the newest body of the main chain at East, the auditor's own branch. How many blocks there are
    // depends on how fast the machine is; more come while this runs.
    let height = all["main"]["height"].as_i64().unwrap();
    let chain = file(demo, "east", "main.sqlite");
    let flip = flip.replace("envelope", "body").replace("object", "height");
    assert_eq!(chain.execute(&flip, [height]).unwrap(), 1);
    // Blocks that held the last time are not fetched again, unless every branch's own are compared or all is anew.
    let (code, each) = verify(demo, "auditor", &["--each"]);
    assert_eq!(code, Some(4), "{each:#}");
    assert!(each["main"]["verified_before"][0]["to"].as_i64().unwrap() >= height, "{each:#}");
    assert_eq!(each["main"]["verdict"], "holds", "{each:#}");
    for row in each["branches"].as_array().unwrap() {
        let damaged = row["branch"] == "East" && row["chain"] == "main";
        let allowed = row["branch"] != "Institute" || row["chain"] == "main";
        let standing = if damaged {
            "damaged"
        } else if allowed {
            "whole"
        } else {
            "not allowed"
        };
        assert_eq!(row["standing"], standing, "{row:#}");
        let faults = row["faults"].as_array().unwrap();
        assert_eq!(faults.len(), usize::from(damaged), "{row:#}");
        assert!(faults.iter().all(|fault| fault["height"] == height && fault["branch"] == "East"), "{row:#}");
    }
    let (code, all) = verify(demo, "auditor", &["--from-genesis"]);
    assert_eq!(code, Some(4));
    let fault = &all["main"]["faults"][0];
    assert_eq!((&fault["branch"], &fault["height"]), (&"East".into(), &height.into()), "{all:#}");
    assert!(all["main"]["height"].as_i64().unwrap() >= height, "the others have the true block");
    let (_, alone) = verify(demo, "auditor", &["--branch", "East"]);
    assert_eq!(alone["main"]["height"], height - 1, "{alone:#}");
}

#[test]
fn an_export_verifies_offline_and_a_changed_or_cut_one_does_not() {
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    for (chain, staff) in [("main", "operator"), ("side", "auditor")] {
        let path = folder.path().join(format!("{chain}.export"));
        let at = path.to_str().unwrap();
        let made = demo.json(staff, &["export", "--chain", chain, "--out", at]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = demo.run(staff, &["export", "--chain", chain, "--out", at]);
        assert_eq!(again.status.code(), Some(1));
        assert!(text(&again.stderr).contains("exists already"), "{}", text(&again.stderr));

        let (code, report) = offline(demo, &path);
        assert_eq!(code, Some(0), "{report}");
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report[chain]["height"], &report[chain]["verdict"]), (&made["to"], &"holds".into()));

        let bytes = fs::read(&path).unwrap();
        let changed = folder.path().join("changed");
        for place in 1..6 {
            let at = bytes.len() * place / 6;
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&changed, &flipped).unwrap();
            assert_eq!(offline(demo, &changed).0, Some(4), "byte {at}");
            fs::write(&changed, &bytes[..at]).unwrap();
            assert_eq!(offline(demo, &changed).0, Some(4), "cut at {at}");
        }
        fs::write(&changed, b"{}\n").unwrap();
        assert_eq!(offline(demo, &changed).0, Some(1), "no export at all");
    }
    let out = folder.path().join("not.export");
    let refused = demo.run("ward", &["export", "--chain", "side", "--out", out.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("needs role auditor"), "{}", text(&refused.stderr));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "nothing half written stays: {left:?}");
}

/// Verifies a file with neither key file nor passphrase.
fn offline(demo: &Demo, path: &Path) -> (Option<i32>, String) {
    let output = demo
        .command("ward", &["verify", "--json", "--export", path.to_str().unwrap()])
        .env_remove("WARDLINE_KEY")
        .env_remove("WARDLINE_PASSPHRASE_FILE")
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout))
}

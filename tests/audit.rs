//! Two auditors at once over a real group whose disks somebody changed, and every console that shows what they say.

use crate::demo::{self, Demo, text};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
    thread,
    time::Instant,
};

const TRUSTED: [&str; 4] = ["north", "south", "east", "west"];

fn audit(demo: &Demo, staff: &str, options: &[&str]) -> (Option<i32>, Value) {
    let output = demo.run(staff, &[&["audit", "--json"], options].concat());
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), document)
}

fn vault(demo: &Demo, branch: &str) -> Connection {
    let path = demo.dir.join("branches").join(branch).join("data").join("vault.sqlite");
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(demo::PATIENCE).unwrap();
    // Whoever takes an envelope away does not tidy up after it.
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection
}

/// Changes a record's envelope at all its holders but one, whichever: two copies are looked at, so one of them is bad.
fn spoil(demo: &Demo, record: &[u8], statement: &str) {
    let changed: usize =
        TRUSTED.iter().map(|branch| vault(demo, branch).execute(statement, [record]).unwrap()).sum();
    assert!(changed >= 2, "{changed} copies");
}

fn copies(document: &Value) -> BTreeSet<(String, String)> {
    let field = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    document["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (field(one, "record"), field(one, "what")))
        .collect()
}

#[test]
fn two_auditors_find_what_somebody_changed_and_every_console_shows_both_verdicts() {
    // A demo of its own: what is changed here must disturb nobody else.
    let demo = Demo::start(3);
    let (code, whole) = audit(&demo, "auditor", &[]);
    assert_eq!((code, &whole["verdict"]), (Some(0), &"holds".into()), "{whole:#}");
    let records = whole["records"].as_u64().unwrap();
    assert!(records > 10);
    assert_eq!((&whole["fetched"], &whole["bad"]), (&records.into(), &0.into()));

    let said = status(&demo, "ward");
    let auditors = said["auditors"].as_array().unwrap();
    assert_eq!((auditors.len(), &auditors[0]["branch"]), (1, &"East".into()), "{said:#}");
    assert_eq!(auditors[0]["same_chain"], true);

    let ids: Vec<Vec<u8>> = vault(&demo, "west")
        .prepare("SELECT object FROM envelope WHERE content = 1 LIMIT 2")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    spoil(
        &demo,
        &ids[0],
        "UPDATE envelope SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || \
        CASE WHEN substr(bytes, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB) WHERE object = ?1",
    );
    spoil(&demo, &ids[1], "DELETE FROM envelope WHERE object = ?1");
    let hex = |id: &[u8]| data_encoding::HEXLOWER.encode(id);
    let bad = BTreeSet::from([(hex(&ids[0]), "altered".to_owned()), (hex(&ids[1]), "missing".to_owned())]);

    let both = thread::scope(|scope| {
        let again = scope.spawn(|| audit(&demo, "auditor", &["--all"]));
        let other = scope.spawn(|| audit(&demo, "auditor-2", &[]));
        [again.join().unwrap(), other.join().unwrap()]
    });
    for (code, found) in &both {
        assert_eq!((*code, &found["verdict"]), (Some(4), &"wrong".into()), "{found:#}");
        assert_eq!(copies(found), bad, "{found:#}");
        assert!(found["said_at"].as_u64() > found["height"].as_u64());
    }
    let said = status(&demo, "researcher");
    let auditors = said["auditors"].as_array().unwrap();
    let branches: BTreeSet<&str> = auditors.iter().map(|one| one["branch"].as_str().unwrap()).collect();
    assert_eq!(branches, ["East", "North"].into(), "{said:#}");
    assert!(
        auditors.iter().all(|one| one["bad"].as_u64() >= Some(2) && one["same_chain"] == true),
        "{said:#}"
    );

    let refused = demo.run("ward", &["audit"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("needs role auditor"), "{}", text(&refused.stderr));
    one_that_goes_on_ends_when_it_is_told_to(&demo);
    one_that_goes_on_is_not_ended_by_silence(demo);
}

/// What `status` says; not all is well while alarms about the damaged copies are open.
fn status(demo: &Demo, staff: &str) -> Value {
    let output = demo.run(staff, &["status", "--json"]);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An auditor that goes on, after its first round.
fn going_on(demo: &Demo) -> Child {
    let mut child = demo
        .command("auditor-2", &["audit", "--watch", "--every", "1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.as_mut().unwrap();
    // A round has ended when its document is there.
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(b"\n}\n") {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{}", text(&heard));
        heard.extend(byte);
    }
    child
}

fn told_to_end(mut child: Child) {
    let began = Instant::now();
    let told = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    assert_eq!(child.wait().unwrap().code(), Some(4), "what it found stays said by its exit code");
    assert!(began.elapsed() < demo::PATIENCE);
}

fn one_that_goes_on_ends_when_it_is_told_to(demo: &Demo) {
    told_to_end(going_on(demo));
}

fn one_that_goes_on_is_not_ended_by_silence(demo: Demo) {
    let mut child = going_on(&demo);
    // It may be in the middle of a document when nobody answers any more; nobody else reads that.
    let mut out = child.stdout.take().unwrap();
    let rest = thread::spawn(move || out.read_to_end(&mut Vec::new()));
    let _folder = demo.end_and_keep();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..2 {
        let told = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("came to nothing")));
        assert!(told.is_some(), "it ended at the first round that failed");
    }
    assert_eq!(child.try_wait().unwrap(), None);
    told_to_end(child);
    rest.join().unwrap().unwrap();
}

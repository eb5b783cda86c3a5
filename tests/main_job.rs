//! The main job: a record sealed at one branch, kept by several, agreed on, and read at another branch.

use crate::demo::{self, Demo, text};
use serde_json::{Value, json};
use std::{fs, io::Write as _, process::Stdio};

const WHY: [&str; 4] = ["--purpose", "treatment", "--reason", "test of the main job"];

fn visit(summary: &str) -> Value {
    json!({
        "v": 1,
        "kind": "visit",
        "occurred": "2026-11-20T09:30:00+01:00",
        "practitioner": {"name": "Dr Test"},
        "organization": "North",
        "body": {"class": "ambulatory", "visit_type": "unplanned visit", "reason": summary},
    })
}

/// The medical record number of some made-up patient: the demo says who it made.
fn someone(demo: &Demo) -> String {
    patient(demo, 0)
}

/// Another one for each test that adds records: others count theirs at the same time.
fn patient(demo: &Demo, number: usize) -> String {
    let people: Value = serde_json::from_slice(&fs::read(demo.dir.join("people.json")).unwrap()).unwrap();
    people[number]["mrn"].as_str().unwrap().to_owned()
}

fn with<'a>(command: &'a [&'a str]) -> Vec<&'a str> {
    command.iter().chain(&WHY).copied().collect()
}

#[test]
fn a_record_of_one_branch_is_read_at_another_as_part_of_a_whole_verified_history() {
    let demo = demo::shared();
    let mrn = someone(demo);
    let before = demo.json("supervisor", &with(&["visits", &mrn]));
    assert_eq!(before["whole"], true, "{before:#}");
    let count = before["links"].as_u64().unwrap();
    assert!(before["records"].as_array().unwrap().iter().all(|row| row["state"] == "VERIFIED"), "{before:#}");
    let branches: std::collections::BTreeSet<_> =
        before["records"].as_array().unwrap().iter().map(|row| row["branch"].as_u64().unwrap()).collect();
    assert!(branches.len() >= 2, "every made-up patient visits two branches: {branches:?}");

    // the nurse works at North, the supervisor at East
    let record = add(demo, &mrn, &visit("Sprained ankle on the ward stairs"));

    let after = demo.json("supervisor", &with(&["visits", &mrn]));
    assert_eq!(after["whole"], true);
    assert_eq!(after["links"].as_u64().unwrap(), count + 1);
    let row = after["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["record"] == record)
        .expect("the new record is in the history");
    assert_eq!(row["state"], "VERIFIED");
    assert_eq!(row["branch_name"], "North");

    let shown = demo.json("supervisor", &with(&["record", "show", &mrn, "--record", &record]));
    assert!(shown["content"].to_string().contains("Sprained ankle"), "{shown:#}");
}

/// Adds a record from standard input and returns its temporary ID.
fn add(demo: &Demo, mrn: &str, record: &Value) -> String {
    let mut add = demo
        .command("ward", &with(&["record", "add", mrn, "--file", "-", "--json"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(record.to_string().as_bytes()).unwrap();
    let output = add.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let added: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(added["receipts"].as_array().unwrap().len() >= 2, "custody of two branches at least: {added:#}");
    added["record"].as_str().unwrap().to_owned()
}

#[test]
fn a_record_is_printed_as_a_page_and_its_document_comes_out_whole() {
    let demo = demo::shared();
    let mrn = patient(demo, 1);
    // "%PDF\x00\xff" and two lines of text
    let record = json!({
        "v": 1,
        "kind": "laboratory-result",
        "occurred": "2026-11-20T09:30:00+01:00",
        "practitioner": {"name": "Dr Test"},
        "organization": "North",
        "body": {"status": "final", "specimen": "venous blood", "measurements": [
            {"test": "potassium", "value": "6.4", "unit": "mmol/L", "low": "3.5", "high": "5.1", "flag": "critical"},
            {"test": "sodium", "value": "139", "unit": "mmol/L", "low": "135", "high": "145"},
        ]},
        "attachments": [
            {"title": "curve", "content_type": "application/pdf", "data": "JVBERgD/"},
            {"title": "letter", "content_type": "text/plain", "data": "b25lChtbMkp0d28="},
        ],
    });
    let id = add(demo, &mrn, &record);
    let show = ["record", "show", &mrn, "--record", &id];
    let shown = demo.run("supervisor", &with(&show));
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown = text(&shown.stdout);
    for line in [
        "1 of 2 remarkable: potassium CRITICAL",
        "When             2026-11-20 09:30 +01:00",
        "Test       Value  Unit    Mark      Range",
        "potassium    6.4  mmol/L  CRITICAL  3.5 to 5.1",
        "sodium     139    mmol/L            135 to 145",
        "Document 1: curve",
        "Type             application/pdf, 6 bytes",
        "  <U+001B>[2Jtwo",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("curve.pdf");
    let out = [&show[..], &["--attachment", "1", "--out", file.to_str().unwrap()]].concat();
    let written = demo.run("supervisor", &with(&out));
    assert!(written.status.success(), "{}", text(&written.stderr));
    assert_eq!(fs::read(&file).unwrap(), b"%PDF\x00\xff");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // never over another file, never a document that is not there
    fs::write(&file, "mine").unwrap();
    let again = demo.run("supervisor", &with(&out));
    assert!(
        !again.status.success() && text(&again.stderr).contains("cannot write"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    for number in ["0", "3"] {
        let absent = folder.path().join("absent");
        let out = [&show[..], &["--attachment", number, "--out", absent.to_str().unwrap()]].concat();
        let refused = demo.run("supervisor", &with(&out));
        assert!(!refused.status.success() && text(&refused.stderr).contains("it has 2"));
        assert!(!absent.exists());
    }
}

#[test]
fn status_verifies_every_branch() {
    let demo = demo::shared();
    let status = demo.json("operator", &["status"]);
    let branches = status["branches"].as_array().unwrap();
    assert_eq!(branches.len(), 5);
    for branch in branches {
        assert_eq!(branch["state"], "VERIFIED", "{status:#}");
    }
}

#[test]
fn a_researcher_and_an_operator_see_no_patient_and_a_researcher_no_side_chain() {
    let demo = demo::shared();
    let mrn = someone(demo);
    for staff in ["operator", "researcher"] {
        let output = demo.run(staff, &with(&["visits", &mrn]));
        assert!(!output.status.success());
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        let error = text(&output.stderr);
        let says = if staff == "operator" { "needs role" } else { "not on the side chain" };
        assert!(error.contains(says), "{staff}: {error}");
    }
    let status = demo.json("researcher", &["status"]);
    assert!(status["side"].is_null(), "{status:#}");
    for branch in status["branches"].as_array().unwrap() {
        assert!(branch["side_height"].is_null() && branch["verified_side"].is_null(), "{status:#}");
    }
}

#[test]
fn no_name_lies_in_clear_on_any_disk_and_the_institute_holds_no_side_chain() {
    let demo = demo::shared();
    let people: Value = serde_json::from_slice(&fs::read(demo.dir.join("people.json")).unwrap()).unwrap();
    let canaries: Vec<String> = people
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|person| {
            [person["family"].as_str().unwrap().to_owned(), person["mrn"].as_str().unwrap().to_owned()]
        })
        // a short name can occur by chance in random bytes
        .filter(|name| name.len() >= 6)
        .collect();
    assert!(canaries.len() >= 4, "{canaries:?}");
    let mut read = 0;
    for path in demo::files(&demo.dir.join("branches")).into_iter().chain([demo.dir.join("demo.log")]) {
        let bytes = fs::read(&path).unwrap();
        read += bytes.len();
        for name in &canaries {
            let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!found, "{name} lies in clear in {}", path.display());
        }
    }
    assert!(read > 1 << 20, "only {read} bytes were searched");
    let institute = demo::files(&demo.dir.join("branches").join("institute"));
    assert!(institute.iter().any(|path| path.ends_with("main.sqlite")), "{institute:?}");
    for path in institute {
        assert!(!path.to_string_lossy().contains("side"), "{}", path.display());
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let first = Demo::at(&dir, 2);
    let mrn = someone(&first);
    let before = first.json("supervisor", &with(&["visits", &mrn]));
    first.stop();
    let second = Demo::at(&dir, 2);
    let after = second.json("supervisor", &with(&["visits", &mrn]));
    assert_eq!(before["records"], after["records"]);
    assert_eq!(after["whole"], true);
    second.stop();
}

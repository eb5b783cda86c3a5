//! A branch's files of a running group: edited by hand on the stopped branch, named by `verify --node-dir`, repaired by
//! `repair`, and the branch is back among the others.

use crate::{
    demo::{Demo, WARDLINE, text},
    processes::{Process, is_gone, signal, states, until},
};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

fn check(home: &Path) -> Output {
    let data = home.join("data");
    let genesis = home.join("genesis.bin");
    let mut command = Command::new(WARDLINE);
    command.args(["verify", "--json", "--node-dir"]).arg(data).arg("--genesis").arg(genesis);
    command.env_remove("WARDLINE_CONFIG").output().unwrap()
}

fn checked(home: &Path) -> (Option<i32>, Value) {
    let output = check(home);
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), document)
}

fn edit(home: &Path, file: &str, sql: &str) {
    let file = Connection::open(home.join("data").join(file)).unwrap();
    file.execute_batch(sql).unwrap();
}

#[test]
fn a_stopped_branch_is_checked_edited_named_repaired_and_back() {
    let demo = Demo::processes(3);
    let home = demo.dir.join("branches").join("north");
    let north = demo.branch("North");
    let pid = north["pid"].as_u64().unwrap();

    let running = check(&home);
    assert_eq!(running.status.code(), Some(1));
    assert!(text(&running.stderr).contains("in use by another process"), "{}", text(&running.stderr));

    // As a power cut leaves it.
    signal(pid, "-KILL");
    until("the end of North", || is_gone(pid) && check(&home).status.code() != Some(1));
    let (code, before) = checked(&home);
    assert_eq!((code, &before["verdict"]), (Some(0), &"holds".into()), "{before:#}");
    assert_eq!(before["chains"].as_array().unwrap().len(), 2);
    assert!(before["vault"]["agreed"].as_u64().unwrap() > 3, "{before:#}");

    edit(
        &home,
        "main.sqlite",
        "UPDATE body SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'5a' AS BLOB) WHERE height = 1",
    );
    edit(
        &home,
        "vault.sqlite",
        "UPDATE envelope SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'5a' AS BLOB)
         WHERE number = (SELECT min(number) FROM envelope WHERE content = 1)",
    );
    let (code, wrong) = checked(&home);
    assert_eq!((code, &wrong["verdict"]), (Some(4), &"wrong".into()), "{wrong:#}");
    let first = &wrong["first_bad"];
    assert_eq!((&first["file"], &first["table"]), (&"main.sqlite".into(), &"body".into()), "{first:#}");
    assert_eq!(first["row"], "height 1");
    assert!(first["start"].as_u64().unwrap() < first["end"].as_u64().unwrap(), "{first:#}");
    let spoken = wrong["faults"].as_array().unwrap();
    assert!(spoken.iter().any(|fault| fault["table"] == "envelope"), "{wrong:#}");

    let toml = home.join("node.toml");
    let repair = ["repair", "--json", "--node", toml.to_str().unwrap()];
    let done = demo.run("auditor", &repair);
    assert_eq!(done.status.code(), Some(0), "{} {}", text(&done.stdout), text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["repaired"], &report["lost"]), (&true.into(), &serde_json::json!([])), "{report:#}");
    assert_eq!(report["envelopes"], 1);
    assert_eq!(checked(&home).0, Some(0));

    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {}", north["command"].as_str().unwrap())]);
    let again = Process::answering(&mut command);
    until("VERIFIED at all again", || {
        let status = demo.run("operator", &["status", "--json"]);
        states(&status).iter().all(|(_, state)| state == "VERIFIED") && status.status.success()
    });
    drop(again);
    demo.stop();
}

//! The verifier that shares no code with this one (`tests/second_verifier`), on what a running group's program writes.

use crate::demo::{self, Demo, text};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use std::{env, fs, path::Path, process::Command};
use wardline_crypto::Digest;

/// Whether there is a Python to run it. Only a machine that says it is no CI may go without.
fn can_run() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(env::var_os("CI").is_none(), "python3 is missing, and CI must not go without");
        eprintln!("SKIPPED: python3 is missing, so the second verifier judged nothing");
    }
    found
}

/// Its judgement of a file: whether it accepts it, and all that it says.
fn judge(network: &str, path: &Path) -> (bool, Value) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_verifier/verify.py");
    let mut command = Command::new("python3");
    // `-B`: it leaves nothing beside its own files.
    command.arg("-B").arg(program).arg(path).args(["--network", network]);
    let output = command.output().unwrap();
    let verdict: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let accepted = verdict["accepted"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(if accepted { 0 } else { 4 }), "{verdict:#}");
    assert_ne!(verdict["reason"], "verifier.fault", "{verdict:#}");
    (accepted, verdict)
}

/// The network as the console's settings pin it.
fn network(demo: &Demo) -> String {
    let settings = fs::read_to_string(demo.config()).unwrap();
    let line = settings.lines().find(|line| line.starts_with("network = ")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// The file with one bit of one of its values changed, and summed up anew, as who forges it would.
fn forged(file: &str, line: usize, name: &str) -> String {
    let mut lines: Vec<&str> = file.lines().collect();
    let key = format!("\"{name}\":");
    let start = lines[line].find(&key).unwrap() + key.len();
    let start = start + lines[line][start..].find('"').unwrap() + 1;
    let end = start + lines[line][start..].find('"').unwrap();
    let mut bytes = BASE64URL_NOPAD.decode(&lines[line].as_bytes()[start..end]).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let changed =
        format!("{}{}{}", &lines[line][..start], BASE64URL_NOPAD.encode(&bytes), &lines[line][end..]);
    lines[line] = &changed;
    let last = lines.pop().unwrap();
    let body = lines.join("\n") + "\n";
    let at = last.find("\"sha256\":\"").unwrap() + 10;
    format!("{body}{}{}{}\n", &last[..at], Digest::of(body.as_bytes()), &last[at + 64..])
}

#[test]
fn it_accepts_both_chains_of_a_running_group_and_nothing_that_was_changed() {
    if !can_run() {
        return;
    }
    let demo = demo::shared();
    let (network, folder) = (network(demo), tempfile::tempdir().unwrap());
    for (chain, staff) in [("main", "operator"), ("side", "auditor")] {
        let path = folder.path().join(chain);
        let made = demo.json(staff, &["export", "--chain", chain, "--out", path.to_str().unwrap()]);
        let (accepted, verdict) = judge(&network, &path);
        assert!(accepted, "{verdict:#}");
        assert_eq!((&verdict["height"], &verdict["blocks"]), (&made["to"], &made["blocks"]));
        assert_eq!((&verdict["replayed"], &verdict["unchecked"]), (&true.into(), &serde_json::json!([])));
        assert!(verdict["transactions"].as_u64().unwrap() > 0);

        let file = fs::read_to_string(&path).unwrap();
        evidence_of_a_transaction(demo, (chain, staff), &file, &network);
        assert!(!judge(&Digest::of(b"another network").to_string(), &path).0);
        let certified = file.lines().position(|line| line.contains("\"certificate\":\"")).unwrap();
        let full = file.lines().skip(2).position(|line| !line.contains("\"body\":\"AAAAAA\"")).unwrap() + 2;
        let changes =
            [(0, "genesis"), (1, "header"), (2, "header"), (full, "body"), (certified, "certificate")];
        for (line, name) in changes {
            fs::write(&path, forged(&file, line, name)).unwrap();
            let (accepted, verdict) = judge(&network, &path);
            assert!(!accepted && verdict["reason"] != "export.sum", "{name} of line {line}: {verdict:#}");
        }
    }
}

/// Evidence of the first transaction of an export: both programs take it, and neither takes a changed one.
fn evidence_of_a_transaction(demo: &Demo, (chain, staff): (&str, &str), export: &str, network: &str) {
    let full = export.lines().skip(2).find(|line| !line.contains("\"body\":\"AAAAAA\"")).unwrap();
    let block: Value = serde_json::from_str(full).unwrap();
    let body = BASE64URL_NOPAD.decode(block["body"].as_str().unwrap().as_bytes()).unwrap();
    let length = usize::try_from(u32::from_be_bytes(body[4..8].try_into().unwrap())).unwrap();
    let id = Digest::of(&body[8..8 + length]).to_string();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence");
    let out = path.to_str().unwrap();
    demo.json(staff, &["evidence", "make", "--transaction", &id, "--chain", chain, "--out", out]);
    let (accepted, verdict) = judge(network, &path);
    assert!(accepted, "{verdict:#}");
    assert_eq!((&verdict["claim"], &verdict["height"]), (&"inclusion".into(), &block["height"]));
    assert_eq!(verdict["transaction"], id);
    let first_one = || demo.run(staff, &["evidence", "check", out, "--network", network]).status.code();
    assert_eq!(first_one(), Some(0));

    let file = fs::read_to_string(&path).unwrap();
    let line = |name: &str| file.lines().position(|line| line.contains(&format!("\"{name}\":"))).unwrap();
    for name in ["genesis", "headers", "certificate", "transaction"] {
        fs::write(&path, forged(&file, line(name), name)).unwrap();
        let (accepted, verdict) = judge(network, &path);
        assert!(!accepted && verdict["reason"] != "evidence.sum", "{name}: {verdict:#}");
        assert_eq!(first_one(), Some(4), "{name}");
    }
}

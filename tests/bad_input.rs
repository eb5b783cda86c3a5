//! Every command with what people get wrong: one clear line, an exit code that is not zero, nothing stored.

use crate::demo::{self, WARDLINE, text};
use std::process::{Command, Output};

const WHY: [&str; 4] = ["--purpose", "treatment", "--reason", "test"];

/// One line on standard error, nothing on standard output, no panic, no success.
fn refused(output: &Output, must_say: &str) {
    let error = text(&output.stderr);
    assert!(!output.status.success(), "succeeded: {}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "printed {}", text(&output.stdout));
    assert!(error.contains(must_say), "says {error:?}, should say {must_say:?}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    assert!(!error.contains("panicked"), "{error}");
}

fn commands() -> Vec<Vec<&'static str>> {
    let with = |start: &[&'static str]| start.iter().chain(&WHY).copied().collect::<Vec<_>>();
    vec![
        vec!["status"],
        with(&["lookup", "MRN-NOBODY"]),
        with(&["visits", "MRN-NOBODY"]),
        with(&["record", "show", "MRN-NOBODY", "--record", "00000000000000000000000000000000"]),
    ]
}

#[test]
fn a_missing_or_wrong_file_is_named() {
    let demo = demo::shared();
    for command in commands().into_iter().chain([vec!["verify"]]) {
        for (variable, says) in [
            ("WARDLINE_CONFIG", "/nowhere"),
            ("WARDLINE_KEY", "/nowhere"),
            ("WARDLINE_PASSPHRASE_FILE", "/nowhere"),
        ] {
            refused(&demo.command("ward", &command).env(variable, "/nowhere").output().unwrap(), says);
        }
        refused(
            &demo.command("ward", &command).env("WARDLINE_KEY", demo.config()).output().unwrap(),
            "is not a staff key file",
        );
        refused(
            &demo.command("ward", &command).env("WARDLINE_CONFIG", demo.key("ward")).output().unwrap(),
            "ward.key",
        );
        refused(&demo.command("ward", &command).env_remove("WARDLINE_KEY").output().unwrap(), "--key");
    }
}

#[test]
fn a_wrong_passphrase_is_told_and_nothing_is_asked_of_the_branches() {
    let demo = demo::shared();
    let output = demo
        .command("ward", &["status"])
        .env_remove("WARDLINE_PASSPHRASE_FILE")
        .env("WARDLINE_PASSPHRASE", "not this one")
        .output()
        .unwrap();
    refused(&output, "wrong passphrase");
}

#[test]
fn without_a_terminal_and_a_passphrase_it_says_how_to_give_one() {
    let demo = demo::shared();
    let output = demo.command("ward", &["status"]).env_remove("WARDLINE_PASSPHRASE_FILE").output().unwrap();
    refused(&output, "--passphrase-file");
}

#[test]
fn an_unknown_patient_is_unknown_only_because_every_branch_answered() {
    let demo = demo::shared();
    for command in commands().into_iter().skip(1) {
        refused(&demo.run("ward", &command), "every branch answered");
    }
}

#[test]
fn unreachable_branches_are_not_taken_for_nothing_there() {
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("console.toml");
    // the same network with every branch at an address where nobody answers
    let mut settings: toml::Table = std::fs::read_to_string(demo.config()).unwrap().parse().unwrap();
    let urls = (1..=5).map(|branch| (branch.to_string(), toml::Value::from("https://127.0.0.1:9")));
    settings.insert("urls".into(), toml::Value::Table(urls.collect()));
    settings.insert("state".into(), folder.path().join("state").to_string_lossy().into_owned().into());
    std::fs::write(&config, settings.to_string()).unwrap();
    let output = demo
        .command("ward", &["visits", "nobody", WHY[0], WHY[1], WHY[2], WHY[3]])
        .env("WARDLINE_CONFIG", &config)
        .output()
        .unwrap();
    refused(&output, "answer");
    let status =
        demo.command("ward", &["status", "--json"]).env("WARDLINE_CONFIG", &config).output().unwrap();
    assert!(!status.status.success());
    assert!(!text(&status.stdout).contains("VERIFIED"), "{}", text(&status.stdout));
    assert!(text(&status.stdout).contains("SILENT"), "{}", text(&status.stdout));
}

#[test]
fn a_record_that_is_not_one_is_refused_before_anything_is_sent() {
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("empty", ""),
        ("garbage", "{\"v\":1"),
        ("other", "{\"resourceType\":\"Patient\"}"),
        ("binary", "\u{0}\u{1b}[2J"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let arguments =
            ["record", "add", "someone", "--file", path.to_str().unwrap(), WHY[0], WHY[1], WHY[2], WHY[3]];
        // with a key file that is not there: the record is looked at before anything else
        let output = demo.command("ward", &arguments).env("WARDLINE_KEY", "/nowhere").output().unwrap();
        refused(&output, "is not a record");
        assert!(!output.stderr.contains(&0x1b), "an escape sequence went to the terminal");
    }
    let missing =
        demo.run("ward", &["record", "add", "someone", "--file", "/nowhere", WHY[0], WHY[1], WHY[2], WHY[3]]);
    refused(&missing, "/nowhere");
}

#[test]
fn garbage_arguments_are_refused_with_what_is_allowed() {
    for arguments in [
        &["nonsense"][..],
        &["visits"],
        &["visits", "x", "--purpose", "curiosity", "--reason", "y"],
        &["record", "show", "x", "--record", "zz", "--purpose", "treatment", "--reason", "y"],
        &["visits", "x", "--purpose", "treatment", "--reason", "  "],
        &["visits", "x", "--purpose", "treatment", "--reason", "two\nlines"],
        &["status", "--no-such-option"],
        &["demo", "--seed", "minus one"],
        &["node", "--config"],
    ] {
        let output = Command::new(WARDLINE).args(arguments).env_remove("WARDLINE_CONFIG").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn an_ordinary_node_refuses_the_demo_network() {
    let demo = demo::shared();
    let config = demo.dir.join("branches").join("north").join("node.toml");
    let output = Command::new(WARDLINE).args(["node", "--config"]).arg(&config).output().unwrap();
    refused(&output, "DEMO");
}

#[test]
fn a_console_without_a_key_says_how_to_give_one() {
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("console.toml");
    std::fs::copy(demo.config(), &config).unwrap();
    let console = |config: &std::path::Path| {
        let mut command = Command::new(WARDLINE);
        command.env_remove("WARDLINE_KEY").args(["console", "--config"]).arg(config).output().unwrap()
    };
    refused(&console(&config), "--key");
    // what lies beside it is offered, so it must be a key file
    std::fs::write(folder.path().join("mine.key"), "not one").unwrap();
    refused(&console(&config), "mine.key is not a staff key file");
}

#[test]
fn a_demo_does_not_write_into_a_folder_of_something_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let output =
        Command::new(WARDLINE).args(["demo", "--headless", "--dir"]).arg(folder.path()).output().unwrap();
    refused(&output, "is not empty");
    assert_eq!(demo::files(folder.path()).len(), 1);
}

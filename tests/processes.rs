//! Branches as processes of their own: a group made by `init`, and a demo whose branches are stopped, killed and
//! started again.

use crate::demo::{self, Demo, PATIENCE, WARDLINE, text};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const WHY: [&str; 4] = ["--purpose", "treatment", "--reason", "test of processes"];
/// A dead branch is named within this.
const NAMED_WITHIN: Duration = Duration::from_secs(3);

/// A node that a test started; killed when dropped.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a node and waits until it answers.
    pub fn answering(command: &mut Command) -> Self {
        let mut process = Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("answering at https://"), "{line:?}");
        process
    }

    fn stop(mut self) {
        signal(self.0.id().into(), "-TERM");
        assert!(self.0.wait().unwrap().success());
    }
}

pub fn signal(pid: u64, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// Asks again until it holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::yield_now();
    }
}

pub fn states(status: &Output) -> Vec<(String, String)> {
    let status: Value =
        serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{}", text(&status.stderr)));
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let branches = status["branches"].as_array().unwrap();
    branches.iter().map(|branch| (word(&branch["name"]), word(&branch["state"]))).collect()
}

fn state_of(status: &Output, branch: &str) -> String {
    states(status).into_iter().find(|(name, _)| name == branch).unwrap().1
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}

fn init(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(WARDLINE).arg("init").arg(dir).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Addresses that nobody else on this machine uses: each test process has a piece of the loopback network.
fn branches() -> String {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    ["North", "South", "East", "West"]
        .iter()
        .zip(1..)
        .map(|(name, number)| format!("{name}=127.{}.{low}.{number}", 1 + high % 127))
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn init_makes_a_group_whose_branches_work_from_their_folders_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("group");
    let (branches, institute) =
        (branches(), branches().split(',').next().unwrap().replace("North", "Institute"));
    let output = init(
        &dir,
        &[
            "--name",
            "Sunrise Hospitals",
            "--branches",
            &branches,
            "--participants",
            &institute,
            "--staff",
            "lee:Nurse Lee:North:ward",
            "--json",
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["tolerated_failures"], 1);
    assert_eq!(made["network"].as_str().unwrap().len(), 64);
    let staff = made["staff"].as_array().unwrap();
    let files: Vec<_> = staff.iter().map(|person| person["file"].as_str().unwrap()).collect();
    let expected = [
        "admin-1",
        "admin-2",
        "admin-3",
        "lee",
        "import-north",
        "import-south",
        "import-east",
        "import-west",
    ];
    assert_eq!(files, expected);

    // secrets apart, each for its owner alone
    for private in ["staff", "branches", "branches/north", "branches/institute"] {
        assert_eq!(mode(&dir.join(private)), 0o700, "{private}");
    }
    let mut passphrases = BTreeSet::new();
    let path = |value: &Value| PathBuf::from(value.as_str().unwrap());
    for person in staff {
        assert_eq!(mode(&path(&person["key"])), 0o600);
        assert_eq!(mode(&path(&person["passphrase_file"])), 0o600);
        passphrases.insert(fs::read(path(&person["passphrase_file"])).unwrap());
    }
    let mut nodes = Vec::new();
    for branch in made["branches"].as_array().unwrap() {
        let home = path(&branch["directory"]);
        let names: BTreeSet<_> = fs::read_dir(&home)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let wanted = ["branch.key", "genesis.bin", "node.toml", "passphrase"];
        assert_eq!(names, wanted.iter().map(ToString::to_string).collect());
        assert_eq!(mode(&home.join("branch.key")), 0o600);
        assert_eq!(mode(&home.join("passphrase")), 0o600);
        passphrases.insert(fs::read(home.join("passphrase")).unwrap());
        // carried to its machine, and gone from here
        let machine = folder.path().join(branch["name"].as_str().unwrap());
        fs::rename(&home, &machine).unwrap();
        let log = File::create(machine.join("node.log")).unwrap();
        let mut command = Command::new(WARDLINE);
        command.args(["node", "--config"]).arg(machine.join("node.toml")).stderr(log);
        nodes.push(Process::answering(&mut command));
    }
    assert_eq!(passphrases.len(), staff.len() + nodes.len(), "every passphrase is its own");

    for file in ["admin-1", "lee"] {
        let person = staff.iter().find(|person| person["file"] == file).unwrap();
        until("VERIFIED at all five", || {
            let status = Command::new(WARDLINE)
                .args(["status", "--json", "--config", made["config"].as_str().unwrap()])
                .args(["--key", person["key"].as_str().unwrap()])
                .args(["--passphrase-file", person["passphrase_file"].as_str().unwrap()])
                .output()
                .unwrap();
            let states = states(&status);
            assert_eq!(states.len(), 5);
            states.iter().all(|(_, state)| state == "VERIFIED") && status.status.success()
        });
    }
    for node in nodes {
        node.stop();
    }
    for branch in made["branches"].as_array().unwrap() {
        let log = fs::read_to_string(folder.path().join(branch["name"].as_str().unwrap()).join("node.log"))
            .unwrap();
        assert!(!log.contains("ERROR") && !log.contains("WARN"), "a clean stop is quiet: {log}");
    }
}

#[test]
fn what_init_refuses_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("thesis.txt"), "years of work").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (new, empty) = (folder.path().join("new"), folder.path().join("empty"));
    fs::create_dir(&empty).unwrap();
    let (fifty_one, long) =
        ((1..=51).map(|n| format!("B{n}")).collect::<Vec<_>>().join(","), "x".repeat(101));
    let cases: Vec<(&Path, Vec<&str>, &str)> = vec![
        (&full, vec!["--branches", "A,B"], "is not empty"),
        (&file, vec!["--branches", "A,B"], "as a folder"),
        (Path::new("/nowhere/at/all"), vec!["--branches", "A,B"], "cannot make the folder /nowhere/at/all"),
        (&new, vec!["--branches", "A"], "2 branches at least"),
        (&new, vec!["--branches", "A,A"], "given twice"),
        (&new, vec!["--branches", "A,B", "--participants", "b"], "same folder"),
        (&new, vec!["--branches", "A,../.."], "letter or a digit"),
        (&new, vec!["--branches", "A,B\u{1b}[2J"], "control character"),
        (&new, vec!["--branches", "A=10.0.0.1,B"], "has no address"),
        (&new, vec!["--branches", "A=ward.example,B=10.0.0.1"], "not an IP address"),
        (&new, vec!["--branches", "A,B", "--name", "DEMO"], "demonstrations"),
        (&new, vec!["--branches", "A,B", "--name", &long], "too long"),
        (&new, vec!["--branches", "A,B", "--base-port", "65530"], "three ports"),
        (&new, vec!["--branches", "A,B", "--staff", "lee:Lee:C:ward"], "no branch `C`"),
        // found only while the group is being made
        (&empty, vec!["--branches", &fifty_one], "1 to 50 validators"),
        (&new, vec!["--branches", &fifty_one], "1 to 50 validators"),
    ];
    for (dir, arguments, says) in cases {
        let output = init(dir, &arguments);
        let error = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        assert!(!output.stderr.contains(&0x1b));
        assert_eq!(demo::files(folder.path()).len(), 2, "{arguments:?} left something behind");
        assert!(!new.exists() && empty.exists());
    }
}

#[test]
fn a_branch_of_a_demo_is_killed_and_started_again_and_no_history_lacks_anything() {
    let demo = Demo::processes(6);
    let pids: BTreeSet<u64> = demo.ready["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["pid"].as_u64().unwrap())
        .collect();
    assert_eq!(pids.len(), 5, "five processes of their own: {:#}", demo.ready);
    assert!(!pids.contains(&demo.pid().into()));
    let north = demo.branch("North");
    let (mrn, before) = somebody_seen_at(&demo, "North");

    signal(north["pid"].as_u64().unwrap(), "-KILL");
    let killed = Instant::now();
    let status = demo.run("operator", &["status", "--json"]);
    let took = killed.elapsed();
    assert_eq!(state_of(&status, "North"), "SILENT", "{}", text(&status.stdout));
    assert!(took < NAMED_WITHIN, "named after {took:?}");
    assert_eq!(status.status.code(), Some(3));

    let (code, without) = visits(&demo, &mrn);
    assert_eq!(code, Some(3), "{without:#}");
    assert_eq!(without["whole"], true, "{without:#}");
    assert_eq!(without["links"], before["links"]);
    let opened = |history: &Value| {
        let rows = history["visits"].as_array().unwrap();
        rows.iter()
            .map(|row| (row["record"].clone(), row["state"].clone(), row["summary"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(opened(&without), opened(&before), "every record opens without its branch");
    for branch in without["branches"].as_array().unwrap() {
        let silent = branch["state"].as_str().unwrap().starts_with("SILENT");
        assert_eq!(silent, branch["name"] == "North", "the dead branch is named, and it alone: {branch:#}");
    }

    // what the others agree on meanwhile, it has to learn afterwards
    add_record(&demo, "registrar", &mrn);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {}", north["command"].as_str().unwrap())]);
    let again = Process::answering(&mut command);
    until("VERIFIED at all again", || {
        let status = demo.run("operator", &["status", "--json"]);
        states(&status).iter().all(|(_, state)| state == "VERIFIED") && status.status.success()
    });
    let (code, after) = visits(&demo, &mrn);
    assert_eq!(code, Some(0), "{after:#}");
    assert_eq!(after["links"].as_u64(), before["links"].as_u64().map(|links| links + 1));

    // one that hangs is silent too, and goes on when it may
    let west = demo.branch("West")["pid"].as_u64().unwrap();
    signal(west, "-STOP");
    assert_eq!(state_of(&demo.run("operator", &["status", "--json"]), "West"), "SILENT");
    signal(west, "-CONT");
    until("VERIFIED at West", || {
        state_of(&demo.run("operator", &["status", "--json"]), "West") == "VERIFIED"
    });

    // a branch that was started by hand ends with the demo, and nothing was an error
    let logs: Vec<PathBuf> = demo.ready["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["log"].as_str().unwrap().into())
        .collect();
    let mut again = again;
    let kept = demo.end_and_keep();
    assert!(again.0.wait().unwrap().success());
    for log in logs {
        let log = fs::read_to_string(log).unwrap();
        assert!(!log.contains("ERROR"), "{log}");
    }
    drop(kept);
}

#[test]
fn branches_end_with_a_demo_that_is_killed_and_start_again_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let first = Demo::processes_at(&dir, 2);
    let (mrn, before) = somebody_seen_at(&first, "North");
    let pids: Vec<u64> = first.ready["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["pid"].as_u64().unwrap())
        .collect();
    let command = first.branch("South")["command"].as_str().unwrap().to_owned();

    let second = Command::new(WARDLINE).args(["demo", "--headless", "--dir"]).arg(&dir).output().unwrap();
    assert!(text(&second.stderr).contains("a demo runs in"), "{}", text(&second.stderr));

    first.kill();
    // without its demo, a demo's branch does not run: its keys are no secret
    let alone = Command::new("sh").args(["-c", &command.replace(" 2>> ", " 2>&1 # ")]).output().unwrap();
    assert!(!alone.status.success());
    assert!(text(&alone.stdout).contains("runs only beside it"), "{}", text(&alone.stdout));

    let again = Demo::processes_at(&dir, 2);
    assert!(pids.iter().all(|pid| is_gone(*pid)), "the next demo waits for the branches of the one before");
    let (code, after) = visits(&again, &mrn);
    assert_eq!(code, Some(0), "{after:#}");
    assert_eq!(after["visits"], before["visits"]);
    again.stop();
}

/// Whether a process has ended, whoever has to take note of it.
pub fn is_gone(pid: u64) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

fn visits(demo: &Demo, mrn: &str) -> (Option<i32>, Value) {
    let output = demo.run("supervisor", &[&["visits", mrn, "--json"], &WHY[..]].concat());
    let document =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), document)
}

/// A made-up patient with records of a branch, and the whole history.
fn somebody_seen_at(demo: &Demo, branch: &str) -> (String, Value) {
    let people: Value = serde_json::from_slice(&fs::read(demo.dir.join("people.json")).unwrap()).unwrap();
    for person in people.as_array().unwrap() {
        let mrn = person["mrn"].as_str().unwrap();
        let (code, history) = visits(demo, mrn);
        assert_eq!(code, Some(0), "{history:#}");
        let rows = history["visits"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["state"] == "VERIFIED"));
        if rows.iter().any(|row| row["branch_name"] == branch) {
            return (mrn.to_owned(), history);
        }
    }
    panic!("nobody was seen at {branch}");
}

fn add_record(demo: &Demo, staff: &str, mrn: &str) {
    let record = json!({
        "v": 1,
        "kind": "visit",
        "occurred": "2026-11-20T09:30:00+01:00",
        "practitioner": {"name": "Dr Test"},
        "organization": "South",
        "body": {"class": "ambulatory", "visit_type": "unplanned visit", "reason": "while North was down"},
    });
    let mut add = demo
        .command(staff, &[&["record", "add", mrn, "--file", "-", "--json"], &WHY[..]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(record.to_string().as_bytes()).unwrap();
    let output = add.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

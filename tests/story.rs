//! A hand in one branch's database while a console watches: seen, proven, repaired. `WARDLINE_PICTURES=DIR` keeps what
//! the terminal showed on the way; the README's pictures are made by that.

use crate::{
    demo::{Demo, WARDLINE},
    processes::{Process, is_gone, signal, until},
    pty::Terminal,
};
use portable_pty::CommandBuilder;
use rusqlite::Connection;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Keeps a picture, where somebody asked for pictures.
fn picture(terminal: &Terminal, name: &str) {
    if let Some(folder) = env::var_os("WARDLINE_PICTURES") {
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(format!("{name}.svg")), terminal.picture()).unwrap();
    }
}

/// A command as somebody types it in a folder, with the program on the path.
fn typed(demo: &Demo, folder: &Path, line: &str) -> Terminal {
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", "printf '$ %s\\n' \"$0\"; eval \"$0\"; printf '$ echo $?\\n%s\\n' $?", line]);
    command.cwd(folder);
    let program = Path::new(WARDLINE).parent().unwrap();
    command.env("PATH", format!("{}:{}", program.display(), env::var("PATH").unwrap()));
    command.env("WARDLINE_CONFIG", demo.config());
    command.env("WARDLINE_KEY", demo.key("auditor"));
    command.env("WARDLINE_PASSPHRASE_FILE", demo.passphrase_file());
    let terminal = Terminal::run(command, String::new());
    terminal.wait_for("$ echo $?");
    terminal.wait("the exit code", |screen| {
        let contents = screen.contents();
        contents
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .is_some_and(|line| line.trim().parse::<i32>().is_ok())
    });
    terminal
}

fn exit_code(terminal: &Terminal) -> i32 {
    let text = terminal.text();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap().trim().parse().unwrap()
}

/// The only evidence file under a folder.
fn evidence(folder: &Path) -> Option<PathBuf> {
    crate::demo::files(folder).into_iter().find(|path| path.extension().is_some_and(|end| end == "evidence"))
}

#[test]
fn a_hand_in_a_branchs_database_is_seen_proven_and_repaired() {
    let demo = Demo::processes(3);
    let home = demo.dir.join("branches").join("south");
    let south = demo.branch("South");

    let mut console = Terminal::console(&demo, "auditor");
    console.unlock();
    console.wait_for("VERIFIED");
    console.press("3");
    console.wait_for("State word");
    console.press("r");
    console.wait("every cell verified", |screen| {
        let text = screen.contents();
        text.matches('+').count() > 20 && !text.contains("  .  ")
    });
    picture(&console, "story-1-watching");

    // One byte of one old block's header, by somebody with root at South.
    let edited = Connection::open(home.join("data").join("main.sqlite")).unwrap();
    edited.busy_timeout(crate::demo::PATIENCE).unwrap();
    let changed = edited
        .execute(
            "UPDATE header SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'5a' AS BLOB) \
             WHERE height = (SELECT max(height) - 1 FROM header)",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(edited);
    console.press("r");
    console.wait_for("ALARM");
    console.wait_for("INVALID");
    picture(&console, "story-2-alarm");
    console.press("!");
    console.wait_for(".evidence");
    // The footer is drawn last.
    console.wait_for("x close the alarm");
    picture(&console, "story-3-what-was-signed");

    // The same on any machine, with the genesis document alone.
    let desk = tempfile::tempdir().unwrap();
    fs::copy(evidence(&demo.dir).unwrap(), desk.path().join("forged.evidence")).unwrap();
    fs::copy(home.join("genesis.bin"), desk.path().join("genesis.bin")).unwrap();
    let checked = typed(&demo, desk.path(), "wardline evidence check forged.evidence --network genesis.bin");
    assert_eq!(exit_code(&checked), 0, "{}", checked.text());
    assert!(checked.text().contains("South"), "{}", checked.text());
    picture(&checked, "story-4-evidence");

    let pid = south["pid"].as_u64().unwrap();
    signal(pid, "-TERM");
    until("the end of South", || is_gone(pid));
    let named = typed(&demo, &home, "wardline verify --node-dir data --genesis genesis.bin");
    assert_eq!(exit_code(&named), 4, "{}", named.text());
    picture(&named, "story-5-named");
    let repaired = typed(&demo, &home, "wardline repair --node node.toml");
    assert_eq!(exit_code(&repaired), 0, "{}", repaired.text());
    picture(&repaired, "story-6-repaired");
    let whole = typed(&demo, &home, "wardline verify --node-dir data --genesis genesis.bin");
    assert_eq!(exit_code(&whole), 0, "{}", whole.text());

    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {}", south["command"].as_str().unwrap())]);
    let again = Process::answering(&mut command);
    // The alarm stays until a person closes it with a reason.
    console.press("x");
    console.wait_for("keep it open");
    console.press("disk edited by hand; repaired from the others\r");
    console.wait_for("y yes");
    console.press("y");
    console.wait("the alarm closed", |screen| !screen.contents().contains("ALARM:"));
    console.press("\x1b");
    console.wait_for("State word");
    console.press("r");
    console.wait("South verified again", |screen| {
        let text = screen.contents();
        !text.contains("INVALID ") && !text.contains("SILENT ") && text.contains("LIVE: 5 of 5")
    });
    picture(&console, "story-7-after");
    drop(again);
}

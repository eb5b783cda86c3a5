//! The built program in a pseudo-terminal of 80x24, as ward staff meet it.

use crate::demo::{self, PATIENCE, WARDLINE};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

/// What the terminal has shown so far, and whether the program's end of it is closed.
struct Shown {
    screen: vt100::Parser,
    closed: bool,
}

/// A console process in a pseudo-terminal.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Opens the console as `staff` of the shared demo.
    fn open(staff: &str) -> Self {
        let demo = demo::shared();
        let pair = native_pty_system()
            .openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(WARDLINE);
        command.args(["console", "--config", demo.config(), "--key", demo.key(staff)]);
        command.env("TERM", "xterm-256color");
        command.env("ESCDELAY", "300");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = Arc::new((
            Mutex::new(Shown { screen: vt100::Parser::new(24, 80, 0), closed: false }),
            Condvar::new(),
        ));
        let sink = shown.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let count = reader.read(&mut bytes).unwrap_or(0);
                let mut shown = sink.0.lock().unwrap();
                shown.screen.process(&bytes[..count]);
                shown.closed = count == 0;
                sink.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { child, keys, shown, _master: pair.master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen satisfies a condition.
    fn wait(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            if condition(shown.screen.screen()) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !shown.closed,
                "{what} never came:\n{}",
                shown.screen.screen().contents()
            );
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    fn unlock(&mut self) {
        let passphrase = std::fs::read_to_string(demo::shared().passphrase_file()).unwrap();
        self.wait_for("Passphrase");
        self.press(&passphrase);
        self.press("\r");
    }

    /// Sends a signal and waits for the end; the terminal must be as it was.
    fn signal(mut self, name: &str) {
        let pid = self.child.process_id().unwrap();
        std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
        self.ended();
    }

    fn ended(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the console does not end");
            std::thread::yield_now();
        }
        // the reader may still be at the last bytes
        let mut shown = self.shown.0.lock().unwrap();
        while !shown.closed && shown.screen.screen().alternate_screen() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the alternate screen is still on");
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
        assert!(!shown.screen.screen().alternate_screen(), "the alternate screen is still on");
        assert!(!shown.screen.screen().hide_cursor(), "the cursor is still hidden");
        assert!(!shown.screen.screen().bracketed_paste(), "bracketed paste is still on");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn someone() -> String {
    let people: serde_json::Value =
        serde_json::from_slice(&std::fs::read(demo::shared().dir.join("people.json")).unwrap()).unwrap();
    people[0]["mrn"].as_str().unwrap().to_owned()
}

#[test]
fn a_nurse_unlocks_finds_a_patient_and_opens_a_record_of_another_branch() {
    let mut terminal = Terminal::open("ward");
    terminal.unlock();
    terminal.wait_for("VERIFIED");
    terminal.press("p");
    terminal.wait_for("Find a patient");
    terminal.press(&someone());
    terminal.press("\r");
    terminal.wait_for("4 of 4");
    terminal.press("\r");
    terminal.wait_for("Look up this patient");
    // purpose, reason and the reason's words stand already: Enter goes through them and looks up
    terminal.press("\r\r\r");
    terminal.wait_for("PROVEN WHOLE");
    terminal.wait("verified rows", |screen| screen.contents().matches("VERIFIED").count() >= 2);
    terminal.press("\r");
    terminal.wait_for("Temporary ID");
    terminal.press("q");
    terminal.ended();
}

#[test]
fn an_auditor_sees_what_a_side_block_holds_and_a_nurse_its_signers() {
    for (staff, sees) in [("auditor", "its audit log says that you looked"), ("ward", "needs role auditor")] {
        let mut terminal = Terminal::open(staff);
        terminal.unlock();
        terminal.wait_for("VERIFIED");
        terminal.press("3");
        terminal.wait_for("LIVE: 5 of 5 branches answer");
        terminal.wait_for("Signed by");
        terminal.press("\t");
        terminal.wait_for("Side chain  VERIFIED to block");
        terminal.wait("signers", |screen| screen.contents().contains("of 4 validators"));
        terminal.press("\r");
        terminal.wait(sees, |screen| {
            let words: Vec<_> = screen.contents().split_whitespace().map(str::to_owned).collect();
            words.join(" ").contains(sees)
        });
        terminal.press("q");
        terminal.ended();
    }
}

#[test]
fn a_wrong_passphrase_is_told_beside_the_field() {
    let mut terminal = Terminal::open("ward");
    terminal.wait_for("Passphrase");
    terminal.press("wrong\r");
    terminal.wait_for("wrong passphrase");
}

#[test]
fn the_terminal_is_restored_after_sigterm_and_sighup() {
    for signal in ["-TERM", "-HUP"] {
        let mut terminal = Terminal::open("operator");
        terminal.unlock();
        terminal.wait_for("North");
        terminal.signal(signal);
    }
}

#[test]
fn an_arrow_key_that_arrives_in_pieces_is_not_esc() {
    let mut terminal = Terminal::open("ward");
    terminal.unlock();
    terminal.wait_for("VERIFIED");
    terminal.press("?");
    terminal.wait_for("Show these keys");
    // the three bytes of Down, each in a write of its own
    for piece in ["\x1b", "[", "B"] {
        terminal.press(piece);
    }
    // Esc would have closed the help; a key after the arrow shows that it was read as one key
    terminal.press("?");
    terminal.wait("help closed by its own key", |screen| !screen.contents().contains("Show these keys"));
}

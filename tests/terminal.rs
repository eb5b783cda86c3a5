//! The built program in a pseudo-terminal of 80x24, as ward staff meet it.

use crate::{demo, pty::Terminal};

impl Terminal {
    /// Opens the console as `staff` of the shared demo.
    fn open(staff: &str) -> Self {
        Self::console(demo::shared(), staff)
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
    terminal.wait_for("Made at");
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
        terminal.wait_for("State word");
        terminal.press("\t");
        terminal.wait_for("Side chain  VERIFIED to block");
        terminal.wait("signers", |screen| screen.contents().contains("of 4 validators"));
        // Enter says in words what the cell means, o opens the block.
        terminal.press("\r");
        terminal.wait_for("the very block");
        terminal.press("o");
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

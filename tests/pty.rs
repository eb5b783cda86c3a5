//! A pseudo-terminal of 80x24 with a program in it: keys in, a screen out, pictures of it.

use crate::demo::{Demo, PATIENCE, WARDLINE};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
};
use std::{
    io::{Read as _, Write},
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// What the terminal has shown so far, and whether the program's end of it is closed.
struct Shown {
    screen: vt100::Parser,
    closed: bool,
}

/// A console process in a pseudo-terminal.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    passphrase: String,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Opens the console as `staff` of a demo and unlocks nothing yet.
    pub fn console(demo: &Demo, staff: &str) -> Self {
        let mut command = CommandBuilder::new(WARDLINE);
        command.args(["console", "--config", demo.config(), "--key", demo.key(staff)]);
        let passphrase = std::fs::read_to_string(demo.passphrase_file()).unwrap();
        Self::run(command, passphrase)
    }

    /// Runs a program that may ask for a passphrase.
    pub fn run(mut command: CommandBuilder, passphrase: String) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        command.env("TERM", "xterm-256color");
        command.env("ESCDELAY", "300");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = Arc::new((
            Mutex::new(Shown { screen: vt100::Parser::new(ROWS, COLUMNS, 0), closed: false }),
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
        Self { child, keys, shown, passphrase, _master: pair.master }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen satisfies a condition.
    pub fn wait(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
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

    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    pub fn unlock(&mut self) {
        self.wait_for("Passphrase");
        let passphrase = self.passphrase.clone();
        self.press(&passphrase);
        self.press("\r");
    }

    /// Sends a signal and waits for the end; the terminal must be as it was.
    pub fn signal(mut self, name: &str) {
        let pid = self.child.process_id().unwrap();
        std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
        self.ended();
    }

    pub fn ended(&mut self) {
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

impl Terminal {
    /// What is on the screen, as text.
    pub fn text(&self) -> String {
        self.shown.0.lock().unwrap().screen.screen().contents()
    }

    /// What is on the screen, as SVG.
    pub fn picture(&self) -> String {
        let shown = self.shown.0.lock().unwrap();
        let screen = shown.screen.screen();
        let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, ROWS));
        for y in 0..ROWS {
            for x in 0..COLUMNS {
                let cell = screen.cell(y, x).unwrap();
                let (mut style, reversed) = (Style::default(), cell.inverse());
                let (fg, bg) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
                style.fg = if reversed { bg.or(Some(Color::Black)) } else { fg };
                style.bg = if reversed { fg.or(Some(Color::Gray)) } else { bg };
                if cell.bold() {
                    style = style.add_modifier(Modifier::BOLD);
                }
                if cell.underline() {
                    style = style.add_modifier(Modifier::UNDERLINED);
                }
                let symbol = if cell.has_contents() { cell.contents() } else { " " };
                buffer.set_string(x, y, symbol, style);
            }
        }
        let (y, x) = screen.cursor_position();
        wardline_console::svg(&buffer, (!screen.hide_cursor()).then_some(Position { x, y }))
    }
}

/// The sixteen colours that the console uses.
fn colour(colour: vt100::Color) -> Option<Color> {
    const BASIC: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match colour {
        vt100::Color::Idx(index) => BASIC.get(usize::from(index)).copied(),
        vt100::Color::Default | vt100::Color::Rgb(..) => None,
    }
}

//! Keys from the terminal, with escape sequences re-joined that arrived in pieces.
//!
//! crossterm reports Esc as soon as a read ends on that byte (crossterm #993), so on a slow line an arrow key would
//! come as Esc, `[`, `A` and close a form. Here a lone Esc is held for a moment; when `[` or `O` follows, the key is
//! made again from the pieces. It must not know what a key means.

use crate::{keymap::Key, sanitise};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures::{Stream, StreamExt};
use std::{collections::VecDeque, io, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Longest sequence that is collected before it is given up as noise.
const SEQUENCE_MAX: usize = 24;
/// A pasted text whose end mark got lost ends when nothing came for this long.
const PASTE_GAP: Duration = Duration::from_millis(100);
/// Longest paste that is taken in; the rest is dropped.
const PASTE_MAX: usize = 64 * 1024;

/// What the terminal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key went down.
    Key(Key),
    /// Text was pasted: one line, control characters already taken out.
    Paste(String),
    /// The terminal has a new size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The terminal is gone.
    Gone,
}

/// How long a lone Esc is held: `ESCDELAY` in milliseconds, else 100 over SSH and 25 elsewhere.
pub fn escape_delay(escdelay: Option<&str>, over_ssh: bool) -> Duration {
    let ms = escdelay
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map_or(if over_ssh { 100 } else { 25 }, |ms| ms.min(2_000));
    Duration::from_millis(ms)
}

/// Re-joins the events of a terminal. [`Inputs::next`] may be dropped and called again at any time.
pub struct Inputs<S> {
    events: S,
    pieces: Pieces,
    deadline: Option<Instant>,
}

impl<S: Stream<Item = io::Result<Event>> + Unpin> Inputs<S> {
    /// Holds a lone Esc for `delay`.
    pub fn new(events: S, delay: Duration) -> Self {
        Self { events, pieces: Pieces::new(delay), deadline: None }
    }

    /// The next input; [`Input::Gone`] at the end of the stream and on its first error.
    pub async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.pieces.ready.pop_front() {
                return input;
            }
            let event = match self.deadline {
                None => self.events.next().await,
                Some(deadline) => match timeout_at(deadline, self.events.next()).await {
                    Ok(event) => event,
                    Err(_) => {
                        self.pieces.give_up_waiting();
                        self.deadline = None;
                        continue;
                    }
                },
            };
            match event {
                Some(Ok(event)) => self.pieces.take(event),
                Some(Err(_)) | None => return Input::Gone,
            }
            self.deadline = self.pieces.wait().map(|how_long| Instant::now() + how_long);
        }
    }
}

enum Held {
    Nothing,
    /// Esc and what followed it so far, without the Esc.
    Escape(String),
    /// A paste whose start mark came in pieces; the second part is the end mark as far as it has come.
    Paste(String, Option<String>),
}

/// What has come so far, without a clock.
struct Pieces {
    delay: Duration,
    held: Held,
    ready: VecDeque<Input>,
}

impl Pieces {
    fn new(delay: Duration) -> Self {
        Self { delay, held: Held::Nothing, ready: VecDeque::new() }
    }

    /// How long to wait for what may belong to what is held.
    fn wait(&self) -> Option<Duration> {
        match self.held {
            Held::Nothing => None,
            Held::Escape(_) => Some(self.delay),
            Held::Paste(..) => Some(PASTE_GAP),
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Key(event) if event.kind != KeyEventKind::Release => {
                if let Some(key) = key_of(event) {
                    self.take_key(key);
                }
            }
            Event::Resize(width, height) => self.ready.push_back(Input::Resize { width, height }),
            Event::Paste(text) => self.ready.push_back(Input::Paste(sanitise::pasted(&text))),
            _ => {}
        }
    }

    fn take_key(&mut self, key: Key) {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing if key == Key::Esc => self.held = Held::Escape(String::new()),
            Held::Nothing => self.ready.push_back(Input::Key(key)),
            Held::Escape(body) => self.continue_escape(body, key),
            Held::Paste(text, mark) => self.continue_paste(text, mark, key),
        }
    }

    fn continue_escape(&mut self, mut body: String, key: Key) {
        let Key::Char(c) = key else {
            // Two keys after each other, not a sequence: Esc was pressed.
            if body.is_empty() {
                self.ready.push_back(Input::Key(Key::Esc));
            }
            return self.take_key(key);
        };
        if body.is_empty() && c != '[' && c != 'O' {
            self.ready.push_back(Input::Key(Key::Esc));
            return self.ready.push_back(Input::Key(key));
        }
        body.push(c);
        let complete = body.len() >= 2 && ('\x40'..='\x7e').contains(&c);
        match complete.then(|| sequence(&body)) {
            Some(Sequence::Key(key)) => self.ready.push_back(Input::Key(key)),
            Some(Sequence::PasteStart) => self.held = Held::Paste(String::new(), None),
            Some(Sequence::Other) => {}
            None if body.len() >= SEQUENCE_MAX => {}
            None => self.held = Held::Escape(body),
        }
    }

    fn continue_paste(&mut self, mut text: String, mark: Option<String>, key: Key) {
        let c = match key {
            Key::Esc => {
                self.held = Held::Paste(text, Some(String::new()));
                return;
            }
            Key::Char(c) => c,
            Key::Enter | Key::Tab => ' ',
            // BEL: the end of a control string, which the sanitiser looks for.
            Key::Ctrl('g') => '\u{7}',
            _ => {
                self.held = Held::Paste(text, mark);
                return;
            }
        };
        let mark = match mark {
            Some(mut mark) => {
                mark.push(c);
                if mark == "[201~" {
                    return self.ready.push_back(Input::Paste(sanitise::pasted(&text)));
                }
                if "[201~".starts_with(&mark) {
                    Some(mark)
                } else {
                    // No end mark but another sequence: the sanitiser takes it out as a whole.
                    text.push('\u{1b}');
                    text.push_str(&mark);
                    None
                }
            }
            None => {
                if text.len() < PASTE_MAX {
                    text.push(c);
                }
                None
            }
        };
        self.held = Held::Paste(text, mark);
    }

    /// The wait is over: a lone Esc is an Esc, half a sequence is noise, a paste is at its end.
    fn give_up_waiting(&mut self) {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Escape(body) if body.is_empty() => self.ready.push_back(Input::Key(Key::Esc)),
            Held::Paste(text, _) => self.ready.push_back(Input::Paste(sanitise::pasted(&text))),
            Held::Escape(_) | Held::Nothing => {}
        }
    }
}

enum Sequence {
    Key(Key),
    PasteStart,
    Other,
}

/// The key of a complete CSI or SS3 sequence, written without its ESC. Modifiers are left out: no binding needs them.
fn sequence(body: &str) -> Sequence {
    let key = match body {
        "[200~" => return Sequence::PasteStart,
        "[Z" => Key::BackTab,
        "[1~" | "[7~" => Key::Home,
        "[4~" | "[8~" => Key::End,
        "[3~" => Key::Delete,
        "[5~" => Key::PageUp,
        "[6~" => Key::PageDown,
        "OP" | "[11~" => Key::F(1),
        _ => {
            let parameters_only = body
                .get(1..body.len() - 1)
                .is_some_and(|middle| middle.bytes().all(|b| b.is_ascii_digit() || b == b';'));
            match body.bytes().last() {
                Some(b'A') if parameters_only => Key::Up,
                Some(b'B') if parameters_only => Key::Down,
                Some(b'C') if parameters_only => Key::Right,
                Some(b'D') if parameters_only => Key::Left,
                Some(b'H') if parameters_only => Key::Home,
                Some(b'F') if parameters_only => Key::End,
                _ => return Sequence::Other,
            }
        }
    };
    Sequence::Key(key)
}

/// Our name for a terminal's key; nothing for keys that no binding can have.
fn key_of(event: KeyEvent) -> Option<Key> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META | KeyModifiers::SUPER) {
        return None;
    }
    Some(match event.code {
        // What serial terminals send for Backspace and for Enter.
        KeyCode::Char('h') if control => Key::Backspace,
        KeyCode::Char('j' | 'm') if control => Key::Enter,
        KeyCode::Char(c) if control => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if sanitise::is_unsafe(c) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::F(n) => Key::F(n),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "input/tests.rs"]
mod tests;

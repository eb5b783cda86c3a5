//! The bytes that go out, and what a terminal makes of them.

use super::*;
use ratatui::{Terminal, style::Stylize, text::Line, widgets::Paragraph};
use std::{cell::RefCell, rc::Rc};

#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<u8>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn taken(&self) -> String {
        String::from_utf8(self.0.take()).unwrap()
    }
}

fn terminal(charset: Charset) -> (Terminal<Lean<Wire>>, Wire) {
    let wire = Wire::default();
    let mut terminal = Terminal::new(Lean::new(wire.clone(), || Ok((20, 4)), charset)).unwrap();
    terminal.clear().unwrap();
    wire.taken();
    (terminal, wire)
}

fn drawn(terminal: &mut Terminal<Lean<Wire>>, lines: Vec<Line<'_>>, cursor: Option<(u16, u16)>) {
    terminal
        .draw(|frame| {
            frame.render_widget(Paragraph::new(lines), frame.area());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        })
        .unwrap();
}

#[test]
fn basic_colours_have_basic_codes() {
    let (mut terminal, wire) = terminal(Charset::Utf8);
    drawn(&mut terminal, vec![Line::from(vec!["ok".green(), " ".into(), "bad".light_red().bold()])], None);
    let out = wire.taken();
    assert!(out.contains("\x1b[32mok") && out.contains("\x1b[1;91mbad"), "{out:?}");
    assert!(!out.contains("38;5") && !out.contains("\x1b[6n") && !out.contains("\x1b[c"), "{out:?}");
    assert!(out.ends_with("\x1b[m\x1b[?25l") || out.ends_with("\x1b[m"), "{out:?}");
}

#[test]
fn nothing_changed_is_no_byte() {
    let (mut terminal, wire) = terminal(Charset::Utf8);
    for cursor in [None, Some((3, 1))] {
        drawn(&mut terminal, vec!["Tan, Mei".into()], cursor);
        assert!(!wire.taken().is_empty());
        drawn(&mut terminal, vec!["Tan, Mei".into()], cursor);
        assert_eq!(wire.taken(), "");
    }
}

#[test]
fn a_moved_marker_is_a_handful_of_bytes() {
    let (mut terminal, wire) = terminal(Charset::Utf8);
    drawn(&mut terminal, vec!["> one".into(), "  two".into()], Some((0, 0)));
    wire.taken();
    drawn(&mut terminal, vec!["  one".into(), "> two".into()], Some((0, 1)));
    assert_eq!(wire.taken(), " \r\n>\r");
}

#[test]
fn ascii_keeps_width_and_meaning() {
    let (mut terminal, wire) = terminal(Charset::Ascii);
    drawn(&mut terminal, vec!["┌─Çelik…陳".into()], None);
    let out = wire.taken();
    assert!(out.contains("+-Celik~??") && out.is_ascii(), "{out:?}");
}

#[test]
fn no_unsafe_character_passes_whatever_drew_it() {
    let (mut terminal, wire) = terminal(Charset::Utf8);
    terminal
        .draw(|frame| {
            let buffer = frame.buffer_mut();
            buffer[(0, 0)].set_symbol("a\u{202e}");
            buffer[(1, 0)].set_symbol("b\u{200b}");
            buffer[(2, 0)].set_symbol("x");
        })
        .unwrap();
    let out = wire.taken();
    assert!(out.contains("??x") && !out.contains(['\u{202e}', '\u{200b}']), "{out:?}");
}

#[test]
fn a_character_of_doubtful_width_is_followed_by_an_absolute_place() {
    let (mut terminal, wire) = terminal(Charset::Utf8);
    drawn(&mut terminal, vec!["é1".into()], None);
    assert!(wire.taken().contains("é\x1b[1;2H1"));
}

#[test]
fn the_charset_follows_the_locale_and_the_terminal() {
    let charset =
        |locale: [Option<&str>; 3], term| Charset::of(&locale.map(|value| value.map(str::to_owned)), term);
    assert_eq!(charset([None, None, Some("en_GB.UTF-8")], "xterm-256color"), Charset::Utf8);
    assert_eq!(charset([Some(""), Some("C.utf8"), Some("C")], "xterm"), Charset::Utf8);
    assert_eq!(charset([Some("C"), None, Some("en_GB.UTF-8")], "xterm"), Charset::Ascii);
    assert_eq!(charset([None, None, Some("en_GB.UTF-8")], "vt100"), Charset::Ascii);
    assert_eq!(charset([None, None, None], "xterm"), Charset::Ascii);
}

#[test]
fn the_bell_rings_once_and_moves_nothing() {
    let (mut terminal, wire) = terminal(Charset::Ascii);
    terminal.backend_mut().ring();
    drawn(&mut terminal, vec!["a".into()], None);
    assert_eq!(wire.taken().matches('\x07').count(), 1);
    drawn(&mut terminal, vec!["ab".into()], None);
    assert!(!wire.taken().contains('\x07'));
}

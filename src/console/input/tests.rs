//! Keys that come in pieces, as serial lines bring them. No clock: a pause is either shorter than the wait or not.

use super::*;
use futures::{FutureExt, stream};

const DELAY: Duration = Duration::from_millis(25);

fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Each event with the milliseconds before it.
fn read(events: Vec<(u64, Event)>) -> Vec<Input> {
    let mut pieces = Pieces::new(DELAY);
    for (ms, event) in events {
        if pieces.wait().is_some_and(|wait| wait <= Duration::from_millis(ms)) {
            pieces.give_up_waiting();
        }
        pieces.take(event);
    }
    if pieces.wait().is_some() {
        pieces.give_up_waiting();
    }
    pieces.ready.into()
}

/// The characters as single keys, with this time between them; Esc first.
fn pieces(ms: u64, body: &str) -> Vec<(u64, Event)> {
    std::iter::once((0, key(KeyCode::Esc))).chain(body.chars().map(|c| (ms, key(KeyCode::Char(c))))).collect()
}

fn keys(keys: &[Key]) -> Vec<Input> {
    keys.iter().copied().map(Input::Key).collect()
}

#[test]
fn a_key_in_pieces_is_one_key() {
    let cases = [
        ("[A", Key::Up),
        ("[B", Key::Down),
        ("OC", Key::Right),
        ("[D", Key::Left),
        ("[1;5A", Key::Up),
        ("[H", Key::Home),
        ("[4~", Key::End),
        ("[3~", Key::Delete),
        ("[5~", Key::PageUp),
        ("[6~", Key::PageDown),
        ("[Z", Key::BackTab),
        ("OP", Key::F(1)),
    ];
    for (body, expected) in cases {
        for ms in [1, 10, 24] {
            let mut events = pieces(ms, body);
            events.push((200, key(KeyCode::Char('x'))));
            assert_eq!(read(events), keys(&[expected, Key::Char('x')]), "{body} at {ms} ms");
        }
    }
}

#[test]
fn a_lone_escape_is_an_escape() {
    assert_eq!(
        read(vec![(0, key(KeyCode::Esc)), (500, key(KeyCode::Char('q')))]),
        keys(&[Key::Esc, Key::Char('q')])
    );
    // Typed fast, with nothing that could be a sequence.
    assert_eq!(read(pieces(5, "q")), keys(&[Key::Esc, Key::Char('q')]));
    let twice = vec![(0, key(KeyCode::Esc)), (5, key(KeyCode::Esc)), (200, key(KeyCode::Enter))];
    assert_eq!(read(twice), keys(&[Key::Esc, Key::Esc, Key::Enter]));
    assert_eq!(read(vec![(0, key(KeyCode::Esc)), (5, key(KeyCode::Down))]), keys(&[Key::Esc, Key::Down]));
}

#[test]
fn half_a_sequence_and_unknown_ones_press_nothing() {
    let mut events = pieces(5, "[1;");
    events.push((500, key(KeyCode::Char('x'))));
    assert_eq!(read(events), keys(&[Key::Char('x')]));
    let mut events = pieces(5, "[99~");
    events.push((500, key(KeyCode::Char('x'))));
    assert_eq!(read(events), keys(&[Key::Char('x')]));
    let mut events = pieces(1, &format!("[{}", "1".repeat(40)));
    events.push((500, key(KeyCode::Enter)));
    let read = read(events);
    assert!(!read.contains(&Input::Key(Key::Esc)) && read.last() == Some(&Input::Key(Key::Enter)));
}

#[test]
fn a_paste_presses_no_keys_even_in_pieces() {
    let whole = vec![(0, Event::Paste("Tan\r\nMei\u{1b}[A".into()))];
    assert_eq!(read(whole), vec![Input::Paste("Tan Mei".into())]);
    let mut events = pieces(1, "[200~Tan q");
    events.push((1, key(KeyCode::Enter)));
    events.push((1, key(KeyCode::Char('y'))));
    events.extend(pieces(1, "[201~"));
    events.push((1, key(KeyCode::Char('x'))));
    assert_eq!(read(events), vec![Input::Paste("Tan q y".into()), Input::Key(Key::Char('x'))]);
    // A sequence within it.
    let mut events = pieces(1, "[200~Tan");
    events.extend(pieces(1, "[31mMei"));
    events.extend(pieces(1, "[201~"));
    assert_eq!(read(events), vec![Input::Paste("TanMei".into())]);
    let mut events = pieces(1, "[200~Tan");
    events.extend(pieces(1, "]0;title"));
    events.push((1, Event::Key(KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL))));
    events.extend(pieces(1, "[201~"));
    assert_eq!(read(events), vec![Input::Paste("Tan".into())]);
    // The end mark got lost.
    let mut events = pieces(1, "[200~abc");
    events.push((400, key(KeyCode::Char('x'))));
    assert_eq!(read(events), vec![Input::Paste("abc".into()), Input::Key(Key::Char('x'))]);
}

/// The loop's select drops the waiting whenever something else happens first.
#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let mut inputs = Inputs::new(receiver, Duration::from_secs(3_600));
    let mut read = Vec::new();
    for code in [KeyCode::Esc, KeyCode::Char('['), KeyCode::Char('A')] {
        sender.unbounded_send(Ok(key(code))).unwrap();
        read.push(inputs.next().now_or_never());
    }
    assert_eq!(read, [None, None, Some(Input::Key(Key::Up))]);
}

#[tokio::test]
async fn a_lone_escape_comes_out_when_its_time_is_over() {
    let events = stream::iter([Ok(key(KeyCode::Esc))]).chain(stream::pending());
    assert_eq!(Inputs::new(events, Duration::ZERO).next().await, Input::Key(Key::Esc));
}

#[tokio::test]
async fn an_error_and_the_end_are_the_end() {
    let failed = stream::iter([Err(io::Error::other("gone"))]);
    assert_eq!(Inputs::new(failed, DELAY).next().await, Input::Gone);
    assert_eq!(Inputs::new(stream::empty(), DELAY).next().await, Input::Gone);
}

#[test]
fn what_serial_terminals_send_means_the_same() {
    let control = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
    let alt = Event::Key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT));
    let release = Event::Key(KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Enter) });
    let events = vec![
        (0, control('h')),
        (0, control('j')),
        (0, control('C')),
        (0, alt),
        (0, release),
        (0, key(KeyCode::Char('\u{202e}'))),
        (0, Event::Resize(100, 30)),
    ];
    let mut expected = keys(&[Key::Backspace, Key::Enter, Key::Ctrl('c')]);
    expected.push(Input::Resize { width: 100, height: 30 });
    assert_eq!(read(events), expected);
}

#[test]
fn the_delay_follows_escdelay_and_the_line() {
    let ms = |escdelay, over_ssh| escape_delay(escdelay, over_ssh).as_millis();
    assert_eq!((ms(None, false), ms(None, true)), (25, 100));
    assert_eq!((ms(Some("80"), true), ms(Some("soon"), false), ms(Some("999999"), false)), (80, 25, 2_000));
}

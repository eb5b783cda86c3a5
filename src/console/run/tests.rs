//! The whole loop with a fake terminal: keys in, bytes out.

use super::*;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures::stream;
use std::{
    pin::Pin,
    sync::{Mutex, atomic::AtomicU64},
    task::{Context as TaskContext, Waker},
};
use wardline_ledger::NetworkPolicy;

#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct FixedClock(AtomicU64);

impl Clock for FixedClock {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn start() -> Start {
    let genesis = Genesis {
        name: "Test".into(),
        created_s: 0,
        epoch_length: 512,
        participants: Vec::new(),
        staff: Vec::new(),
        suites_writable: 4,
        policy: NetworkPolicy::default(),
    };
    let settings = Settings {
        network_name: "Test".into(),
        network: genesis.network(),
        genesis: "genesis".into(),
        state: "state".into(),
        memory: None,
        urls: Default::default(),
        deadline_ms: 1_000,
    };
    Start {
        settings,
        genesis,
        staff_files: vec![StaffChoice { label: "Nobody".into(), path: "no-such-file".into() }],
        passphrase_hint: None,
        prefilled_passphrase: Some(SecretBytes::new(b"prefilled".to_vec())),
        idle_lock_s: 300,
        bell: true,
        clock: Arc::new(FixedClock(AtomicU64::new(1_772_366_520))),
    }
}

async fn played(events: Vec<io::Result<Event>>) -> (Result<(), ConsoleError>, String) {
    // A stream that ends after its events, as a terminal that is closed does.
    played_on(stream::iter(events)).await
}

async fn played_on(
    events: impl Stream<Item = io::Result<Event>> + Unpin,
) -> (Result<(), ConsoleError>, String) {
    let wire = Wire::default();
    let mut terminal = Terminal::new(Lean::new(wire.clone(), || Ok((80, 24)), Charset::Utf8)).unwrap();
    let (model, effects, clock) = assemble(start());
    let inputs = Inputs::new(events, Duration::from_secs(3_600));
    let result = turn(&mut terminal, inputs, model, effects, clock).await;
    let out = String::from_utf8(wire.0.lock().unwrap().clone()).unwrap();
    (result, out)
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> io::Result<Event> {
    Ok(Event::Key(KeyEvent::new(code, modifiers)))
}

#[tokio::test]
async fn ctrl_c_leaves() {
    let (result, out) = played(vec![key(KeyCode::Char('c'), KeyModifiers::CONTROL)]).await;
    assert!(result.is_ok());
    assert!(out.contains("Who are you?") || out.contains("Who\x1b[Care"), "{out:?}");
    assert!(out.contains("*********"), "the demo's passphrase stands in the field as stars");
    assert!(!out.contains("prefilled"));
    // Nothing is asked of the terminal: no device attributes, no cursor position, no colours.
    for question in ["\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[5n", "\x1b]1"] {
        assert!(!out.contains(question), "{question:?}");
    }
}

/// As crossterm's stream: while it waits it keeps the first waker that it was given, and no later one.
#[derive(Clone)]
struct Stubborn(Arc<Mutex<StubbornState>>);

struct StubbornState {
    to_come: Vec<Event>,
    ready: Option<Event>,
    waker: Option<Waker>,
}

impl Stream for Stubborn {
    type Item = io::Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().unwrap();
        if let Some(event) = state.ready.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        if state.waker.is_none() {
            state.waker = Some(cx.waker().clone());
            let shared = self.clone();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                let mut state = shared.0.lock().unwrap();
                state.ready = state.to_come.pop();
                state.waker.take().unwrap().wake();
            });
        }
        Poll::Pending
    }
}

#[tokio::test]
async fn keys_keep_arriving_from_a_stream_that_remembers_its_first_waker() {
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let events =
        vec![Event::Key(control_c), Event::Key(KeyCode::Down.into()), Event::Key(KeyCode::Down.into())];
    let stream = Stubborn(Arc::new(Mutex::new(StubbornState { to_come: events, ready: None, waker: None })));
    let (result, _) = tokio::time::timeout(Duration::from_secs(20), played_on(stream)).await.unwrap();
    assert!(result.is_ok());
}

#[tokio::test]
async fn a_terminal_that_is_gone_ends_the_console() {
    assert!(matches!(played(Vec::new()).await.0, Err(ConsoleError::Gone)));
    let broken = vec![Err(io::Error::other("hung up"))];
    assert!(matches!(played(broken).await.0, Err(ConsoleError::Gone)));
}

#[tokio::test]
async fn a_key_file_that_cannot_be_read_is_said_beside_the_field() {
    let context = {
        let start = start();
        let files = start.staff_files.into_iter().map(|choice| choice.path).collect();
        Context { settings: start.settings, genesis: start.genesis, files, clock: start.clock }
    };
    let mut effects = Effects::new(context);
    let mut model = crate::samples::locked();
    crate::samples::typed(&mut model, "words");
    for effect in crate::samples::press(&mut model, crate::keymap::Key::Enter) {
        assert_eq!(effects.run(effect), None);
    }
    let message = effects.next().await;
    update(&mut model, message);
    assert!(
        model.unlock.error.as_deref().unwrap().starts_with("the key file cannot be read"),
        "{:?}",
        model.unlock
    );
}

#[tokio::test]
async fn without_a_terminal_it_says_so() {
    // Tests run without a terminal on standard input or output; with one, this says nothing.
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return;
    }
    assert!(matches!(run(start()).await, Err(ConsoleError::NoTerminal)));
}

//! Effects against a group that is not there.

use super::*;
use crate::samples::data;
use wardline_client::SystemClock;
use wardline_ledger::NetworkPolicy;

fn effects() -> Effects {
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
        urls: BTreeMap::default(),
        deadline_ms: 1_000,
    };
    Effects::new(Context { settings, genesis, files: Vec::new(), clock: Arc::new(SystemClock) })
}

#[tokio::test]
async fn an_overview_that_is_not_complete_yet_does_not_end_the_question() {
    let mut effects = effects();
    let ticket = Ticket(7);
    let task = tokio::spawn(std::future::pending::<()>());
    effects.running.insert(ticket, task.abort_handle());
    let say = |asking| {
        let known = wardline_client::Overview { asking, ..data::overview() };
        Answer::Message(ticket, Message::Refreshed(ticket, Box::new(known)))
    };
    // The last one comes after the end: nobody waits for it.
    for asking in [true, true, false, true] {
        effects.sender.send(say(asking)).unwrap_or_default();
    }
    for expected in [true, true, false] {
        let message = effects.next().await;
        assert!(matches!(message, Message::Refreshed(_, known) if known.asking == expected));
    }
    let more = tokio::time::timeout(std::time::Duration::from_millis(50), effects.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn what_an_earlier_sessions_streams_brought_is_dropped() {
    let mut effects = effects();
    let task = tokio::spawn(std::future::pending::<()>());
    effects.watching = Some((Ticket(2), task.abort_handle()));
    let watched = || Some(Box::new(crate::samples::strip::watched(&data::overview_well())));
    for answer in [
        Answer::Watched(Ticket(1), watched()),
        Answer::Watched(Ticket(2), watched()),
        Answer::Watched(Ticket(1), None),
        Answer::Watched(Ticket(2), None),
    ] {
        effects.sender.send(answer).unwrap_or_default();
    }
    assert!(matches!(effects.next().await, Message::Watched(_)));
    assert!(matches!(effects.next().await, Message::WatchEnded));
    // The lock ends them, and what was on its way with them.
    effects.run(Effect::EndSession);
    assert!(task.await.unwrap_err().is_cancelled());
    effects.sender.send(Answer::Watched(Ticket(2), watched())).unwrap_or_default();
    let more = tokio::time::timeout(std::time::Duration::from_millis(50), effects.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[test]
fn the_bell_is_the_drawing_loops_to_ring() {
    assert_eq!(effects().run(Effect::Bell), Some(Request::Bell));
}

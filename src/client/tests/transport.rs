//! The connection itself: pins, redirects, restarts, silence.

use super::{server::Net, vice::Vice};
use crate::{BranchWord, ClientError, Group};
use std::time::{Duration, Instant};
use wardline_crypto::Digest;

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_registered_one_is_not_talked_to() {
    let net = Net::start().await;
    // Branch 2's address leads to branch 3: right network, right protocol, wrong key.
    let mut settings = net.world.settings(net.folder.path());
    let third = net.world.genesis.participants[2].api.clone();
    settings.urls.insert(2, third);
    let world = &net.world;
    let group = Group::open(settings, world.genesis.clone(), world.session(), world.clock.clone()).unwrap();
    let overview = assert_send(group.refresh()).await;
    let view = overview.branches.iter().find(|view| view.id == 2).unwrap();
    assert_eq!(view.word, BranchWord::Invalid);
    assert!(view.detail.as_ref().unwrap().contains("another key"), "{:?}", view.detail);
    assert_eq!(net.asked(2, ""), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let net = Net::start().await;
    net.turn(2, Vice::Redirects);
    let overview = net.group().refresh().await;
    let view = overview.branches.iter().find(|view| view.id == 2).unwrap();
    assert_eq!(view.word, BranchWord::Invalid);
    assert!(view.detail.as_ref().unwrap().contains("307"), "{:?}", view.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_started_anew_is_greeted_again() {
    let net = Net::start().await;
    let group = net.group();
    group.refresh().await;
    net.servers[&2].restart();
    let overview = group.refresh().await;
    assert!(overview.branches.iter().all(|view| view.word == BranchWord::Verified), "{overview:?}");
    assert_eq!(net.asked(2, "hello"), 2);
    assert_eq!(net.asked(3, "hello"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_all_is_an_error_and_silence_of_one_delays_nobody_for_long() {
    let net = Net::start().await;
    let group = net.group();
    net.turn(3, Vice::Silent);
    let outcome = assert_send(group.search("mei")).await.unwrap();
    assert!(outcome.candidates.is_empty());
    let silent = outcome.branches.iter().find(|answer| answer.branch == 3).unwrap();
    assert!(matches!(silent.state, crate::AnswerState::Silent { since_s: None }));

    for branch in super::world::TRUSTED {
        net.turn(branch, Vice::Silent);
    }
    let error = group.search("mei").await.unwrap_err();
    assert!(matches!(error, ClientError::AllSilent(_)), "{error}");
    assert!(matches!(group.search(" ,").await, Err(ClientError::NothingToSearch)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_branch_is_waited_for_briefly_until_it_answers_again() {
    let net = Net::start().await;
    let group = net.group();
    net.turn(3, Vice::Silent);
    let word = |overview: &crate::Overview, id| {
        overview.branches.iter().find(|view| view.id == id).map(|view| view.word).unwrap()
    };

    // The first time everybody else is shown while it is waited for.
    let asked = tokio::spawn({
        let group = group.clone();
        async move { group.refresh().await }
    });
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let meanwhile = group.overview();
    assert!(meanwhile.asking && !asked.is_finished());
    let words = [1, 2, 3, 4].map(|id| word(&meanwhile, id));
    let verified = BranchWord::Verified;
    assert_eq!(words, [verified, verified, BranchWord::Asking, verified]);
    let overview = asked.await.unwrap();
    assert!(!overview.asking);
    assert_eq!(word(&overview, 3), BranchWord::Silent);

    // Then nobody waits the whole deadline of 2 s again.
    let began = Instant::now();
    assert_eq!(word(&group.refresh().await, 3), BranchWord::Silent);
    group.search("mei").await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());

    net.turn(3, Vice::None);
    group.refresh().await;
    assert_eq!(word(&group.refresh().await, 3), BranchWord::Verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_hangs_delays_no_search_by_its_deadline() {
    let net = Net::start().await;
    let group = net.group();
    net.turn(3, Vice::Silent);
    let began = Instant::now();
    let outcome = group.search("mei").await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1600), "{:?}", began.elapsed());
    let silent = outcome.branches.iter().find(|answer| answer.branch == 3).unwrap();
    assert!(silent.state.to_string().starts_with("SILENT: did not answer in time"), "{}", silent.state);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_letter_finds_nobody_and_is_told() {
    let net = Net::start().await;
    let group = net.group();
    for query in ["m", "okafor m", "\u{e9}"] {
        assert!(matches!(group.search(query).await, Err(ClientError::NothingToSearch)), "{query}");
    }
    // A character that is a word.
    assert!(group.search("\u{674e}").await.is_ok());
}

#[test]
fn an_unusable_address_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let net = runtime.block_on(Net::start());
    let world = &net.world;
    for address in ["http://127.0.0.1:1", "https://", "https://host/path", "https://user@host"] {
        let mut settings = world.settings(net.folder.path());
        settings.urls.insert(2, address.to_owned());
        let opened = Group::open(settings, world.genesis.clone(), world.session(), world.clock.clone());
        assert!(matches!(opened.err(), Some(ClientError::Address { branch: 2 })), "{address}");
    }
    assert_ne!(world.network, Digest::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_ends_its_connections_is_asked_again() {
    let net = Net::start().await;
    let group = net.group();
    net.turn(2, Vice::HangsUp);
    let overview = group.refresh().await;
    let view = overview.branches.iter().find(|view| view.id == 2).unwrap();
    assert_eq!(view.word, BranchWord::Verified, "{:?}", view.detail);
}

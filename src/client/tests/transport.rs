//! The connection itself: pins, redirects, restarts, silence.

use super::server::{Net, Vice};
use crate::{BranchWord, ClientError, Group};
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

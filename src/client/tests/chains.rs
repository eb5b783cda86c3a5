//! Following the chains, the words on branches, kept checkpoints.

use super::{
    server::Net,
    vice::Vice,
    world::{EPOCH, INSTITUTE, forged},
};
use crate::{BranchWord, ClientError, Group, TrustError};
use std::sync::atomic::Ordering;
use wardline_crypto::{Digest, OsEntropy};
use wardline_ledger::{Body, Canonical, Chain, Enrol, PatientId};
use wardline_record::Identity;

/// Blocks on the side chain, each with an enrolment.
pub(super) fn grow(net: &Net, group: &Group, blocks: u64) {
    for _ in 0..blocks {
        let patient = PatientId::draw(&mut OsEntropy);
        let key = wardline_crypto::DataKey::generate(&mut OsEntropy);
        let header = wardline_crypto::Header {
            suite: wardline_crypto::Suite::default(),
            content: wardline_crypto::Content::Identity,
            object: *patient.bytes(),
            version: 1,
        };
        let identity =
            wardline_crypto::seal(&key, &header, &Identity::default().to_bytes(), &mut OsEntropy).unwrap();
        let enrol =
            group.inner.session.transaction(net.world.network, Body::Enrol(Enrol { patient, identity }));
        net.world.accept(Chain::Side, enrol.encode()).unwrap();
    }
}

fn word(overview: &crate::Overview, branch: u16) -> (BranchWord, Option<String>) {
    let view = overview.branches.iter().find(|view| view.id == branch).unwrap();
    (view.word, view.detail.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_is_what_was_checked() {
    let net = Net::start().await;
    let group = net.group();
    let before = group.overview();
    assert!(before.branches.iter().all(|view| view.word == BranchWord::NotAsked));
    assert_eq!(before.branches[0].id, 1, "own branch first");

    grow(&net, &group, 3);
    net.world.clock.0.fetch_add(100, Ordering::Relaxed);
    net.turn(2, Vice::Lags);
    net.turn(3, Vice::Silent);
    net.turn(4, Vice::Forks);
    net.turn(INSTITUTE, Vice::Garbles);
    let overview = group.refresh().await;
    assert_eq!(overview.side.unwrap().height, 3);
    assert_eq!(word(&overview, 1), (BranchWord::Verified, None));
    assert_eq!(overview.branches[0].fresh, Some(true));
    let (lags, silent, forks) = (word(&overview, 2), word(&overview, 3), word(&overview, 4));
    assert_eq!((lags.0, silent.0, forks.0), (BranchWord::Behind, BranchWord::Silent, BranchWord::Conflict));
    let behind = overview.branches.iter().find(|view| view.id == 2).unwrap().behind;
    assert!(behind > 0, "the side chain alone grew");
    assert_eq!(word(&overview, INSTITUTE).0, BranchWord::Invalid);
    assert_eq!(group.overview(), overview);

    // A forged head above the verified one, certified by too few.
    net.turn(4, Vice::ForksWithTwo);
    assert_eq!(word(&group.refresh().await, 4).0, BranchWord::Invalid);
    assert_eq!(group.overview().side.unwrap().height, 3, "nothing was believed");

    net.turn(4, Vice::None);
    net.turn(3, Vice::None);
    let overview = group.refresh().await;
    assert_eq!((word(&overview, 4).0, word(&overview, 3).0), (BranchWord::Verified, BranchWord::Verified));
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_followed_over_epochs_and_blocks_without_certificates() {
    let net = Net::start().await;
    let group = net.group();
    net.world.certify_every.store(3, Ordering::Relaxed);
    grow(&net, &group, 4 * EPOCH + 3);
    let overview = group.refresh().await;
    assert_eq!(overview.side.unwrap().height, 4 * EPOCH + 3);
    assert_eq!(word(&overview, 1).0, BranchWord::Verified);

    // A second console goes on from the checkpoint on disk and asks for nothing before it.
    let again = net.group();
    assert_eq!(again.overview().side.unwrap().height, 4 * EPOCH + 3);
    let headers = again.inner.walk_back(Chain::Side, 5, 8, None).await.unwrap();
    let ledger_digest = |height: usize| net.world.ledger(Chain::Side).blocks[height].header.digest();
    assert_eq!(
        headers.iter().map(|known| known.digest).collect::<Vec<_>>(),
        (5..9).map(ledger_digest).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_headers_that_are_not_linked_are_refused() {
    let net = Net::start().await;
    grow(&net, &net.group(), 5);
    net.group().refresh().await;
    let group = net.group();
    {
        let mut ledger = net.world.ledger(Chain::Side);
        let other = forged(&ledger.blocks[2].header);
        ledger.blocks[2].bytes = other.encode();
    }
    let error = group.inner.walk_back(Chain::Side, 1, 3, None).await.unwrap_err();
    assert!(error.to_string().contains("not linked"), "{error}");
    assert_eq!(
        group.inner.walk_back(Chain::Side, 3, 4, None).await.unwrap().len(),
        2,
        "what is above the change is linked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_checkpoint_of_another_network_or_damaged_is_refused_and_an_older_one_catches_up() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 2);
    group.refresh().await;
    let path = net.folder.path().join("side.checkpoint");
    let older = std::fs::read(&path).unwrap();
    grow(&net, &group, 2);
    group.refresh().await;
    let newer = std::fs::read(&path).unwrap();
    assert_ne!(older, newer);

    // Another console that is behind does not put an older checkpoint in its place.
    std::fs::write(&path, &older).unwrap();
    let behind = net.group();
    std::fs::write(&path, &newer).unwrap();
    behind.inner.keep_checkpoint(Chain::Side).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), newer);

    // Rolled back from a backup: verified forward again.
    std::fs::write(&path, &older).unwrap();
    let group = net.group();
    assert_eq!(group.overview().side.unwrap().height, 2);
    assert_eq!(group.refresh().await.side.unwrap().height, 4);

    let open = || {
        let world = &net.world;
        crate::Group::open(
            world.settings(net.folder.path()),
            world.genesis.clone(),
            world.session(),
            world.clock.clone(),
        )
        .err()
    };
    for at in [0, 30, newer.len() - 1] {
        let mut damaged = newer.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert!(matches!(open(), Some(ClientError::Trust(TrustError::Damaged { .. }))), "byte {at}");
    }
    std::fs::write(&path, &newer[..newer.len() / 2]).unwrap();
    assert!(matches!(open(), Some(ClientError::Trust(TrustError::Damaged { .. }))));

    let other = Net::start().await;
    let other_group = other.group();
    grow(&other, &other_group, 1);
    other_group.refresh().await;
    std::fs::copy(other.folder.path().join("side.checkpoint"), &path).unwrap();
    assert!(matches!(open(), Some(ClientError::Trust(TrustError::OtherNetwork { .. }))));
    // The main chain's checkpoint is not the side chain's.
    std::fs::copy(net.folder.path().join("main.checkpoint"), &path).unwrap_or(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_on_disk_is_told_and_stops_nobody() {
    let net = Net::start().await;
    let mut settings = net.world.settings(net.folder.path());
    settings.state = net.folder.path().join("state");
    let open = || {
        let world = &net.world;
        Group::open(settings.clone(), world.genesis.clone(), world.session(), world.clock.clone()).unwrap()
    };
    let group = open();
    grow(&net, &group, 1);
    assert_eq!(group.refresh().await.warning, None);
    let group = open();
    // A file where the folder should be: nobody can write into that, root neither.
    std::fs::remove_dir_all(&settings.state).unwrap();
    std::fs::write(&settings.state, "").unwrap();
    grow(&net, &group, 2);
    let overview = group.refresh().await;
    assert_eq!(overview.side.unwrap().height, 3);
    let warning = overview.warning.unwrap();
    assert!(warning.starts_with("NOT KEPT") && warning.contains("checkpoint"), "{warning}");
    std::fs::remove_file(&settings.state).unwrap();
    grow(&net, &group, 1);
    assert_eq!(group.refresh().await.warning, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_changes_a_branch_is_asked_once_for_each_refresh() {
    let net = Net::start().await;
    let first = net.group();
    grow(&net, &first, 5);
    first.refresh().await;
    // This one has no headers in memory but the checkpoint's: a lagging branch's would have to be fetched.
    let group = net.group();
    net.turn(2, Vice::Lags);
    net.turn(3, Vice::Forks);
    net.turn(4, Vice::ForksWithTwo);
    net.world.clock.0.fetch_add(100, Ordering::Relaxed);
    let before = group.refresh().await;
    let words = |overview: &crate::Overview| [2, 3, 4].map(|branch| word(overview, branch).0);
    assert_eq!(words(&before), [BranchWord::Behind, BranchWord::Conflict, BranchWord::Invalid]);
    let asked = || [1, 2, 3, 4, INSTITUTE].map(|branch| net.asked(branch, ""));
    let counts = asked();
    for _ in 0..3 {
        assert_eq!(words(&group.refresh().await), words(&before));
    }
    assert_eq!(asked(), counts.map(|count| count + 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_proven_rules_say_how_long_a_session_lasts() {
    let net = Net::start().await;
    let (world, settings) = (&net.world, net.world.settings(net.folder.path()));
    let genesis_says = world.genesis.policy.grant_max_s;
    assert_eq!(crate::session_length_s(&settings, &world.genesis).unwrap(), genesis_says);
    let group = net.group();
    group.inner.refresh_registry().await.unwrap();
    {
        let mut registry = crate::group::locked(&group.inner.registry);
        registry.rules.policy.grant_max_s = 600;
        registry.keep().unwrap();
    }
    assert_eq!(crate::session_length_s(&settings, &world.genesis).unwrap(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_genesis_and_session_must_be_of_one_network() {
    let (net, other) = (Net::start().await, Net::start().await);
    let settings = net.world.settings(net.folder.path());
    let open =
        |settings, genesis, session| Group::open(settings, genesis, session, net.world.clock.clone()).err();
    let mixed = open(settings.clone(), other.world.genesis.clone(), net.world.session());
    assert!(matches!(mixed, Some(ClientError::OtherNetwork(_))));
    let mixed = open(settings.clone(), net.world.genesis.clone(), other.world.session());
    assert!(matches!(mixed, Some(ClientError::OtherNetwork(_))));
    let wrong = crate::Settings { network: Digest::ZERO, ..settings.clone() };
    assert!(matches!(
        open(wrong, net.world.genesis.clone(), net.world.session()),
        Some(ClientError::OtherNetwork(_))
    ));
    let session = net.world.session();
    net.world.clock.0.fetch_add(4000, Ordering::Relaxed);
    assert!(matches!(open(settings, net.world.genesis.clone(), session), Some(ClientError::SessionOver)));
}

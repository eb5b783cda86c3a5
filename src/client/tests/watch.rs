//! Streams from branches that lag, fall silent, fork, forget and forge, and the table that they make.

use super::{
    chains::grow,
    server::Net,
    vice::Vice,
    world::{EPOCH, TRUSTED},
};
use crate::{Alarm, AlarmKind, BranchWord, Cell, Group, StripView};
use std::{sync::atomic::Ordering, time::Duration};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Canonical, Chain, SignedTip};

/// Evidence that could not be made at once is tried again after 1, 8 and 30 s; on a loaded machine that happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a strip that is as wanted.
async fn until(group: &Group, what: &str, wanted: impl Fn(&StripView) -> bool) -> StripView {
    let mut changes = group.watch();
    let waiting = async {
        loop {
            let strip = group.strip(Chain::Side, 64);
            if wanted(&strip) {
                return strip;
            }
            // A word may change by the mere passing of time.
            let _ = tokio::time::timeout(Duration::from_millis(200), changes.changed()).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(strip) => strip,
        Err(_) => panic!("not {what}: {:#?}", group.strip(Chain::Side, 8)),
    }
}

fn word(strip: &StripView, branch: u16) -> BranchWord {
    strip.branches.iter().find(|column| column.id == branch).unwrap().word
}

fn cell(strip: &StripView, branch: u16, height: u64) -> Cell {
    let column = strip.branches.iter().position(|column| column.id == branch).unwrap();
    strip.rows.iter().find(|row| row.height == height).map_or(Cell::Unchecked, |row| row.cells[column].cell)
}

fn all(strip: &StripView, height: u64, wanted: Cell) -> bool {
    TRUSTED.iter().all(|branch| cell(strip, *branch, height) == wanted)
}

fn found(group: &Group) -> Vec<Alarm> {
    group.alarms()
}

/// Waits until everything that was found has its evidence; it must be of one kind and branch.
async fn only(group: &Group, kind: AlarmKind, branch: u16) {
    let proven = |alarm: &Alarm| alarm.evidence.as_ref().is_some_and(|file| file.exists());
    until(group, "proven", |_| found(group).iter().all(proven)).await;
    for alarm in found(group) {
        assert_eq!((alarm.kind, alarm.branch), (kind, Some(branch)), "{alarm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_verified_at_every_branch_as_they_come() {
    let net = Net::start().await;
    let group = net.group();
    net.world.certify_every.store(2, Ordering::Relaxed);
    grow(&net, &group, 2);
    let before = group.strip(Chain::Side, 4);
    assert!(before.branches.iter().all(|branch| branch.word == BranchWord::NotAsked));
    assert!(!before.newest);
    for blocks in [1, 2 * EPOCH, 3] {
        grow(&net, &group, blocks);
        // The newest block that has a certificate, its own or a later one's.
        let blocks = net.world.ledger(Chain::Side).blocks.clone();
        let head = blocks.iter().rev().find(|block| block.certificate.is_some()).unwrap().header.clone();
        let strip = until(&group, "verified", |strip| {
            (0..=head.height).all(|height| all(strip, height, Cell::Verified))
        })
        .await;
        assert_eq!(strip.head.unwrap().digest, head.digest());
        let row = strip.rows.iter().find(|row| row.height == head.height).unwrap();
        assert_eq!((row.digest, row.transactions), (Some(head.digest()), Some(1)));
    }
    assert!(found(&group).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_said_only_after_something_was_heard() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 3);
    net.turn(4, Vice::Silent);
    let strip = until(&group, "silent", |strip| word(strip, 4) == BranchWord::Silent).await;
    assert!(strip.newest, "three of four are a quorum");
    assert_eq!([1, 2, 3].map(|id| word(&strip, id)), [BranchWord::Verified; 3]);
    assert_eq!(cell(&strip, 4, 3), Cell::Silent);
    net.turn(3, Vice::Silent);
    let strip = until(&group, "silent too", |strip| word(strip, 3) == BranchWord::Silent).await;
    assert!(!strip.newest, "two are none");
    let since = strip.branches.iter().find(|column| column.id == 3).unwrap().since_s;
    assert_eq!(since, Some(net.world.clock.0.load(Ordering::Relaxed)));
    assert_eq!(cell(&strip, 3, 3), Cell::Verified, "what was heard stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_behind_catches_up() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 2);
    let old = net.world.ledger(Chain::Side).blocks.clone();
    net.servers[&2].views.lock().unwrap().insert(Chain::Side, old);
    grow(&net, &group, 6);
    until(&group, "behind", |strip| {
        let column = strip.branches.iter().find(|column| column.id == 2).unwrap();
        (column.word, column.height, column.behind) == (BranchWord::Behind, Some(2), 6)
    })
    .await;
    let strip = until(&group, "cells", |strip| cell(strip, 2, 8) == Cell::Behind).await;
    assert_eq!(cell(&strip, 2, 2), Cell::Verified);
    net.servers[&2].views.lock().unwrap().clear();
    until(&group, "caught up", |strip| {
        word(strip, 2) == BranchWord::Verified && all(strip, 8, Cell::Verified)
    })
    .await;
    assert!(found(&group).is_empty(), "late is no lie");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_found_wherever_it_begins() {
    for (from, waits) in [(5, false), (8, false), (3, true), (EPOCH - 1, true)] {
        let net = Net::start().await;
        let group = net.group();
        grow(&net, &group, 8);
        let fork = net.world.forked(Chain::Side, from, 3);
        if waits {
            group.refresh().await;
            until(&group, "verified", |strip| all(strip, 8, Cell::Verified)).await;
            grow(&net, &group, 1);
            // From here on it goes on with another chain.
            let fork = net.world.forked(Chain::Side, from, 3);
            net.servers[&3].views.lock().unwrap().insert(Chain::Side, fork);
        } else {
            group.refresh().await;
            net.servers[&3].views.lock().unwrap().insert(Chain::Side, fork);
        }
        until(&group, "forked", |strip| word(strip, 3) == BranchWord::Forked).await;
        until(&group, "found", |_| found(&group).iter().any(|alarm| alarm.kind == AlarmKind::Fork)).await;
        for alarm in found(&group) {
            assert_eq!(alarm.chain, Chain::Side);
            assert!(matches!(alarm.kind, AlarmKind::Fork | AlarmKind::Contradiction), "{alarm:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_tip_of_another_block_is_a_contradiction() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 3);
    net.turn(2, Vice::SignsOtherTips);
    until(&group, "conflict", |strip| word(strip, 2) == BranchWord::Conflict).await;
    until(&group, "found", |_| !found(&group).is_empty()).await;
    only(&group, AlarmKind::Contradiction, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_goes_back_is_found_by_its_own_tips() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 5);
    until(&group, "verified", |strip| all(strip, 5, Cell::Verified)).await;
    net.world.clock.0.fetch_add(5, Ordering::Relaxed);
    let old = net.world.ledger(Chain::Side).blocks[..4].to_vec();
    net.servers[&4].views.lock().unwrap().insert(Chain::Side, old);
    until(&group, "rolled back", |strip| word(strip, 4) == BranchWord::RolledBack).await;
    until(&group, "found", |_| found(&group).len() == 1).await;
    only(&group, AlarmKind::Rollback, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_stand_is_a_signed_lie() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 3);
    net.turn(1, Vice::AltersCertificates);
    until(&group, "invalid", |strip| word(strip, 1) == BranchWord::Invalid).await;
    let strip = until(&group, "verified by others", |strip| cell(strip, 2, 3) == Cell::Verified).await;
    assert!((1..=3).any(|height| cell(&strip, 1, height) == Cell::Invalid));
    until(&group, "found", |_| !found(&group).is_empty()).await;
    only(&group, AlarmKind::Forged, 1).await;

    // What it did is seen until somebody has closed the alarm, also when it tells the truth again.
    net.turn(1, Vice::None);
    let invalid =
        |strip: &StripView| (0..=3).filter(|height| cell(strip, 1, *height) == Cell::Invalid).count();
    let before = invalid(&group.strip(Chain::Side, 64));
    group.check_strip(Chain::Side, 0..=3).await;
    assert_eq!(invalid(&group.strip(Chain::Side, 64)), before);
    for alarm in found(&group) {
        group.close_alarm(&alarm.id, "repaired").await.unwrap();
    }
    let strip = group.strip(Chain::Side, 64);
    assert!((1..=3).all(|height| cell(&strip, 1, height) == Cell::Verified), "{strip:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_one_is_invalid_and_no_proof_of_anything() {
    for vice in [
        Vice::GarblesStreams,
        Vice::EndlessLines,
        Vice::Miscounts,
        Vice::SkipsBlocks,
        Vice::Unsigned,
        Vice::SignsOther,
    ] {
        let net = Net::start().await;
        let group = net.group();
        grow(&net, &group, 4);
        net.turn(2, vice);
        let strip = until(&group, "invalid", |strip| word(strip, 2) == BranchWord::Invalid).await;
        let column = strip.branches.iter().find(|column| column.id == 2).unwrap();
        assert!(column.detail.is_some(), "{vice:?}");
        assert!(found(&group).is_empty(), "{vice:?}");
        until(&group, "others verified", |strip| cell(strip, 3, 4) == Cell::Verified).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_fail_are_asked_for_ever_more_rarely() {
    let net = Net::start().await;
    let group = net.group();
    net.turn(2, Vice::EndsStreams);
    net.turn(3, Vice::GarblesStreams);
    let _changes = group.watch();
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for branch in [2, 3] {
        let asked = net.asked(branch, "side/stream");
        assert!((2..=5).contains(&asked), "branch {branch} was asked {asked} times");
    }
    assert_eq!(net.asked(1, "side/stream"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_ends_with_the_session_and_with_the_group() {
    let net = Net::start().await;
    let group = net.group();
    until(&group, "heard", |strip| word(strip, 2) == BranchWord::Verified).await;
    net.world.clock.0.fetch_add(4000, Ordering::Relaxed);
    tokio::time::timeout(Duration::from_secs(10), async {
        while group.inner.watch.is_running() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    net.world.clock.0.fetch_sub(4000, Ordering::Relaxed);

    let group = net.group();
    let mut changes = group.watch();
    until(&group, "heard", |strip| word(strip, 2) == BranchWord::Verified).await;
    drop(group);
    // The other end is gone once nothing of the group is left.
    tokio::time::timeout(Duration::from_secs(10), async { while changes.changed().await.is_ok() {} })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_streams_come_the_overview_needs_no_answers() {
    let net = Net::start().await;
    let group = net.group();
    group.refresh().await;
    until(&group, "verified", |strip| [1, 2, 3, 4].iter().all(|id| word(strip, *id) == BranchWord::Verified))
        .await;
    let main = |group: &Group| group.overview().branches.iter().all(|view| view.word == BranchWord::Verified);
    until(&group, "verified on the main chain too", |_| main(&group)).await;
    let asked = || (1..=5).map(|branch| net.asked(branch, "status")).collect::<Vec<_>>();
    let before = asked();
    grow(&net, &group, 2);
    until(&group, "verified", |strip| all(strip, 2, Cell::Verified)).await;
    for _ in 0..3 {
        group.refresh().await;
    }
    assert_eq!(asked(), before, "what streams tell need not be asked for");
    let overview = group.overview();
    assert_eq!(overview.side.unwrap().height, 2);
    let view = &overview.branches[0];
    assert_eq!((view.side_height, view.verified_side, view.fresh), (Some(2), Some(2), Some(true)));

    // A branch whose streams stop is asked again, and what it answers counts.
    net.turn(3, Vice::SilentStreams);
    until(&group, "silent", |strip| word(strip, 3) == BranchWord::Silent).await;
    assert_eq!(group.refresh().await.branches[2].word, BranchWord::Verified);
    let after: Vec<usize> = asked().iter().zip(&before).map(|(after, before)| after - before).collect();
    assert_eq!(after, [0, 0, 1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_that_nobody_was_heard_on_are_filled_by_asking() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 4 * EPOCH);
    group.refresh().await;
    let fork = net.world.forked(Chain::Side, 20, 3);
    net.servers[&3].views.lock().unwrap().insert(Chain::Side, fork);
    let short = net.world.ledger(Chain::Side).blocks[..23].to_vec();
    net.servers[&4].views.lock().unwrap().insert(Chain::Side, short);
    net.turn(2, Vice::AltersCertificates);
    assert!(
        group
            .strip(Chain::Side, 8)
            .rows
            .iter()
            .all(|row| row.cells.iter().all(|one| one.cell == Cell::Unchecked))
    );

    group.check_strip(Chain::Side, 18..=40).await;
    let strip = group.strip(Chain::Side, 8);
    assert_eq!(strip.rows.iter().map(|row| row.height).collect::<Vec<_>>(), [24, 23, 22, 21, 20, 19, 18, 17]);
    for height in 18..=24 {
        assert_eq!(cell(&strip, 1, height), Cell::Verified);
        let expected = if height < 20 { Cell::Verified } else { Cell::Conflict };
        assert_eq!(cell(&strip, 3, height), expected, "{height}");
        let expected = if height < 23 { Cell::Verified } else { Cell::Unchecked };
        assert_eq!(cell(&strip, 4, height), expected, "{height}");
    }
    assert_eq!((cell(&strip, 2, 18), cell(&strip, 1, 17)), (Cell::Invalid, Cell::Unchecked));
    let column = strip.branches.iter().position(|column| column.id == 3).unwrap();
    let theirs = &strip.rows[4].cells[column];
    assert!(theirs.theirs.is_some() && theirs.theirs != strip.rows[4].digest);
    assert_eq!(theirs.why.as_deref(), Some("another block than the verified one at height 20"));
    let all = found(&group);
    let count = |kind| all.iter().filter(|alarm| alarm.kind == kind).count();
    assert_eq!(count(AlarmKind::Forged), 1);
    assert!(count(AlarmKind::Fork) > 0);
    assert_eq!(count(AlarmKind::Fork) + 1, all.len());
    // Asked again it is no news.
    group.check_strip(Chain::Side, 18..=40).await;
    assert_eq!(found(&group).len(), all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_goes_back_while_nobody_looks_is_found_too() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 5);
    until(&group, "verified", |strip| all(strip, 5, Cell::Verified)).await;
    let kept = net.folder.path().join("side.tips");
    // A line and the tips of all four, which may come with the second writing.
    let size = 17 + 4 * 147;
    until(&group, "kept", |_| std::fs::metadata(&kept).is_ok_and(|file| file.len() == size)).await;
    drop(group);
    net.world.clock.0.fetch_add(5, Ordering::Relaxed);
    let old = net.world.ledger(Chain::Side).blocks[..4].to_vec();
    net.servers[&4].views.lock().unwrap().insert(Chain::Side, old);
    let group = net.group();
    until(&group, "rolled back", |strip| word(strip, 4) == BranchWord::RolledBack).await;
    until(&group, "found", |_| found(&group).len() == 1).await;
    only(&group, AlarmKind::Rollback, 4).await;

    // A file that is damaged is as none.
    drop(group);
    std::fs::write(&kept, b"WARDLINE TIPS v1\nnonsense").unwrap();
    assert!(
        net.group().strip(Chain::Side, 1).branches.iter().all(|branch| branch.word == BranchWord::NotAsked)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_only_a_status_shows_is_an_alarm_too() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 4);
    group.refresh().await;
    let fork = net.world.forked(Chain::Side, 3, 3);
    net.servers[&3].views.lock().unwrap().insert(Chain::Side, fork);
    let overview = group.refresh().await;
    let word = overview.branches.iter().find(|view| view.id == 3).unwrap().word;
    assert!(matches!(word, BranchWord::Conflict | BranchWord::Forked), "{word:?}");
    assert!(group.alarms().iter().any(|alarm| alarm.kind == AlarmKind::Fork), "{:?}", group.alarms());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_without_end_costs_the_other_branches_nothing() {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, 3);
    until(&group, "verified", |strip| all(strip, 3, Cell::Verified)).await;
    let asked = || [1, 3, 4].map(|branch| net.asked(branch, "side/headers"));
    let before = asked();
    net.turn(2, Vice::SignsFarTips);
    for height in 4..=8 {
        grow(&net, &group, 1);
        until(&group, "verified", |strip| all(strip, height, Cell::Verified)).await;
    }
    until(&group, "claimed", |strip| strip.branches.iter().any(|column| column.height == Some(u64::MAX)))
        .await;
    until(&group, "unproven", |strip| word(strip, 2) == BranchWord::Invalid).await;
    assert_eq!(asked(), before);
    // The same claim at the same height is not looked at again with every sign of life.
    let heard =
        || group.inner.with_table(Chain::Side, |table, _| table.voice(2).and_then(|voice| voice.heard));
    let again = async |before| until(&group, "heard again", |_| heard() > before).await;
    again(heard()).await;
    let own = net.asked(2, "side/headers");
    again(heard()).await;
    again(heard()).await;
    assert_eq!((own > 0, net.asked(2, "side/headers")), (true, own));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_that_its_branch_did_not_sign_is_not_kept_for_ever() {
    let net = Net::start().await;
    let kept = net.folder.path().join("side.tips");
    let key = &net.world.keys[&3].signing;
    let bogus =
        SignedTip::sign(key, net.world.network, Chain::Side, BranchId(2), u64::MAX, Digest::ZERO, u64::MAX);
    std::fs::write(&kept, [b"WARDLINE TIPS v1\n", bogus.encode().as_slice()].concat()).unwrap();
    let group = net.group();
    grow(&net, &group, 3);
    until(&group, "verified", |strip| all(strip, 3, Cell::Verified)).await;
    let size = 17 + 4 * 147;
    until(&group, "kept", |_| std::fs::metadata(&kept).is_ok_and(|file| file.len() == size)).await;
    drop(group);
    let again = net.group();
    let highest = again.inner.with_table(Chain::Side, |table, _| {
        table.voice(2).and_then(|voice| voice.highest.as_ref().map(|tip| tip.height))
    });
    assert!(highest.is_some_and(|height| height <= 3), "{highest:?}");
}

//! Keeping many records: resumed at every step, replaced by versions, and against branches that fail in between.

use super::{
    records::{allergy, enrolled, report},
    server::Net,
    vice::Vice,
    world::TRUSTED,
};
use crate::{Added, ClientError, Group, NewRecord, RowState, bulk::some_at_once, finalities::Settled};
use futures::{StreamExt, stream};
use std::{sync::Mutex, task::Poll};
use tokio::sync::oneshot;
use wardline_crypto::OsEntropy;
use wardline_ledger::{BranchId, Chain, PatientId, RecordId};
use wardline_policy::Purpose;
use wardline_record::Record;

fn new(patient: PatientId, records: impl IntoIterator<Item = Record>) -> Vec<NewRecord> {
    let id = || RecordId::draw(&mut OsEntropy);
    records.into_iter().map(|record| NewRecord { patient, id: id(), version: 1, record }).collect()
}

async fn keep(group: &Group, records: &[NewRecord]) -> (Vec<Result<Added, ClientError>>, usize) {
    let (progress, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let results = group.keep_all(records.to_vec(), progress).await;
    let mut told = 0;
    while let Some(count) = heard.recv().await {
        told += count;
    }
    (results, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_kept_with_few_requests_and_proven() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let mut records = new(patient, (0..200).map(|n| if n % 2 == 0 { report(n + 1) } else { allergy(n + 1) }));
    records.push(NewRecord { patient: PatientId::from_bytes([9; 16]), ..records[0].clone() });
    records[200].id = RecordId::draw(&mut OsEntropy);
    let (results, told) = keep(&group, &records).await;
    for (record, result) in records.iter().zip(&results[..200]) {
        let added = result.as_ref().unwrap();
        assert_eq!(added.record, record.id, "results are in order");
        assert!(added.receipts.len() >= 2 && added.receipts.contains(&1) && added.side_height.is_some());
    }
    let refused = results[200].as_ref().unwrap_err();
    assert!(matches!(refused, ClientError::Stopped { step: "kept, not linked", .. }), "{refused}");
    assert_eq!(told, 200);
    assert!(net.asked(1, "/v1/records") < 10, "{} requests", net.asked(1, "/v1/records"));
    assert!(net.asked(1, "/v1/side/submissions") < 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_broke_off_goes_on_with_the_same_identifiers() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let records = new(patient, (1..=6).map(report));

    // Kept at home, too few copies.
    for branch in [2, 3, 4] {
        net.turn(branch, Vice::KeepsNothing);
    }
    let (results, told) = keep(&group, &records).await;
    assert_eq!(told, 0);
    let stopped = |step| move |result: &Result<Added, ClientError>| matches!(result, Err(ClientError::Stopped { step: at, .. }) if *at == step);
    assert!(results.iter().all(stopped("kept, not copied")), "{results:?}");
    for branch in [2, 3, 4] {
        net.turn(branch, Vice::None);
    }

    // Some were linked before the run broke off; the next run is another session's, so its links are other bytes.
    for record in &records[..3] {
        let link = group.inner.link(record.id, patient);
        group.submit(Chain::Side, &link).await.unwrap();
    }
    let (results, told) = keep(&net.group(), &records).await;
    assert_eq!(told, 6, "{results:?}");
    assert!(results[..3].iter().all(|added| added.as_ref().unwrap().side_height.is_none()));
    assert!(results[3..].iter().all(|added| added.as_ref().unwrap().side_height.is_some()));

    // All of it again: nothing new, by another session too.
    let heights = |net: &Net| net.world.ledger(Chain::Main).height();
    let before = heights(&net);
    let (results, told) = keep(&net.group(), &records).await;
    assert_eq!(told, 6, "{results:?}");
    assert_eq!(heights(&net), before);

    // Other content under the same identifier and version.
    let mut other = records[0].clone();
    other.record = report(20);
    let (results, _) = keep(&group, &[other]).await;
    assert!(matches!(&results[0], Err(ClientError::Conflict(id)) if *id == records[0].id), "{results:?}");

    // A link to somebody else is not taken as this one's.
    let stranger = group.enrol(&super::records::identity("Haddad")).await.unwrap();
    let fresh = new(patient, [report(21), report(22)]);
    let link = group.inner.link(fresh[0].id, stranger);
    group.submit(Chain::Side, &link).await.unwrap();
    let (results, _) = keep(&group, &fresh).await;
    assert!(matches!(&results[0], Err(ClientError::Conflict(_))), "{results:?}");
    assert!(results[1].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_version_replaces_the_content_and_history_shows_it() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let mut records = new(patient, [report(1), report(2)]);
    assert_eq!(keep(&group, &records).await.1, 2);
    for (record, day) in records.iter_mut().zip([11, 12]) {
        (record.version, record.record) = (2, report(day));
    }
    let (results, told) = keep(&group, &records).await;
    assert_eq!(told, 2, "{results:?}");
    assert!(results.iter().all(|added| added.as_ref().unwrap().side_height.is_none()));
    let lookup = group.look_up(patient, Purpose::Treatment, "ward round").await.unwrap();
    let history = group.history(patient, &lookup).await.unwrap();
    assert_eq!(history.rows.len(), 2);
    for row in &history.rows {
        let record = records.iter().find(|record| record.id == row.record).unwrap();
        assert_eq!((row.state, row.version), (RowState::Verified, Some(2)), "{:?}", row.notes);
        assert_eq!(row.opened.as_ref(), Some(&record.record));
    }
    // A version that skips one.
    records[0].version = 4;
    let (results, _) = keep(&group, &records[..1]).await;
    assert!(matches!(&results[0], Err(ClientError::Conflict(_))), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_final_in_many_blocks_is_asked_for_again_and_not_one_by_one() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let links: Vec<_> = (0..40).map(|_| group.inner.link(RecordId::draw(&mut OsEntropy), patient)).collect();
    let singly = || net.asked(1, "/v1/side/transactions");
    let before = singly();
    // The second time the branch refuses each, since it is final already: in a block of its own.
    for _ in 0..2 {
        let settled = group.inner.settle_all(Chain::Side, &links).await;
        assert!(settled.iter().all(|one| matches!(one, Settled::Final(_))), "{settled:?}");
    }
    assert_eq!(net.asked(1, "/v1/side/finalities"), 6);
    assert_eq!(singly(), before);

    // Whoever puts off everything is not asked for ever.
    net.turn(1, Vice::PutsOff);
    let settled = group.inner.settle_all(Chain::Side, &links).await;
    assert!(settled.iter().all(|one| matches!(one, Settled::Final(_))), "{settled:?}");
    assert_eq!((net.asked(1, "/v1/side/finalities"), singly() > before), (7, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_under_way_are_waited_for_when_no_more_can_be_made() {
    let (end, ended) = oneshot::channel();
    let (end, ended) = (Mutex::new(Some(end)), Mutex::new(Some(ended)));
    // The first batch is not done before the batches end, as they do when sealing fails.
    let batches = stream::iter([1]).chain(stream::poll_fn(|_| {
        let end = end.lock().unwrap().take();
        end.into_iter().for_each(|end| end.send(()).unwrap());
        Poll::Ready(None)
    }));
    let work = |batch: usize| {
        let ended = ended.lock().unwrap().take().unwrap();
        async move {
            ended.await.unwrap();
            batch
        }
    };
    let mut done = Vec::new();
    some_at_once(batches, work, |batch| done.push(batch)).await;
    assert_eq!(done, [1]);
}

/// A session of the same person in which branch `at` is the own one.
fn group_at(net: &Net, at: u16) -> Group {
    let session = net.world.session_as(BranchId(at), net.world.genesis.staff[0].roles);
    let folder = net.folder.path().join(at.to_string());
    Group::open(net.world.settings(&folder), net.world.genesis.clone(), session, net.world.clock.clone())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_version_is_shown_at_every_branch_whichever_is_down() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    // One that is wrapped whole, one of which every branch but the home has a share.
    let mut records = new(patient, [allergy(1), report(2)]);
    assert_eq!(keep(&group, &records).await.1, 2);
    let first: Vec<Vec<u8>> = stanzas(&net, &records);
    for (record, second) in records.iter_mut().zip([allergy(11), report(12)]) {
        (record.version, record.record) = (2, second);
    }
    // Branch 4 misses it: what it has is of the first version.
    net.turn(4, Vice::KeepsNothing);
    let (results, told) = keep(&group, &records).await;
    assert_eq!(told, 2, "{results:?}");
    net.turn(4, Vice::None);
    let same = |(first, second): (Vec<u8>, Vec<u8>)| first == second;
    let same: Vec<bool> = first.into_iter().zip(stanzas(&net, &records)).map(same).collect();
    assert_eq!(same, [[false; 6].as_slice(), &[true; 2]].concat());

    for down in [1, 2, 3] {
        net.turn(down, Vice::Silent);
        for at in TRUSTED.into_iter().filter(|at| *at != down) {
            let group = group_at(&net, at);
            let lookup = group.look_up(patient, Purpose::Treatment, "ward round").await.unwrap();
            let history = group.history(patient, &lookup).await.unwrap();
            assert_eq!(history.rows.len(), 2);
            for row in &history.rows {
                let record = records.iter().find(|record| record.id == row.record).unwrap();
                let shown = (row.version, row.opened.as_ref());
                assert_eq!(shown, (Some(2), Some(&record.record)), "{down} down, at {at}: {:?}", row.notes);
            }
        }
        net.turn(down, Vice::None);
    }
}

/// What every branch has of the records' keys.
fn stanzas(net: &Net, records: &[NewRecord]) -> Vec<Vec<u8>> {
    let at = |branch: &u16| {
        let vault = net.servers[branch].vault.lock().unwrap();
        records.iter().map(|record| vault[record.id.bytes()].stanza.clone()).collect::<Vec<_>>()
    };
    TRUSTED.iter().flat_map(at).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_fails_or_lies_delays_and_spoils_nothing() {
    for (branch, vice) in [(4, Vice::KeepsNothing), (3, Vice::ForgesReceipts), (1, Vice::SpoilsLeaves)] {
        let net = Net::start().await;
        let group = net.group();
        let patient = enrolled(&group).await;
        net.turn(branch, vice);
        let records = new(patient, (1..=8).map(allergy));
        let (results, told) = keep(&group, &records).await;
        assert_eq!(told, 8, "{vice:?}: {results:?}");
        let receipts = &results[0].as_ref().unwrap().receipts;
        assert_eq!(receipts.contains(&branch), vice == Vice::SpoilsLeaves, "{vice:?}");
    }
}

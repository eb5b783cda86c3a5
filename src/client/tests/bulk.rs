//! Keeping many records: resumed at every step, replaced by versions, and against branches that fail in between.

use super::{
    records::{allergy, enrolled, report},
    server::Net,
    vice::Vice,
};
use crate::{Added, ClientError, Group, NewRecord, RowState};
use wardline_crypto::OsEntropy;
use wardline_ledger::{Chain, PatientId, RecordId};
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

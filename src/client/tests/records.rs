//! Keeping records: receipts, order of progress, retries, refusals.

use super::{server::Net, vice::Vice};
use crate::{Added, ClientError, Group, NewRecord, Progress};
use tokio::sync::mpsc::unbounded_channel;
use wardline_crypto::{OsEntropy, Stanza};
use wardline_ledger::{Chain, Key, PatientEntry, PatientId, RecordEntry, RecordId, state};
use wardline_record::{Allergy, Body, Finding, Identity, ImagingReport, Modality, Mrn, Practitioner, Record};

pub(crate) fn identity(family: &str) -> Identity {
    Identity {
        family: family.into(),
        given: "Mei".into(),
        birth_date: Some("1980-02-03".parse().unwrap()),
        mrns: vec![Mrn { system: "Branch 1".into(), value: format!("{family}-1").as_str().into() }],
        ..Identity::default()
    }
}

fn record(body: Body, day: usize) -> Record {
    Record {
        occurred: format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28).parse().unwrap(),
        recorded: None,
        practitioner: Practitioner { name: "Dr. Okafor".into(), id: "".into() },
        organization: "Branch 1".into(),
        body,
        note: "".into(),
        corrects: None,
        source: None,
        attachments: Vec::new(),
    }
}

/// Wrapped whole: every branch gets the key.
pub(crate) fn allergy(day: usize) -> Record {
    let allergy =
        Allergy { finding: Some(Finding::Present), substance: "wasp venom".into(), ..Allergy::default() };
    record(Body::Allergy(allergy), day)
}

/// Not wrapped whole: other branches get shares.
pub(crate) fn report(day: usize) -> Record {
    let report = ImagingReport {
        modality: Some(Modality::Ct),
        region: "head".into(),
        findings: "none".into(),
        impression: "normal".into(),
        ..ImagingReport::default()
    };
    record(Body::ImagingReport(report), day)
}

pub(crate) async fn enrolled(group: &Group) -> PatientId {
    group.enrol(&identity("Okafor")).await.unwrap()
}

async fn add(
    group: &Group,
    patient: PatientId,
    record: Record,
) -> (Result<Added, ClientError>, Vec<Progress>) {
    let (progress, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let added = group.add_record(patient, record, progress).await;
    let mut steps = Vec::new();
    while let Some(step) = heard.recv().await {
        steps.push(step);
    }
    (added, steps)
}

/// Keeps many under fresh identifiers.
pub(crate) async fn keep_all(
    group: &Group,
    records: Vec<(PatientId, Record)>,
) -> Vec<Result<Added, ClientError>> {
    let fresh =
        |(patient, record)| NewRecord { patient, id: RecordId::draw(&mut OsEntropy), version: 1, record };
    let (progress, _) = tokio::sync::mpsc::unbounded_channel();
    group.keep_all(records.into_iter().map(fresh).collect(), progress).await
}

fn links(net: &Net, patient: PatientId) -> u64 {
    let side = net.world.ledger(Chain::Side);
    let entry: PatientEntry = state::read(&*side, Key::Patient(patient)).unwrap().unwrap();
    entry.links.size()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_sealed_kept_copied_linked_and_agreed_in_this_order() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let (added, steps) = add(&group, patient, report(1)).await;
    let added = added.unwrap();
    assert_eq!(added.receipts, [1, 2, 3, 4]);
    assert_eq!(steps[..2], [Progress::Sealed, Progress::Kept { branch: 1 }]);
    assert!(steps.contains(&Progress::Copied { receipts: 4, wanted: 2 }), "{steps:?}");
    let last = [
        Progress::Linked { height: added.side_height.unwrap() },
        Progress::Agreed { height: added.main_height },
    ];
    assert_eq!(steps[steps.len() - 2..], last);
    let order = |step: &Progress| match step {
        Progress::Sealed => 0,
        Progress::Kept { .. } => 1,
        Progress::Copied { .. } => 2,
        Progress::Linked { .. } => 3,
        Progress::Agreed { .. } => 4,
    };
    assert!(steps.is_sorted_by_key(order), "{steps:?}");

    let main = net.world.ledger(Chain::Main);
    let entry: RecordEntry = state::read(&*main, Key::Record(added.record)).unwrap().unwrap();
    assert_eq!((entry.branch.0, entry.kind, entry.height), (1, report(1).kind(), added.main_height));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_branch_gets_the_key_and_the_others_shares_of_it() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let kinds = |record: [u8; 16]| -> Vec<u8> {
        let stanza = |id| net.servers[&id].vault.lock().unwrap()[&record].stanza.clone();
        [1, 2, 3, 4].map(|id| Stanza::decode(&stanza(id)).unwrap().kind).to_vec()
    };
    let shared = add(&group, patient, report(1)).await.0.unwrap();
    assert_eq!(kinds(*shared.record.bytes()), [1, 2, 2, 2]);
    let whole = add(&group, patient, allergy(1)).await.0.unwrap();
    assert_eq!(kinds(*whole.record.bytes()), [1, 1, 1, 1], "an allergy is whole everywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_names_the_step_and_trying_again_makes_no_second_record() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;

    for branch in [2, 3, 4] {
        net.turn(branch, Vice::ForgesReceipts);
    }
    let error = add(&group, patient, report(1)).await.0.unwrap_err();
    assert!(matches!(error, ClientError::Stopped { step: "kept, not copied", .. }), "{error}");
    assert!(error.to_string().contains("kept at Branch 1"), "{error}");
    assert_eq!(links(&net, patient), 0, "nothing is linked before it is copied");

    net.turn(2, Vice::None);
    net.turn(4, Vice::NamesOtherHome);
    let added = add(&group, patient, report(1)).await.0.unwrap();
    assert_eq!(added.receipts, [1, 2], "receipts for another record or another home do not count");
    assert_eq!(links(&net, patient), 1);
    let kept = net.servers[&1].vault.lock().unwrap().len();
    assert_eq!(kept, 2, "one identity, one record");

    // Once it succeeded, the same content is a new record.
    add(&group, patient, report(1)).await.0.unwrap();
    assert_eq!(links(&net, patient), 2);

    net.turn(1, Vice::KeepsNothing);
    let (added, steps) = add(&group, patient, report(2)).await;
    let error = added.unwrap_err();
    assert!(matches!(error, ClientError::Stopped { step: "not kept", .. }), "{error}");
    assert!(error.to_string().contains("cannot write to its disk"), "{error}");
    assert_eq!(steps, [Progress::Sealed]);

    net.turn(1, Vice::None);
    add(&group, patient, report(2)).await.0.unwrap();
    assert_eq!(links(&net, patient), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_final_without_our_knowing_is_not_made_twice() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    for branch in super::world::TRUSTED {
        net.turn(branch, Vice::NeverFinal);
    }
    let error = add(&group, patient, allergy(1)).await.0.unwrap_err();
    assert!(matches!(error, ClientError::Stopped { step: "kept, not linked", .. }), "{error}");
    assert_eq!(links(&net, patient), 1, "it went through all the same");
    for branch in super::world::TRUSTED {
        net.turn(branch, Vice::None);
    }
    add(&group, patient, allergy(1)).await.0.unwrap();
    assert_eq!(links(&net, patient), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_ledger_and_errors_of_the_form_are_told() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let mut empty = allergy(1);
    empty.organization = "".into();
    assert!(matches!(add(&group, patient, empty).await.0, Err(ClientError::Fields(_))));
    assert!(matches!(group.enrol(&Identity::default()).await, Err(ClientError::Fields(_))));

    let nobody = PatientId::from_bytes([9; 16]);
    let error = add(&group, nobody, allergy(1)).await.0.unwrap_err();
    assert!(matches!(error, ClientError::Stopped { step: "kept, not linked", .. }), "{error}");
    assert_eq!(net.world.ledger(Chain::Main).height(), 0, "nothing is stored without its link");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_go_out_together_and_each_has_its_result() {
    let net = Net::start().await;
    let group = net.group();
    let identities: Vec<Identity> = (0..5).map(|n| identity(&format!("Family{n}"))).collect();
    let patients: Vec<PatientId> =
        group.enrol_all(identities).await.into_iter().collect::<Result<_, _>>().unwrap();
    let mut records: Vec<_> = (0..20).map(|n| (patients[n % 5], allergy(n + 1))).collect();
    records.push((PatientId::from_bytes([9; 16]), allergy(1)));
    let results = keep_all(&group, records).await;
    assert!(results[..20].iter().all(Result::is_ok));
    assert!(results[20].is_err());
    assert!(patients.iter().all(|patient| links(&net, *patient) == 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_replaced_meanwhile_is_not_called_altered() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let (progress, _) = unbounded_channel();
    let record = group.add_record(patient, report(1), progress).await.unwrap().record;
    let entry: RecordEntry =
        state::read(&*net.world.ledger(Chain::Main), Key::Record(record)).unwrap().unwrap();
    let before = crate::envelopes::Wanted {
        record,
        home: entry.branch.0,
        kind: entry.kind,
        pointer: entry.pointer,
        size: entry.size,
        version: entry.version,
    };
    let (progress, _) = unbounded_channel();
    let newer = NewRecord { patient, id: record, version: 2, record: report(9) };
    assert!(group.keep_all(vec![newer], progress).await.iter().all(Result::is_ok));
    for (vice, altered) in [(Vice::None, vec![]), (Vice::AltersEnvelopes, vec![entry.branch.0])] {
        net.turn(entry.branch.0, vice);
        let tally = crate::tally::Tally::of(&group.inner, &group.inner.branches, std::time::Instant::now());
        let copy = group.inner.envelopes(&[before], &tally).await.remove(&record).unwrap();
        assert!(copy.good.is_none());
        assert_eq!(copy.altered, altered, "{vice:?}");
    }
}

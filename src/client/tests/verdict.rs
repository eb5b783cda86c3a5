//! A record's verdict says of each check what was done: made and held, made and failed, not to be made, not made.

use super::{
    records::{allergy, enrolled, keep_all, report},
    server::Net,
    vice::Vice,
    world::{INSTITUTE, TRUSTED},
};
use crate::{Check, FinalLookup, Group, Row};
use wardline_crypto::Digest;
use wardline_ledger::PatientId;
use wardline_policy::Purpose;

async fn prepared(net: &Net) -> (Group, PatientId, FinalLookup) {
    let group = net.group();
    let patient = enrolled(&group).await;
    for added in keep_all(&group, vec![(patient, report(1)), (patient, allergy(2))]).await {
        added.unwrap();
    }
    let lookup = group.look_up(patient, Purpose::Treatment, "ward round").await.unwrap();
    (group, patient, lookup)
}

/// The report's row while every trusted branch has this vice.
async fn row_with(vice: Vice) -> Row {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net).await;
    TRUSTED.into_iter().for_each(|branch| net.turn(branch, vice));
    group.history(patient, &lookup).await.unwrap().rows.pop().unwrap()
}

fn words(row: &Row) -> [&'static str; 4] {
    row.verdict.checks().map(|(_, check)| check.text())
}

const HOLDS: &str = "HOLDS";
const NOT_YET: &str = "NOT CHECKED YET";
const FAILS: &str = "FAILS";
const CANNOT: &str = "CANNOT BE CHECKED";

#[tokio::test(flavor = "multi_thread")]
async fn only_a_record_of_which_all_four_checks_hold_is_verified() {
    for (vice, expected, word) in [
        (Vice::None, [HOLDS; 4], "VERIFIED"),
        (Vice::AltersEnvelopes, [HOLDS, FAILS, NOT_YET, HOLDS], "ALTERED"),
        (Vice::LosesEnvelopes, [HOLDS, CANNOT, NOT_YET, HOLDS], "LOST"),
        (Vice::WithholdsKeys, [HOLDS, HOLDS, CANNOT, HOLDS], "WITHHELD"),
        (Vice::LosesKeys, [HOLDS, HOLDS, CANNOT, HOLDS], "DAMAGED"),
        (Vice::SpoilsKeys, [HOLDS, HOLDS, FAILS, HOLDS], "DAMAGED"),
        (Vice::ReordersLinks, [HOLDS, HOLDS, HOLDS, FAILS], "NOT WHOLE"),
    ] {
        let row = row_with(vice).await;
        assert_eq!((words(&row), row.word()), (expected, word), "{vice:?}: {:?}", row.verdict);
        assert_eq!(row.is_verified(), vice == Vice::None, "{vice:?}");
        for (_, check) in row.verdict.checks() {
            let told = check.why().is_some_and(|why| !why.is_empty());
            assert_eq!(told, matches!(check, Check::Fails(_) | Check::CannotBe(_)), "{vice:?}: {check:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_any_check_nothing_holds() {
    let mut row = row_with(Vice::None).await;
    row.verdict = crate::RecordVerdict::default();
    assert_eq!((words(&row), row.word(), row.is_verified()), ([NOT_YET; 4], "NOT CHECKED", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn custody_receipts_come_from_the_verified_block_and_each_signature_is_checked() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net).await;
    let row = group.history(patient, &lookup).await.unwrap().rows.pop().unwrap();
    let (pointer, height) = (row.pointer.unwrap(), row.main_height.unwrap());
    let custody = group.custody(row.record, pointer, height).await.unwrap();
    assert_eq!(custody.height, height);
    let told: Vec<_> = custody.receipts.iter().map(|one| (one.branch, one.signature.clone())).collect();
    assert_eq!(told, TRUSTED.map(|branch| (branch, Check::Holds)));

    // Another pointer, another block: no receipts, and it is said.
    for (pointer, height) in [(Digest::of(b"other"), height), (pointer, height - 1)] {
        let error = group.custody(row.record, pointer, height).await.unwrap_err().to_string();
        assert!(error.contains("does not store that record"), "{error}");
    }
    let all = TRUSTED.into_iter().chain([INSTITUTE]);
    all.for_each(|branch| net.turn(branch, Vice::AltersBodies));
    assert!(group.custody(row.record, pointer, height).await.is_err());
}

//! The end of a record's page: who has it, who stored it, what was checked, who asked.
//!
//! It must not know what is in the record, but for whether its place is known.

use crate::{message::Outcome, widgets::patient};
use jiff::tz::TimeZone;
use wardline_client::{Check, CustodyReceipts, History, Row};
use wardline_record::{Page, Record, page::Mark};

/// Whether it is known where the record was made; what is not open says nothing against it.
pub fn is_place_known(open: &Row) -> bool {
    open.opened.as_ref().is_none_or(Record::is_place_known)
}

/// How a check is meant: what was not made is neither good nor bad.
const fn mark(check: &Check) -> Mark {
    match check {
        Check::Holds => Mark::Good,
        Check::Fails(_) => Mark::Alarm,
        Check::CannotBe(_) => Mark::Warning,
        Check::NotChecked => Mark::Plain,
    }
}

/// Where the record came from and what it rests on: the four checks, and who signed that they hold it.
pub fn page(
    open: &Row,
    history: &History,
    custody: Option<&Outcome<CustodyReceipts>>,
    now_s: u64,
    zone: &TimeZone,
) -> Page {
    let mut page = Page::default();
    let branch = if open.branch_name.is_empty() { "not known" } else { &open.branch_name };
    if is_place_known(open) {
        page.field("Made at", branch);
    } else {
        page.field("Made at", "not known: its source does not say");
        page.field("Kept at", branch);
    }
    page.field_of("Stored by", open.author.map(|author| format!("staff {author}")));
    if let Some(version) = open.version.filter(|version| *version > 1) {
        page.marked_field("Version", format!("{version}: what was kept first was replaced"), Mark::Warning);
    }
    let from = open.opened_from.map(|from| {
        let answer = history.branches.iter().find(|answer| answer.branch == from);
        answer.map_or_else(|| format!("branch {from}"), |answer| answer.name.clone())
    });
    page.field("Opened from", from.as_deref().unwrap_or("-"));
    for ((label, told), (_, check)) in open.account(history).into_iter().zip(open.verdict.checks()) {
        page.marked_field(label, told, mark(check));
    }
    match custody {
        Some(Ok(receipts)) => {
            let held = receipts.receipts.iter().all(|one| one.signature == Check::Holds);
            let mark = if held { Mark::Good } else { Mark::Warning };
            receipts.account().into_iter().for_each(|told| page.marked_field("Custody", told, mark));
        }
        Some(Err(why)) => page.marked_field("Custody", format!("not checked: {why}"), Mark::Warning),
        None if open.main_height.is_some() => page.field("Custody", Check::NotChecked.text()),
        None => page.field("Custody", "the main chain has no receipts of it yet"),
    }
    page.field("SHA-256", open.pointer.map_or_else(|| "-".into(), |pointer| pointer.to_string()));
    page.field("Temporary ID", open.record);
    page.field("Lookup", format!("{} at side chain height {}", history.lookup.id, history.lookup.height));
    for trouble in patient::troubles(&history.branches, now_s, zone) {
        page.marked_field("Branches", trouble, Mark::Warning);
    }
    page
}

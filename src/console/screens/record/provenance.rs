//! The end of a record's page: who has it, who stored it, what the chains say, who asked.
//!
//! It must not know what is in the record, but for whether its place is known.

use crate::widgets::patient;
use jiff::tz::TimeZone;
use wardline_client::{History, Row};
use wardline_record::{Page, Record, page::Mark};

/// Whether it is known where the record was made; what is not open says nothing against it.
pub fn is_place_known(open: &Row) -> bool {
    open.opened.as_ref().is_none_or(Record::is_place_known)
}

/// Where the record came from and what it rests on.
pub fn page(open: &Row, history: &History, now_s: u64, zone: &TimeZone) -> Page {
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
    let height =
        open.main_height.map_or_else(|| "not agreed yet".into(), |height| format!("height {height}"));
    page.field("Main chain", format!("{height} (verified to {})", history.main_height));
    page.field("Side chain", format!("link proven at height {}", history.side_height));
    page.field("Temporary ID", open.record);
    page.field("Pointer", open.pointer.map_or_else(|| "-".into(), |pointer| pointer.to_string()));
    page.field("Lookup", format!("{} at side chain height {}", history.lookup.id, history.lookup.height));
    for trouble in patient::troubles(&history.branches, now_s, zone) {
        page.marked_field("Branches", trouble, Mark::Warning);
    }
    page
}

//! Dates that cannot be, wherever they stand: in what mappers read and in what is only counted.
//!
//! Elements are known by their names, which R4 uses for dates alone. It must not know resource types.

use crate::{
    Refusal,
    bundle::Resource,
    json::{Node, Shape, element_name},
};
use wardline_record::{Precision, When};

/// Elements of type date, dateTime or instant that do not end in `Date` or `DateTime`.
const NAMES: &[&str] = &[
    "authored",
    "authoredOn",
    "created",
    "creation",
    "date",
    "dateAsserted",
    "dateRecorded",
    "effectiveInstant",
    "end",
    "issued",
    "lastOccurrence",
    "lastUpdated",
    "receivedTime",
    "recorded",
    "sent",
    "start",
    "started",
    "timestamp",
    "valueInstant",
    "whenHandedOver",
    "whenPrepared",
];

/// What is wrong, and where as seen from the resource: the innermost step first.
struct Fault {
    steps: Vec<String>,
    refusal: fn(String) -> Refusal,
}

/// Checks every date and period of a resource.
///
/// # Errors
/// [`Refusal::ImpossibleDate`] and [`Refusal::BackwardsPeriod`].
pub(crate) fn check(resource: &Resource<'_>) -> Result<(), Refusal> {
    check_node(&resource.node).map_err(|fault| {
        let path: String = fault.steps.iter().rev().map(String::as_str).collect();
        (fault.refusal)(format!("{}{path}", resource.place))
    })
}

fn check_node(node: &Node<'_>) -> Result<(), Fault> {
    match node.shape() {
        Shape::Object(members) => {
            for member in members {
                let checked = match member.node.peek() {
                    Some(text) if is_date(&member.name) && read(text).is_none() => {
                        Err(Fault { steps: Vec::new(), refusal: |place| Refusal::ImpossibleDate { place } })
                    }
                    _ => check_node(&member.node),
                };
                checked.map_err(|fault| fault.within(format!(".{}", element_name(&member.name))))?;
            }
            if backwards(node) {
                return Err(Fault { steps: Vec::new(), refusal: |place| Refusal::BackwardsPeriod { place } });
            }
        }
        Shape::List(entries) => {
            for (at, entry) in entries.iter().enumerate() {
                check_node(entry).map_err(|fault| fault.within(format!("[{at}]")))?;
            }
        }
        Shape::Null | Shape::Leaf => {}
    }
    Ok(())
}

impl Fault {
    fn within(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

/// Whether a string under this name is a date.
fn is_date(name: &str) -> bool {
    name.ends_with("Date") || name.ends_with("DateTime") || NAMES.contains(&name)
}

/// A FHIR date, dateTime or instant: year first, and nothing that only people write.
pub(crate) fn read(text: &str) -> Option<When> {
    let (year, rest) = text.split_at_checked(4)?;
    let shaped = year.bytes().all(|b| b.is_ascii_digit())
        && (rest.is_empty() || rest.starts_with('-'))
        && !text.ends_with(char::is_whitespace);
    if shaped { text.parse().ok() } else { None }
}

/// Whether a period ends before it starts, as far as its precision can tell.
fn backwards(period: &Node<'_>) -> bool {
    let date = |name| period.peek_str(name).and_then(read);
    let (Some(start), Some(end)) = (date("start"), date("end")) else { return false };
    start.utc_seconds() > latest(&end)
}

/// The last second that any date in it can mean.
pub(crate) fn latest_in(node: &Node<'_>) -> Option<i64> {
    match node.shape() {
        Shape::Object(members) => {
            let each = members.iter().map(|member| match member.node.peek() {
                Some(text) if is_date(&member.name) => read(text).map(|when| latest(&when)),
                _ => latest_in(&member.node),
            });
            each.max().flatten()
        }
        Shape::List(entries) => entries.iter().map(latest_in).max().flatten(),
        Shape::Null | Shape::Leaf => None,
    }
}

/// The last second that a date can mean. A day may be any zone's, the others are long enough not to mind.
pub(crate) fn latest(when: &When) -> i64 {
    const DAY: i64 = 24 * 60 * 60;
    when.utc_seconds()
        + match when.precision() {
            Precision::Year => 367 * DAY,
            Precision::Month => 32 * DAY,
            Precision::Day => 2 * DAY,
            Precision::Moment => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_fhir() {
        for good in [
            "2023",
            "2023-02",
            "2024-02-29",
            "2024-02-29T23:59:59Z",
            "2024-02-29T00:00:00.123456+11:00",
            "2024-02-29T00:00:00-00:00",
        ] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "0000",
            "23",
            "2023-2",
            "2023-13",
            "2023-02-30",
            "2023-02-29",
            "30.02.2024",
            "2024-02-29 ",
            "2024-02-29T25:00:00Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T12:60:00Z",
            "2024-02-29T12:00Z",
            "2024-02-29T12:00:00",
            "2024-02-29T12:00:00+25:00",
            "2024-02-29T12:00:00.Z",
            "yesterday",
            "２０２３",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}

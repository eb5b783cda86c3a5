//! Amounts with their units, ranges and ratios as text; numbers stay as exact as they were written.
//!
//! It must not know what the amounts measure.

use crate::{Refusal, bundle::Resource, json::Node, read};
use wardline_record::{Decimal, Text};

/// An amount: its number with a comparator, and its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    /// "< 0.5".
    pub(crate) number: String,
    /// "mg/dL".
    pub(crate) unit: String,
}

impl Amount {
    /// "< 0.5 mg/dL". The unit "1" says that there is none.
    pub(crate) fn words(&self) -> String {
        let unit = if self.unit == "1" { "" } else { &self.unit };
        read::join(" ", &[&self.number, unit])
    }

    /// The number, where it is one of the exact decimals that a record keeps.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        self.number.parse().ok()
    }
}

/// The parts that say something, with a separator between them.
pub(crate) fn joined(separator: &str, parts: &[String]) -> String {
    read::join(separator, &parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// "body site: foot"; nothing without words.
pub(crate) fn labelled(label: &str, words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("{label}: {words}") }
}

/// The words of a CodeableConcept whose codes FHIR or HL7 fix: the coding says nothing more than they do.
pub(crate) fn fixed(parent: &Node<'_>, name: &str) -> Text {
    let words = read::words_at(parent, name);
    if let Some(node) = parent.get(name) {
        node.skip("coding");
    }
    words
}

/// The same for a list of them.
pub(crate) fn fixed_each(parent: &Node<'_>, name: &str) -> Text {
    let words = read::words_of_each(parent.list(name));
    for node in parent.list(name) {
        node.skip("coding");
    }
    words
}

/// A Quantity (Duration, Age, …). The unit is the one for people, else the code.
pub(crate) fn amount(node: &Node<'_>) -> Amount {
    let number = node.get("value").map(number).unwrap_or_default();
    let unit = match node.str("unit") {
        Some(unit) => {
            // UCUM's spelling of the same unit, for machines.
            node.skip("code");
            unit
        }
        None => node.str("code").unwrap_or_default(),
    };
    node.skip("system");
    Amount {
        number: read::join(" ", &[node.str("comparator").unwrap_or_default(), &number]),
        unit: unit.trim().to_owned(),
    }
}

/// The digits as written, an exponent expanded exactly: `1.3E+2` is `130`. A few sources write numbers as strings.
pub(crate) fn number(node: &Node<'_>) -> String {
    let Some(digits) = node.number().or_else(|| node.text()) else { return String::new() };
    let expanded = digits.contains(['e', 'E']).then(|| read::decimal(node)).flatten();
    expanded.map_or_else(|| digits.to_owned(), |decimal| decimal.to_string())
}

/// "5 mg" of a member that is a Quantity; nothing without it.
pub(crate) fn quantity(parent: &Node<'_>, name: &str) -> String {
    parent.get(name).map(|node| amount(node).words()).unwrap_or_default()
}

/// A Range: "500 to 1000 mg", "from 5 mg", "up to 10 mg".
pub(crate) fn range(node: &Node<'_>) -> String {
    let end = |name| node.get(name).map(amount).filter(|end| !end.number.is_empty());
    match (end("low"), end("high")) {
        (Some(low), Some(high)) if low.unit == high.unit => format!("{} to {}", low.number, high.words()),
        (Some(low), Some(high)) => format!("{} to {}", low.words(), high.words()),
        (Some(low), None) => format!("from {}", low.words()),
        (None, Some(high)) => format!("up to {}", high.words()),
        (None, None) => String::new(),
    }
}

/// The words of a member that is a Range.
pub(crate) fn range_at(parent: &Node<'_>, name: &str) -> String {
    parent.get(name).map(range).unwrap_or_default()
}

/// A member that is a Ratio: "85 mg per 2 h", "1:128" where neither part has a unit.
pub(crate) fn ratio_at(parent: &Node<'_>, name: &str) -> String {
    parent.get(name).map(ratio).unwrap_or_default()
}

/// The words of a Ratio.
pub(crate) fn ratio(node: &Node<'_>) -> String {
    let part = |name| node.get(name).map(amount).unwrap_or_default();
    let (above, below) = (part("numerator"), part("denominator"));
    let bare = |amount: &Amount| amount.unit.is_empty() || amount.unit == "1";
    match below.number.as_str() {
        "" => above.words(),
        number if bare(&above) && bare(&below) => format!("{}:{number}", above.number),
        "1" => format!("{} per {}", above.words(), below.unit),
        _ => format!("{} per {}", above.words(), below.words()),
    }
}

/// The words of a member that is a Period: "2024-01-01 to 2024-02-28", "until 2024-02-28".
pub(crate) fn period(parent: &Node<'_>, name: &str) -> Result<String, Refusal> {
    let (start, end) = read::period_at(parent, name)?;
    Ok(read::period_words(start.as_ref(), end.as_ref()))
}

/// An amount of money, exact to the last digit, and its currency.
///
/// # Errors
/// When the number has more digits than a record keeps: money is never rounded.
pub(crate) fn money(
    r: &Resource<'_>,
    parent: &Node<'_>,
    name: &str,
) -> Result<Option<(Decimal, String)>, Refusal> {
    let Some(node) = parent.get(name) else { return Ok(None) };
    let Some(value) = node.get("value") else { return Ok(None) };
    let amount = read::decimal(value)
        .ok_or_else(|| Refusal::Number { place: r.place_of(&format!("…{name}.value")) })?;
    Ok(Some((amount, node.str("currency").unwrap_or_default().to_owned())))
}

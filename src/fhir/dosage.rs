//! How a medicine is to be taken: FHIR's Dosage in the words of a prescription.
//!
//! It must not know whether the medicine was ordered or is only said to be taken.

use crate::{
    Refusal,
    json::Node,
    read,
    value::{joined, labelled, period, quantity, range_at, ratio_at},
};
use wardline_record::Route;

/// One Dosage in words.
#[derive(Debug, Default)]
pub(crate) struct Dosage {
    /// "10 mg", "500 to 1000 mg", "85 mg per 2 h".
    pub(crate) dose: String,
    /// "2 times in 1 day".
    pub(crate) frequency: String,
    pub(crate) route: Option<Route>,
    /// "for 14 d".
    pub(crate) duration: String,
    pub(crate) as_needed: bool,
    /// Everything else, a line each.
    pub(crate) instructions: Vec<String>,
}

/// Reads a Dosage of a request or a statement.
pub(crate) fn dosage(node: &Node<'_>) -> Result<Dosage, Refusal> {
    // The order of several dosages is the order of the items.
    node.skip("sequence");
    let mut dosage = Dosage { dose: dose_and_rate(node), ..Dosage::default() };
    (dosage.frequency, dosage.duration) = match node.get("timing") {
        Some(timing) => timing_words(timing)?,
        None => Default::default(),
    };
    let (route, route_words) = node.get("route").map(route).unwrap_or_default();
    dosage.route = route;
    dosage.as_needed =
        node.boolean("asNeededBoolean") == Some(true) || node.get("asNeededCodeableConcept").is_some();
    let told = [
        beyond(node.str("text").unwrap_or_default(), &dosage.dose).to_owned(),
        read::words_of_each(node.list("additionalInstruction")).to_string(),
        node.str("patientInstruction").unwrap_or_default().to_owned(),
        labelled("Route", &route_words),
        labelled("Site", &read::words_at(node, "site")),
        labelled("Method", &read::words_at(node, "method")),
        labelled("Needed for", &read::words_at(node, "asNeededCodeableConcept")),
        labelled("At most", &ratio_at(node, "maxDosePerPeriod")),
        labelled("At most at once", &quantity(node, "maxDosePerAdministration")),
        labelled("At most in a lifetime", &quantity(node, "maxDosePerLifetime")),
    ];
    for words in told {
        if !words.is_empty() && !dosage.instructions.contains(&words) {
            dosage.instructions.push(words);
        }
    }
    Ok(dosage)
}

/// The free text, where it says more than the measured dose does: "1 mg" is "1.0 mg".
pub(crate) fn beyond<'t>(told: &'t str, measured: &str) -> &'t str {
    if bare(told) == bare(measured) { "" } else { told }
}

/// Lower case without the spaces between numbers and words and without a whole number's ".0"; every other digit, and
/// what keeps two numbers apart, stays.
fn bare(words: &str) -> String {
    let digit = |c: char| c.is_ascii_digit();
    let mut bare = String::with_capacity(words.len());
    let mut rest = words.chars();
    while let Some(c) = rest.next() {
        let after_digit = bare.ends_with(digit);
        let fraction = rest.as_str().strip_prefix('0');
        match c {
            '.' if after_digit && fraction.is_some_and(|after| !after.starts_with(digit)) => {
                rest.next();
            }
            c if c.is_whitespace() && !(after_digit && rest.as_str().starts_with(digit)) => {}
            c => bare.extend(c.to_lowercase()),
        }
    }
    bare
}

/// The doses and rates of a Dosage: "85 mg, 42.5 mg per h".
pub(crate) fn dose_and_rate(node: &Node<'_>) -> String {
    let mut all: Vec<String> = Vec::new();
    for each in node.list("doseAndRate") {
        // "ordered" is what a request says anyway; "calculated" is worth telling.
        let kind = each.get("type").and_then(read::token).unwrap_or_default();
        all.push(joined(
            ", ",
            &[
                quantity(each, "doseQuantity"),
                range_at(each, "doseRange"),
                quantity(each, "rateQuantity"),
                range_at(each, "rateRange"),
                ratio_at(each, "rateRatio"),
                if kind == "ordered" { String::new() } else { kind.to_owned() },
            ],
        ));
    }
    joined("; ", &all)
}

/// A Timing as frequency and duration.
fn timing_words(timing: &Node<'_>) -> Result<(String, String), Refusal> {
    let mut how_often = vec![read::words_at(timing, "code").to_string()];
    let mut how_long = Vec::new();
    for event in timing.list("event") {
        how_often.push(format!("at {}", read::when(event)?));
    }
    if let Some(repeat) = timing.get("repeat") {
        how_often.push(times_in_period(repeat));
        how_often.push(words_of(repeat, "dayOfWeek", "on"));
        how_often.push(words_of(repeat, "timeOfDay", "at"));
        how_often.push(meals(repeat));
        how_long.push(span(repeat, "duration", "durationMax", "durationUnit", "each over"));
        how_long.push(quantity(repeat, "boundsDuration"));
        how_long.push(range_at(repeat, "boundsRange"));
        how_long.push(period(repeat, "boundsPeriod")?);
        if let Some(count) = repeat.decimal("count") {
            let most = repeat.decimal("countMax").map(|most| format!(" to {most}")).unwrap_or_default();
            how_long.push(format!("{count}{most} times in all"));
        }
    }
    Ok((joined(", ", &how_often), joined(", ", &how_long)))
}

/// "2 times in 1 day", "up to 6 times in 1 day", "every 4 weeks".
fn times_in_period(repeat: &Node<'_>) -> String {
    let times = match (repeat.decimal("frequency"), repeat.decimal("frequencyMax")) {
        (Some("1"), None) => "1 time".to_owned(),
        (Some(times), None) => format!("{times} times"),
        (Some(times), Some(most)) => format!("{times} to {most} times"),
        (None, Some(most)) => format!("up to {most} times"),
        (None, None) => String::new(),
    };
    let period = span(repeat, "period", "periodMax", "periodUnit", "in");
    match (times.is_empty(), period.strip_prefix("in ")) {
        (true, Some(period)) => format!("every {period}"),
        _ => read::join(" ", &[&times, &period]),
    }
}

/// "in 1 to 2 days".
fn span(repeat: &Node<'_>, from: &str, to: &str, unit: &str, preposition: &str) -> String {
    let whole = |number: &str| number.strip_suffix(".0").unwrap_or(number).to_owned();
    let Some(from) = repeat.decimal(from).map(whole) else { return String::new() };
    let to = repeat.decimal(to).map(whole);
    let code = repeat.str(unit).unwrap_or_default();
    let one = from == "1" && to.is_none();
    let unit = match code {
        "s" => "second",
        "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "wk" => "week",
        "mo" => "month",
        "a" => "year",
        other => other,
    };
    let plural = if one || unit == code { "" } else { "s" };
    let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
    format!("{preposition} {from}{to} {unit}{plural}").trim_end().to_owned()
}

fn words_of(repeat: &Node<'_>, list: &str, preposition: &str) -> String {
    let words: Vec<&str> = repeat.list(list).iter().filter_map(Node::text).collect();
    if words.is_empty() { String::new() } else { format!("{preposition} {}", words.join(", ")) }
}

/// The event codes of a Timing (HL7 v3 TimingEvent and FHIR's own).
fn meals(repeat: &Node<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    for code in repeat.list("when").iter().filter_map(Node::text) {
        words.push(match code {
            "MORN" => "in the morning".to_owned(),
            "MORN.early" => "early in the morning".to_owned(),
            "MORN.late" => "late in the morning".to_owned(),
            "NOON" => "at noon".to_owned(),
            "AFT" => "in the afternoon".to_owned(),
            "EVE" => "in the evening".to_owned(),
            "NIGHT" => "at night".to_owned(),
            "PHS" => "after sleep".to_owned(),
            "HS" => "before sleep".to_owned(),
            "WAKE" => "on waking".to_owned(),
            "C" => "with meals".to_owned(),
            "CM" => "with breakfast".to_owned(),
            "CD" => "with lunch".to_owned(),
            "CV" => "with dinner".to_owned(),
            "AC" => "before meals".to_owned(),
            "ACM" => "before breakfast".to_owned(),
            "ACD" => "before lunch".to_owned(),
            "ACV" => "before dinner".to_owned(),
            "PC" => "after meals".to_owned(),
            "PCM" => "after breakfast".to_owned(),
            "PCD" => "after lunch".to_owned(),
            "PCV" => "after dinner".to_owned(),
            other => other.to_owned(),
        });
    }
    if let Some(minutes) = repeat.decimal("offset") {
        words.push(format!("{minutes} minutes off"));
    }
    words.join(", ")
}

/// The way into the body by its code (SNOMED CT, EDQM, HL7 v3) or, failing that, its word; and the source's words
/// unless a code, or that one word, says it all.
pub(crate) fn route(node: &Node<'_>) -> (Option<Route>, String) {
    let coded = node.list("coding").iter().find_map(|coding| coded_route(coding.peek_str("code")?));
    let words = read::words(node);
    if coded.is_some() {
        node.skip("coding");
        return (coded, String::new());
    }
    match named_route(&words) {
        Some(route) if words.eq_ignore_ascii_case(route.name()) => (Some(route), String::new()),
        Some(route) => (Some(route), words.to_string()),
        None if words.is_empty() => (None, String::new()),
        None => (Some(Route::Other), words.to_string()),
    }
}

fn coded_route(code: &str) -> Option<Route> {
    Some(match code {
        "26643006" | "20053000" | "PO" => Route::Oral,
        "37839007" | "20067000" | "SL" => Route::Sublingual,
        "447694001" | "18679011000001101" | "20020000" | "IPINHL" => Route::Inhaled,
        "47625008" | "20045000" | "IV" | "IVINJ" => Route::Intravenous,
        "78421000" | "20035000" | "IM" => Route::Intramuscular,
        "34206005" | "20066000" | "SQ" => Route::Subcutaneous,
        "6064005" | "20003000" | "TOPICAL" => Route::Topical,
        "45890007" | "20070000" | "TRNSDERM" => Route::Transdermal,
        "37161004" | "20061000" | "PR" => Route::Rectal,
        "16857009" | "20072000" | "VAGINSI" => Route::Vaginal,
        "54485002" | "20051000" | "OPTHALTA" => Route::Ophthalmic,
        "10547007" | "20001000" | "OTICDROP" => Route::Otic,
        "46713006" | "20049000" | "NASINHLC" => Route::Nasal,
        _ => return None,
    })
}

/// The only route that the words name: whole words, since "femoral" is not oral, and none that they exclude.
fn named_route(words: &str) -> Option<Route> {
    let words = words.to_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).collect();
    if words.iter().any(|word| matches!(*word, "no" | "non" | "not")) {
        return None;
    }
    let mut named =
        Route::ALL.iter().filter(|&&route| route != Route::Other && words.contains(&route.name()));
    named.next().copied().filter(|_| named.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_with_the_same_numbers_says_no_more() {
        for (told, measured) in
            [("5 mg", "5.0 mg"), ("1.0MG", "1 mg"), ("10 mg", "10 mg"), ("2.5 ml", "2.5 ml")]
        {
            assert_eq!(beyond(told, measured), "", "{told}");
        }
        for (told, measured) in [
            ("15 mg", "1.05 mg"),
            ("1.05 mg", "15 mg"),
            ("1.00 mg", "10 mg"),
            ("5 10 mg", "510 mg"),
            ("10 mg", "1 mg"),
        ] {
            assert_eq!(beyond(told, measured), told, "{measured}");
        }
    }

    #[test]
    fn a_route_is_named_by_whole_words() {
        for (words, route) in [
            ("Oral", Some(Route::Oral)),
            ("Oral use", Some(Route::Oral)),
            ("intravenous (peripheral)", Some(Route::Intravenous)),
            ("femoral nerve block", None),
            ("temporal", None),
            ("oral or rectal", None),
            ("not oral", None),
            ("other", None),
            ("", None),
        ] {
            assert_eq!(named_route(words), route, "{words}");
        }
    }
}

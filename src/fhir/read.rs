//! FHIR's datatypes as the fields of a record: concepts, names, dates, periods, quantities, people.
//!
//! It must not know any resource, nor which field a value ends in. What it returns is marked as read; what it leaves out
//! stays unread and is counted.

use crate::{
    Refusal,
    bundle::{Context, Resource},
    json::Node,
};
use std::collections::BTreeSet;
use wardline_record::{Decimal, Practitioner, Text, When};

/// Text on one line: every run of white space is one space.
pub(crate) fn line(text: &str) -> Text {
    Text::from(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The parts that are not empty, joined.
pub(crate) fn join(separator: &str, parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
}

/// Texts in their order, each once, in time that grows with their number and not its square.
#[derive(Default)]
pub(crate) struct Once {
    order: Vec<Text>,
    seen: BTreeSet<Text>,
}

impl Once {
    /// Adds a text, unless it is empty or there already.
    pub(crate) fn add(&mut self, text: Text) {
        if !text.is_empty() && self.seen.insert(text.clone()) {
            self.order.push(text);
        }
    }

    /// All of them, with a separator between them.
    pub(crate) fn joined(&self, separator: &str) -> Text {
        Text::from(self.order.iter().map(Text::as_str).collect::<Vec<_>>().join(separator))
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Text> {
        self.order
    }
}

impl FromIterator<Text> for Once {
    fn from_iter<T: IntoIterator<Item = Text>>(texts: T) -> Self {
        let mut once = Self::default();
        texts.into_iter().for_each(|text| once.add(text));
        once
    }
}

/// A string member on one line; empty when it is missing.
pub(crate) fn line_at(node: &Node<'_>, name: &str) -> Text {
    node.str(name).map(line).unwrap_or_default()
}

/// A date, dateTime or instant with the precision and offset that it was written with.
///
/// # Errors
/// When it is no date of the calendar, or has a time without an offset.
pub(crate) fn when(node: &Node<'_>) -> Result<When, Refusal> {
    // FHIR dates begin with four digits of a year; `When` would also read 31.03.2025.
    node.text()
        .filter(|text| text.split(['-', 'T']).next().is_some_and(|year| year.len() == 4))
        .and_then(|text| text.parse().ok())
        // The place is known where all dates of a bundle are checked, before any mapper reads one.
        .ok_or_else(|| Refusal::ImpossibleDate { place: "a date".to_owned() })
}

/// The date in a member, if there is one.
///
/// # Errors
/// As for [`when`].
pub(crate) fn when_at(node: &Node<'_>, name: &str) -> Result<Option<When>, Refusal> {
    node.get(name).map(when).transpose()
}

/// The start and the end of a Period in a member.
///
/// # Errors
/// As for [`when`].
pub(crate) fn period_at(node: &Node<'_>, name: &str) -> Result<(Option<When>, Option<When>), Refusal> {
    match node.get(name) {
        Some(period) => Ok((when_at(period, "start")?, when_at(period, "end")?)),
        None => Ok((None, None)),
    }
}

/// "2024-09-24 to 2024-09-25", "from 2024-09-24", "until 2024-09-25".
pub(crate) fn period_words(start: Option<&When>, end: Option<&When>) -> String {
    match (start, end) {
        (Some(start), Some(end)) => format!("{start} to {end}"),
        (Some(start), None) => format!("from {start}"),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => String::new(),
    }
}

/// A JSON number as an exact decimal; nothing when it has more digits than a record can keep.
pub(crate) fn decimal(node: &Node<'_>) -> Option<Decimal> {
    exact(node.number()?)
}

/// The words of a CodeableConcept and its codes with the names of their systems: `("Appendicitis", "SNOMED CT
/// 74400008")`. The words are its text, else what its first coding displays, else the first code.
pub(crate) fn concept(node: &Node<'_>) -> Option<(Text, Text)> {
    let mut words = line_at(node, "text");
    let mut codes = Once::default();
    for coding in node.list("coding") {
        let code = code_of(coding);
        if words.is_empty() {
            words = line_at(coding, "display");
        } else if !code.is_empty() {
            // With its code and system kept, the display says nothing more.
            coding.skip("display");
        }
        codes.add(code);
    }
    let codes = codes.joined(", ");
    if words.is_empty() {
        words = codes.clone();
    }
    (!words.is_empty()).then_some((words, codes))
}

/// The same for a thing with a name and a code: where nobody wrote words, the codes are its name and stand there once.
pub(crate) fn named(node: &Node<'_>) -> Option<(Text, Text)> {
    let (words, codes) = concept(node)?;
    if words == codes { Some((words, Text::default())) } else { Some((words, codes)) }
}

/// "SNOMED CT 74400008".
fn code_of(coding: &Node<'_>) -> Text {
    match coding.str("code") {
        Some(code) if !code.trim().is_empty() => line(&join(" ", &[system_name(coding), code])),
        _ => Text::default(),
    }
}

/// The words alone, for a field that has no place for the code.
pub(crate) fn words(node: &Node<'_>) -> Text {
    let text = line_at(node, "text");
    match node.list("coding").first() {
        Some(coding) if text.is_empty() => {
            let display = line_at(coding, "display");
            if display.is_empty() { code_of(coding) } else { display }
        }
        Some(coding) => {
            coding.skip("display");
            text
        }
        None => text,
    }
}

/// The words of a member that is a CodeableConcept; empty when it is missing.
pub(crate) fn words_at(node: &Node<'_>, name: &str) -> Text {
    node.get(name).map(words).unwrap_or_default()
}

/// The words of each concept in a list, joined by semicolons, each once.
pub(crate) fn words_of_each(nodes: &[Node<'_>]) -> Text {
    nodes.iter().map(words).collect::<Once>().joined("; ")
}

/// The code of a CodeableConcept whose codes FHIR fixes (a status), so that system and display say nothing more.
pub(crate) fn token<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let coding = node.list("coding").first()?;
    coding.skip("system");
    coding.skip("display");
    coding.str("code")
}

/// A HumanName in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) family: Text,
    pub(crate) given: Text,
}

/// Family and given names; a name that is only written out is a family name.
pub(crate) fn human_name(node: &Node<'_>) -> Name {
    let given: Vec<&str> = node.list("given").iter().filter_map(Node::text).collect();
    let name = Name { family: line_at(node, "family"), given: line(&given.join(" ")) };
    match name {
        Name { family, given } if family.is_empty() && given.is_empty() => {
            Name { family: line_at(node, "text"), given }
        }
        Name { family, given } if family.is_empty() => Name { family: given, given: family },
        name => name,
    }
}

/// "Dr. Elroy Brakus": prefix, given and family name on one line.
pub(crate) fn full_name(node: &Node<'_>) -> Text {
    let prefix: Vec<&str> = node.list("prefix").iter().filter_map(Node::text).collect();
    let suffix: Vec<&str> = node.list("suffix").iter().filter_map(Node::text).collect();
    let Name { family, given } = human_name(node);
    line(&join(" ", &[&prefix.join(" "), &given, &family, &suffix.join(" ")]))
}

/// An Address on one line.
pub(crate) fn address(node: &Node<'_>) -> Text {
    let mut parts: Vec<Text> = node.list("line").iter().filter_map(Node::text).map(line).collect();
    let city = join(" ", &[&line_at(node, "postalCode"), &line_at(node, "city")]);
    parts.extend([line(&city), line_at(node, "district"), line_at(node, "state"), line_at(node, "country")]);
    let address = join(", ", &parts.iter().map(Text::as_str).collect::<Vec<_>>());
    if address.is_empty() { line_at(node, "text") } else { Text::from(address) }
}

/// Who a reference names: the practitioner, also through the role; else the words that the reference displays.
pub(crate) fn practitioner(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> Practitioner {
    let shown = line_at(reference, "display");
    let Some(found) = cx.resolve(from, reference) else {
        return Practitioner { name: shown, id: Text::default() };
    };
    if found.kind == "PractitionerRole" {
        let person = found.node.get("practitioner").map(|person| practitioner(cx, found, person));
        return person
            .filter(|person| !person.name.is_empty())
            .unwrap_or(Practitioner { name: shown, id: Text::default() });
    }
    let name = name_of(found);
    let id = if found.kind == "Practitioner" {
        staff_number(found.node.list("identifier"))
    } else {
        Text::default()
    };
    Practitioner { name: if name.is_empty() { shown } else { name }, id }
}

/// The name of whoever or whatever a reference names; else the words that it displays.
pub(crate) fn name_at(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> Text {
    practitioner(cx, from, reference).name
}

/// A person's name, or that of an organization, a place or a group.
fn name_of(resource: &Resource<'_>) -> Text {
    let people = resource.node.list("name");
    match preferred(people) {
        Some(name) => full_name(name),
        None => line_at(&resource.node, "name"),
    }
}

/// The entry that is official, else usual, else the first.
pub(crate) fn preferred<'n, 'a>(entries: &'n [Node<'a>]) -> Option<&'n Node<'a>> {
    let used = |word: &str| entries.iter().find(move |entry| entry.str("use") == Some(word));
    used("official").or_else(|| used("usual")).or(entries.first())
}

/// The licence or staff number: the national one (US NPI, German LANR) first, else the first number that people use.
fn staff_number(identifiers: &[Node<'_>]) -> Text {
    let value = |found: &Node<'_>| line_at(found, "value");
    let national = identifiers.iter().find(|identifier| {
        let system = identifier.peek_str("system").unwrap_or_default();
        system.ends_with("/us-npi") || system.to_lowercase().contains("lanr")
    });
    let used = |found: &&Node<'_>| {
        // A made-up key of a system is no number that people use.
        found.peek_str("value").is_some_and(|value| value.len() <= 20)
    };
    national.or_else(|| identifiers.iter().find(used)).map(value).unwrap_or_default()
}

/// The short name of a coding's system, marked as read only when it is known: the code alone would be ambiguous.
fn system_name(coding: &Node<'_>) -> &'static str {
    let system = coding.peek_str("system");
    let Some(&(_, name)) = SYSTEMS.iter().find(|(url, _)| system == Some(*url)) else { return "" };
    coding.skip("system");
    name
}

/// The code systems that have a short name of their own.
const SYSTEMS: [(&str, &str); 28] = [
    ("http://snomed.info/sct", "SNOMED CT"),
    ("http://loinc.org", "LOINC"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm"),
    ("http://hl7.org/fhir/sid/icd-10", "ICD-10"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "ICD-10-CM"),
    ("http://www.cms.gov/Medicare/Coding/ICD10", "ICD-10-PCS"),
    ("http://hl7.org/fhir/sid/icd-9-cm", "ICD-9-CM"),
    ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "ICD-10-GM"),
    ("http://fhir.de/CodeSystem/dimdi/icd-10-gm", "ICD-10-GM"),
    ("http://fhir.de/CodeSystem/bfarm/ops", "OPS"),
    ("http://fhir.de/CodeSystem/dimdi/ops", "OPS"),
    ("http://fhir.de/CodeSystem/bfarm/alpha-id", "Alpha-ID"),
    ("http://fhir.de/CodeSystem/dimdi/alpha-id", "Alpha-ID"),
    ("http://fhir.de/CodeSystem/bfarm/atc", "ATC"),
    ("http://fhir.de/CodeSystem/dimdi/atc", "ATC"),
    ("http://www.whocc.no/atc", "ATC"),
    ("http://fhir.de/CodeSystem/ifa/pzn", "PZN"),
    ("http://hl7.org/fhir/sid/cvx", "CVX"),
    ("http://hl7.org/fhir/sid/ndc", "NDC"),
    ("http://www.ama-assn.org/go/cpt", "CPT"),
    ("http://www.orpha.net", "ORPHA"),
    ("http://www.omim.org", "OMIM"),
    ("http://omim.org", "OMIM"),
    // Codes of these begin with the name: "HP:0003549".
    ("http://human-phenotype-ontology.org", ""),
    ("http://purl.obolibrary.org/obo/hp.owl", ""),
    ("http://purl.obolibrary.org/obo/mondo.owl", ""),
    ("http://unitsofmeasure.org", "UCUM"),
    ("http://dicom.nema.org/resources/ontology/DCM", "DICOM"),
];

/// A JSON number without its exponent, digit by digit: `1.5e3` is 1500, `1.50E-1` is 0.150.
fn exact(number: &str) -> Option<Decimal> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let mut digits = format!("{whole}{fraction}");
    // Beyond this no decimal of a record can hold it: the zeros are not even written.
    let point = match point {
        ..=0 => {
            let zeros = usize::try_from(point.checked_neg()?).ok().filter(|zeros| *zeros <= 40)?;
            digits.insert_str(0, &"0".repeat(zeros + 1));
            1
        }
        _ => usize::try_from(point).ok().filter(|point| *point <= 40 + digits.len())?,
    };
    if digits.len() < point {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at_checked(point)?;
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let zero = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if zero { "" } else { sign };
    let number =
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_exponent_and_no_digit() {
        let cases = [
            ("1.50", "1.50"),
            ("1.5e3", "1500"),
            ("1.50E-1", "0.150"),
            ("12.5e1", "125"),
            ("12.34e1", "123.4"),
            ("-7E-3", "-0.007"),
            ("-0.0", "0.0"),
            ("0e5", "0"),
            ("77.49000000000001", "77.49000000000001"),
        ];
        for (written, exact_text) in cases {
            assert_eq!(exact(written).map(|d| d.to_string()).as_deref(), Some(exact_text), "{written}");
        }
        for beyond in
            ["1e19", "1e999999999999999999999", "1e-99", "0.1234567890123456789", "1e9223372036854775807"]
        {
            assert_eq!(exact(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn lines_have_one_space_between_words() {
        assert_eq!(line(" EMERSON\t HOSPITAL \n- ").as_str(), "EMERSON HOSPITAL -");
    }
}

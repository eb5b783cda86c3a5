//! Patient → the identity that is enrolled.
//!
//! It must not know records. Relatives, marital status, race and the like have no field and stay unread.

use crate::{
    Refusal,
    bundle::{Context, Resource},
    json::Node,
    read,
};
use wardline_record::{Identity, Mrn, Precision, Sex, Text, limits};

/// The identity of a patient.
///
/// # Errors
/// When a date is none.
pub(crate) fn identity(cx: &Context<'_>, r: &Resource<'_>) -> Result<Identity, Refusal> {
    let node = &r.node;
    let names = node.list("name");
    let leading = read::preferred(names);
    let mut name = leading.map(read::human_name).unwrap_or_default();
    if name.family.is_empty() {
        // An identity needs a name; a person without one can still be found by number.
        name.family = Text::from("Unknown");
    }
    let other_names = other_names(names, leading);
    // Only a day, month or year of birth: a time of birth is an extension.
    let birth_date = read::when_at(node, "birthDate")?.filter(|date| date.precision() != Precision::Moment);
    if node.boolean("deceasedBoolean") == Some(true) {
        cx.note("Patient.deceasedBoolean: without a date");
    }
    Ok(Identity {
        family: name.family,
        given: name.given,
        birth_date,
        sex: node.str("gender").and_then(|gender| gender.parse::<Sex>().ok()),
        mrns: numbers(r),
        phone: phone(node.list("telecom")),
        other_names,
        died: read::when_at(node, "deceasedDateTime")?,
        address: read::preferred(node.list("address")).and_then(address).unwrap_or_default(),
        language: language(node.list("communication")),
    })
}

/// All names but the leading one, each once.
fn other_names(names: &[Node<'_>], leading: Option<&Node<'_>>) -> Vec<Text> {
    let mut others = read::Once::default();
    for name in names.iter().filter(|name| !leading.is_some_and(|leading| std::ptr::eq(leading, *name))) {
        name.skip("use");
        let read::Name { family, given } = read::human_name(name);
        let name = read::line(&read::join(" ", &[&given, &family]));
        if name.chars().count() <= limits::NAME {
            others.add(name);
        }
    }
    let mut others = others.into_vec();
    others.truncate(limits::MRNS);
    others
}

/// The numbers that an identity takes: without spaces, with a digit, each once. The FHIR id where there is none.
fn numbers(r: &Resource<'_>) -> Vec<Mrn> {
    let mut numbers: Vec<Mrn> = Vec::new();
    for identifier in r.node.list("identifier") {
        let value = identifier.peek_str("value").unwrap_or_default();
        let digit = value.bytes().any(|byte| byte.is_ascii_digit());
        let fits = value.chars().count() <= limits::CODE && !value.contains(char::is_whitespace);
        if !digit || !fits || numbers.len() == limits::MRNS {
            continue;
        }
        let Some(system) = system_of(identifier) else { continue };
        let number = Mrn { system, value: read::line_at(identifier, "value") };
        identifier.skip("use");
        identifier.skip("type");
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        numbers.push(Mrn { system: Text::from("FHIR"), value: Text::from(own_number(&r.id)) });
    }
    numbers
}

/// Who gives the number: the system, else the words of its type.
fn system_of(identifier: &Node<'_>) -> Option<Text> {
    let system = match identifier.str("system") {
        Some(system) => read::line(system),
        None => read::words_at(identifier, "type"),
    };
    (!system.is_empty() && system.chars().count() <= limits::NAME).then_some(system)
}

/// The FHIR id as a number: cut to the length of a number, with a digit in it.
fn own_number(id: &str) -> String {
    let cut: String = id.chars().take(limits::CODE - 2).collect();
    if cut.bytes().any(|byte| byte.is_ascii_digit()) { cut } else { format!("{cut}-0") }
}

/// The first telephone number, a mobile one before others.
fn phone(telecom: &[Node<'_>]) -> Text {
    let phones = || telecom.iter().filter(|entry| entry.peek_str("system") == Some("phone"));
    let mobile = phones().find(|entry| entry.peek_str("use") == Some("mobile"));
    let Some(entry) = mobile.or_else(|| phones().next()) else { return Text::default() };
    let number = read::line_at(entry, "value");
    if number.chars().count() > limits::CODE {
        return Text::default();
    }
    entry.skip("system");
    entry.skip("use");
    number
}

/// The address, unless an identity has no room for all of it.
fn address(address: &Node<'_>) -> Option<Text> {
    let line = read::address(address);
    address.skip("use");
    address.skip("type");
    (line.chars().count() <= limits::LINE).then_some(line)
}

/// The language that the patient prefers, else the first.
fn language(communication: &[Node<'_>]) -> Text {
    let preferred = communication.iter().find(|entry| entry.boolean("preferred") == Some(true));
    let Some(language) = preferred.or(communication.first()).and_then(|entry| entry.get("language")) else {
        return Text::default();
    };
    // The words name the language; its code says the same.
    for coding in language.list("coding") {
        coding.skip("system");
        coding.skip("code");
    }
    read::words(language)
}

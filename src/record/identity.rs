//! Who a patient is: the part that is sealed into the side chain's `enrol`.
//!
//! It must not know records, nor how search terms become tokens.

use crate::{
    DecodeError, FieldError, Text, VERSION, When,
    check::{Checker, limits},
    choice::{choice, fields},
    record::{check_version, encode, within_limit},
    search,
    when::Precision,
    words::join,
};
use serde::{Deserialize, Serialize};

choice! {
    /// The administrative sex (FHIR's `gender`).
    Sex {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Another.
        Other = "other",
        /// Not known.
        Unknown = "unknown",
    }
}

fields! {
    /// A patient's identity.
    Identity {
        /// The family name, or the only name. Required.
        family: Text,
        /// The given names.
        given: Text,
        /// The date of birth; a year or a month when no more is known.
        birth_date: Option<When>,
        /// The administrative sex.
        sex: Option<Sex>,
        /// The patient's numbers, one at least.
        mrns: Vec<Mrn>,
        /// A telephone number.
        phone: Text,
        /// Other names: at birth, before a marriage, in another script.
        other_names: Vec<Text>,
        /// The day or moment of death.
        died: Option<When>,
        /// The address on one line.
        address: Text,
        /// The language to speak with the patient.
        language: Text,
    }
}

fields! {
    /// A medical record number: what a branch calls the patient.
    Mrn {
        /// The branch or system that gives the number. Required.
        system: Text,
        /// The number: without spaces, with a digit in it. Required.
        value: Text,
    }
}

/// The canonical form: as for records, with `v` first.
#[derive(Serialize)]
struct Form<'a> {
    v: u32,
    #[serde(flatten)]
    identity: &'a Identity,
}

/// The same for reading. Serde can refuse unknown members only in a struct without `flatten`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadForm {
    #[serde(rename = "v")]
    _v: u32,
    family: Text,
    #[serde(default)]
    given: Text,
    birth_date: Option<When>,
    sex: Option<Sex>,
    #[serde(default)]
    mrns: Vec<Mrn>,
    #[serde(default)]
    phone: Text,
    #[serde(default)]
    other_names: Vec<Text>,
    died: Option<When>,
    #[serde(default)]
    address: Text,
    #[serde(default)]
    language: Text,
}

impl Identity {
    /// The canonical bytes: equal identities give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&Form { v: VERSION, identity: self })
    }

    /// Reads canonical bytes and nothing else; [`Identity::check`] checks the content.
    ///
    /// # Errors
    /// As for [`Record::from_bytes`](crate::Record::from_bytes).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        within_limit(bytes)?;
        check_version(bytes)?;
        let form: ReadForm = serde_json::from_slice(bytes)?;
        let identity = Self {
            family: form.family,
            given: form.given,
            birth_date: form.birth_date,
            sex: form.sex,
            mrns: form.mrns,
            phone: form.phone,
            other_names: form.other_names,
            died: form.died,
            address: form.address,
            language: form.language,
        };
        if identity.to_bytes() == bytes { Ok(identity) } else { Err(DecodeError::NotCanonical) }
    }

    /// Everything that must be put right before the patient may be enrolled; empty when all is well.
    pub fn check(&self) -> Vec<FieldError> {
        let mut checker = Checker::default();
        checker.required("family", &self.family, limits::NAME);
        checker.line("given", &self.given, limits::NAME);
        let dated = self.birth_date.as_ref().is_none_or(|date| date.precision() != Precision::Moment);
        checker.must(dated, "birth_date", "give the date without a time");
        checker.must(!self.mrns.is_empty(), "mrns", "add at least one number");
        checker.must(
            self.mrns.len() <= limits::MRNS,
            "mrns",
            &format!("keep it to {} numbers", limits::MRNS),
        );
        for (i, mrn) in self.mrns.iter().enumerate() {
            checker.inside(&format!("mrns[{i}]"), |c| {
                c.required("system", &mrn.system, limits::NAME);
                c.required("value", &mrn.value, limits::CODE);
                c.must(!mrn.value.contains(char::is_whitespace), "value", "write the number without spaces");
                let digit = mrn.value.chars().any(|ch| ch.is_ascii_digit());
                c.must(digit, "value", "write a number with at least one digit");
                let again = self
                    .mrns
                    .iter()
                    .take(i)
                    .any(|other| other.system == mrn.system && other.value == mrn.value);
                c.must(!again, "value", "give each number once");
            });
        }
        checker.line("phone", &self.phone, limits::CODE);
        checker.must(self.other_names.len() <= limits::MRNS, "other_names", "keep it to 50 names");
        for (i, name) in self.other_names.iter().enumerate() {
            checker.required(&format!("other_names[{i}]"), name, limits::NAME);
        }
        checker.in_order("died", self.birth_date.as_ref(), self.died.as_ref());
        checker.line("address", &self.address, limits::LINE);
        checker.line("language", &self.language, limits::NAME);
        checker.into_errors()
    }

    /// "Family, Given" on one line, without control characters.
    pub fn name(&self) -> String {
        join(", ", &[&self.family, &self.given])
    }

    /// The number that this branch or system gives the patient.
    pub fn mrn_at(&self, system: &str) -> Option<&str> {
        self.mrns.iter().find(|mrn| mrn.system.as_str() == system).map(|mrn| mrn.value.as_str())
    }

    /// Everything by which the patient can be found, sorted, each once: `name:` prefixes, `mrn:`, `born:`.
    pub fn search_terms(&self) -> Vec<String> {
        search::identity_terms(self)
    }
}

#[cfg(test)]
mod tests;

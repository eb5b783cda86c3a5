//! What comes out of a bundle.

use crate::{
    Refusal, Shared,
    bundle::Bundle,
    context::{Context, Notes},
    left, mapping, patient,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};
use wardline_record::{FieldError, Identity, Record};

/// Everything taken over from one bundle, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The patients, in the order of the bundle.
    pub patients: Vec<Patient>,
    /// What was not taken over, sorted by path.
    pub left: Vec<Left>,
    /// How many resources of each type there are.
    pub resources: BTreeMap<String, u64>,
}

/// A patient with the records about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    /// Who it is.
    pub identity: Identity,
    /// The base URL of the server that they came from; empty when the bundle does not say. Ids are one server's own.
    pub server: String,
    /// `Patient/<id>`.
    pub source: String,
    /// The records: the same bytes give the same records in the same order.
    pub records: Vec<Taken>,
}

/// A record and where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The record.
    pub record: Record,
    /// Where it was made; `None` when nobody says.
    pub organization: Option<Organization>,
}

/// A hospital or practice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Organization {
    /// The same in every bundle: `system|value` of its first identifier, else `Organization/<id>`.
    pub key: String,
    /// Its FHIR id.
    pub id: String,
    /// Its name as written.
    pub name: String,
}

/// Something that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// `CarePlan` (whole resources), `Observation.method.text` (elements), `Observation: no date` (with a reason).
    pub path: String,
    /// How often.
    pub count: u64,
}

/// Reads one bundle. Nothing of it is taken when anything refuses it.
///
/// # Errors
/// Whatever is wrong with the bundle, with its place.
pub fn read(json: &[u8], shared: &Shared) -> Result<Import, Refusal> {
    let bundle = Bundle::read(json)?;
    let notes = RefCell::new(Notes::default());
    let mut patients = Vec::new();
    for at in bundle.patients() {
        let Some(patient) = bundle.resources.get(at) else { continue };
        let cx = Context::new(&bundle, shared, at, &notes);
        let identity = patient::identity(&cx, patient)?;
        check(identity.check(), &patient.place)?;
        let records = mapping::records(&cx, patient)?;
        for taken in &records {
            check(taken.record.check(), bundle.place_named(leading(taken)))?;
        }
        let server = patient.server().to_owned();
        patients.push(Patient { identity, server, source: patient.name(), records });
    }
    if patients.is_empty() {
        return Err(Refusal::NoPatient);
    }
    let mut resources = BTreeMap::new();
    for resource in bundle.resources.iter().take(bundle.held).filter(|resource| resource.within.is_none()) {
        *resources.entry(resource.kind.clone()).or_default() += 1;
    }
    let left = left::count(&bundle, &sources(&patients), notes.into_inner());
    Ok(Import { patients, left, resources })
}

/// The names of all resources that went into patients and records.
fn sources(patients: &[Patient]) -> BTreeSet<&str> {
    let records = patients.iter().flat_map(|patient| &patient.records);
    let ids = records.filter_map(|taken| taken.record.source.as_ref()).flat_map(|source| &source.ids);
    ids.map(|id| id.as_str()).chain(patients.iter().map(|patient| patient.source.as_str())).collect()
}

/// The name of the resource that leads a record.
fn leading(taken: &Taken) -> &str {
    taken.record.source.as_ref().and_then(|source| source.ids.first()).map_or("", |id| id.as_str())
}

fn check(errors: Vec<FieldError>, place: &str) -> Result<(), Refusal> {
    match errors.first() {
        Some(error) => Err(Refusal::NotARecord { place: place.to_owned(), reason: error.to_string() }),
        None => Ok(()),
    }
}

//! Patients who are not in the bundle though a visit of theirs is, since a visit of one who is there is part of it: the
//! delivery that a newborn's stay names in `partOf`.
//!
//! Such a visit and what it refers to belong to a patient known by id alone, never to the newborn. Any other subject
//! that is not there refuses the bundle.

use crate::{
    Refusal,
    bundle::{Bundle, Resource},
    json::{Node, Shape},
    references::{self, Found},
};
use std::collections::{BTreeMap, BTreeSet};

/// A resource whose subject is not there.
pub(crate) struct Absence {
    /// Whose position it is.
    pub(crate) of: usize,
    /// The subject, as `Patient/<id>`; empty when it is called otherwise.
    pub(crate) subject: String,
    /// Where it is named.
    pub(crate) place: String,
}

/// The id in a literal reference to a patient.
pub(crate) fn id_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("Patient/").filter(|id| references::is_id(id))
}

/// Puts patients known by id alone into the bundle for the resources whose subject is not there.
///
/// # Errors
/// [`Refusal::NoSubject`] when one of them belongs to no visit of a patient who is there.
pub(crate) fn stand_in(bundle: &mut Bundle<'_>, absences: Vec<Absence>) -> Result<(), Refusal> {
    if absences.is_empty() {
        return Ok(());
    }
    let belonging = belonging(bundle, &absences);
    let mut patients: BTreeMap<String, usize> = BTreeMap::new();
    for Absence { of, subject, place } in absences {
        let (Some(id), true) = (id_of(&subject), belonging.contains(&of)) else {
            return Err(Refusal::NoSubject { place });
        };
        let patient = *patients.entry(subject.clone()).or_insert_with(|| {
            let position = bundle.resources.len();
            // A relative reference is to the server of what it stands in.
            let server = bundle.resources.get(of).map_or("", Resource::server);
            let full_url = if server.is_empty() { String::new() } else { format!("{server}/Patient/{id}") };
            bundle.resources.push(Resource {
                kind: "Patient".into(),
                id: id.into(),
                full_url,
                place,
                position,
                shared: false,
                within: None,
                patient: Some(position),
                node: Node::of_strings(&[("resourceType", "Patient"), ("id", id)]),
            });
            position
        });
        if let Some(resource) = bundle.resources.get_mut(of) {
            resource.patient = Some(patient);
        }
    }
    Ok(())
}

/// The positions of visits that visits of present patients are part of, and of what these visits refer to.
fn belonging(bundle: &Bundle<'_>, absences: &[Absence]) -> BTreeSet<usize> {
    let subjects: BTreeMap<usize, &str> = absences.iter().map(|a| (a.of, a.subject.as_str())).collect();
    let mut belonging = BTreeSet::new();
    for part in bundle.resources.iter().filter(|r| r.kind == "Encounter" && r.patient.is_some()) {
        let Some(whole) = part.node.get("partOf").and_then(|whole| whole.peek_str("reference")) else {
            continue;
        };
        let Found::One(visit) = bundle.index.find(part, whole) else { continue };
        let Some(subject) = subjects.get(&visit) else { continue };
        let Some(resource) = bundle.resources.get(visit).filter(|r| r.kind == "Encounter") else { continue };
        if belonging.insert(visit) {
            each_reference(&resource.node, &mut |target| {
                if let Found::One(at) = bundle.index.find(resource, target)
                    && subjects.get(&at) == Some(subject)
                {
                    belonging.insert(at);
                }
            });
        }
    }
    belonging
}

/// Calls `tell` with every literal reference in a value.
fn each_reference(node: &Node<'_>, tell: &mut impl FnMut(&str)) {
    match node.shape() {
        Shape::Object(members) => {
            for member in members {
                match member.node.peek() {
                    Some(target) if member.name == "reference" => tell(target),
                    _ => each_reference(&member.node, tell),
                }
            }
        }
        Shape::List(entries) => entries.iter().for_each(|entry| each_reference(entry, tell)),
        Shape::Null | Shape::Leaf => {}
    }
}

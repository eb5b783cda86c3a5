//! What a mapper sees: one patient's resources, what they refer to, and where to say what was not taken over.

use crate::{
    Shared,
    bundle::{Bundle, Resource},
    dates,
    json::Node,
    references,
};
use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
};
use wardline_record::When;

/// One patient's part of a bundle.
pub(crate) struct Context<'a> {
    bundle: &'a Bundle<'a>,
    shared: &'a Shared,
    /// The patient's position.
    patient: usize,
    notes: &'a RefCell<Notes>,
    last_visit: OnceCell<Option<When>>,
}

/// What mappers say about things that they did not take over.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// How often each was noted.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Places of resources that a note accounts for.
    pub(crate) settled: BTreeSet<String>,
    /// References to what is about another patient, by the places of both ends: mappers follow some of them twice.
    strangers: BTreeSet<(String, String)>,
}

impl<'a> Context<'a> {
    /// What there is about the patient at this position.
    pub(crate) const fn new(
        bundle: &'a Bundle<'a>,
        shared: &'a Shared,
        patient: usize,
        notes: &'a RefCell<Notes>,
    ) -> Self {
        Self { bundle, shared, patient, notes, last_visit: OnceCell::new() }
    }

    /// The patient's resources of one type, in the order of the bundle. Never another patient's.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &'a Resource<'a>> + use<'a> {
        let bundle = self.bundle;
        let positions = bundle.about.get(&self.patient).and_then(|kinds| kinds.get(kind));
        positions.into_iter().flatten().filter_map(|at| bundle.resources.get(*at))
    }

    /// The patient's visits that are neither planned, cancelled nor entered in error.
    pub(crate) fn visits(&self) -> impl Iterator<Item = &'a Resource<'a>> + use<'a> {
        self.of_kind("Encounter").filter(|visit| took_place(visit))
    }

    /// When the last of them began that other dates of the patient reach: one that begins after everything else lies
    /// in the future, or its date is wrong.
    pub(crate) fn last_visit(&self) -> Option<&When> {
        self.last_visit
            .get_or_init(|| {
                let dated = self.bundle.about.get(&self.patient).into_iter().flatten();
                // a birth reaches no visit
                let positions = dated.filter(|(kind, _)| *kind != "Patient").flat_map(|(_, at)| at);
                let (mut latest, mut of, mut next) = (None, None, self.bundle.written());
                for &at in positions {
                    let date =
                        self.bundle.resources.get(at).and_then(|resource| dates::latest_in(&resource.node));
                    if date > latest {
                        (next, latest, of) = (next.max(latest), date, Some(at));
                    } else {
                        next = next.max(date);
                    }
                }
                let starts = self.visits().filter_map(|visit| {
                    let start = dates::read(visit.node.get("period")?.peek_str("start")?)?;
                    let others = if of == Some(visit.position) { next } else { latest.max(next) };
                    others.is_none_or(|others| start.utc_seconds() <= others).then_some(start)
                });
                starts.max_by_key(When::utc_seconds)
            })
            .as_ref()
    }

    /// What a FHIR Reference names: in the bundle, contained in `from`, or among the shared resources; never what is
    /// about another patient, which is counted. Marks the reference as read when there is something.
    pub(crate) fn resolve(&self, from: &Resource<'_>, reference: &Node<'_>) -> Option<&'a Resource<'a>> {
        self.of_anybody(from, reference).and_then(|found| self.of_this_patient(from, found))
    }

    /// The same, whomever it is about: only where no more than its name is taken over, or where the caller looks.
    pub(crate) fn of_anybody(&self, from: &Resource<'_>, reference: &Node<'_>) -> Option<&'a Resource<'a>> {
        let target = reference.peek_str("reference")?;
        let found = references::find(self.bundle, self.shared, from, target)?;
        for element in ["reference", "type", "display"] {
            reference.skip(element);
        }
        Some(found)
    }

    /// What was found, unless it is about another patient: that is counted, once for each that refers to it.
    pub(crate) fn of_this_patient(
        &self,
        from: &Resource<'_>,
        found: &'a Resource<'a>,
    ) -> Option<&'a Resource<'a>> {
        if found.patient.is_none_or(|patient| patient == self.patient) {
            return Some(found);
        }
        let ends = (from.place.clone(), found.place.clone());
        if self.notes.borrow_mut().strangers.insert(ends) {
            self.note(format!("{}: reference to {} about another patient", from.kind, found.kind));
        }
        None
    }

    /// What [`Self::resolve`] finds for a member of `node` that is a Reference.
    pub(crate) fn follow(
        &self,
        from: &Resource<'_>,
        node: &Node<'_>,
        member: &str,
    ) -> Option<&'a Resource<'a>> {
        self.resolve(from, node.get(member)?)
    }

    /// Counts one thing that was not taken over: "Encounter.location: reference not found".
    pub(crate) fn note(&self, path: impl Into<String>) {
        *self.notes.borrow_mut().counts.entry(path.into()).or_default() += 1;
    }

    /// Counts a whole resource that was not taken over, with the reason: "Observation: no date".
    /// Without this call it is counted under its type alone.
    pub(crate) fn leave(&self, resource: &Resource<'_>, reason: &str) {
        self.note(format!("{}: {reason}", resource.kind));
        self.notes.borrow_mut().settled.insert(resource.place.clone());
    }
}

/// Whether a visit is neither planned, cancelled nor entered in error.
pub(crate) fn took_place(visit: &Resource<'_>) -> bool {
    let status = visit.node.peek_str("status").unwrap_or_default();
    !matches!(status, "planned" | "cancelled" | "entered-in-error")
}

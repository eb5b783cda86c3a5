//! The bundle: its entries as resources, each with an id, a place and a patient.
//!
//! It must not know what a resource means; what is checked here holds for all of them.

use crate::{
    Refusal,
    absent::{self, Absence},
    dates,
    json::{self, Node},
    references::{self, Found, Index},
    release,
};
use std::collections::BTreeMap;

pub(crate) use crate::context::Context;

/// The elements that name whom a resource is about.
pub(crate) const SUBJECTS: [&str; 5] = ["subject", "patient", "beneficiary", "individual", "for"];

/// A resource of the bundle, or one contained in another.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    /// `Patient`, `Encounter` …
    pub(crate) kind: String,
    /// Its own id, or the one that `fullUrl` gives it.
    pub(crate) id: String,
    /// What the bundle calls it; empty if nothing.
    pub(crate) full_url: String,
    /// `entry[12].resource`.
    pub(crate) place: String,
    /// Its position among the resources of its bundle, or among the shared ones.
    pub(crate) position: usize,
    /// Whether it is one of the shared ones.
    pub(crate) shared: bool,
    /// The position of the resource that contains it.
    pub(crate) within: Option<usize>,
    /// The position of the patient that it names as its subject.
    pub(crate) patient: Option<usize>,
    /// Its elements, without those that it contains.
    pub(crate) node: Node<'a>,
}

impl Resource<'_> {
    /// `Encounter/ad13`: how a record names its source.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// The base URL of the server that it came from: `https://a.example/fhir` of
    /// `https://a.example/fhir/Patient/p1`. Empty when `fullUrl` names no server.
    pub(crate) fn server(&self) -> &str {
        references::server_of(&self.full_url, &self.kind, &self.id).unwrap_or_default()
    }

    /// The path of an element of it, for a refusal.
    pub(crate) fn place_of(&self, element: &str) -> String {
        format!("{}.{element}", self.place)
    }

    /// The same with its own copy of everything.
    pub(crate) fn into_owned(self) -> Resource<'static> {
        Resource { node: self.node.into_owned(), ..self }
    }
}

/// All resources of one bundle.
#[derive(Debug)]
pub(crate) struct Bundle<'a> {
    /// In the order of the bundle, each followed by those that it contains.
    pub(crate) resources: Vec<Resource<'a>>,
    pub(crate) index: Index,
    /// Positions of what is about each patient, by the patient's position and by type.
    pub(crate) about: BTreeMap<usize, BTreeMap<String, Vec<usize>>>,
    /// How many of the resources the bundle holds itself; patients known by id alone follow.
    pub(crate) held: usize,
    /// What is left of the bundle when the resources are taken out.
    pub(crate) frame: Node<'a>,
}

impl<'a> Bundle<'a> {
    /// Reads and checks a bundle.
    ///
    /// # Errors
    /// Everything that `docs/import.md` lists.
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, Refusal> {
        let mut frame = json::parse(json)?;
        check_frame(&frame)?;
        let mut resources = Vec::new();
        if let Some(entries) = frame.take("entry") {
            let entries =
                entries.into_list().ok_or(Refusal::Shape { place: "entry".into(), expected: "a list" })?;
            for (at, entry) in entries.into_iter().enumerate() {
                read_entry(entry, at, &mut resources)?;
            }
        }
        let mut bundle = Self {
            index: name_all(&resources)?,
            held: resources.len(),
            resources,
            about: BTreeMap::new(),
            frame,
        };
        bundle.group()?;
        Ok(bundle)
    }

    /// Positions of the patients, in the order of the bundle.
    pub(crate) fn patients(&self) -> impl Iterator<Item = usize> {
        self.resources.iter().enumerate().filter(|(_, r)| is_patient(r)).map(|(at, _)| at)
    }

    /// The last second at which the whole can have been put together, where it says so.
    pub(crate) fn written(&self) -> Option<i64> {
        self.frame.peek_str("timestamp").and_then(dates::read).map(|at| dates::latest(&at))
    }

    /// Where the resource of a name stands; the name itself when there is none.
    pub(crate) fn place_named<'n>(&'n self, name: &'n str) -> &'n str {
        self.index.named(name).and_then(|at| self.resources.get(at)).map_or(name, |resource| &resource.place)
    }

    /// Says of each resource whom it is about. What names nobody is about nobody: that a bundle has a single patient
    /// proves nothing.
    fn group(&mut self) -> Result<(), Refusal> {
        let mut absences = Vec::new();
        let mut patients = Vec::with_capacity(self.resources.len());
        for resource in &self.resources {
            patients.push(if is_patient(resource) {
                Some(resource.position)
            } else {
                self.subject(resource, &mut absences)?
            });
        }
        for (resource, patient) in self.resources.iter_mut().zip(patients) {
            resource.patient = patient;
        }
        absent::stand_in(self, absences)?;
        for resource in self.resources.iter().filter(|resource| resource.within.is_none()) {
            if let Some(patient) = resource.patient {
                let kinds = self.about.entry(patient).or_default();
                kinds.entry(resource.kind.clone()).or_default().push(resource.position);
            }
        }
        Ok(())
    }

    /// The position of the patient that a resource is about.
    fn subject(
        &self,
        resource: &Resource<'a>,
        absences: &mut Vec<Absence>,
    ) -> Result<Option<usize>, Refusal> {
        let mut found = None;
        for element in SUBJECTS {
            let Some(node) = resource.node.get(element) else { continue };
            let place = resource.place_of(element);
            if node.is_list() {
                for (at, reference) in resource.node.list(element).iter().enumerate() {
                    let place = format!("{place}[{at}]");
                    match self.named_by(resource, reference) {
                        Named::Absent => return Err(Refusal::NoSubject { place }),
                        Named::Several => return Err(Refusal::AmbiguousSubject { place }),
                        Named::Nobody | Named::Patient(_) => {}
                    }
                }
                continue;
            }
            match self.named_by(resource, node) {
                Named::Nobody => {}
                Named::Patient(at) => found = found.or(Some(at)),
                Named::Several => return Err(Refusal::AmbiguousSubject { place }),
                Named::Absent => {
                    let subject = node.peek_str("reference").unwrap_or_default().to_owned();
                    absences.push(Absence { of: resource.position, subject, place });
                }
            }
        }
        Ok(found)
    }

    /// Whom a reference names.
    fn named_by(&self, from: &Resource<'a>, reference: &Node<'a>) -> Named {
        let found = match (reference.peek_str("reference"), reference.get("identifier")) {
            (Some(target), _) => self.index.find(from, target),
            (None, Some(identifier)) => self.index.identified("Patient", identifier),
            // neither named nor described: nobody is meant
            (None, None) if reference.peek_str("display").is_none() => return Named::Nobody,
            (None, None) => Found::None,
        };
        match found {
            Found::One(at) if self.resources.get(at).is_some_and(is_patient) => Named::Patient(at),
            Found::One(_) => Named::Nobody,
            _ if names_another_type(reference) => Named::Nobody,
            Found::None => Named::Absent,
            Found::Several => Named::Several,
        }
    }
}

/// Whom a reference to a subject names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// No patient: a group, a device, a contained person.
    Nobody,
    /// The patient at this position.
    Patient(usize),
    /// A patient who is not in the bundle.
    Absent,
    /// More than one patient.
    Several,
}

/// Whether a resource is one of the bundle's patients. A contained one is no identity of its own.
fn is_patient(resource: &Resource<'_>) -> bool {
    resource.kind == "Patient" && resource.within.is_none()
}

/// Whether a reference says itself that it is not to a patient.
fn names_another_type(reference: &Node<'_>) -> bool {
    let said = reference.peek_str("type");
    let target = reference.peek_str("reference").unwrap_or_default();
    let written = target.split(['/', '?']).next().filter(|kind| release::is_type(kind));
    said.or(written).is_some_and(|kind| kind != "Patient")
}

/// Checks that the whole is a bundle of a type whose entries are resources to keep.
fn check_frame(frame: &Node<'_>) -> Result<(), Refusal> {
    let reason = match (frame.is_object(), frame.peek_str("resourceType")) {
        (true, Some("Bundle")) => "",
        (true, Some(_)) => "a single resource",
        (true, None) => "an object without resourceType",
        (false, _) => "no JSON object",
    };
    if !reason.is_empty() {
        return Err(Refusal::NotABundle { reason });
    }
    if !matches!(
        frame.peek_str("type"),
        Some("transaction" | "batch" | "collection" | "document" | "searchset")
    ) {
        return Err(Refusal::BundleType);
    }
    release::check_profiles(frame, "")
}

/// Takes the resource out of an entry, and those that it contains out of it.
fn read_entry<'a>(mut entry: Node<'a>, at: usize, resources: &mut Vec<Resource<'a>>) -> Result<(), Refusal> {
    let place = format!("entry[{at}]");
    if let Some(method) = entry.get("request").and_then(|request| request.get("method")) {
        let place = format!("{place}.request.method");
        match method.peek() {
            Some("POST" | "PUT") => {}
            Some("DELETE") => return Err(Refusal::Delete { place }),
            _ => return Err(Refusal::Method { place }),
        }
    }
    let full_url = match entry.get("fullUrl") {
        None => String::new(),
        Some(url) => match url.peek() {
            Some(url) => references::normal(url),
            None => return Err(Refusal::Shape { place: format!("{place}.fullUrl"), expected: "a string" }),
        },
    };
    let place = format!("{place}.resource");
    let Some(mut node) = entry.take("resource") else {
        return Err(Refusal::Shape { place, expected: "a resource" });
    };
    let contained = node.take("contained");
    let container = resources.len();
    let resource = read_resource(node, place.clone(), full_url, container, None)?;
    dates::check(&resource)?;
    resources.push(resource);
    let place = format!("{place}.contained");
    let Some(contained) = contained else { return Ok(()) };
    let contained =
        contained.into_list().ok_or_else(|| Refusal::Shape { place: place.clone(), expected: "a list" })?;
    for (at, node) in contained.into_iter().enumerate() {
        let resource =
            read_resource(node, format!("{place}[{at}]"), String::new(), resources.len(), Some(container))?;
        dates::check(&resource)?;
        resources.push(resource);
    }
    Ok(())
}

fn read_resource(
    node: Node<'_>,
    place: String,
    full_url: String,
    position: usize,
    within: Option<usize>,
) -> Result<Resource<'_>, Refusal> {
    if !node.is_object() {
        return Err(Refusal::Shape { place, expected: "a resource" });
    }
    let Some(kind) = node.peek_str("resourceType").map(str::to_owned) else {
        return Err(Refusal::Shape { place: format!("{place}.resourceType"), expected: "a string" });
    };
    if !release::is_type(&kind) {
        return Err(Refusal::UnknownType { place: format!("{place}.resourceType") });
    }
    release::check(&node, &kind, &place)?;
    let id = match node.get("id") {
        Some(id) => id.peek().filter(|id| references::is_id(id)).map(str::to_owned),
        None => references::id_of_url(&full_url).map(str::to_owned),
    };
    match id {
        Some(id) => {
            Ok(Resource { kind, id, full_url, place, position, shared: false, within, patient: None, node })
        }
        None if node.get("id").is_some() => Err(Refusal::BadId { place: format!("{place}.id") }),
        None => Err(Refusal::NoId { place }),
    }
}

/// Gives every resource its names, none of them twice.
fn name_all(resources: &[Resource<'_>]) -> Result<Index, Refusal> {
    let mut index = Index::default();
    for resource in resources {
        let taken = index.add(resource);
        if let Some(other) = taken.and_then(|other| resources.get(other)) {
            return Err(Refusal::DuplicateId { place: resource.place.clone(), other: other.place.clone() });
        }
    }
    Ok(index)
}

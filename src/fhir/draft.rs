//! A record in the making: what the records of medicines, results, images and bills have in common.
//!
//! It must not know the fields of any kind.

use crate::{
    Organization, Refusal, Taken,
    bundle::{Context, Resource},
    context::took_place,
    json::Node,
    organization, read,
};
use std::collections::BTreeSet;
use wardline_record::{Body, Practitioner, Record, Source, Text, When};

/// The name of the format in every record's source.
const SYSTEM: &str = "FHIR R4";

/// What a record gets besides its body.
pub(crate) struct Draft<'r> {
    cx: &'r Context<'r>,
    leading: &'r Resource<'r>,
    others: BTreeSet<String>,
    visit: Option<&'r Resource<'r>>,
    notes: Vec<String>,
    noted: BTreeSet<String>,
    pub(crate) status: String,
    pub(crate) occurred: Option<When>,
    pub(crate) recorded: Option<When>,
    pub(crate) practitioner: Practitioner,
}

impl<'r> Draft<'r> {
    /// A record led by this resource, which belongs to the visit that the reference names.
    pub(crate) fn new(cx: &'r Context<'r>, leading: &'r Resource<'r>, visit: Option<&Node<'_>>) -> Self {
        let mut draft = Self {
            cx,
            leading,
            others: BTreeSet::new(),
            visit: None,
            notes: Vec::new(),
            noted: BTreeSet::new(),
            status: leading.node.str("status").unwrap_or_default().to_owned(),
            occurred: None,
            recorded: None,
            practitioner: Practitioner::default(),
        };
        about_the_patient(&leading.node);
        draft.of_visit(leading, visit);
        draft
    }

    /// Another resource that goes into the same record.
    pub(crate) fn also(&mut self, other: &Resource<'_>) {
        about_the_patient(&other.node);
        self.others.insert(other.name());
    }

    /// The visit that it belongs to; remarked when the record already belongs to another one.
    pub(crate) fn of_visit(&mut self, from: &Resource<'_>, reference: Option<&Node<'_>>) {
        let found = reference.and_then(|reference| self.cx.resolve(from, reference));
        let Some(found) = found.filter(|found| found.kind == "Encounter") else { return };
        match self.visit {
            Some(visit) if visit.place != found.place => {
                self.remark(&from.name(), &format!("belongs to {}", found.name()));
            }
            _ => self.visit = Some(found),
        }
    }

    /// An identifier that people use: the number of an order, of a report.
    pub(crate) fn numbered(&mut self, node: &Node<'_>) {
        let numbers = node.list("identifier").iter().map(|identifier| read::line_at(identifier, "value"));
        let numbers =
            read::join(", ", &numbers.collect::<Vec<_>>().iter().map(Text::as_str).collect::<Vec<_>>());
        self.remark("Number", &numbers);
    }

    /// When it was written down; the latest of several counts.
    pub(crate) fn recorded_at(&mut self, at: Option<When>) {
        if at.as_ref().map(When::utc_seconds) > self.recorded.as_ref().map(When::utc_seconds) {
            self.recorded = at;
        }
    }

    /// A remark about the record: a paragraph of its own, nothing when it is empty or already there.
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !words.is_empty() && self.noted.insert(words.clone()) {
            self.notes.push(words);
        }
    }

    /// A remark with what it is about, nothing when it is empty.
    pub(crate) fn remark(&mut self, label: &str, words: &str) {
        if !words.is_empty() {
            self.note(format!("{label}: {words}"));
        }
    }

    /// The annotations of a resource.
    pub(crate) fn annotations(&mut self, node: &Node<'_>) {
        for note in node.list("note") {
            self.note(note.str("text").unwrap_or_default().trim());
        }
    }

    /// Who did it: the first is the record's practitioner, the others are remarked.
    pub(crate) fn done_by(&mut self, from: &Resource<'_>, label: &str, reference: &Node<'_>) {
        let who = read::practitioner(self.cx, from, reference);
        if self.practitioner == Practitioner::default() {
            self.practitioner = who;
        } else if self.practitioner != who {
            self.remark(label, &who.name);
        }
    }

    /// Where it was made: where its visit was, else what the leading resource says itself.
    fn organization(&self) -> Option<Organization> {
        let of_visit = self.visit.and_then(|visit| organization::at(self.cx, visit));
        of_visit.or_else(|| organization::at(self.cx, self.leading))
    }

    /// A place or an organization that a resource names, where it is not the record's own.
    pub(crate) fn elsewhere(&mut self, from: &Resource<'_>, label: &str, reference: &Node<'_>) {
        let name = read::name_at(self.cx, from, reference);
        if self.organization().is_none_or(|own| own.name != name.as_str()) {
            self.remark(label, &name);
        }
    }

    /// The record; nothing, and the resource counted as left, when nothing says when it was.
    pub(crate) fn finish(mut self, body: Body) -> Result<Option<Taken>, Refusal> {
        if self.occurred.is_none() {
            self.occurred = self.recorded.take();
        }
        let occurred = match self.occurred.take() {
            Some(occurred) => Some(occurred),
            None => self.start_of_visit()?,
        };
        let Some(occurred) = occurred else {
            self.cx.leave(self.leading, "no date");
            return Ok(None);
        };
        let organization = self.organization();
        let patient = self.cx.of_kind("Patient").next();
        let leading = self.leading.name();
        self.others.remove(&leading);
        let record = Record {
            recorded: self.recorded.filter(|at| *at != occurred),
            occurred,
            practitioner: self.practitioner,
            organization: organization.as_ref().map(|o| Text::from(o.name.as_str())).unwrap_or_default(),
            body,
            note: Text::from(self.notes.join("\n")),
            corrects: None,
            source: Some(Source {
                system: Text::from(SYSTEM),
                server: patient.map(|patient| Text::from(patient.server())).unwrap_or_default(),
                subject: patient.map(|patient| Text::from(patient.name())).unwrap_or_default(),
                ids: std::iter::once(leading).chain(self.others).map(Text::from).collect(),
                status: Text::from(self.status),
                visit: self.visit.map(|visit| Text::from(visit.name())).unwrap_or_default(),
            }),
            // Documents are attached when all records are there.
            attachments: Vec::new(),
        };
        Ok(Some(Taken { record, organization }))
    }

    /// Whether it belongs to a visit that took place and says when it began.
    pub(crate) fn has_dated_visit(&self) -> bool {
        let visit = self.visit.filter(|visit| took_place(visit));
        let period = visit.and_then(|visit| visit.node.get("period"));
        period.is_some_and(|period| period.get("start").is_some())
    }

    /// For what its source does not date: when its visit began, or the only visit of the patient. The note says so.
    fn start_of_visit(&mut self) -> Result<Option<When>, Refusal> {
        let mut visits = self.cx.visits();
        let (visit, which) = match self.visit {
            Some(visit) => (Some(visit), "its visit"),
            None => (visits.next().filter(|_| visits.next().is_none()), "the patient's only visit"),
        };
        let start = match visit.and_then(|visit| visit.node.get("period")) {
            Some(period) => read::when_at(period, "start")?,
            None => None,
        };
        if start.is_some() {
            self.note(format!("Not dated at the source: filed at the start of {which}."));
        }
        Ok(start)
    }
}

/// The record's source names the patient.
fn about_the_patient(node: &Node<'_>) {
    node.skip("subject");
    node.skip("patient");
}

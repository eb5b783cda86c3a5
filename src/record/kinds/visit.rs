//! A visit: the patient came, was seen, and why.

use super::{Diagnosis, TeamMember};
use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::Page,
    words::{join, with_note},
};

choice! {
    /// How the patient was received.
    AdmissionClass {
        /// An appointment or consultation, home the same day.
        Ambulatory = "ambulatory",
        /// Through the emergency department.
        Emergency = "emergency",
        /// Kept for some hours to be watched.
        Observation = "observation",
        /// Admitted to a ward; the stay has its own record.
        Inpatient = "inpatient",
        /// Seen at home.
        Home = "home",
        /// By telephone or video.
        Remote = "remote",
    }
}

fields! {
    /// A visit to a branch.
    Visit {
        /// How the patient was received. Required.
        class: Option<AdmissionClass>,
        /// The class as its source coded it, such as ActCode `AMB`.
        class_code: Text,
        /// What sort of visit: "check-up", "first consultation", "wound control". Required.
        visit_type: Text,
        /// Where in the house: "cardiology", "outpatient clinic 2".
        department: Text,
        /// Why the patient came, in the patient's words where possible. Required.
        reason: Text,
        /// When it ended.
        ended: Option<When>,
        /// What was found, the primary one first.
        diagnoses: Vec<Diagnosis>,
        /// History, examination, advice: several lines.
        notes: Text,
        /// What comes next: "control in 3 months".
        follow_up: Text,
        /// Who took part besides the practitioner of the record.
        team: Vec<TeamMember>,
    }
}

/// "ambulatory (AMB)"; the source's code alone when it is none of ours.
pub(super) fn class_words(class: Option<AdmissionClass>, code: &Text) -> String {
    let words = class.map(AdmissionClass::words).unwrap_or_default();
    if words.is_empty() { code.to_string() } else { with_note(&words, code) }
}

impl Kind for Visit {
    fn check(&self, c: &mut Checker) {
        c.chosen("class", self.class);
        c.required("visit_type", &self.visit_type, limits::NAME);
        c.line("department", &self.department, limits::NAME);
        c.required("reason", &self.reason, limits::LINE);
        Diagnosis::check_all(c, &self.diagnoses);
        c.prose("notes", &self.notes);
        c.line("follow_up", &self.follow_up, limits::LINE);
        c.line("class_code", &self.class_code, limits::CODE);
        c.each("team", &self.team, |c, member| member.check(c));
    }

    fn summary(&self) -> String {
        let found = Diagnosis::leading(&self.diagnoses);
        let why = if found.is_empty() { self.reason.to_string() } else { found };
        let class = class_words(self.class, &self.class_code);
        let sort = if self.visit_type.is_empty() { class } else { self.visit_type.to_string() };
        join(": ", &[&sort, &why])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        let class = class_words(self.class, &self.class_code);
        page.field("Visit", join(", ", &[&self.visit_type, &class]));
        page.field("Department", &self.department);
        page.field("Reason", &self.reason);
        Diagnosis::table(&self.diagnoses, page);
        page.prose("Notes", &self.notes);
        page.field("Follow-up", &self.follow_up);
        TeamMember::table(&self.team, page);
    }

    fn when(&self, occurred: &When) -> String {
        occurred.until(self.ended.as_ref())
    }
}

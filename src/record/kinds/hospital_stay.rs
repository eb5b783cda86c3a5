//! A hospital stay: admission, course, discharge.

use super::{AdmissionClass, Diagnosis, TeamMember, visit::class_words};
use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Mark, Page},
    words::join,
};

choice! {
    /// How the stay ended.
    Discharge {
        /// Home.
        Home = "home",
        /// To another hospital or ward.
        Transferred = "transferred",
        /// To a nursing home or rehabilitation.
        CareFacility = "care-facility",
        /// The patient left against advice.
        AgainstAdvice = "against-advice",
        /// The patient died.
        Died = "died",
    }
}

fields! {
    /// A stay on a ward.
    HospitalStay {
        /// How the patient was received. Required.
        class: Option<AdmissionClass>,
        /// The class as its source coded it, such as ActCode `IMP`.
        class_code: Text,
        /// When the stay began. Required.
        admitted: Option<When>,
        /// When it ended; missing while it lasts.
        discharged: Option<When>,
        /// The ward.
        ward: Text,
        /// Why the patient was admitted. Required.
        reason: Text,
        /// What was found.
        diagnoses: Vec<Diagnosis>,
        /// How it ended; required with the discharge.
        discharge: Option<Discharge>,
        /// The course in words: several lines.
        course: Text,
        /// Instructions for after: several lines.
        instructions: Text,
        /// Where the patient came from: "emergency department".
        admit_source: Text,
        /// How it ended in the words of the source.
        discharge_text: Text,
        /// Who took part besides the practitioner of the record.
        team: Vec<TeamMember>,
    }
}

impl Kind for HospitalStay {
    fn check(&self, c: &mut Checker) {
        c.chosen("class", self.class);
        c.must(self.admitted.is_some(), "admitted", "fill this in");
        c.in_order("discharged", self.admitted.as_ref(), self.discharged.as_ref());
        c.line("ward", &self.ward, limits::NAME);
        c.required("reason", &self.reason, limits::LINE);
        Diagnosis::check_all(c, &self.diagnoses);
        let both = self.discharge.is_some() == self.discharged.is_some();
        c.must(both, "discharge", "give both the time and the way of discharge, or neither");
        c.prose("course", &self.course);
        c.prose("instructions", &self.instructions);
        c.line("class_code", &self.class_code, limits::CODE);
        c.line("admit_source", &self.admit_source, limits::LINE);
        c.line("discharge_text", &self.discharge_text, limits::LINE);
        c.each("team", &self.team, |c, member| member.check(c));
    }

    fn summary(&self) -> String {
        let found = Diagnosis::leading(&self.diagnoses);
        let why = [found, self.reason.to_string(), class_words(self.class, &self.class_code)];
        let why = why.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
        let state = if self.discharged.is_some() { "" } else { "no discharge recorded" };
        join(", ", &[&why, state])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        let class = class_words(self.class, &self.class_code);
        page.field("Class", class);
        page.field("Ward", &self.ward);
        page.field("Came from", &self.admit_source);
        page.field("Reason", &self.reason);
        let discharge = self.discharge.map(Discharge::words).unwrap_or_default();
        let told =
            if self.discharge_text.eq_ignore_ascii_case(&discharge) { "" } else { &self.discharge_text };
        let died = self.discharge == Some(Discharge::Died);
        page.marked_field(
            "Discharge",
            join(": ", &[&discharge, told]),
            if died { Mark::Alarm } else { Mark::Plain },
        );
        Diagnosis::table(&self.diagnoses, page);
        page.prose("Instructions", &self.instructions);
        page.prose("Course", &self.course);
        TeamMember::table(&self.team, page);
    }

    fn when(&self, occurred: &When) -> String {
        let stay = self.admitted.as_ref().unwrap_or(occurred).until(self.discharged.as_ref());
        let lasts = if self.discharged.is_none() { "no discharge recorded" } else { "" };
        join(", ", &[&stay, lasts])
    }
}

//! An allergy or intolerance, or the statement that none is known, or that nobody could ask.

use super::finding::{Finding, NOT_WITH_NONE};
use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Mark, Page},
    source::WITHDRAWN,
    words::{join, with_note},
};

choice! {
    /// To what sort of thing.
    AllergyCategory {
        /// Medicines.
        Medicine = "medicine",
        /// Food.
        Food = "food",
        /// Pollen, dust, animals, insects.
        Environment = "environment",
        /// Latex, metal, plaster and other materials.
        Material = "material",
    }
}

choice! {
    /// How bad the worst reaction was.
    Severity {
        /// A nuisance.
        Mild = "mild",
        /// Treatment was needed.
        Moderate = "moderate",
        /// Life was or could have been in danger.
        Severe = "severe",
    }
}

choice! {
    /// How dangerous a future reaction could be.
    Criticality {
        /// Unlikely to be dangerous.
        Low = "low",
        /// Could be dangerous to life.
        High = "high",
        /// Cannot be said.
        UnableToAssess = "unable-to-assess",
    }
}

fields! {
    /// What the patient reacts to.
    Allergy {
        /// Present, none known, or not asked. Required.
        finding: Option<Finding>,
        /// To what sort of thing; with "none known" it narrows the statement.
        category: Option<AllergyCategory>,
        /// The substance. Required when present.
        substance: Text,
        /// Its code.
        code: Text,
        /// What happens: "rash", "anaphylaxis".
        reaction: Text,
        /// How bad it was.
        severity: Option<Severity>,
        /// Since when.
        since: Option<When>,
        /// Whether it was confirmed by a test or a doctor.
        confirmed: bool,
        /// How dangerous a future reaction could be.
        criticality: Option<Criticality>,
        /// Whether it still counts, in the word of the source: "active", "resolved".
        activity: Text,
        /// How sure it is, in the word of the source: "confirmed", "refuted".
        verification: Text,
    }
}

impl Kind for Allergy {
    fn check(&self, c: &mut Checker) {
        c.chosen("finding", self.finding);
        c.line("code", &self.code, limits::CODE);
        c.line("reaction", &self.reaction, limits::LINE);
        c.line("activity", &self.activity, limits::CODE);
        c.line("verification", &self.verification, limits::CODE);
        if self.finding == Some(Finding::Present) {
            c.required("substance", &self.substance, limits::NAME);
            return;
        }
        c.line("substance", &self.substance, limits::NAME);
        c.must(self.substance.is_empty(), "substance", NOT_WITH_NONE);
        c.must(self.code.is_empty(), "code", NOT_WITH_NONE);
        c.must(self.reaction.is_empty(), "reaction", NOT_WITH_NONE);
        c.must(self.severity.is_none(), "severity", NOT_WITH_NONE);
        c.must(self.since.is_none(), "since", NOT_WITH_NONE);
        c.must(!self.confirmed, "confirmed", NOT_WITH_NONE);
        c.must(self.criticality.is_none(), "criticality", NOT_WITH_NONE);
    }

    fn summary(&self) -> String {
        let severity = self.severity.map(|s| s.words()).unwrap_or_default();
        let critical = if self.criticality == Some(Criticality::High) { "high criticality" } else { "" };
        let activity = if self.is_active() { "" } else { self.activity.as_str() };
        let doubt = self.doubt().unwrap_or_default();
        let present = join(": ", &[&doubt, &self.named("allergy")]);
        let present = join(", ", &[&present, &self.reaction, &severity, critical, activity]);
        Finding::summary(self.finding, &self.noun(), present)
    }

    fn page(&self, _: &Record, page: &mut Page) {
        match self.finding {
            Some(Finding::Present) | None => self.state_present(page),
            finding => Finding::state(finding, &self.noun(), page),
        }
        page.field("Substance", with_note(&self.substance, &self.code));
        page.field_of("Category", self.category.filter(|_| !self.substance.is_empty()));
        page.field("Reaction", &self.reaction);
        page.field_of("Severity", self.severity);
        page.field_of("Criticality", self.criticality);
        page.field_of("Since", self.since.as_ref().map(When::words));
        page.field("Confirmed", if self.confirmed { "yes" } else { "" });
        page.field("Activity", &self.activity);
        page.field("Verification", &self.verification);
    }
}

impl Allergy {
    /// Whether its source says that it does not hold: refuted, or entered in error. Who reads on must be told.
    pub fn is_refuted(&self) -> bool {
        matches!(self.verification.as_str(), "refuted" | "entered-in-error")
    }

    /// Whether it still counts: what no source calls over.
    pub fn is_active(&self) -> bool {
        matches!(self.activity.as_str(), "" | "active")
    }

    /// "REFUTED", "unconfirmed"; nothing when it is sure, or nobody said.
    fn doubt(&self) -> Option<String> {
        match self.verification.as_str() {
            "" | "confirmed" => None,
            "refuted" => Some("REFUTED".to_owned()),
            "entered-in-error" => Some("WITHDRAWN".to_owned()),
            other => Some(other.to_owned()),
        }
    }

    /// The substance, or that nobody said which.
    fn substance_words(&self) -> &str {
        if self.substance.is_empty() { "a substance that is not named" } else { &self.substance }
    }

    /// "allergy to penicillin"; some sources name the allergy where the substance belongs: "Allergy to mould".
    fn named(&self, noun: &str) -> String {
        let substance = self.substance_words();
        if substance.to_lowercase().contains("allerg") {
            substance.to_owned()
        } else {
            format!("{noun} to {substance}")
        }
    }

    fn noun(&self) -> String {
        self.category.map_or_else(|| "allergies".to_owned(), |category| format!("{category} allergies"))
    }

    fn state_present(&self, page: &mut Page) {
        match self.verification.as_str() {
            "entered-in-error" => page.state(Mark::Alarm, WITHDRAWN),
            "refuted" => {
                page.state(Mark::Alarm, "REFUTED: its source says that the patient does not have it.")
            }
            "" | "confirmed" => {}
            other => page.state(Mark::Warning, format!("Not sure: {other}.")),
        }
        if !self.is_active() {
            page.state(Mark::Warning, format!("Not active: {}.", self.activity));
        }
        let severity = self.severity.map(|s| s.words().to_uppercase()).unwrap_or_default();
        let critical = if self.criticality == Some(Criticality::High) { "HIGH CRITICALITY" } else { "" };
        let what = self.named("Allergy");
        let mark = if self.is_refuted() { Mark::Plain } else { Mark::Alarm };
        page.state(mark, join(", ", &[&what, &severity, critical, &self.reaction]));
    }
}

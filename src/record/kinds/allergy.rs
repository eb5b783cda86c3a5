//! An allergy or intolerance, or the statement that none is known, or that nobody could ask.

use super::finding::{Finding, NOT_WITH_NONE};
use crate::{
    Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    lines::{Lines, join},
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
        let activity = if self.activity.as_str() == "active" { "" } else { self.activity.as_str() };
        let verification =
            if self.verification.as_str() == "confirmed" { "" } else { self.verification.as_str() };
        let present = join(
            ", ",
            &[
                &format!("allergy to {}", self.substance),
                &self.reaction,
                &severity,
                critical,
                activity,
                verification,
            ],
        );
        let noun = match self.category {
            Some(category) => format!("{category} allergies"),
            None => "allergies".to_owned(),
        };
        Finding::summary(self.finding, &noun, present)
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add_some("Finding", self.finding);
        lines.add_some("Category", self.category);
        lines.add("Substance", join(" ", &[&self.substance, &self.code]));
        lines.add("Reaction", &self.reaction);
        lines.add_some("Severity", self.severity);
        lines.add_some("Since", self.since.as_ref());
        lines.add("Confirmed", if self.confirmed { "yes" } else { "" });
        lines.add_some("Criticality", self.criticality);
        lines.add("Activity", &self.activity);
        lines.add("Verification", &self.verification);
    }
}

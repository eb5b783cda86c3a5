//! A condition on the problem list, or the statement that none is known.

use super::finding::{Finding, NOT_WITH_NONE};
use crate::{
    Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    lines::{Lines, join, with_note},
};

choice! {
    /// Whether the patient has it now.
    ConditionStatus {
        /// Now.
        Active = "active",
        /// Again after a time without.
        Recurrence = "recurrence",
        /// Without signs, but it may come back.
        Remission = "remission",
        /// Over.
        Resolved = "resolved",
    }
}

choice! {
    /// How sure it is.
    Certainty {
        /// Confirmed.
        Confirmed = "confirmed",
        /// Suspected.
        Suspected = "suspected",
        /// It was suspected and is refuted.
        Refuted = "refuted",
    }
}

fields! {
    /// A condition.
    Condition {
        /// Present, none known, or not asked. Required.
        finding: Option<Finding>,
        /// What it is. Required when present.
        name: Text,
        /// Its code, such as ICD-10 `E11.9`.
        code: Text,
        /// Whether the patient has it now. Required when present.
        status: Option<ConditionStatus>,
        /// How sure it is.
        certainty: Option<Certainty>,
        /// Since when.
        since: Option<When>,
        /// Until when.
        ended: Option<When>,
        /// What sort of entry: "encounter diagnosis", "problem list item".
        category: Text,
        /// How bad it is.
        severity: Text,
        /// How sure it is, in the word of the source.
        verification: Text,
    }
}

impl Kind for Condition {
    fn check(&self, c: &mut Checker) {
        c.chosen("finding", self.finding);
        c.line("code", &self.code, limits::CODE);
        c.line("category", &self.category, limits::NAME);
        c.line("severity", &self.severity, limits::NAME);
        c.line("verification", &self.verification, limits::CODE);
        c.in_order("ended", self.since.as_ref(), self.ended.as_ref());
        if self.finding == Some(Finding::Present) {
            c.required("name", &self.name, limits::LINE);
            c.chosen("status", self.status);
            let over = matches!(self.status, Some(ConditionStatus::Resolved | ConditionStatus::Remission));
            c.must(
                self.ended.is_none() || over,
                "ended",
                "leave this empty while the patient has the condition",
            );
            return;
        }
        c.line("name", &self.name, limits::LINE);
        c.must(self.name.is_empty(), "name", NOT_WITH_NONE);
        c.must(self.code.is_empty(), "code", NOT_WITH_NONE);
        c.must(self.status.is_none(), "status", NOT_WITH_NONE);
        c.must(self.certainty.is_none(), "certainty", NOT_WITH_NONE);
        c.must(self.since.is_none(), "since", NOT_WITH_NONE);
        c.must(self.ended.is_none(), "ended", NOT_WITH_NONE);
    }

    fn summary(&self) -> String {
        let certainty =
            self.certainty.filter(|&s| s != Certainty::Confirmed).map(|s| s.words()).unwrap_or_default();
        let status =
            self.status.filter(|&s| s != ConditionStatus::Active).map(|s| s.words()).unwrap_or_default();
        Finding::summary(
            self.finding,
            "conditions",
            join(", ", &[&with_note(&self.name, &self.code), &certainty, &status]),
        )
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add_some("Finding", self.finding);
        lines.add("Condition", with_note(&self.name, &self.code));
        lines.add_some("Status", self.status);
        lines.add_some("Certainty", self.certainty);
        lines.add("Verification", &self.verification);
        lines.add("Severity", &self.severity);
        lines.add("Category", &self.category);
        lines.add_some("Since", self.since.as_ref());
        lines.add_some("Ended", self.ended.as_ref());
    }
}

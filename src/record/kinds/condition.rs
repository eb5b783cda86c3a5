//! A condition on the problem list, or the statement that none is known.

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
        let status =
            self.status.filter(|&s| s != ConditionStatus::Active).map(|s| s.words()).unwrap_or_default();
        let name = join(": ", &[&self.doubt(), &with_note(&self.name, &self.code)]);
        Finding::summary(self.finding, "conditions", join(", ", &[&name, &status]))
    }

    fn page(&self, _: &Record, page: &mut Page) {
        match self.finding {
            Some(Finding::Present) | None => self.state_doubt(page),
            finding => Finding::state(finding, "conditions", page),
        }
        page.marked_field("Condition", with_note(&self.name, &self.code), Mark::Strong);
        page.field_of("Status", self.status);
        page.field("Severity", &self.severity);
        let from = self.since.as_ref().map(|since| since.until(self.ended.as_ref()));
        page.field_of("Since", from);
        if self.since.is_none() {
            page.field_of("Ended", self.ended.as_ref().map(When::words));
        }
        page.field_of("Certainty", self.certainty);
        page.field("Verification", &self.verification);
        page.field("Category", &self.category);
    }
}

impl Condition {
    /// "REFUTED", "suspected", "provisional"; empty when it is sure, or nobody said.
    fn doubt(&self) -> String {
        match (self.certainty, self.verification.as_str()) {
            (_, "entered-in-error") => "WITHDRAWN".to_owned(),
            (Some(Certainty::Refuted), _) | (_, "refuted") => "REFUTED".to_owned(),
            (_, "" | "confirmed") if self.certainty == Some(Certainty::Suspected) => "suspected".to_owned(),
            (_, "" | "confirmed") => String::new(),
            (_, other) => other.to_owned(),
        }
    }

    fn state_doubt(&self, page: &mut Page) {
        match self.doubt().as_str() {
            "" => {}
            "WITHDRAWN" => page.state(Mark::Alarm, WITHDRAWN),
            "REFUTED" => page.state(Mark::Alarm, "REFUTED: it was found that the patient does not have it."),
            doubt => page.state(Mark::Warning, format!("{}: not confirmed.", doubt.to_uppercase())),
        }
    }
}

//! Conditions of relatives, or the statement that none are known.

use super::finding::{Finding, NOT_WITH_NONE};
use crate::{
    Record, Text,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    page::{Cell, Page, Role, Table},
    words::{join, with_note},
};

fields! {
    /// What runs in the family. Relatives are not named.
    FamilyHistory {
        /// Present, none known, or not asked. Required.
        finding: Option<Finding>,
        /// The relatives with their conditions; one at least when present.
        relatives: Vec<Relative>,
    }
}

fields! {
    /// One relative's condition.
    Relative {
        /// Who: "mother", "father's sister". Required, without a name.
        relation: Text,
        /// The condition. Required.
        condition: Text,
        /// Its code.
        code: Text,
        /// The relative's age at its onset, in years.
        age_at_onset: Option<u16>,
        /// Whether the relative died of it.
        died_of_it: bool,
        /// Whether the relative has died.
        died: bool,
        /// A remark.
        note: Text,
    }
}

impl Relative {
    fn check(&self, c: &mut Checker) {
        c.required("relation", &self.relation, limits::NAME);
        c.required("condition", &self.condition, limits::LINE);
        c.line("code", &self.code, limits::CODE);
        c.must(
            self.age_at_onset.is_none_or(|age| age <= 130),
            "age_at_onset",
            "give an age in years up to 130",
        );
        c.line("note", &self.note, limits::LINE);
    }

    fn words(&self) -> String {
        let age = self.age_at_onset.map(|age| format!("at {age}")).unwrap_or_default();
        let died = match (self.died_of_it, self.died) {
            (true, _) => "died of it",
            (false, true) => "died",
            (false, false) => "",
        };
        let condition = with_note(&self.condition, &self.code);
        let condition = if condition.is_empty() { "no condition named" } else { &condition };
        let told = join(", ", &[condition, &age, died, &self.note]);
        join(": ", &[&self.relation, &told])
    }
}

impl Kind for FamilyHistory {
    fn check(&self, c: &mut Checker) {
        c.chosen("finding", self.finding);
        if self.finding == Some(Finding::Present) {
            c.must(!self.relatives.is_empty(), "relatives", "add at least one relative");
        } else {
            c.must(self.relatives.is_empty(), "relatives", NOT_WITH_NONE);
        }
        c.each("relatives", &self.relatives, |c, relative| relative.check(c));
    }

    fn summary(&self) -> String {
        let relatives: Vec<String> = self.relatives.iter().map(Relative::words).collect();
        Finding::summary(self.finding, "conditions in the family", relatives.join("; "))
    }

    fn page(&self, _: &Record, page: &mut Page) {
        match self.finding {
            Some(Finding::Present) => {}
            None if !self.relatives.is_empty() => {}
            finding => Finding::state(finding, "conditions in the family", page),
        }
        let mut table = Table::new([
            ("Relative", Role::Words),
            ("Condition", Role::Words),
            ("Code", Role::Detail),
            ("From age", Role::Number),
            ("Died", Role::Words),
        ]);
        for relative in &self.relatives {
            let died = match (relative.died_of_it, relative.died) {
                (true, _) => "of it",
                (false, true) => "yes",
                (false, false) => "",
            };
            let cells = [
                Cell::or(&relative.relation, "not said who"),
                Cell::or(&relative.condition, "none named"),
                Cell::from(&relative.code),
                Cell::of(relative.age_at_onset),
                died.into(),
            ];
            table.row(cells, relative.note.as_str());
        }
        page.table(table);
    }
}

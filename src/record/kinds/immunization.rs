//! A vaccine dose that was given, or why it was not.

use super::Route;
use crate::{
    Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    lines::{Lines, join},
};

fields! {
    /// One dose of a vaccine.
    Immunization {
        /// The vaccine's name. Required.
        vaccine: Text,
        /// Its code, such as CVX `208`.
        code: Text,
        /// Against what.
        disease: Text,
        /// Which dose of the series, from 1.
        dose_number: Option<u16>,
        /// The batch printed on the package. Required when given.
        batch: Text,
        /// Who made it.
        manufacturer: Text,
        /// The last day on which the batch may be used.
        expires: Option<When>,
        /// Where on the body.
        site: Text,
        /// The way into the body.
        route: Option<Route>,
        /// Why it was not given; empty when it was.
        not_given: Text,
        /// How much was given: "0.5 mL".
        dose: Text,
        /// Why it was given.
        reason: Text,
    }
}

impl Kind for Immunization {
    fn check(&self, c: &mut Checker) {
        c.required("vaccine", &self.vaccine, limits::NAME);
        c.line("code", &self.code, limits::CODE);
        c.line("disease", &self.disease, limits::NAME);
        c.must(
            self.dose_number.is_none_or(|n| (1..=50).contains(&n)),
            "dose_number",
            "give a number from 1 to 50",
        );
        if self.not_given.is_empty() {
            c.required("batch", &self.batch, limits::CODE);
        } else {
            c.line("batch", &self.batch, limits::CODE);
        }
        c.line("manufacturer", &self.manufacturer, limits::NAME);
        c.line("site", &self.site, limits::NAME);
        c.line("not_given", &self.not_given, limits::LINE);
        c.line("dose", &self.dose, limits::LINE);
        c.line("reason", &self.reason, limits::LINE);
    }

    fn summary(&self) -> String {
        let dose = self.dose_number.map(|n| format!("dose {n}")).unwrap_or_default();
        let given = if self.not_given.is_empty() { "" } else { "not given" };
        join(", ", &[&self.vaccine, &dose, given])
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add("Vaccine", join(" ", &[&self.vaccine, &self.code]));
        lines.add("Against", &self.disease);
        lines.add_some("Dose number", self.dose_number);
        lines.add("Dose", &self.dose);
        lines.add("Batch", &self.batch);
        lines.add("Manufacturer", &self.manufacturer);
        lines.add_some("Expires", self.expires.as_ref());
        lines.add("Site", &self.site);
        lines.add_some("Route", self.route);
        lines.add("Reason", &self.reason);
        lines.add("Not given because", &self.not_given);
    }
}

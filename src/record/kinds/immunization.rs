//! A vaccine dose that was given, or why it was not.

use super::Route;
use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    page::{Mark, Page},
    words::{join, with_note},
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
        let given = if self.not_given.is_empty() { "" } else { "NOT GIVEN" };
        join(": ", &[given, &join(", ", &[&self.vaccine, &dose])])
    }

    fn tells_outcome(&self) -> bool {
        !self.not_given.is_empty()
    }

    fn page(&self, _: &Record, page: &mut Page) {
        if !self.not_given.is_empty() {
            page.state(Mark::Warning, format!("NOT GIVEN: {}", self.not_given));
        }
        page.marked_field("Vaccine", with_note(&self.vaccine, &self.code), Mark::Strong);
        page.field("Against", &self.disease);
        page.field_of("Dose number", self.dose_number);
        page.field("Dose", &self.dose);
        page.field_of("Route", self.route);
        page.field("Site", &self.site);
        page.field("Batch", &self.batch);
        page.field_of("Batch expires", self.expires.as_ref().map(When::words));
        page.field("Manufacturer", &self.manufacturer);
        page.field("Reason", &self.reason);
    }
}

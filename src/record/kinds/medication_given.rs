//! A dose that was given, refused or withheld: the medication chart's line.

use super::Route;
use crate::{
    Record, RecordRef, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Mark, Page},
    words::{join, with_note},
};

choice! {
    /// What became of the dose.
    Given {
        /// It was given.
        Given = "given",
        /// It was given in part.
        GivenInPart = "given-in-part",
        /// The patient refused it.
        Refused = "refused",
        /// Staff did not give it.
        Withheld = "withheld",
    }
}

fields! {
    /// One dose.
    MedicationGiven {
        /// What became of it. Required.
        status: Option<Given>,
        /// The medicine's name. Required.
        medicine: Text,
        /// The strength of one unit.
        strength: Text,
        /// Its code, such as ATC `N02BE01`.
        code: Text,
        /// How much: "1 tablet", "500 ml in 30 minutes". Required when given.
        dose: Text,
        /// The way into the body. Required when given.
        route: Option<Route>,
        /// Where on the body.
        site: Text,
        /// The batch printed on the package.
        batch: Text,
        /// Why it was not, or only in part, given. Required then.
        reason: Text,
        /// The record of the prescription.
        prescription: Option<RecordRef>,
        /// When it ended, if it took a while: an infusion.
        ended: Option<When>,
    }
}

impl Kind for MedicationGiven {
    fn check(&self, c: &mut Checker) {
        c.chosen("status", self.status);
        c.required("medicine", &self.medicine, limits::NAME);
        c.line("strength", &self.strength, limits::CODE);
        c.line("code", &self.code, limits::CODE);
        if matches!(self.status, Some(Given::Given | Given::GivenInPart)) {
            c.required("dose", &self.dose, limits::LINE);
            c.chosen("route", self.route);
        } else {
            c.line("dose", &self.dose, limits::LINE);
        }
        c.line("site", &self.site, limits::NAME);
        c.line("batch", &self.batch, limits::CODE);
        if matches!(self.status, Some(Given::GivenInPart | Given::Refused | Given::Withheld)) {
            c.required("reason", &self.reason, limits::LINE);
        } else {
            c.line("reason", &self.reason, limits::LINE);
        }
    }

    fn summary(&self) -> String {
        let status = self.status.filter(|&s| s != Given::Given).map(|s| s.words().to_uppercase());
        let dose = join(", ", &[&join(" ", &[&self.medicine, &self.strength]), &self.dose]);
        join(": ", &[&status.unwrap_or_default(), &dose])
    }

    fn tells_outcome(&self) -> bool {
        self.status.is_some_and(|status| status != Given::Given)
    }

    fn page(&self, _: &Record, page: &mut Page) {
        match self.status {
            Some(Given::Given) | None => {}
            Some(status) => {
                let told = join(": ", &[&status.words().to_uppercase(), &self.reason]);
                page.state(Mark::Warning, told);
            }
        }
        let medicine = join(" ", &[&with_note(&self.medicine, &self.code), &self.strength]);
        page.marked_field("Medicine", medicine, Mark::Strong);
        page.field("Dose", &self.dose);
        page.field_of("Route", self.route);
        page.field("Site", &self.site);
        match self.status {
            Some(Given::Given) => page.field("Reason", &self.reason),
            Some(_) => {}
            None => page.field("Given", "not said whether it was"),
        }
        page.field("Batch", &self.batch);
        page.field_of("Prescription", self.prescription);
    }

    fn when(&self, occurred: &When) -> String {
        occurred.until(self.ended.as_ref())
    }
}

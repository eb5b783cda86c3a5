//! A dose that was given, refused or withheld: the medication chart's line.

use super::Route;
use crate::{
    RecordRef, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    lines::{Lines, join, with_note},
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
        let status = self.status.filter(|&s| s != Given::Given).map(|s| s.words()).unwrap_or_default();
        join(", ", &[&join(" ", &[&self.medicine, &self.strength]), &self.dose, &status])
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add_some("Status", self.status);
        lines.add("Medicine", join(" ", &[&with_note(&self.medicine, &self.code), &self.strength]));
        lines.add("Dose", &self.dose);
        lines.add_some("Route", self.route);
        lines.add("Site", &self.site);
        lines.add("Batch", &self.batch);
        lines.add("Reason", &self.reason);
        lines.add_some("Ended", self.ended.as_ref());
        lines.add_some("Prescription", self.prescription);
    }
}

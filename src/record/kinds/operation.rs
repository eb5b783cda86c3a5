//! A surgical operation: what was done, by whom, what was found.

use super::{Side, TeamMember};
use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    page::{Mark, Page},
    words::{join, with_note},
};

fields! {
    /// An operation.
    Operation {
        /// What was done. Required.
        procedure: Text,
        /// Its code.
        code: Text,
        /// The side of the body. Required: "not applicable" is an answer.
        side: Option<Side>,
        /// Why. Required.
        indication: Text,
        /// When it began.
        started: Option<When>,
        /// When it ended.
        ended: Option<When>,
        /// Who took part besides the practitioner of the record.
        team: Vec<TeamMember>,
        /// The anaesthesia.
        anaesthesia: Text,
        /// What was found and done: several lines. Required.
        report: Text,
        /// Complications: several lines; "none" is worth writing.
        complications: Text,
        /// Implants with their numbers: several lines.
        implants: Text,
        /// What sort of procedure: "surgical procedure".
        category: Text,
        /// Where on the body.
        site: Text,
        /// What came of it: "successful".
        outcome: Text,
    }
}

impl Kind for Operation {
    fn check(&self, c: &mut Checker) {
        c.required("procedure", &self.procedure, limits::LINE);
        c.line("code", &self.code, limits::CODE);
        c.chosen("side", self.side);
        c.required("indication", &self.indication, limits::LINE);
        c.in_order("ended", self.started.as_ref(), self.ended.as_ref());
        c.each("team", &self.team, |c, member| member.check(c));
        c.line("anaesthesia", &self.anaesthesia, limits::LINE);
        c.must(!self.report.is_empty(), "report", "fill this in");
        c.prose("report", &self.report);
        c.prose("complications", &self.complications);
        c.prose("implants", &self.implants);
        c.line("category", &self.category, limits::NAME);
        c.line("site", &self.site, limits::LINE);
        c.line("outcome", &self.outcome, limits::LINE);
    }

    fn summary(&self) -> String {
        join(", ", &[&self.procedure, &self.side_words()])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        page.marked_field("Procedure", with_note(&self.procedure, &self.code), Mark::Strong);
        page.marked_field("Side", self.side_words().to_uppercase(), Mark::Strong);
        page.field("Site", &self.site);
        page.field("Category", &self.category);
        page.field("Indication", &self.indication);
        page.field("Anaesthesia", &self.anaesthesia);
        page.field("Outcome", &self.outcome);
        page.prose("Complications", &self.complications);
        page.prose("Implants", &self.implants);
        page.prose("Report", &self.report);
        TeamMember::table(&self.team, page);
    }

    fn when(&self, occurred: &When) -> String {
        self.started.as_ref().unwrap_or(occurred).until(self.ended.as_ref())
    }
}

impl Operation {
    fn side_words(&self) -> String {
        self.side.filter(|&side| side != Side::NotApplicable).map(|side| side.words()).unwrap_or_default()
    }
}

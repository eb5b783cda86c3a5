//! A surgical operation: what was done, by whom, what was found.

use super::{Side, TeamMember};
use crate::{
    Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    lines::{Lines, join},
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

    fn lines(&self, lines: &mut Lines) {
        lines.add("Procedure", join(" ", &[&self.procedure, &self.code]));
        lines.add("Category", &self.category);
        lines.add("Site", &self.site);
        lines.add("Side", self.side_words());
        lines.add("Indication", &self.indication);
        lines.add_some("Started", self.started.as_ref());
        lines.add_some("Ended", self.ended.as_ref());
        lines.add_each("Team", &self.team, TeamMember::words);
        lines.add("Anaesthesia", &self.anaesthesia);
        lines.add("Report", &self.report);
        lines.add("Outcome", &self.outcome);
        lines.add("Complications", &self.complications);
        lines.add("Implants", &self.implants);
    }
}

impl Operation {
    fn side_words(&self) -> String {
        self.side.filter(|&side| side != Side::NotApplicable).map(|side| side.words()).unwrap_or_default()
    }
}

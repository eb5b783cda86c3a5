//! A laboratory result: measured values with their units and reference ranges.

use crate::{
    Decimal, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    lines::{Lines, join},
};
use std::cmp::Ordering;

choice! {
    /// How final the result is.
    ResultStatus {
        /// More is to come, or it is to be confirmed.
        Preliminary = "preliminary",
        /// Complete and confirmed.
        Final = "final",
    }
}

choice! {
    /// The laboratory's mark on a value.
    Flag {
        /// Within the range.
        Normal = "normal",
        /// Below it.
        Low = "low",
        /// Above it.
        High = "high",
        /// Remarkable otherwise.
        Abnormal = "abnormal",
        /// Must be acted upon at once.
        Critical = "critical",
    }
}

fields! {
    /// The results of one specimen.
    LaboratoryResult {
        /// How final it is. Required.
        status: Option<ResultStatus>,
        /// What was examined: "venous blood". Required.
        specimen: Text,
        /// When the specimen was taken.
        collected: Option<When>,
        /// The panel: "full blood count".
        panel: Text,
        /// The values, one at least.
        measurements: Vec<Measurement>,
        /// The laboratory's comment: several lines.
        comment: Text,
        /// What sort of result: "laboratory", "vital signs", "survey".
        category: Text,
        /// What the values mean, in the words of who reported them: several lines.
        conclusion: Text,
    }
}

fields! {
    /// One value.
    Measurement {
        /// What was measured. Required.
        test: Text,
        /// Its code, such as LOINC `718-7`.
        code: Text,
        /// The value as reported: "13.2", "< 0.5", "positive". Required.
        value: Text,
        /// The unit, such as UCUM `g/dL`.
        unit: Text,
        /// The lower end of the reference range.
        low: Option<Decimal>,
        /// The upper end.
        high: Option<Decimal>,
        /// The laboratory's mark.
        flag: Option<Flag>,
        /// The reference range in words, where it is not two numbers.
        range: Text,
        /// When it was measured, if not with the others.
        taken: Option<When>,
        /// How it was measured.
        method: Text,
        /// A remark on this value.
        note: Text,
    }
}

impl Measurement {
    fn check(&self, c: &mut Checker) {
        c.required("test", &self.test, limits::NAME);
        c.line("code", &self.code, limits::CODE);
        c.required("value", &self.value, limits::LINE);
        c.line("unit", &self.unit, limits::CODE);
        if let (Some(low), Some(high)) = (self.low, self.high) {
            c.must(low.compare(high) != Ordering::Greater, "high", "put the upper end above the lower end");
        }
        c.line("range", &self.range, limits::LINE);
        c.line("method", &self.method, limits::LINE);
        c.line("note", &self.note, limits::LINE);
    }

    /// The reference range: "12.0 to 15.5", "from 12.0", or its words; empty when there is none.
    pub fn range_words(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("from {low}"),
            (None, Some(high)) => format!("up to {high}"),
            (None, None) => self.range.to_string(),
        }
    }

    fn words(&self) -> String {
        let range = self.range_words();
        let range = if range.is_empty() { range } else { format!("(range {range})") };
        let taken = self.taken.as_ref().map(|at| format!("at {at}")).unwrap_or_default();
        let flag = self.flag.filter(|&f| f != Flag::Normal).map(|f| f.words()).unwrap_or_default();
        let value = join(" ", &[&self.test, &self.value, &self.unit, &range, &flag, &taken]);
        join(", ", &[&value, &self.method, &self.note])
    }
}

impl Kind for LaboratoryResult {
    fn check(&self, c: &mut Checker) {
        c.chosen("status", self.status);
        c.required("specimen", &self.specimen, limits::NAME);
        c.line("panel", &self.panel, limits::NAME);
        c.must(!self.measurements.is_empty(), "measurements", "add at least one value");
        c.each("measurements", &self.measurements, |c, measurement| measurement.check(c));
        c.prose("comment", &self.comment);
        c.line("category", &self.category, limits::NAME);
        c.prose("conclusion", &self.conclusion);
    }

    fn summary(&self) -> String {
        let status = match self.status {
            Some(ResultStatus::Preliminary) => "preliminary",
            _ => "",
        };
        if let [only] = self.measurements.as_slice() {
            return join(", ", &[&only.words(), status]);
        }
        let marked = |m: &&Measurement| m.flag.is_some_and(|flag| flag != Flag::Normal);
        let marks = match self.measurements.iter().filter(marked).count() {
            0 => String::new(),
            n => format!("{n} of {} outside the range", self.measurements.len()),
        };
        let named = [&self.panel, &self.specimen, &self.category].into_iter().find(|name| !name.is_empty());
        let what = named.map_or("", Text::as_str);
        join(", ", &[what, status, &marks])
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add_some("Status", self.status);
        lines.add("Specimen", &self.specimen);
        lines.add_some("Collected", self.collected.as_ref());
        lines.add("Category", &self.category);
        lines.add("Panel", &self.panel);
        lines.add_each("Value", &self.measurements, Measurement::words);
        lines.add("Conclusion", &self.conclusion);
        lines.add("Comment", &self.comment);
    }
}

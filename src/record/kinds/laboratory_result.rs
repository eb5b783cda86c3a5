//! A laboratory result: measured values with their units and reference ranges.

use crate::{
    Decimal, Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Cell, Mark, Page, Role, Table},
    words::{count, join},
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

    /// Its mark, if it is remarkable: the laboratory's, else what the reference range says of a plain number.
    pub fn remarkable(&self) -> Option<Flag> {
        self.flag.filter(|&flag| flag != Flag::Normal).or_else(|| self.by_range())
    }

    /// Where a plain number lies outside the range.
    fn by_range(&self) -> Option<Flag> {
        let value: Decimal = self.value.parse().ok()?;
        let below = self.low.is_some_and(|low| value.compare(low) == Ordering::Less);
        let above = self.high.is_some_and(|high| value.compare(high) == Ordering::Greater);
        below.then_some(Flag::Low).or(above.then_some(Flag::High))
    }

    /// The mark in capitals, with a star where the laboratory did not set it.
    fn mark_cell(&self) -> Cell {
        let Some(flag) = self.remarkable() else { return Cell::default() };
        let mark = if flag == Flag::Critical { Mark::Alarm } else { Mark::Warning };
        let star = if self.is_marked_here() { "*" } else { "" };
        Cell::from(format!("{}{star}", flag.words().to_uppercase())).marked(mark)
    }

    /// Whether the mark is this page's and not the laboratory's.
    fn is_marked_here(&self) -> bool {
        self.flag.is_none_or(|flag| flag == Flag::Normal) && self.by_range().is_some()
    }

    fn words(&self) -> String {
        let range = self.range_words();
        let range = if range.is_empty() { range } else { format!("(range {range})") };
        let mark = self.mark_cell().text;
        let value = join(" ", &[&self.test, &mark, &self.value, &self.unit, &range]);
        join(", ", &[&value, &self.note])
    }
}

/// "potassium CRITICAL", "oxygen saturation LOW 8 times".
fn times_words((name, times): (String, usize)) -> String {
    if times == 1 { name } else { format!("{name} {times} times") }
}

/// Tests that a sentence names before it counts the rest.
const NAMED: usize = 5;

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
        let marks = match self.measurements.iter().filter(|m| m.remarkable().is_some()).count() {
            0 => String::new(),
            n => format!("{n} of {} remarkable", self.measurements.len()),
        };
        let named = [&self.panel, &self.specimen, &self.category].into_iter().find(|name| !name.is_empty());
        let what = named.map_or("", Text::as_str);
        let values = if what.is_empty() { count(self.measurements.len(), "value") } else { String::new() };
        join(", ", &[what, &values, status, &marks])
    }

    fn page(&self, record: &Record, page: &mut Page) {
        if self.status == Some(ResultStatus::Preliminary) {
            page.state(Mark::Warning, "PRELIMINARY: more is to come, or it is to be confirmed.");
        }
        self.state_remarkable(page);
        page.field("Panel", &self.panel);
        page.field("Specimen", &self.specimen);
        page.field_of(
            "Collected",
            self.collected.as_ref().filter(|at| **at != record.occurred).map(When::words),
        );
        page.field("Category", &self.category);
        page.field_of("Method", self.common_method());
        page.prose("Conclusion", &self.conclusion);
        page.prose("Comment", &self.comment);
        page.section("");
        page.table(self.table(record));
        if self.measurements.iter().any(Measurement::is_marked_here) {
            page.field("*", "outside the reference range; the laboratory did not mark it");
        }
    }
}

impl LaboratoryResult {
    /// Names what is remarkable before the table, which may be long.
    fn state_remarkable(&self, page: &mut Page) {
        let remarkable = || self.measurements.iter().filter(|m| m.remarkable().is_some());
        let number = remarkable().count();
        if number == 0 {
            return;
        }
        let named = |m: &Measurement| join(" ", &[&m.test, &m.mark_cell().text]);
        let worst = remarkable().filter(|m| m.flag == Some(Flag::Critical));
        let others = remarkable().filter(|m| m.flag != Some(Flag::Critical));
        // A series of one value would name the same again and again.
        let mut counted: Vec<(String, usize)> = Vec::new();
        for name in worst.chain(others).map(named) {
            match counted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, times)) => *times += 1,
                None => counted.push((name, 1)),
            }
        }
        let more: usize = counted.iter().skip(NAMED).map(|(_, times)| times).sum();
        let mut names: Vec<String> = counted.into_iter().take(NAMED).map(times_words).collect();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let critical = remarkable().any(|m| m.flag == Some(Flag::Critical));
        page.state(
            if critical { Mark::Alarm } else { Mark::Warning },
            format!("{number} of {} remarkable: {}", self.measurements.len(), names.join(", ")),
        );
    }

    /// How everything was measured, where it was all measured alike.
    fn common_method(&self) -> Option<&Text> {
        let [first, others @ ..] = self.measurements.as_slice() else { return None };
        let alike = !others.is_empty() && others.iter().all(|m| m.method == first.method);
        alike.then_some(&first.method)
    }

    fn table(&self, record: &Record) -> Table {
        let mut table = Table::new([
            ("Test", Role::Words),
            ("Value", Role::Number),
            ("Unit", Role::Words),
            ("Mark", Role::Words),
            ("Range", Role::Words),
            ("Taken", Role::Words),
            ("Code", Role::Detail),
        ]);
        let usual = self.collected.as_ref().unwrap_or(&record.occurred);
        let alike = self.common_method().is_some();
        for m in &self.measurements {
            let taken = m.taken.as_ref().filter(|at| *at != usual && **at != record.occurred);
            let cells = [
                Cell::or(&m.test, "not named"),
                Cell::or(&m.value, "not given"),
                Cell::from(&m.unit),
                m.mark_cell(),
                m.range_words().into(),
                Cell::of(taken.map(|at| at.words_beside(usual))),
                Cell::from(&m.code),
            ];
            let method = if alike { "" } else { m.method.as_str() };
            table.row(cells, join("; ", &[method, &m.note]));
        }
        table
    }
}

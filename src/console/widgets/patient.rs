//! The lines on a patient that never leave while the patient is open: who, allergies, which branches are missing.
//!
//! It must not make anything sound safer than it is: what could not be asked or opened is said in every line.

use super::canvas::{Canvas, indent, row};
use crate::{theme::Tone, when::clock_time};
use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use wardline_client::{AnswerState, BranchAnswer, History, Wholeness};
use wardline_policy::RecordKind;
use wardline_record::{Allergy, Body, Finding, Identity, Severity};

/// Lines that [`draw`] takes.
pub const LINES: u16 = 3;

/// What is known about allergies, from the records that could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allergies {
    /// What the patient reacts to, the worst first, each once.
    pub present: Vec<(Option<Severity>, String)>,
    /// Whether a record says that none is known (and nothing says otherwise).
    pub none_known: bool,
    /// Allergy records that could not be opened.
    pub closed: usize,
    /// Whether records may be missing.
    pub incomplete: bool,
}

impl Allergies {
    /// Reads them out of a history.
    pub fn of(history: &History) -> Self {
        let rows = history.rows.iter().filter(|row| row.kind.is_none_or(|kind| kind == RecordKind::Allergy));
        let mut found = Self {
            present: Vec::new(),
            none_known: false,
            closed: 0,
            incomplete: !matches!(history.whole, Wholeness::Proven { .. }),
        };
        for row in rows {
            match row.opened.as_ref().map(|record| &record.body) {
                Some(Body::Allergy(allergy)) => found.add(allergy),
                Some(_) => {}
                None => found.closed += 1,
            }
        }
        // A severity that nobody wrote down may be the worst: it stands before the mild ones.
        found.present.sort_by_key(|(severity, _)| match severity {
            Some(Severity::Severe) => 0,
            None => 1,
            Some(Severity::Moderate) => 2,
            Some(Severity::Mild) => 3,
        });
        found
    }

    fn add(&mut self, allergy: &Allergy) {
        match allergy.finding {
            Some(Finding::NoneKnown) => self.none_known = true,
            Some(Finding::NotAsked) => {}
            Some(Finding::Present) | None => {
                let entry = (allergy.severity, allergy.substance.to_string());
                if !self.present.contains(&entry) {
                    self.present.push(entry);
                }
            }
        }
    }

    /// The line, and how it is meant.
    pub fn line(&self) -> (String, Tone) {
        let (mut text, mut tone) = match (self.present.as_slice(), self.none_known) {
            ([], false) => ("not recorded".to_owned(), Tone::Warning),
            ([], true) => ("none known".to_owned(), Tone::Good),
            (present, _) => (in_a_line(present), Tone::Bad),
        };
        if self.closed > 0 {
            text.push_str(&format!("; {} more cannot be opened", self.closed));
        }
        if self.incomplete {
            text.push_str("; records may be missing");
        }
        if (self.closed > 0 || self.incomplete) && tone == Tone::Good {
            tone = Tone::Warning;
        }
        (text, tone)
    }
}

/// "2 known: penicillin (severe), latex (mild)": the number first, so that a line that is cut does not mislead.
fn in_a_line(present: &[(Option<Severity>, String)]) -> String {
    let words = |(severity, substance): &(Option<Severity>, String)| match severity {
        Some(severity) => format!("{substance} ({})", severity.words()),
        None => substance.clone(),
    };
    let list = present.iter().map(words).collect::<Vec<_>>().join(", ");
    if present.len() > 1 { format!("{} known: {list}", present.len()) } else { list }
}

/// Said loudly instead of a name that nothing proves.
pub const NOT_PROVEN: &str = "IDENTITY NOT PROVEN";

/// Who the side chain proves the patient to be, when that is whom the search showed.
pub fn proven<'a>(history: &'a History, searched: &Identity) -> Option<&'a Identity> {
    history.identity.as_ref().filter(|identity| *identity == searched)
}

/// Draws the three lines. Without a history neither the name is proven nor the allergies fetched, and it says so.
pub fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    searched: &Identity,
    history: Option<&History>,
    now_s: u64,
    zone: &TimeZone,
) {
    let line = indent(row(area, 0), 1);
    match history.map(|history| proven(history, searched)) {
        Some(Some(identity)) => {
            let rest = canvas.write(line, &identity.name(), Tone::Strong);
            canvas.write(indent(rest, 2), &particulars(identity), Tone::Plain);
        }
        Some(None) => {
            let text = format!("{NOT_PROVEN}: the search showed {}, the chain does not", searched.name());
            canvas.write(line, &text, Tone::Bad);
        }
        None => {
            let rest = canvas.write(line, &searched.name(), Tone::Strong);
            let text = format!("not proven yet, {}", particulars(searched));
            canvas.write(indent(rest, 2), &text, Tone::Plain);
        }
    }

    let (text, tone) = match history {
        Some(history) => Allergies::of(history).line(),
        None => ("not fetched yet".to_owned(), Tone::Warning),
    };
    let rest = canvas.write(indent(row(area, 1), 1), "Allergies: ", Tone::Plain);
    canvas.write(rest, &text, tone);

    if let Some(history) = history {
        let (text, tone) = answers_line(&history.branches, now_s, zone);
        canvas.write(indent(row(area, 2), 1), &text, tone);
    }
}

/// "born 1980-02-03, female, North 00123".
pub fn particulars(identity: &Identity) -> String {
    let born = identity.birth_date.as_ref().map(|date| format!("born {date}"));
    let sex = identity.sex.map(|sex| sex.words());
    let numbers = numbers(identity);
    let parts = [born.unwrap_or_else(|| "birth date unknown".into()), sex.unwrap_or_default(), numbers];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// "North 00123, South 8831".
pub fn numbers(identity: &Identity) -> String {
    let numbers: Vec<_> = identity.mrns.iter().map(|mrn| format!("{} {}", mrn.system, mrn.value)).collect();
    numbers.join(", ")
}

/// "4 of 4 branches answered", or which did not and since when.
pub fn answers_line(branches: &[BranchAnswer], now_s: u64, zone: &TimeZone) -> (String, Tone) {
    let missing: Vec<String> = branches.iter().filter_map(|branch| missing(branch, now_s, zone)).collect();
    let answered = branches.iter().filter(|branch| branch.state == AnswerState::Answered).count();
    let count = format!("{answered} of {} branches answered", branches.len());
    if missing.is_empty() {
        (count, Tone::Good)
    } else {
        (format!("{count}. {}", missing.join(", ")), Tone::Warning)
    }
}

fn missing(branch: &BranchAnswer, now_s: u64, zone: &TimeZone) -> Option<String> {
    let what = match &branch.state {
        AnswerState::Answered if branch.withheld > 0 => {
            format!("withheld {} of {}", branch.withheld, branch.asked)
        }
        AnswerState::Answered => return None,
        AnswerState::Silent { since_s: Some(since_s) } => {
            format!("silent since {}", clock_time(*since_s, now_s, zone))
        }
        AnswerState::Silent { since_s: None } => "silent".to_owned(),
        AnswerState::Behind { reason } => format!("behind ({reason})"),
        AnswerState::Refused { reason } => format!("refused ({reason})"),
        AnswerState::Invalid { reason } => format!("INVALID ({reason})"),
    };
    Some(format!("{}: {what}", branch.name))
}

//! The lines on a patient that never leave while the patient is open: who, allergies, which branches are missing.
//!
//! It must not make anything sound safer than it is: what could not be asked or opened is said in every line.

use super::canvas::{Canvas, indent, row};
use crate::{theme::Tone, when::clock_time};
use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use wardline_client::{AnswerState, BranchAnswer, History, Wholeness};
use wardline_policy::RecordKind;
use wardline_record::{Allergy, AllergyCategory, Body, Finding, Identity, Severity};

/// Lines that [`draw`] takes.
pub const LINES: u16 = 3;

/// What is known about allergies, from the records that could be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allergies {
    /// What the patient reacts to, the worst first, each once.
    pub present: Vec<(Option<Severity>, String)>,
    /// What records say is none known: of everything, or of one sort.
    pub none_known: Vec<Option<AllergyCategory>>,
    /// Whether a record says that nobody asked.
    pub not_asked: bool,
    /// Records that their source took back or refuted.
    pub refuted: usize,
    /// Records that could not be opened and are, or may be, of allergies.
    pub closed: usize,
    /// Whether records may be missing.
    pub incomplete: bool,
}

impl Allergies {
    /// Reads them out of a history.
    pub fn of(history: &History) -> Self {
        let rows = history.rows.iter().filter(|row| row.kind.is_none_or(|kind| kind == RecordKind::Allergy));
        let mut found =
            Self { incomplete: !matches!(history.whole, Wholeness::Proven { .. }), ..Self::default() };
        for row in rows {
            match row.opened.as_ref().map(|record| (record, &record.body)) {
                Some((record, Body::Allergy(allergy))) if record.is_withdrawn() || allergy.is_refuted() => {
                    found.refuted += 1;
                }
                Some((_, Body::Allergy(allergy))) => found.add(allergy),
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
            Some(Finding::NoneKnown) => self.none_known.push(allergy.category),
            Some(Finding::NotAsked) => self.not_asked = true,
            Some(Finding::Present) | None => {
                let substance =
                    if allergy.substance.is_empty() { "not named" } else { allergy.substance.as_str() };
                let over =
                    if allergy.is_active() { String::new() } else { format!(" ({})", allergy.activity) };
                let entry = (allergy.severity, format!("{substance}{over}"));
                if !self.present.contains(&entry) {
                    self.present.push(entry);
                }
            }
        }
    }

    /// The line, and how it is meant. "Not recorded" and "none known" are said only when nothing could hide another
    /// answer: a reader acts on those words.
    pub fn line(&self) -> (String, Tone) {
        let mut unknown = Vec::new();
        match self.closed {
            0 => {}
            1 => unknown.push("1 record cannot be opened".to_owned()),
            more => unknown.push(format!("{more} records cannot be opened")),
        }
        if self.incomplete {
            unknown.push("records may be missing".to_owned());
        }
        match (self.present.as_slice(), unknown.as_slice()) {
            ([], []) => self.nothing_present(),
            ([], unknown) => (format!("UNKNOWN: {}", unknown.join("; ")), Tone::Bad),
            (present, _) => (self.in_a_line(present), Tone::Bad),
        }
    }

    /// Every record could be read, and none says that there is one: who was asked, and about what.
    fn nothing_present(&self) -> (String, Tone) {
        let refuted = match self.refuted {
            0 => String::new(),
            refuted => format!("; {refuted} refuted or withdrawn"),
        };
        let (text, tone) = match self.none_known.as_slice() {
            [] if self.not_asked => ("not asked".to_owned(), Tone::Warning),
            [] => ("not recorded".to_owned(), Tone::Warning),
            known if known.contains(&None) => ("none known".to_owned(), Tone::Good),
            known => {
                let sorts: BTreeSet<_> = known.iter().flatten().map(|sort| sort.words()).collect();
                let sorts = sorts.into_iter().collect::<Vec<_>>().join(", ");
                (format!("none known of {sorts}, others not recorded"), Tone::Warning)
            }
        };
        (format!("{text}{refuted}"), tone)
    }

    /// "penicillin (severe), and 1 that cannot be opened". Of several the numbers come first, so that a line that is
    /// cut does not mislead.
    fn in_a_line(&self, present: &[(Option<Severity>, String)]) -> String {
        let words = |(severity, substance): &(Option<Severity>, String)| match severity {
            Some(severity) => format!("{substance} ({})", severity.words()),
            None => substance.clone(),
        };
        let list = present.iter().map(words).collect::<Vec<_>>().join(", ");
        let several = present.len() > 1;
        let mut line = if several { format!("{} known", present.len()) } else { list.clone() };
        if self.closed > 0 {
            line.push_str(&format!(", and {} that cannot be opened", self.closed));
        }
        if self.incomplete {
            line.push_str("; records may be missing");
        }
        if several { format!("{line}: {list}") } else { line }
    }
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

/// "born 1980-02-03, female, North 00123"; that the patient died comes first.
pub fn particulars(identity: &Identity) -> String {
    let died = identity.died.as_ref().map(|died| format!("DIED {}", died.words()));
    let born = identity.birth_date.as_ref().map(|date| format!("born {date}"));
    let sex = identity.sex.map(|sex| sex.words());
    let numbers = numbers(identity);
    let born = born.unwrap_or_else(|| "birth date unknown".into());
    let parts = [died.unwrap_or_default(), born, sex.unwrap_or_default(), numbers];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// "North 00123, South 8831". Of a system that is named by a URL the last part, so that the number keeps its room.
pub fn numbers(identity: &Identity) -> String {
    let named = |system: &str| match system.split_once("://") {
        Some((_, rest)) => rest.trim_end_matches('/').rsplit('/').next().unwrap_or(rest).to_owned(),
        None => system.to_owned(),
    };
    let numbers: Vec<_> =
        identity.mrns.iter().map(|mrn| format!("{} {}", named(&mrn.system), mrn.value)).collect();
    numbers.join(", ")
}

/// Characters that the reasons share after the count, so that the line fits into 80 columns.
const REASONS: usize = 48;
/// Fewest characters of a reason that still say something.
const REASON_MIN: usize = 20;

/// "4 of 4 branches answered; North served altered records": who answered, then what is wrong, the worst first. An
/// answer that does not hold is an answer all the same. Long reasons are cut; the record page has them whole.
pub fn answers_line(branches: &[BranchAnswer], now_s: u64, zone: &TimeZone) -> (String, Tone) {
    let answered =
        branches.iter().filter(|branch| !matches!(branch.state, AnswerState::Silent { .. })).count();
    let mut line = format!("{answered} of {} branches answered", branches.len());
    let troubles = troubles(branches, now_s, zone);
    let room = (REASONS / troubles.len().max(1)).max(REASON_MIN);
    for trouble in &troubles {
        line.push_str("; ");
        line.push_str(&cut(trouble, room));
    }
    (line, if troubles.is_empty() { Tone::Good } else { Tone::Warning })
}

/// What is wrong with the branches' answers, in whole sentences, the worst first.
pub fn troubles(branches: &[BranchAnswer], now_s: u64, zone: &TimeZone) -> Vec<String> {
    let mut troubled: Vec<_> = branches
        .iter()
        .filter_map(|branch| Some((severity(&branch.state), trouble(branch, now_s, zone)?)))
        .collect();
    troubled.sort_by_key(|(severity, _)| *severity);
    troubled.into_iter().map(|(_, text)| text).collect()
}

const fn severity(state: &AnswerState) -> u8 {
    match state {
        AnswerState::Invalid { .. } => 0,
        AnswerState::Refused { .. } => 1,
        AnswerState::Silent { .. } => 2,
        AnswerState::Behind { .. } => 3,
        AnswerState::Answered => 4,
    }
}

fn trouble(branch: &BranchAnswer, now_s: u64, zone: &TimeZone) -> Option<String> {
    let name = &branch.name;
    Some(match &branch.state {
        AnswerState::Answered if branch.lacking > 0 => {
            let records = if branch.lacking == 1 { "record" } else { "records" };
            format!("{name} lacks {} {records} it should keep", branch.lacking)
        }
        AnswerState::Answered if branch.withheld > 0 => {
            format!("{name} withheld {} of {}", branch.withheld, branch.asked)
        }
        AnswerState::Answered => return None,
        AnswerState::Silent { since_s: Some(since_s) } => {
            format!("{name} SILENT since {}", clock_time(*since_s, now_s, zone))
        }
        AnswerState::Silent { since_s: None } => format!("{name} SILENT: did not answer in time"),
        AnswerState::Behind { reason } => format!("{name} behind: {reason}"),
        AnswerState::Refused { reason } => format!("{name} refused: {reason}"),
        AnswerState::Invalid { reason } => match reason.strip_prefix("it ") {
            Some(did) => format!("{name} {did}"),
            None => format!("{name} INVALID: {reason}"),
        },
    })
}

/// The beginning, up to the end of a word where there is one.
fn cut(text: &str, room: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(room) else { return text.to_owned() };
    let head = text.get(..end).unwrap_or(text);
    let word = head.rfind(' ').filter(|at| *at > head.len() / 2).unwrap_or(head.len());
    format!("{}\u{2026}", head.get(..word).unwrap_or(head).trim_end_matches([',', ':', ';', ' ']))
}

#[cfg(test)]
#[path = "patient/tests.rs"]
mod tests;

//! History: all records of a patient over all branches, newest first, each with what may be said of it.
//!
//! It must not show a list as whole, or a record as verified, unless the client proved it.

use crate::{
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Model, Pending, Screen},
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, row, wrap},
        patient,
        table::{Cell, Column, moved, page, table},
    },
};
use ratatui::layout::Rect;
use wardline_client::{Check, FinalLookup, History, Row, RowState, Wholeness};
use wardline_ledger::{PatientId, RecordId};
use wardline_policy::{Operation, RecordKind};
use wardline_record::{Identity, Record};

/// Lines under the list: the selected record in full.
const DETAIL_LINES: u16 = 3;

const COLUMNS: &[Column] = &[
    Column { title: "Date", min: 10, max: 10, right: false, drop: 0 },
    Column { title: "Branch", min: 6, max: 10, right: false, drop: 2 },
    Column { title: "Kind", min: 6, max: 12, right: false, drop: 1 },
    Column { title: "Doctor", min: 6, max: 13, right: false, drop: 3 },
    Column { title: "Summary", min: 12, max: u16::MAX, right: false, drop: 4 },
    Column { title: "State", min: 8, max: 11, right: false, drop: 0 },
];

/// The screen's state, for one patient.
#[derive(Debug)]
pub struct HistoryScreen {
    /// The patient.
    pub patient: PatientId,
    /// Who that is, as the search opened it; drawn as the patient's only where the history proves it.
    pub identity: Identity,
    /// The lookup under which everything is asked.
    pub lookup: FinalLookup,
    /// What came back last.
    pub history: Option<History>,
    /// The branches are being asked.
    pub pending: Option<Pending>,
    /// Why the last question failed.
    pub error: Option<String>,
    /// The selected row.
    pub selected: usize,
    /// The record to select when the next answer has it: one that was just sent.
    pub awaited: Option<RecordId>,
}

impl HistoryScreen {
    /// The rows, none before the first answer.
    pub fn rows(&self) -> &[Row] {
        self.history.as_ref().map_or(&[], |history| &history.rows)
    }

    /// Who the patient is proven to be.
    ///
    /// # Errors
    /// Why nothing may be written for the patient.
    pub fn proven(&self) -> Result<&Identity, String> {
        let history = self.history.as_ref().ok_or("Wait: who this patient is is not proven yet.")?;
        patient::proven(history, &self.identity).ok_or_else(|| {
            format!(
                "{}: the side chain does not hold the identity that the search showed. Search again before you \
                 write anything.",
                patient::NOT_PROVEN
            )
        })
    }
}

/// Opens a patient's history after the lookup became final.
pub fn open(model: &mut Model, patient: PatientId, identity: Identity, lookup: FinalLookup) -> Vec<Effect> {
    model.screen = Screen::History;
    model.history = Some(HistoryScreen {
        patient,
        identity,
        lookup,
        history: None,
        pending: None,
        error: None,
        selected: 0,
        awaited: None,
    });
    fetch(model)
}

/// Asks every branch, unless they are being asked already.
pub fn fetch(model: &mut Model) -> Vec<Effect> {
    let pending = model.pending();
    match &mut model.history {
        Some(screen) if screen.pending.is_none() => {
            screen.pending = Some(pending);
            let Pending { ticket, .. } = pending;
            vec![Effect::FetchHistory { ticket, patient: screen.patient, lookup: screen.lookup }]
        }
        _ => Vec::new(),
    }
}

/// Asks again because there is a new record, whatever is being asked already, and selects that record.
pub fn fetch_new(model: &mut Model, record: Option<RecordId>) -> Vec<Effect> {
    let Some(screen) = &mut model.history else { return Vec::new() };
    screen.awaited = record;
    let before = screen.pending.take().map(|pending| Effect::Cancel(pending.ticket));
    before.into_iter().chain(fetch(model)).collect()
}

/// The branches answered.
pub fn fetched(model: &mut Model, ticket: Ticket, outcome: Outcome<Box<History>>) {
    let Some(screen) = &mut model.history else { return };
    if screen.pending.is_none_or(|pending| pending.ticket != ticket) {
        return;
    }
    screen.pending = None;
    match outcome {
        Ok(history) => {
            // The person keeps looking at the same record when the list grows.
            let looking_at = screen.rows().get(screen.selected).map(|row| row.record);
            let awaited = screen.awaited.take().filter(|_| model.screen == Screen::History);
            let position = |id: Option<RecordId>| history.rows.iter().position(|row| Some(row.record) == id);
            screen.selected = position(awaited).or_else(|| position(looking_at)).unwrap_or(0);
            if model.screen == Screen::Record
                && looking_at.is_some_and(|id| history.rows.iter().all(|row| row.record != id))
            {
                model.screen = Screen::History;
            }
            screen.error = None;
            screen.history = Some(*history);
            model.record.forget();
        }
        Err(why) => {
            screen.error = Some(why.clone());
            model.say(Tone::Bad, why);
        }
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(screen) = &mut model.history else { return Vec::new() };
    let rows = page(list_area(screen, crate::draw::body_of(model.size, &model.alarms)), 0).1;
    let rows = isize::try_from(rows).unwrap_or(1);
    let by = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -rows,
        Action::PageDown => rows,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        Action::Accept => {
            if !screen.rows().is_empty() {
                model.screen = Screen::Record;
                model.record.scroll = 0;
            }
            return Vec::new();
        }
        Action::FetchAgain => return fetch(model),
        Action::NewVisit => return new_visit(model),
        Action::Back => return back(model),
        _ => return Vec::new(),
    };
    screen.selected = moved(screen.selected, screen.rows().len(), by);
    Vec::new()
}

/// Esc stops the question, else leaves the patient.
fn back(model: &mut Model) -> Vec<Effect> {
    let pending = model.history.as_mut().and_then(|screen| screen.pending.take());
    match pending {
        Some(pending) if model.history.as_ref().is_some_and(|screen| screen.history.is_some()) => {
            vec![Effect::Cancel(pending.ticket)]
        }
        pending => {
            model.history = None;
            model.screen = Screen::Patients;
            pending.map(|pending| Effect::Cancel(pending.ticket)).into_iter().collect()
        }
    }
}

fn new_visit(model: &mut Model) -> Vec<Effect> {
    for operation in [Operation::SubmitStorage, Operation::SubmitLink, Operation::KeepRecord] {
        if let Some(why) = model.refusal(operation) {
            model.say(Tone::Warning, format!("You cannot write records: {why}."));
            return Vec::new();
        }
    }
    if let Some(Err(why)) = model.history.as_ref().map(HistoryScreen::proven) {
        model.say(Tone::Bad, why);
        return Vec::new();
    }
    super::entry::open(model);
    Vec::new()
}

/// A low screen keeps its lines for the list.
const fn detail_lines(list: Rect) -> u16 {
    if list.height >= 9 { DETAIL_LINES } else { 0 }
}

fn list_area(screen: &HistoryScreen, area: Rect) -> Rect {
    let status = u16::try_from(status(screen, (area.width, area.height)).0.len()).unwrap_or(1);
    let area = below(area, patient::LINES + status);
    indent(Rect { height: area.height.saturating_sub(detail_lines(area)), ..area }, 1)
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(screen) = &model.history else { return };
    patient::draw(canvas, area, &screen.identity, screen.history.as_ref(), model.now_s, &model.zone);
    draw_status(model, screen, canvas, area);
    let Some(history) = &screen.history else {
        canvas.set_cursor(area.x + 1, area.y + patient::LINES);
        return;
    };
    if history.rows.is_empty() {
        canvas.write(row(list_area(screen, area), 1), "No records.", Tone::Plain);
    }
    table(canvas, list_area(screen, area), COLUMNS, history.rows.len(), Some(screen.selected), |index| {
        history.rows.get(index).map_or_else(Vec::new, cells)
    });
    let list = list_area(screen, area);
    let detail = below(area, list.bottom().saturating_sub(area.y));
    canvas.rule(row(detail, 0));
    if let Some(selected) = history.rows.get(screen.selected) {
        draw_detail(canvas, indent(below(detail, 1), 1), selected, screen.selected, history.rows.len());
    }
}

/// Columns that the spinner has beside the status.
const SPINNER: u16 = 18;

/// Whether this is all there is, with the numbers, or why nobody can say: at most two lines.
fn status(screen: &HistoryScreen, (columns, rows): (u16, u16)) -> (Vec<String>, Tone) {
    let (text, tone) = match (&screen.history, &screen.error) {
        (_, Some(_)) => ("The last question failed; what is shown is what came before it.".into(), Tone::Bad),
        (None, None) => ("Asking every branch for this patient's records.".into(), Tone::Plain),
        (Some(history), None) => wholeness(history),
    };
    let mut lines =
        wrap(&text, columns.saturating_sub(2 + if screen.pending.is_some() { SPINNER } else { 0 }));
    lines.truncate(if rows >= 12 { 2 } else { 1 });
    (lines, tone)
}

fn draw_status(model: &Model, screen: &HistoryScreen, canvas: &mut Canvas<'_>, area: Rect) {
    let (lines, tone) = status(screen, (area.width, area.height));
    let area = indent(below(area, patient::LINES), 1);
    for (at, text) in lines.iter().enumerate() {
        canvas.write(row(area, u16::try_from(at).unwrap_or(0)), text, tone);
    }
    if let Some(pending) = screen.pending {
        canvas.write_right(row(area, 0), &format!("fetching {} ", model.spinner(pending)), Tone::Plain);
    }
}

/// The line on wholeness.
pub fn wholeness(history: &History) -> (String, Tone) {
    let (count, links) = (history.rows.len(), history.total_links);
    match &history.whole {
        Wholeness::Proven { side_height } => {
            let records = if links == 1 { "1 record" } else { &format!("{links} records") };
            (format!("PROVEN WHOLE: {records} at side chain height {side_height}"), Tone::Good)
        }
        Wholeness::NotProven { reason } => {
            (format!("NOT PROVEN WHOLE, {count} of {links} shown: {reason}"), Tone::Warning)
        }
    }
}

fn cells(row: &Row) -> Vec<Cell> {
    let record = row.opened.as_ref();
    let date = record.map_or_else(|| "-".into(), |record| day(record.occurred.as_str()));
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let doctor = or_dash(record.map_or("", |record| &record.practitioner.name));
    let summary = record.map_or_else(String::new, Record::summary);
    let known = record.is_none_or(Record::is_place_known);
    let branch = if known { or_dash(&row.branch_name) } else { "unknown".into() };
    let kind = row.kind.map_or("-", kind_word).to_owned();
    let mut cells: Vec<Cell> = [date, branch, kind, doctor].map(|text| (text, Tone::Plain)).into();
    let withdrawn = record.is_some_and(Record::is_withdrawn);
    cells.push((summary, if withdrawn { Tone::Bad } else { Tone::Plain }));
    cells.push((row.word().into(), row_tone(row)));
    cells
}

/// The day of a date or moment.
fn day(when: &str) -> String {
    when.chars().take(10).collect()
}

/// A word for the kind that fits into a column of twelve.
pub fn kind_word(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Visit => "visit",
        RecordKind::HospitalStay => "stay",
        RecordKind::Prescription => "prescription",
        RecordKind::MedicationGiven => "dose given",
        RecordKind::LaboratoryResult => "lab result",
        RecordKind::ImagingReport => "imaging",
        RecordKind::Allergy => "allergy",
        RecordKind::Condition => "condition",
        RecordKind::FamilyHistory => "family",
        RecordKind::Immunization => "immunization",
        RecordKind::Operation => "operation",
        RecordKind::Receipt => "receipt",
    }
}

/// How a state is meant.
fn tone(state: RowState) -> Tone {
    match state {
        RowState::Verified => Tone::Good,
        RowState::Withheld | RowState::NotAgreed | RowState::Unreachable => Tone::Warning,
        RowState::Altered | RowState::Lost | RowState::Damaged | RowState::Mismatch => Tone::Bad,
    }
}

/// How a record's one word is meant.
pub fn row_tone(row: &Row) -> Tone {
    match row.state {
        RowState::Verified if !row.is_verified() => Tone::Warning,
        state => tone(state),
    }
}

/// What a record's one word means for the reader.
pub fn row_meaning(row: &Row) -> &'static str {
    match (row.state, &row.verdict.history) {
        (RowState::Verified, _) if row.is_verified() => meaning(row.state),
        (RowState::Verified, Check::Fails(_)) => "it is as agreed, its list is not proven whole",
        (RowState::Verified, _) => "not every check of it was made",
        (state, _) => meaning(state),
    }
}

/// What a state means for the reader.
fn meaning(state: RowState) -> &'static str {
    match state {
        RowState::Verified => "agreed on the main chain, unchanged",
        RowState::Altered => "a branch gave other bytes than the agreed ones",
        RowState::Withheld => "the branches refuse its key",
        RowState::NotAgreed => "not on the main chain yet",
        RowState::Unreachable => "no branch that answers has it with a key",
        RowState::Lost => "every branch answers that it does not have it",
        RowState::Damaged => "agreed and kept, and it does not open",
        RowState::Mismatch => "the two chains disagree on it",
    }
}

fn draw_detail(canvas: &mut Canvas<'_>, area: Rect, selected: &Row, at: usize, count: usize) {
    let position = format!("{} of {count} ", at + 1);
    let line = canvas.write_right(row(area, 0), &position, Tone::Quiet);
    let summary = selected.opened.as_ref().map_or_else(String::new, |record| in_full(record, selected));
    let mut texts = Vec::new();
    if !selected.is_verified() {
        texts.push(format!("{}: {}", selected.word(), row_meaning(selected)));
    }
    texts.extend(selected.notes.iter().cloned());
    let text = texts.join(". ");
    let tone = row_tone(selected);
    if summary.is_empty() {
        let lines = wrap(&text, line.width);
        canvas.write(line, lines.first().map_or("", String::as_str), tone);
        canvas.write(row(area, 1), lines.get(1).map_or("", String::as_str), tone);
    } else {
        let lines = wrap(&summary, line.width);
        canvas.write(line, lines.first().map_or("", String::as_str), Tone::Plain);
        let second = if text.is_empty() { lines.get(1).map_or("", String::as_str) } else { &text };
        canvas.write(row(area, 1), second, if text.is_empty() { Tone::Plain } else { tone });
    }
}

/// "Dr. Okafor: control, hypertension"; of a record without a place, who keeps it.
fn in_full(record: &Record, selected: &Row) -> String {
    let who = [record.practitioner.name.as_str(), ": "].concat();
    let who = if record.practitioner.name.is_empty() { "" } else { &who };
    let kept = if record.is_place_known() {
        String::new()
    } else {
        format!(" (place not known, kept at {})", selected.branch_name)
    };
    format!("{who}{}{kept}", record.summary())
}

//! Patients: type a name, a number or a birth date; every trusted branch is asked; choose who is meant.

use crate::{
    dialogs::lookup::Lookup,
    effects::Effect,
    keymap::Place,
    message::{Action, Edit, Outcome, Ticket},
    model::{Dialog, Model, Pending, Screen},
    theme::Tone,
    widgets::{
        canvas::{Canvas, below, indent, left, row, width},
        field::TextField,
        patient::{answers_line, numbers, particulars},
        table::{Column, moved, page, table},
    },
};
use ratatui::layout::Rect;
use wardline_client::{Candidate, SearchOutcome};
use wardline_policy::Operation;
use wardline_record::query_terms;

/// Most characters of a search.
const QUERY_MAX: usize = 120;
/// Columns of the search field.
const FIELD: u16 = 40;
/// Columns beside the field on a low screen.
const LOW_BESIDE: u16 = 14;
/// Lines above the list.
const HEAD_LINES: u16 = 5;
/// The same on a low screen.
const LOW_HEAD_LINES: u16 = 2;
/// Lines below the list: who is selected, in full.
const FOOT_LINES: u16 = 3;

const COLUMNS: &[Column] = &[
    Column { title: "Name", min: 12, max: u16::MAX, right: false, drop: 0 },
    Column { title: "Born", min: 10, max: 10, right: false, drop: 0 },
    Column { title: "Sex", min: 6, max: 7, right: false, drop: 1 },
    Column { title: "MRN", min: 10, max: 38, right: false, drop: 2 },
];

/// Which part takes the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The search field.
    #[default]
    Field,
    /// The list.
    List,
}

/// The screen's state.
#[derive(Debug)]
pub struct Patients {
    /// What is typed.
    pub query: TextField,
    /// Which part takes the keys.
    pub focus: Focus,
    /// What is wrong with the search, shown beside the field.
    pub error: Option<String>,
    /// The branches are being asked.
    pub pending: Option<Pending>,
    /// What they found.
    pub outcome: Option<SearchOutcome>,
    /// Who is selected.
    pub selected: usize,
}

impl Default for Patients {
    fn default() -> Self {
        Self {
            query: TextField::new("", QUERY_MAX),
            focus: Focus::Field,
            error: None,
            pending: None,
            outcome: None,
            selected: 0,
        }
    }
}

impl Patients {
    /// Where keys go.
    pub fn place(&self) -> Place {
        match self.focus {
            Focus::Field => Place::SearchField,
            Focus::List => Place::Candidates,
        }
    }

    /// One step of typing.
    pub fn edit(&mut self, edit: Edit) {
        self.error = None;
        self.query.edit(edit);
    }

    fn candidates(&self) -> &[Candidate] {
        self.outcome.as_ref().map_or(&[], |outcome| &outcome.candidates)
    }
}

/// Shows the screen; refused to those who may not search.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = model.refusal(Operation::SearchPatients) {
        model.say(Tone::Warning, format!("You cannot search patients: {why}."));
        return Vec::new();
    }
    if model.screen.is_live() {
        model.screen = if model.history.is_some() { Screen::History } else { Screen::Patients };
    } else {
        model.screen = Screen::Patients;
    }
    Vec::new()
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let patients = &mut model.patients;
    let count = patients.candidates().len();
    let rows =
        isize::try_from(page(list_area(crate::draw::body_of(model.size, &model.alarms)), 0).1).unwrap_or(1);
    let by = match action {
        Action::Accept if patients.focus == Focus::Field => return search(model),
        Action::Accept => return look_up(model),
        Action::Next => {
            if count > 0 {
                patients.focus = Focus::List;
            }
            return Vec::new();
        }
        Action::Up if patients.selected == 0 => {
            patients.focus = Focus::Field;
            return Vec::new();
        }
        Action::Find => {
            patients.focus = Focus::Field;
            return Vec::new();
        }
        Action::Back => return back(model),
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -rows,
        Action::PageDown => rows,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => return Vec::new(),
    };
    patients.selected = moved(patients.selected, count, by);
    Vec::new()
}

/// Esc stops a search, else goes from the field to the list, else to the overview.
fn back(model: &mut Model) -> Vec<Effect> {
    let patients = &mut model.patients;
    if let Some(pending) = patients.pending.take() {
        return vec![Effect::Cancel(pending.ticket)];
    }
    if patients.focus == Focus::Field && !patients.candidates().is_empty() {
        patients.focus = Focus::List;
        return Vec::new();
    }
    super::overview::open(model)
}

fn search(model: &mut Model) -> Vec<Effect> {
    let query = model.patients.query.value().trim().to_owned();
    if query_terms(&query).is_empty() {
        model.patients.error = Some("type a name, birth date or MRN".into());
        return Vec::new();
    }
    let before = model.patients.pending.take().map(|pending| Effect::Cancel(pending.ticket));
    let pending = model.pending();
    model.patients.pending = Some(pending);
    model.patients.outcome = None;
    model.patients.error = None;
    before.into_iter().chain([Effect::Search { ticket: pending.ticket, query }]).collect()
}

/// The search came back.
pub fn found(model: &mut Model, ticket: Ticket, outcome: Outcome<Box<SearchOutcome>>) {
    let patients = &mut model.patients;
    if patients.pending.is_none_or(|pending| pending.ticket != ticket) {
        return;
    }
    patients.pending = None;
    patients.selected = 0;
    match outcome {
        Err(why) => model.say(Tone::Bad, why),
        Ok(outcome) => {
            patients.focus = if outcome.candidates.is_empty() { Focus::Field } else { Focus::List };
            patients.outcome = Some(*outcome);
        }
    }
}

fn look_up(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = model.refusal(Operation::SubmitLookup) {
        model.say(Tone::Warning, format!("You cannot look this patient up: {why}."));
        return Vec::new();
    }
    let chosen = model.patients.candidates().get(model.patients.selected);
    if let Some(Candidate { patient, identity, .. }) = chosen.cloned() {
        let lookup = Lookup::new(model, patient, identity);
        model.dialogs.push(Dialog::Lookup(Box::new(lookup)));
    }
    Vec::new()
}

/// A low screen keeps field, answers and list.
const fn is_low(area: Rect) -> bool {
    area.height < 12
}

fn list_area(area: Rect) -> Rect {
    let low = is_low(area);
    let area = indent(below(area, if low { LOW_HEAD_LINES } else { HEAD_LINES }), 1);
    Rect { height: area.height.saturating_sub(if low { 0 } else { FOOT_LINES }), ..area }
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let patients = &model.patients;
    let low = is_low(area);
    let line = indent(row(area, if low { 0 } else { 1 }), 1);
    let under = if low { Rect::default() } else { indent(row(area, 2), 17) };
    let place = indent(canvas.write(line, "Find a patient", Tone::Strong), 2);
    let list_focused = patients.focus == Focus::List;
    if !list_focused {
        draw_list(model, canvas, area);
    }
    let field = if low { place.width.saturating_sub(LOW_BESIDE).min(FIELD) } else { FIELD };
    patients.query.draw(canvas, left(place, field), !list_focused);
    let beside = indent(place, field + 2);
    match (&patients.error, patients.pending) {
        (Some(error), _) => {
            let fits = low || width(error) <= beside.width;
            canvas.write(if fits { beside } else { under }, error, Tone::Bad);
        }
        (None, Some(pending)) => {
            canvas.write(beside, &format!("asking {}", model.spinner(pending)), Tone::Plain);
        }
        (None, None) => {
            canvas.write(under, "name, birth date or MRN, then Enter", Tone::Quiet);
        }
    }
    draw_answers(model, canvas, indent(row(area, if low { 1 } else { 3 }), 1));
    if list_focused {
        draw_list(model, canvas, area);
    }
}

/// Silence is never "nothing there": how many branches answered is said in any case.
fn draw_answers(model: &Model, canvas: &mut Canvas<'_>, line: Rect) {
    let trusted = model
        .overview
        .known
        .as_ref()
        .map_or(0, |known| known.branches.iter().filter(|branch| branch.side_height.is_some()).count());
    let (text, tone) = match (&model.patients.outcome, model.patients.pending) {
        (Some(outcome), _) => answers_line(&outcome.branches, model.now_s, &model.zone),
        (None, Some(_)) => ("Waiting for the branches".into(), Tone::Plain),
        (None, None) if trusted > 0 => (format!("{trusted} branches will be asked"), Tone::Quiet),
        (None, None) => ("Every trusted branch will be asked".into(), Tone::Quiet),
    };
    canvas.write(line, &text, tone);
}

fn draw_list(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let patients = &model.patients;
    let Some(outcome) = &patients.outcome else { return };
    let foot = indent(below(area, area.height.saturating_sub(FOOT_LINES - 1)), 1);
    if outcome.candidates.is_empty() {
        let text =
            if outcome.branches.iter().all(|branch| branch.state == wardline_client::AnswerState::Answered) {
                "Nobody found. Try less: two letters of the family name are enough."
            } else {
                "Nobody found at the branches that answered."
            };
        canvas.write(row(list_area(area), 0), text, Tone::Plain);
        return;
    }
    let selected = (patients.focus == Focus::List).then_some(patients.selected);
    table(canvas, list_area(area), COLUMNS, outcome.candidates.len(), selected, |index| {
        let Some(Candidate { identity, .. }) = outcome.candidates.get(index) else { return Vec::new() };
        let born = identity.birth_date.as_ref().map_or_else(|| "unknown".into(), ToString::to_string);
        let sex = identity.sex.map_or_else(String::new, |sex| sex.words());
        [identity.name(), born, sex, numbers(identity)].map(|text| (text, Tone::Plain)).into()
    });
    let count = outcome.candidates.len();
    let more = if outcome.more { ", and more: type more to narrow" } else { "" };
    if is_low(area) {
        return;
    }
    canvas.write(row(foot, 0), &format!("{} of {count} found{more}", patients.selected + 1), Tone::Quiet);
    if let Some(candidate) = outcome.candidates.get(patients.selected) {
        let rest = canvas.write(row(foot, 1), &candidate.identity.name(), Tone::Strong);
        canvas.write(indent(rest, 2), &particulars(&candidate.identity), Tone::Plain);
    }
}

//! Overview: every branch held against the verified chains, live, and the words of their states.
//!
//! It must not call anything verified that the client did not verify in this run.

use crate::{
    effects::Effect,
    message::{Action, Ticket},
    model::{Model, Screen},
    theme::Tone,
    when::{age, date_time, round_trip},
    widgets::{
        canvas::{Canvas, below, indent, row, width, wrap},
        table::{Cell, Column, moved, page, table},
    },
};
use ratatui::layout::Rect;
use wardline_client::{AuditorVerdict, BranchView, BranchWord, Head, Overview, StripBranch};
use wardline_ledger::Chain;

/// Seconds between two questions while the screen is shown and no streams tell what moves.
const REFRESH_S: u64 = 1;
/// The same while they do: round trips and what waits at a branch are not in the streams.
const REST_S: u64 = 10;
/// Lines under the table for the selected branch.
const DETAIL_LINES: u16 = 5;

const COLUMNS: &[Column] = &[
    Column { title: "Branch", min: 10, max: 20, right: false, drop: 0 },
    Column { title: "State", min: 9, max: 11, right: false, drop: 0 },
    Column { title: "Main", min: 6, max: 12, right: true, drop: 2 },
    Column { title: "Side", min: 6, max: 12, right: true, drop: 4 },
    Column { title: "Head", min: 8, max: 8, right: false, drop: 5 },
    Column { title: "Behind", min: 6, max: 12, right: true, drop: 3 },
    Column { title: "Trip", min: 6, max: 7, right: true, drop: 7 },
    Column { title: "Answer", min: 6, max: 6, right: true, drop: 1 },
    Column { title: "Verified to", min: 11, max: 25, right: true, drop: 6 },
];

/// The screen's state.
#[derive(Debug, Default)]
pub struct OverviewScreen {
    /// What is known; nothing before the first answer.
    pub known: Option<Overview>,
    /// The selected branch.
    pub selected: usize,
    /// A question is under way.
    pub asking: Option<Ticket>,
    /// When to ask next, Unix seconds.
    pub next_s: u64,
    /// Whether the streams run, so that what moves comes by itself.
    pub streams: bool,
}

/// Shows the screen and asks at once.
pub fn open(model: &mut Model) -> Vec<Effect> {
    model.screen = Screen::Overview;
    ask(model)
}

/// Asks all branches, unless they are being asked already.
pub fn ask(model: &mut Model) -> Vec<Effect> {
    if model.overview.asking.is_some() {
        return Vec::new();
    }
    let ticket = model.ticket();
    model.overview.asking = Some(ticket);
    vec![Effect::Refresh { ticket }]
}

/// The clock moved on: asks again while the screen is shown and it is time.
pub fn tick(model: &mut Model) -> Vec<Effect> {
    if model.screen.is_live() && model.now_s >= model.overview.next_s { ask(model) } else { Vec::new() }
}

/// The branches answered, or some have and the others are being waited for.
pub fn refreshed(model: &mut Model, ticket: Ticket, known: Overview) {
    if model.overview.asking == Some(ticket) {
        if !known.asking {
            model.overview.asking = None;
            model.overview.next_s = model.now_s + if model.overview.streams { REST_S } else { REFRESH_S };
        }
        model.overview.known = Some(known);
    }
}

/// The streams brought something: it is newer than what the branches last answered when they were asked.
/// A branch whose streams fell silent is asked, for whoever looks: an answer tells whether it is the branch.
pub fn watched<'a>(
    model: &mut Model,
    known: Overview,
    mut streams: impl Iterator<Item = &'a StripBranch>,
) -> Vec<Effect> {
    if !std::mem::replace(&mut model.overview.streams, true) {
        model.overview.next_s = model.now_s + REST_S;
    }
    let well = |id| known.branches.iter().any(|view| view.id == id && view.word == BranchWord::Verified);
    let fell_silent = streams.any(|branch| branch.word == BranchWord::Silent && well(branch.id));
    model.overview.known = Some(known);
    if fell_silent && model.screen.is_live() { ask(model) } else { Vec::new() }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let count = model.overview.known.as_ref().map_or(0, |known| known.branches.len());
    let body = crate::draw::body_of(model.size, &model.alarms);
    let noted = model.overview.known.as_ref().map_or(0, |known| notes(known, body, model.now_s).len());
    let area = table_area(body, noted);
    let rows = isize::try_from(page(area, 0).1).unwrap_or(1);
    let by = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -rows,
        Action::PageDown => rows,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        Action::FetchAgain => return ask(model),
        _ => return Vec::new(),
    };
    model.overview.selected = moved(model.overview.selected, count, by);
    Vec::new()
}

/// Whether there is room for more than the heads, what is wrong and the table.
const fn is_tall(area: Rect) -> bool {
    area.height >= 16
}

/// Lines above the table and below it.
fn margins(area: Rect, noted: usize) -> (u16, u16) {
    let noted = u16::try_from(noted).unwrap_or_default();
    if is_tall(area) { (4 + noted.max(1), DETAIL_LINES + 1) } else { (2 + noted, 0) }
}

/// What is said under the heads: what is wrong at this machine, and what auditors say. A low screen tells only of what
/// is wrong.
fn notes(known: &Overview, area: Rect, now_s: u64) -> Vec<(String, Tone)> {
    let warning = known.warning.iter().map(|warning| (warning.clone(), Tone::Warning));
    let auditors = known.verdicts.as_deref().and_then(|verdicts| auditors(verdicts, now_s));
    let auditors = auditors.filter(|(_, tone)| is_tall(area) || *tone != Tone::Quiet);
    warning.chain(auditors).collect()
}

/// The gravest of the auditors' newest verdicts, and how many there are. It is their word, not this console's check.
fn auditors(verdicts: &[AuditorVerdict], now_s: u64) -> Option<(String, Tone)> {
    let gravity =
        |one: &&AuditorVerdict| (one.same_chain == Some(false), one.verdict.bad, one.verdict.unheard);
    // The newest comes first, and of equals the last one is taken.
    let gravest = verdicts.iter().rev().max_by_key(gravity)?;
    let verdict = &gravest.verdict;
    let wrong = gravest.same_chain == Some(false) || verdict.bad > 0;
    let found = match (gravest.same_chain, verdict.bad, verdict.unheard) {
        (Some(false), ..) => format!("BLOCK {} IS ANOTHER ONE THERE", verdict.height),
        (_, 0, 0) => format!("{} records whole up to block {}", verdict.records, verdict.height),
        (_, 0, unheard) => format!("{unheard} copies of {} records NOT HEARD OF", verdict.records),
        (_, 1, _) => format!("1 BAD COPY of {} records", verdict.records),
        (_, bad, _) => format!("{bad} BAD COPIES of {} records", verdict.records),
    };
    let who = match verdicts.len() {
        1 => format!("Auditor of {}", gravest.branch),
        count => format!("{count} auditors; {}", gravest.branch),
    };
    let tone = if wrong { Tone::Bad } else { Tone::Quiet };
    let when = match age(gravest.time_s, now_s) {
        now if now == "now" => now,
        age => format!("{age} ago"),
    };
    Some((format!("{who}: {found}, {when}"), tone))
}

fn table_area(area: Rect, noted: usize) -> Rect {
    let (above, under) = margins(area, noted);
    let area = indent(below(area, above), 1);
    Rect { height: area.height.saturating_sub(under), ..area }
}

/// Draws the screen.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(known) = &model.overview.known else {
        canvas.write(indent(row(area, 1), 1), "Asking every branch ...", Tone::Plain);
        return;
    };
    let notes = notes(known, area, model.now_s);
    let (_, under) = margins(area, notes.len());
    let heads = if under > 0 {
        let rest = canvas.write(indent(row(area, 1), 1), "Verified by this console", Tone::Strong);
        if !model.chain.main.branches.is_empty() {
            let uses = "; state words: read them to the other terminal by telephone";
            let short = "; state words: compare by telephone";
            canvas.write(rest, if width(uses) <= rest.width { uses } else { short }, Tone::Plain);
        }
        indent(below(area, 2), 1)
    } else {
        indent(area, 1)
    };
    draw_head(model, canvas, row(heads, 0), Chain::Main, Some(&known.main));
    draw_head(model, canvas, row(heads, 1), Chain::Side, known.side.as_ref());
    for (line, (note, tone)) in (2..).zip(&notes) {
        canvas.write(row(heads, line), note, *tone);
    }

    let selected = model.overview.selected.min(known.branches.len().saturating_sub(1));
    table(canvas, table_area(area, notes.len()), COLUMNS, known.branches.len(), Some(selected), |index| {
        known.branches.get(index).map_or_else(Vec::new, |branch| cells(branch, model.now_s))
    });

    if under == 0 {
        return;
    }
    let detail = below(area, area.height.saturating_sub(under));
    canvas.rule(row(detail, 0));
    if let Some(branch) = known.branches.get(selected) {
        draw_detail(model, canvas, indent(below(detail, 1), 1), branch);
    }
}

fn draw_head(model: &Model, canvas: &mut Canvas<'_>, line: Rect, chain: Chain, head: Option<&Head>) {
    let name = match chain {
        Chain::Main => "Main chain",
        Chain::Side => "Side chain",
    };
    let rest = indent(canvas.write(line, name, Tone::Plain), 2);
    match head {
        Some(head) => {
            let rest = canvas.write(rest, &format!("{:>9}  ", head.height), Tone::Strong);
            let word = model.chain.of(chain).word.as_ref().filter(|(of, _)| of == head);
            let word = word.map_or_else(String::new, |(_, word)| format!("{word}  "));
            let digest = format!("{}  ", head.digest.short());
            // A word that is cut cannot be compared: the digest gives way to it.
            let both = width(&digest).saturating_add(width(&word)) <= rest.width;
            let rest = if both || word.is_empty() { canvas.write(rest, &digest, Tone::Plain) } else { rest };
            let rest = canvas.write(rest, &word, Tone::Strong);
            let time = date_time(head.time_s, &model.zone);
            let text = format!("block of {time}");
            canvas.write(rest, if width(&text) <= rest.width { &text } else { &time }, Tone::Quiet);
        }
        None => {
            canvas.write(rest, "kept from this branch: it is not a trusted branch", Tone::Quiet);
        }
    }
}

fn cells(branch: &BranchView, now_s: u64) -> Vec<Cell> {
    let plain = |text: String| (text, Tone::Plain);
    let number = |n: Option<u64>| plain(n.map_or_else(|| "-".into(), |n| n.to_string()));
    let verified = match (branch.verified_main, branch.verified_side) {
        (None, None) => "-".to_owned(),
        (main, side) => {
            let part = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
            format!("{} / {}", part(main), part(side))
        }
    };
    vec![
        plain(if branch.own { format!("{} (own)", branch.name) } else { branch.name.clone() }),
        (branch.word.text().into(), tone(branch.word)),
        number(branch.main_height),
        number(branch.side_height),
        plain(branch.head.map_or_else(|| "-".into(), |digest| digest.short())),
        (
            branch.main_height.map_or_else(|| "-".into(), |_| branch.behind.to_string()),
            if branch.behind > 0 { Tone::Warning } else { Tone::Plain },
        ),
        plain(branch.round_trip_ms.map_or_else(|| "-".into(), round_trip)),
        plain(branch.last_answer_s.map_or_else(|| "-".into(), |at_s| age(at_s, now_s))),
        plain(verified),
    ]
}

fn tone(word: BranchWord) -> Tone {
    match word {
        BranchWord::Verified => Tone::Good,
        BranchWord::Behind | BranchWord::Unwell | BranchWord::Silent | BranchWord::Refused => Tone::Warning,
        BranchWord::Conflict | BranchWord::Forked | BranchWord::RolledBack | BranchWord::Invalid => Tone::Bad,
        BranchWord::NotAsked | BranchWord::Asking => Tone::Quiet,
    }
}

fn draw_detail(model: &Model, canvas: &mut Canvas<'_>, area: Rect, branch: &BranchView) {
    let rest = canvas.write(row(area, 0), &branch.name, Tone::Strong);
    let rest = canvas.write(indent(rest, 1), branch.word.text(), tone(branch.word));
    canvas.write(rest, &format!(": {}", meaning(branch.word)), Tone::Plain);
    let fresh = match branch.fresh {
        Some(true) => "a quorum says that it is not behind",
        Some(false) => "no quorum has said lately that it is not behind",
        None => "freshness not known",
    };
    let count =
        |n: Option<u64>, what: &str| n.map_or_else(|| format!("{what} not known"), |n| format!("{n} {what}"));
    let facts = format!(
        "{fresh}\n{}, {}",
        count(branch.waiting, "transactions waiting"),
        count(branch.envelopes, "sealed records")
    );
    let answered = match branch.last_answer_s {
        Some(at_s) => format!("last answer at {}", crate::when::clock_time(at_s, model.now_s, &model.zone)),
        None => "no answer since this console was opened".to_owned(),
    };
    let mut line = 1;
    for text in [Some(facts.as_str()), branch.detail.as_deref(), (!live(branch)).then_some(answered.as_str())]
    {
        for text in text.map(|text| wrap(text, area.width)).unwrap_or_default() {
            canvas.write(row(area, line), &text, Tone::Plain);
            line += 1;
        }
    }
}

/// Whether the branch answers, so that the time of its last answer would only flicker.
fn live(branch: &BranchView) -> bool {
    matches!(
        branch.word,
        BranchWord::Verified | BranchWord::Behind | BranchWord::Unwell | BranchWord::Refused
    )
}

fn meaning(word: BranchWord) -> &'static str {
    match word {
        BranchWord::NotAsked => "not asked since this console was opened",
        BranchWord::Asking => "the first answer is being waited for",
        BranchWord::Verified => "its newest block is in the verified chains",
        BranchWord::Behind => "its block is a verified one, and newer ones exist",
        BranchWord::Unwell => "its blocks are verified ones, and it says that it is not well",
        BranchWord::Silent => "it did not answer in time",
        BranchWord::Conflict => "it shows another block than the verified one",
        BranchWord::Forked => "a quorum signed another block that it shows: see the alarms",
        BranchWord::RolledBack => "it signed an older block as its newest than before",
        BranchWord::Invalid => "its answer does not verify",
        BranchWord::Refused => "it answers and refuses",
    }
}

#[cfg(test)]
#[path = "overview/tests.rs"]
mod tests;

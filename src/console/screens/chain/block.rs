//! Block: what a header commits to, who signed it, and its transactions, in one list of lines.
//!
//! It must not show transactions that are not those of the verified header: what a branch gave instead is told as an
//! alarm.

use super::{
    draw::{count, signed},
    transaction,
};
use crate::{
    effects::Effect,
    message::{Action, Outcome, Ticket},
    model::{Model, Pending, Screen},
    theme::Tone,
    when::date_time,
    widgets::{
        canvas::{Canvas, below, indent, left, row, wrap},
        table::moved,
    },
};
use ratatui::layout::Rect;
use wardline_client::{BlockBody, BlockDetail, BlockLine, GivenBody, TransactionView};
use wardline_ledger::Chain;

/// Columns of the marker and of the labels.
const MARKER: u16 = 2;
const LABEL: u16 = 12;

/// The page's state.
#[derive(Debug)]
pub struct OpenBlock {
    /// Which chain's.
    pub chain: Chain,
    /// Which block.
    pub height: u64,
    /// What the list knows of it, until the rest is there.
    pub line: Option<BlockLine>,
    /// The branches are being asked for it.
    pub pending: Option<Pending>,
    /// All of it.
    pub detail: Option<BlockDetail>,
    /// Why the question failed.
    pub error: Option<String>,
    /// The selected line.
    pub selected: usize,
    /// The transaction whose page is open.
    pub transaction: usize,
    /// First line of that page.
    pub scroll: usize,
}

impl OpenBlock {
    /// The transactions that were checked against the header.
    pub fn transactions(&self) -> &[TransactionView] {
        match self.detail.as_ref().map(|detail| &detail.body) {
            Some(BlockBody::Whole(given)) => &given.transactions,
            _ => &[],
        }
    }
}

/// One line of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Text { label: String, text: String, tone: Tone },
    Transaction(usize),
}

/// Opens the page of a block and asks for all of it.
pub fn open(model: &mut Model, height: u64) -> Vec<Effect> {
    let (pending, chain) = (model.pending(), model.chain.chain);
    let before = model.chain.open.take().and_then(|open| open.pending);
    model.chain.open = Some(OpenBlock {
        chain,
        height,
        line: model.chain.blocks().lines.get(&height).cloned(),
        pending: Some(pending),
        detail: None,
        error: None,
        selected: 0,
        transaction: 0,
        scroll: 0,
    });
    model.screen = Screen::Block;
    let cancel = before.map(|pending| Effect::Cancel(pending.ticket));
    cancel.into_iter().chain([Effect::FetchBlock { ticket: pending.ticket, chain, height }]).collect()
}

/// The block came, or did not.
pub fn fetched(model: &mut Model, ticket: Ticket, outcome: Outcome<Box<BlockDetail>>) {
    let area = list_area(crate::draw::body_of(model.size, &model.alarms));
    let Some(open) = &mut model.chain.open else { return };
    if open.pending.is_none_or(|pending| pending.ticket != ticket) {
        return;
    }
    open.pending = None;
    match outcome {
        Ok(detail) => open.detail = Some(*detail),
        Err(why) => open.error = Some(why),
    }
    // The first transaction is what most come for, where it is in sight.
    let lines = model.chain.open.as_ref().map_or_else(Vec::new, |open| lines(model, open, area.width));
    let first = lines.iter().position(|line| matches!(line, Line::Transaction(_)));
    if let Some(open) = model.chain.open.as_mut().filter(|open| open.selected == 0) {
        open.selected = first.filter(|at| *at < usize::from(area.height)).unwrap_or(0);
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let area = list_area(crate::draw::body_of(model.size, &model.alarms));
    let lines = model.chain.open.as_ref().map_or_else(Vec::new, |open| lines(model, open, area.width));
    let Some(open) = &mut model.chain.open else {
        model.screen = Screen::Chain;
        return Vec::new();
    };
    let rows = isize::try_from(area.height.max(1)).unwrap_or(1);
    let by = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -rows,
        Action::PageDown => rows,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        Action::Next | Action::Previous => return neighbour(model, action == Action::Next),
        Action::FetchAgain => {
            let height = open.height;
            return self::open(model, height);
        }
        Action::Accept => {
            if let Some(Line::Transaction(at)) = lines.get(open.selected) {
                (open.transaction, open.scroll) = (*at, 0);
                model.screen = Screen::Transaction;
            } else if !open.transactions().is_empty() {
                model.say(Tone::Plain, "Mark one of the transactions below; Enter shows all of it.");
            }
            return Vec::new();
        }
        Action::Back => {
            model.screen = Screen::Chain;
            let pending = model.chain.open.take().and_then(|open| open.pending);
            let cancel = pending.map(|pending| Effect::Cancel(pending.ticket));
            return cancel.into_iter().chain(super::want(model)).collect();
        }
        _ => return Vec::new(),
    };
    open.selected = moved(open.selected, lines.len(), by);
    Vec::new()
}

/// The block before this one in the chain, or after it.
fn neighbour(model: &mut Model, older: bool) -> Vec<Effect> {
    let Some(height) = model.chain.open.as_ref().map(|open| open.height) else { return Vec::new() };
    let Some(head) = super::head(model) else { return Vec::new() };
    let to = if older { height.saturating_sub(1) } else { height.saturating_add(1).min(head.height) };
    if to == height {
        return Vec::new();
    }
    model.chain.blocks_mut().selected = Some(to);
    open(model, to)
}

fn list_area(area: Rect) -> Rect {
    indent(below(area, 1), 1)
}

/// Draws the page.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(open) = &model.chain.open else { return };
    let place = list_area(area);
    let lines = lines(model, open, place.width);
    let rows = usize::from(place.height).max(1);
    let first = open.selected / rows * rows;

    let mut head = indent(row(area, 0), 1);
    if lines.len() > rows {
        let last = lines.len().min(first + rows);
        let position = format!(" lines {}-{last} of {} ", first + 1, lines.len());
        head = canvas.write_right(head, &position, Tone::Quiet);
    }
    let title = format!("Block {} of the {} chain  ", open.height, open.chain);
    let rest = canvas.write(head, &title, Tone::Strong);
    let (word, tone) = state(open);
    let rest = canvas.write(rest, word, tone);
    if let Some(pending) = open.pending {
        canvas.write(rest, &format!(" fetching {}", model.spinner(pending)), Tone::Plain);
    }

    canvas.set_cursor(place.x, place.y);
    for (at, line) in lines.iter().enumerate().skip(first).take(rows) {
        let line_place = row(place, u16::try_from(at - first).unwrap_or(u16::MAX));
        canvas.mark(line_place, at == open.selected);
        if at == open.selected {
            canvas.set_cursor(line_place.x, line_place.y);
        }
        let line_place = indent(line_place, MARKER);
        match line {
            Line::Text { label, text, tone } => {
                canvas.write(left(line_place, LABEL), label, Tone::Quiet);
                canvas.write(indent(line_place, LABEL), text, *tone);
            }
            Line::Transaction(index) => draw_transaction(model, open, canvas, line_place, *index),
        }
    }
}

fn draw_transaction(model: &Model, open: &OpenBlock, canvas: &mut Canvas<'_>, place: Rect, index: usize) {
    let (Some(view), Some(detail)) = (open.transactions().get(index), &open.detail) else { return };
    let (kind, text, tone) = transaction::summary(model, detail, view);
    let place = indent(canvas.write(place, &format!("{:>3}", index + 1), Tone::Quiet), 2);
    canvas.write(left(place, 9), kind, Tone::Plain);
    canvas.write(indent(place, 10), &text, tone);
}

/// The word on it.
fn state(open: &OpenBlock) -> (&'static str, Tone) {
    match &open.detail {
        None if open.error.is_some() => ("NOT FETCHED", Tone::Warning),
        None => ("NOT CHECKED YET", Tone::Plain),
        Some(detail) => match &detail.body {
            BlockBody::Alarm => ("ALARM", Tone::Bad),
            BlockBody::Whole(given) if has_alarm(detail, given) => ("VERIFIED, with an ALARM", Tone::Bad),
            BlockBody::Whole(_) => ("VERIFIED", Tone::Good),
            BlockBody::Refused(_) => ("header VERIFIED", Tone::Good),
            BlockBody::Unavailable(_) => ("header VERIFIED, the rest not here", Tone::Warning),
        },
    }
}

fn has_alarm(detail: &BlockDetail, given: &GivenBody) -> bool {
    !detail.alarms.is_empty() || given.transactions.iter().any(|view| view.alarm.is_some())
}

/// The whole page, wrapped.
fn lines(model: &Model, open: &OpenBlock, columns: u16) -> Vec<Line> {
    let columns = columns.saturating_sub(MARKER + LABEL);
    let mut lines = Vec::new();
    let mut add = |label: &str, text: &str, tone: Tone| {
        for (at, text) in wrap(text, columns).into_iter().enumerate() {
            let label = if at == 0 { label.to_owned() } else { String::new() };
            lines.push(Line::Text { label, text, tone });
        }
    };
    let line = open.detail.as_ref().map(|detail| &detail.line).or(open.line.as_ref());
    if let Some(line) = line {
        let time = date_time(line.time_s, &model.zone);
        add("Time", &format!("{time}, epoch {}", line.epoch), Tone::Plain);
        add("Digest", &line.digest.to_string(), Tone::Plain);
    }
    if let Some(detail) = &open.detail {
        let parent = match open.height {
            0 => "none: it is the first block".to_owned(),
            _ => detail.parent.to_string(),
        };
        add("Parent", &parent, Tone::Plain);
        add("Tx root", &detail.transaction_root.to_string(), Tone::Plain);
        add("State root", &detail.state_root.to_string(), Tone::Plain);
    }
    if let Some(line) = line {
        add("Signed by", &signed(&line.certified), Tone::Plain);
    }
    for alarm in open.detail.iter().flat_map(|detail| &detail.alarms) {
        add("ALARM", alarm, Tone::Bad);
    }
    let (label, text, tone) = body_line(open);
    add(label, &text, tone);
    lines.extend((0..open.transactions().len()).map(Line::Transaction));
    lines
}

/// What became of the question for the transactions.
fn body_line(open: &OpenBlock) -> (&'static str, String, Tone) {
    let Some(detail) = &open.detail else {
        return match &open.error {
            Some(why) => ("Not fetched", format!("{why}. Press r to ask again."), Tone::Warning),
            None => (
                "Asking",
                "the branches for the rest of it; nothing of that is checked yet".into(),
                Tone::Plain,
            ),
        };
    };
    match &detail.body {
        BlockBody::Whole(given) => {
            let what = count(given.transactions.len() as u64, "transaction");
            let audited = match open.chain {
                Chain::Main => "",
                Chain::Side => "; its audit log says that you looked",
            };
            let text = format!("{}: {what}, {} bytes, root checked{audited}", given.from, given.size);
            ("Given by", text, Tone::Plain)
        }
        BlockBody::Refused(why) => {
            let count = count(u64::from(detail.line.transactions), "transaction");
            let text = format!("{count}, which you may not see: {why}. Header, roots and signers are above.");
            ("Not shown", text, Tone::Warning)
        }
        BlockBody::Alarm => {
            let text = "no branch gave this block's transactions; what came instead is not shown. Tell the operators.";
            ("Not shown", text.into(), Tone::Bad)
        }
        BlockBody::Unavailable(why) => ("Not here", format!("{why}. Press r to ask again."), Tone::Warning),
    }
}

//! A table laid out: columns as wide as they need, the words wrapped where there is less room, numbers on their point.
//!
//! Where even that does not fit, each row becomes an entry of its own with the headings in it: nothing is cut.

use super::{INDENT, Line, wrap};
use crate::{
    page::{Cell, Mark, Role, Row, Table},
    sanitise,
};
use unicode_width::UnicodeWidthStr;

/// Columns between two columns.
const GAP: usize = 2;
/// Words are not squeezed below their longest word, up to this.
const LONGEST_WORD: usize = 16;
/// Longest text in a column of numbers that is no number and still stands among them.
const ODD_NUMBER: usize = 24;

pub(super) fn lay_out(out: &mut Vec<Line>, table: &Table, columns: usize) {
    let mut shape = Shape::of(table);
    if !shape.fit(columns) {
        stacked(out, table, columns);
        return;
    }
    let titles: Vec<Cell> =
        table.columns.iter().map(|column| Cell { text: column.title.clone(), mark: Mark::Label }).collect();
    shape.row(out, &titles, true);
    let mut summing = true;
    for row in &table.rows {
        if row.total && !summing {
            shape.rule(out);
        }
        summing = row.total;
        shape.row(out, &row.cells, false);
        note(out, row, columns);
    }
}

fn note(out: &mut Vec<Line>, row: &Row, columns: usize) {
    if !row.note.is_empty() {
        let indent = INDENT * 2;
        for text in wrap(&row.note, columns.saturating_sub(indent)) {
            out.push(Line::new(format!("{:indent$}{text}", ""), Mark::Plain));
        }
    }
}

/// Each row as an entry: its first cell, then the others with their headings.
fn stacked(out: &mut Vec<Line>, table: &Table, columns: usize) {
    for row in &table.rows {
        let first = row.cells.first().map_or("", |cell| cell.text.as_str());
        let mark = if row.total { Mark::Strong } else { Mark::Plain };
        out.extend(wrap(first, columns).into_iter().map(|text| Line::new(text, mark)));
        let details = table.columns.iter().zip(&row.cells).skip(1);
        for (column, cell) in
            details.filter(|(column, cell)| column.role != Role::Detail && !cell.text.is_empty())
        {
            super::hanging(out, INDENT, &column.title, &cell.text, cell.mark.max(mark), columns);
        }
        note(out, row, columns);
    }
}

/// How wide each column is; 0 for one that is left out.
struct Shape {
    columns: Vec<Measure>,
}

struct Measure {
    role: Role,
    width: usize,
    /// Never narrower than this.
    least: usize,
    /// Columns before the decimal point, in a column of numbers.
    whole: usize,
}

impl Shape {
    fn of(table: &Table) -> Self {
        let measure = |(at, column): (usize, &crate::page::Column)| {
            let cells = || table.rows.iter().filter_map(move |row| row.cells.get(at)).map(|cell| &cell.text);
            let (title, _) = extent(&column.title);
            let (mut whole, mut fraction, mut widest, mut word) = (0, 0, 0, 0);
            for text in cells() {
                let (cell, longest) = extent(text);
                if let Some(point) = point(text).filter(|_| column.role == Role::Number) {
                    (whole, fraction) = (whole.max(point), fraction.max(cell - point));
                } else {
                    (widest, word) = (widest.max(cell), word.max(longest));
                }
            }
            let numbers = whole + fraction;
            let width = widest.max(numbers).max(title);
            // Among numbers a few words stand unbroken, and a sentence is wrapped as anywhere.
            let words = if column.role == Role::Number && widest <= ODD_NUMBER {
                widest
            } else {
                word.min(LONGEST_WORD)
            };
            let least = words.max(numbers).max(title).min(width);
            // Numbers end where their heading ends: at the right, unless wider words stand among them.
            let whole = if widest > numbers { whole } else { width.saturating_sub(fraction) };
            Measure { role: column.role, width, least, whole }
        };
        Self { columns: table.columns.iter().enumerate().map(measure).collect() }
    }

    fn total(&self) -> usize {
        let shown = self.columns.iter().filter(|column| column.width > 0);
        shown.map(|column| column.width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// Makes the columns fit; details go first, then the widest words shrink.
    fn fit(&mut self, room: usize) -> bool {
        if self.total() > room {
            for column in self.columns.iter_mut().filter(|column| column.role == Role::Detail) {
                column.width = 0;
            }
        }
        for column in &mut self.columns {
            column.width = column.width.min(room.max(column.least));
        }
        while self.total() > room {
            let widest = self
                .columns
                .iter_mut()
                .filter(|column| column.width > column.least)
                .max_by_key(|column| column.width);
            match widest {
                Some(column) => column.width = column.least.max(column.width.saturating_sub(1)),
                None => return false,
            }
        }
        true
    }

    fn row(&self, out: &mut Vec<Line>, cells: &[Cell], heading: bool) {
        let columns: Vec<(&Measure, &Cell, Vec<String>)> = self
            .columns
            .iter()
            .zip(cells)
            .filter(|(column, _)| column.width > 0)
            .map(|(column, cell)| (column, cell, column.lines(&cell.text, heading)))
            .collect();
        let height = columns.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(0);
        for at in 0..height {
            let mut line = Line::default();
            let mut pending = 0;
            for (column, cell, lines) in &columns {
                let text = lines.get(at).map_or("", String::as_str);
                let lead = text.len() - text.trim_start_matches(' ').len();
                let shown = text.trim_matches(' ');
                if shown.is_empty() {
                    pending += column.width + GAP;
                    continue;
                }
                line.push(" ".repeat(pending + lead), Mark::Plain);
                line.push(shown, cell.mark);
                pending = (column.width + GAP).saturating_sub(lead + shown.width());
            }
            out.push(line);
        }
    }

    /// A line over the sums, under the numbers.
    fn rule(&self, out: &mut Vec<Line>) {
        let mut line = String::new();
        for column in self.columns.iter().filter(|column| column.width > 0) {
            let stroke = if column.role == Role::Number { "─" } else { " " };
            line.push_str(&stroke.repeat(column.width));
            line.push_str("  ");
        }
        out.push(Line::new(line.trim_end(), Mark::Label));
    }
}

impl Measure {
    /// The lines of a cell, with the spaces before them.
    fn lines(&self, text: &str, heading: bool) -> Vec<String> {
        if self.role != Role::Number {
            return wrap(text, self.width);
        }
        let lead = match point(text) {
            Some(point) => self.whole.saturating_sub(point),
            None if heading => self.width.saturating_sub(extent(text).0),
            None => 0,
        };
        wrap(text, self.width).into_iter().map(|line| format!("{:lead$}{line}", "")).collect()
    }
}

/// Columns of the widest line of a text, and of its longest word.
fn extent(text: &str) -> (usize, usize) {
    sanitise::lines(text).fold((0, 0), |(widest, longest), line| {
        let word = line.split(' ').map(|word| word.width()).max().unwrap_or(0);
        (widest.max(line.width()), longest.max(word))
    })
}

/// Where the point of a plain number stands, or would stand; nothing for what is no plain number.
fn point(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (plain(whole) && plain(fraction)).then(|| text.find('.').unwrap_or(text.len()))
}

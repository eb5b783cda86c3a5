//! A table that builds only the rows on the screen, marks the selected one with `>` and drops columns that do not fit.
//!
//! Pages flip as a whole: on a slow line that costs less than scrolling by one line at every key.

use super::canvas::{Canvas, below, indent, row, width};
use crate::theme::Tone;
use ratatui::layout::Rect;

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Never narrower than this, so that the table stands still while numbers change.
    pub min: u16,
    /// Never wider than this, unless it is the one that takes what is left (`u16::MAX`).
    pub max: u16,
    /// Numbers stand to the right.
    pub right: bool,
    /// The column with the highest number goes first when the screen is narrow; 0 never goes.
    pub drop: u8,
}

/// What stands in one place of the table.
pub type Cell = (String, Tone);

/// Columns of the marker before the first column.
const MARKER: u16 = 2;

/// Rows of the page that a selection is on: first row and rows a page.
pub fn page(area: Rect, selected: usize) -> (usize, usize) {
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    (selected / rows * rows, rows)
}

/// Draws headings and the page of `count` rows that the selection is on. The cursor goes to the marker.
pub fn table(
    canvas: &mut Canvas<'_>,
    area: Rect,
    columns: &[Column],
    count: usize,
    selected: Option<usize>,
    cells: impl Fn(usize) -> Vec<Cell>,
) {
    let (first, rows) = page(area, selected.unwrap_or(0));
    let shown: Vec<(usize, Vec<Cell>)> =
        (first..count.min(first + rows)).map(|index| (index, cells(index))).collect();
    let widths = widths(columns, &shown, area.width.saturating_sub(MARKER));

    let mut place = indent(row(area, 0), MARKER);
    for (column, &width) in columns.iter().zip(&widths) {
        place = cell(canvas, place, width, column.right, column.title, Tone::Quiet);
    }
    for (line, (index, cells)) in shown.iter().enumerate() {
        let line = row(below(area, 1), u16::try_from(line).unwrap_or(u16::MAX));
        canvas.mark(line, selected == Some(*index));
        if selected == Some(*index) {
            canvas.set_cursor(line.x, line.y);
        }
        let mut place = indent(line, MARKER);
        for ((column, &width), (text, tone)) in columns.iter().zip(&widths).zip(cells) {
            place = cell(canvas, place, width, column.right, text, *tone);
        }
    }
}

fn cell(canvas: &mut Canvas<'_>, place: Rect, width: u16, right: bool, text: &str, tone: Tone) -> Rect {
    if width == 0 {
        return place;
    }
    let here = Rect { width: width.min(place.width), ..place };
    if right {
        canvas.write_right(here, text, tone);
    } else {
        canvas.write(here, text, tone);
    }
    indent(place, width + 1)
}

/// A width for each column, 0 for those that were dropped.
fn widths(columns: &[Column], shown: &[(usize, Vec<Cell>)], room: u16) -> Vec<u16> {
    let mut widths: Vec<u16> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let widest =
                shown.iter().filter_map(|(_, cells)| cells.get(at)).map(|(text, _)| width(text)).max();
            let wanted = widest.unwrap_or(0).max(width(column.title)).max(column.min);
            if column.max == u16::MAX { column.min.max(width(column.title)) } else { wanted.min(column.max) }
        })
        .collect();
    let total = |widths: &[u16]| -> u32 {
        let used = widths.iter().filter(|&&width| width > 0);
        used.map(|&width| u32::from(width) + 1).sum::<u32>().saturating_sub(1)
    };
    while total(&widths) > u32::from(room) {
        let droppable =
            columns.iter().zip(widths.iter_mut()).filter(|(column, width)| column.drop > 0 && **width > 0);
        match droppable.max_by_key(|(column, _)| column.drop) {
            Some((_, width)) => *width = 0,
            None => break,
        }
    }
    let left = u32::from(room).saturating_sub(total(&widths));
    let widest =
        columns.iter().zip(widths.iter_mut()).find(|(column, width)| column.max == u16::MAX && **width > 0);
    if let Some((_, width)) = widest {
        *width = width.saturating_add(u16::try_from(left).unwrap_or(0));
    }
    widths
}

/// Moves a selection by lines, staying in the list.
pub fn moved(selected: usize, count: usize, by: isize) -> usize {
    selected.saturating_add_signed(by).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;
    use ratatui::buffer::Buffer;

    const COLUMNS: &[Column] = &[
        Column { title: "Name", min: 4, max: 10, right: false, drop: 0 },
        Column { title: "Note", min: 4, max: u16::MAX, right: false, drop: 0 },
        Column { title: "N", min: 3, max: 3, right: true, drop: 1 },
    ];

    fn drawn(width: u16, selected: usize) -> Vec<String> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 3));
        let area = buffer.area;
        let mut canvas = Canvas::new(&mut buffer, Theme::Mono);
        table(&mut canvas, area, COLUMNS, 5, Some(selected), |row| {
            vec![
                (format!("row {row}"), Tone::Plain),
                ("some words".into(), Tone::Plain),
                (row.to_string(), Tone::Plain),
            ]
        });
        buffer
            .content
            .chunks(usize::from(width))
            .map(|row| row.iter().map(|cell| cell.symbol()).collect())
            .collect()
    }

    #[test]
    fn the_page_of_the_selection_is_drawn() {
        assert_eq!(
            drawn(22, 0),
            ["  Name  Note         N", "> row 0 some words   0", "  row 1 some words   1"]
        );
        assert_eq!(drawn(22, 3)[1..], ["  row 2 some words   2", "> row 3 some words   3"]);
        assert_eq!(drawn(22, 4)[1..], ["> row 4 some words   4", " ".repeat(22).as_str()]);
    }

    #[test]
    fn columns_that_do_not_fit_are_dropped_and_the_rest_is_cut() {
        assert_eq!(drawn(15, 0)[1], "> row 0 some w…");
        assert_eq!(drawn(3, 0)[1], "> …");
    }

    #[test]
    fn a_selection_stays_in_the_list() {
        assert_eq!((moved(0, 3, -1), moved(2, 3, 5), moved(0, 0, 1), moved(1, 3, 1)), (0, 2, 0, 2));
    }
}

//! A dialog's page of labelled lines that scrolls: laid out, moved, drawn.

use super::canvas::{Canvas, indent, left, row, wrap};
use crate::{dialogs::centred, message::Action, theme::Tone};
use ratatui::layout::Rect;

/// Columns that a dialog wants: a digest of 64 digits fits beside its label.
const COLUMNS: u16 = 80;
/// Columns of the labels.
const LABEL: u16 = 12;

/// Labelled lines, laid out for a place.
#[derive(Debug)]
pub struct Page {
    columns: u16,
    lines: Vec<(String, String, Tone)>,
}

impl Page {
    /// An empty page in a dialog over this screen.
    pub fn over(screen: Rect) -> Self {
        Self { columns: centred(screen, COLUMNS, 3).width.saturating_sub(4), lines: Vec::new() }
    }

    /// A text over the whole width.
    pub fn text(&mut self, text: &str, tone: Tone) {
        let lines = wrap(text, self.columns);
        self.lines.extend(lines.into_iter().map(|text| (String::new(), text, tone)));
    }

    /// A text beside its label.
    pub fn field(&mut self, label: &str, text: &str, tone: Tone) {
        let lines = wrap(text, self.columns.saturating_sub(LABEL));
        let label = |at| if at == 0 { label } else { " " };
        self.lines.extend(lines.into_iter().enumerate().map(|(at, text)| (label(at).to_owned(), text, tone)));
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.lines.push((String::new(), String::new(), Tone::Plain));
    }

    /// Where the dialog lies, with so many lines of its own under the page.
    fn place(&self, screen: Rect, under: u16) -> Rect {
        let height = u16::try_from(self.lines.len()).unwrap_or(u16::MAX).saturating_add(under + 2);
        centred(screen, COLUMNS, height)
    }

    /// The first line to show after an action.
    pub fn scrolled(&self, screen: Rect, under: u16, scroll: usize, action: Action) -> usize {
        let rows = usize::from(self.place(screen, under).height.saturating_sub(2 + under)).max(1);
        let last = self.lines.len().saturating_sub(rows);
        let to = match action {
            Action::Up => scroll.saturating_sub(1),
            Action::Down => scroll.saturating_add(1),
            Action::PageUp => scroll.saturating_sub(rows),
            Action::PageDown => scroll.saturating_add(rows),
            Action::First => 0,
            Action::Last => last,
            _ => scroll,
        };
        to.min(last)
    }

    /// Draws the dialog; returns the lines under the page that are the dialog's own.
    pub fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        screen: Rect,
        title: &str,
        scroll: usize,
        under: u16,
    ) -> Rect {
        let place = self.place(screen, under);
        let area = canvas.framed(place, title);
        let rows = area.height.saturating_sub(under);
        for (at, (label, text, tone)) in self.lines.iter().skip(scroll).take(usize::from(rows)).enumerate() {
            let line = row(area, u16::try_from(at).unwrap_or(u16::MAX));
            if label.is_empty() {
                canvas.write(line, text, *tone);
            } else {
                canvas.write(left(line, LABEL - 1), label, Tone::Quiet);
                canvas.write(indent(line, LABEL), text, *tone);
            }
        }
        if self.lines.len() > usize::from(rows) {
            let last = self.lines.len().min(scroll + usize::from(rows));
            let bottom = Rect {
                y: place.bottom().saturating_sub(1),
                height: 1,
                width: place.width.saturating_sub(2),
                ..place
            };
            let position = format!(" {}-{last} of {} ", scroll + 1, self.lines.len());
            canvas.write_right(bottom, &position, Tone::Quiet);
        }
        canvas.set_cursor(area.x, area.y);
        Rect { y: area.y + rows, height: area.height - rows, ..area }
    }
}

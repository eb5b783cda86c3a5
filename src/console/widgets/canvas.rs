//! Where text meets the screen: everything that is drawn goes through here, is made safe and is cut to its place.
//!
//! It must not know what it draws. Nothing outside the buffer is ever written, whatever the size of the terminal.

use crate::{
    sanitise,
    theme::{Theme, Tone},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};
use unicode_width::UnicodeWidthStr;

/// The buffer with the theme, and where the real cursor shall stand.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
    cursor: Option<Position>,
}

impl<'a> Canvas<'a> {
    /// Draws on this buffer.
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Self { buffer, theme, cursor: None }
    }

    /// Writes one line at the left of `place`, cut with an ellipsis where it does not fit; returns the place that is
    /// left to the right of it.
    pub fn write(&mut self, place: Rect, text: &str, tone: Tone) -> Rect {
        let place = place.intersection(self.buffer.area);
        if place.is_empty() || text.is_empty() {
            return place;
        }
        let text = sanitise::line(text);
        let style = self.theme.style(tone);
        let width = usize::from(place.width);
        let cut = text.width() > width;
        let room = if cut { width.saturating_sub(1) } else { width };
        let (mut x, _) = self.buffer.set_stringn(place.x, place.y, &*text, room, style);
        if cut {
            (x, _) = self.buffer.set_stringn(x, place.y, "…", 1, style);
        }
        Rect { x, width: place.right().saturating_sub(x), ..place }
    }

    /// Writes one line at the right of `place`; returns the place that is left to the left of it.
    pub fn write_right(&mut self, place: Rect, text: &str, tone: Tone) -> Rect {
        let width = width(text).min(place.width);
        let x = place.right().saturating_sub(width);
        self.write(Rect { x, width, ..place }, text, tone);
        Rect { width: place.width.saturating_sub(width), ..place }
    }

    /// Blanks a place and draws a frame with a title round it; returns the inside.
    pub fn framed(&mut self, place: Rect, title: &str) -> Rect {
        let place = place.intersection(self.buffer.area);
        self.blank(place);
        if place.width < 4 || place.height < 3 {
            return place;
        }
        let line = "─".repeat(usize::from(place.width) - 2);
        self.write(row(place, 0), &format!("┌{line}┐"), Tone::Quiet);
        self.write(row(place, place.height - 1), &format!("└{line}┘"), Tone::Quiet);
        for y in place.top() + 1..place.bottom() - 1 {
            self.write(Rect { y, width: 1, height: 1, ..place }, "│", Tone::Quiet);
            self.write(Rect { x: place.right() - 1, y, width: 1, height: 1 }, "│", Tone::Quiet);
        }
        let head = row(place, 0);
        self.write(
            Rect { x: head.x + 2, width: head.width - 4, ..head },
            &format!(" {title} "),
            Tone::Strong,
        );
        Rect { x: place.x + 2, y: place.y + 1, width: place.width - 4, height: place.height - 2 }
    }

    /// The `>` before the selected line of a list or form.
    pub fn mark(&mut self, place: Rect, selected: bool) {
        if selected {
            self.write(place, ">", Tone::Strong);
        }
    }

    /// Takes away what stands at a place.
    pub fn blank(&mut self, place: Rect) {
        let place = place.intersection(self.buffer.area);
        let blank = " ".repeat(usize::from(place.width));
        for y in place.top()..place.bottom() {
            self.buffer.set_stringn(place.x, y, &blank, blank.len(), Style::reset());
        }
    }

    /// A line from side to side.
    pub fn rule(&mut self, place: Rect) {
        self.write(place, &"─".repeat(usize::from(place.width)), Tone::Quiet);
    }

    /// Gives a style to what stands at a place already.
    pub fn restyle(&mut self, place: Rect, tone: Tone) {
        let style = self.theme.style(tone);
        self.buffer.set_style(place.intersection(self.buffer.area), style);
    }

    /// Where the real cursor shall stand: on the selection or in the field. The last call wins.
    pub fn set_cursor(&mut self, x: u16, y: u16) {
        let position = Position { x, y };
        self.cursor = self.buffer.area.contains(position).then_some(position);
    }

    /// Where the cursor shall stand, if anywhere.
    pub fn cursor(&self) -> Option<Position> {
        self.cursor
    }
}

/// Columns that a text takes once it is made safe.
pub fn width(text: &str) -> u16 {
    u16::try_from(sanitise::line(text).width()).unwrap_or(u16::MAX)
}

/// Line `n` of an area; empty when the area has no such line.
pub fn row(area: Rect, n: u16) -> Rect {
    if n < area.height {
        Rect { y: area.y + n, height: 1, ..area }
    } else {
        Rect { y: area.bottom(), height: 0, ..area }
    }
}

/// The area from line `n` on.
pub fn below(area: Rect, n: u16) -> Rect {
    let n = n.min(area.height);
    Rect { y: area.y + n, height: area.height - n, ..area }
}

/// The area without its first `n` columns.
pub fn indent(area: Rect, n: u16) -> Rect {
    let n = n.min(area.width);
    Rect { x: area.x + n, width: area.width - n, ..area }
}

/// The first `n` columns of an area.
pub fn left(area: Rect, n: u16) -> Rect {
    Rect { width: n.min(area.width), ..area }
}

/// Breaks text into safe lines of at most `columns`, between words where it can.
pub fn wrap(text: &str, columns: u16) -> Vec<String> {
    wardline_record::wrap(text, usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let mut canvas = Canvas::new(&mut buffer, Theme::Mono);
        canvas.write(Rect::new(2, 0, 40, 1), "abcdef", Tone::Plain);
        canvas.write(Rect::new(0, 5, 40, 1), "below", Tone::Plain);
        canvas.write(Rect::new(9, 0, 40, 1), "beside", Tone::Plain);
        canvas.framed(Rect::new(0, 0, 90, 90), "title");
        canvas.set_cursor(9, 9);
        assert_eq!(canvas.cursor(), None);
    }

    #[test]
    fn what_does_not_fit_shows_that_it_goes_on() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        Canvas::new(&mut buffer, Theme::Mono).write(Rect::new(0, 0, 6, 1), "Tan Mei Ling", Tone::Plain);
        assert_eq!(buffer, Buffer::with_lines(["Tan M…"]));
    }
}

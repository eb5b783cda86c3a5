//! A text field: what is typed, the cursor in it, and the error beside it.
//!
//! It must not know what the text means.

use super::canvas::{Canvas, row};
use crate::{message::Edit, sanitise, theme::Tone};
use ratatui::layout::Rect;
use tui_input::{Input, InputRequest};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use zeroize::Zeroizing;

/// Text that is being typed: one line, at most `limit` characters.
#[derive(Clone, Debug, Default)]
pub struct TextField {
    input: Input,
    limit: usize,
}

/// More than any field of a record may hold: what is too long is told beside the field, not cut in silence.
const LONG: usize = 30_000;

impl TextField {
    /// An empty field for a text whose length is checked when it is left.
    pub fn long() -> Self {
        Self::new("", LONG)
    }

    /// A field with a text in it already.
    pub fn new(text: &str, limit: usize) -> Self {
        Self { input: Input::new(text.to_owned()), limit }
    }

    /// What is in it.
    pub fn value(&self) -> &str {
        self.input.value()
    }

    /// Puts another text in, the cursor behind it.
    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
    }

    /// One step of typing.
    pub fn edit(&mut self, edit: Edit) {
        let request = match edit {
            Edit::Insert(c) if self.input.value().chars().count() < self.limit => InputRequest::InsertChar(c),
            Edit::Insert(_) => return,
            Edit::Backspace => InputRequest::DeletePrevChar,
            Edit::Delete => InputRequest::DeleteNextChar,
            Edit::Left => InputRequest::GoToPrevChar,
            Edit::Right => InputRequest::GoToNextChar,
            Edit::Home => InputRequest::GoToStart,
            Edit::End => InputRequest::GoToEnd,
            Edit::DeleteWord => InputRequest::DeletePrevWord,
            Edit::Clear => InputRequest::DeleteLine,
        };
        self.input.handle(request);
    }

    /// Puts a pasted text in at the cursor, as far as it fits.
    pub fn paste(&mut self, text: &str) {
        let room = self.limit.saturating_sub(self.value().chars().count());
        let added: String = sanitise::pasted(text).chars().take(room).collect();
        let cursor = self.input.cursor();
        let at = self.value().char_indices().nth(cursor).map_or(self.value().len(), |(at, _)| at);
        let mut value = self.value().to_owned();
        value.insert_str(at, &added);
        self.input = Input::new(value).with_cursor(cursor + added.chars().count());
    }

    /// Draws the text over the lines of `place`, scrolled so that the cursor is seen when `focused`.
    pub fn draw(&self, canvas: &mut Canvas<'_>, place: Rect, focused: bool) {
        let columns = usize::from(place.width).max(1);
        let cells = if place.height > 1 {
            Layout::wrapped(self.value(), self.input.cursor(), columns)
        } else {
            Layout::scrolled(self.value(), self.input.cursor(), columns, focused)
        };
        let height = usize::from(place.height).max(1);
        let first = if focused { (cells.cursor.0 + 1).saturating_sub(height) } else { 0 };
        for line in 0..place.height {
            let here = row(place, line);
            let text = cells.lines.get(first + usize::from(line)).map_or("", String::as_str);
            let blank = " ".repeat(columns.saturating_sub(text.width()));
            canvas.write(here, &format!("{text}{blank}"), Tone::Field);
        }
        if focused {
            let x = u16::try_from(cells.cursor.1).unwrap_or(0).min(place.width.saturating_sub(1));
            let y = u16::try_from(cells.cursor.0 - first).unwrap_or(0);
            canvas.set_cursor(place.x + x, place.y + y);
        }
    }
}

/// A text laid out for a field, with the cursor's line and column.
struct Layout {
    lines: Vec<String>,
    cursor: (usize, usize),
}

impl Layout {
    /// One line, moved to the left until the cursor is in it.
    fn scrolled(text: &str, cursor: usize, columns: usize, focused: bool) -> Self {
        let before: usize = text.chars().take(cursor).map(width_of).sum();
        let hidden = if focused { (before + 1).saturating_sub(columns) } else { 0 };
        let mut skipped = 0;
        let mut line = String::new();
        for c in text.chars() {
            if skipped < hidden {
                skipped += width_of(c);
            } else if focused && line.width() + width_of(c) > columns {
                break;
            } else {
                line.push(c);
            }
        }
        Self { lines: vec![line], cursor: (0, before.saturating_sub(skipped)) }
    }

    /// Lines broken between words; a word longer than a line is broken where it must be.
    fn wrapped(text: &str, cursor: usize, columns: usize) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut starts = vec![0];
        let (mut column, mut word) = (0, 0);
        for (at, &c) in chars.iter().enumerate() {
            let start = starts.last().copied().unwrap_or(0);
            if column + width_of(c) > columns && c != ' ' {
                let break_at = if word > start { word } else { at };
                starts.push(break_at);
                column = chars.get(break_at..at).unwrap_or_default().iter().copied().map(width_of).sum();
            }
            column += width_of(c);
            if c == ' ' {
                word = at + 1;
            }
        }
        if cursor == chars.len() && column >= columns {
            starts.push(chars.len());
        }
        let line = starts.iter().rposition(|&start| start <= cursor).unwrap_or(0);
        let start = starts.get(line).copied().unwrap_or(0);
        let column = chars.get(start..cursor).unwrap_or_default().iter().copied().map(width_of).sum();
        let ends = starts.iter().skip(1).copied().chain([chars.len()]);
        let lines = starts.iter().zip(ends);
        let lines =
            lines.map(|(&start, end)| chars.get(start..end).unwrap_or_default().iter().collect::<String>());
        Self { lines: lines.map(|line| line.trim_end().to_owned()).collect(), cursor: (line, column) }
    }
}

fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// A passphrase while it is typed: wiped when dropped, never moved in memory, never printed.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Longest passphrase, bytes: room is taken once so that no copy stays behind when it grows.
    pub const MAX_BYTES: usize = 512;

    /// An empty one.
    pub fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(Self::MAX_BYTES)))
    }

    /// One step of typing: only the end can be changed, since nobody sees the middle.
    pub fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Insert(c) if self.0.len() + c.len_utf8() <= Self::MAX_BYTES => self.0.push(c),
            Edit::Backspace => {
                self.0.pop();
            }
            Edit::Clear | Edit::DeleteWord => self.clear(),
            _ => {}
        }
    }

    /// Appends text, as far as it fits.
    pub fn append(&mut self, text: &str) {
        text.chars().for_each(|c| self.edit(Edit::Insert(c)));
    }

    /// Wipes it.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Becomes the same as another.
    pub fn copy_of(&mut self, other: &Self) {
        self.clear();
        self.append(&other.0);
    }

    /// The bytes, and an empty field behind.
    pub fn take(&mut self) -> wardline_crypto::SecretBytes {
        let taken = std::mem::take(self);
        wardline_crypto::SecretBytes::new(taken.0.as_bytes().to_vec())
    }

    /// Whether the same stands in another.
    pub fn is_same(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One star for each character, from the end as far as they fit.
    pub fn draw(&self, canvas: &mut Canvas<'_>, place: Rect) {
        let room = usize::from(place.width.saturating_sub(1));
        let stars = self.0.chars().count().min(room);
        let text = format!("{}{}", "*".repeat(stars), " ".repeat(usize::from(place.width) - stars));
        canvas.write(place, &text, Tone::Field);
        canvas.set_cursor(place.x + u16::try_from(stars).unwrap_or(0), place.y);
    }
}

impl Default for Passphrase {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;
    use ratatui::{buffer::Buffer, layout::Position};

    fn typed(text: &str, limit: usize) -> TextField {
        let mut field = TextField::new("", limit);
        text.chars().for_each(|c| field.edit(Edit::Insert(c)));
        field
    }

    fn cursor(field: &TextField, width: u16, height: u16) -> (Option<Position>, String) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let area = buffer.area;
        let mut canvas = Canvas::new(&mut buffer, Theme::Mono);
        field.draw(&mut canvas, area, true);
        let position = canvas.cursor();
        (position, buffer.content.iter().map(|cell| cell.symbol()).collect())
    }

    #[test]
    fn the_cursor_stays_in_the_field() {
        assert_eq!(cursor(&typed("mei", 20), 6, 1), (Some(Position::new(3, 0)), "mei   ".into()));
        assert_eq!(cursor(&typed("mei li", 20), 6, 1), (Some(Position::new(5, 0)), "ei li ".into()));
        assert_eq!(cursor(&typed("mei ling", 20), 6, 1), (Some(Position::new(5, 0)), " ling ".into()));
        assert_eq!(cursor(&typed("陳美玲", 20), 5, 1).0, Some(Position::new(4, 0)));
    }

    #[test]
    fn several_lines_break_between_words() {
        assert_eq!(cursor(&typed("mei ling", 20), 6, 2), (Some(Position::new(4, 1)), "mei   ling  ".into()));
        assert_eq!(cursor(&typed("abcdefgh", 20), 6, 2), (Some(Position::new(2, 1)), "abcdefgh    ".into()));
        assert_eq!(cursor(&typed("mei lin", 20), 3, 3), (Some(Position::new(0, 2)), "meilin   ".into()));
        assert_eq!(cursor(&typed("陳美玲", 20), 5, 2).0, Some(Position::new(2, 1)));
        assert_eq!(cursor(&typed("one two three four", 20), 6, 2).1, "three four  ");
    }

    #[test]
    fn the_limit_holds_for_typing_and_pasting() {
        let mut field = typed("abcdef", 4);
        assert_eq!(field.value(), "abcd");
        field.edit(Edit::Backspace);
        field.paste("x\ny\u{202e}z");
        assert_eq!(field.value(), "abcx");
    }

    #[test]
    fn a_passphrase_is_not_shown_and_goes_out_once() {
        let mut passphrase = Passphrase::new();
        passphrase.append("Four words");
        assert_eq!(format!("{passphrase:?}"), "<secret>");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        let area = buffer.area;
        passphrase.draw(&mut Canvas::new(&mut buffer, Theme::Mono), area);
        assert_eq!(buffer.content.iter().map(|cell| cell.symbol()).collect::<String>(), "**********  ");
        assert_eq!(passphrase.take().expose(), b"Four words");
        assert!(passphrase.is_empty());
    }

    #[test]
    fn a_very_long_passphrase_is_cut_instead_of_moved() {
        let mut passphrase = Passphrase::new();
        passphrase.append(&"é".repeat(400));
        assert_eq!(passphrase.take().expose().len(), Passphrase::MAX_BYTES);
    }
}

//! What goes to the terminal: plain 16-colour or mono codes, the shortest cursor motion, one write a frame.
//!
//! crossterm writes 256-colour codes for the basic colours, which old terminals read as "blink"; this backend writes
//! 30–37 and 90–97 and half the bytes. It asks the terminal nothing, ever. As a last guard, no unsafe character
//! passes, whatever drew it.

use crate::sanitise;
use ratatui::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};
use std::io::{self, Write};
use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

/// Which characters the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All.
    Utf8,
    /// ASCII: lines become `+-|`, letters lose their accents, others become `?`.
    Ascii,
}

impl Charset {
    /// By the locale's variables in their order, and for terminals that are known to have only ASCII.
    pub fn of(locale: &[Option<String>], term: &str) -> Self {
        let named =
            locale.iter().flatten().find(|value| !value.is_empty()).map_or("", String::as_str).to_lowercase();
        let utf8 = named.contains("utf-8") || named.contains("utf8");
        let plain = ["vt", "dumb", "ansi"].iter().any(|kind| term.starts_with(kind));
        if utf8 && !plain { Self::Utf8 } else { Self::Ascii }
    }

    /// That of this process' environment.
    pub fn from_environment() -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
        Self::of(&locale, &std::env::var("TERM").unwrap_or_default())
    }
}

type Style = (Color, Color, Modifier);
const PLAIN: Style = (Color::Reset, Color::Reset, Modifier::empty());
const MODIFIERS: [(Modifier, u8); 4] =
    [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)];

/// The backend over a writer.
pub struct Lean<W> {
    writer: W,
    size: fn() -> io::Result<(u16, u16)>,
    charset: Charset,
    out: Vec<u8>,
    style: Style,
    /// Where the terminal's cursor is, as far as it is known.
    at: Option<Position>,
    shown: Option<bool>,
}

impl<W: Write> Lean<W> {
    /// Writes to `writer`; the size is asked of the operating system, never of the terminal.
    pub fn new(writer: W, size: fn() -> io::Result<(u16, u16)>, charset: Charset) -> Self {
        Self { writer, size, charset, out: Vec::new(), style: PLAIN, at: None, shown: None }
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn go(&mut self, to: Position) {
        match self.at {
            Some(at) if at == to => return,
            Some(at) if at.y == to.y && to.x == at.x + 1 => self.push("\x1b[C"),
            Some(at) if at.y == to.y && to.x > at.x => self.push(&format!("\x1b[{}C", to.x - at.x)),
            Some(at) if at.y == to.y && to.x == 0 => self.push("\r"),
            Some(at) if to.x == 0 && to.y == at.y + 1 => self.push("\r\n"),
            _ if to.x == 0 => self.push(&format!("\x1b[{}H", to.y + 1)),
            _ => self.push(&format!("\x1b[{};{}H", to.y + 1, to.x + 1)),
        }
        self.at = Some(to);
    }

    fn dress(&mut self, want: Style) {
        let have = self.style;
        if want == have {
            return;
        }
        let lost = !want.2.contains(have.2)
            || (want.0 == Color::Reset && have.0 != Color::Reset)
            || (want.1 == Color::Reset && have.1 != Color::Reset);
        let base = if lost { PLAIN } else { have };
        let mut codes = Vec::new();
        if lost && want != PLAIN {
            codes.push(0);
        }
        let added = want.2 - base.2;
        codes.extend(
            MODIFIERS.iter().filter(|(modifier, _)| added.contains(*modifier)).map(|&(_, code)| code),
        );
        codes.extend((want.0 != base.0).then(|| basic(want.0)).flatten().map(|code| 30 + code));
        codes.extend((want.1 != base.1).then(|| basic(want.1)).flatten().map(|code| 40 + code));
        let codes: Vec<_> = codes.iter().map(ToString::to_string).collect();
        self.push(&format!("\x1b[{}m", codes.join(";")));
        self.style = want;
    }

    fn symbol(&mut self, symbol: &str) {
        if symbol.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return self.push(symbol);
        }
        let columns = symbol.width().max(1);
        let replaced = if symbol.chars().any(sanitise::is_unsafe) {
            Some("?".repeat(columns))
        } else {
            (self.charset == Charset::Ascii).then(|| ascii(symbol).unwrap_or_else(|| "?".repeat(columns)))
        };
        match replaced {
            Some(text) => self.push(&text),
            None => {
                self.push(symbol);
                // Terminals disagree about the width of some characters: the next motion names its place.
                self.at = None;
            }
        }
    }

    /// Blanks that reach the right margin are one code.
    fn blank_tail(cells: &[(u16, u16, &Cell)], width: u16) -> Option<usize> {
        let &(x, y, _) = cells.first()?;
        let mut next = x;
        for (count, &(cx, cy, cell)) in cells.iter().enumerate() {
            let blank = cell.symbol() == " " && cell.bg == Color::Reset;
            if cy != y
                || cx != next
                || !blank
                || cell.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED)
            {
                return None;
            }
            next += 1;
            if next == width {
                return (count >= 3).then_some(count + 1);
            }
        }
        None
    }
}

/// A terminal that can make itself heard.
pub trait Bell {
    /// Rings once, with the next picture.
    fn ring(&mut self);
}

impl<W: Write> Bell for Lean<W> {
    fn ring(&mut self) {
        self.push("\x07");
    }
}

impl<W: Write> Backend for Lean<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let width = self.size()?.width;
        let cells: Vec<_> = content.collect();
        let mut rest = cells.as_slice();
        while let Some((&(x, y, cell), tail)) = rest.split_first() {
            self.go(Position { x, y });
            if let Some(count) = Self::blank_tail(rest, width) {
                self.dress(PLAIN);
                self.push("\x1b[K");
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            self.dress((cell.fg, cell.bg, cell.modifier));
            self.at = Some(Position { x: x.saturating_add(1), y });
            self.symbol(cell.symbol());
            // At the right margin a terminal may or may not have wrapped.
            if x.saturating_add(1) >= width {
                self.at = None;
            }
            rest = tail;
        }
        self.dress(PLAIN);
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.shown != Some(false) {
            self.push("\x1b[?25l");
            self.shown = Some(false);
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.shown != Some(true) {
            self.push("\x1b[?25h");
            self.shown = Some(true);
        }
        Ok(())
    }

    /// From memory: the terminal is not asked.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.go(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.push("\x1b[m\x1b[H\x1b[2J");
        (self.style, self.at, self.shown) = (PLAIN, Some(Position::ORIGIN), None);
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        // Full screen is the only way in which this console draws.
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = (self.size)()?;
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        self.writer.write_all(&out)?;
        self.writer.flush()
    }
}

/// The code of a basic colour after 30 or 40.
fn basic(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        _ => return None,
    })
}

/// The same in ASCII and of the same width, where there is such.
fn ascii(symbol: &str) -> Option<String> {
    let text = match symbol {
        "│" => "|".to_owned(),
        "─" | "–" | "—" => "-".to_owned(),
        "┌" | "┐" | "└" | "┘" => "+".to_owned(),
        "…" => "~".to_owned(),
        "’" | "‘" => "'".to_owned(),
        "ß" => return None,
        _ => symbol.nfkd().filter(char::is_ascii).collect(),
    };
    (!text.is_empty() && text.width() == symbol.width()).then_some(text)
}

#[cfg(test)]
#[path = "backend/tests.rs"]
mod tests;

//! Styles by meaning. The state itself is always in words; a style only helps to find it.
//!
//! The sixteen colours of every terminal, or none at all (`NO_COLOR`): then bold, underline and inverse remain.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// Help and labels that may recede.
    Quiet,
    /// What must be found first: names, titles.
    Strong,
    /// Checked and right.
    Good,
    /// Works, with a limit that the reader must know.
    Warning,
    /// Wrong, or cannot be shown.
    Bad,
    /// What must not be missed: across the screen, or one cell of many.
    Alarm,
    /// Keys in the footer and in help.
    Key,
    /// The text field that takes what is typed.
    Field,
}

/// How meanings look on this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Sixteen colours.
    Colour,
    /// Bold, underline and inverse only.
    Mono,
}

impl Theme {
    /// Mono when `NO_COLOR` is set to anything, or the terminal has no colours.
    pub fn from_environment() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let term = std::env::var("TERM").unwrap_or_default();
        if no_color || term == "dumb" || term.starts_with("vt1") || term.starts_with("vt2") {
            Self::Mono
        } else {
            Self::Colour
        }
    }

    /// The style for a meaning.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match (self, tone) {
            (_, Tone::Plain) => plain,
            (_, Tone::Strong) => plain.add_modifier(Modifier::BOLD),
            (_, Tone::Field) => plain.add_modifier(Modifier::UNDERLINED),
            (Self::Mono, Tone::Alarm) => plain.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            (Self::Colour, Tone::Alarm) => plain.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            (Self::Mono, Tone::Quiet | Tone::Good) => plain,
            (Self::Mono, Tone::Warning | Tone::Bad | Tone::Key) => plain.add_modifier(Modifier::BOLD),
            (Self::Colour, Tone::Quiet) => plain.fg(Color::DarkGray),
            (Self::Colour, Tone::Good) => plain.fg(Color::Green),
            (Self::Colour, Tone::Warning) => plain.fg(Color::Yellow),
            (Self::Colour, Tone::Bad) => plain.fg(Color::LightRed).add_modifier(Modifier::BOLD),
            (Self::Colour, Tone::Key) => plain.fg(Color::Cyan),
        }
    }
}

//! The one sanitiser for text from outside: records, names, branches' messages, pasted text.
//!
//! A record must not be able to send escape sequences to the terminal, turn a line around, or hide characters from
//! the reader. What could is made visible as `<U+XXXX>` instead of dropped, so that tampering shows. It must not know
//! where a text came from or where it goes.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Combining marks allowed on one character; more would paint over the neighbouring lines.
const MARKS_MAX: usize = 4;

/// One line of text, safe to draw: every character that could command the terminal or deceive the eye is spelled out.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if is_unsafe(c) || marks > MARKS_MAX || (marks > 0 && out.is_empty()) {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
            marks = 0;
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Text that may have line breaks, as safe lines.
pub fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split('\n').map(|part| line(part.strip_suffix('\r').unwrap_or(part)))
}

/// What a paste may put into a field: line breaks and tabs become spaces, whole escape sequences go, and so does
/// everything else unsafe.
pub fn pasted(text: &str) -> String {
    let text = without_sequences(text).replace("\r\n", "\n");
    text.chars()
        .map(|c| if matches!(c, '\r' | '\n' | '\t') { ' ' } else { c })
        .filter(|&c| !is_unsafe(c))
        .collect()
}

/// The text without its escape sequences: CSI up to its final character, OSC and the other strings up to their end.
/// Half a sequence loses its beginning only, so that no text after it is lost.
fn without_sequences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\u{1b}', '\u{9b}', '\u{9d}', '\u{90}']) {
        let (before, sequence) = rest.split_at(at);
        out.push_str(before);
        let mut chars = sequence.chars();
        let kind = match chars.next() {
            Some('\u{1b}') => chars.next(),
            Some('\u{9b}') => Some('['),
            _ => Some(']'),
        };
        let body = chars.as_str();
        rest = match kind {
            Some('[') => after_csi(body),
            Some(']' | 'P' | 'X' | '^' | '_') => after_string(body),
            _ => sequence.strip_prefix('\u{1b}').unwrap_or(body),
        };
    }
    out.push_str(rest);
    out
}

/// What follows a control sequence: parameters, then one final character.
fn after_csi(body: &str) -> &str {
    let rest = body.trim_start_matches(|c| matches!(c, ' '..='?'));
    rest.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(rest)
}

/// What follows a control string: it ends with BEL or ST.
fn after_string(body: &str) -> &str {
    let ends = ["\u{7}", "\u{1b}\\", "\u{9c}"];
    let end = ends.iter().filter_map(|end| body.find(end).map(|at| at + end.len())).min();
    end.and_then(|end| body.get(end..)).unwrap_or(body)
}

/// Whether a typed or drawn character must never reach the terminal as it is.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD                      // soft hyphen
            | 0x034F                    // combining grapheme joiner
            | 0x061C                    // Arabic letter mark
            | 0x115F..=0x1160 | 0x3164 | 0xFFA0 // Hangul fillers
            | 0x17B4..=0x17B5           // Khmer inherent vowels
            | 0x180B..=0x180F           // Mongolian variation selectors and vowel separator
            | 0x200B..=0x200F           // zero-width characters, direction marks
            | 0x2028..=0x202E           // line and paragraph separators, bidi embeddings and overrides
            | 0x2060..=0x206F           // word joiner, invisible operators, bidi isolates
            | 0xFE00..=0xFE0F | 0xFEFF  // variation selectors, byte order mark
            | 0xFFF0..=0xFFFB           // interlinear annotation
            | 0xE000..=0xF8FF | 0xF0000..=0x10FFFF // private use: every font draws something else
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A // shorthand and musical format controls
            | 0xE0000..=0xE0FFF         // tag characters, more variation selectors
        )
        || u32::from(c) & 0xFFFE == 0xFFFE // noncharacters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_foreign_names_stay_as_they_are() {
        for name in ["Tan, Mei Ling", "Çelik", "Nguyễn Thị Ánh", "e\u{301}te\u{301}", "陳美玲", "O'Brien–Łuk"]
        {
            assert_eq!(line(name), name);
        }
    }

    #[test]
    fn what_could_command_or_deceive_is_spelled_out() {
        for (from, shown) in [
            ("\x1b[31mred", "<U+001B>[31mred"),
            ("\u{9b}2Jgone", "<U+009B>2Jgone"),
            ("\x1b]52;c;aGk=\x07", "<U+001B>]52;c;aGk=<U+0007>"),
            ("a\tb\r\nc\0", "a<U+0009>b<U+000D><U+000A>c<U+0000>"),
            ("5 mg\u{202e}gm 05", "5 mg<U+202E>gm 05"),
            ("\u{2066}x\u{2069}", "<U+2066>x<U+2069>"),
            ("Mei\u{200b}Tan", "Mei<U+200B>Tan"),
            ("\u{feff}Tan\u{ad}", "<U+FEFF>Tan<U+00AD>"),
            ("ok\u{e0041}\u{e007f}", "ok<U+E0041><U+E007F>"),
            ("line\u{2028}two", "line<U+2028>two"),
            ("\u{fffe}", "<U+FFFE>"),
            ("\u{301}x", "<U+0301>x"),
        ] {
            assert_eq!(line(from), shown, "{from:?}");
        }
    }

    #[test]
    fn a_pile_of_marks_is_cut() {
        let shown = line("a\u{301}\u{301}\u{301}\u{301}\u{301}b").into_owned();
        assert_eq!(shown, "a\u{301}\u{301}\u{301}\u{301}<U+0301>b");
    }

    #[test]
    fn line_breaks_make_lines() {
        let shown: Vec<_> = lines("one\r\ntwo\n\x1bthree").collect();
        assert_eq!(shown, ["one", "two", "<U+001B>three"]);
    }

    #[test]
    fn a_paste_is_one_line_without_controls() {
        assert_eq!(pasted("Tan\r\nMei\t\x1b[2J\u{202e}x"), "Tan Mei x");
    }

    #[test]
    fn a_paste_loses_whole_escape_sequences() {
        for (from, kept) in [
            ("a\x1b[31mred\x1b[0m b", "ared b"),
            ("\u{9b}1;5Hx", "x"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1bPq\u{9c}x", "x"),
            ("\x1b]unended text", "unended text"),
            ("x\x1b[1;2", "x"),
            ("x\x1b[", "x"),
            ("x\x1b", "x"),
            ("\x1bé\x1b[é", "éé"),
        ] {
            assert_eq!(pasted(from), kept, "{from:?}");
        }
    }
}

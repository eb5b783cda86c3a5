//! Pictures of the screens as SVG, from the same states as the tests.
//!
//! The same state gives the same bytes, so a picture in the repository shows by itself when a screen changed.

use crate::{draw, samples, theme::Theme};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    layout::Position,
    style::{Color, Modifier, Style},
};
use std::fmt::Write;

/// Columns and rows of a picture.
const SIZE: (u16, u16) = (80, 24);
/// Width and height of a cell, and the margin, in tenths of a pixel.
const CELL: (u32, u32) = (84, 170);
const MARGIN: u32 = 80;
const FOREGROUND: &str = "#d4d4d4";
const BACKGROUND: &str = "#1e1e1e";
const PALETTE: [&str; 16] = [
    "#000000", "#cd3131", "#0dbc79", "#e5e510", "#2472c8", "#bc3fbc", "#11a8cd", "#cccccc", "#7f7f7f",
    "#f14c4c", "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff",
];

/// The names of all pictures; a name that ends in `-mono` is without colours.
pub fn screenshot_names() -> Vec<&'static str> {
    samples::NAMES.to_vec()
}

/// One picture as SVG, 80x24. An unknown name gives an empty picture.
pub fn screenshot(name: &str) -> String {
    let theme = if name.ends_with("-mono") { Theme::Mono } else { Theme::Colour };
    let (buffer, cursor) = match samples::model(name.trim_end_matches("-mono")) {
        Some(mut model) => {
            model.theme = theme;
            model.size = SIZE;
            picture(&model)
        }
        None => (Buffer::empty(ratatui::layout::Rect::new(0, 0, SIZE.0, SIZE.1)), None),
    };
    svg(&buffer, cursor)
}

/// What the model looks like at its size, and where the cursor stands.
pub fn picture(model: &crate::model::Model) -> (Buffer, Option<Position>) {
    let (width, height) = model.size;
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let mut cursor = None;
    let Ok(frame) = terminal.draw(|frame| cursor = draw::draw(model, frame));
    (frame.buffer.clone(), cursor)
}

/// A buffer as SVG: one text element for each run of cells in one style.
pub fn svg(buffer: &Buffer, cursor: Option<Position>) -> String {
    let area = buffer.area;
    let tenths = |n: u32| format!("{}.{}", n / 10, n % 10);
    let x_of = |x: u16| MARGIN + u32::from(x) * CELL.0;
    let y_of = |y: u16| MARGIN + u32::from(y) * CELL.1;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}' \
         font-family='DejaVu Sans Mono,monospace' font-size='14'>\n\
         <rect width='100%' height='100%' fill='{BACKGROUND}'/>",
        tenths(x_of(area.width) + MARGIN),
        tenths(y_of(area.height) + MARGIN),
    );
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while let Some(first) = buffer.cell(Position { x, y }) {
            let style = first.style();
            let begin = x;
            let mut text = String::new();
            while let Some(cell) = buffer.cell(Position { x, y }).filter(|cell| cell.style() == style) {
                text.push_str(cell.symbol());
                // A wide character takes the cell after it too.
                x += u16::try_from(unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1)).unwrap_or(1);
            }
            run(&mut out, &text, style, x_of(begin), y_of(y), u32::from(x - begin) * CELL.0);
        }
    }
    if let Some(Position { x, y }) = cursor {
        let (width, height) = (tenths(CELL.0), tenths(CELL.1));
        let (x, y) = (tenths(x_of(x)), tenths(y_of(y)));
        let _ = writeln!(
            out,
            "<rect x='{x}' y='{y}' width='{width}' height='{height}' fill='{FOREGROUND}' fill-opacity='0.45'/>"
        );
    }
    out.push_str("</svg>\n");
    out
}

fn run(out: &mut String, text: &str, style: Style, x: u32, y: u32, width: u32) {
    let tenths = |n: u32| format!("{}.{}", n / 10, n % 10);
    let color = |color: Option<Color>, plain| color.and_then(palette).unwrap_or(plain);
    let (mut foreground, mut background) = (color(style.fg, FOREGROUND), color(style.bg, BACKGROUND));
    if style.add_modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut foreground, &mut background);
    }
    let (left, length) = (tenths(x), tenths(width));
    if background != BACKGROUND {
        let (top, height) = (tenths(y), tenths(CELL.1));
        let _ = writeln!(
            out,
            "<rect x='{left}' y='{top}' width='{length}' height='{height}' fill='{background}'/>"
        );
    }
    if style.add_modifier.contains(Modifier::UNDERLINED) {
        let line = tenths(y + 155);
        let right = tenths(x + width);
        let _ =
            writeln!(out, "<line x1='{left}' y1='{line}' x2='{right}' y2='{line}' stroke='{foreground}'/>");
    }
    if !text.trim().is_empty() {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
        let weight = if style.add_modifier.contains(Modifier::BOLD) { " font-weight='bold'" } else { "" };
        let baseline = tenths(y + 130);
        let _ = writeln!(
            out,
            "<text x='{left}' y='{baseline}' fill='{foreground}' xml:space='preserve' textLength='{length}'{weight}>{escaped}</text>"
        );
    }
}

fn palette(color: Color) -> Option<&'static str> {
    let order = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    order.iter().position(|&known| known == color).and_then(|at| PALETTE.get(at).copied())
}

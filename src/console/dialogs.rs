//! One file for each dialog: its state, what a key does to it, how it is drawn.

use ratatui::layout::Rect;

pub mod alarms;
pub mod bisect;
pub mod cell;
pub mod confirm;
pub mod help;
pub mod lookup;
pub mod staff;

/// A place of this size in the middle of the screen, as large as fits. When only a strip would be left beside it, it
/// takes the whole width: halves of words at its sides only confuse.
pub fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    const STRIP: u16 = 16;
    let width = if width.saturating_add(STRIP) > screen.width { screen.width } else { width };
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    }
}

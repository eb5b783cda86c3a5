//! The full-screen terminal console.
//!
//! A key becomes an [`Action`](message::Action) by the one table of bindings, an action changes the
//! [`Model`](model::Model) and may ask for [`Effect`](effects::Effect)s, an effect comes back as a
//! [`Message`](message::Message); drawing only reads the model. Everything that came from outside passes the
//! sanitiser on its way to the screen. The room stands on the client alone: it cannot reach a node, and nothing in it
//! can show as verified what the client did not verify.
//!
//! | you look for | it is in |
//! |---|---|
//! | terminal in and out, signals, the loop | `run`, `input`, `backend` |
//! | what a key does | `keymap`, then `update` and the screen |
//! | how a screen looks | its file in `screens`, dialogs in `dialogs` |
//! | what comes from the streams, alarms | `watching`, `alarms` |
//! | states for tests and pictures | `samples` |

pub mod alarms;
pub mod backend;
pub mod dialogs;
mod draw;
pub mod effects;
pub mod input;
pub mod keymap;
pub mod message;
pub mod model;
mod run;
pub mod samples;
pub mod screens;
mod screenshot;
pub mod theme;
pub mod update;
pub mod watching;
mod when;
pub mod widgets;

#[cfg(test)]
mod tests;

use wardline_record::sanitise;

pub use run::{ConsoleError, StaffChoice, Start, run};
pub use screenshot::{picture, screenshot, screenshot_names, svg};

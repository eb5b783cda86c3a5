//! One file for each screen: its state, what a key does to it, how it is drawn.

pub mod chain;
pub mod entry;
pub mod history;
pub mod overview;
pub mod patients;
pub mod record;
pub mod unlock;

//! One test crate over the whole house: its walls, a real group of branches, the built program in a terminal.

// a test says what is wrong by failing
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod architecture;
mod audit;
mod bad_input;
mod demo;
mod files;
mod forged;
mod import;
mod main_job;
mod processes;
mod pty;
mod second_verifier;
mod story;
mod tampering;
mod terminal;
mod verify;

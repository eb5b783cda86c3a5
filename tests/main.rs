//! One test crate over the whole house: its walls, a real group of branches, the built program in a terminal.

mod architecture;
mod bad_input;
mod demo;
mod main_job;
mod terminal;

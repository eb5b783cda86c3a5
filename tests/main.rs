//! One test crate over the whole house: its walls, a real group of branches, the built program in a terminal.

mod architecture;

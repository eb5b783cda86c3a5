//! Parts that several screens share. They must not know which screen they are on.

pub mod banner;
pub mod canvas;
pub mod field;
pub mod footer;
pub mod header;
pub mod page;
pub mod patient;
pub mod table;

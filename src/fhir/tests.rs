//! Tests of the room as a whole: its public functions over whole bundles.

mod clinical;
mod data;
mod findings;
mod hostile;
mod large;
mod medicines;
mod public;
mod random;
mod receipts;
mod results;
mod sample;
mod shapes;
mod treatment;
mod visits;

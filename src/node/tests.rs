//! The room's tests: chains in simulated time, and really started networks over TLS.

mod api;
mod asker;
mod between;
mod check;
mod leaders;
mod many;
mod mirror;
mod release;
mod simulated;
mod stream;
mod tips;
mod versions;
mod world;

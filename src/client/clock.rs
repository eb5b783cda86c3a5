//! The time of day, which only callers and this room's edges may read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time of day comes from.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn now_s(&self) -> u64;
}

/// The machine's clock. A clock set before 1970 reads zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

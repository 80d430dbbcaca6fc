//! Time, passed in: the core never reads a clock.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Both kinds of time at one moment. `mono` drives timers and never jumps;
/// `wall` (UTC) goes on records and decides schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for timers.
    pub mono: Instant,
    /// Wall clock time in UTC, for records and schedules.
    pub wall: Timestamp,
}

impl Now {
    /// The moment `by` later on both clocks. Tests and simulation move time with it.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let wall = self.wall.checked_add(by).unwrap_or(Timestamp::MAX);
        Self { mono: self.mono + by, wall }
    }
}

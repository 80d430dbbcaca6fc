//! The one place that reads the clock.

use hotline_core::now::Now;

/// Both clocks, now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Now {
    Now { mono: std::time::Instant::now(), wall: jiff::Timestamp::now() }
}

/// The clock that only runs forward, alone: for the media threads, which ask often and need no time of day.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn mono() -> std::time::Instant {
    std::time::Instant::now()
}

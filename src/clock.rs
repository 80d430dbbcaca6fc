//! The one place that reads the clock.

use hotline_core::now::Now;

/// Both clocks, now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Now {
    Now { mono: std::time::Instant::now(), wall: jiff::Timestamp::now() }
}

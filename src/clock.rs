//! The one place that reads the clock.

use hotline_core::now::Now;

/// Both clocks, now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Now {
    Now { mono: mono(), wall: jiff::Timestamp::now() }
}

/// The clock that only runs forward, alone: for the media threads, which ask often and need no time of day.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn mono() -> std::time::Instant {
    #[cfg(test)]
    if let Some(at) = set::get() {
        return at;
    }
    std::time::Instant::now()
}

/// The clock of a test that moves time by itself: of its own thread only.
#[cfg(test)]
pub mod set {
    use std::cell::Cell;
    use std::time::Instant;

    std::thread_local! {
        static AT: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    /// What this thread reads from now on; `None`: the real clock.
    pub fn to(at: Option<Instant>) {
        AT.set(at);
    }

    pub(super) fn get() -> Option<Instant> {
        AT.get()
    }
}

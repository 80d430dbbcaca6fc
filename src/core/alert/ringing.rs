//! When people are rung about an alert that nobody has.
//!
//! An alert whose call ended without a person taking it rings at once, then again every
//! `ring_again` until someone acknowledges it or it is resolved. While its own call is still
//! running (and hunting for a person), or a round of ringing is under way, it does not ring.
//! A pure question to be asked at every tick; what it leads to is the shell's deed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

#[cfg(test)]
mod tests;

/// People are never rung more often than this, whatever the configuration says.
pub const RING_AGAIN_MIN: Duration = Duration::from_secs(30);

/// The default distance between two rounds.
pub const RING_AGAIN: Duration = Duration::from_mins(5);

/// What decides whether an alert rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ringing {
    /// Somebody has it.
    pub acknowledged: bool,
    /// It is over.
    pub resolved: bool,
    /// Its call still runs, or a round of ringing does.
    pub busy: bool,
    /// Rounds so far.
    pub rings: u32,
    /// When the next round is due; `None`: this alert never rings (test numbers).
    pub next_ring_at: Option<Timestamp>,
}

/// When to ring next after a round that began (or an alert that was opened) at `last`.
pub fn next_ring(last: Timestamp, ring_again: Duration) -> Timestamp {
    last.checked_add(ring_again.max(RING_AGAIN_MIN)).unwrap_or(Timestamp::MAX)
}

/// Whether people are to be rung now.
pub fn is_due(alert: &Ringing, ring_again: Duration, now: Timestamp) -> bool {
    waits(alert).is_some_and(|next| {
        // Nobody was rung yet and its call is over: the caller went away without a person.
        // The last case: the wall clock was set back, and the alert would wait for hours unseen.
        alert.rings == 0 || next <= now || next > next_ring(now, ring_again)
    })
}

/// The earliest moment at which [`is_due`] can become true by itself; `None`: not without an event.
pub fn due_at(alert: &Ringing, now: Timestamp) -> Option<Timestamp> {
    let next = waits(alert)?;
    Some(if alert.rings == 0 { now } else { next })
}

/// Which alerts are to be rung about now: those that nobody was rung about yet, then the longest overdue, so
/// that many old alerts of a night do not delay a new one. `alerts` are pairs of whatever names the alert and
/// its state.
pub fn due<I>(alerts: impl IntoIterator<Item = (I, Ringing)>, ring_again: Duration, now: Timestamp) -> Vec<I> {
    let mut found: Vec<((bool, Option<Timestamp>), I)> = alerts
        .into_iter()
        .filter(|(_, alert)| is_due(alert, ring_again, now))
        .map(|(name, alert)| ((alert.rings > 0, alert.next_ring_at), name))
        .collect();
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, name)| name).collect()
}

/// How long to sleep until the next alert is due; `None`: none waits.
pub fn sleep(alerts: impl IntoIterator<Item = Ringing>, ring_again: Duration, now: Timestamp) -> Option<Duration> {
    alerts
        .into_iter()
        .filter_map(|alert| if is_due(&alert, ring_again, now) { Some(now) } else { due_at(&alert, now) })
        .min()
        .map(|at| now.duration_until(at).max(SignedDuration::ZERO).unsigned_abs())
}

/// The moment it waits for, if it waits for one.
fn waits(alert: &Ringing) -> Option<Timestamp> {
    if alert.acknowledged || alert.resolved || alert.busy {
        return None;
    }
    alert.next_ring_at
}

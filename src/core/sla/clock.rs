//! One promise, measured: how much of its time has passed, when it is due, whether it was kept.

use jiff::{SignedDuration, Timestamp};

use crate::oncall::Calendar;

/// Edges of hours and pauses looked at for one promise at most: some eight a day for two years, the longest that a target may take
/// ([`reached_by`]).
const EDGES_MAX: usize = 6_000;

/// So far ahead a target may lie without any pause, begun at whatever time.
pub const REACHED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 731);

/// Time that does not count: the customer's word or deed is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it; `None`: it goes on.
    pub to: Option<Timestamp>,
}

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Time that has counted, until it was stopped or until now.
    pub elapsed: SignedDuration,
    /// The moment at which all of its time has passed; `None`: a pause goes on, or the hours never open again.
    pub due_at: Option<Timestamp>,
    /// Of its time, in hundredths, rounded down; 100 and more: all of it.
    pub share: u32,
    /// Whether it is kept.
    pub state: State,
}

/// Whether a promise is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its time runs (or waits for the hours to open).
    Running,
    /// The customer is waited for.
    Paused,
    /// Stopped in time.
    Kept,
    /// The moment it was due at has passed before it was stopped.
    Breached,
}

crate::fact::words!(State { Running = "running", Paused = "paused", Kept = "kept", Breached = "breached" });

/// How the promise `target` stands that began at `started`: time counts while `hours` are open (`None`: always) and no pause
/// lies over it. `stopped`: it was done then. Time is that which passed: an hour that the clock on the wall repeats
/// counts, one that it leaves out does not.
///
/// A promise that is due at closing time is broken by the first moment after it, not by the next morning.
pub fn clock(
    target: SignedDuration,
    hours: Option<&Calendar>,
    started: Timestamp,
    pauses: &[Pause],
    stopped: Option<Timestamp>,
    now: Timestamp,
) -> Clock {
    let end = stopped.unwrap_or(now).max(started);
    let elapsed = passed(hours, started, end, pauses);
    let due_at = moment_of(target, hours, started, pauses);
    let waits = pauses.iter().any(|pause| pause.from <= end && pause.to.is_none_or(|to| end < to));
    let state = match (due_at.is_some_and(|due| due < end), stopped) {
        (true, _) => State::Breached,
        (false, Some(_)) => State::Kept,
        (false, None) if waits => State::Paused,
        (false, None) => State::Running,
    };
    Clock { elapsed, due_at, share: share(elapsed, target), state }
}

/// The moment at which `length` of counted time has passed since `started`; `None`: a pause goes on before that, or the hours
/// never open long enough again.
pub fn moment_of(
    length: SignedDuration,
    hours: Option<&Calendar>,
    started: Timestamp,
    pauses: &[Pause],
) -> Option<Timestamp> {
    if length <= SignedDuration::ZERO {
        return Some(started);
    }
    let mut left = length;
    for (from, to) in Counting::new(hours, started, pauses) {
        let there = to.map(|to| from.duration_until(to));
        match there {
            Some(there) if there < left => left -= there,
            Some(_) | None => return from.checked_add(left).ok(),
        }
    }
    None
}

/// When `length` of open hours would have passed that began at `started`, and whether that is within [`REACHED_WITHIN`]; `None`: not in
/// any time that is looked at. A contract is asked this once, before it is kept, so that no clock of it ever looks at more.
pub fn reached_by(length: SignedDuration, hours: &Calendar, started: Timestamp) -> (bool, Option<Timestamp>) {
    let by = moment_of(length, Some(hours), started, &[]);
    (by.is_some_and(|by| started.duration_until(by) <= REACHED_WITHIN), by)
}

/// Counted time between `started` and `end`.
fn passed(hours: Option<&Calendar>, started: Timestamp, end: Timestamp, pauses: &[Pause]) -> SignedDuration {
    let mut sum = SignedDuration::ZERO;
    for (from, to) in Counting::new(hours, started, pauses) {
        if from >= end {
            break;
        }
        sum += from.duration_until(to.map_or(end, |to| to.min(end)));
    }
    sum
}

fn share(elapsed: SignedDuration, target: SignedDuration) -> u32 {
    let (elapsed, target) = (elapsed.as_millis(), target.as_millis());
    if target <= 0 {
        return 100;
    }
    u32::try_from(elapsed.saturating_mul(100) / target).unwrap_or(u32::MAX)
}

/// The stretches in which time counts, in order; the last may have no end.
struct Counting<'a> {
    hours: Option<&'a Calendar>,
    /// In order, without overlap.
    pauses: Vec<Pause>,
    at: Option<Timestamp>,
    /// Edges that are still looked at.
    left: usize,
}

impl<'a> Counting<'a> {
    fn new(hours: Option<&'a Calendar>, started: Timestamp, pauses: &[Pause]) -> Self {
        let mut pauses: Vec<Pause> =
            pauses.iter().filter(|pause| pause.to.is_none_or(|to| to > pause.from)).copied().collect();
        pauses.sort_unstable_by_key(|pause| pause.from);
        Self { hours, pauses, at: Some(started), left: EDGES_MAX }
    }

    /// Whether the hours are open at `at`, and until when it stays like that; `None`: for ever.
    fn hours_at(&self, at: Timestamp) -> (bool, Option<Timestamp>) {
        self.hours.map_or((true, None), |hours| (hours.is_open(at), hours.next_edge(at)))
    }

    /// The first moment at or after `at` over which no pause lies; `None`: there is none.
    fn behind_pauses(&self, mut at: Timestamp) -> Option<Timestamp> {
        for pause in &self.pauses {
            if pause.from <= at && pause.to.is_none_or(|to| at < to) {
                at = pause.to?;
            }
        }
        Some(at)
    }
}

impl Iterator for Counting<'_> {
    type Item = (Timestamp, Option<Timestamp>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            let at = self.behind_pauses(self.at?)?;
            let (open, edge) = self.hours_at(at);
            if !open {
                // No edge any more: closed for ever.
                self.at = edge;
                edge?;
                continue;
            }
            let pause = self.pauses.iter().map(|pause| pause.from).find(|from| *from > at);
            let to = [edge, pause].into_iter().flatten().min();
            self.at = to;
            return Some((at, to));
        }
        None
    }
}

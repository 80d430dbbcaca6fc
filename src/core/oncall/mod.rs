//! Who is on call: pure functions of a schedule and a moment.
//!
//! A weekly rotation with hand-off time, time zone and overrides; layers,
//! restrictions and absences come with the on-call issue.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::directory::Destination;
use crate::ids::{ScheduleId, UserId};

/// A rota.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Configured name.
    pub id: ScheduleId,
    /// As shown.
    pub name: String,
    /// The rotation below the overrides.
    pub rotation: Rotation,
    /// Somebody else for a while; where two overlap the later in the list wins.
    pub overrides: Vec<Override>,
}

/// People who take turns. Hand-off k is the local wall clock `start` plus k weeks
/// in `time_zone`: a gap moves it to the first instant after, a repeated hour means its first.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// In the order of their turns. Empty: nobody.
    pub members: Vec<UserId>,
    /// Length of a turn in weeks, at least 1.
    pub weeks: u32,
    /// The first hand-off, local. The rotation reaches back before it too.
    pub start: DateTime,
    /// Zone of `start`.
    pub time_zone: TimeZone,
}

/// Somebody else for a while: `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Who takes over.
    pub user: UserId,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Why, as the operator wrote it.
    pub reason: String,
}

/// Who is to be called now: the person on call first, then the rest of the
/// rotation in the order of their coming turns.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCall {
    /// First choice first.
    pub people: Vec<OnCallPerson>,
    /// Why these, or why nobody: which schedule, which rule, since when.
    pub why: String,
}

/// One person to call.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCallPerson {
    /// Who.
    pub user: UserId,
    /// Where, in the order to try.
    pub phones: Vec<Destination>,
    /// Language that the hotline speaks to this person.
    pub language: crate::directory::Language,
    /// Why this person stands here ("on call by `on-call` until Mon 2026-11-30 09:00 Europe/Berlin").
    pub why: String,
}

/// Who is on call by `schedule` at the moment `at`.
pub fn on_call(_schedule: &Schedule, _directory: &crate::directory::Directory, _at: Timestamp) -> OnCall {
    todo!("rules")
}

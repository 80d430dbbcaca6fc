//! How an alert finds somebody: the policy's steps, one after the other, until a human has it.
//!
//! Pure: [`advance`] is asked when [`Progress::due`] has come (or whenever something happened to the alert), and says
//! what to keep, whom to notify, and when to ask again. Asked again with the same state it says the same, so a crash
//! between asking and keeping loses and repeats nothing: the shell keeps facts, notifications and progress in one
//! transaction.

use std::time::Duration;

use jiff::Timestamp;

mod after;
mod beside;
mod choose;
mod outlook;
mod route;
mod targets;
#[cfg(test)]
mod tests;
mod walk;

pub use after::{Settled, after, settle};
pub use beside::beside;
pub use choose::{choose, choose_for};
pub use outlook::outlook;

use crate::alert::{Alert, Urgency};
use crate::directory::{Contact, Destination, Directory};
use crate::fact::{Fact, Priority};
use crate::ids::{ChannelId, PolicyId, ScheduleId, TeamId, UserId};
use crate::notify::Planned;

/// Steps to be taken, one after the other, until somebody has the alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Configured name.
    pub id: PolicyId,
    /// As shown.
    pub name: String,
    /// In order; at least one.
    pub steps: Vec<Step>,
    /// How many more times all steps are gone through when the last has passed.
    pub repeat: u32,
    /// An alert acknowledged so long ago and still open escalates anew; `None`: never.
    pub unacknowledge_after: Option<Duration>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who is told, all at once.
    pub targets: Vec<Target>,
    /// How long they have before the next step.
    pub wait: Duration,
    /// Only for these priorities; empty: all.
    pub priorities: Vec<Priority>,
    /// Only for alerts of this urgency (support hours); `None`: both.
    pub urgency: Option<Urgency>,
}

/// Who is told by a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever is on call by this schedule.
    Schedule(ScheduleId),
    /// One person.
    User(UserId),
    /// Everybody of a team.
    Team(TeamId),
    /// A chat room, mailbox or receiver.
    Channel(ChannelId),
    /// A telephone that belongs to nobody here (a partner's hotline).
    Number(Destination),
}

/// How far an alert's escalation is. Kept with the alert's row, one column for each field.
///
/// Who keeps it (`store`) writes what [`advance`] and [`after`] say, and by itself only two things:
/// - a fact touches the alert without passing through [`after`] (journal, events of tools): `look` becomes the fact's
///   moment. `due` is never touched by that: the wait of a step is honoured, and a look too early is harmless;
/// - `Fact::AlertRings` is drained (people were rung while the database was away): `due` becomes the later of `due`
///   and its `next_at`.
///
/// Which alerts are asked about, and when next, follows `look` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How often the escalation has begun anew (un-acknowledged, urgency rose, given to somebody): part of the
    /// notifications' keys, so that a second first step is not taken for the first one.
    pub cycle: u32,
    /// Passes through the policy that were begun: 0 before the first step.
    pub round: u32,
    /// Index of the next step to do, from 0.
    pub step: u32,
    /// When that step is due; `None` while nobody has the alert: now.
    pub due: Option<Timestamp>,
    /// When to ask [`advance`] again; `None`: not without an event. A new row begins with its own moment.
    pub look: Option<Timestamp>,
}

/// What [`advance`] says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Advance {
    /// To be kept, in order, each with its why.
    pub facts: Vec<(Fact, String)>,
    /// To be sent.
    pub notify: Vec<Planned>,
    /// From now on.
    pub progress: Progress,
}

/// A call that still looks for a person keeps its alert from escalating so long; then something is wrong with it (its node
/// died, it is stuck), and people are told beside it.
pub const CALL_PATIENCE: Duration = Duration::from_mins(30);

/// A step gives people at least so long, whatever the policy says.
pub const WAIT_MIN: Duration = Duration::from_secs(1);

/// To whom an alert was given has at least so long before the next step.
pub const ASSIGNED_WAIT: Duration = Duration::from_mins(5);

/// Whether a contact can be reached now (a phone is registered, a trunk is up, a provider is configured).
pub type Reach<'a> = &'a dyn Fn(&Contact) -> bool;

/// What is to be done about the alert at `now`. Nothing is due: no facts, and only `look` may move.
///
/// In order: resolved → nothing, ever. Snoozed → wake it when the time has come. Acknowledged → un-acknowledge when the policy's
/// time is over. Its own call still runs (and looks for a person) → wait for its end, [`CALL_PATIENCE`] at most. Low urgency that
/// has become high → begin anew. Triggered and due → the next step whose priorities and urgency fit; a step that reaches nobody
/// (no one on call, nobody with a reachable verified contact) is told as `NobodyReached` and the next one is taken at once; at
/// the end of the last round → `Exhausted`, once. An alert of high urgency is never given up: the whole policy is gone through
/// again and again, `ring_again` after each end. Low urgency waits for support hours or an event.
///
/// An alert without policy (calls on a number with only a schedule) behaves as a policy of one step: that schedule, `ring_again`
/// apart, for ever.
pub fn advance(
    alert: &Alert,
    directory: &Directory,
    reach: Reach<'_>,
    ring_again: Duration,
    now: Timestamp,
) -> Advance {
    walk::Walk::new(alert, directory, reach, ring_again, now).done()
}

/// A duration in words: `90 s`, `5 min`, `2 h`.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..7_200 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200.. if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        7_200.. => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// `at` plus `wait`; the end of the calendar instead of a fault.
fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

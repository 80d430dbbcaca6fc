//! How an alert finds somebody: the policy's steps, one after the other, until a human has it.
//!
//! Pure: [`advance`] is asked when [`Progress::due`] has come (or whenever something happened to the alert), and says
//! what to keep, whom to notify, and when to ask again. Asked again with the same state it says the same, so a crash
//! between asking and keeping loses and repeats nothing: the shell keeps facts, notifications and progress in one
//! transaction.

use std::time::Duration;

use jiff::Timestamp;

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

/// Whether a contact can be reached now (a phone is registered, a trunk is up, a provider is configured).
pub type Reach<'a> = &'a dyn Fn(&Contact) -> bool;

/// What is to be done about the alert at `now`. Nothing is due: no facts, the same progress.
///
/// In order: resolved → nothing, ever. Snoozed → wake it when the time has come. Acknowledged → un-acknowledge when the policy's
/// time is over. Its own call still runs (and looks for a person) → ask again at `due`. Triggered and due → the next step whose
/// priorities and urgency fit; a step that reaches nobody (no one on call, nobody with a reachable verified contact) is told as
/// `NobodyReached` and the next one is taken at once; at the end of the last round → `Exhausted`, once.
/// An alert without policy (calls on a number with only a schedule) behaves as a policy of one step: that schedule, `ring_again`
/// apart, for ever.
pub fn advance(
    alert: &Alert,
    directory: &Directory,
    reach: Reach<'_>,
    ring_again: Duration,
    now: Timestamp,
) -> Advance {
    let _ = (alert, directory, reach, ring_again, now);
    todo!("core/escalation")
}

/// How the escalation goes on after facts that were just decided about the alert (acknowledged: stops, or waits for the
/// un-acknowledge time; handed back, escalate: due now, behind the step that was last; snoozed: at its end; opened: due now).
/// `alert` is its state with those facts applied.
pub fn after(alert: &Alert, fact: &Fact, directory: &Directory, now: Timestamp) -> Progress {
    let _ = (fact, directory, now);
    let _ = alert;
    todo!("core/escalation: after a fact")
}

/// Which policy an alert escalates by, and why: by number, service, customer, default.
pub fn choose(alert: &Alert, directory: &Directory) -> (Option<PolicyId>, String) {
    let _ = (alert, directory);
    todo!("core/escalation: choice of the policy")
}

/// What happens next, for people: "step 2, Ben Clarke by schedule `second`, at …" and that moment.
pub fn outlook(
    alert: &Alert,
    directory: &Directory,
    ring_again: Duration,
    now: Timestamp,
) -> (String, Option<Timestamp>) {
    let _ = (alert, directory, ring_again, now);
    todo!("core/escalation: outlook")
}

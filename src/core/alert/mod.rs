//! Alerts: what somebody must take care of.
//!
//! [`Alert`] is everything that decides; [`intake`] says what an event of a monitoring tool (or a call) does,
//! [`command`] what a person's word does, [`urgency`] how loud it may be. All pure: they return [`Change`]s, which the
//! shell keeps as facts. When people are told is [`crate::escalation`]'s part, how is [`crate::notify`]'s.

pub mod change;
pub mod command;
pub mod intake;
pub mod ringing;
mod state;
#[cfg(test)]
mod tests;
pub mod urgency;

use jiff::Timestamp;

use crate::escalation::Progress;
use crate::fact::Priority;
use crate::ids::{AlertId, CallId, CustomerId, NumberId, PolicyId, ServiceId, SourceId, UserId};
use crate::incident::Began;
use crate::private::Private;

pub use change::Change;
pub use command::{Command, Refusal};
pub use ringing::{RING_AGAIN, RING_AGAIN_MIN, Ringing, due, due_at, is_due, next_ring, sleep};

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody has it.
    Triggered,
    /// Somebody has it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// How loud it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    /// Wakes people.
    High,
    /// Waits for the morning.
    Low,
}

/// Everything about an alert that decides what happens to it next.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Which.
    pub id: AlertId,
    /// Short number, spoken and written (digits; alerts of calls share their call's).
    pub reference: String,
    /// Where it stands.
    pub status: Status,
    /// How important.
    pub priority: Priority,
    /// How loud.
    pub urgency: Urgency,
    /// One line.
    pub title: String,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// The hotline number rung, where it came from a call.
    pub number: Option<NumberId>,
    /// The call it came from.
    pub call: Option<CallId>,
    /// That call still runs: it is looking for a person itself.
    pub call_running: bool,
    /// The caller's number.
    pub caller: Option<Private<String>>,
    /// The tool it came from.
    pub source: Option<SourceId>,
    /// The tool's own key of the fault, trimmed, lower case, at most 255 characters.
    pub dedup_key: Option<String>,
    /// What groups it with others.
    pub group_key: Option<String>,
    /// The alert it was merged into; such an alert is resolved.
    pub merged_into: Option<AlertId>,
    /// Events it has swallowed, the first included.
    pub events: u32,
    /// The person it was given to.
    pub assigned: Option<UserId>,
    /// Quiet until then.
    pub snoozed_until: Option<Timestamp>,
    /// The policy it escalates by; `None`: its number's schedule, again and again.
    pub policy: Option<PolicyId>,
    /// When the fault began, and who knows; `None`: nobody.
    pub began: Option<Began>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When somebody took it.
    pub acknowledged_at: Option<Timestamp>,
    /// When an event or call last added to it.
    pub last_event_at: Timestamp,
    /// How far its escalation is.
    pub progress: Progress,
}

crate::fact::words!(Status { Triggered = "triggered", Acknowledged = "acknowledged", Resolved = "resolved" });
crate::fact::words!(Urgency { High = "high", Low = "low" });

//! What an event of a tool does: opens an alert, joins one, or ends one.

use jiff::Timestamp;

use super::{Alert, Urgency};
use crate::directory::{AlertSource, Directory};
use crate::fact::{Fact, Priority};
use crate::ids::{AlertId, CustomerId, PolicyId, ServiceId};
use crate::private::Private;

/// What the tool wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// There is a fault.
    Trigger,
    /// Somebody works on it, says the tool.
    Acknowledge,
    /// It is over.
    Resolve,
}

crate::fact::words!(Action { Trigger = "trigger", Acknowledge = "acknowledge", Resolve = "resolve" });

/// One event, as the tool's own module understood it. Texts are trimmed and cut to size already.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What the tool wants.
    pub action: Action,
    /// One line, 1 to 300 characters.
    pub title: String,
    /// More, at most 8,000 characters.
    pub details: Option<Private<String>>,
    /// The tool's key of the fault (normalised by [`dedup_key`]).
    pub dedup_key: Option<String>,
    /// What groups it.
    pub group_key: Option<String>,
    /// Priority, where the tool says one.
    pub priority: Option<Priority>,
    /// Customer, where the payload says one; it is in the directory.
    pub customer: Option<CustomerId>,
    /// Service, where the payload says one; it is in the directory.
    pub service: Option<ServiceId>,
    /// When the fault began, by the tool.
    pub began_at: Option<Timestamp>,
    /// A page about it.
    pub link: Option<String>,
}

/// Where an event belongs, before it is known whether an alert is open: one look-up for many events.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// How it escalates, and why by this policy.
    pub policy: Option<PolicyId>,
    /// How important.
    pub priority: Priority,
    /// How loud, by support hours and maintenance.
    pub urgency: Urgency,
    /// What groups it with others (`None`: nothing does): the source's window is on and the event has a group key, or a
    /// customer or service.
    pub group_key: Option<String>,
    /// Which rules led to all that, one sentence.
    pub why: String,
}

/// A key trimmed, lower case, cut to 255 characters; empty is none (PagerDuty's rule, case folded).
pub fn dedup_key(text: &str) -> Option<String> {
    let key: String = text.trim().to_lowercase().chars().take(255).collect();
    (!key.is_empty()).then_some(key)
}

/// Where the event belongs.
pub fn route(event: &Event, source: &AlertSource, directory: &Directory, now: Timestamp) -> Route {
    let _ = (event, source, directory, now);
    todo!("core/alert: routing")
}

/// What the event leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// A new alert, with this id.
    Open {
        /// Its facts, `Change::Received` first.
        facts: Vec<(Fact, String)>,
    },
    /// It belongs to an open alert.
    Join {
        /// Which.
        alert: AlertId,
        /// Its facts; empty: only the counter moves (a storm does not fill the timeline).
        facts: Vec<(Fact, String)>,
    },
    /// An open alert is over, or somebody has it.
    Settle {
        /// Which.
        alert: AlertId,
        /// Its facts.
        facts: Vec<(Fact, String)>,
    },
    /// Nothing to do: resolve without an open alert. Never an error that makes a tool try again.
    Nothing,
}

/// What the event does. `same`: the open alert of this source with the same dedup key; `group`: the youngest open alert of
/// the same group key that was opened (or last joined) within the source's window. `reference`: a free short number.
pub fn decide(
    event: &Event,
    route: &Route,
    source: &AlertSource,
    same: Option<&Alert>,
    group: Option<&Alert>,
    reference: &str,
    now: Timestamp,
) -> Decision {
    let _ = (event, route, source, same, group, reference, now);
    todo!("core/alert: deduplication and grouping")
}

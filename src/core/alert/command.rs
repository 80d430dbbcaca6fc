//! What people do to an alert.

use jiff::Timestamp;

use super::{Alert, Change};
use crate::directory::Directory;
use crate::fact::{Actor, Fact, Priority};
use crate::ids::{AlertId, UserId};
use crate::private::Private;

/// A person's word.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// "I have it."
    Acknowledge,
    /// "It is over."
    Resolve,
    /// "I can't keep it": nobody has it, escalation begins anew with those behind me.
    HandBack,
    /// "The next step, now."
    Escalate,
    /// "You take it."
    Assign(UserId),
    /// "Quiet until then."
    Snooze(Timestamp),
    /// "This is the same as that one."
    Merge(AlertId),
    /// "Remember this."
    Comment(Private<String>),
    /// Another priority or title.
    Describe {
        /// New priority.
        priority: Option<Priority>,
        /// New title.
        title: Option<String>,
    },
}

/// Why a command is not carried out; each a stable word for the API and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is over.
    #[error("the alert is resolved; open a new one if the fault is back")]
    Resolved,
    /// The person is not in the directory.
    #[error("`{0}` is no user here; see /api/v1/users")]
    UnknownUser(UserId),
    /// In the past, or more than 31 days away.
    #[error("`until` must lie between now and 31 days from now")]
    Snooze,
    /// Into itself, or into a resolved one.
    #[error("an alert can be merged only into another open alert")]
    Merge,
    /// Nobody has it.
    #[error("nobody has the alert, so it can't be handed back")]
    NotTaken,
    /// Empty or too long.
    #[error("a comment has 1 to 4,000 characters")]
    Comment,
}

/// What the word leads to, in order, each with its `why`; empty: it is so already (acknowledging an acknowledged
/// alert is fine). The caller applies the facts and asks [`crate::escalation::after`] how the escalation goes on.
pub fn carry_out(
    alert: &Alert,
    command: &Command,
    by: &Actor,
    directory: &Directory,
    now: Timestamp,
) -> Result<Vec<(Fact, String)>, Refusal> {
    let _ = (alert, command, by, directory, now, Change::Woke);
    todo!("core/alert: commands")
}

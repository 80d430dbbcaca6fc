//! The timeline of an incident: what happened, in order, with its reason.

use jiff::Timestamp;

use crate::fact::Actor;
use crate::private::Private;

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// Stable word (`incident.phase`).
    pub kind: &'static str,
    /// What happened, a sentence without private data.
    pub what: String,
    /// Why, a sentence; empty where `what` says it all.
    pub why: String,
    /// What somebody wrote or said.
    pub text: Option<Private<String>>,
}

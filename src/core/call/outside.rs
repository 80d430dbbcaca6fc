//! What a call learns from, and says to, the rest of the house: open reports, alerts to be read out, what came
//! of a notification by telephone.

use jiff::Timestamp;

use crate::alert::Urgency;
use crate::directory::{Destination, Language};
use crate::fact::Priority;
use crate::ids::{AlertId, IncidentId, RecordingId, UserId};
use crate::private::Private;

/// A report that somebody made by telephone and that is not over yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// Its alert.
    pub alert: AlertId,
    /// The digits that its caller was told.
    pub reference: String,
    /// Since when.
    pub opened: Timestamp,
    /// Somebody has it.
    pub taken: bool,
    /// Who, where that is known: is called first when the caller rings again.
    pub by: Option<UserId>,
    /// What was said so far.
    pub recordings: Vec<RecordingId>,
}

/// An open incident as it was published to the caller's customer. Its words are in the caller's language, in pieces that the voice has
/// spoken beforehand where it could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIncident {
    /// Which.
    pub id: IncidentId,
    /// What people call it (`INC-1001`), for the record.
    pub reference: String,
    /// Its title for customers.
    pub title: Vec<Private<String>>,
    /// Since when.
    pub since: Timestamp,
    /// The latest update.
    pub update: Vec<Private<String>>,
    /// An SMS can be sent to this caller: else it is not offered.
    pub can_tell: bool,
}

/// An open alert as an engineer on the telephone hears it.
#[derive(Debug, Clone, PartialEq)]
pub struct LineAlert {
    /// Which.
    pub id: AlertId,
    /// Spoken.
    pub reference: String,
    /// Spoken by the voice.
    pub title: String,
    /// How important.
    pub priority: Priority,
    /// How loud.
    pub urgency: Urgency,
    /// The customer's name, spoken.
    pub customer: Option<String>,
    /// Somebody has it.
    pub taken: bool,
    /// Since when.
    pub opened: Timestamp,
    /// Which runbook helps, spoken by the voice.
    pub runbook: Option<String>,
    /// What its caller said.
    pub recordings: Vec<RecordingId>,
    /// Where its caller can be rung back; `Err`: why not.
    pub callback: Result<Destination, String>,
}

/// Whom one phone is rung for, and about what.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeAlert {
    /// Which.
    pub id: AlertId,
    /// Spoken.
    pub reference: String,
    /// Spoken by the voice.
    pub title: String,
    /// How important.
    pub priority: Option<Priority>,
    /// The customer's name, spoken.
    pub customer: Option<String>,
    /// Which runbook helps, spoken by the voice.
    pub runbook: Option<String>,
    /// What its caller said.
    pub recordings: Vec<RecordingId>,
}

/// A notification by telephone: one phone, once.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeTo {
    /// Whom.
    pub person: Option<UserId>,
    /// Where.
    pub destination: Destination,
    /// In which language.
    pub language: Language,
    /// About what; empty: a test, or `text`.
    pub alerts: Vec<NoticeAlert>,
    /// A code (digits) or words of the voice, where it is not about alerts.
    pub text: Option<Private<String>>,
    /// A caller waits for somebody to take the (first) alert now.
    pub caller_waits: bool,
}

/// What came of a notification by telephone. Answered is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// 1: they have it.
    Acknowledged,
    /// 2: the next step, please.
    Escalate,
    /// 3, and they are joined with the caller.
    Joined,
    /// A person heard it and took nothing.
    Heard,
    /// Nobody answered, or whatever answered pressed no key.
    NoAnswer,
    /// Busy, or a live caller needed the phone.
    Busy,
    /// Could not be rung: why, without numbers.
    Unreachable(String),
}

//! A notification by telephone: one call of our own to one phone.

use hotline_core::directory::{Destination, Language};
use hotline_core::ids::{AlertId, RecordingId, UserId};

use super::Switch;

/// What a person is rung about.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneNotice {
    /// Whom.
    pub user: Option<UserId>,
    /// Where.
    pub destination: Destination,
    /// In which language.
    pub language: Language,
    /// The alerts it is about, the carrier first. Empty: a test or a code.
    pub alerts: Vec<SpokenAlert>,
    /// Said after the key, where it is not about alerts (a verification code's digits, "this is a test").
    pub text: Option<String>,
}

/// What is said about an alert after the key.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenAlert {
    /// Which.
    pub id: AlertId,
    /// Spoken.
    pub reference: String,
    /// Spoken by the voice (title, priority, customer), in the receiver's language where prompts exist.
    pub title: String,
    /// `P1` …
    pub priority: String,
    /// Spoken.
    pub customer: Option<String>,
    /// What its caller said.
    pub recordings: Vec<RecordingId>,
}

/// What came of the call. Answered is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneAnswer {
    /// 1: they have it.
    Acknowledged,
    /// 2: the next step, please.
    Escalate,
    /// 3: they were joined to the caller who was waiting (and have it).
    Joined,
    /// A key was pressed (test, code heard), but nothing taken.
    Heard,
    /// Rung, not answered, or answered by whatever presses no key.
    NoAnswer,
    /// Busy.
    Busy,
    /// Not registered, trunk down: with the remedy, no numbers.
    Unreachable(String),
}

impl Switch {
    /// Rings and waits for what comes of it; as long as a phone rings and a person listens, at most three minutes. Acknowledging and escalating
    /// is done by the caller of this (`deliver`), through `Switch::command`.
    pub async fn phone(&self, notice: PhoneNotice) -> PhoneAnswer {
        let _ = notice;
        todo!("switch/phone")
    }

    /// Whether this destination can be dialled from this node now; else why not.
    pub fn can_dial(&self, destination: &Destination) -> Result<(), String> {
        let _ = destination;
        todo!("switch/phone")
    }
}

//! What a try leads to. Pure.

use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Address;
use hotline_core::notify::retry_after;
use jiff::Timestamp;

use super::super::phone::PhoneAnswer;
use crate::notify::SendError;
use crate::store::notifications::Tried;

/// Nodes that are asked to ring a phone which is not registered here.
const NODES: u32 = 2;

/// How one try went.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Came {
    /// It is over.
    Over(NotifyOutcome, String),
    /// It can't be delivered, ever.
    Failed(String),
    /// Not now; what the other side asked for.
    Later(String, Option<Duration>),
    /// Not from this node.
    Elsewhere(String),
}

impl From<SendError> for Came {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Later { reason, after } => Self::Later(reason, after),
            SendError::Never(reason) => Self::Failed(reason),
        }
    }
}

/// What came of a call. Answered is not accepted, and a mailbox presses no key.
pub(super) fn of_call(answer: PhoneAnswer, attempts: u32) -> Came {
    let over = |outcome, note: &str| Came::Over(outcome, note.to_owned());
    match answer {
        PhoneAnswer::Acknowledged => over(NotifyOutcome::Answered, "key 1: taken"),
        PhoneAnswer::Escalate => over(NotifyOutcome::Answered, "key 2: the next step"),
        PhoneAnswer::Joined => over(NotifyOutcome::Answered, "key 3: joined to the caller"),
        PhoneAnswer::Heard => over(NotifyOutcome::Answered, "heard, nothing taken"),
        PhoneAnswer::NoAnswer => over(NotifyOutcome::NoAnswer, "rang, and nobody pressed a key"),
        PhoneAnswer::Busy => over(NotifyOutcome::NoAnswer, "busy"),
        PhoneAnswer::Unreachable(reason) if attempts < NODES => Came::Elsewhere(reason),
        PhoneAnswer::Unreachable(reason) => Came::Failed(reason),
    }
}

/// What is kept of it. `attempts`: with this one.
pub(super) fn after(came: Came, address: &Address, attempts: u32, at: Timestamp) -> Tried {
    match came {
        Came::Over(outcome, note) => Tried::Done(outcome, note),
        Came::Failed(reason) => Tried::Done(NotifyOutcome::Failed, reason),
        Came::Elsewhere(reason) => Tried::Elsewhere(reason),
        Came::Later(reason, asked) => match retry_after(address, attempts.max(1)) {
            Some(wait) => Tried::Again(at + wait.max(asked.unwrap_or_default()), reason),
            None => Tried::Done(NotifyOutcome::Failed, format!("{reason}; given up after {attempts} tries")),
        },
    }
}

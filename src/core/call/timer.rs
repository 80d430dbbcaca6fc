//! Why a call wakes up.

use std::time::Instant;

use crate::ids::{LegId, RecordingId};

use super::command::{DialId, PlayId};

/// A named reason to wake. A call has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The whole wait of the flow is over: on to the last resort.
    Budget,
    /// The caller pressed nothing.
    NoInput,
    /// The next digit of a number did not come.
    InterDigit,
    /// A phone rang long enough.
    Ring,
    /// The engineer answered but pressed nothing (a mailbox does neither).
    Accept,
    /// Time for a word to the waiting caller.
    Comfort,
    /// Nobody accepted within the connect node's own budget.
    Connect,
    /// A command was not answered; the machine goes on without.
    Stuck,
}

/// The answer to a command that a call waits for; [`Timer::Stuck`] stands for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// `CallerAnswered`.
    Answer,
    /// `PlayEnded`.
    Played { leg: LegId, play: PlayId },
    /// `RecordEnded`.
    Recorded { recording: RecordingId },
    /// `OnCallFound`.
    Found { dial: DialId },
    /// `KnownFound`.
    Known { dial: DialId },
    /// `OpenAlertsFound`.
    Alerts { dial: DialId },
    /// `Ordered`.
    Ordered { dial: DialId },
    /// `JoinAnswered`.
    Join { leg: LegId },
    /// A supervisor's phone to be answered.
    Supervisor { leg: LegId },
    /// `LegEnded` after we ended it.
    HungUp { leg: LegId },
}

/// When an awaited answer counts as lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard {
    pub(crate) awaited: Awaited,
    pub(crate) at: Instant,
}

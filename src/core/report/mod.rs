//! What happened over a time, in figures: how soon faults were noticed, answered and over, how promises were kept, what the hotline
//! did, what only made noise. Pure; the shells bring the rows.
//!
//! What is not known is counted apart and is part of no mean: a fault whose beginning nobody knows was not noticed "at once".

mod customer;
mod figures;
mod groups;
mod once;
mod readiness;
#[cfg(test)]
mod tests;
mod words;

use jiff::{SignedDuration, Timestamp};

use crate::fact::{Priority, words};
use crate::sla::{End, Promise};

pub use customer::{Facts, Told, Wording, paper, told};
pub use figures::{Compliance, Hotline, Noise, Stats, compliance, hotline, noise, stats};
pub use groups::{Step, by, periods, priorities};
pub use once::once;
pub use readiness::{Known, Lack, Missing, readiness, stale_pages};
pub use words::words_kept;

/// An alert or incident as reports count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Short number.
    pub reference: String,
    /// Whose; empty: nobody's.
    pub customer: String,
    /// Of which service; empty: of none.
    pub service: String,
    /// From which tool; empty: from a call or by hand.
    pub source: String,
    /// How important.
    pub priority: Priority,
    /// When the fault began: by the payload, the caller, or a person. `None`: nobody knows.
    pub began: Option<Timestamp>,
    /// When it became known here.
    pub opened: Timestamp,
    /// When somebody first had it.
    pub answered: Option<Timestamp>,
    /// When it was over.
    pub over: Option<Timestamp>,
    /// Events it has swallowed.
    pub events: u32,
    /// It was merged into another: that one is counted.
    pub merged: bool,
}

/// Which time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// From the beginning of the fault until it was known here (MTTD).
    Detect,
    /// From then until somebody had it (MTTA).
    Acknowledge,
    /// From then until it was over (MTTR).
    Resolve,
}
words!(Measure { Detect = "mttd", Acknowledge = "mtta", Resolve = "mttr" });

impl Measure {
    /// The time of one case; `None`: not known, or not come to it yet.
    pub fn of(self, case: &Case) -> Option<SignedDuration> {
        let (from, to) = match self {
            Self::Detect => (case.began?, case.opened),
            Self::Acknowledge => (case.opened, case.answered?),
            Self::Resolve => (case.opened, case.over?),
        };
        // A beginning after the end is a clock that goes wrong somewhere: nobody knows.
        Some(from.duration_until(to)).filter(|length| !length.is_negative())
    }
}

/// A promise as reports count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Id of the alert or incident.
    pub id: String,
    /// The fault: the incident to which the alert belongs, else what it is about itself.
    pub fault: String,
    /// Whose.
    pub customer: String,
    /// By which contract.
    pub sla: String,
    /// Which promise.
    pub promise: Promise,
    /// For which priority.
    pub priority: Priority,
    /// What was promised.
    pub target: SignedDuration,
    /// Counted time.
    pub elapsed: SignedDuration,
    /// Since when.
    pub started: Timestamp,
    /// By which moment it falls into a period: when the first clock of its fault began ([`once`]).
    pub counts_at: Timestamp,
    /// How it ended; `None`: it is still measured.
    pub end: Option<End>,
    /// It was due and not done.
    pub breached: bool,
}

impl Kept {
    /// Whether it was kept; `None`: it is open, or counts no more.
    pub const fn verdict(&self) -> Option<bool> {
        match (self.end, self.breached) {
            (Some(End::Void), _) | (None, false) => None,
            (Some(End::Late), _) | (None, true) => Some(false),
            (Some(End::Kept), _) => Some(true),
        }
    }
}

/// A call as reports count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Whose; empty: nobody's.
    pub customer: String,
    /// When it came.
    pub started: Timestamp,
    /// When a person had the caller.
    pub taken: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<crate::fact::Outcome>,
}

//! What was promised to a customer: how soon somebody answers, how soon it is over, how often the customer is told.
//!
//! A contract ([`Sla`]) has targets by priority; [`clock`] measures one promise in the contract's hours. Pure: which clocks
//! run, and what is written down when one warns, is the shells' part.

mod choose;
mod clock;
mod document;
#[cfg(test)]
mod tests;
mod watch;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::directory::Directory;
use crate::fact::{Priority, words};
use crate::ids::{CalendarId, CustomerId, SlaId};
use crate::incident::Severity;
use crate::oncall::Calendar;

pub use choose::{contract, update_interval};
pub use clock::{Clock, Pause, REACHED_WITHIN, State, clock, moment_of, reached_by};
pub use document::document;
pub use watch::{End, Look, Measured, Subject, Terms, look, promised, standing};

/// A contract of service levels with one customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sla {
    /// Configured name.
    pub id: SlaId,
    /// As shown.
    pub name: String,
    /// With whom.
    pub customer: CustomerId,
    /// Only for services of this category; `None`: for whatever has no contract of its own.
    pub category: Option<String>,
    /// When its clocks run; `None`: always.
    pub calendar: Option<CalendarId>,
    /// The zone in which the calendar's times are meant; `None`: the calendar's own.
    pub time_zone: Option<TimeZone>,
    /// What was promised, by priority.
    pub targets: BTreeMap<Priority, Targets>,
    /// Shares of a target, in hundredths, at which people are warned: ascending, each once, 1 to 99.
    pub warn_at: Vec<u32>,
    /// What else stands in the contract, plain text.
    pub terms: Option<String>,
}

/// Between whom a contract is, by the names that they had when it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parties {
    /// Who promises; `None`: the configuration names no `company`.
    pub provider: Option<String>,
    /// To whom.
    pub customer: String,
}

/// What was promised for one priority. `None`: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Targets {
    /// Until somebody has it.
    pub response: Option<SignedDuration>,
    /// Until it is over.
    pub resolution: Option<SignedDuration>,
    /// Between two words to the customer.
    pub update: Option<SignedDuration>,
}

/// Which promise a clock measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// Until somebody has it.
    Response,
    /// Until it is over.
    Resolution,
    /// Until the customer of an incident hears of it again. It has no clock of its own: the incident's clock reminds of it, and
    /// reports count it from what was said.
    Update,
}
words!(Promise { Response = "response", Resolution = "resolution", Update = "update" });

impl Promise {
    /// Those that have clocks.
    pub const CLOCKS: [Self; 2] = [Self::Response, Self::Resolution];
}

impl Targets {
    /// The time that a promise gives.
    pub const fn of(&self, promise: Promise) -> Option<SignedDuration> {
        match promise {
            Promise::Response => self.response,
            Promise::Resolution => self.resolution,
            Promise::Update => self.update,
        }
    }
}

impl Sla {
    /// The hours in which its clocks run, in its own zone; `None`: always.
    pub fn hours<'a>(&self, directory: &'a Directory) -> Option<Cow<'a, Calendar>> {
        let calendar = directory.calendars.get(self.calendar.as_ref()?)?;
        Some(match &self.time_zone {
            Some(zone) if *zone != calendar.time_zone => {
                Cow::Owned(Calendar { time_zone: zone.clone(), ..calendar.clone() })
            }
            Some(_) | None => Cow::Borrowed(calendar),
        })
    }

    /// What it promises for a priority.
    pub fn targets(&self, priority: Priority) -> Targets {
        self.targets.get(&priority).copied().unwrap_or_default()
    }
}

/// The priority whose targets hold for an incident.
pub const fn priority_of(severity: Severity) -> Priority {
    match severity {
        Severity::Critical => Priority::P1,
        Severity::Major => Priority::P2,
        Severity::Minor => Priority::P3,
        Severity::None => Priority::P4,
    }
}

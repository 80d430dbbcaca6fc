//! Incidents: what is wrong (or will be worked on), whom it touches, and what customers are told about it.
//!
//! An incident is one disturbance for many customers; each of them sees only its own services. Nothing reaches a
//! customer but published [`Update`]s, the public title and the state of services: titles, alerts, roles, tasks and
//! comments are the MSP's own.

pub mod change;
pub mod clock;
pub mod command;
mod line;
pub mod message;
pub mod open;
pub mod preview;
pub mod publish;
mod refusal;
pub mod rules;
mod seen;
#[cfg(test)]
mod tests;
pub mod usual;

use jiff::Timestamp;

use crate::directory::{Directory, Language};
use crate::fact::{Actor, words};
use crate::ids::{AlertId, CallId, CustomerId, DrillId, IncidentId, RecordingId, ServiceId, UpdateId, UserId};
use crate::private::Private;

pub use change::Change;
pub use command::{By, Command, Deed, Setting, carry_out, is_better};
pub use line::Line;
pub use open::{AlertSeen, Opening, join, open};
pub use publish::Draft;
pub use refusal::Refusal;
pub use rules::{Rules, Template};
pub use seen::Seen;

/// Everything that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its identity.
    pub id: IncidentId,
    /// What people call it: `INC-1001`.
    pub reference: String,
    /// Disturbance or planned work.
    pub kind: Kind,
    /// One line for the MSP's own people; never shown to customers.
    pub title: String,
    /// One line for customers; they see it once an update is published to them. `None`: none has been written yet.
    pub public_title: Option<String>,
    /// The same title in other languages; who reads none of them gets `public_title`.
    pub public_titles: Vec<(Language, String)>,
    /// How bad it is.
    pub severity: Severity,
    /// How bad it was at worst since the last word went out: who makes it milder does not take the second person away with it.
    pub worst: Severity,
    /// How far it is.
    pub phase: Phase,
    /// Services that are touched, each once.
    pub affected: Vec<Affected>,
    /// Customers that are touched beside the owners of `affected`.
    pub customers: Vec<CustomerId>,
    /// Who does what (`lead`, `communication`, `scribe`, or a name of one's own), each role once.
    pub roles: Vec<(String, UserId)>,
    /// What is to be done.
    pub tasks: Vec<Task>,
    /// The alerts it was opened from or that joined.
    pub alerts: Vec<AlertId>,
    /// Calls about it.
    pub calls: Vec<CallId>,
    /// What customers are told, oldest first; drafts too.
    pub updates: Vec<Update>,
    /// When the fault began, if anybody knows.
    pub began: Option<Began>,
    /// When somebody first noticed: the first alert or call, else `opened_at`.
    pub detected_at: Timestamp,
    /// When the incident was opened.
    pub opened_at: Timestamp,
    /// Who opened it.
    pub opened_by: Actor,
    /// When it came into `Resolved` or `Completed`; `None` while it is open.
    pub resolved_at: Option<Timestamp>,
    /// Planned work: from, until.
    pub scheduled: Option<(Timestamp, Timestamp)>,
    /// Planned work begins and ends at its times without anybody's word.
    pub by_itself: bool,
    /// It is an exercise: never shown to customers, never counted in reports.
    pub drill: Option<DrillId>,
    /// When customers must be told something again, by the strictest of their SLAs; `None`: no clock runs.
    pub update_due: Option<Timestamp>,
    /// How far the reminders about `update_due` have gone: 0 none, 1 reminded, 2 warned.
    pub update_told: u8,
    /// Callers who want to hear when it is over (numbers for an SMS), each once.
    pub tell_when_over: Vec<Private<String>>,
    /// Every customer that it ever touched or told, sorted: it holds words about each of them. Grows only.
    pub ever: Vec<CustomerId>,
    /// What callers said to be added to it, oldest first.
    pub additions: Vec<Addition>,
    /// Counts every change; a write names the version it saw.
    pub version: i64,
}

/// What a caller said about it on the telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The recording.
    pub recording: RecordingId,
    /// The call it was said on.
    pub call: CallId,
    /// Its words stand on the timeline.
    pub heard: bool,
}

/// Disturbance or planned work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something does not work.
    Fault,
    /// Planned work.
    Maintenance,
}
words!(Kind { Fault = "fault", Maintenance = "maintenance" });

/// How bad it is for customers; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Everything stands still (targets of P1).
    Critical,
    /// Important parts do not work (P2).
    Major,
    /// An inconvenience (P3).
    Minor,
    /// Nothing that a customer would notice (P4).
    None,
}
words!(Severity { Critical = "critical", Major = "major", Minor = "minor", None = "none" });

/// How far it is, as statuspage.io's users know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The cause is looked for.
    Investigating,
    /// The cause is known.
    Identified,
    /// It should be good; watched.
    Monitoring,
    /// Over.
    Resolved,
    /// Planned work that has not begun.
    Scheduled,
    /// Planned work that goes on.
    InProgress,
    /// Planned work that is being checked.
    Verifying,
    /// Planned work that is done.
    Completed,
}
words!(Phase {
    Investigating = "investigating", Identified = "identified", Monitoring = "monitoring", Resolved = "resolved",
    Scheduled = "scheduled", InProgress = "in_progress", Verifying = "verifying", Completed = "completed",
});

/// What a service does meanwhile; statuspage.io's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// It works.
    Operational,
    /// It is being worked on.
    UnderMaintenance,
    /// Slow, or with faults.
    DegradedPerformance,
    /// For some, or in part.
    PartialOutage,
    /// Not at all.
    MajorOutage,
}
words!(Impact {
    Operational = "operational", UnderMaintenance = "under_maintenance", DegradedPerformance = "degraded_performance",
    PartialOutage = "partial_outage", MajorOutage = "major_outage",
});

/// A service that is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Which.
    pub service: ServiceId,
    /// How, now.
    pub impact: Impact,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// What.
    pub text: String,
    /// Who.
    pub owner: Option<UserId>,
    /// When it was done, and by whom.
    pub done: Option<(Timestamp, Actor)>,
}

/// What customers are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Its identity.
    pub id: UpdateId,
    /// When it was written; once published: when that was.
    pub at: Timestamp,
    /// Who wrote it. Never shown to customers.
    pub by: Actor,
    /// The phase that it tells (the incident's from its publishing on).
    pub phase: Phase,
    /// The title that goes out with it; `None`: the incident's.
    pub heading: Option<Heading>,
    /// The words.
    pub text: String,
    /// The same words in other languages; who reads none of them gets `text`.
    pub translations: Vec<(Language, String)>,
    /// Who may read it; empty: every customer who is touched.
    pub customers: Vec<CustomerId>,
    /// What the services were like at that moment.
    pub affected: Vec<Affected>,
    /// The customers that were named beside their owners at that moment.
    pub named: Vec<CustomerId>,
    /// Draft, waiting for a second person, or out.
    pub state: UpdateState,
}

/// A title for customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// As who reads none of the others gets it.
    pub title: String,
    /// The same in other languages, each once.
    pub others: Vec<(Language, String)>,
}

impl From<&str> for Heading {
    fn from(title: &str) -> Self {
        Self { title: title.to_owned(), others: Vec::new() }
    }
}

/// Whether customers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateState {
    /// Being written.
    Draft,
    /// Somebody else has to look at it first.
    Review,
    /// Out since, released by.
    Published {
        /// When.
        at: Timestamp,
        /// Who released it.
        by: Actor,
    },
    /// Not sent: the reviewer said no, or it was overtaken.
    Withdrawn {
        /// Who.
        by: Actor,
    },
}

/// When the fault began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Began {
    /// When.
    pub at: Timestamp,
    /// Who knows.
    pub origin: Origin,
}

/// Where the beginning of a fault comes from. Never invented: unknown stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The monitoring tool's payload.
    Payload,
    /// The caller's "since when".
    Caller,
    /// A person wrote it down.
    Person,
}
words!(Origin { Payload = "payload", Caller = "caller", Person = "person" });

impl Origin {
    /// Whose word it is, in a sentence.
    pub const fn whose(self) -> &'static str {
        match self {
            Self::Payload => "the monitoring",
            Self::Caller => "the caller",
            Self::Person => "a person",
        }
    }
}

impl Phase {
    /// Nothing follows any more.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Resolved | Self::Completed => true,
            Self::Investigating
            | Self::Identified
            | Self::Monitoring
            | Self::Scheduled
            | Self::InProgress
            | Self::Verifying => false,
        }
    }
}

impl Phase {
    /// Whether incidents of this kind come through it.
    pub const fn is_of(self, kind: Kind) -> bool {
        match self {
            Self::Investigating | Self::Identified | Self::Monitoring | Self::Resolved => matches!(kind, Kind::Fault),
            Self::Scheduled | Self::InProgress | Self::Verifying | Self::Completed => matches!(kind, Kind::Maintenance),
        }
    }
}

impl Incident {
    /// Whether a second person must look at what goes out.
    pub fn needs_review(&self, rules: &Rules) -> bool {
        rules.review.contains(&self.severity) || rules.review.contains(&self.worst)
    }

    /// An update of it.
    pub fn update(&self, id: UpdateId) -> Option<&Update> {
        self.updates.iter().find(|update| update.id == id)
    }

    /// A task of it.
    pub fn task(&self, number: u32) -> Option<&Task> {
        self.tasks.iter().find(|task| task.number == number)
    }

    /// Something of it is out.
    pub fn is_published(&self) -> bool {
        self.updates.iter().any(|update| matches!(update.state, UpdateState::Published { .. }))
    }

    /// Whether it goes on (or is still to come).
    pub const fn is_open(&self) -> bool {
        !self.phase.is_over()
    }

    /// The customers who are touched: owners of the services, those who use shared services, those named. Sorted, each once.
    pub fn touched(&self, directory: &Directory) -> Vec<CustomerId> {
        let mut all: Vec<CustomerId> = self.customers.clone();
        for affected in &self.affected {
            match directory.services.get(&affected.service).map(|service| &service.customer) {
                Some(Some(owner)) => all.push(owner.clone()),
                // A shared service is everybody's.
                Some(None) => all.extend(directory.customers.keys().cloned()),
                None => {}
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The touched services that this customer may see: its own and the shared ones.
    pub fn services_of<'a>(&'a self, customer: &CustomerId, directory: &Directory) -> Vec<&'a Affected> {
        let visible = |affected: &&Affected| {
            let service = directory.services.get(&affected.service);
            service.is_some_and(|service| service.customer.as_ref().is_none_or(|owner| owner == customer))
        };
        self.affected.iter().filter(visible).collect()
    }

    /// What this customer may read, oldest first: published, and meant for it when it went out. Nothing of a drill.
    pub fn published_to<'a>(&'a self, customer: &CustomerId, directory: &Directory) -> Vec<&'a Update> {
        let mut read = Vec::new();
        if self.drill.is_some() {
            return read;
        }
        for update in self.updates.iter().filter(|update| update.is_published()) {
            if update.was_for(customer, directory, !read.is_empty()) {
                read.push(update);
            }
        }
        read
    }

    /// The public title in this language, if it was written in it; else as it is.
    pub fn title_in(&self, language: &Language) -> Option<&str> {
        in_language(&self.public_titles, language).or(self.public_title.as_deref())
    }

    /// Since when, as customers are told it everywhere: planned work from its time on; a fault since it began if anybody knows
    /// that, else since the first word about it that they read (`told`), else since it was noticed. A fault did not begin after
    /// the first word about it.
    pub fn since(&self, told: Option<Timestamp>) -> Timestamp {
        let began = self.began.as_ref().map(|began| began.at);
        match (self.kind, self.scheduled, began, told) {
            (Kind::Maintenance, Some((from, _)), _, _) => from,
            (_, _, Some(began), Some(told)) => began.min(told),
            (_, _, Some(began), None) => began,
            (_, _, None, Some(told)) => told,
            (_, _, None, None) => self.detected_at,
        }
    }
}

/// The words of this language among translations, by its whole tag, else by its main part.
pub(crate) fn in_language<'a>(translations: &'a [(Language, String)], language: &Language) -> Option<&'a str> {
    let main = |language: &Language| language.0.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let exact = translations.iter().find(|(known, _)| known == language);
    let close = || translations.iter().find(|(known, _)| main(known) == main(language));
    exact.or_else(close).map(|(_, words)| words.as_str())
}

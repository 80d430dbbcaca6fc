//! What is known, and nothing else.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::draft::is_german;
use super::telling::Teller;
use crate::directory::Directory;
use crate::fact::Actor;
use crate::ids::UpdateId;
use crate::incident::{Incident, Kind, Origin, Severity, UpdateState};
use crate::private::Private;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What, in one sentence, without the words of callers.
    pub what: String,
}

/// An entry of a timeline, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Stable word of what it is (`alert-acknowledged`).
    pub kind: String,
    /// In one sentence.
    pub what: String,
    /// What somebody wrote.
    pub text: Option<Private<String>>,
}

/// Who noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// A tool, by its name.
    Monitoring(String),
    /// A caller, by the reference of the call.
    Call(String),
    /// Somebody who opened the incident by hand.
    Person,
}

/// That somebody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When: an alert's opening, a call's beginning.
    pub at: Timestamp,
    /// Who.
    pub by: Noticed,
}

/// A message about it to somebody outside, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// About which update.
    pub update: Option<UpdateId>,
    /// To a caller who had asked for it.
    pub to_caller: bool,
    /// It did not arrive.
    pub failed: bool,
}

/// What the store knows beside the incident itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Its own timeline and those of its alerts and calls.
    pub said: &'a [Said],
    /// Its alerts and calls.
    pub seen: &'a [Seen],
    /// The messages about it.
    pub sent: &'a [Sent],
}

/// An incident as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// `INC-1001`.
    pub reference: String,
    /// The MSP's own title.
    pub title: String,
    /// What customers were told it is.
    pub public_title: Option<String>,
    /// Planned work.
    pub planned: bool,
    /// How bad.
    pub severity: Severity,
    /// When it began, and where that is known from.
    pub began: Option<(Timestamp, Origin)>,
    /// When somebody noticed.
    pub detected: Timestamp,
    /// By a tool, a call or a person.
    pub detected_by: Option<Noticed>,
    /// When the first person had it.
    pub taken: Option<Timestamp>,
    /// When customers were first told.
    pub first_told: Option<Timestamp>,
    /// How often.
    pub told: usize,
    /// Messages to customers about it that did not arrive.
    pub undelivered: usize,
    /// When it was over.
    pub resolved: Option<Timestamp>,
    /// Names of the services that were touched.
    pub services: Vec<String>,
    /// Names of the customers who were touched.
    pub customers: Vec<String>,
    /// Alerts and calls.
    pub alerts: usize,
    /// Calls.
    pub calls: usize,
    /// Tasks: text, done.
    pub tasks: Vec<(String, bool)>,
    /// Oldest first, for the MSP's own people.
    pub timeline: Vec<Moment>,
    /// The same without names of people and without what anybody wrote.
    pub bare: Vec<Moment>,
    /// An exercise.
    pub drill: bool,
    /// In which zone times are written.
    pub zone: TimeZone,
}

impl Facts {
    /// From the beginning (from the detection, where that is not known) to the end.
    pub fn duration(&self) -> Option<SignedDuration> {
        let from = self.began.map_or(self.detected, |(at, _)| at.min(self.detected));
        self.resolved.map(|end| end.duration_since(from))
    }

    /// A time as it is written, in the facts' zone.
    pub fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M").to_string()
    }
}

/// A length of time in words of hours and minutes (`2 h 5 min`, `40 s`).
pub fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What is known of an incident; its timeline is told in this language.
pub fn facts(incident: &Incident, known: &Known<'_>, directory: &Directory, zone: &TimeZone, language: &str) -> Facts {
    let named = |id: &crate::ids::CustomerId| {
        directory.customers.get(id).map_or_else(|| id.0.clone(), |customer| customer.name.clone())
    };
    let services = incident.affected.iter().map(|affected| {
        directory.services.get(&affected.service).map_or_else(|| affected.service.0.clone(), |known| known.name.clone())
    });
    let published: Vec<Timestamp> = incident
        .updates
        .iter()
        .filter_map(|update| match &update.state {
            UpdateState::Published { at, .. } => Some(*at),
            UpdateState::Draft | UpdateState::Review | UpdateState::Withdrawn { .. } => None,
        })
        .collect();
    let taken = |entry: &&Said| entry.kind == "alert-acknowledged" || entry.kind == "leg-accepted";
    let (detected, detected_by) = first_seen(incident, known.seen);
    let german = is_german(language);
    let told = |people| Teller { incident, directory, zone, language, german, people }.timeline(known);
    Facts {
        reference: incident.reference.clone(),
        title: incident.title.clone(),
        public_title: incident.public_title.clone(),
        planned: incident.kind == Kind::Maintenance,
        severity: incident.severity,
        began: incident.began.as_ref().map(|began| (began.at, began.origin)),
        detected,
        detected_by,
        taken: known.said.iter().filter(taken).map(|entry| entry.at).min(),
        first_told: published.iter().min().copied(),
        told: published.len(),
        undelivered: known.sent.iter().filter(|sent| sent.failed && !sent.to_caller).count(),
        resolved: incident.resolved_at,
        services: services.collect(),
        customers: incident.touched(directory).iter().map(named).collect(),
        alerts: incident.alerts.len(),
        calls: incident.calls.len(),
        tasks: incident.tasks.iter().map(|task| (task.text.clone(), task.done.is_some())).collect(),
        timeline: told(true),
        bare: told(false),
        drill: incident.drill.is_some(),
        zone: zone.clone(),
    }
}

/// When it was first noticed, and by whom. What came in first noticed it; a person did who opened it by hand before anything came
/// in. An alert that joined later may be older than the incident.
fn first_seen(incident: &Incident, seen: &[Seen]) -> (Timestamp, Option<Noticed>) {
    let first = seen.iter().min_by_key(|seen| seen.at);
    let by_hand = match &incident.opened_by {
        Actor::Person(_) | Actor::Login(_) => Some(Noticed::Person),
        Actor::Token(_) | Actor::System => None,
    };
    match first {
        Some(first) if first.at <= incident.opened_at => (first.at.min(incident.detected_at), Some(first.by.clone())),
        Some(first) if by_hand.is_none() => (incident.detected_at, Some(first.by.clone())),
        Some(_) | None => (incident.detected_at, by_hand),
    }
}

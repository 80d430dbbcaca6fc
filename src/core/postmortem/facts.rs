//! What is known, and nothing else.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::directory::Directory;
use crate::incident::{Incident, Kind, Origin, Severity, UpdateState};

/// Entries of a timeline that a postmortem keeps at most.
const MOMENTS_MAX: usize = 300;

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
    pub detected_by: Option<String>,
    /// When the first person had it.
    pub taken: Option<Timestamp>,
    /// When customers were first told.
    pub first_told: Option<Timestamp>,
    /// How often.
    pub told: usize,
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
    /// Oldest first.
    pub timeline: Vec<Moment>,
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

    /// A day and time as it is written.
    pub fn moment(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
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

/// What is known of an incident. `said`: its own timeline and those of its alerts and calls.
pub fn facts(incident: &Incident, said: &[Said], directory: &Directory, zone: &TimeZone) -> Facts {
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
    let mut sorted: Vec<&Said> = said.iter().collect();
    sorted.sort_by_key(|entry| entry.at);
    Facts {
        reference: incident.reference.clone(),
        title: incident.title.clone(),
        public_title: incident.public_title.clone(),
        planned: incident.kind == Kind::Maintenance,
        severity: incident.severity,
        began: incident.began.as_ref().map(|began| (began.at, began.origin)),
        detected: incident.detected_at,
        detected_by: match (incident.calls.is_empty(), incident.alerts.is_empty()) {
            (false, _) => Some("call".to_owned()),
            (true, false) => Some("alert".to_owned()),
            (true, true) => None,
        },
        taken: sorted.iter().find(|entry| taken(entry)).map(|entry| entry.at),
        first_told: published.iter().min().copied(),
        told: published.len(),
        resolved: incident.resolved_at,
        services: services.collect(),
        customers: incident.touched(directory).iter().map(named).collect(),
        alerts: incident.alerts.len(),
        calls: incident.calls.len(),
        tasks: incident.tasks.iter().map(|task| (task.text.clone(), task.done.is_some())).collect(),
        timeline: timeline(&sorted),
        drill: incident.drill.is_some(),
        zone: zone.clone(),
    }
}

/// What is worth telling, each once; where it is too much, its beginning and its end.
fn timeline(sorted: &[&Said]) -> Vec<Moment> {
    let worth = |entry: &&&Said| !matches!(entry.kind.as_str(), "leg-started" | "leg-ringing" | "leg-ended" | "step");
    let mut moments: Vec<Moment> =
        sorted.iter().filter(worth).map(|entry| Moment { at: entry.at, what: entry.what.clone() }).collect();
    moments.dedup();
    if moments.len() > MOMENTS_MAX {
        let end = moments.split_off(moments.len() - MOMENTS_MAX / 2);
        moments.truncate(MOMENTS_MAX / 2);
        moments.extend(end);
    }
    moments
}

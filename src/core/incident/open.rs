//! A new incident: by hand, from alerts, from calls.

use jiff::Timestamp;

use super::command::{
    By, Command, Deed, Setting, bounded, deed, fits_plan, known_customers, services, title_of, titles_of,
};
use super::{Affected, Began, Change, Impact, Incident, Kind, Origin, Phase, Refusal, Severity};
use crate::directory::Language;
use crate::fact::Priority;
use crate::ids::{AlertId, CallId, CustomerId, DrillId, IncidentId, ServiceId};

/// What it begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Its identity.
    pub id: IncidentId,
    /// Disturbance or planned work.
    pub kind: Kind,
    /// The inner title; `None`: the first alert's.
    pub title: Option<String>,
    /// The title for customers.
    pub public_title: Option<String>,
    /// The same in other languages.
    pub public_titles: Vec<(Language, String)>,
    /// How bad; `None`: by its most urgent alert, else minor.
    pub severity: Option<Severity>,
    /// Services beside those of its alerts.
    pub affected: Vec<Affected>,
    /// Customers beside those of its alerts without a service.
    pub customers: Vec<CustomerId>,
    /// The alerts it is opened from.
    pub alerts: Vec<AlertSeen>,
    /// Calls about it, each with its start.
    pub calls: Vec<(CallId, Timestamp)>,
    /// When the fault began, by whoever knows.
    pub began: Option<Began>,
    /// Planned work: from, until.
    pub scheduled: Option<(Timestamp, Timestamp)>,
    /// It begins and ends by itself.
    pub by_itself: bool,
    /// An exercise.
    pub drill: Option<DrillId>,
}

/// What an alert tells about the incident.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSeen {
    /// Which.
    pub id: AlertId,
    /// Its title.
    pub title: String,
    /// How urgent.
    pub priority: Priority,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Since when, and who knows.
    pub began: Option<Began>,
    /// Its call.
    pub call: Option<CallId>,
    /// It is part of an exercise.
    pub drill: bool,
}

impl Opening {
    /// With nothing but its identity and kind.
    pub const fn new(id: IncidentId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            title: None,
            public_title: None,
            public_titles: Vec::new(),
            severity: None,
            affected: Vec::new(),
            customers: Vec::new(),
            alerts: Vec::new(),
            calls: Vec::new(),
            began: None,
            scheduled: None,
            by_itself: false,
            drill: None,
        }
    }
}

impl Severity {
    /// What an alert of this priority means for customers, until somebody says it better.
    pub const fn of(priority: Priority) -> Self {
        match priority {
            Priority::P1 => Self::Critical,
            Priority::P2 => Self::Major,
            Priority::P3 => Self::Minor,
            Priority::P4 | Priority::P5 => Self::None,
        }
    }

    /// How a service is shown at first.
    pub const fn impact(self) -> Impact {
        match self {
            Self::Critical => Impact::MajorOutage,
            Self::Major => Impact::PartialOutage,
            Self::Minor => Impact::DegradedPerformance,
            Self::None => Impact::Operational,
        }
    }
}

/// What it means that this alert belongs to the incident: it joins, and what is known of its beginning counts, unless a person said
/// when the incident began.
///
/// An exercise and what is real do not mix: customers would be told of the exercise.
pub fn join(incident: &Incident, alert: &AlertSeen, now: Timestamp) -> Result<Vec<Command>, Refusal> {
    if incident.drill.is_some() != alert.drill {
        return Err(Refusal::DrillAndReal);
    }
    let said = incident.began.as_ref().is_some_and(|began| began.origin == Origin::Person);
    let began = alert.began.clone().filter(|began| began.at <= now && incident.kind == Kind::Fault && !said);
    Ok([Command::JoinAlert(alert.id)].into_iter().chain(began.map(Command::Began)).collect())
}

/// Opens it under this reference.
pub fn open(opening: &Opening, reference: String, by: &By, setting: &Setting<'_>) -> Result<Deed, Refusal> {
    let incident = first(opening, reference, by, setting)?;
    let why = match (opening.alerts.as_slice(), opening.calls.is_empty(), by.role.is_none()) {
        (_, _, true) => "By the publishing rules.".to_owned(),
        ([], true, _) => format!("{} opens it by hand", by.actor.shown()),
        ([], false, _) => format!("{} opens it from a call", by.actor.shown()),
        ([one], ..) => format!("{} opens it from alert {}", by.actor.shown(), one.id),
        (several, ..) => format!("{} opens it from {} alerts", by.actor.shown(), several.len()),
    };
    let mut changes = vec![(Change::Opened, why)];
    if let Some(began) = &incident.began {
        let why = match began.origin {
            Origin::Payload => "The monitoring tool's event says so.".to_owned(),
            Origin::Caller => "A caller said so.".to_owned(),
            Origin::Person => format!("{} says so", by.actor.shown()),
        };
        changes.push((Change::Began(began.clone()), why));
    }
    Ok(deed(&incident, changes, by, setting))
}

fn first(opening: &Opening, reference: String, by: &By, setting: &Setting<'_>) -> Result<Incident, Refusal> {
    let severest = opening.alerts.iter().map(|alert| Severity::of(alert.priority)).min();
    let severity = opening.severity.or(severest).unwrap_or(match opening.kind {
        Kind::Fault => Severity::Minor,
        Kind::Maintenance => Severity::None,
    });
    let title = opening.title.as_deref().or_else(|| opening.alerts.first().map(|alert| alert.title.as_str()));
    let title = title_of(&cut(title.unwrap_or_default()))?;
    let (phase, scheduled) = plan(opening, setting.now)?;
    bounded(opening.alerts.len().max(opening.calls.len()).saturating_sub(1))?;
    let mut calls: Vec<CallId> = opening.calls.iter().map(|(call, _)| *call).collect();
    calls.extend(opening.alerts.iter().filter_map(|alert| alert.call));
    let mut alerts: Vec<AlertId> = opening.alerts.iter().map(|alert| alert.id).collect();
    calls.sort_unstable();
    calls.dedup();
    alerts.sort_unstable();
    alerts.dedup();
    let seen = opening.alerts.iter().map(|alert| alert.opened_at).chain(opening.calls.iter().map(|(_, at)| *at));
    Ok(Incident {
        id: opening.id,
        reference,
        kind: opening.kind,
        title,
        public_title: opening.public_title.as_deref().map(title_of).transpose()?,
        public_titles: titles(opening)?,
        severity,
        worst: severity,
        phase,
        affected: affected(opening, severity, setting)?,
        customers: customers(opening, setting)?,
        roles: Vec::new(),
        tasks: Vec::new(),
        alerts,
        calls,
        updates: Vec::new(),
        began: began(opening, setting.now)?,
        detected_at: seen.min().unwrap_or(setting.now).min(setting.now),
        opened_at: setting.now,
        opened_by: by.actor.clone(),
        resolved_at: None,
        scheduled,
        by_itself: opening.by_itself && opening.kind == Kind::Maintenance,
        drill: drill(opening)?,
        update_due: None,
        update_told: 0,
        tell_when_over: Vec::new(),
        ever: opening.alerts.iter().filter_map(|alert| alert.customer.clone()).collect(),
        additions: Vec::new(),
        version: 0,
    })
}

fn titles(opening: &Opening) -> Result<Vec<(Language, String)>, Refusal> {
    match (&opening.public_title, opening.public_titles.as_slice()) {
        (_, []) => Ok(Vec::new()),
        (Some(_), titles) => titles_of(titles),
        (None, _) => Err(Refusal::NoPublicTitle),
    }
}

/// What is opened from an exercise's alert is one too.
fn drill(opening: &Opening) -> Result<Option<DrillId>, Refusal> {
    let drills = opening.alerts.iter().filter(|alert| alert.drill).count();
    match (opening.drill, opening.alerts.iter().find(|alert| alert.drill)) {
        (known, None) if known.is_none() || opening.alerts.is_empty() => Ok(known),
        (known, Some(first)) if drills == opening.alerts.len() => Ok(Some(known.unwrap_or(DrillId(first.id.0)))),
        (_, None | Some(_)) => Err(Refusal::DrillAndReal),
    }
}

/// An alert's title may be longer than an incident's.
fn cut(title: &str) -> String {
    title.chars().take(200).collect()
}

fn plan(opening: &Opening, now: Timestamp) -> Result<(Phase, Option<(Timestamp, Timestamp)>), Refusal> {
    match (opening.kind, opening.scheduled) {
        (Kind::Fault, None) => Ok((Phase::Investigating, None)),
        (Kind::Fault, Some(_)) => Err(Refusal::NotPlanned),
        (Kind::Maintenance, Some((from, until))) if fits_plan(from, until, now) => {
            Ok((Phase::Scheduled, opening.scheduled))
        }
        (Kind::Maintenance, Some(_) | None) => Err(Refusal::Schedule),
    }
}

/// Those named, and those of the alerts.
fn affected(opening: &Opening, severity: Severity, setting: &Setting<'_>) -> Result<Vec<Affected>, Refusal> {
    let mut all = opening.affected.clone();
    for service in opening.alerts.iter().filter_map(|alert| alert.service.as_ref()) {
        // A service that is gone from the directory since touches nobody; one named by a person counts as they said.
        let known = setting.directory.services.contains_key(service);
        if known && !all.iter().any(|affected| affected.service == *service) {
            all.push(Affected { service: service.clone(), impact: severity.impact() });
        }
    }
    services(&all, setting.directory)
}

/// Those named, and those of the alerts that name no service.
fn customers(opening: &Opening, setting: &Setting<'_>) -> Result<Vec<CustomerId>, Refusal> {
    let mut all = opening.customers.clone();
    let of_alerts = opening.alerts.iter().filter(|alert| alert.service.is_none());
    let known = |customer: &&CustomerId| setting.directory.customers.contains_key(*customer);
    all.extend(of_alerts.filter_map(|alert| alert.customer.as_ref()).filter(known).cloned());
    known_customers(&all, setting.directory)
}

/// A person's word first (about the incident, else about an alert), then the earliest payload's, then the caller's; unknown stays unknown.
fn began(opening: &Opening, now: Timestamp) -> Result<Option<Began>, Refusal> {
    if let Some(began) = &opening.began
        && began.origin == Origin::Person
    {
        return if began.at <= now && opening.kind == Kind::Fault {
            Ok(Some(began.clone()))
        } else {
            Err(Refusal::Began)
        };
    }
    let known = opening.alerts.iter().filter_map(|alert| alert.began.as_ref()).chain(opening.began.as_ref());
    let known = known.filter(|began| began.at <= now && opening.kind == Kind::Fault);
    Ok(known.min_by_key(|began| (rank(began.origin), began.at)).cloned())
}

/// The best first.
const fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::Person => 0,
        Origin::Payload => 1,
        Origin::Caller => 2,
    }
}

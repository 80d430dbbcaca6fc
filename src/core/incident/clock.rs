//! By when customers must hear again, and when somebody of ours is reminded of it.

use jiff::{SignedDuration, Timestamp};

use super::command::{By, Deed, Setting, deed};
use super::{Change, Incident, Kind, Update, UpdateState};
use crate::ids::CustomerId;

/// What is to be done about the clock now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Remind: it is due soon.
    Remind,
    /// Warn: it is overdue.
    Warn,
}

/// When customers last heard of it; they have not yet: when it was opened.
pub fn last_told(incident: &Incident) -> Timestamp {
    last_of(incident, |_| true)
}

/// The same for one customer: what only others were told is no word to it.
fn last_told_to(incident: &Incident, customer: &CustomerId) -> Timestamp {
    last_of(incident, |update| update.customers.is_empty() || update.customers.contains(customer))
}

fn last_of(incident: &Incident, counts: impl Fn(&Update) -> bool) -> Timestamp {
    let published = incident.updates.iter().filter(|update| counts(update)).filter_map(|update| match update.state {
        UpdateState::Published { at, .. } => Some(at),
        UpdateState::Draft | UpdateState::Review | UpdateState::Withdrawn { .. } => None,
    });
    published.max().unwrap_or(incident.opened_at)
}

/// The clock as it should stand after a change; `None`: as it does.
pub(super) fn follow(before: &Incident, now: &Incident, setting: &Setting<'_>) -> Option<(Change, String)> {
    let due = should_be(now, setting);
    if due == now.update_due {
        return None;
    }
    let why = match due {
        None if !now.is_open() => "It is over.",
        None => "No contract or rule asks for one.",
        Some(_) if last_told(before) != last_told(now) => "Customers have just been told; the clock begins anew.",
        Some(_) => "By the strictest contract of those who are touched, or by the rules.",
    };
    Some((Change::UpdateDue(due), why.to_owned()))
}

fn should_be(incident: &Incident, setting: &Setting<'_>) -> Option<Timestamp> {
    if !incident.is_open() || incident.kind == Kind::Maintenance {
        return None;
    }
    let touched = incident.touched(setting.directory);
    let due = |customer| (setting.due)(incident, customer, last_told_to(incident, customer));
    touched.iter().filter_map(due).min()
}

/// When somebody is reminded: so many percent of the way from the last word to the next.
pub fn remind_at(incident: &Incident, percent: u8) -> Option<Timestamp> {
    let due = incident.update_due?;
    let from = last_told(incident);
    let whole = due.duration_since(from);
    if whole <= SignedDuration::ZERO {
        return Some(due);
    }
    let part = whole.as_secs() * i64::from(percent.min(100)) / 100;
    from.checked_add(SignedDuration::from_secs(part)).ok()
}

/// What is due now; each once for a due moment.
pub fn due(incident: &Incident, percent: u8, now: Timestamp) -> Option<Due> {
    let due = incident.update_due.filter(|_| incident.is_open())?;
    if now >= due {
        return (incident.update_told < 2).then_some(Due::Warn);
    }
    let remind = remind_at(incident, percent)?;
    (incident.update_told < 1 && now >= remind).then_some(Due::Remind)
}

/// When to look again; `None`: nothing will be due by itself.
pub fn next_look(incident: &Incident, percent: u8) -> Option<Timestamp> {
    let due = incident.update_due.filter(|_| incident.is_open())?;
    match incident.update_told {
        0 => remind_at(incident, percent),
        1 => Some(due),
        _ => None,
    }
}

/// Somebody was told that it is due.
pub fn told(incident: &Incident, what: Due, setting: &Setting<'_>) -> Deed {
    let (change, why) = match what {
        Due::Remind => (Change::Reminded, "Most of the time until the next update has passed."),
        Due::Warn => (Change::Overdue, "The time until the next update has passed."),
    };
    deed(incident, vec![(change, why.to_owned())], &By::SYSTEM, setting)
}

/// What planned work that begins and ends by itself comes to now.
pub fn planned_phase(incident: &Incident, now: Timestamp) -> Option<super::Phase> {
    use super::Phase;
    let (from, until) = incident.scheduled.filter(|_| incident.by_itself && incident.kind == Kind::Maintenance)?;
    match incident.phase {
        Phase::Scheduled | Phase::InProgress | Phase::Verifying if now >= until => Some(Phase::Completed),
        Phase::Scheduled if now >= from => Some(Phase::InProgress),
        Phase::Scheduled
        | Phase::InProgress
        | Phase::Verifying
        | Phase::Completed
        | Phase::Investigating
        | Phase::Identified
        | Phase::Monitoring
        | Phase::Resolved => None,
    }
}

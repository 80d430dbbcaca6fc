//! Before and at a change of the people on call: notices of shifts, and the note with what is open.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::alert::Status;
use crate::directory::{Directory, Language};
use crate::fact::Priority;
use crate::ids::UserId;

use super::explain::moment;
use super::{Schedule, next_change, on_duty, shifts};

/// Alerts named in a note; the rest is counted.
const NAMED_MAX: usize = 20;

/// Somebody's time on call without a break, whatever puts them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stint {
    /// Who.
    pub user: UserId,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it; cut at the end of the window.
    pub to: Timestamp,
}

/// Somebody is to be told that their time on call begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub due: Timestamp,
    /// How long before.
    pub before: Duration,
    /// About what.
    pub stint: Stint,
}

/// The people on call change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// When.
    pub at: Timestamp,
    /// Who was on call and is not any more.
    pub leaving: Vec<UserId>,
    /// Who is on call now and was not.
    pub coming: Vec<UserId>,
}

/// An alert as a hand-over note names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAlert {
    /// Short number.
    pub reference: String,
    /// How important.
    pub priority: Priority,
    /// Where it stands.
    pub status: Status,
    /// One line.
    pub title: String,
    /// Whose.
    pub customer: Option<String>,
    /// Since when.
    pub opened_at: Timestamp,
    /// Who has it.
    pub taken_by: Option<String>,
}

/// Who is on call when in `[from, to)`, by person and without breaks.
pub fn stints(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Stint> {
    let mut by_user: BTreeMap<UserId, Vec<Stint>> = BTreeMap::new();
    for shift in shifts(schedule, directory, from, to) {
        let Some(user) = shift.user else { continue };
        let own = by_user.entry(user.clone()).or_default();
        match own.last_mut() {
            Some(last) if last.to == shift.from => last.to = shift.to,
            Some(_) | None => own.push(Stint { user, from: shift.from, to: shift.to }),
        }
    }
    let mut all: Vec<Stint> = by_user.into_values().flatten().collect();
    all.sort_by(|a, b| (a.from, &a.user).cmp(&(b.from, &b.user)));
    all
}

/// The notices of the schedule ([`Schedule::notices`]) that are due in `[from, to)`, in order. Who was on call less than the
/// notice's time before the stint began gets none: nights in a row are told once a day ahead, and each an hour ahead.
pub fn notices(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Notice> {
    let Some(longest) = schedule.notices.iter().max() else { return Vec::new() };
    let Ok(longest) = SignedDuration::try_from(*longest) else { return Vec::new() };
    let (Ok(begin), Ok(end)) = (from.checked_sub(longest), to.checked_add(longest)) else { return Vec::new() };
    // A day more, so that the end of most stints is known.
    let stints = stints(schedule, directory, begin, end.checked_add(SignedDuration::from_hours(24 * 8)).unwrap_or(end));
    let mut found: Vec<Notice> = Vec::new();
    for before in &schedule.notices {
        let Ok(span) = SignedDuration::try_from(*before) else { continue };
        for stint in &stints {
            let Ok(due) = stint.from.checked_sub(span) else { continue };
            let lately = stints.iter().any(|other| {
                other.user == stint.user && other.to <= stint.from && stint.from.duration_since(other.to) < span
            });
            if from <= due && due < to && stint.from > begin && !lately {
                found.push(Notice { due, before: *before, stint: stint.clone() });
            }
        }
    }
    found.sort_by(|a, b| (a.due, &a.stint.user).cmp(&(b.due, &b.stint.user)));
    found
}

/// The moments in `(from, to]` at which people come or go.
pub fn handovers(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<Handover> {
    let users = |at| -> Vec<UserId> { on_duty(schedule, directory, at).into_iter().map(|duty| duty.user).collect() };
    let mut found = Vec::new();
    let (mut at, mut before) = (from, users(from));
    while let Some(next) = next_change(schedule, directory, at).filter(|next| *next <= to) {
        let now = users(next);
        let only = |those: &[UserId], others: &[UserId]| {
            those.iter().filter(|user| !others.contains(user)).cloned().collect::<Vec<_>>()
        };
        let (leaving, coming) = (only(&before, &now), only(&now, &before));
        if !leaving.is_empty() || !coming.is_empty() {
            found.push(Handover { at: next, leaving, coming });
        }
        (at, before) = (next, now);
    }
    found
}

/// The zone in which somebody reads times.
fn zone<'a>(directory: &'a Directory, user: &UserId, schedule: &'a Schedule) -> &'a TimeZone {
    directory.users.get(user).and_then(|user| user.time_zone.as_ref()).unwrap_or(&schedule.time_zone)
}

/// What a notice says, in German or (for all others) in English.
pub fn notice_text(notice: &Notice, schedule: &Schedule, directory: &Directory, language: &Language) -> String {
    let zone = zone(directory, &notice.stint.user, schedule);
    let (from, to) = (moment(notice.stint.from, zone), moment(notice.stint.to, zone));
    if language.0 == "de" {
        format!("Ihre Bereitschaft „{}“ beginnt {from} und dauert bis {to}.", schedule.name)
    } else {
        format!("Your time on call for \"{}\" begins {from} and lasts until {to}.", schedule.name)
    }
}

/// The hand-over note for `reader`: who goes, who comes, and what is open, the most important first.
pub fn note(
    handover: &Handover,
    schedule: &Schedule,
    directory: &Directory,
    reader: &UserId,
    alerts: &[OpenAlert],
    language: &Language,
) -> String {
    let german = language.0 == "de";
    let zone = zone(directory, reader, schedule);
    let names = |users: &[UserId]| match users {
        [] => (if german { "niemand" } else { "nobody" }).to_owned(),
        users => users.iter().map(|user| directory.name_of(user)).collect::<Vec<_>>().join(", "),
    };
    let (leaving, coming, at) = (names(&handover.leaving), names(&handover.coming), moment(handover.at, zone));
    let mut text = if german {
        format!("Übergabe der Bereitschaft „{}“ am {at}: von {leaving} an {coming}.", schedule.name)
    } else {
        format!("Hand-over of \"{}\" on {at}: from {leaving} to {coming}.", schedule.name)
    };
    let mut alerts: Vec<&OpenAlert> = alerts.iter().collect();
    alerts.sort_by_key(|alert| (alert.priority, alert.opened_at));
    text.push_str(match (alerts.len(), german) {
        (0, true) => " Kein Alarm ist offen.",
        (0, false) => " No alert is open.",
        (_, true) => " Offen:",
        (_, false) => " Open:",
    });
    for alert in alerts.iter().take(NAMED_MAX) {
        let customer = alert.customer.as_ref().map(|customer| format!(" · {customer}")).unwrap_or_default();
        let state = match (&alert.taken_by, alert.status, german) {
            (Some(who), Status::Acknowledged, true) => format!("hat {who}"),
            (Some(who), Status::Acknowledged, false) => format!("{who} has it"),
            (None, Status::Acknowledged, true) => "angenommen".to_owned(),
            (None, Status::Acknowledged, false) => "acknowledged".to_owned(),
            (_, Status::Triggered | Status::Resolved, true) => "niemand hat ihn".to_owned(),
            (_, Status::Triggered | Status::Resolved, false) => "nobody has it".to_owned(),
        };
        let since = moment(alert.opened_at, zone);
        let word = if german { "seit" } else { "since" };
        let _ = write!(
            text,
            "\n- {} {}{customer} · {} ({word} {since}, {state})",
            alert.priority.word(),
            alert.reference,
            alert.title
        );
    }
    if let Some(rest) = alerts.len().checked_sub(NAMED_MAX).filter(|rest| *rest > 0) {
        let _ = write!(text, "\n- {}", if german { format!("und {rest} weitere") } else { format!("and {rest} more") });
    }
    text
}

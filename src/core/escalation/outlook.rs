//! What happens next, for people.

use std::time::Duration;

use jiff::Timestamp;

use super::route::Route;
use super::targets::moment;
use super::walk::unacknowledged_at;
use super::{Progress, Step, Target};
use crate::alert::urgency::urgency;
use crate::alert::{Alert, Status, Urgency};
use crate::directory::Directory;
use crate::ids::ScheduleId;
use crate::oncall::on_call;

/// What happens next, for people: "step 2, Ben Clarke by schedule `second`, at …" and that moment.
pub fn outlook(
    alert: &Alert,
    directory: &Directory,
    ring_again: Duration,
    now: Timestamp,
) -> (String, Option<Timestamp>) {
    match alert.status {
        Status::Resolved => ("nothing: it is over".to_owned(), None),
        Status::Acknowledged => match unacknowledged_at(alert, directory) {
            None => ("nothing by itself: somebody has it".to_owned(), None),
            Some((at, _)) => (format!("unless it is resolved, it escalates anew at {}", moment(at)), Some(at)),
        },
        Status::Triggered => match alert.snoozed_until {
            Some(until) => (format!("snoozed; the escalation goes on at {}", moment(until)), Some(until)),
            None if alert.call_running => ("its call still runs and looks for a person".to_owned(), None),
            None => next_step(alert, directory, ring_again, now),
        },
    }
}

fn next_step(
    alert: &Alert,
    directory: &Directory,
    ring_again: Duration,
    now: Timestamp,
) -> (String, Option<Timestamp>) {
    let route = Route::of(alert, directory, ring_again);
    let Progress { round, step, due, .. } = alert.progress;
    if due.is_none() && alert.urgency == Urgency::Low && route.is_past(round) {
        let (customer, service) = (alert.customer.as_ref(), alert.service.as_ref());
        let rises = urgency(alert.priority, customer, service, directory, now).1;
        let words = "nobody has it; it waits for support hours, an event or a person".to_owned();
        return (rises.map_or_else(|| words.clone(), |at| format!("{words}, until {}", moment(at))), rises);
    }
    let at = due.unwrap_or(now).max(now);
    let when = if at <= now { "now".to_owned() } else { format!("at {}", moment(at)) };
    let first = usize::try_from(step).unwrap_or(usize::MAX);
    let in_round = |round: u32, from: usize| {
        let steps = route.steps.iter().enumerate().skip(from).filter(|(_, step)| step.fits(alert));
        steps.map(move |(index, step)| (round, index, step)).next()
    };
    let round = round.max(1);
    let over = route.is_last(round);
    let found = in_round(round, first).or_else(|| if over { None } else { in_round(round.saturating_add(1), 0) });
    let words = match found {
        Some((round, index, step)) => {
            format!("step {} of round {round} by {}, {}, {when}", index + 1, route.by, whom(step, directory, at))
        }
        None if route.steps.iter().any(|step| step.fits(alert)) => {
            format!("{} is at its end {when}; then everybody is tried again", route.by)
        }
        None => format!("nobody can be told: {}", route.by),
    };
    (words, Some(at))
}

fn whom(step: &Step, directory: &Directory, at: Timestamp) -> String {
    let names: Vec<String> = step
        .targets
        .iter()
        .map(|target| match target {
            Target::Schedule(id) => by_schedule(id, directory, at),
            Target::User(id) => directory.name_of(id).to_owned(),
            Target::Team(id) => format!("team {id}"),
            Target::Channel(id) => format!("channel {id}"),
            Target::Number(_) => "an external number".to_owned(),
        })
        .collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn by_schedule(id: &ScheduleId, directory: &Directory, at: Timestamp) -> String {
    let found = directory.schedules.get(id).map(|schedule| on_call(schedule, directory, at));
    let people = found.map(|found| found.people).unwrap_or_default();
    let names: Vec<&str> =
        people.iter().filter(|person| person.duty).map(|person| directory.name_of(&person.user)).collect();
    let names = if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") };
    format!("{names} by schedule `{id}`")
}

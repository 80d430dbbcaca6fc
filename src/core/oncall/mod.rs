//! Who is on call: pure functions of a schedule and a moment.
//!
//! A weekly rotation with hand-off time, time zone and overrides; layers,
//! restrictions and absences come with the on-call issue.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::directory::{Destination, Directory, Language};
use crate::ids::{ScheduleId, UserId};

mod calendar;
mod rotation;
#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use rotation::first_instant;

/// A rota.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Configured name.
    pub id: ScheduleId,
    /// As shown.
    pub name: String,
    /// The rotation below the overrides.
    pub rotation: Rotation,
    /// Somebody else for a while; where two overlap the later in the list wins.
    pub overrides: Vec<Override>,
}

/// People who take turns. Hand-off k is the local wall clock `start` plus k weeks
/// in `time_zone`: a gap moves it to the first instant after, a repeated hour means its first.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// In the order of their turns. Empty: nobody.
    pub members: Vec<UserId>,
    /// Length of a turn in weeks, at least 1.
    pub weeks: u32,
    /// The first hand-off, local. The rotation reaches back before it too.
    pub start: DateTime,
    /// Zone of `start`.
    pub time_zone: TimeZone,
}

/// Somebody else for a while: `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Who takes over.
    pub user: UserId,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// Why, as the operator wrote it.
    pub reason: String,
}

/// Who is to be called now: the person on call first, then the rest of the
/// rotation in the order of their coming turns.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCall {
    /// First choice first.
    pub people: Vec<OnCallPerson>,
    /// Why these, or why nobody: which schedule, which rule, since when.
    pub why: String,
}

/// One person to call.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCallPerson {
    /// Who.
    pub user: UserId,
    /// Where, in the order to try.
    pub phones: Vec<Destination>,
    /// Language that the hotline speaks to this person.
    pub language: Language,
    /// Why this person stands here ("on call until Mon 2026-11-30 09:00 Europe/Berlin by schedule `on-call`").
    pub why: String,
}

/// A stretch of time with one person on call.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Who; `None`: nobody, a hole in the schedule.
    pub user: Option<UserId>,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// The override that put this person here: its reason. `None`: the rotation did.
    pub override_reason: Option<String>,
}

/// Whom to call at `at`: the person on call, then the rest of the rotation in the order of their
/// coming turns. Nobody stands twice in the list. A person without phones stays in it, and says why.
pub fn on_call(schedule: &Schedule, directory: &Directory, at: Timestamp) -> OnCall {
    let zone = &schedule.rotation.time_zone;
    let mut people: Vec<OnCallPerson> = Vec::new();
    let mut add = |user: &UserId, why: String| {
        if people.iter().all(|person| person.user != *user) {
            people.push(person(directory, user, why));
        }
    };
    let running = schedule.override_at(at);
    if let Some(now) = running {
        add(
            &now.user,
            format!(
                "on call until {} by an override of schedule `{}`{}",
                moment(now.to, zone),
                schedule.id,
                because(now)
            ),
        );
    }
    let turn = schedule.rotation.turn(at);
    for step in 0..i64::try_from(schedule.rotation.members.len()).unwrap_or(0) {
        let Some(user) = schedule.rotation.member(turn + step) else { break };
        let begin = |turn| schedule.rotation.handoff(turn).map_or_else(|| "for ever".to_owned(), |at| moment(at, zone));
        add(
            user,
            match (step, running.is_some()) {
                (0, false) => format!("on call until {} by schedule `{}`", begin(turn + 1), schedule.id),
                (0, true) => {
                    format!(
                        "next in line: has the turn in schedule `{}` until {}, behind the override",
                        schedule.id,
                        begin(turn + 1)
                    )
                }
                (_, _) => {
                    format!("next in line: has the turn in schedule `{}` from {}", schedule.id, begin(turn + step))
                }
            },
        );
    }
    let why = explain(schedule, directory, running, &people, at);
    OnCall { people, why }
}

/// The next moment after `after` at which somebody else is on call (or nobody any more).
/// `None`: it stays as it is.
pub fn next_change(schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
    let who = schedule.user_at(after);
    let mut at = after;
    loop {
        at = schedule.next_boundary(at)?;
        if schedule.user_at(at) != who {
            return Some(at);
        }
    }
}

/// Hand-offs of the rotation in `[from, to)`, overrides left aside: the moment and who takes over.
pub fn handoffs(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, UserId)> {
    schedule.rotation.handoffs(from, to)
}

/// Who is on call when in `[from, to)`: without holes and overlaps, cut at both ends of the window.
/// A new shift begins where the person changes, or an override begins or ends.
pub fn shifts(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = Vec::new();
    let mut at = from;
    while at < to {
        let end = schedule.next_boundary(at).map_or(to, |next| next.min(to));
        let shift = Shift {
            user: schedule.user_at(at).cloned(),
            from: at,
            to: end,
            override_reason: schedule.override_at(at).map(|over| over.reason.clone()),
        };
        match shifts.last_mut() {
            Some(last) if last.user == shift.user && last.override_reason == shift.override_reason => last.to = end,
            Some(_) | None => shifts.push(shift),
        }
        at = end;
    }
    shifts
}

impl Schedule {
    /// The override that rules at `at`: of several the last in the list.
    fn override_at(&self, at: Timestamp) -> Option<&Override> {
        self.overrides.iter().rev().find(|over| over.from <= at && at < over.to)
    }

    fn user_at(&self, at: Timestamp) -> Option<&UserId> {
        self.override_at(at).map(|over| &over.user).or_else(|| self.rotation.member(self.rotation.turn(at)))
    }

    /// The next moment after `at` at which the person on call can change. Beneath an override
    /// hand-offs change nothing, nor do they where the rotation has one person.
    fn next_boundary(&self, at: Timestamp) -> Option<Timestamp> {
        let ends = self.overrides.iter().filter(|over| over.from < over.to).flat_map(|over| [over.from, over.to]);
        let edge = ends.filter(|moment| *moment > at).min();
        let members = &self.rotation.members;
        let turns = members.iter().any(|member| Some(member) != members.first());
        if self.override_at(at).is_some() || !turns {
            return edge;
        }
        let handoff = self.rotation.handoff(self.rotation.turn(at) + 1);
        edge.into_iter().chain(handoff).min()
    }
}

fn person(directory: &Directory, user: &UserId, mut why: String) -> OnCallPerson {
    let known = directory.users.get(user);
    match known {
        None => why.push_str("; unknown to the directory, can't be called"),
        Some(known) if known.phones.is_empty() => why.push_str("; has no phone, can't be called"),
        Some(_) => {}
    }
    OnCallPerson {
        user: user.clone(),
        phones: known.map(|known| known.phones.clone()).unwrap_or_default(),
        language: known.map(|known| known.language.clone()).unwrap_or_default(),
        why,
    }
}

fn explain(
    schedule: &Schedule,
    directory: &Directory,
    running: Option<&Override>,
    people: &[OnCallPerson],
    at: Timestamp,
) -> String {
    let Some(first) = people.first() else {
        return format!("nobody is on call: the rotation of schedule `{}` has no members", schedule.id);
    };
    let unreachable = people.iter().filter(|person| person.phones.is_empty()).count();
    let mut why = format!("{} is {}", directory.name_of(&first.user), first.why);
    if running.is_none() && schedule.rotation.handoff(0).is_some_and(|start| at < start) {
        why.push_str("; the rotation reaches back before its start");
    }
    if unreachable == people.len() {
        why.push_str("; nobody in it has a phone");
    }
    why
}

fn because(over: &Override) -> String {
    if over.reason.is_empty() { String::new() } else { format!(" ({})", over.reason) }
}

/// `Mon 2026-11-30 09:00 Europe/Berlin`.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or("local");
    format!("{} {name}", at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M"))
}

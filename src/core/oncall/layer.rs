//! A layer: a rotation, and when it counts.

use jiff::Timestamp;

use crate::call::flow::HoursWindow;
use crate::directory::Directory;
use crate::ids::{CalendarId, UserId};

use super::windows::{self, WeekWindow};
use super::{Member, Rotation};

/// One rotation of a schedule, its hours, and what its people must be able to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Unique in the schedule.
    pub id: String,
    /// As shown.
    pub name: String,
    /// Versions of its rotation, the oldest first; the first one rules also before its `since`. Edits add one (see [`super::edit`]).
    pub rotations: Vec<Rotation>,
    /// Its hours, in the rotation's zone: it counts while any of these runs. Empty: always.
    pub restrictions: Vec<Restriction>,
    /// Beside its hours: only while this calendar says so.
    pub calendar: Option<CalendarRule>,
    /// What its people must be able to do, all of it (lower case).
    pub skills: Vec<String>,
    /// First moment; `None`: from ever.
    pub from: Option<Timestamp>,
    /// First moment after it; `None`: for ever.
    pub until: Option<Timestamp>,
}

/// Hours at which a layer counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Restriction {
    /// Times of the day on certain weekdays; a window belongs to the day on which it begins and may run over midnight.
    /// The same time twice: 24 hours.
    Day(HoursWindow),
    /// From a weekday's time to another's.
    Week(WeekWindow),
}

/// A calendar that a layer obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarRule {
    /// Which; one that is not there (any more) rules nothing out, and that is told.
    pub calendar: CalendarId,
    /// `true`: counts while the calendar is open; `false`: while it is closed (nights, weekends, holidays).
    pub open: bool,
}

impl Layer {
    /// A layer that always counts.
    pub fn new(id: &str, rotation: Rotation) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            rotations: vec![rotation],
            restrictions: Vec::new(),
            calendar: None,
            skills: Vec::new(),
            from: None,
            until: None,
        }
    }

    /// The version of its rotation that rules at `at`.
    pub fn rotation_at(&self, at: Timestamp) -> Option<&Rotation> {
        let ruling = self.rotations.iter().rfind(|version| version.since.is_none_or(|since| since <= at));
        ruling.or(self.rotations.first())
    }

    /// The newest version of its rotation.
    pub fn current(&self) -> Option<&Rotation> {
        self.rotations.last()
    }

    /// Until when the present version rules.
    pub(super) fn version_end(&self, at: Timestamp) -> Option<Timestamp> {
        self.rotations.iter().filter_map(|version| version.since).filter(|since| *since > at).min()
    }

    /// Everybody who stands in it, by any version from `at` on, in the order of the list.
    pub fn people(&self, directory: &Directory, at: Timestamp) -> Vec<UserId> {
        let mut found: Vec<UserId> = Vec::new();
        let ruling = self.rotation_at(at).into_iter();
        let later = self.rotations.iter().filter(|version| version.since.is_some_and(|since| since > at));
        for member in ruling.chain(later).flat_map(|version| &version.members) {
            for user in members(member, directory) {
                if !found.contains(&user) {
                    found.push(user);
                }
            }
        }
        found
    }

    /// When the hours end that run at `at`, of overlapping ones the last; the end of the calendar where it always counts. `None`: it
    /// is outside its hours.
    pub(super) fn hours(&self, rotation: &Rotation, at: Timestamp) -> Option<Timestamp> {
        if self.restrictions.is_empty() {
            return Some(Timestamp::MAX);
        }
        self.restrictions.iter().filter_map(|hours| hours.running(rotation, at)).max()
    }

    /// The next moment after `at` at which hours, calendar, version or limits of the layer change.
    pub(super) fn next_edge(&self, directory: &Directory, at: Timestamp) -> Option<Timestamp> {
        let rotation = self.rotation_at(at)?;
        let fixed = [self.from, self.until, self.version_end(at)].into_iter().flatten();
        let hours = self.restrictions.iter().filter_map(|hours| hours.next_edge(rotation, at));
        let calendar = self.calendar.as_ref().and_then(|rule| directory.calendars.get(&rule.calendar));
        fixed.chain(hours).chain(calendar.and_then(|calendar| calendar.next_change(at))).filter(|edge| *edge > at).min()
    }

    /// The next moment after `at` at which the turn may change.
    pub(super) fn next_turn(&self, at: Timestamp) -> Option<Timestamp> {
        let rotation = self.rotation_at(at).filter(|rotation| rotation.turns())?;
        rotation.turn_end(rotation.turn(at))
    }
}

impl Restriction {
    /// The end of the hours that run at `at`.
    fn running(&self, rotation: &Rotation, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day(window) => windows::running(window, &rotation.time_zone, &|_| true, at),
            Self::Week(window) => window.running(&rotation.time_zone, at),
        }
        .map(|(_, end)| end)
    }

    fn next_edge(&self, rotation: &Rotation, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day(window) => windows::next_edge(window, &rotation.time_zone, at),
            Self::Week(window) => window.next_edge(&rotation.time_zone, at),
        }
    }
}

/// The people behind a member.
pub(super) fn members(member: &Member, directory: &Directory) -> Vec<UserId> {
    match member {
        Member::User(user) => vec![user.clone()],
        Member::Team(team) => directory.teams.get(team).map(|team| team.members.clone()).unwrap_or_default(),
        Member::Nobody => Vec::new(),
    }
}

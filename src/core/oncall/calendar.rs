//! Business hours and holidays, shared by flows, support hours and weights of shifts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::call::flow::HoursWindow;
use crate::ids::CalendarId;

use super::windows::{self, day_of, midnight, shifted};

/// So far ahead a change is looked for.
const DAYS_AHEAD: i32 = 367;

/// Business hours and holidays.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// Configured name.
    pub id: CalendarId,
    /// As shown.
    pub name: String,
    /// Zone of the windows and holidays.
    pub time_zone: TimeZone,
    /// Opening times; empty: open all day on every day that is no holiday.
    pub windows: Vec<HoursWindow>,
    /// Days on which it is closed, with their names ("Christmas Day"), in order.
    pub holidays: Vec<(Date, String)>,
}

impl Calendar {
    /// Whether it is open, and which rule says so. A window belongs to the day on which it begins; on a holiday
    /// none is open (one of the day before ends at midnight) and none begins.
    pub fn state(&self, at: Timestamp) -> (bool, String) {
        let local = self.time_zone.to_datetime(at);
        let zone = self.time_zone.iana_name().unwrap_or("local");
        let clock = format!("{} {zone}", local.strftime("%a %F %H:%M"));
        if let Some(name) = self.holiday(day_of(at, &self.time_zone)) {
            let named = if name.is_empty() { String::new() } else { format!(" {name}") };
            return (false, format!("closed by calendar `{}`: holiday{named} ({clock})", self.id));
        }
        let open = self.is_open(at);
        (open, format!("{} by calendar `{}` ({clock})", if open { "open" } else { "closed" }, self.id))
    }

    /// Whether it is open.
    pub fn is_open(&self, at: Timestamp) -> bool {
        if self.holiday(day_of(at, &self.time_zone)).is_some() {
            return false;
        }
        let workday = |day| self.holiday(day).is_none();
        self.windows.is_empty()
            || self.windows.iter().any(|window| windows::running(window, &self.time_zone, &workday, at).is_some())
    }

    /// The name of the holiday on `day`; `None`: it is none.
    pub fn holiday(&self, day: Date) -> Option<&str> {
        let place = self.holidays.binary_search_by_key(&day, |(holiday, _)| *holiday).ok()?;
        self.holidays.get(place).map(|(_, name)| name.as_str())
    }

    /// The next moment after `at` at which [`Calendar::state`] changes; `None`: within a year never.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.is_open(at);
        let end = midnight(shifted(day_of(at, &self.time_zone), DAYS_AHEAD)?, &self.time_zone)?;
        let mut edge = self.next_edge(at)?;
        while edge <= end {
            if self.is_open(edge) != now {
                return Some(edge);
            }
            edge = self.next_edge(edge)?;
        }
        None
    }

    /// Whether it is open at `at` or at any moment within a year after it.
    pub fn ever_opens(&self, at: Timestamp) -> bool {
        self.is_open(at) || self.next_change(at).is_some()
    }

    /// The next moment after `at` at which it may change: an edge of a window, a midnight next to a holiday.
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let today = day_of(at, &self.time_zone);
        let next = self.holidays.partition_point(|(day, _)| *day <= today);
        let ends = self.holiday(today).and_then(|_| today.tomorrow().ok());
        let holiday = ends.or_else(|| self.holidays.get(next).map(|(day, _)| *day));
        let holiday = holiday.and_then(|day| midnight(day, &self.time_zone));
        let windows = self.windows.iter().filter_map(|window| windows::next_edge(window, &self.time_zone, at));
        holiday.into_iter().chain(windows).min()
    }
}

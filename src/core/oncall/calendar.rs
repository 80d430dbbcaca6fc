//! Business hours and holidays, shared by flows, support hours and weights of shifts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::call::flow::HoursWindow;
use crate::ids::CalendarId;

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
    /// Days on which it is closed, with their names ("Christmas Day").
    pub holidays: Vec<(Date, String)>,
}

impl Calendar {
    /// Whether it is open, and which rule says so. A window belongs to the day on which it begins.
    pub fn state(&self, at: Timestamp) -> (bool, String) {
        let _ = at;
        todo!("core/oncall: calendar")
    }

    /// The next moment after `at` at which [`Calendar::state`] changes; `None`: within a year never.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let _ = at;
        todo!("core/oncall: calendar")
    }
}

//! Stretches of the week on the wall clock, as instants: for business hours and for layers' hours.
//!
//! A window begins and ends at the first instant at which the clock on the wall shows its time: one that begins in a
//! gap begins behind it, one that lies within a gap is not there on that day, and a repeated hour neither opens a
//! window again nor cuts it in two.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::call::flow::HoursWindow;

use super::first_instant;

/// Days looked at for the next edge of a window: a week, and one that a zone may skip.
const DAYS_AHEAD: i32 = 9;

/// A stretch of time, `[from, to)`.
pub(super) type Stretch = (Timestamp, Timestamp);

/// The window that began on `day`, if its instants are in order. `to` not after `from`: it ends on the following day.
fn daily(window: &HoursWindow, day: Date, zone: &TimeZone) -> Option<Stretch> {
    if !window.days.contains(&day.weekday()) {
        return None;
    }
    let last = if window.from < window.to { day } else { day.tomorrow().ok()? };
    stretch(day, window.from, last, window.to, zone)
}

fn stretch(first: Date, from: Time, last: Date, to: Time, zone: &TimeZone) -> Option<Stretch> {
    let from = first_instant(first.to_datetime(from), zone)?;
    let to = first_instant(last.to_datetime(to), zone)?;
    (from < to).then_some((from, to))
}

/// The window that runs at `at`, of those that begin on a day for which `begins` holds.
pub(super) fn running(
    window: &HoursWindow,
    zone: &TimeZone,
    begins: &dyn Fn(Date) -> bool,
    at: Timestamp,
) -> Option<Stretch> {
    let today = zone.to_datetime(at).date();
    // Tomorrow's may have begun where the clock goes back at midnight.
    [today.yesterday().ok(), Some(today), today.tomorrow().ok()]
        .into_iter()
        .flatten()
        .filter(|day| begins(*day))
        .filter_map(|day| daily(window, day, zone))
        .find(|(from, to)| *from <= at && at < *to)
}

/// The next edge of the window after `at`.
pub(super) fn next_edge(window: &HoursWindow, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(at).date();
    (-1..DAYS_AHEAD)
        .filter_map(|days| daily(window, shifted(today, days)?, zone))
        .flat_map(|(from, to)| [from, to])
        .filter(|edge| *edge > at)
        .min()
}

/// A stretch of the week: from a weekday's time to another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekWindow {
    /// Day on which it begins.
    pub from_day: Weekday,
    /// First minute.
    pub from: Time,
    /// Day on which it ends.
    pub to_day: Weekday,
    /// First minute after it. The same day and time as the beginning: the whole week.
    pub to: Time,
}

impl WeekWindow {
    fn begun_on(&self, day: Date, zone: &TimeZone) -> Option<Stretch> {
        if day.weekday() != self.from_day {
            return None;
        }
        let days = self.from_day.until(self.to_day);
        let days = if days == 0 && self.to <= self.from { 7 } else { i32::from(days) };
        stretch(day, self.from, shifted(day, days)?, self.to, zone)
    }

    /// The stretch that runs at `at`.
    pub(super) fn running(&self, zone: &TimeZone, at: Timestamp) -> Option<Stretch> {
        let today = zone.to_datetime(at).date();
        (-8..=1)
            .filter_map(|days| self.begun_on(shifted(today, days)?, zone))
            .find(|(from, to)| *from <= at && at < *to)
    }

    /// The next edge after `at`.
    pub(super) fn next_edge(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let today = zone.to_datetime(at).date();
        (-8..DAYS_AHEAD)
            .filter_map(|days| self.begun_on(shifted(today, days)?, zone))
            .flat_map(|(from, to)| [from, to])
            .filter(|edge| *edge > at)
            .min()
    }
}

pub(super) fn shifted(day: Date, days: i32) -> Option<Date> {
    day.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// The first instant of a day.
pub(super) fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    first_instant(day.to_datetime(Time::midnight()), zone)
}

/// The day that runs at `at`: where the clock goes back over midnight, the new day stays begun.
pub(super) fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    let day = zone.to_datetime(at).date();
    day.tomorrow().ok().filter(|next| midnight(*next, zone).is_some_and(|begin| begin <= at)).unwrap_or(day)
}

//! Cut by customer, priority and time.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::fact::{Priority, words};
use crate::oncall::first_instant;

/// Periods of one report at most.
const PERIODS_MAX: usize = 1_000;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A month.
    Month,
}
words!(Step { Day = "day", Week = "week", Month = "month" });

impl Step {
    /// The first day of the period in which `day` lies.
    pub fn first_day(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(Span::new().days(back)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
        }
    }

    /// The first day of the next period; `first` begins one.
    pub fn next(self, first: Date) -> Option<Date> {
        let span = match self {
            Self::Day => Span::new().days(1),
            Self::Week => Span::new().days(7),
            Self::Month => Span::new().months(1),
        };
        first.checked_add(span).ok()
    }
}

/// The periods of `[from, to)` in `zone`: first day, first moment, first moment after it. The first and last may stick out; at most a
/// thousand.
pub fn periods(step: Step, from: Timestamp, to: Timestamp, zone: &TimeZone) -> Vec<(Date, Timestamp, Timestamp)> {
    let midnight = |day: Date| first_instant(day.to_datetime(Time::midnight()), zone);
    let mut found = Vec::new();
    let mut day = step.first_day(zone.to_datetime(from).date());
    while found.len() < PERIODS_MAX
        && let (Some(begin), Some(next)) = (midnight(day), step.next(day))
        && let Some(end) = midnight(next)
        && begin < to
    {
        found.push((day, begin, end));
        day = next;
    }
    found
}

/// Things by what `key` says of each, in the order of the keys.
pub fn by<'a, T, K: Ord>(all: &'a [T], key: impl Fn(&'a T) -> K) -> BTreeMap<K, Vec<&'a T>> {
    let mut groups: BTreeMap<K, Vec<&'a T>> = BTreeMap::new();
    for one in all {
        groups.entry(key(one)).or_default().push(one);
    }
    groups
}

/// Things by priority; those of which there are none are left out.
pub fn priorities<T>(all: &[T], of: impl Fn(&T) -> Priority) -> Vec<(Priority, Vec<&T>)> {
    Priority::ALL
        .into_iter()
        .map(|priority| (priority, all.iter().filter(|one| of(one) == priority).collect::<Vec<_>>()))
        .filter(|(_, found)| !found.is_empty())
        .collect()
}

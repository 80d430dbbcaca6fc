//! `hours`: branches by the local time of day and the holidays.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::call::frame::Way;
use crate::now::Now;

use super::{Hours, HoursWindow};

pub(crate) fn enter(node: &Hours, now: Now) -> Way {
    let (open, why) = node.state(now.wall);
    let to = if open { &node.open } else { &node.closed };
    Way::Go(Some(to.clone()), why)
}

impl Hours {
    /// Whether it is open, and which rule says so. A window belongs to the day on which it begins; on a
    /// holiday none is open and none begins.
    pub fn state(&self, at: Timestamp) -> (bool, String) {
        let local = at.to_zoned(self.time_zone.clone());
        let (date, time) = (local.date(), local.time());
        let clock = format!("{} {:02}:{:02} local", local.strftime("%a %F"), time.hour(), time.minute());
        if self.holidays.contains(&date) {
            return (false, format!("closed: holiday ({clock})"));
        }
        let open = self.windows.iter().any(|window| self.covers(window, date, time));
        (open, format!("{} ({clock})", if open { "open" } else { "closed" }))
    }

    fn covers(&self, window: &HoursWindow, date: Date, time: Time) -> bool {
        let begins = |day: Date| window.days.contains(&day.weekday()) && !self.holidays.contains(&day);
        if window.from < window.to {
            return begins(date) && window.from <= time && time < window.to;
        }
        // Runs past midnight, or for a whole day.
        let yesterday = date.yesterday().is_ok_and(|day| begins(day) && time < window.to);
        yesterday || (begins(date) && window.from <= time)
    }
}

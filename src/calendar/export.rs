//! Shifts as an iCalendar feed.

use icalendar::{Alarm, Calendar, Component, EventLike, Property, Trigger};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

/// A feed of shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// As the calendar shows it.
    pub name: String,
    /// When it was made.
    pub at: Timestamp,
    /// The shifts.
    pub entries: Vec<Entry>,
}

/// One shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `UserId`; with the schedule and the end it makes the entry's id, which stays the same whenever the feed is read.
    pub user: String,
    /// `ScheduleId`.
    pub schedule: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// It began before the feed's window: its real beginning is not told.
    pub begun: bool,
    /// One line.
    pub summary: String,
    /// More.
    pub description: String,
    /// Minutes before the beginning at which calendars remind.
    pub alarms: Vec<u32>,
}

impl Feed {
    /// The text (RFC 5545), lines folded and ended by CRLF.
    pub fn text(&self) -> String {
        let mut calendar = Calendar::empty();
        calendar.append_property(Property::new("VERSION", "2.0"));
        calendar.append_property(Property::new("PRODID", "-//hotline//on-call//EN"));
        calendar.append_property(Property::new("CALSCALE", "GREGORIAN"));
        calendar.append_property(Property::new("METHOD", "PUBLISH"));
        calendar.append_property(Property::new("X-WR-CALNAME", self.name.clone()));
        calendar.append_property(Property::new("REFRESH-INTERVAL;VALUE=DURATION", "PT15M"));
        calendar.append_property(Property::new("X-PUBLISHED-TTL", "PT15M"));
        for entry in &self.entries {
            calendar.push(self.event(entry));
        }
        calendar.to_string()
    }

    fn event(&self, entry: &Entry) -> icalendar::Event {
        let mut event = icalendar::Event::with_uid(&entry.uid());
        let summary = if entry.begun { format!("Begins* {}", entry.summary) } else { entry.summary.clone() };
        event
            .add_property("DTSTAMP", utc(self.at))
            .add_property("DTSTART", utc(entry.from))
            .add_property("DTEND", utc(entry.to))
            .add_property("TRANSP", "TRANSPARENT")
            .summary(&summary)
            .description(&entry.description);
        for minutes in entry.alarms.iter().filter(|_| !entry.begun) {
            // The crate reads no negative duration, but writes one.
            let trigger = Trigger::try_from(&Property::new("TRIGGER", format!("PT{minutes}M")));
            if let Ok(Trigger::Duration(before, related)) = trigger {
                let mut alarm = Alarm::display(&entry.summary, Trigger::Duration(-before, related));
                // Else the crate puts its own clock and chance in.
                alarm.add_property("DTSTAMP", utc(self.at));
                alarm.add_property("UID", format!("alarm-{minutes}-{}", entry.uid()));
                event.alarm(alarm);
            }
        }
        event.done()
    }
}

impl Entry {
    /// Stable: the hash of person, schedule and end.
    pub fn uid(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.user.as_str(), self.schedule.as_str(), &self.to.as_second().to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        format!("{}@hotline", hex::encode(&hash.finalize()[..16]))
    }
}

fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

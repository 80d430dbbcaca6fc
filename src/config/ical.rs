//! Holidays and absences out of iCalendar texts: a file beside `hotline.toml`, or the text itself in a document.

use hotline_core::directory::Absence;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::people::Context;
use super::report::Section;
use super::tree::Place;
use crate::calendar::{self, CalendarError, MAX_BYTES};

/// Events are spelled out so far back and ahead of the moment at which the configuration is read.
const BACK: SignedDuration = SignedDuration::from_hours(24 * 800);
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366 * 5);

impl Context<'_> {
    /// `ical_file`, `ical` of a calendar: its all-day events.
    pub fn ical_holidays(&self, section: &Section<'_>, zone: &TimeZone) -> Vec<(Date, String)> {
        let Some((text, place)) = self.ical(section, "ical_file", "ical") else { return Vec::new() };
        let (from, to) = window();
        let day = |at: Timestamp| zone.to_datetime(at).date();
        let found = calendar::holidays(&text, zone, day(from), day(to));
        let found = found.unwrap_or_else(|error| self.unreadable(section, &place, &error));
        if found.is_empty() && self.report.count() == 0 {
            self.report
                .warn(&place, format!("{} has no all-day event within five years; holidays are those", section.what));
        }
        found
    }

    /// `absences_ical_file`, `absences_ical` of a person: events that block time, whole days in the person's zone.
    pub fn ical_absences(&self, section: &Section<'_>, zone: &TimeZone) -> Vec<Absence> {
        let Some((text, place)) = self.ical(section, "absences_ical_file", "absences_ical") else { return Vec::new() };
        let (from, to) = window();
        let found = calendar::absences(&text, zone, from, to);
        found.unwrap_or_else(|error| self.unreadable(section, &place, &error))
    }

    fn unreadable<T>(&self, section: &Section<'_>, place: &Place, error: &CalendarError) -> Vec<T> {
        self.report.mistake(place, format!("the calendar of {} can't be used: {error}", section.what));
        Vec::new()
    }

    fn ical(&self, section: &Section<'_>, file: &'static str, text: &'static str) -> Option<(String, Place)> {
        let (named, own) = (section.text(file), section.text(text));
        if let (Some(named), Some(_)) = (&named, &own) {
            let what = format!("{} has `{file}` and `{text}`; keep one of them", section.what);
            self.report.mistake(named.place, what);
            return None;
        }
        if let Some(own) = own {
            return Some((own.text.to_owned(), own.place.clone()));
        }
        let named = named?;
        if section.place.is_document() {
            let what = format!("`{file}` names a file of the server; through the API send the text itself as `{text}`");
            self.report.mistake(named.place, what);
            return None;
        }
        let path = self.base.join(named.text);
        let length = std::fs::metadata(&path).map(|data| data.len());
        let read = match length {
            Ok(length) if usize::try_from(length).unwrap_or(usize::MAX) > MAX_BYTES => {
                self.unreadable::<()>(section, named.place, &CalendarError::TooLarge);
                return None;
            }
            Ok(_) | Err(_) => std::fs::read_to_string(&path),
        };
        match read {
            Ok(text) => Some((text, named.place.clone())),
            Err(error) => {
                let what = format!(
                    "`{file}` of {}: {} can't be read: {error}; mend the path or its rights",
                    section.what,
                    path.display()
                );
                self.report.mistake(named.place, what);
                None
            }
        }
    }
}

/// Whole days, so that the same day reads the same.
fn window() -> (Timestamp, Timestamp) {
    let now = crate::clock::now().wall;
    let today = TimeZone::UTC.to_datetime(now).date().to_datetime(Time::midnight());
    let today = TimeZone::UTC.to_timestamp(today).unwrap_or(now);
    (today.checked_sub(BACK).unwrap_or(today), today.checked_add(AHEAD).unwrap_or(today))
}

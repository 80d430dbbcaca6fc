//! `[[calendars]]`: business hours and holidays.

use hotline_core::call::flow::HoursWindow;
use hotline_core::ids::CalendarId;
use hotline_core::oncall::Calendar;
use jiff::civil::Date;

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word};
use super::tree::Spot;
use super::words;

impl Context<'_> {
    /// One `[[calendars]]`.
    pub fn calendar(&self, section: &Section<'_>) -> Option<Calendar> {
        let id = self.id(Kind::Calendar, section);
        let name = section.text("name");
        let time_zone = self.zone(section);
        let windows: Vec<HoursWindow> =
            section.tables("windows").iter().filter_map(|spot| self.window(section, spot)).collect();
        let holidays = section.texts("holidays").unwrap_or_default();
        let mut holidays: Vec<(Date, String)> =
            holidays.into_iter().filter_map(|word| self.holiday(section, word)).collect();
        if let Some(zone) = &time_zone {
            let imported = self.ical_holidays(section, zone);
            holidays.extend(
                imported.into_iter().filter(|(day, _)| holidays.iter().all(|(own, _)| own != day)).collect::<Vec<_>>(),
            );
        }
        // The core looks them up by halves.
        holidays.sort_by_key(|(day, _)| *day);
        let id = id?;
        Some(Calendar {
            id: CalendarId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            time_zone: time_zone?,
            windows,
            holidays,
        })
    }

    /// `{ days = ["mon-fri"], from = "08:00", to = "18:00" }`.
    pub fn window(&self, of: &Section<'_>, spot: &Spot) -> Option<HoursWindow> {
        let section = Section::new(spot, format!("a window of {}", of.what), self.report)?;
        let days = section.texts("days").unwrap_or_default();
        let days: Vec<_> = days
            .into_iter()
            .filter_map(|word| {
                self.parsed(&section, word, "days such as \"mon\", \"mon-fri\" or \"daily\"", words::weekdays)
            })
            .flatten()
            .collect();
        if section.spot("days").is_none() {
            let what = format!("{} has no `days`; add days = [\"mon-fri\"]", section.what);
            self.report.mistake(&section.place.within("days"), what);
        }
        let time = |key, example| {
            let word = section.need(key, example)?;
            self.parsed(&section, word, "a time such as \"08:00\"", words::time)
        };
        let (from, to) = (time("from", "\"08:00\""), time("to", "\"18:00\""));
        section.finish();
        Some(HoursWindow { days, from: from?, to: to? })
    }

    /// `2026-12-25` or `2026-12-25 Christmas Day`.
    fn holiday(&self, section: &Section<'_>, word: Word<'_>) -> Option<(Date, String)> {
        let (day, name) = word.text.split_once(' ').unwrap_or((word.text, ""));
        let place = word.place;
        let day = self.parsed(
            section,
            Word { text: day, place },
            "\"2026-12-25\" or \"2026-12-25 Christmas Day\"",
            words::day,
        )?;
        Some((day, name.trim().to_owned()))
    }

    /// A value in a small language.
    pub fn parsed<T>(
        &self,
        section: &Section<'_>,
        word: Word<'_>,
        need: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(word.text);
        if value.is_none() {
            let what = format!("`{}` in {} can't be read; write {need}", word.text, section.what);
            self.report.mistake(word.place, what);
        }
        value
    }
}

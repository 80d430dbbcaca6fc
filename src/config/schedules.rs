//! `[[schedules]]`: layers, their rotations and hours, overrides, swaps.
//!
//! The short form (`members`, `weeks` or `length`, `start` in the schedule itself) is one layer. What the API keeps has
//! the same keys (`switch::schedules`), with the versions of each rotation (`before`), so that an edit never restarts it.

use std::time::Duration;

use hotline_core::ids::{CalendarId, ScheduleId, TeamId, UserId};
use hotline_core::oncall::{
    CalendarRule, Cover, Layer, Length, Member, Mode, ONLY_LAYER, Override, OverrideDeed, Restriction, Rotation,
    Schedule, Swap, WeekWindow, Weights,
};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word, hint};
use super::server::choice;
use super::tree::{Spot, Value};
use super::words;

/// When people are told that their shift comes, unless `notices` says otherwise.
const NOTICES: [Duration; 2] = [Duration::from_hours(24), Duration::from_hours(1)];
/// Most layers of a schedule; all of them are looked at for each moment of each shift.
const LAYERS_MAX: usize = 20;
/// A member that is nobody.
const NOBODY: &str = "-";

impl Context<'_> {
    /// One `[[schedules]]`.
    pub fn schedule(&self, section: &Section<'_>) -> Option<Schedule> {
        let id = self.id(Kind::Schedule, section);
        let name = section.text("name");
        let zone = self.zone(section);
        let modes = Mode::ALL.map(|mode| (mode.word(), mode));
        let mode = section.text("mode").and_then(|word| choice(word, "mode", &modes, self.report)).unwrap_or_default();
        let team = section.text("team").filter(|team| self.names.check(Kind::Team, *team, self.report));
        let cover = self.cover(section);
        let notices = self.notices(section);
        let holidays = section.text("holidays").filter(|word| self.names.check(Kind::Calendar, *word, self.report));
        let weights = self.weights(section);
        let layers = self.layers(section, zone.as_ref());
        let overrides = self.each(section, "overrides", |own| self.an_override(own, zone.as_ref(), &layers));
        let swaps = self.each(section, "swaps", |own| self.swap(own, zone.as_ref()));
        let id = id?;
        Some(Schedule {
            id: ScheduleId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            time_zone: zone?,
            mode,
            layers,
            overrides,
            swaps,
            team: team.map(|team| TeamId::from(team.text)),
            cover,
            notices,
            holidays: holidays.map(|word| CalendarId::from(word.text)),
            weights,
        })
    }

    /// The tables of a list, each read by itself.
    fn each<T>(&self, of: &Section<'_>, key: &'static str, read: impl Fn(&Section<'_>) -> Option<T>) -> Vec<T> {
        let read_one = |spot: &Spot| {
            let section = Section::new(spot, format!("[[schedules.{key}]] of {}", of.what), self.report)?;
            let one = read(&section);
            section.finish();
            one
        };
        of.tables(key).iter().filter_map(read_one).collect()
    }

    /// `always`, `planned`, `calendar:ID`.
    fn cover(&self, section: &Section<'_>) -> Cover {
        let Some(word) = section.text("cover") else { return Cover::default() };
        match word.text {
            "always" => Cover::Always,
            "planned" => Cover::Planned,
            other => {
                if let Some(calendar) = other.strip_prefix("calendar:") {
                    self.names.check(Kind::Calendar, Word { text: calendar, place: word.place }, self.report);
                    return Cover::Calendar(CalendarId::from(calendar));
                }
                let what = format!(
                    "`cover` of {}: `{other}` is not known; write \"always\", \"planned\" or \"calendar:NAME\"",
                    section.what
                );
                self.report.mistake(word.place, what);
                Cover::default()
            }
        }
    }

    fn notices(&self, section: &Section<'_>) -> Vec<Duration> {
        let Some(words) = section.texts("notices") else { return NOTICES.to_vec() };
        let need = "a time before the shift from \"5m\" to \"336h\"";
        let parse = |text: &str| {
            words::duration(text).filter(|time| (Duration::from_mins(5)..=Duration::from_hours(336)).contains(time))
        };
        let mut notices: Vec<Duration> =
            words.into_iter().filter_map(|word| self.parsed(section, word, need, parse)).collect();
        notices.sort_unstable_by(|a, b| b.cmp(a));
        notices.dedup();
        notices
    }

    fn weights(&self, section: &Section<'_>) -> Weights {
        let usual = Weights::default();
        let Some(spot) = section.spot("weights") else { return usual };
        let what = format!("`weights` of {}", section.what);
        let Some(own) = Section::new(spot, what, self.report) else { return usual };
        let weight =
            |key, usual: u32| own.whole(key, &(0..=1_000)).and_then(|it| u32::try_from(it).ok()).unwrap_or(usual);
        let hour = |key, usual: u8| own.whole(key, &(0..=23)).and_then(|it| u8::try_from(it).ok()).unwrap_or(usual);
        let weights = Weights {
            weekday: weight("weekday", usual.weekday),
            night: weight("night", usual.night),
            weekend: weight("weekend", usual.weekend),
            holiday: weight("holiday", usual.holiday),
            night_hours: (hour("night_from", usual.night_hours.0), hour("night_to", usual.night_hours.1)),
        };
        own.finish();
        weights
    }

    fn layers(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Vec<Layer> {
        let tables = section.spot("layers");
        let short = section.spot("members");
        if let (Some(_), Some(short)) = (tables, short) {
            let what = format!(
                "{} has `members` and `layers`; move the members into a layer of their own, [[schedules.layers]]",
                section.what
            );
            self.report.mistake(&short.place, what);
        }
        if tables.is_none() {
            let rotations = self.rotations(section, zone);
            self.warn_empty(section, rotations.last(), "calls will go to voicemail");
            let layer = rotations.last().cloned().map(|last| Layer { rotations, ..Layer::new(ONLY_LAYER, last) });
            return layer.into_iter().collect();
        }
        let count = section.tables("layers").len();
        if count > LAYERS_MAX {
            let what = format!(
                "{} has {count} layers, and may have {LAYERS_MAX} at most; put turns that follow each other into one layer, or \
                 make several schedules of it",
                section.what
            );
            self.report.mistake(section.place, what);
            return Vec::new();
        }
        let mut layers: Vec<Layer> = Vec::new();
        for layer in self.each(section, "layers", |own| self.layer(own, zone)) {
            if layers.iter().any(|other| other.id == layer.id) {
                let what = format!("{} has two layers `{}`; give one of them another id", section.what, layer.id);
                self.report.mistake(section.place, what);
            }
            layers.push(layer);
        }
        if layers.is_empty() {
            self.report.warn(section.place, format!("{} has no layers; calls will go to voicemail", section.what));
        }
        layers
    }

    fn warn_empty(&self, section: &Section<'_>, rotation: Option<&Rotation>, so: &str) {
        if rotation.is_some_and(|rotation| rotation.members.iter().all(|member| *member == Member::Nobody)) {
            self.report.warn(section.place, format!("nobody is in the rotation of {}; {so}", section.what));
        }
    }

    fn layer(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Option<Layer> {
        let id = section.need("id", "\"nights\"").filter(|word| {
            let right = words::is_name(word.text);
            if !right {
                let what = format!(
                    "`id` of {}: `{}` can't be one; use letters, digits, `-`, `_` and `.` only",
                    section.what, word.text
                );
                self.report.mistake(word.place, what);
            }
            right
        });
        let name = section.text("name");
        let own_zone = match section.text("time_zone") {
            Some(word) => self.zone_of(word, &section.what),
            None => zone.cloned(),
        };
        let rotations = self.rotations(section, own_zone.as_ref());
        self.warn_empty(section, rotations.last(), "it never has anybody");
        let restrictions =
            section.tables("restrictions").iter().filter_map(|spot| self.restriction(section, spot)).collect();
        let calendar = self.calendar_rule(section);
        let skills = section.texts("skills").unwrap_or_default();
        let skills =
            skills.into_iter().map(|word| word.text.to_lowercase()).filter(|skill| !skill.is_empty()).collect();
        let moment = |key| section.spot(key).and_then(|_| self.moment(section, key, own_zone.as_ref()));
        let (from, until) = (moment("from"), moment("until"));
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            let what = format!("{} ends before it begins; mend `from` and `until`", section.what);
            self.report.mistake(&section.place.within("until"), what);
        }
        let id = id?;
        let last = rotations.last().cloned()?;
        Some(Layer {
            name: name.map_or(id.text, |name| name.text).to_owned(),
            rotations,
            restrictions,
            calendar,
            skills,
            from,
            until,
            ..Layer::new(id.text, last)
        })
    }

    /// The present version and those before it, the oldest first.
    fn rotations(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Vec<Rotation> {
        let mut versions = self.each(section, "before", |own| {
            let own_zone = match own.text("time_zone") {
                Some(word) => self.zone_of(word, &own.what),
                None => zone.cloned(),
            };
            self.rotation(own, own_zone.as_ref())
        });
        versions.extend(self.rotation(section, zone));
        let begins = |version: &Rotation| version.since.unwrap_or(Timestamp::MIN);
        if !versions.is_sorted_by(|a, b| begins(a) < begins(b)) {
            let what = format!(
                "the versions of the rotation of {} overlap; give each of `before` and the last an own `since`, in order",
                section.what
            );
            self.report.mistake(&section.place.within("before"), what);
        }
        versions
    }

    fn rotation(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Option<Rotation> {
        let Some(members) = section.texts("members") else {
            let what =
                format!("{} has no `members`; add members = [\"USER\", …] in the order of their turns", section.what);
            self.report.mistake(section.place, what);
            return None;
        };
        let members: Vec<Member> = members.into_iter().filter_map(|word| self.member(word)).collect();
        let length = self.length(section);
        let start = section.need("start", "\"2026-01-05T09:00\" (the first hand-off, local time)");
        let start = start.and_then(|word| self.start(section, word));
        let since = section.spot("since").and_then(|_| self.moment(section, "since", zone));
        let first = section.whole("first", &(1..=10_000)).unwrap_or(1);
        Some(Rotation {
            members,
            length,
            start: start?,
            time_zone: zone?.clone(),
            since,
            first: usize::try_from(first - 1).unwrap_or(0),
        })
    }

    /// `ada`, `team:network`, `-`.
    fn member(&self, word: Word<'_>) -> Option<Member> {
        if word.text == NOBODY {
            return Some(Member::Nobody);
        }
        if let Some(team) = word.text.strip_prefix("team:") {
            let known = self.names.check(Kind::Team, Word { text: team, place: word.place }, self.report);
            return known.then(|| Member::Team(TeamId::from(team)));
        }
        self.names.check(Kind::User, word, self.report).then(|| Member::from(word.text))
    }

    fn start(&self, section: &Section<'_>, word: Word<'_>) -> Option<DateTime> {
        let start = words::local(word.text);
        if start.is_none() {
            let what = format!(
                "`start` of {}: `{}` is no local date and time; write it like \"2026-01-05T09:00\", without zone",
                section.what, word.text
            );
            self.report.mistake(word.place, what);
        }
        if start.is_some_and(|start| start.second() != 0 || start.subsec_nanosecond() != 0) {
            let what = format!("`start` of {} must be a whole minute; leave the seconds away", section.what);
            self.report.mistake(word.place, what);
        }
        start
    }

    /// `weeks = 2`, `length = "12h"`, `length = ["4 days", "3 days"]`; without: a week.
    fn length(&self, section: &Section<'_>) -> Length {
        let weeks = section.whole("weeks", &(1..=52));
        let usual = Length::Weeks(weeks.and_then(|weeks| u32::try_from(weeks).ok()).unwrap_or(1));
        let Some(spot) = section.spot("length") else { return usual };
        if weeks.is_some() {
            let what = format!("{} has `weeks` and `length`; keep one of them", section.what);
            self.report.mistake(&spot.place, what);
        }
        let several = matches!(spot.value, Value::List(_));
        let words = section.texts("length").unwrap_or_default();
        let need = "\"12 hours\", \"1 day\", \"2 weeks\", \"1 month\", or a list such as [\"4 days\", \"3 days\"]";
        let lengths: Vec<Length> =
            words.iter().filter_map(|word| self.parsed(section, *word, need, a_length)).collect();
        match (lengths.as_slice(), several) {
            ([], _) => {
                self.report.mistake(&spot.place, format!("`length` of {} says nothing; write {need}", section.what));
                usual
            }
            ([one], _) => one.clone(),
            (all, _) => {
                let hours: Option<Vec<u32>> = all.iter().map(in_hours).collect();
                hours.map_or_else(
                    || {
                        let what =
                            format!("`length` of {}: a list can't have months; write days or weeks", section.what);
                        self.report.mistake(&spot.place, what);
                        usual.clone()
                    },
                    Length::Cycle,
                )
            }
        }
    }

    /// `{ days = ["mon-fri"], from = "20:00", to = "08:00" }` or `{ from = "fri 17:00", to = "mon 08:00" }`.
    fn restriction(&self, of: &Section<'_>, spot: &Spot) -> Option<Restriction> {
        let section = Section::new(spot, format!("a restriction of {}", of.what), self.report)?;
        let (from, to) = (section.text("from").map(|word| word.text), section.text("to").map(|word| word.text));
        let by_week = section.spot("days").is_none() && from.is_some_and(|from| from.contains(' '));
        if from.is_some() && from == to {
            let what = format!(
                "{} has no length: it begins and ends at {}; for a whole day write from = \"00:00\", to = \"24:00\", and \
                 for always leave the restriction away",
                section.what,
                from.unwrap_or_default()
            );
            self.report.mistake(&section.place.within("to"), what);
            return None;
        }
        if !by_week {
            return self.window(of, spot).map(Restriction::Day);
        }
        let edge = |key, example| {
            let word = section.need(key, example)?;
            self.parsed(&section, word, "a weekday and a time such as \"fri 17:00\"", week_time)
        };
        let (from, to) = (edge("from", "\"fri 17:00\""), edge("to", "\"mon 08:00\""));
        section.finish();
        let ((from_day, from), (to_day, to)) = (from?, to?);
        Some(Restriction::Week(WeekWindow { from_day, from, to_day, to }))
    }

    /// `calendar = "office"` (while it is open), `calendar = "closed:office"`.
    fn calendar_rule(&self, section: &Section<'_>) -> Option<CalendarRule> {
        let word = section.text("calendar")?;
        let (text, open) = word
            .text
            .strip_prefix("closed:")
            .map_or_else(|| (word.text.strip_prefix("open:").unwrap_or(word.text), true), |calendar| (calendar, false));
        let known = self.names.check(Kind::Calendar, Word { text, place: word.place }, self.report);
        known.then(|| CalendarRule { calendar: CalendarId::from(text), open })
    }

    fn an_override(&self, section: &Section<'_>, zone: Option<&TimeZone>, layers: &[Layer]) -> Option<Override> {
        let id = section.text("id").map_or_else(String::new, |word| word.text.to_owned());
        let user = section.need("user", "\"USER\"").filter(|user| self.names.check(Kind::User, *user, self.report));
        let span = self.span(section, zone.unwrap_or(&TimeZone::UTC));
        let reason = section.text("reason").map_or_else(String::new, |reason| reason.text.to_owned());
        let instead = section.text("instead_of");
        let instead = instead.filter(|user| self.names.check(Kind::User, *user, self.report));
        let deeds = [("replace", OverrideDeed::Replace), ("add", OverrideDeed::Add), ("remove", OverrideDeed::Remove)];
        let words = [("replace", 0_usize), ("add", 1), ("remove", 2)];
        let deed = section.text("deed").and_then(|word| choice(word, "deed", &words, self.report)).unwrap_or(0);
        let deed = match (instead, deed) {
            (Some(other), 0) => OverrideDeed::InsteadOf(UserId::from(other.text)),
            (Some(other), _) => {
                let what = format!("{} has `deed` and `instead_of`; keep one of them", section.what);
                self.report.mistake(other.place, what);
                return None;
            }
            (None, deed) => deeds[deed].1.clone(),
        };
        let named = section.texts("layers").unwrap_or_default();
        for word in named.iter().filter(|word| layers.iter().all(|layer| layer.id != word.text)) {
            let hint = hint(word.text, layers.iter().map(|layer| layer.id.as_str()));
            self.report.mistake(word.place, format!("{}: there is no layer `{}`; {hint}", section.what, word.text));
        }
        let (from, to) = span?;
        let layers = named.into_iter().map(|word| word.text.to_owned()).collect();
        Some(Override { id, user: UserId::from(user?.text), deed, layers, from, to, reason })
    }

    fn swap(&self, section: &Section<'_>, zone: Option<&TimeZone>) -> Option<Swap> {
        let id = section.need("id", "\"swap-1\"");
        let giver = section.need("giver", "\"USER\"").filter(|user| self.names.check(Kind::User, *user, self.report));
        let taker = section.text("taker").filter(|user| self.names.check(Kind::User, *user, self.report));
        let span = self.span(section, zone.unwrap_or(&TimeZone::UTC));
        let reason = section.text("reason").map_or_else(String::new, |reason| reason.text.to_owned());
        let giver = giver?;
        if let Some(taker) = taker.filter(|taker| taker.text == giver.text) {
            self.report
                .mistake(taker.place, format!("{}: nobody can take their own shift; name another taker", section.what));
        }
        let (from, to) = span?;
        Some(Swap {
            id: id?.text.to_owned(),
            giver: UserId::from(giver.text),
            taker: taker.map(|taker| UserId::from(taker.text)),
            from,
            to,
            reason,
        })
    }
}

/// `12h`, `1 day`, `2 weeks`, `1 month`.
fn a_length(text: &str) -> Option<Length> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u32 = text.get(..digits)?.parse().ok()?;
    let within = |most: u32| (1..=most).contains(&count).then_some(count);
    match text.get(digits..)?.trim() {
        "h" | "hour" | "hours" => within(8_784).map(Length::Hours),
        "d" | "day" | "days" => within(366).map(Length::Days),
        "w" | "week" | "weeks" => within(52).map(Length::Weeks),
        "month" | "months" => within(24).map(Length::Months),
        _ => None,
    }
}

fn in_hours(length: &Length) -> Option<u32> {
    match length {
        Length::Hours(hours) => Some(*hours),
        Length::Days(days) => Some(24 * days),
        Length::Weeks(weeks) => Some(168 * weeks),
        Length::Months(_) | Length::Cycle(_) => None,
    }
}

/// `fri 17:00`.
fn week_time(text: &str) -> Option<(Weekday, Time)> {
    let (day, time) = text.split_once(' ')?;
    let [day] = words::weekdays(day.trim())?.try_into().ok()?;
    // Midnight at the end of a day is the next day's first minute.
    let day = if time.trim() == "24:00" { day.wrapping_add(1) } else { day };
    Some((day, words::time(time.trim())?))
}

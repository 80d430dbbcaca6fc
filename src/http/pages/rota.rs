//! A schedule over time, as lanes of blocks that a template draws in SVG: percentages and classes only, since the page
//! allows no inline style.

use std::collections::BTreeMap;
use std::fmt;

use hotline_core::directory::Directory;
use hotline_core::ids::UserId;
use hotline_core::oncall::{self, Cause, Layer, OverrideDeed, Schedule, Shift};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Colours of people; further ones begin again.
const COLOURS: usize = 8;
/// A narrower block has no name in it, but initials.
const NAMED_FROM: f64 = 5.0;
/// A narrower one has nothing in it.
const INITIALS_FROM: f64 = 2.4;

/// A share of the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}%", self.0)
    }
}

impl askama::filters::HtmlSafe for Percent {}

/// A window of time with its days.
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
    pub zone: TimeZone,
}

/// A day of the window.
pub struct Day {
    pub x: Percent,
    pub width: Percent,
    pub weekday: String,
    pub date: String,
    pub weekend: bool,
    pub today: bool,
}

/// One row of blocks.
pub struct Lane {
    pub name: String,
    pub note: String,
    /// The result, not one of its parts.
    pub main: bool,
    pub blocks: Vec<Block>,
}

/// Somebody (or nobody) for a while.
pub struct Block {
    pub x: Percent,
    pub width: Percent,
    /// In the block; empty: no room.
    pub label: String,
    /// All of it, for a pointer that rests and for those who listen.
    pub title: String,
    /// `c0` … `c7`, `gap`, `off`.
    pub class: String,
    pub marked: bool,
}

/// Colours by person, the same on the whole page.
pub struct Colours(BTreeMap<UserId, usize>);

impl Colours {
    pub fn of(directory: &Directory) -> Self {
        Self(directory.users.keys().cloned().enumerate().map(|(at, user)| (user, at % COLOURS)).collect())
    }

    pub fn class(&self, user: &UserId) -> String {
        format!("c{}", self.0.get(user).copied().unwrap_or(0))
    }
}

impl Window {
    /// So many days from the beginning of the day of `at` in `zone`, which is moved by `weeks`.
    pub fn of(at: Timestamp, weeks: i64, days: i64, zone: &TimeZone) -> Option<Self> {
        let first = at.to_zoned(zone.clone()).date().checked_add(Span::new().try_weeks(weeks).ok()?).ok()?;
        let last = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
        let start = |day: jiff::civil::Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
        Some(Self { from: start(first)?, to: start(last)?, zone: zone.clone() })
    }

    /// Where a moment lies, from 0 to 100.
    fn share(&self, at: Timestamp) -> f64 {
        let all = (self.to.as_second() - self.from.as_second()).max(1);
        let some = at.as_second().clamp(self.from.as_second(), self.to.as_second()) - self.from.as_second();
        some as f64 * 100.0 / all as f64
    }

    /// Where `at` lies, if within.
    pub fn place(&self, at: Timestamp) -> Option<Percent> {
        (self.from <= at && at < self.to).then(|| Percent(self.share(at)))
    }

    /// Its days; in a change of the clock they are shorter or longer.
    pub fn days(&self, now: Timestamp) -> Vec<Day> {
        let mut days = Vec::new();
        let mut day = self.from.to_zoned(self.zone.clone()).date();
        let today = now.to_zoned(self.zone.clone()).date();
        while let (Ok(begin), Ok(next)) = (day.to_zoned(self.zone.clone()), day.tomorrow()) {
            if begin.timestamp() >= self.to || days.len() > 62 {
                break;
            }
            let Ok(end) = next.to_zoned(self.zone.clone()) else { break };
            let (x, end) = (self.share(begin.timestamp()), self.share(end.timestamp()));
            days.push(Day {
                x: Percent(x),
                width: Percent(end - x),
                weekday: day.strftime("%a").to_string(),
                date: day.strftime("%-d %b").to_string(),
                weekend: matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday),
                today: day == today,
            });
            day = next;
        }
        days
    }

    /// A stretch as a block; `None`: it lies outside.
    pub fn block(&self, from: Timestamp, to: Timestamp, name: &str, why: &str, class: String) -> Option<Block> {
        if to <= self.from || from >= self.to || from >= to {
            return None;
        }
        let (x, end) = (self.share(from), self.share(to));
        let title =
            format!("{name}, {} – {}{}{why}", self.clock(from), self.clock(to), if why.is_empty() { "" } else { ": " });
        Some(Block {
            x: Percent(x),
            width: Percent(end - x),
            label: match end - x {
                width if width >= NAMED_FROM => name.to_owned(),
                width if width >= INITIALS_FROM => initials(name),
                _ => String::new(),
            },
            title,
            class,
            marked: false,
        })
    }

    /// `Mon 23 Nov 09:00`.
    pub fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%a %-d %b %H:%M").to_string()
    }

    /// The zone's name.
    pub fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }
}

/// `AM` of `Anneliese Müller`.
fn initials(name: &str) -> String {
    let letters: Vec<char> = name.split_whitespace().filter_map(|word| word.chars().next()).collect();
    match letters.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => [*first, *last].iter().collect(),
    }
}

/// The zone in which a schedule is shown.
pub fn zone(schedule: &Schedule) -> TimeZone {
    schedule.time_zone.clone()
}

/// When nobody is on call although somebody should be.
pub fn gaps(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    oncall::gaps(schedule, directory, from, to).into_iter().map(|gap| (gap.from, gap.to)).collect()
}

/// Who is on call in the window, gaps marked; where several are at the same time, in several lanes.
pub fn final_lanes(schedule: &Schedule, directory: &Directory, window: &Window, colours: &Colours) -> Vec<Lane> {
    let mut rows: Vec<Vec<Shift>> = vec![Vec::new()];
    for shift in oncall::shifts(schedule, directory, window.from, window.to) {
        if shift.user.is_none() {
            continue;
        }
        match rows.iter_mut().find(|row| row.last().is_none_or(|last| last.to <= shift.from)) {
            Some(row) => row.push(shift),
            None => rows.push(vec![shift]),
        }
    }
    let gaps = gaps(schedule, directory, window.from, window.to);
    let lane = |(nth, row): (usize, Vec<Shift>)| {
        let mut blocks = blocks(&row, directory, window, colours);
        if nth == 0 {
            let gap =
                |(from, to): &(Timestamp, Timestamp)| window.block(*from, *to, "nobody", "a gap", "gap".to_owned());
            blocks.extend(gaps.iter().filter_map(gap));
        }
        let name = if nth == 0 { "On call".to_owned() } else { format!("And {}", nth + 1) };
        Lane { name, note: String::new(), main: true, blocks }
    };
    rows.into_iter().enumerate().map(lane).collect()
}

/// The layers by themselves, in their order.
pub fn layer_lanes(schedule: &Schedule, directory: &Directory, window: &Window, colours: &Colours) -> Vec<Lane> {
    let lane = |(nth, layer): (usize, &Layer)| {
        let shifts = oncall::layer_shifts(schedule, layer, directory, window.from, window.to);
        let mut notes = Vec::new();
        if !layer.skills.is_empty() {
            notes.push(format!("needs {}", layer.skills.join(", ")));
        }
        if !layer.restrictions.is_empty() || layer.calendar.is_some() {
            notes.push("at certain hours".to_owned());
        }
        Lane {
            name: format!("Layer {}: {}", nth + 1, layer.name),
            note: notes.join(" · "),
            main: false,
            blocks: blocks(&shifts, directory, window, colours),
        }
    };
    schedule.layers.iter().enumerate().map(lane).collect()
}

fn blocks(shifts: &[Shift], directory: &Directory, window: &Window, colours: &Colours) -> Vec<Block> {
    let block = |shift: &Shift| {
        let user = shift.user.as_ref()?;
        let why = match &shift.cause {
            Cause::Turn => String::new(),
            Cause::StandsIn(holder) => format!("stands in for {}", directory.name_of(holder)),
            Cause::Swap { giver, reason } => {
                because(&format!("took the shift of {}", directory.name_of(giver)), reason)
            }
            Cause::Override { reason, .. } => because("override", reason),
        };
        let block = window.block(shift.from, shift.to, directory.name_of(user), &why, colours.class(user))?;
        Some(Block { marked: !why.is_empty(), ..block })
    };
    shifts.iter().filter_map(block).collect()
}

/// Overrides and swaps.
pub fn change_lane(schedule: &Schedule, directory: &Directory, window: &Window, colours: &Colours) -> Option<Lane> {
    let name = |user: &UserId| directory.name_of(user).to_owned();
    let mut blocks: Vec<Block> = Vec::new();
    for over in &schedule.overrides {
        let (class, what) = match &over.deed {
            OverrideDeed::Replace => (colours.class(&over.user), "instead of everybody".to_owned()),
            OverrideDeed::InsteadOf(other) => (colours.class(&over.user), format!("instead of {}", name(other))),
            OverrideDeed::Add => (colours.class(&over.user), "as well".to_owned()),
            OverrideDeed::Remove => ("off".to_owned(), "is off".to_owned()),
        };
        blocks.extend(window.block(over.from, over.to, &name(&over.user), &because(&what, &over.reason), class));
    }
    for swap in &schedule.swaps {
        let (class, who, what) = match &swap.taker {
            Some(taker) => (colours.class(taker), name(taker), format!("takes the shifts of {}", name(&swap.giver))),
            None => (
                "off".to_owned(),
                format!("{}?", name(&swap.giver)),
                "wants to be relieved; nobody has taken it".to_owned(),
            ),
        };
        blocks.extend(window.block(swap.from, swap.to, &who, &because(&what, &swap.reason), class));
    }
    let lane = Lane { name: "Overrides and swaps".to_owned(), note: String::new(), main: false, blocks };
    (!lane.blocks.is_empty()).then_some(lane)
}

/// The shifts of one person by a schedule.
pub fn of_person(
    schedule: &Schedule,
    directory: &Directory,
    user: &UserId,
    window: &Window,
) -> Vec<(Timestamp, Timestamp)> {
    let mut found: Vec<(Timestamp, Timestamp)> = Vec::new();
    let shifts = oncall::shifts(schedule, directory, window.from, window.to);
    for shift in shifts.iter().filter(|shift| shift.user.as_ref() == Some(user)) {
        match found.last_mut() {
            // The reason changes, the person stays.
            Some(last) if last.1 == shift.from => last.1 = shift.to,
            _ => found.push((shift.from, shift.to)),
        }
    }
    found
}

/// Everybody who can be on call by a schedule, in the order of their first turns.
pub fn people(schedule: &Schedule, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    let layers = schedule.layers.iter().flat_map(|layer| layer.people(directory, at));
    let overrides = schedule.overrides.iter().filter(|over| over.to > at).map(|over| over.user.clone());
    let mut people: Vec<UserId> = Vec::new();
    for user in layers.chain(overrides) {
        if !people.contains(&user) {
            people.push(user);
        }
    }
    people
}

fn because(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what} ({reason})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_begins_with_the_day_and_knows_the_change_of_the_clock() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let window = Window::of(at("2026-10-23T22:30:00Z"), 0, 14, &zone).unwrap();
        assert_eq!(window.from, at("2026-10-23T22:00:00Z"));
        assert_eq!(window.to, at("2026-11-06T23:00:00Z"), "an hour later by the clock of winter");
        let days = window.days(at("2026-10-25T12:00:00Z"));
        assert_eq!(days.len(), 14);
        assert!((days[1].width.0 - days[0].width.0 * 25.0 / 24.0).abs() < 1e-9, "25 hours");
        assert!(days[0].weekend && days[1].weekend && !days[2].weekend && days[1].today);
        assert_eq!((days[0].weekday.as_str(), days[0].date.as_str()), ("Sat", "24 Oct"));
        let end = &days[13];
        assert!((end.x.0 + end.width.0 - 100.0).abs() < 1e-9);
    }

    #[test]
    fn blocks_are_cut_at_the_window() {
        let window = Window::of(at("2026-11-22T10:00:00Z"), 0, 10, &TimeZone::UTC).unwrap();
        let block = |from: &str, to: &str| window.block(at(from), at(to), "Ada", "", "c0".to_owned());
        let all = block("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z").unwrap();
        assert_eq!((all.x.to_string(), all.width.to_string()), ("0.000%".to_owned(), "100.000%".to_owned()));
        let day = block("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z").unwrap();
        assert_eq!(
            (day.x.to_string(), day.width.to_string(), day.label.as_str()),
            ("10.000%".into(), "10.000%".into(), "Ada")
        );
        assert!(block("2026-11-23T00:00:00Z", "2026-11-23T01:00:00Z").unwrap().label.is_empty());
        assert!(block("2026-11-01T00:00:00Z", "2026-11-22T00:00:00Z").is_none());
        assert!(window.place(at("2026-12-02T00:00:00Z")).is_none());
    }
}

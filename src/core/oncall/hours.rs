//! Hours on call, by kind: how fairly they are shared, how often they were disturbed, what is paid for them.
//!
//! Hours are those that passed: a shift over the autumn's change counts 25 hours for its day, once, and 23 in spring.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::directory::Directory;
use crate::ids::{ScheduleId, UserId};

use super::windows::{day_of, midnight};
use super::{Calendar, Schedule, Shift, Weights, first_instant, gaps, shifts};

/// A kind of hour. A holiday's hours are holiday's by day and night, a weekend's likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// By day, Monday to Friday.
    Weekday,
    /// By night, Monday to Friday.
    Night,
    /// Saturday and Sunday.
    Weekend,
    /// A holiday of the schedule's calendar.
    Holiday,
}

crate::fact::words!(Class { Weekday = "weekday", Night = "night", Weekend = "weekend", Holiday = "holiday" });

/// Seconds on call, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hours {
    /// By day, Monday to Friday.
    pub weekday: i64,
    /// By night, Monday to Friday.
    pub night: i64,
    /// Saturday and Sunday.
    pub weekend: i64,
    /// Holidays.
    pub holiday: i64,
}

/// What one person bears of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burden {
    /// Who.
    pub user: UserId,
    /// Seconds on call.
    pub hours: Hours,
    /// Shifts.
    pub shifts: u32,
    /// Weighted seconds.
    pub weighted: i64,
    /// Seconds in which the person was not away.
    pub available: i64,
    /// The weighted seconds that would be their fair share: all there are, by the time in which each was there.
    pub fair: i64,
}

/// How a schedule's hours are shared among those who could take them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    /// By person, the one who bears most beyond their share first.
    pub rows: Vec<Burden>,
    /// 0 to 100: mean over all pairs of the smaller by the larger weighted time per time present; 95 and more is 100.
    pub evenness: u32,
    /// 0 to 100: how much of the time that must be covered had somebody.
    pub coverage: u32,
}

/// One person's row of the compensation sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayRow {
    /// Who.
    pub user: UserId,
    /// By which schedules.
    pub schedules: Vec<ScheduleId>,
    /// Seconds on call. Who is on call by two schedules at once is paid once.
    pub hours: Hours,
    /// Stretches on call.
    pub shifts: u32,
}

/// Somebody was called or written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// Who.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
}

/// How often one person was disturbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Who.
    pub user: UserId,
    /// Times in all.
    pub times: u32,
    /// Of these, in the hours of sleep of the person's zone (22 to 6).
    pub asleep: u32,
    /// Nights with at least one of them.
    pub nights: u32,
    /// On how many days (local) at all.
    pub days: u32,
}

impl Hours {
    /// Adds seconds of a kind.
    pub const fn add(&mut self, class: Class, seconds: i64) {
        match class {
            Class::Weekday => self.weekday += seconds,
            Class::Night => self.night += seconds,
            Class::Weekend => self.weekend += seconds,
            Class::Holiday => self.holiday += seconds,
        }
    }

    /// All seconds.
    pub const fn total(&self) -> i64 {
        self.weekday + self.night + self.weekend + self.holiday
    }

    /// Seconds by their weights.
    pub fn weighted(&self, weights: &Weights) -> i64 {
        let part = |seconds: i64, weight: u32| seconds.saturating_mul(i64::from(weight)) / 100;
        part(self.weekday, weights.weekday)
            + part(self.night, weights.night)
            + part(self.weekend, weights.weekend)
            + part(self.holiday, weights.holiday)
    }
}

/// `[from, to)` cut by kinds of hours in `zone`: without holes, in order.
pub fn split(
    from: Timestamp,
    to: Timestamp,
    zone: &TimeZone,
    weights: &Weights,
    holidays: Option<&Calendar>,
) -> Vec<(Class, Timestamp, Timestamp)> {
    let mut found: Vec<(Class, Timestamp, Timestamp)> = Vec::new();
    let mut at = from;
    while at < to {
        let day = day_of(at, zone);
        let end = edges(day, zone, weights).into_iter().filter(|edge| *edge > at).min().map_or(to, |edge| edge.min(to));
        let class = class(at, day, zone, weights, holidays);
        match found.last_mut() {
            Some(last) if last.0 == class => last.2 = end,
            Some(_) | None => found.push((class, at, end)),
        }
        at = end;
    }
    found
}

/// Where kinds may change: midnight at the end of the day, the night's beginning and end.
fn edges(day: Date, zone: &TimeZone, weights: &Weights) -> Vec<Timestamp> {
    let hour = |hour: u8| first_instant(day.to_datetime(time(hour)), zone);
    let (first, last) = weights.night_hours;
    let tomorrow = day.tomorrow().ok().and_then(|day| midnight(day, zone));
    [hour(first), hour(last), tomorrow].into_iter().flatten().collect()
}

fn time(hour: u8) -> Time {
    i8::try_from(hour).ok().and_then(|hour| Time::new(hour, 0, 0, 0).ok()).unwrap_or(Time::midnight())
}

fn class(at: Timestamp, day: Date, zone: &TimeZone, weights: &Weights, holidays: Option<&Calendar>) -> Class {
    if holidays.is_some_and(|calendar| calendar.holiday(day).is_some()) {
        return Class::Holiday;
    }
    if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
        return Class::Weekend;
    }
    if is_night(at, day, zone, weights.night_hours) { Class::Night } else { Class::Weekday }
}

/// Whether `at` lies in the night's hours of `day`, by instants: a repeated hour is of one kind.
fn is_night(at: Timestamp, day: Date, zone: &TimeZone, (first, last): (u8, u8)) -> bool {
    let passed = |hour| first_instant(day.to_datetime(time(hour)), zone).is_some_and(|begin| begin <= at);
    match first.cmp(&last) {
        std::cmp::Ordering::Greater => passed(first) || !passed(last),
        std::cmp::Ordering::Less => passed(first) && !passed(last),
        std::cmp::Ordering::Equal => false,
    }
}

/// How the hours of a schedule in `[from, to)` are shared among the people of its layers who have the skills. Nights, weekends and
/// holidays of its calendar are weighted; each person's are those of their own zone.
pub fn balance(schedule: &Schedule, directory: &Directory, from: Timestamp, to: Timestamp) -> Balance {
    let mut rows: Vec<Burden> = qualified(schedule, directory, from)
        .into_iter()
        .map(|user| {
            let available = available(directory, &user, from, to);
            Burden { user, hours: Hours::default(), shifts: 0, weighted: 0, available, fair: 0 }
        })
        .collect();
    let shifts = shifts(schedule, directory, from, to);
    for shift in &shifts {
        let Some(row) = rows.iter_mut().find(|row| Some(&row.user) == shift.user.as_ref()) else { continue };
        row.shifts += 1;
        add(&mut row.hours, shift, schedule, directory);
    }
    for row in &mut rows {
        row.weighted = row.hours.weighted(&schedule.weights);
    }
    let (all, present): (i64, i64) =
        (rows.iter().map(|row| row.weighted).sum(), rows.iter().map(|row| row.available).sum());
    for row in &mut rows {
        row.fair = share(all, row.available, present);
    }
    rows.sort_by_key(|row| (row.fair - row.weighted, row.user.clone()));
    let missing: i64 = gaps(schedule, directory, from, to).iter().map(|gap| seconds(gap.from, gap.to)).sum();
    let coverage = u32::try_from(share(100, seconds(from, to) - missing, seconds(from, to))).unwrap_or(0);
    Balance { evenness: evenness(&rows), rows, coverage }
}

/// `whole * part / of`, rounded; 0 of nothing.
fn share(whole: i64, part: i64, of: i64) -> i64 {
    if of <= 0 {
        return 0;
    }
    let exact = (i128::from(whole) * i128::from(part) + i128::from(of) / 2) / i128::from(of);
    i64::try_from(exact).unwrap_or(i64::MAX)
}

fn evenness(rows: &[Burden]) -> u32 {
    // Weighted seconds for each thousand of presence.
    let rates: Vec<i64> =
        rows.iter().filter(|row| row.available > 0).map(|row| share(row.weighted, 1_000, row.available)).collect();
    let (mut sum, mut pairs) = (0, 0);
    for (index, a) in rates.iter().enumerate() {
        for b in &rates[index + 1..] {
            let (small, large) = (*a.min(b), *a.max(b));
            sum += if large == 0 { 1_000 } else { share(1_000, small, large) };
            pairs += 1;
        }
    }
    let mean = if pairs == 0 { 100 } else { share(sum, 1, pairs * 10) };
    u32::try_from(if mean >= 95 { 100 } else { mean }).unwrap_or(0)
}

/// The people of the layers who have the layer's skills.
fn qualified(schedule: &Schedule, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    let mut found: Vec<UserId> = Vec::new();
    for layer in &schedule.layers {
        for user in layer.people(directory, at) {
            if !found.contains(&user) && super::resolve::missing_skills(layer, directory, &user).is_empty() {
                found.push(user);
            }
        }
    }
    found
}

/// Seconds of `[from, to)` in which the person is not away.
fn available(directory: &Directory, user: &UserId, from: Timestamp, to: Timestamp) -> i64 {
    let absences = directory.users.get(user).map(|user| user.absences.as_slice()).unwrap_or_default();
    let mut away: Vec<(Timestamp, Timestamp)> =
        absences.iter().map(|away| (away.from.max(from), away.to.min(to))).filter(|(from, to)| from < to).collect();
    away.sort_unstable();
    let mut rest = seconds(from, to);
    let mut counted = from;
    for (begin, end) in away {
        let begin = begin.max(counted);
        if begin < end {
            rest -= seconds(begin, end);
            counted = end;
        }
    }
    rest
}

fn add(hours: &mut Hours, shift: &Shift, schedule: &Schedule, directory: &Directory) {
    let Some(user) = &shift.user else { return };
    for (class, seconds) in classes(shift.from, shift.to, user, schedule, directory) {
        hours.add(class, seconds);
    }
}

fn classes(
    from: Timestamp,
    to: Timestamp,
    user: &UserId,
    schedule: &Schedule,
    directory: &Directory,
) -> Vec<(Class, i64)> {
    let own = directory.users.get(user).and_then(|user| user.time_zone.as_ref());
    let zone = own.unwrap_or(&schedule.time_zone);
    let holidays = schedule.holidays.as_ref().and_then(|calendar| directory.calendars.get(calendar));
    split(from, to, zone, &schedule.weights, holidays)
        .into_iter()
        .map(|(class, from, to)| (class, seconds(from, to)))
        .collect()
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

/// The hours of everybody who was on call in `[from, to)` by these schedules, by person. Of two schedules at once the first counts.
pub fn compensation(schedules: &[&Schedule], directory: &Directory, from: Timestamp, to: Timestamp) -> Vec<PayRow> {
    let mut people: BTreeMap<UserId, (PayRow, Vec<(Timestamp, Timestamp)>)> = BTreeMap::new();
    for schedule in schedules {
        for shift in shifts(schedule, directory, from, to) {
            let Some(user) = &shift.user else { continue };
            let (row, paid) = people.entry(user.clone()).or_insert_with(|| {
                let (schedules, hours) = (Vec::new(), Hours::default());
                (PayRow { user: user.clone(), schedules, hours, shifts: 0 }, Vec::new())
            });
            let unpaid = without(shift.from, shift.to, paid);
            for (begin, end) in unpaid {
                for (class, seconds) in classes(begin, end, user, schedule, directory) {
                    row.hours.add(class, seconds);
                }
                paid.push((begin, end));
            }
            paid.sort_unstable();
            if !row.schedules.contains(&schedule.id) {
                row.schedules.push(schedule.id.clone());
            }
        }
    }
    people
        .into_values()
        .map(|(mut row, paid)| {
            let joined = paid.windows(2).filter(|pair| pair[0].1 == pair[1].0).count();
            row.shifts = u32::try_from(paid.len() - joined).unwrap_or(u32::MAX);
            row
        })
        .collect()
}

/// The parts of `[from, to)` that lie in none of the stretches (sorted, without overlap).
fn without(from: Timestamp, to: Timestamp, stretches: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let mut found = Vec::new();
    let mut at = from;
    for (begin, end) in stretches.iter().filter(|(begin, end)| *begin < to && *end > from) {
        if at < *begin {
            found.push((at, *begin));
        }
        at = at.max(*end);
    }
    if at < to {
        found.push((at, to));
    }
    found
}

/// How often each person was disturbed, the most disturbed first. Without a zone of their own people sleep in `zone`.
pub fn load(interruptions: &[Interruption], directory: &Directory, zone: &TimeZone) -> Vec<Load> {
    let mut people: BTreeMap<&UserId, Vec<Timestamp>> = BTreeMap::new();
    for one in interruptions {
        people.entry(&one.user).or_default().push(one.at);
    }
    let mut rows: Vec<Load> = people
        .into_iter()
        .map(|(user, times)| {
            let own = directory.users.get(user).and_then(|user| user.time_zone.as_ref()).unwrap_or(zone);
            let hours = Weights::default().night_hours;
            let asleep: Vec<Date> = times.iter().filter_map(|at| night_of(*at, own, hours)).collect();
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let distinct = |mut days: Vec<Date>| {
                days.sort_unstable();
                days.dedup();
                count(days.len())
            };
            let days = times.iter().map(|at| day_of(*at, own)).collect();
            Load {
                user: user.clone(),
                times: count(times.len()),
                asleep: count(asleep.len()),
                nights: distinct(asleep),
                days: distinct(days),
            }
        })
        .collect();
    rows.sort_by(|a, b| (b.asleep, b.times, &a.user).cmp(&(a.asleep, a.times, &b.user)));
    rows
}

/// The day on whose evening the night began; `None`: it is day.
fn night_of(at: Timestamp, zone: &TimeZone, hours: (u8, u8)) -> Option<Date> {
    let day = day_of(at, zone);
    if !is_night(at, day, zone, hours) {
        return None;
    }
    let evening = first_instant(day.to_datetime(time(hours.0)), zone).is_some_and(|begin| begin <= at);
    if evening { Some(day) } else { day.checked_sub(Span::new().days(1)).ok() }
}

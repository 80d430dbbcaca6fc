//! Events out of an iCalendar text, repeated ones spelled out.

use std::collections::{BTreeMap, BTreeSet};

use hotline_core::directory::Absence;
use hotline_core::oncall::first_instant;
use icalendar::parser::{Component, Property, read_calendar_simple, unfold};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use rrule::{Frequency, RRuleSet};

use super::{cache, zones};

/// Largest text that is read.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Deepest nesting of components; real calendars have three.
const DEPTH_MAX: usize = 8;
/// Most occurrences of all events together.
const OCCURRENCES_MAX: usize = 20_000;
/// Most steps of all rules together, those before the window and those that find nothing included.
const STEPS_MAX: i64 = 500_000;
/// The rules' crate gives up after so many steps without a result.
const EMPTY_STEPS_MAX: i64 = 100_000;
/// Most rules of all events together, and of one.
const RULES_MAX: usize = 200;
const RULES_OF_ONE_MAX: usize = 10;
/// Longest rule, in bytes.
const RULE_BYTES_MAX: usize = 1_000;
/// Most times a day in one rule (`BYHOUR` × `BYMINUTE` × `BYSECOND`).
const TIMES_A_DAY_MAX: usize = 24;
/// Most days of all holidays together, each counted as often as an event takes it.
const DAYS_MAX: usize = 200_000;

/// Why a text is no calendar for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Too long.
    #[error("it is larger than {} MB; export fewer years", MAX_BYTES / 1024 / 1024)]
    TooLarge,
    /// No iCalendar.
    #[error("it is no iCalendar text (RFC 5545): it must begin with BEGIN:VCALENDAR and end with END:VCALENDAR")]
    NoCalendar,
    /// An event that can't be read; which one, and what of it.
    #[error("event {0}: {1}")]
    Event(String, String),
    /// Too many rules.
    #[error("it has more than {RULES_MAX} repeating events (RRULE); export fewer, or leave out those that are over")]
    TooManyRules,
    /// The rules are searched too far.
    #[error(
        "its rules (RRULE) would have to be searched for more than {STEPS_MAX} steps; let them begin (DTSTART) later, end \
         those that are over with UNTIL, and take out those that never come about, such as 30 February"
    )]
    TooFar,
    /// Too many occurrences.
    #[error("its events repeat more than {OCCURRENCES_MAX} times in the time that is read; use plainer rules")]
    TooMany,
}

/// One occurrence of an event, `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its words.
    pub summary: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// The whole days it takes, `[first, last)`; `None`: it has times.
    pub days: Option<(Date, Date)>,
}

/// A point on the wall clock and its zone.
#[derive(Debug, Clone, PartialEq)]
struct Moment {
    local: DateTime,
    zone: TimeZone,
    all_day: bool,
}

impl Moment {
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        first_instant(local, &self.zone)
    }
}

/// The days of all all-day events that touch `[from, to)`, with their words; for calendars of holidays. Events with times are left
/// out: nobody is off for a meeting.
pub fn holidays(text: &str, zone: &TimeZone, from: Date, to: Date) -> Result<Vec<(Date, String)>, CalendarError> {
    let window = |day: Date| first_instant(day.to_datetime(Time::midnight()), zone).unwrap_or(Timestamp::MAX);
    let mut found: BTreeMap<Date, String> = BTreeMap::new();
    let mut days = 0_usize;
    for event in cache::events(text, zone, window(from), window(to))?.iter() {
        let Some((first, last)) = event.days else { continue };
        let (first, last) = (first.max(from), last.min(to));
        for day in first.series(Span::new().days(1)).take_while(|day| *day < last) {
            days += 1;
            if days > DAYS_MAX {
                return Err(CalendarError::TooMany);
            }
            found.entry(day).or_insert_with(|| event.summary.clone());
        }
    }
    Ok(found.into_iter().collect())
}

/// The events that touch `[from, to)` as absences; those that only inform (`TRANSP:TRANSPARENT`) are left out.
pub fn absences(text: &str, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Result<Vec<Absence>, CalendarError> {
    let events = cache::events(text, zone, from, to)?;
    Ok(events.iter().map(|event| Absence { from: event.from, to: event.to, reason: event.summary.clone() }).collect())
}

/// All occurrences that touch `[from, to)`, in order. `zone`: for days and for times without a zone of their own. Cancelled ones and
/// those that block no time are left out.
pub fn events(text: &str, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Result<Vec<Event>, CalendarError> {
    let unfolded = checked(text)?;
    let roots = read_calendar_simple(&unfolded).map_err(|_| CalendarError::NoCalendar)?;
    if !roots.iter().any(|root| is(&root.name, "VCALENDAR")) {
        return Err(CalendarError::NoCalendar);
    }
    let components: Vec<&Component<'_>> =
        roots.iter().flat_map(|root| &root.components).filter(|component| is(&component.name, "VEVENT")).collect();
    // Occurrences that were moved or changed by an event of their own.
    let mut moved: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    for component in &components {
        if let Some(instead) = property(component, "RECURRENCE-ID") {
            let moment = moment(component, instead, zone)?;
            let instant = moment.instant(moment.local);
            moved.entry(value(component, "UID").unwrap_or_default()).or_default().extend(instant);
        }
    }
    if components.iter().map(|component| rules(component).count()).sum::<usize>() > RULES_MAX {
        return Err(CalendarError::TooManyRules);
    }
    let mut found = Vec::new();
    let mut steps = Steps(STEPS_MAX);
    for component in components {
        let cancelled = value(component, "STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"));
        let informs =
            value(component, "TRANSP").is_some_and(|transparent| transparent.eq_ignore_ascii_case("TRANSPARENT"));
        let all_day = property(component, "DTSTART").is_some_and(|start| start.val.as_ref().len() == 8);
        // A day that is marked as free time is a day all the same: holidays are.
        if cancelled || (informs && !all_day) {
            continue;
        }
        occurrences(component, zone, (from, to), &moved, &mut steps, &mut found)?;
    }
    found.sort_by(|a: &Event, b: &Event| (a.from, a.to, &a.summary).cmp(&(b.from, b.to, &b.summary)));
    Ok(found)
}

/// The text unfolded, if its size and nesting do no harm to the parser, which recurses.
fn checked(text: &str) -> Result<String, CalendarError> {
    if text.len() > MAX_BYTES {
        return Err(CalendarError::TooLarge);
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut depth = 0_usize;
    for line in text.lines() {
        let begins =
            |word: &str| line.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if begins("BEGIN:") {
            depth += 1;
        } else if begins("END:") {
            depth = depth.saturating_sub(1);
        }
        if depth > DEPTH_MAX {
            return Err(CalendarError::NoCalendar);
        }
    }
    if depth > 0 || !text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err(CalendarError::NoCalendar);
    }
    Ok(unfold(text))
}

fn occurrences(
    component: &Component<'_>,
    zone: &TimeZone,
    (from, to): (Timestamp, Timestamp),
    moved: &BTreeMap<String, BTreeSet<Timestamp>>,
    steps: &mut Steps,
    found: &mut Vec<Event>,
) -> Result<(), CalendarError> {
    let fault = |what: &str| CalendarError::Event(name(component), what.to_owned());
    let start = property(component, "DTSTART").ok_or_else(|| fault("it has no DTSTART"))?;
    let start = moment(component, start, zone)?;
    let length = length(component, &start, zone)?;
    let uid = value(component, "UID").unwrap_or_default();
    let summary = value(component, "SUMMARY").unwrap_or_default();
    let single = property(component, "RECURRENCE-ID").is_some();
    let starts = if single { vec![start.local] } else { starts(component, &start, zone, to, steps)? };
    let nothing = BTreeSet::new();
    let moved = moved.get(&uid).filter(|_| !single).unwrap_or(&nothing);
    for local in starts {
        let end = match length {
            Length::Wall(wall) => local.checked_add(wall).ok().and_then(|end| start.instant(end)),
            Length::Elapsed(time) => start.instant(local).and_then(|begin| begin.checked_add(time).ok()),
        };
        let (Some(begin), Some(end)) = (start.instant(local), end) else {
            return Err(fault("its time is beyond the calendar"));
        };
        let touches = begin < to && (from < end || (begin == end && from <= begin));
        if !touches || moved.contains(&begin) || begin == end {
            continue;
        }
        if found.len() >= OCCURRENCES_MAX {
            return Err(CalendarError::TooMany);
        }
        let last = start.zone.to_datetime(end);
        let days = start.all_day.then(|| (local.date(), last.date()));
        found.push(Event { summary: summary.clone(), from: begin, to: end, days });
    }
    Ok(())
}

/// How long each occurrence is.
enum Length {
    /// By the clock on the wall.
    Wall(SignedDuration),
    /// Really.
    Elapsed(SignedDuration),
}

fn length(component: &Component<'_>, start: &Moment, zone: &TimeZone) -> Result<Length, CalendarError> {
    let fault = |what: &str| CalendarError::Event(name(component), what.to_owned());
    if let Some(end) = property(component, "DTEND") {
        let end = moment(component, end, zone)?;
        if end.zone == start.zone {
            let wall = end.local.duration_since(start.local);
            return if wall.is_negative() { Err(fault("it ends before it begins")) } else { Ok(Length::Wall(wall)) };
        }
        let (Some(begin), Some(end)) = (start.instant(start.local), end.instant(end.local)) else {
            return Err(fault("its time is beyond the calendar"));
        };
        let time = end.duration_since(begin);
        return if time.is_negative() { Err(fault("it ends before it begins")) } else { Ok(Length::Elapsed(time)) };
    }
    if let Some(text) = value(component, "DURATION") {
        let span: Span = text.parse().map_err(|_| fault("its DURATION can't be read"))?;
        let days = SignedDuration::from_hours(24 * (i64::from(span.get_weeks()) * 7 + i64::from(span.get_days())));
        let rest = SignedDuration::from_hours(i64::from(span.get_hours()))
            + SignedDuration::from_mins(span.get_minutes())
            + SignedDuration::from_secs(span.get_seconds());
        let whole = days + rest;
        if whole.is_negative() {
            return Err(fault("its DURATION is negative"));
        }
        return Ok(if rest.is_zero() { Length::Wall(days) } else { Length::Elapsed(whole) });
    }
    Ok(if start.all_day { Length::Wall(SignedDuration::from_hours(24)) } else { Length::Wall(SignedDuration::ZERO) })
}

/// How far rules may still be searched, by all rules of the calendar together.
struct Steps(i64);

impl Steps {
    fn spend(&mut self, steps: i64) -> Result<(), CalendarError> {
        self.0 = self.0.saturating_sub(steps);
        if self.0 < 0 { Err(CalendarError::TooFar) } else { Ok(()) }
    }
}

fn rules<'a, 'p>(component: &'a Component<'p>) -> impl Iterator<Item = &'a Property<'p>> {
    component.properties.iter().filter(|property| is(&property.name, "RRULE"))
}

/// When its occurrences begin, on the wall clock of its zone, up to `to`.
fn starts(
    component: &Component<'_>,
    start: &Moment,
    zone: &TimeZone,
    to: Timestamp,
    steps: &mut Steps,
) -> Result<Vec<DateTime>, CalendarError> {
    let mut found: BTreeSet<DateTime> = BTreeSet::from([start.local]);
    let last = start.zone.to_datetime(to);
    if rules(component).count() > RULES_OF_ONE_MAX {
        let what = format!("it has more than {RULES_OF_ONE_MAX} rules (RRULE); make several events of it");
        return Err(CalendarError::Event(name(component), what));
    }
    for property in rules(component) {
        repeat(component, property.val.as_ref(), start, last, steps, &mut found)?;
    }
    for property in component.properties.iter().filter(|property| is(&property.name, "RDATE")) {
        found.extend(moments(component, property, start, zone)?);
    }
    let mut days_off = BTreeSet::new();
    for property in component.properties.iter().filter(|property| is(&property.name, "EXDATE")) {
        let excepted = moments(component, property, start, zone)?;
        // An exception by day takes that day's occurrence.
        if property.val.as_ref().split(',').all(|value| value.trim().len() == 8) {
            days_off.extend(excepted.iter().map(|local| local.date()));
        }
        for local in excepted {
            found.remove(&local);
        }
    }
    found.retain(|own| !days_off.contains(&own.date()));
    Ok(found.into_iter().collect())
}

/// What one rule adds, up to `last`.
fn repeat(
    component: &Component<'_>,
    rule: &str,
    start: &Moment,
    last: DateTime,
    steps: &mut Steps,
    found: &mut BTreeSet<DateTime>,
) -> Result<(), CalendarError> {
    let fault = |what: String| CalendarError::Event(name(component), what);
    if rule.len() > RULE_BYTES_MAX {
        return Err(fault(format!("its RRULE is longer than {RULE_BYTES_MAX} characters; use a plainer one")));
    }
    let read = |rule: &str| -> Result<RRuleSet, CalendarError> {
        // The wall clock is read as if it were UTC's: the rule repeats on it, and only the results become instants.
        let text = format!("DTSTART:{}\nRRULE:{rule}", start.local.strftime("%Y%m%dT%H%M%SZ"));
        text.parse().map_err(|error| fault(format!("its RRULE can't be read: {error}")))
    };
    let (whole, endless, until) = until_on_the_wall(rule, start);
    read(&whole)?;
    // Its end is looked at here, so that each step of the search leads to a result and is counted by it.
    let set = read(&endless)?;
    let last = until.map_or(last, |until| until.min(last));
    let Some(one) = set.get_rrule().first() else { return Ok(()) };
    let times = [one.get_by_hour().len(), one.get_by_minute().len(), one.get_by_second().len()];
    if times.into_iter().map(|count| count.max(1)).product::<usize>() > TIMES_A_DAY_MAX {
        return Err(fault(format!("its RRULE names more than {TIMES_A_DAY_MAX} times a day; use a plainer one")));
    }
    let seconds = match one.get_freq() {
        Frequency::Yearly => 365 * 86_400,
        Frequency::Monthly => 28 * 86_400,
        Frequency::Weekly => 7 * 86_400,
        Frequency::Daily => 86_400,
        Frequency::Hourly => 3_600,
        Frequency::Minutely | Frequency::Secondly => {
            return Err(fault("its RRULE repeats by minutes or seconds; use FREQ=HOURLY or less often".to_owned()));
        }
    };
    let period = seconds * i64::from(one.get_interval().max(1));
    let count = one.get_count();
    let passed = |from: DateTime, to: DateTime| 1 + to.duration_since(from).as_secs().max(0) / period;
    let (mut before, mut results) = (start.local, 0_u32);
    for at in &set.limit() {
        let local = Timestamp::from_second(at.timestamp()).map(|at| TimeZone::UTC.to_datetime(at));
        // Beyond the year 9999.
        let Ok(local) = local else { return steps.spend(passed(before, DateTime::MAX).min(EMPTY_STEPS_MAX)) };
        steps.spend(passed(before, local))?;
        if local > last {
            return Ok(());
        }
        before = local;
        results = results.saturating_add(1);
        found.insert(local);
    }
    // It ended by its count, or there is nothing more however far it was searched.
    if count == Some(results) {
        return Ok(());
    }
    steps.spend(passed(before, DateTime::MAX).min(EMPTY_STEPS_MAX))
}

/// A list of dates on the wall clock of the event's zone.
fn moments(
    component: &Component<'_>,
    property: &Property<'_>,
    start: &Moment,
    zone: &TimeZone,
) -> Result<Vec<DateTime>, CalendarError> {
    let read = |value: &str| {
        // RDATE;VALUE=PERIOD: its beginning counts.
        let value = value.split('/').next().unwrap_or(value).trim();
        let moment = a_moment(value, tzid(property), zone).ok_or_else(|| {
            CalendarError::Event(name(component), format!("{} can't be read", property.name.as_ref()))
        })?;
        Ok(if moment.zone == start.zone || moment.all_day {
            moment.local
        } else {
            moment.instant(moment.local).map_or(moment.local, |at| start.zone.to_datetime(at))
        })
    };
    property.val.as_ref().split(',').map(read).collect()
}

/// The rule with its `UNTIL` as the wall clock of the event shows it, since the rule is repeated on that; the rule without it; and
/// that moment.
fn until_on_the_wall(rule: &str, start: &Moment) -> (String, String, Option<DateTime>) {
    let (mut whole, mut endless, mut ends) = (Vec::new(), Vec::new(), None);
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let until = part.strip_prefix("UNTIL=").or_else(|| part.strip_prefix("until="));
        let Some(moment) = until.and_then(|until| a_moment(until, None, &start.zone)) else {
            whole.push(part.to_owned());
            endless.push(part);
            continue;
        };
        let local = match (moment.all_day, moment.instant(moment.local)) {
            (true, _) => moment.local.date().to_datetime(Time::constant(23, 59, 59, 0)),
            (false, Some(at)) => start.zone.to_datetime(at),
            (false, None) => moment.local,
        };
        whole.push(format!("UNTIL={}", local.strftime("%Y%m%dT%H%M%SZ")));
        ends = Some(local);
    }
    (whole.join(";"), endless.join(";"), ends)
}

fn moment(component: &Component<'_>, property: &Property<'_>, zone: &TimeZone) -> Result<Moment, CalendarError> {
    let id = tzid(property);
    if let Some(id) = id
        && zones::zone(id).is_none()
    {
        let what = format!("its time zone `{id}` is not known; use an IANA name such as Europe/Berlin");
        return Err(CalendarError::Event(name(component), what));
    }
    a_moment(property.val.as_ref().trim(), id, zone)
        .ok_or_else(|| CalendarError::Event(name(component), format!("{} can't be read", property.name.as_ref())))
}

/// `20261225`, `20261225T180000`, `20261225T170000Z`.
fn a_moment(value: &str, tzid: Option<&str>, zone: &TimeZone) -> Option<Moment> {
    if value.len() == 8 {
        let day = Date::strptime("%Y%m%d", value).ok()?;
        return Some(Moment { local: day.to_datetime(Time::midnight()), zone: zone.clone(), all_day: true });
    }
    let (plain, utc) = value.strip_suffix(['Z', 'z']).map_or((value, false), |plain| (plain, true));
    let local = DateTime::strptime("%Y%m%dT%H%M%S", plain).ok()?;
    let zone = if utc { TimeZone::UTC } else { tzid.and_then(zones::zone).unwrap_or_else(|| zone.clone()) };
    Some(Moment { local, zone, all_day: false })
}

fn tzid<'a>(property: &'a Property<'_>) -> Option<&'a str> {
    let parameter = property.params.iter().find(|parameter| is(&parameter.key, "TZID"))?;
    parameter.val.as_ref().map(AsRef::as_ref)
}

fn property<'a, 'p>(component: &'a Component<'p>, key: &str) -> Option<&'a Property<'p>> {
    component.properties.iter().find(|property| is(&property.name, key))
}

fn value(component: &Component<'_>, key: &str) -> Option<String> {
    property(component, key).map(|property| property.val.as_ref().trim().to_owned())
}

/// As messages name an event: by its words, else by its id.
fn name(component: &Component<'_>) -> String {
    let words = value(component, "SUMMARY").or_else(|| value(component, "UID")).unwrap_or_default();
    format!("`{}`", words.chars().take(60).collect::<String>())
}

fn is(name: &impl AsRef<str>, word: &str) -> bool {
    name.as_ref().eq_ignore_ascii_case(word)
}

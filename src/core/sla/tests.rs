use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::{
    Clock, Pause, REACHED_WITHIN, Sla, State, Targets, clock, contract, moment_of, reached_by, update_interval,
};
use crate::call::flow::HoursWindow;
use crate::directory::{Customer, Directory, Service};
use crate::fact::Priority;
use crate::incident::Severity;
use crate::oncall::Calendar;

const WORKDAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn window(days: &[Weekday], from: &str, to: &str) -> HoursWindow {
    HoursWindow { days: days.to_vec(), from: from.parse().unwrap(), to: to.parse().unwrap() }
}

fn office(name: &str, holidays: &[&str]) -> Calendar {
    Calendar {
        id: "office".into(),
        name: "Office".to_owned(),
        time_zone: zone(name),
        windows: vec![window(&WORKDAYS, "08:00", "18:00")],
        holidays: holidays.iter().map(|day| (day.parse().unwrap(), String::new())).collect(),
    }
}

fn due(target: i64, hours: Option<&Calendar>, started: &str) -> String {
    moment_of(minutes(target), hours, ts(started), &[]).unwrap().to_string()
}

#[test]
fn without_hours_all_time_counts() {
    assert_eq!(due(15, None, "2028-05-05T23:50:00Z"), "2028-05-06T00:05:00Z");
    let at = |stopped: Option<&str>, now: &str| {
        clock(minutes(60), None, ts("2028-05-05T10:00:00Z"), &[], stopped.map(ts), ts(now))
    };
    let Clock { elapsed, due_at, share, state } = at(None, "2028-05-05T10:45:30Z");
    assert_eq!((elapsed.as_secs(), share, state), (2_730, 75, State::Running));
    assert_eq!(due_at, Some(ts("2028-05-05T11:00:00Z")));
    assert_eq!(at(None, "2028-05-05T11:00:00Z").state, State::Running, "the very moment is in time");
    assert_eq!(at(None, "2028-05-05T11:00:00.001Z").state, State::Breached);
    assert_eq!(at(Some("2028-05-05T11:00:00Z"), "2028-05-09T00:00:00Z").state, State::Kept);
    assert_eq!(at(Some("2028-05-05T11:30:00Z"), "2028-05-09T00:00:00Z").state, State::Breached);
    assert_eq!(at(Some("2028-05-05T11:30:00Z"), "2028-05-09T00:00:00Z").share, 150);
}

#[test]
fn nights_weekends_and_holidays_do_not_count() {
    let hours = office("Europe/Berlin", &["2028-05-01", "2028-12-25", "2028-12-26"]);
    // A Friday at 17:30 local; the Monday is a holiday.
    assert_eq!(due(60, Some(&hours), "2028-04-28T15:30:00Z"), "2028-05-02T06:30:00Z");
    // At night: from the morning on.
    assert_eq!(due(60, Some(&hours), "2028-05-02T22:00:00Z"), "2028-05-03T07:00:00Z");
    // A whole office week is fifty hours.
    assert_eq!(due(50 * 60, Some(&hours), "2028-05-08T06:00:00Z"), "2028-05-12T16:00:00Z");
    assert_eq!(due(50 * 60 + 1, Some(&hours), "2028-05-08T06:00:00Z"), "2028-05-15T06:01:00Z");
    // Over Christmas: the 25th and 26th are Monday and Tuesday.
    assert_eq!(due(120, Some(&hours), "2028-12-22T16:00:00Z"), "2028-12-27T08:00:00Z");
}

#[test]
fn a_target_that_takes_years_of_its_hours_is_known_to() {
    let started = ts("2028-05-01T00:00:00Z");
    let mut hardly = office("Europe/Berlin", &[]);
    hardly.windows = vec![window(&[Weekday::Monday], "10:00", "10:01")];
    assert_eq!(reached_by(minutes(4), &hardly, started), (true, Some(ts("2028-05-22T08:01:00Z"))));
    // Three years of Mondays, and more than anybody looks at.
    let (soon, by) = reached_by(minutes(150), &hardly, started);
    assert!(!soon && by.is_some_and(|by| started.duration_until(by) > REACHED_WITHIN), "{by:?}");
    assert_eq!(reached_by(minutes(720 * 60), &hardly, started), (false, None));
    // A quarter of a year by office hours is nothing.
    assert!(reached_by(minutes(13 * 50 * 60), &office("Europe/Berlin", &[]), started).0);
}

#[test]
fn the_leap_day_is_a_day() {
    let hours = office("Europe/Berlin", &[]);
    // 2028-02-28 is a Monday.
    assert_eq!(due(2 * 600, Some(&hours), "2028-02-28T08:00:00Z"), "2028-03-01T08:00:00Z");
    assert_eq!(due(2 * 1_440, None, "2028-02-28T08:00:00Z"), "2028-03-01T08:00:00Z");
    // Not in a year without one: 2027-02-28 is a Sunday, so Friday to Tuesday.
    assert_eq!(due(2 * 600, Some(&hours), "2027-02-26T08:00:00Z"), "2027-03-02T08:00:00Z");
}

#[test]
fn clocks_that_change_count_what_passes() {
    let night =
        Calendar { windows: vec![window(&[Weekday::Saturday], "22:00", "06:00")], ..office("Europe/Berlin", &[]) };
    let sum =
        |from: &str, to: &str| clock(minutes(6_000), Some(&night), ts(from), &[], None, ts(to)).elapsed.as_hours();
    // 2028-03-26 and 2028-10-29 are Sundays.
    assert_eq!(sum("2028-03-25T12:00:00Z", "2028-03-26T12:00:00Z"), 7, "the hour that is left out");
    assert_eq!(sum("2028-10-28T12:00:00Z", "2028-10-29T12:00:00Z"), 9, "the hour that comes twice");
    assert_eq!(sum("2028-06-24T12:00:00Z", "2028-06-25T12:00:00Z"), 8);
    // Eight hours at eight in the morning, by the clock on the wall, on both sides of the change.
    let hours = office("Europe/Berlin", &[]);
    assert_eq!(due(600, Some(&hours), "2028-03-24T12:00:00Z"), "2028-03-27T11:00:00Z");
    assert_eq!(due(600, Some(&hours), "2028-10-27T11:00:00Z"), "2028-10-30T12:00:00Z");
}

#[test]
fn what_is_due_at_closing_time_is_late_in_the_evening() {
    let hours = office("Europe/Berlin", &[]);
    let at = |now: &str| clock(minutes(30), Some(&hours), ts("2028-05-05T15:30:00Z"), &[], None, ts(now));
    assert_eq!(at("2028-05-05T16:00:00Z").state, State::Running);
    assert_eq!(
        at("2028-05-05T19:00:00Z"),
        Clock { elapsed: minutes(30), due_at: Some(ts("2028-05-05T16:00:00Z")), share: 100, state: State::Breached }
    );
}

#[test]
fn a_pause_puts_off_what_is_due() {
    let hours = office("Europe/Berlin", &[]);
    let started = ts("2028-05-08T06:00:00Z");
    let pause = |from: &str, to: Option<&str>| Pause { from: ts(from), to: to.map(ts) };
    let lunch = pause("2028-05-08T07:00:00Z", Some("2028-05-08T09:00:00Z"));
    let night = pause("2028-05-08T15:00:00Z", Some("2028-05-09T07:00:00Z"));
    let due = |pauses: &[Pause]| moment_of(minutes(480), Some(&hours), started, pauses).map(|at| at.to_string());
    assert_eq!(due(&[]).as_deref(), Some("2028-05-08T14:00:00Z"));
    assert_eq!(due(&[lunch]).as_deref(), Some("2028-05-08T16:00:00Z"));
    // An hour is left when the night begins; the pause ends at nine, local.
    assert_eq!(due(&[night, lunch]).as_deref(), Some("2028-05-09T08:00:00Z"));
    // Over each other, empty, and within another.
    let inner = pause("2028-05-08T07:30:00Z", Some("2028-05-08T08:00:00Z"));
    let empty = pause("2028-05-08T12:00:00Z", Some("2028-05-08T12:00:00Z"));
    assert_eq!(due(&[inner, lunch, empty]).as_deref(), Some("2028-05-08T16:00:00Z"));
    let on = pause("2028-05-08T07:00:00Z", None);
    assert_eq!(due(&[on]), None);
    let at = |now: &str| clock(minutes(480), Some(&hours), started, &[on], None, ts(now));
    assert_eq!(
        at("2028-06-01T07:00:00Z"),
        Clock { elapsed: minutes(60), due_at: None, share: 12, state: State::Paused }
    );
    // What was late before stays late.
    let late = pause("2028-05-08T14:30:00Z", None);
    let stands = clock(minutes(480), Some(&hours), started, &[late], None, ts("2028-05-08T15:00:00Z"));
    assert_eq!((stands.state, stands.due_at.is_some()), (State::Breached, true));
}

#[test]
fn hours_that_never_open_come_to_nothing() {
    let mut never = office("Europe/Berlin", &[]);
    never.windows = vec![window(&[Weekday::Monday], "08:00", "18:00")];
    let first: Date = "2028-05-01".parse().unwrap();
    never.holidays = (0..60).map(|week| (first.checked_add((week * 7).days()).unwrap(), String::new())).collect();
    let at = ts("2028-05-01T00:00:00Z");
    assert!(!never.ever_opens(at));
    assert!(office("Europe/Berlin", &[]).ever_opens(at));
    never.windows = vec![window(&[], "08:00", "18:00")];
    assert!(!never.ever_opens(at));
    assert_eq!(moment_of(minutes(1), Some(&never), at, &[]), None);
}

fn sla(id: &str, customer: &str, category: Option<&str>, updates: &[(Priority, i64)]) -> Sla {
    let targets = |update: i64| Targets { update: Some(minutes(update)), ..Targets::default() };
    Sla {
        id: id.into(),
        name: id.to_uppercase(),
        customer: customer.into(),
        category: category.map(str::to_owned),
        calendar: None,
        time_zone: None,
        targets: updates.iter().map(|(priority, update)| (*priority, targets(*update))).collect(),
        warn_at: vec![75],
        terms: None,
    }
}

fn world() -> Directory {
    let mut directory = Directory::default();
    for id in ["acme", "nord", "free"] {
        directory.customers.insert(id.into(), Customer { id: id.into(), ..Customer::default() });
    }
    for (id, customer, category) in [
        ("mail", Some("acme"), None),
        ("net", Some("acme"), Some("infrastructure")),
        ("cloud", None, Some("infrastructure")),
    ] {
        let service = Service {
            id: id.into(),
            customer: customer.map(Into::into),
            category: category.map(str::to_owned),
            ..Service::default()
        };
        directory.services.insert(id.into(), service);
    }
    for one in [
        sla("acme-usual", "acme", None, &[(Priority::P1, 30), (Priority::P2, 60)]),
        sla("acme-net", "acme", Some("infrastructure"), &[(Priority::P1, 15)]),
        sla("nord-usual", "nord", None, &[(Priority::P1, 20), (Priority::P2, 90)]),
    ] {
        directory.slas.insert(one.id.clone(), one);
    }
    directory
}

#[test]
fn the_contract_of_the_category_comes_first() {
    let directory = world();
    let found = |customer: &str, service: Option<&str>| {
        let service = service.map(Into::into);
        contract(&directory, &customer.into(), service.as_ref()).map(|sla| sla.id.0.as_str())
    };
    assert_eq!(found("acme", Some("net")), Some("acme-net"));
    assert_eq!(found("acme", Some("cloud")), Some("acme-net"), "a shared service counts by its category");
    assert_eq!(found("acme", Some("mail")), Some("acme-usual"));
    assert_eq!(found("acme", None), Some("acme-usual"));
    assert_eq!(found("nord", Some("cloud")), Some("nord-usual"));
    assert_eq!(found("nord", Some("net")), Some("nord-usual"), "somebody else's service says nothing");
    assert_eq!(found("free", Some("cloud")), None);
}

#[test]
fn the_strictest_says_when_customers_are_told() {
    let directory = world();
    let told = |customers: &[&str], services: &[&str], severity| {
        let customers: Vec<_> = customers.iter().map(|id| (*id).into()).collect();
        let services: Vec<_> = services.iter().map(|id| (*id).into()).collect();
        update_interval(&directory, &customers, &services, severity).map(|(every, sla)| (every.as_mins(), sla.0))
    };
    let some = |every: i64, sla: &str| Some((every, sla.to_owned()));
    assert_eq!(told(&["acme", "nord"], &["mail"], Severity::Critical), some(20, "nord-usual"));
    assert_eq!(told(&["acme", "nord"], &["mail", "net"], Severity::Critical), some(15, "acme-net"));
    assert_eq!(told(&["acme"], &["mail"], Severity::Major), some(60, "acme-usual"));
    assert_eq!(told(&["acme"], &["net"], Severity::Major), None, "that contract promises nothing for it");
    assert_eq!(told(&["acme"], &[], Severity::Major), some(60, "acme-usual"));
    assert_eq!(told(&["nord"], &["net"], Severity::Major), some(90, "nord-usual"));
    assert_eq!(told(&["free"], &["cloud"], Severity::Critical), None);
    assert_eq!(told(&["acme"], &["mail"], Severity::Minor), None);
}

/// A minute-by-minute count that knows nothing of edges: it walks the clock on the wall. A time that the wall has shown once
/// has passed, so the latest that it has shown decides.
struct Slow<'a> {
    hours: Option<&'a Calendar>,
    pauses: &'a [Pause],
    at: Timestamp,
    latest: DateTime,
}

impl<'a> Slow<'a> {
    fn new(hours: Option<&'a Calendar>, pauses: &'a [Pause], started: Timestamp) -> Self {
        let at = started - SignedDuration::from_hours(4);
        let mut slow = Self { hours, pauses, at, latest: DateTime::MIN };
        while slow.at < started {
            slow.step();
        }
        slow.look();
        slow
    }

    fn look(&mut self) {
        let zone = self.hours.map_or(TimeZone::UTC, |hours| hours.time_zone.clone());
        self.latest = self.latest.max(zone.to_datetime(self.at));
    }

    fn step(&mut self) {
        self.look();
        self.at += minutes(1);
    }

    /// Whether the minute that begins now counts.
    fn counts(&self) -> bool {
        let paused = self.pauses.iter().any(|pause| pause.from <= self.at && pause.to.is_none_or(|to| self.at < to));
        !paused && self.hours.is_none_or(|hours| self.open(hours))
    }

    fn open(&self, hours: &Calendar) -> bool {
        let (day, time) = (self.latest.date(), self.latest.time());
        let closed = |day: Date| hours.holidays.iter().any(|(holiday, _)| *holiday == day);
        if closed(day) {
            return false;
        }
        let yesterday = day.yesterday().unwrap();
        hours.windows.is_empty()
            || hours.windows.iter().any(|window| {
                let over_night = window.to <= window.from;
                let today =
                    window.days.contains(&day.weekday()) && window.from <= time && (over_night || time < window.to);
                let rest =
                    over_night && window.days.contains(&yesterday.weekday()) && !closed(yesterday) && time < window.to;
                today || rest
            })
    }
}

/// Zones and days about which something happens there: clocks change at 2 and 3, at midnight in both directions, by half an hour; a leap
/// day, a year's end.
const PLACES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2028-03-26"),
    ("Europe/Berlin", "2028-10-29"),
    ("America/New_York", "2028-03-12"),
    ("America/New_York", "2028-11-05"),
    ("America/Santiago", "2028-04-02"),
    ("America/Santiago", "2028-09-03"),
    ("America/Havana", "2028-03-12"),
    ("America/Havana", "2028-11-05"),
    ("Australia/Lord_Howe", "2028-04-02"),
    ("Africa/Cairo", "2028-04-28"),
    ("Asia/Kathmandu", "2028-02-29"),
    ("UTC", "2028-12-31"),
];

fn any_time() -> impl Strategy<Value = Time> {
    // Half of them where clocks change.
    (prop_oneof![0_i8..4, 0_i8..24], prop_oneof![Just(0_i8), Just(30), 0_i8..60])
        .prop_map(|(hour, minute)| Time::new(hour, minute, 0, 0).unwrap())
}

fn any_window() -> impl Strategy<Value = HoursWindow> {
    let all = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    (proptest::sample::subsequence(all.to_vec(), 1..=7), any_time(), any_time())
        .prop_map(|(days, from, to)| HoursWindow { days, from, to })
}

fn any_hours(place: usize) -> impl Strategy<Value = Option<Calendar>> {
    let (zone, day) = PLACES[place];
    let holidays = proptest::collection::vec(-3_i64..4, 0..3);
    let windows = proptest::collection::vec(any_window(), 0..3);
    let calendar = (windows, holidays).prop_map(move |(windows, holidays)| {
        let day: Date = day.parse().unwrap();
        let holiday = |off: i64| (day.checked_add(off.days()).unwrap(), String::new());
        let mut holidays: Vec<_> = holidays.into_iter().map(holiday).collect();
        holidays.sort();
        Calendar { windows, holidays, ..office(zone, &[]) }
    });
    proptest::option::weighted(0.95, calendar)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn as_a_minute_by_minute_count(
        (place, hours) in (0..PLACES.len()).prop_flat_map(|place| (Just(place), any_hours(place))),
        offset in -2_000_i64..2_000,
        target in 1_i64..1_500,
        length in 0_i64..6_000,
        pauses in proptest::collection::vec((0_i64..4_000, proptest::option::weighted(0.9, 0_i64..900)), 0..4),
    ) {
        let midnight = PLACES[place].1.parse::<Date>().unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp();
        let started = midnight + minutes(offset);
        let pauses: Vec<Pause> = pauses
            .into_iter()
            .map(|(from, length)| {
                let from = started + minutes(from);
                Pause { from, to: length.map(|length| from + minutes(length)) }
            })
            .collect();
        let end = started + minutes(length);

        let mut slow = Slow::new(hours.as_ref(), &pauses, started);
        let (mut counted, mut due) = (0, None);
        while slow.at < end {
            slow.look();
            if slow.counts() {
                counted += 1;
                if counted == target {
                    due = Some(slow.at + minutes(1));
                }
            }
            slow.at += minutes(1);
        }

        let clock = clock(minutes(target), hours.as_ref(), started, &pauses, Some(end), end);
        prop_assert_eq!(clock.elapsed, minutes(counted), "{:?}", hours);
        prop_assert_eq!(i64::from(clock.share), counted * 100 / target);
        if let Some(due) = due {
            prop_assert_eq!(clock.due_at, Some(due));
            prop_assert_eq!(clock.state, if due < end { State::Breached } else { State::Kept });
        } else {
            prop_assert!(clock.due_at.is_none_or(|due| due > end), "{:?}", clock);
            prop_assert_eq!(clock.state, State::Kept);
        }
    }
}

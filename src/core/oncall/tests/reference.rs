//! The whole of it against a slow reference that knows only the wall clock and asks minute by minute.

use jiff::civil::{DateTime, Weekday, time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{ts, zone};
use crate::call::flow::HoursWindow;
use crate::directory::{Absence, Directory, User};
use crate::ids::UserId;
use crate::oncall::*;

const PEOPLE: [&str; 5] = ["ann", "bo", "cy", "dee", "eli"];
const ALL: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The first minute from `from` on at which the clock on the wall shows `local` or later.
fn slow_instant(local: DateTime, zone_name: &str) -> Timestamp {
    let zone = zone(zone_name);
    let mut at = jiff::tz::TimeZone::UTC.to_timestamp(local).unwrap() - SignedDuration::from_hours(15);
    while zone.to_datetime(at) < local {
        at += SignedDuration::from_mins(1);
    }
    at
}

#[derive(Debug, Clone)]
struct Slow {
    members: Vec<usize>,
    length: Length,
    start: DateTime,
    zone: &'static str,
    hours: Option<(i8, i8, i8, i8)>,
    weekdays: usize,
}

impl Slow {
    fn layer(&self, id: &str) -> Layer {
        let members = self.members.iter().map(|index| Member::from(PEOPLE[*index])).collect();
        let mut layer = Layer::new(id, Rotation::new(members, self.length.clone(), self.start, zone(self.zone)));
        if let Some((a, b, c, d)) = self.hours {
            let window =
                HoursWindow { days: ALL[..self.weekdays].to_vec(), from: time(a, b, 0, 0), to: time(c, d, 0, 0) };
            layer.restrictions = vec![Restriction::Day(window)];
        }
        layer
    }

    fn step(&self, turn: i64) -> DateTime {
        match self.length {
            Length::Hours(n) => self.start.checked_add((turn * i64::from(n)).hours()),
            Length::Days(n) => self.start.checked_add((turn * i64::from(n)).days()),
            Length::Weeks(n) => self.start.checked_add((turn * i64::from(n)).weeks()),
            Length::Months(n) => self.start.checked_add((turn * i64::from(n)).months()),
            Length::Cycle(_) => unreachable!(),
        }
        .unwrap()
    }

    /// Members in the order of their turns from `at` on: the number of different hand-offs since the start counts.
    fn order(&self, at: Timestamp) -> Vec<UserId> {
        if self.members.is_empty() {
            return Vec::new();
        }
        // Hand-offs between the start and `at`, each instant once.
        let mut count = 0_usize;
        let mut last = slow_instant(self.step(0), self.zone);
        for turn in 1.. {
            let next = slow_instant(self.step(turn), self.zone);
            if next > at {
                break;
            }
            if next != last {
                count += 1;
            }
            last = next;
        }
        (0..self.members.len()).map(|step| PEOPLE[self.members[(count + step) % self.members.len()]].into()).collect()
    }

    fn counts(&self, at: Timestamp) -> bool {
        let Some((a, b, c, d)) = self.hours else { return true };
        let (from, to) = (time(a, b, 0, 0), time(c, d, 0, 0));
        let today = zone(self.zone).to_datetime(at).date();
        [today.yesterday().unwrap(), today].into_iter().any(|day| {
            let last = if from < to { day } else { day.tomorrow().unwrap() };
            ALL[..self.weekdays].contains(&day.weekday())
                && slow_instant(day.to_datetime(from), self.zone) <= at
                && at < slow_instant(last.to_datetime(to), self.zone)
        })
    }
}

fn slow_duty(plan: &Schedule, layers: &[Slow], directory: &Directory, at: Timestamp) -> Vec<UserId> {
    let here = |user: &UserId| {
        directory.users.get(user).is_none_or(|user| user.absences.iter().all(|away| at < away.from || away.to <= at))
    };
    if let Some(over) = plan.overrides.iter().rfind(|over| over.from <= at && at < over.to && here(&over.user)) {
        return vec![over.user.clone()];
    }
    let mut found: Vec<UserId> = Vec::new();
    for layer in layers.iter().filter(|layer| layer.counts(at)) {
        let Some(user) = layer.order(at).into_iter().find(here) else { continue };
        if plan.mode == Mode::Stack {
            return vec![user];
        }
        if !found.contains(&user) {
            found.push(user);
        }
    }
    found
}

prop_compose! {
    fn any_layer(month: i8)(
        members in prop::collection::vec(0..PEOPLE.len(), 0..4),
        length in prop::sample::select(vec![
            Length::Hours(1), Length::Hours(5), Length::Hours(12), Length::Days(1), Length::Weeks(1), Length::Months(1),
        ]),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Asia/Kolkata"]),
        day in 1..11_i8,
        hour in 0..4_i8,
        minute in prop::sample::select(vec![0_i8, 15, 30]),
        hours in prop::option::of((0..24_i8, prop::sample::select(vec![0_i8, 30]), 0..24_i8, prop::sample::select(vec![0_i8, 30]))),
        weekdays in 1..8_usize,
    ) -> Slow {
        Slow { members, length, start: jiff::civil::date(2028, month, day).at(hour, minute, 0, 0), zone, hours, weekdays }
    }
}

prop_compose! {
    fn any_world()(month in prop::sample::select(vec![3_i8, 10]))(
        month in Just(month),
        layers in prop::collection::vec(any_layer(month), 1..4),
        together in any::<bool>(),
        overrides in prop::collection::vec((0..PEOPLE.len(), 0_i64..700, 1_i64..100), 0..3),
        absences in prop::collection::vec((0..PEOPLE.len(), 0_i64..700, 1_i64..200), 0..4),
    ) -> (Vec<Slow>, Schedule, Directory, Timestamp) {
        let base = ts(&format!("2028-{month:02}-11T00:00Z"));
        let hour = SignedDuration::from_hours(1);
        let mut directory = Directory::default();
        for name in PEOPLE {
            directory.users.insert(name.into(), User { id: name.into(), ..Default::default() });
        }
        for (index, from, length) in absences {
            let from = base + hour * i32::try_from(from).unwrap();
            let away = Absence { from, to: from + hour * i32::try_from(length).unwrap(), reason: String::new() };
            directory.users.get_mut(&UserId::from(PEOPLE[index])).unwrap().absences.push(away);
        }
        let plan = Schedule {
            id: "any".into(),
            mode: if together { Mode::Together } else { Mode::Stack },
            layers: layers.iter().enumerate().map(|(index, layer)| layer.layer(&format!("l{index}"))).collect(),
            overrides: overrides.into_iter().map(|(index, from, length)| {
                let from = base + hour * i32::try_from(from).unwrap();
                Override { user: PEOPLE[index].into(), from, to: from + hour * i32::try_from(length).unwrap(), ..Default::default() }
            }).collect(),
            ..Default::default()
        };
        (layers, plan, directory, base)
    }
}

fn users(plan: &Schedule, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    on_duty(plan, directory, at).into_iter().map(|duty| duty.user).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(2_028), ..ProptestConfig::default() })]

    #[test]
    fn on_duty_agrees_with_the_slow_reference((layers, plan, directory, base) in any_world(), minutes in prop::collection::vec(0_i64..33_000, 3)) {
        for minutes in minutes {
            let at = base + SignedDuration::from_mins(minutes);
            prop_assert_eq!(users(&plan, &directory, at), slow_duty(&plan, &layers, &directory, at), "at {}", at);
            let listed: Vec<UserId> = on_call(&plan, &directory, at).people.into_iter().filter(|one| one.duty).map(|one| one.user).collect();
            prop_assert_eq!(listed, users(&plan, &directory, at));
        }
    }

    #[test]
    fn shifts_say_what_on_duty_says((_, plan, directory, base) in any_world(), hours in 0_i64..500, length in 1_i64..200) {
        let from = base + SignedDuration::from_hours(hours);
        let to = from + SignedDuration::from_hours(length);
        let shifts = shifts(&plan, &directory, from, to);
        let mut at = from;
        while at < to {
            let mut running: Vec<UserId> = shifts.iter().filter(|shift| shift.from <= at && at < shift.to).filter_map(|shift| shift.user.clone()).collect();
            let mut expected = users(&plan, &directory, at);
            running.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(running, expected, "at {}", at);
            at += SignedDuration::from_mins(13);
        }
        // A hole is a gap, and nothing else is.
        let holes: i64 = shifts.iter().filter(|shift| shift.user.is_none()).map(|shift| shift.to.duration_since(shift.from).as_secs()).sum();
        let gaps: i64 = gaps(&plan, &directory, from, to).iter().map(|gap| gap.to.duration_since(gap.from).as_secs()).sum();
        prop_assert_eq!(holes, gaps);
    }

    #[test]
    fn the_next_change_is_the_first((_, plan, directory, base) in any_world(), hours in 0_i64..500) {
        let from = base + SignedDuration::from_hours(hours);
        let now = users(&plan, &directory, from);
        let next = next_change(&plan, &directory, from);
        let end = next.unwrap_or(from + SignedDuration::from_hours(200)).min(from + SignedDuration::from_hours(200));
        let mut at = from;
        while at < end {
            prop_assert_eq!(users(&plan, &directory, at), now.clone(), "at {}", at);
            at += SignedDuration::from_mins(15);
        }
        if let Some(next) = next {
            prop_assert_ne!(users(&plan, &directory, next), now);
        }
    }
}

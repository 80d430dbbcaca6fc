//! How long "who is on call" takes for 1,000 schedules of three layers each, with the whole explanation.
//! `cargo run --release --example on_call_figures`

use hotline::clock::now;
use hotline_core::call::flow::HoursWindow;
use hotline_core::directory::{Absence, Directory, User};
use hotline_core::ids::UserId;
use hotline_core::oncall::{Layer, Length, Member, Override, Restriction, Rotation, Schedule, on_call, on_duty};
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const SCHEDULES: usize = 1_000;
const ROUNDS: u32 = 20;

fn directory(at: Timestamp) -> Directory {
    let mut directory = Directory::default();
    for index in 0..200_i32 {
        let away = |days: i32| {
            let from = at + SignedDuration::from_hours(24) * days;
            Absence { from, to: from + SignedDuration::from_hours(24 * 14), reason: "holiday".to_owned() }
        };
        let id = UserId(format!("user-{index}"));
        let absences = (0..4).map(|block| away(block * 60 - 90 + index % 30)).collect();
        directory.users.insert(id.clone(), User { name: id.0.clone(), id, absences, ..Default::default() });
    }
    for index in 0..SCHEDULES {
        let zones = ["Europe/Berlin", "America/New_York", "Australia/Sydney"];
        let layer = |number: usize, length: Length| {
            let members =
                (0..8).map(|turn| Member::User(UserId(format!("user-{}", (index * 7 + number * 31 + turn) % 200))));
            let zone = TimeZone::get(zones[number]).unwrap_or(TimeZone::UTC);
            let start = "2026-01-05T09:00".parse().expect("a local time");
            let mut layer =
                Layer::new(&format!("layer-{number}"), Rotation::new(members.collect(), length, start, zone));
            let days = vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
            if number < 2 {
                let window = HoursWindow { days, from: time(20, 0, 0, 0), to: time(8, 0, 0, 0) };
                layer.restrictions = vec![Restriction::Day(window)];
            }
            layer
        };
        let mut schedule = Schedule {
            id: format!("schedule-{index}").as_str().into(),
            time_zone: TimeZone::get(zones[0]).unwrap_or(TimeZone::UTC),
            layers: vec![layer(0, Length::Hours(12)), layer(1, Length::Days(1)), layer(2, Length::Months(1))],
            ..Default::default()
        };
        for week in 0..4 {
            let from = at + SignedDuration::from_hours(24 * 7) * week - SignedDuration::from_hours(24 * 14);
            let user = UserId(format!("user-{}", index % 200));
            schedule.overrides.push(Override {
                user,
                from,
                to: from + SignedDuration::from_hours(12),
                ..Default::default()
            });
        }
        directory.schedules.insert(schedule.id.clone(), schedule);
    }
    directory
}

fn main() {
    let at: Timestamp = "2026-11-22T03:00:00Z".parse().expect("a time");
    let directory = directory(at);
    let timed = |name: &str, work: &dyn Fn(Timestamp) -> usize| {
        let mut times: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let moment = at + SignedDuration::from_hours(5) * i32::try_from(round).unwrap_or(0);
                let begin = now().mono;
                std::hint::black_box(work(moment));
                now().mono.duration_since(begin)
            })
            .collect();
        times.sort();
        println!(
            "{name}: median {:?}, slowest {:?} for {SCHEDULES} schedules",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    };
    timed("who is on call, explained", &|at| {
        directory.schedules.values().map(|schedule| on_call(schedule, &directory, at).people.len()).sum()
    });
    timed("who is on duty", &|at| {
        directory.schedules.values().map(|schedule| on_duty(schedule, &directory, at).len()).sum()
    });
}

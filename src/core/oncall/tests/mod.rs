mod burden;
mod calendars;
mod edits;
mod layers;
mod reference;
mod rotations;

use jiff::civil::{DateTime, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::directory::{Destination, Directory, Language, User};
use crate::ids::{PhoneId, UserId};

use super::{
    Cause, Length, Member, ONLY_LAYER, Override, Rotation, Schedule, Shift, handoffs, next_change, on_call, shifts,
};

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn schedule(members: &[&str], start: &str, zone_name: &str) -> Schedule {
    let members = members.iter().map(|name| Member::from(*name)).collect();
    Schedule::single(
        "nights",
        "Nights",
        Rotation::new(members, Length::Weeks(1), start.parse().unwrap(), zone(zone_name)),
    )
}

fn over(user: &str, from: &str, to: &str) -> Override {
    let reason = format!("{user} steps in");
    Override { user: user.into(), from: ts(from), to: ts(to), reason, ..Default::default() }
}

fn directory(names: &[&str]) -> Directory {
    let mut directory = Directory::default();
    for name in names {
        let id = UserId::from(*name);
        let phones = vec![Destination::Phone(PhoneId::from(*name))];
        directory.users.insert(
            id.clone(),
            User { id, name: (*name).to_owned(), language: Language("de".to_owned()), phones, ..Default::default() },
        );
    }
    directory
}

fn names(schedule: &Schedule, at: &str) -> Vec<String> {
    on_call(schedule, &directory(&["ann", "bo", "cy"]), ts(at)).people.into_iter().map(|person| person.user.0).collect()
}

#[test]
fn the_rest_follows_in_the_order_of_coming_turns() {
    let plan = schedule(&["ann", "bo", "cy"], "2026-06-01T08:00", "Europe/Berlin");
    assert_eq!(names(&plan, "2026-06-01T06:00:00Z"), ["ann", "bo", "cy"]);
    assert_eq!(names(&plan, "2026-06-08T05:59:59.999Z"), ["ann", "bo", "cy"]);
    assert_eq!(names(&plan, "2026-06-08T06:00:00Z"), ["bo", "cy", "ann"]);
    let found = on_call(&plan, &directory(&["ann", "bo"]), ts("2026-06-08T06:00:00Z"));
    assert_eq!(found.why, "bo is on call until Mon 2026-06-15 08:00 Europe/Berlin by schedule `nights`");
    assert_eq!(found.people[0].language, Language("de".to_owned()));
    assert_eq!(
        found.people[1].why,
        "next in line: has the turn in schedule `nights` from Mon 2026-06-15 08:00 Europe/Berlin; unknown to the directory, can't be called"
    );
}

#[test]
fn before_the_start_it_turns_the_same_way() {
    let plan = schedule(&["ann", "bo", "cy"], "2026-06-01T08:00", "Europe/Berlin");
    assert_eq!(names(&plan, "2026-06-01T05:59:59Z"), ["cy", "ann", "bo"]);
    assert_eq!(names(&plan, "2026-05-18T06:00:00Z"), ["bo", "cy", "ann"]);
    assert!(on_call(&plan, &directory(&[]), ts("2026-05-18T06:00:00Z")).why.contains("before its start"));
}

#[test]
fn two_weeks_are_two_weeks() {
    let mut plan = schedule(&["ann", "bo"], "2026-06-01T08:00", "Europe/Berlin");
    plan.layers[0].rotations[0].length = Length::Weeks(2);
    let moments: Vec<_> = handoffs(&plan, ts("2026-06-01T06:00:00Z"), ts("2026-07-13T06:00:00Z"));
    assert_eq!(
        moments,
        [
            (ts("2026-06-01T06:00:00Z"), ONLY_LAYER.to_owned(), "ann".into()),
            (ts("2026-06-15T06:00:00Z"), ONLY_LAYER.to_owned(), "bo".into()),
            (ts("2026-06-29T06:00:00Z"), ONLY_LAYER.to_owned(), "ann".into()),
        ]
    );
}

#[test]
fn a_gap_hands_over_at_the_first_instant_after_it() {
    // Berlin 2027-03-28 02:00 → 03:00; Chicago 2027-03-14 02:00 → 03:00.
    for (zone, start, expected) in [
        ("Europe/Berlin", "2027-03-21T02:15", ["2027-03-21T01:15:00Z", "2027-03-28T01:00:00Z", "2027-04-04T00:15:00Z"]),
        (
            "America/Chicago",
            "2027-03-07T02:45",
            ["2027-03-07T08:45:00Z", "2027-03-14T08:00:00Z", "2027-03-21T07:45:00Z"],
        ),
    ] {
        let plan = schedule(&["ann", "bo"], start, zone);
        let end = ts(expected[2]) + SignedDuration::from_secs(1);
        let found: Vec<_> = handoffs(&plan, ts(expected[0]), end).into_iter().map(|(at, _, _)| at).collect();
        assert_eq!(found, expected.map(ts), "{zone}");
    }
}

#[test]
fn a_repeated_hour_hands_over_at_its_first() {
    // Berlin 2027-10-31 03:00 → 02:00; Chicago 2027-11-07 02:00 → 01:00.
    for (zone, start, expected) in [
        ("Europe/Berlin", "2027-10-24T02:20", ["2027-10-24T00:20:00Z", "2027-10-31T00:20:00Z", "2027-11-07T01:20:00Z"]),
        (
            "America/Chicago",
            "2027-10-31T01:10",
            ["2027-10-31T06:10:00Z", "2027-11-07T06:10:00Z", "2027-11-14T07:10:00Z"],
        ),
    ] {
        let plan = schedule(&["ann", "bo"], start, zone);
        let end = ts(expected[2]) + SignedDuration::from_secs(1);
        let found: Vec<_> = handoffs(&plan, ts(expected[0]), end).into_iter().map(|(at, _, _)| at).collect();
        assert_eq!(found, expected.map(ts), "{zone}");
    }
}

#[test]
fn a_week_over_a_change_lasts_an_hour_more_or_less() {
    let plan = schedule(&["ann", "bo"], "2026-01-05T09:00", "Europe/Berlin");
    let spring = handoffs(&plan, ts("2027-03-22T00:00:00Z"), ts("2027-03-30T00:00:00Z"));
    assert_eq!(spring[1].0.duration_since(spring[0].0), SignedDuration::from_hours(7 * 24 - 1));
    let autumn = handoffs(&plan, ts("2027-10-25T00:00:00Z"), ts("2027-11-02T00:00:00Z"));
    assert_eq!(autumn[1].0.duration_since(autumn[0].0), SignedDuration::from_hours(7 * 24 + 1));
}

#[test]
fn an_override_holds_from_its_first_moment_up_to_its_last() {
    let mut plan = schedule(&["ann", "bo"], "2026-06-01T08:00", "Europe/Berlin");
    plan.overrides.push(over("cy", "2026-06-03T10:00:00Z", "2026-06-08T06:00:00Z"));
    assert_eq!(names(&plan, "2026-06-03T09:59:59.999Z")[0], "ann");
    assert_eq!(names(&plan, "2026-06-03T10:00:00Z"), ["cy", "ann", "bo"]);
    assert_eq!(names(&plan, "2026-06-08T05:59:59.999Z")[0], "cy");
    assert_eq!(names(&plan, "2026-06-08T06:00:00Z"), ["bo", "ann"], "a hand-off exactly at its end");
    let found = on_call(&plan, &directory(&["cy"]), ts("2026-06-04T00:00:00Z"));
    assert_eq!(
        found.people[0].why,
        "on call until Mon 2026-06-08 08:00 Europe/Berlin by an override of schedule `nights` (cy steps in)"
    );
    assert_eq!(next_change(&plan, &Directory::default(), ts("2026-06-04T00:00:00Z")), Some(ts("2026-06-08T06:00:00Z")));
}

#[test]
fn an_override_across_a_change_keeps_its_instants() {
    let mut plan = schedule(&["ann", "bo"], "2027-10-25T09:00", "Europe/Berlin");
    // 24 hours by the clock on the wall are 25 that night.
    plan.overrides.push(over("cy", "2027-10-30T16:00:00Z", "2027-10-31T17:00:00Z"));
    assert_eq!(
        shifts(&plan, &Directory::default(), ts("2027-10-30T00:00:00Z"), ts("2027-11-01T12:00:00Z")),
        [
            shift("ann", "2027-10-30T00:00:00Z", "2027-10-30T16:00:00Z", false),
            shift("cy", "2027-10-30T16:00:00Z", "2027-10-31T17:00:00Z", true),
            shift("ann", "2027-10-31T17:00:00Z", "2027-11-01T08:00:00Z", false),
            shift("bo", "2027-11-01T08:00:00Z", "2027-11-01T12:00:00Z", false),
        ]
    );
}

fn shift(user: &str, from: &str, to: &str, overridden: bool) -> Shift {
    let (layer, cause) = if overridden {
        (None, Cause::Override { id: String::new(), reason: format!("{user} steps in") })
    } else {
        (Some(ONLY_LAYER.to_owned()), Cause::Turn)
    };
    Shift { user: Some(user.into()), from: ts(from), to: ts(to), layer, cause }
}

#[test]
fn of_overlapping_overrides_the_later_in_the_list_wins() {
    let mut plan = schedule(&["ann"], "2026-06-01T08:00", "UTC");
    plan.overrides.push(over("bo", "2026-06-02T00:00:00Z", "2026-06-06T00:00:00Z"));
    plan.overrides.push(over("cy", "2026-06-03T00:00:00Z", "2026-06-04T00:00:00Z"));
    assert_eq!(names(&plan, "2026-06-03T12:00:00Z"), ["cy", "ann"]);
    assert_eq!(names(&plan, "2026-06-05T12:00:00Z"), ["bo", "ann"]);
    assert_eq!(next_change(&plan, &Directory::default(), ts("2026-06-02T12:00:00Z")), Some(ts("2026-06-03T00:00:00Z")));
    assert_eq!(next_change(&plan, &Directory::default(), ts("2026-06-06T00:00:00Z")), None);
}

#[test]
fn an_empty_rotation_says_so() {
    let mut plan = schedule(&[], "2026-06-01T08:00", "UTC");
    let found = on_call(&plan, &directory(&[]), ts("2026-06-02T00:00:00Z"));
    assert!(found.people.is_empty());
    assert_eq!(found.why, "nobody is on call: the rotation of schedule `nights` has no members");
    assert_eq!(next_change(&plan, &Directory::default(), ts("2026-06-02T00:00:00Z")), None);
    assert!(handoffs(&plan, ts("2026-06-02T00:00:00Z"), ts("2026-09-02T00:00:00Z")).is_empty());
    plan.overrides.push(over("bo", "2026-06-03T00:00:00Z", "2026-06-04T00:00:00Z"));
    let holes: Vec<_> = shifts(&plan, &Directory::default(), ts("2026-06-02T00:00:00Z"), ts("2026-06-05T00:00:00Z"))
        .into_iter()
        .map(|shift| shift.user)
        .collect();
    assert_eq!(holes, [None, Some("bo".into()), None]);
}

#[test]
fn one_person_is_always_on_call() {
    let plan = schedule(&["ann"], "2026-06-01T08:00", "UTC");
    assert_eq!(names(&plan, "2026-12-02T00:00:00Z"), ["ann"]);
    assert_eq!(next_change(&plan, &Directory::default(), ts("2026-06-02T00:00:00Z")), None);
    assert_eq!(shifts(&plan, &Directory::default(), ts("2026-06-02T00:00:00Z"), ts("2026-08-02T00:00:00Z")).len(), 1);
}

#[test]
fn a_person_without_phones_stays_and_is_explained() {
    let plan = schedule(&["ann", "bo"], "2026-06-01T08:00", "UTC");
    let mut directory = directory(&["ann", "bo"]);
    for user in directory.users.values_mut() {
        user.phones.clear();
    }
    let found = on_call(&plan, &directory, ts("2026-06-02T00:00:00Z"));
    assert_eq!(found.people.len(), 2);
    assert!(found.people[0].why.ends_with("has no phone, can't be called"));
    assert!(found.why.ends_with("nobody in it has a phone"));
}

#[test]
fn the_ends_of_the_calendar_do_no_harm() {
    let plan = schedule(&["ann", "bo"], "2026-06-01T08:00", "Europe/Berlin");
    for at in [Timestamp::MIN, Timestamp::MAX] {
        assert!(!on_call(&plan, &directory(&["ann"]), at).people.is_empty());
    }
    assert_eq!(next_change(&plan, &Directory::default(), Timestamp::MAX), None);
}

/// The first minute at which the wall clock of the zone shows `local` or later, searched minute by minute.
fn slow_handoff(local: DateTime, zone: &TimeZone) -> Timestamp {
    let mut at = Offset::UTC.to_timestamp(local).unwrap() - SignedDuration::from_hours(15);
    while zone.to_datetime(at) < local {
        at += SignedDuration::from_mins(1);
    }
    at
}

fn slow_user(plan: &Schedule, at: Timestamp) -> Option<UserId> {
    if let Some(over) = plan.overrides.iter().rfind(|over| over.from <= at && at < over.to) {
        return Some(over.user.clone());
    }
    let rotation = &plan.layers[0].rotations[0];
    let Length::Weeks(weeks) = rotation.length else { unreachable!() };
    let count = i64::try_from(rotation.members.len()).unwrap();
    let mut current = None;
    for turn in -12..12_i64 {
        let local = rotation.start.checked_add((turn * i64::from(weeks)).weeks()).unwrap();
        if slow_handoff(local, &rotation.time_zone) <= at && count > 0 {
            let member = &rotation.members[usize::try_from(turn.rem_euclid(count)).unwrap()];
            let Member::User(user) = member else { unreachable!() };
            current = Some(user.clone());
        }
    }
    current
}

prop_compose! {
    fn any_plan()(
        members in 0..4_usize,
        weeks in 1..3_u32,
        zone_name in prop::sample::select(vec!["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Asia/Kolkata"]),
        // Around a change in spring or autumn, minutes that a change can swallow or repeat.
        month in prop::sample::select(vec![3_i8, 4, 10, 11]),
        day in 1..29_i8,
        hour in 0..4_i8,
        minute in prop::sample::select(vec![0_i8, 15, 30, 59]),
        overrides in prop::collection::vec((0..4_usize, -900_i64..900, 1_i64..400), 0..4),
    ) -> Schedule {
        let people = ["ann", "bo", "cy", "dee"];
        let start = date(2027, month, day).at(hour, minute, 0, 0);
        let base = Offset::UTC.to_timestamp(start).unwrap();
        let mut plan = schedule(&people[..members], "2027-01-01T00:00", zone_name);
        plan.layers[0].rotations[0].start = start;
        plan.layers[0].rotations[0].length = Length::Weeks(weeks);
        plan.overrides = overrides.into_iter().map(|(user, hours, length)| {
            let from = base + SignedDuration::from_hours(hours);
            Override { user: people[user].into(), from, to: from + SignedDuration::from_hours(length), ..Default::default() }
        }).collect();
        plan
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(2_027), ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_slow_reference(plan in any_plan(), minutes in -40_000_i64..40_000) {
        let at = Offset::UTC.to_timestamp(plan.layers[0].rotations[0].start).unwrap() + SignedDuration::from_mins(minutes);
        let found = on_call(&plan, &Directory::default(), at);
        prop_assert_eq!(found.people.first().map(|person| person.user.clone()), slow_user(&plan, at));
    }

    #[test]
    fn shifts_fill_the_window_and_agree_with_on_call(plan in any_plan(), hours in -900_i64..900, length in 1_i64..2_000) {
        let from = Offset::UTC.to_timestamp(plan.layers[0].rotations[0].start).unwrap() + SignedDuration::from_hours(hours);
        let to = from + SignedDuration::from_hours(length);
        let mut at = from;
        for shift in shifts(&plan, &Directory::default(), from, to) {
            prop_assert_eq!(shift.from, at);
            prop_assert!(shift.from < shift.to);
            for moment in [shift.from, shift.to - SignedDuration::from_millis(1)] {
                let first = on_call(&plan, &Directory::default(), moment).people.into_iter().next();
                prop_assert_eq!(first.map(|person| person.user), shift.user.clone());
            }
            at = shift.to;
        }
        prop_assert_eq!(at, to);
    }

    #[test]
    fn nothing_changes_before_the_next_change(plan in any_plan(), hours in -900_i64..900, within in 0.0..1.0_f64) {
        let from = Offset::UTC.to_timestamp(plan.layers[0].rotations[0].start).unwrap() + SignedDuration::from_hours(hours);
        let first = |at| on_call(&plan, &Directory::default(), at).people.into_iter().next().map(|person| person.user);
        if let Some(next) = next_change(&plan, &Directory::default(), from) {
            prop_assert_ne!(first(next), first(from));
            let between = from + next.duration_since(from).mul_f64(within);
            if between < next {
                prop_assert_eq!(first(between), first(from));
            }
        }
    }
}

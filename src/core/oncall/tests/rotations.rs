//! When turns change, in zones that change their clocks. The rule is the one that users of `GoAlert` know: k lengths on the
//! wall clock, a gap ends at the first instant after it, a repeated hour is its first.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::{ts, zone};
use crate::oncall::{Length, Member, Rotation};

fn rotation(length: Length, start: &str, zone_name: &str) -> Rotation {
    let members = ["ann", "bo", "cy"].map(Member::from).to_vec();
    Rotation::new(members, length, start.parse().unwrap(), zone(zone_name))
}

/// All hand-offs from the first to the last of `expected`, no more and no fewer.
fn check(name: &str, rotation: &Rotation, expected: &[&str]) {
    let expected: Vec<Timestamp> = expected.iter().map(|at| ts(at)).collect();
    let end = expected[expected.len() - 1] + SignedDuration::from_secs(1);
    let found: Vec<Timestamp> = rotation.handoffs(expected[0], end).into_iter().map(|(at, _)| at).collect();
    assert_eq!(found, expected, "{name}");
    for (at, member) in rotation.handoffs(expected[0], end) {
        assert_eq!(rotation.member(rotation.turn(at)), Some(&member), "{name}");
    }
}

#[test]
fn over_both_changes_in_four_zones() {
    // Chicago: 2028-03-12 02:00 → 03:00, 2028-11-05 02:00 → 01:00. Berlin: 2028-03-26 02:00 → 03:00, 2028-10-29 03:00 → 02:00.
    let cases: &[(&str, Length, &str, &str, &[&str])] = &[
        (
            "24 hours over the end of summer time",
            Length::Hours(24),
            "2028-10-20T01:20",
            "America/Chicago",
            &[
                "2028-11-03T01:20-05:00",
                "2028-11-04T01:20-05:00",
                "2028-11-05T01:20-05:00",
                "2028-11-06T01:20-06:00",
                "2028-11-07T01:20-06:00",
            ],
        ),
        (
            "a day is 24 hours on the wall",
            Length::Days(1),
            "2028-10-20T01:20",
            "America/Chicago",
            &["2028-11-04T01:20-05:00", "2028-11-05T01:20-05:00", "2028-11-06T01:20-06:00"],
        ),
        (
            "hourly at :40 over the gap",
            Length::Hours(1),
            "2028-03-10T02:40",
            "America/Chicago",
            &[
                "2028-03-12T00:40-06:00",
                "2028-03-12T01:40-06:00",
                "2028-03-12T03:00-05:00",
                "2028-03-12T03:40-05:00",
                "2028-03-12T04:40-05:00",
            ],
        ),
        (
            "hourly at :00 over the gap: two hand-offs are one",
            Length::Hours(1),
            "2028-03-10T05:00",
            "America/Chicago",
            &["2028-03-12T01:00-06:00", "2028-03-12T03:00-05:00", "2028-03-12T04:00-05:00"],
        ),
        (
            "hourly at :00 over the repeated hour: one turn of two hours",
            Length::Hours(1),
            "2028-06-01T00:00",
            "Europe/Berlin",
            &["2028-10-29T01:00+02:00", "2028-10-29T02:00+02:00", "2028-10-29T03:00+01:00", "2028-10-29T04:00+01:00"],
        ),
        (
            "every night at a time that vanishes",
            Length::Days(1),
            "2028-03-01T02:20",
            "Europe/Berlin",
            &["2028-03-25T02:20+01:00", "2028-03-26T03:00+02:00", "2028-03-27T02:20+02:00"],
        ),
        (
            "day and night over spring",
            Length::Hours(12),
            "2028-01-03T07:00",
            "Europe/Berlin",
            &["2028-03-25T19:00+01:00", "2028-03-26T07:00+02:00", "2028-03-26T19:00+02:00"],
        ),
        (
            "day and night over autumn",
            Length::Hours(12),
            "2028-01-03T07:00",
            "Europe/Berlin",
            &["2028-10-28T19:00+02:00", "2028-10-29T07:00+01:00", "2028-10-29T19:00+01:00"],
        ),
        (
            "weeks over autumn",
            Length::Weeks(1),
            "2028-10-02T08:30",
            "Europe/Berlin",
            &["2028-10-23T08:30+02:00", "2028-10-30T08:30+01:00", "2028-11-06T08:30+01:00"],
        ),
    ];
    for (name, length, start, zone_name, expected) in cases {
        check(name, &rotation(length.clone(), start, zone_name), expected);
    }
}

#[test]
fn half_an_hour_on_lord_howe() {
    // 2028-04-02 02:00 → 01:30, 2028-10-01 02:00 → 02:30.
    let hourly = rotation(Length::Hours(1), "2028-03-30T02:30", "Australia/Lord_Howe");
    check(
        "hourly at :30, half an hour back",
        &hourly,
        &["2028-04-02T00:30+11:00", "2028-04-02T01:30+11:00", "2028-04-02T02:30+10:30", "2028-04-02T03:30+10:30"],
    );
    let daily = rotation(Length::Days(1), "2028-03-30T01:45", "Australia/Lord_Howe");
    check(
        "every day within the repeated half hour",
        &daily,
        &["2028-04-01T01:45+11:00", "2028-04-02T01:45+11:00", "2028-04-03T01:45+10:30"],
    );
    let gap = rotation(Length::Days(1), "2028-09-20T02:10", "Australia/Lord_Howe");
    check(
        "every day within the half hour that vanishes",
        &gap,
        &["2028-09-30T02:10+10:30", "2028-10-01T02:30+11:00", "2028-10-02T02:10+11:00"],
    );
}

#[test]
fn months_keep_their_day_and_are_cut_at_their_end() {
    let plain = rotation(Length::Months(1), "2027-12-05T18:00", "America/Chicago");
    check(
        "monthly",
        &plain,
        &["2028-02-05T18:00-06:00", "2028-03-05T18:00-06:00", "2028-04-05T18:00-05:00", "2028-05-05T18:00-05:00"],
    );
    let clamped = rotation(Length::Months(1), "2027-10-31T08:00", "Europe/Berlin");
    check(
        "from the 31st, over a leap day",
        &clamped,
        &[
            "2027-10-31T08:00+01:00",
            "2027-11-30T08:00+01:00",
            "2027-12-31T08:00+01:00",
            "2028-01-31T08:00+01:00",
            "2028-02-29T08:00+01:00",
            "2028-03-31T08:00+02:00",
        ],
    );
    let quarter = rotation(Length::Months(3), "2027-11-30T08:00", "Europe/Berlin");
    check("quarters", &quarter, &["2027-11-30T08:00+01:00", "2028-02-29T08:00+01:00", "2028-05-30T08:00+02:00"]);
    let leap = rotation(Length::Months(12), "2028-02-29T12:00", "Europe/Berlin");
    check(
        "years from a leap day",
        &leap,
        &["2028-02-29T12:00+01:00", "2029-02-28T12:00+01:00", "2030-02-28T12:00+01:00"],
    );
}

#[test]
fn the_leap_day_and_the_end_of_the_year_are_days() {
    let daily = rotation(Length::Days(1), "2028-01-01T08:00", "Europe/Berlin");
    check("leap day", &daily, &["2028-02-28T08:00+01:00", "2028-02-29T08:00+01:00", "2028-03-01T08:00+01:00"]);
    check("year's end", &daily, &["2028-12-30T08:00+01:00", "2028-12-31T08:00+01:00", "2029-01-01T08:00+01:00"]);
    let weekly = rotation(Length::Weeks(1), "2028-12-04T08:00", "Europe/Berlin");
    check("weeks over it", &weekly, &["2028-12-25T08:00+01:00", "2029-01-01T08:00+01:00"]);
}

#[test]
fn lengths_of_turns() {
    let turn = |length, start: &str, zone_name: &str, at: &str| {
        let rotation = rotation(length, start, zone_name);
        let turn = rotation.turn(ts(at));
        rotation.handoff(turn + 1).unwrap().duration_since(rotation.handoff(turn).unwrap()).as_hours()
    };
    let berlin = |length, at| turn(length, "2028-01-03T09:00", "Europe/Berlin", at);
    assert_eq!(berlin(Length::Days(1), "2028-03-25T12:00Z"), 23);
    assert_eq!(berlin(Length::Days(1), "2028-10-28T12:00Z"), 25);
    assert_eq!(berlin(Length::Weeks(1), "2028-03-22T12:00Z"), 167);
    assert_eq!(berlin(Length::Weeks(1), "2028-10-25T12:00Z"), 169);
    assert_eq!(berlin(Length::Weeks(2), "2028-06-01T12:00Z"), 336);
    assert_eq!(berlin(Length::Months(1), "2028-06-10T12:00Z"), 30 * 24);
    assert_eq!(berlin(Length::Months(2), "2028-05-10T12:00Z"), 61 * 24);
    let three = |at| turn(Length::Hours(3), "2028-01-03T00:00", "Europe/Berlin", at);
    assert_eq!(three("2028-03-26T00:30Z"), 2);
    assert_eq!(three("2028-10-29T00:30Z"), 4);
}

#[test]
fn nobody_is_passed_over_because_an_hour_vanishes() {
    let hourly = rotation(Length::Hours(1), "2028-03-10T00:00", "America/Chicago");
    let turns =
        |from, to| -> Vec<Member> { hourly.handoffs(ts(from), ts(to)).into_iter().map(|(_, member)| member).collect() };
    // 48 hours after the start it is ann's again; the day of 23 hours has 23 turns.
    let over = turns("2028-03-12T00:00-06:00", "2028-03-13T00:00-05:00");
    assert_eq!(over.len(), 23);
    for (index, member) in over.iter().enumerate() {
        assert_eq!(*member, Member::from(["ann", "bo", "cy"][index % 3]), "turn {index}");
    }
    let later = turns("2028-07-01T00:00-05:00", "2028-07-01T03:00-05:00");
    let hours = (Timestamp::as_second(ts("2028-07-01T05:00Z")) - Timestamp::as_second(ts("2028-03-10T06:00Z"))) / 3_600;
    assert_eq!(later[0], Member::from(["ann", "bo", "cy"][usize::try_from(hours % 3).unwrap()]));
    // A whole day vanished in Apia (2011-12-30): the turns of two days begin at once and are one.
    let apia = rotation(Length::Days(1), "2011-12-28T00:00", "Pacific/Apia");
    let found: Vec<Member> =
        apia.handoffs(ts("2011-12-28T10:00Z"), ts("2012-01-01T10:00Z")).into_iter().map(|(_, member)| member).collect();
    assert_eq!(found, ["ann", "bo", "cy", "ann", "bo"].map(Member::from)[..found.len()].to_vec());
}

#[test]
fn before_the_start_it_counts_back_over_changes() {
    let hourly = rotation(Length::Hours(1), "2028-03-13T00:00", "America/Chicago");
    let back = hourly.handoffs(ts("2028-03-12T00:00-06:00"), ts("2028-03-13T00:00-05:00"));
    for (index, (_, member)) in back.iter().rev().enumerate() {
        assert_eq!(*member, Member::from(["cy", "bo", "ann"][index % 3]), "{index} before the start");
    }
    let start: Timestamp = ts("2028-03-13T05:00Z");
    assert_eq!(hourly.member(hourly.turn(start)), Some(&"ann".into()));
    assert_eq!(hourly.member(hourly.turn(start - SignedDuration::from_nanos(1))), Some(&"cy".into()));
}

#[test]
fn turns_of_different_lengths() {
    // Monday to Thursday, Friday to Sunday.
    let cycle = rotation(Length::Cycle(vec![96, 72]), "2028-03-06T09:00", "Europe/Berlin");
    check(
        "four days and three",
        &cycle,
        &[
            "2028-03-20T09:00+01:00",
            "2028-03-24T09:00+01:00",
            "2028-03-27T09:00+02:00",
            "2028-03-31T09:00+02:00",
            "2028-04-03T09:00+02:00",
        ],
    );
    let who: Vec<Member> = cycle
        .handoffs(ts("2028-03-06T08:00Z"), ts("2028-03-20T08:00Z"))
        .into_iter()
        .map(|(_, member)| member)
        .collect();
    assert_eq!(who, ["ann", "bo", "cy", "ann"].map(Member::from));
    assert_eq!(cycle.turn(ts("2028-03-05T08:00Z")), -1);
}

#[test]
fn nonsense_lengths_end() {
    for length in [Length::Hours(0), Length::Months(0), Length::Cycle(Vec::new()), Length::Cycle(vec![0, 0])] {
        let rotation = rotation(length, "2028-01-01T00:00", "Europe/Berlin");
        let at = ts("2028-06-01T00:00Z");
        assert!(rotation.turn_end(rotation.turn(at)).is_some_and(|end| end > at));
        assert!(rotation.handoffs(at, at + SignedDuration::from_hours(3)).len() < 5);
    }
}

/// The wall clock, minute by minute: a hand-off is due as soon as the clock shows its time or a later one.
#[test]
fn agrees_with_a_walk_by_minutes() {
    for (length, minutes, start, zone_name, from) in [
        (Length::Hours(1), 60, "2028-03-25T00:30", "Europe/Berlin", "2028-03-25T20:00Z"),
        (Length::Hours(1), 60, "2028-10-28T00:00", "Europe/Berlin", "2028-10-28T20:00Z"),
        (Length::Hours(3), 180, "2028-03-10T01:15", "America/Chicago", "2028-03-12T00:00Z"),
        (Length::Hours(2), 120, "2028-04-01T00:45", "Australia/Lord_Howe", "2028-04-01T06:00Z"),
        (Length::Cycle(vec![1, 2]), 0, "2028-10-28T00:00", "Europe/Berlin", "2028-10-28T20:00Z"),
    ] {
        let rotation = rotation(length.clone(), start, zone_name);
        let start: DateTime = start.parse().unwrap();
        let mut at = ts(from);
        let end = at + SignedDuration::from_hours(12);
        let due = |turn: i64| {
            let minutes = if minutes > 0 { turn * minutes } else { turn.div_euclid(2) * 180 + turn.rem_euclid(2) * 60 };
            start.checked_add(SignedDuration::from_mins(minutes)).unwrap()
        };
        let first = rotation.turn(at);
        let mut next = first + 1;
        let mut walked = Vec::new();
        while at < end {
            let mut handed = false;
            while zone(zone_name).to_datetime(at) >= due(next) {
                handed = true;
                next += 1;
            }
            if handed {
                walked.push(at);
            }
            at += SignedDuration::from_mins(1);
        }
        let found: Vec<Timestamp> = rotation.handoffs(ts(from), end).into_iter().map(|(at, _)| at).collect();
        let found: Vec<Timestamp> = found.into_iter().filter(|at| *at > ts(from)).collect();
        walked.retain(|at| *at > ts(from));
        assert_eq!(found, walked, "{length:?} in {zone_name}");
    }
}

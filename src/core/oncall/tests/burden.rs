//! Hours, load, pay, notices and notes.

use std::time::Duration;

use jiff::civil::date;

use super::{directory, over, schedule, ts, zone};
use crate::alert::Status;
use crate::directory::{Absence, Language};
use crate::fact::Priority;
use crate::ids::UserId;
use crate::oncall::handover::*;
use crate::oncall::hours::*;
use crate::oncall::*;

const HOUR: i64 = 3_600;

#[test]
fn the_day_of_25_hours_is_paid_25_hours_once() {
    // Two schedules put ann on call over Sunday 2028-10-29 (25 hours) and Sunday 2028-03-26 (23 hours).
    let one = schedule(&["ann"], "2028-01-03T08:00", "Europe/Berlin");
    let two = Schedule { id: "other".into(), ..schedule(&["ann"], "2028-01-03T08:00", "Europe/Berlin") };
    let all = directory(&["ann"]);
    let autumn = compensation(&[&one, &two], &all, ts("2028-10-28T22:00Z"), ts("2028-10-29T23:00Z"));
    assert_eq!(autumn.len(), 1);
    assert_eq!(autumn[0].hours, Hours { weekend: 25 * HOUR, ..Default::default() });
    assert_eq!(autumn[0].shifts, 1);
    assert_eq!(autumn[0].schedules, ["nights".into(), "other".into()]);
    let spring = compensation(&[&one], &all, ts("2028-03-25T23:00Z"), ts("2028-03-26T22:00Z"));
    assert_eq!(spring[0].hours.total(), 23 * HOUR);
}

#[test]
fn kinds_of_hours() {
    let mut plan = schedule(&["ann"], "2028-01-03T08:00", "Europe/Berlin");
    let mut all = directory(&["ann"]);
    let calendar = Calendar {
        id: "days".into(),
        name: String::new(),
        time_zone: zone("Europe/Berlin"),
        windows: Vec::new(),
        holidays: vec![(date(2028, 5, 25), "Ascension".to_owned())],
    };
    all.calendars.insert(calendar.id.clone(), calendar);
    plan.holidays = Some("days".into());
    // Wednesday 2028-05-24 to Sunday 2028-05-28, local days; Thursday is the holiday.
    let rows = compensation(&[&plan], &all, ts("2028-05-23T22:00Z"), ts("2028-05-28T22:00Z"));
    assert_eq!(rows[0].hours, Hours { weekday: 32 * HOUR, night: 16 * HOUR, weekend: 48 * HOUR, holiday: 24 * HOUR });
    assert_eq!(rows[0].hours.weighted(&Weights::default()), (32 + 24 + 72 + 48) * HOUR);
    // The night of the change, Saturday to Sunday, in the person's own zone.
    all.users.get_mut(&UserId::from("ann")).unwrap().time_zone = Some(zone("Asia/Kolkata"));
    let india = compensation(&[&plan], &all, ts("2028-05-22T16:30Z"), ts("2028-05-23T00:30Z"));
    assert_eq!(india[0].hours, Hours { night: 8 * HOUR, ..Default::default() }, "22:00 to 06:00 there");
}

#[test]
fn shares_are_compared() {
    let plan = schedule(&["ann", "bo"], "2028-05-01T00:00", "UTC");
    let all = directory(&["ann", "bo"]);
    let even = balance(&plan, &all, ts("2028-05-01T00:00Z"), ts("2028-05-29T00:00Z"));
    assert_eq!((even.evenness, even.coverage), (100, 100));
    assert!(even.rows.iter().all(|row| row.weighted == row.fair && row.shifts == 2));
    let mut uneven = plan.clone();
    uneven.overrides.push(over("ann", "2028-05-08T00:00Z", "2028-05-15T00:00Z"));
    let found = balance(&uneven, &all, ts("2028-05-01T00:00Z"), ts("2028-05-29T00:00Z"));
    assert_eq!(found.evenness, 33, "one week against three");
    assert_eq!(found.rows[0].user.0, "ann", "who bears most beyond their share comes first");
    // Who was away half of the time is to bear half as much as the other.
    let mut leave = all.clone();
    leave.users.get_mut(&UserId::from("bo")).unwrap().absences.push(Absence {
        from: ts("2028-05-15T00:00Z"),
        to: ts("2028-05-29T00:00Z"),
        reason: String::new(),
    });
    let found = balance(&plan, &leave, ts("2028-05-01T00:00Z"), ts("2028-05-29T00:00Z"));
    let bo = found.rows.iter().find(|row| row.user.0 == "bo").unwrap();
    assert_eq!(bo.available, 14 * 24 * HOUR);
    assert_eq!(
        found.rows.iter().map(|row| row.fair).sum::<i64>(),
        found.rows.iter().map(|row| row.weighted).sum::<i64>()
    );
    let mut skilled = plan;
    skilled.layers[0].skills = vec!["network".to_owned()];
    assert!(
        balance(&skilled, &all, ts("2028-05-01T00:00Z"), ts("2028-05-29T00:00Z")).rows.is_empty(),
        "nobody is qualified"
    );
}

#[test]
fn sleep_is_by_the_persons_own_clock() {
    let mut all = directory(&["ann", "bo"]);
    all.users.get_mut(&UserId::from("bo")).unwrap().time_zone = Some(zone("America/New_York"));
    let at = |user: &str, at: &str| Interruption { user: user.into(), at: ts(at) };
    let rows = load(
        &[
            at("ann", "2028-05-08T21:30Z"),
            at("ann", "2028-05-09T01:00Z"),
            at("ann", "2028-05-09T04:00Z"),
            at("ann", "2028-05-09T19:59Z"),
            at("ann", "2028-05-09T20:00Z"),
            at("bo", "2028-05-09T01:00Z"),
            at("bo", "2028-05-09T03:00Z"),
        ],
        &all,
        &zone("Europe/Berlin"),
    );
    assert_eq!(rows[0], Load { user: "ann".into(), times: 5, asleep: 3, nights: 2, days: 2 });
    assert_eq!(rows[1], Load { user: "bo".into(), times: 2, asleep: 1, nights: 1, days: 1 });
}

#[test]
fn shifts_are_announced() {
    let mut plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    plan.notices = vec![Duration::from_hours(24), Duration::from_hours(1)];
    let all = directory(&["ann", "bo"]);
    let found = notices(&plan, &all, ts("2028-05-06T00:00Z"), ts("2028-05-09T00:00Z"));
    let due: Vec<_> = found.iter().map(|notice| (notice.due, notice.stint.user.0.as_str())).collect();
    assert_eq!(due, [(ts("2028-05-07T06:00Z"), "bo"), (ts("2028-05-08T05:00Z"), "bo")]);
    assert_eq!(found[0].stint.to, ts("2028-05-15T06:00Z"));
    assert_eq!(
        notice_text(&found[0], &plan, &all, &Language("de".to_owned())),
        "Ihre Bereitschaft „Nights“ beginnt Mon 2028-05-08 08:00 Europe/Berlin und dauert bis Mon 2028-05-15 08:00 Europe/Berlin."
    );
    // One person for ever: nothing begins. Asked in small windows: the same notices, none twice.
    let alone = Schedule { notices: plan.notices.clone(), ..schedule(&["ann"], "2028-05-01T08:00", "Europe/Berlin") };
    assert!(notices(&alone, &all, ts("2028-05-06T00:00Z"), ts("2028-05-09T00:00Z")).is_empty());
    let mut pieces = Vec::new();
    let mut at = ts("2028-05-06T00:00Z");
    while at < ts("2028-05-09T00:00Z") {
        let end = at + jiff::SignedDuration::from_mins(17);
        pieces.extend(notices(&plan, &all, at, end).into_iter().filter(|notice| notice.due < ts("2028-05-09T00:00Z")));
        at = end;
    }
    assert_eq!(
        pieces.iter().map(|notice| notice.due).collect::<Vec<_>>(),
        found.iter().map(|notice| notice.due).collect::<Vec<_>>()
    );
}

#[test]
fn a_note_at_the_hand_off() {
    let plan = schedule(&["ann", "bo"], "2028-05-01T08:00", "Europe/Berlin");
    let all = directory(&["ann", "bo"]);
    let found = handovers(&plan, &all, ts("2028-05-07T00:00Z"), ts("2028-05-08T06:00Z"));
    assert_eq!(
        found,
        [Handover { at: ts("2028-05-08T06:00Z"), leaving: vec!["ann".into()], coming: vec!["bo".into()] }]
    );
    assert!(handovers(&plan, &all, ts("2028-05-08T06:00Z"), ts("2028-05-09T06:00Z")).is_empty(), "not again");
    let alert = |reference: &str, priority, status, taken_by: Option<&str>| OpenAlert {
        reference: reference.to_owned(),
        priority,
        status,
        title: format!("fault {reference}"),
        customer: Some("Acme".to_owned()),
        opened_at: ts("2028-05-07T22:15Z"),
        taken_by: taken_by.map(str::to_owned),
    };
    let open = [
        alert("4711", Priority::P3, Status::Acknowledged, Some("ann")),
        alert("4712", Priority::P1, Status::Triggered, None),
    ];
    let english = Language::default();
    assert_eq!(
        note(&found[0], &plan, &all, &"bo".into(), &open, &english),
        "Hand-over of \"Nights\" on Mon 2028-05-08 08:00 Europe/Berlin: from ann to bo. Open:\n\
         - P1 4712 · Acme · fault 4712 (since Mon 2028-05-08 00:15 Europe/Berlin, nobody has it)\n\
         - P3 4711 · Acme · fault 4711 (since Mon 2028-05-08 00:15 Europe/Berlin, ann has it)"
    );
    assert!(note(&found[0], &plan, &all, &"bo".into(), &[], &english).ends_with("No alert is open."));
    let many: Vec<OpenAlert> =
        (0..25).map(|index| alert(&index.to_string(), Priority::P4, Status::Triggered, None)).collect();
    assert!(note(&found[0], &plan, &all, &"bo".into(), &many, &Language("de".to_owned())).ends_with("- und 5 weitere"));
}

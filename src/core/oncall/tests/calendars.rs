use jiff::civil::{Weekday, date, time};

use super::{ts, zone};
use crate::call::flow::HoursWindow;
use crate::oncall::Calendar;

const WORKDAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

fn office() -> Calendar {
    Calendar {
        id: "office".into(),
        name: "Office".to_owned(),
        time_zone: zone("Europe/Berlin"),
        windows: vec![HoursWindow { days: WORKDAYS.to_vec(), from: time(8, 0, 0, 0), to: time(17, 30, 0, 0) }],
        holidays: vec![(date(2028, 12, 25), "Christmas Day".to_owned())],
    }
}

#[test]
fn open_and_closed_with_the_rule() {
    let office = office();
    assert_eq!(
        office.state(ts("2028-12-22T07:00Z")),
        (true, "open by calendar `office` (Fri 2028-12-22 08:00 Europe/Berlin)".to_owned())
    );
    assert!(!office.is_open(ts("2028-12-22T06:59:59.999Z")));
    assert!(!office.is_open(ts("2028-12-22T16:30Z")), "the end is not part of it");
    assert!(!office.is_open(ts("2028-12-23T10:00Z")), "Saturday");
    let (open, why) = office.state(ts("2028-12-25T10:00Z"));
    assert!(!open);
    assert_eq!(why, "closed by calendar `office`: holiday Christmas Day (Mon 2028-12-25 11:00 Europe/Berlin)");
}

#[test]
fn the_next_change_is_told() {
    let office = office();
    assert_eq!(office.next_change(ts("2028-12-22T10:00Z")), Some(ts("2028-12-22T16:30Z")));
    assert_eq!(office.next_change(ts("2028-12-22T16:30Z")), Some(ts("2028-12-26T07:00Z")), "weekend and holiday");
    let always = Calendar { windows: Vec::new(), holidays: Vec::new(), ..office.clone() };
    assert!(always.is_open(ts("2028-12-25T10:00Z")));
    assert_eq!(always.next_change(ts("2028-12-25T10:00Z")), None);
    let holidays = Calendar { windows: Vec::new(), ..office };
    assert_eq!(holidays.next_change(ts("2028-06-01T00:00Z")), Some(ts("2028-12-24T23:00Z")));
    assert_eq!(holidays.next_change(ts("2028-12-24T23:00Z")), Some(ts("2028-12-25T23:00Z")));
}

#[test]
fn a_window_over_midnight_belongs_to_its_first_day() {
    let mut nights = office();
    nights.windows[0] = HoursWindow { days: vec![Weekday::Friday], from: time(22, 0, 0, 0), to: time(6, 0, 0, 0) };
    assert!(nights.is_open(ts("2028-12-22T21:00Z")));
    assert!(nights.is_open(ts("2028-12-23T04:59Z")), "still Friday's");
    assert!(!nights.is_open(ts("2028-12-23T05:00Z")));
    assert!(!nights.is_open(ts("2028-12-23T22:00Z")), "Saturday's there is none");
    // Friday 2028-03-24 is no holiday, Saturday is: the night ends at midnight.
    nights.holidays = vec![(date(2028, 12, 23), String::new())];
    assert!(nights.is_open(ts("2028-12-22T22:59Z")));
    assert!(!nights.is_open(ts("2028-12-22T23:00Z")));
    assert_eq!(nights.next_change(ts("2028-12-22T22:00Z")), Some(ts("2028-12-22T23:00Z")));
}

#[test]
fn windows_in_a_gap_and_in_a_repeated_hour() {
    let mut calendar = office();
    calendar.holidays.clear();
    let sunday = |from: (i8, i8), to: (i8, i8)| HoursWindow {
        days: vec![Weekday::Sunday],
        from: time(from.0, from.1, 0, 0),
        to: time(to.0, to.1, 0, 0),
    };
    // 2028-03-26 02:00 → 03:00.
    calendar.windows = vec![sunday((2, 10), (2, 50))];
    for minute in 0..180 {
        let at = ts("2028-03-26T00:00Z") + jiff::SignedDuration::from_mins(minute);
        assert!(!calendar.is_open(at), "there is no such time that day");
    }
    assert!(calendar.is_open(ts("2028-03-19T01:30Z")));
    calendar.windows = vec![sunday((2, 30), (4, 0))];
    assert!(!calendar.is_open(ts("2028-03-26T00:59Z")));
    assert!(calendar.is_open(ts("2028-03-26T01:00Z")), "begins at the first instant after the gap");
    // 2028-10-29 03:00 → 02:00: one window, not two.
    calendar.windows = vec![sunday((2, 0), (2, 30))];
    assert!(calendar.is_open(ts("2028-10-29T00:29Z")));
    assert!(!calendar.is_open(ts("2028-10-29T00:30Z")));
    assert!(!calendar.is_open(ts("2028-10-29T01:10Z")), "the repeated hour opens nothing again");
}

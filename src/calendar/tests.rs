use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"))
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT\n"))
}

fn read(text: &str) -> Vec<(Timestamp, Timestamp)> {
    let found = events(text, &berlin(), ts("2028-01-01T00:00Z"), ts("2029-01-01T00:00Z")).unwrap();
    found.into_iter().map(|event| (event.from, event.to)).collect()
}

#[test]
fn holidays_of_a_year() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20251225\nDTEND;VALUE=DATE:20251227\nRRULE:FREQ=YEARLY\nSUMMARY:Christmas\\, \
         both days\nTRANSP:TRANSPARENT\nEND:VEVENT\nBEGIN:VEVENT\nUID:b\nDTSTART;VALUE=DATE:20280414\nSUMMARY:Good \n Friday\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:c\nDTSTART;VALUE=DATE:20280601\nSTATUS:CANCELLED\nSUMMARY:Not at all\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:d\nDTSTART:20280602T100000Z\nDTEND:20280602T110000Z\nSUMMARY:A meeting\nEND:VEVENT\n",
    );
    let found = holidays(&text, &berlin(), date(2028, 1, 1), date(2029, 1, 1)).unwrap();
    assert_eq!(
        found,
        [
            (date(2028, 4, 14), "Good Friday".to_owned()),
            (date(2028, 12, 25), "Christmas, both days".to_owned()),
            (date(2028, 12, 26), "Christmas, both days".to_owned()),
        ]
    );
}

#[test]
fn a_leap_day_comes_every_four_years() {
    let text = event("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY\nSUMMARY:x");
    let found = holidays(&text, &berlin(), date(2024, 1, 1), date(2033, 1, 1)).unwrap();
    assert_eq!(found.iter().map(|(day, _)| day.year()).collect::<Vec<_>>(), [2024, 2028, 2032]);
}

#[test]
fn what_repeats_repeats_on_the_wall() {
    // Over the change of 2028-10-29; three times, the second one cancelled, the third moved.
    let text = calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Berlin:20281022T080000\nDTEND;TZID=Europe/Berlin:20281022T170000\n\
         RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20281029T080000\nSUMMARY:away\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;TZID=Europe/Berlin:20281105T080000\nDTSTART;TZID=Europe/Berlin:20281106T080000\n\
         DURATION:PT2H\nSUMMARY:moved\nEND:VEVENT\n",
    );
    assert_eq!(
        read(&text),
        [
            (ts("2028-10-22T06:00Z"), ts("2028-10-22T15:00Z")),
            (ts("2028-11-06T07:00Z"), ts("2028-11-06T09:00Z")),
            (ts("2028-11-12T07:00Z"), ts("2028-11-12T16:00Z")),
        ]
    );
    let until = event(
        "DTSTART;TZID=\"W. Europe Standard Time\":20281022T233000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20281024T213000Z\nSUMMARY:x",
    );
    assert_eq!(read(&until).len(), 3, "the last one is the moment of UNTIL");
    let floating = event("DTSTART:20280701T090000\nDURATION:PT1H\nSUMMARY:x");
    assert_eq!(read(&floating)[0].0, ts("2028-07-01T07:00Z"));
}

#[test]
fn absences_are_whole_days_of_the_persons_zone() {
    let text = event("DTSTART;VALUE=DATE:20281028\nDTEND;VALUE=DATE:20281030\nSUMMARY:Urlaub");
    let found = absences(&text, &berlin(), ts("2028-01-01T00:00Z"), ts("2029-01-01T00:00Z")).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].from, found[0].to), (ts("2028-10-27T22:00Z"), ts("2028-10-29T23:00Z")), "49 hours");
    assert_eq!(found[0].reason, "Urlaub");
}

#[test]
fn nonsense_is_told_and_does_no_harm() {
    let window = (ts("2028-01-01T00:00Z"), ts("2029-01-01T00:00Z"));
    let fails = |text: &str| events(text, &berlin(), window.0, window.1).unwrap_err();
    assert_eq!(fails("hello"), CalendarError::NoCalendar);
    assert_eq!(fails(""), CalendarError::NoCalendar);
    assert_eq!(fails("BEGIN:VCALENDAR\r\n"), CalendarError::NoCalendar);
    assert_eq!(fails(&"BEGIN:VCALENDAR\r\n".repeat(50_000)), CalendarError::NoCalendar);
    assert_eq!(fails(&" ".repeat(MAX_BYTES + 1)), CalendarError::TooLarge);
    assert!(matches!(fails(&event("DTSTART:yesterday")), CalendarError::Event(..)));
    assert!(matches!(fails(&event("SUMMARY:no start")), CalendarError::Event(..)));
    assert!(matches!(fails(&event("DTSTART;TZID=Mars/Olympus:20280101T000000")), CalendarError::Event(..)));
    assert!(matches!(fails(&event("DTSTART:20280102T000000Z\nDTEND:20280101T000000Z")), CalendarError::Event(..)));
    assert!(matches!(fails(&event("DTSTART:20280102T000000Z\nRRULE:FREQ=OFTEN")), CalendarError::Event(..)));
    let hourly =
        "BEGIN:VEVENT\nUID:1\nDTSTART:20280101T000000Z\nDTEND:20280101T000001Z\nRRULE:FREQ=HOURLY\nEND:VEVENT\n";
    let often = calendar(&hourly.repeat(3));
    assert_eq!(fails(&often), CalendarError::TooMany);
}

#[test]
fn a_feed_can_be_read_again() {
    let entry = Entry {
        user: "ann".to_owned(),
        schedule: "nights".to_owned(),
        from: ts("2028-05-08T06:00Z"),
        to: ts("2028-05-15T06:00Z"),
        begun: false,
        summary: "On call: Nights, round the clock; Ann".to_owned(),
        description: "It is her turn, which is told in a line that is so long that it has to be folded – twice."
            .to_owned(),
        alarms: vec![60],
    };
    let earlier = Entry { from: ts("2028-05-01T00:00Z"), to: ts("2028-05-08T06:00Z"), begun: true, ..entry.clone() };
    let feed =
        Feed { name: "Nights".to_owned(), at: ts("2028-05-04T12:00Z"), entries: vec![earlier.clone(), entry.clone()] };
    let text = feed.text();
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    assert_eq!(text.matches("BEGIN:VALARM").count(), 1, "{text}");
    assert!(
        text.contains("TRIGGER:-PT1H") || text.contains("TRIGGER:-PT60M") || text.contains("TRIGGER:-PT3600S"),
        "{text}"
    );
    assert!(text.contains("DTSTAMP:20280504T120000Z"), "{text}");
    assert!(text.contains("SUMMARY:Begins* On call: Nights\\, round the clock\\; Ann"), "{text}");
    let opaque = text.replace("TRANSP:TRANSPARENT", "TRANSP:OPAQUE");
    let found = events(&opaque, &TimeZone::UTC, ts("2028-01-01T00:00Z"), ts("2029-01-01T00:00Z")).unwrap();
    assert_eq!(found[1].from, entry.from);
    assert_eq!(found[1].summary, entry.summary);
    assert_eq!(
        entry.uid(),
        Entry { from: ts("2028-05-09T00:00Z"), begun: true, ..entry.clone() }.uid(),
        "by person, schedule and end"
    );
    assert_ne!(entry.uid(), earlier.uid());
    assert_eq!(feed.text(), text, "the same text for the same shifts");
}

fn refused(text: &str) -> String {
    events(text, &berlin(), ts("2026-01-01T00:00Z"), ts("2031-01-01T00:00Z")).unwrap_err().to_string()
}

#[test]
fn rules_are_few() {
    let never = "\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
    let many = |count: usize| event(&format!("DTSTART;VALUE=DATE:19000101{}\nSUMMARY:x", never.repeat(count)));
    assert!(refused(&many(900)).contains("more than 200 repeating events"));
    assert!(refused(&many(11)).contains("more than 10 rules"), "{}", refused(&many(11)));
    let found = events(&many(10), &berlin(), ts("2026-01-01T00:00Z"), ts("2031-01-01T00:00Z"));
    assert_eq!(found, Ok(Vec::new()));
}

#[test]
fn all_rules_together_are_searched_so_far_and_no_farther() {
    let years = |count: usize, rule: &str| {
        let one = format!("BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:19000101\nRRULE:{rule}\nSUMMARY:x\nEND:VEVENT\n");
        calendar(&one.repeat(count))
    };
    // What finds nothing is searched to the end of time, and that is what it costs.
    assert!(refused(&years(200, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")).contains("500000 steps"));
    assert!(refused(&years(6, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")).contains("500000 steps"));
    assert!(refused(&years(1, "FREQ=HOURLY")).contains("DTSTART"));
    // What ended long ago costs what it lasted.
    assert_eq!(read(&years(200, "FREQ=DAILY;UNTIL=19010101")), []);
    assert_eq!(read(&years(200, "FREQ=DAILY;COUNT=300")), []);
    assert_eq!(read(&years(200, "FREQ=YEARLY")).len(), 400);
}

#[test]
fn rules_that_explode_are_refused() {
    let all = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    let rule = |rule: &str| event(&format!("DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:{rule}\nSUMMARY:x"));
    let times = format!("FREQ=YEARLY;BYHOUR={};BYMINUTE={}", all(24), all(60));
    assert!(refused(&rule(&times)).contains("more than 24 times a day"));
    assert!(refused(&rule("FREQ=SECONDLY;BYHOUR=5")).contains("by minutes or seconds"));
    let long = format!("FREQ=YEARLY;BYMONTHDAY=1{}", ",1".repeat(600));
    assert!(refused(&rule(&long)).contains("longer than 1000"));
    let ages = "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:19000101\nDTEND;VALUE=DATE:90000101\nSUMMARY:x\nEND:VEVENT\n";
    let found = holidays(&calendar(&ages.repeat(1_000)), &berlin(), date(2026, 1, 1), date(2031, 1, 1));
    assert_eq!(found, Err(CalendarError::TooMany));
}

//! Uptime against a slow reference, colours, logos.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::incident::Impact;
use crate::status::{BACKGROUND, BACKGROUND_DARK, Colour, DAYS, LOGO_MAX, Logo, LogoFault, LogoKind, Span, Uptime};

fn minute(n: i64) -> Timestamp {
    // Some days before the clocks go back in Berlin.
    "2026-10-22T13:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(n)
}

/// The same, minute by minute: whole minutes only, so that none is too short to count.
fn slowly(spans: &[Span], since: Timestamp, zone: &TimeZone, now: Timestamp) -> Uptime {
    let today = now.to_zoned(zone.clone()).date();
    let mut uptime = Uptime::of(&[], since, zone, now);
    let (mut known, mut down) = (0_i64, 0_i64);
    for day in &mut uptime.days {
        (day.worst, day.down_ms) = (None, 0);
    }
    let mut at = now - SignedDuration::from_hours(24 * 91);
    while at < now {
        let date = at.to_zoned(zone.clone()).date();
        let back = date.until(today).unwrap().get_days();
        if at >= since && back < DAYS {
            let day = &mut uptime.days[usize::try_from(DAYS - 1 - back).unwrap()];
            let worst = spans.iter().filter(|span| span.from <= at && at < span.to).map(|span| span.impact).max();
            let worst = worst.unwrap_or(Impact::Operational);
            day.worst = day.worst.max(Some(worst));
            known += 10;
            let tenths = match worst {
                Impact::MajorOutage => 10,
                Impact::PartialOutage => 3,
                Impact::Operational | Impact::UnderMaintenance | Impact::DegradedPerformance => 0,
            };
            down += tenths;
            day.down_ms += if tenths > 0 { 60_000 } else { 0 };
        }
        at += SignedDuration::from_mins(1);
    }
    uptime.percent = (known >= 24 * 60 * 10).then(|| 100.0 * (1.0 - down as f64 / known as f64));
    uptime
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn uptime_is_what_the_minutes_say(
        raw in proptest::collection::vec((-140_000_i64..8_000, 1..4_000_i64, 0..Impact::ALL.len()), 0..8),
        since in -100_000_i64..7_000,
    ) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = minute(8_000);
        let spans: Vec<Span> = raw
            .into_iter()
            .map(|(from, length, impact)| Span { from: minute(from), to: minute(from + length).min(now), impact: Impact::ALL[impact] })
            .collect();
        let (quick, slow) = (Uptime::of(&spans, minute(since), &zone, now), slowly(&spans, minute(since), &zone, now));
        prop_assert_eq!(&quick.days, &slow.days);
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-6,
            (a, b) => a.is_none() && b.is_none(),
        };
        prop_assert!(near(quick.percent, slow.percent), "{:?} {:?}", quick.percent, slow.percent);
    }
}

#[test]
fn what_lasts_less_than_a_minute_does_not_count() {
    let span = |from: i64, seconds: i64, impact| Span {
        from: minute(from),
        to: minute(from) + SignedDuration::from_secs(seconds),
        impact,
    };
    let down = |spans: &[Span]| {
        Uptime::of(spans, minute(-10_000), &TimeZone::UTC, minute(30)).days.last().map(|day| day.down_ms).unwrap()
    };
    assert_eq!(down(&[span(0, 59, Impact::MajorOutage)]), 0);
    assert_eq!(down(&[span(0, 60, Impact::MajorOutage)]), 60_000);
    let partly = Span { from: span(0, 40, Impact::MajorOutage).to, to: minute(1), impact: Impact::PartialOutage };
    assert_eq!(down(&[span(0, 40, Impact::MajorOutage), partly]), 60_000, "one outage in two states");
    assert_eq!(down(&[span(0, 30, Impact::MajorOutage), span(10, 30, Impact::MajorOutage)]), 0, "two short ones");
}

#[test]
fn colours_that_can_be_read() {
    let read = |text| Colour::read(text).unwrap();
    assert!((read("#000000").contrast(read("#ffffff")) - 21.0).abs() < 1e-9);
    assert!(read("#767676").is_legible_on(BACKGROUND) && !read("#777777").is_legible_on(BACKGROUND));
    for faulty in ["0b5394", "#0b539", "#0b53944", "#0b53+4", "#gggggg", "", "#ääää"] {
        assert_eq!(Colour::read(faulty), None, "{faulty}");
    }
    for text in ["#000000", "#0b5394", "#7a1f1f", "#333333", "#ffffff", "#00ff00"] {
        assert!(read(text).for_dark().is_legible_on(BACKGROUND_DARK), "{text}");
        assert!(read(text).text_on().is_legible_on(read(text)), "{text}");
    }
    assert_eq!(read("#7fd4ff").for_dark(), read("#7fd4ff"), "it can be read as it is");
    assert_eq!(read("#0B5394").to_string(), "#0b5394");
}

#[test]
fn logos_are_known_by_their_bytes() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend_from_slice(&[0; 17]);
    png.extend_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
    assert_eq!(Logo::read(&png).unwrap().kind, LogoKind::Png);
    assert_eq!(Logo::read(&png[..png.len() - 1]), Err(LogoFault::Damaged));
    assert_eq!(Logo::read(b"\xff\xd8\xff\xe0....\xff\xd9").unwrap().kind, LogoKind::Jpeg);
    assert_eq!(Logo::read(b"RIFF\x08\0\0\0WEBPVP8 ").unwrap().kind, LogoKind::Webp);
    assert_eq!(Logo::read(b"RIFF\x09\0\0\0WEBPVP8 "), Err(LogoFault::Damaged));
    for other in
        [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"GIF89a", b"", b"\x89PNG", b"<?xml version='1.0'?>"]
    {
        assert_eq!(Logo::read(other), Err(LogoFault::Unknown));
    }
    let mut large = png.clone();
    large.resize(LOGO_MAX + 1, 0);
    assert_eq!(Logo::read(&large), Err(LogoFault::TooLarge(LOGO_MAX + 1)));
}

#[test]
fn a_share_is_told_of_a_whole_day_at_least_and_from_which_day_on() {
    let down = Span { from: minute(5), to: minute(20), impact: Impact::MajorOutage };
    let young = Uptime::of(&[down], minute(0), &TimeZone::UTC, minute(20));
    assert_eq!(young.percent, None, "15 minutes of 20 say nothing about 90 days");
    assert_eq!(young.since, Some(minute(0).to_zoned(TimeZone::UTC).date()));
    let day = Uptime::of(&[down], minute(0), &TimeZone::UTC, minute(24 * 60));
    assert!(day.percent.is_some_and(|percent| (percent - 100.0 * (1.0 - 15.0 / 1440.0)).abs() < 1e-9));
    let old = Uptime::of(&[down], minute(-200_000), &TimeZone::UTC, minute(20));
    assert_eq!((old.since, old.percent.is_some()), (None, true), "known for longer than is told");
}

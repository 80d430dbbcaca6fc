use jiff::tz::TimeZone;

use super::*;

/// A Friday afternoon in summer, and a late evening of the same day.
const AFTERNOON: &str = "2028-05-05T15:00:00+02:00";
const EVENING: &str = "2028-05-05T23:00:00+02:00";

fn heard_in(tag: &str, text: &str, said_at: &str) -> Option<String> {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let began = since(text, &Language(tag.to_owned()), said_at.parse().unwrap(), Some(&zone))?;
    Some(zone.to_datetime(began).strftime("%m-%d %H:%M").to_string())
}

fn all(tag: &str, said_at: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let expected = Some(*expected).filter(|text| !text.is_empty()).map(str::to_owned);
        assert_eq!(heard_in(tag, text, said_at), expected, "{tag}: {text}");
    }
}

#[test]
fn english_answers_are_understood() {
    all(
        "en",
        AFTERNOON,
        &[
            ("Since ten o'clock.", "05-05 10:00"),
            ("Since about ten.", "05-05 10:00"),
            ("It's been down since 9:40.", "05-05 09:40"),
            ("Since 9:40 am, when the backup ran.", "05-05 09:40"),
            ("Since about twenty to three.", "05-05 14:40"),
            ("half past one", "05-05 13:30"),
            ("Since quarter to one", "05-05 12:45"),
            ("twenty-five minutes past nine", "05-05 09:25"),
            ("since nine thirty", "05-05 09:30"),
            ("Since this morning at eight", "05-05 08:00"),
            ("Since two in the morning", "05-05 02:00"),
            ("since noon", "05-05 12:00"),
            ("since midnight", "05-05 00:00"),
            ("since 14:20", "05-05 14:20"),
            ("Since 3pm yesterday", "05-04 15:00"),
            ("yesterday evening at eight", "05-04 20:00"),
            ("For twenty minutes.", "05-05 14:40"),
            ("twenty minutes ago", "05-05 14:40"),
            ("Uh, about 45 minutes.", "05-05 14:15"),
            ("For an hour and a half now", "05-05 13:30"),
            ("half an hour ago", "05-05 14:30"),
            ("for two and a half hours", "05-05 12:30"),
            ("two hours and ten minutes ago", "05-05 12:50"),
            ("for two days", "05-03 15:00"),
            ("Since yesterday.", "05-05 00:00"),
            ("the day before yesterday", "05-04 00:00"),
        ],
    );
}

#[test]
fn german_answers_are_understood() {
    all(
        "de",
        AFTERNOON,
        &[
            ("Seit zehn Uhr.", "05-05 10:00"),
            ("Seit etwa zehn Uhr dreißig", "05-05 10:30"),
            ("seit 9 Uhr 40", "05-05 09:40"),
            ("Um 9:40 Uhr hat es angefangen", "05-05 09:40"),
            ("seit halb zehn", "05-05 09:30"),
            ("Seit Viertel nach neun.", "05-05 09:15"),
            ("seit dreiviertel zehn", "05-05 09:45"),
            ("zwanzig vor drei", "05-05 14:40"),
            ("gegen zehn", "05-05 10:00"),
            ("Seit heute früh um acht", "05-05 08:00"),
            ("seit heute Morgen acht Uhr", "05-05 08:00"),
            ("Seit zwei Uhr nachts ist", ""),
            ("Gestern Abend um acht", "05-04 20:00"),
            ("seit gestern um 15 Uhr", "05-04 15:00"),
            ("seit 14 Uhr", "05-05 14:00"),
            ("seit ein Uhr", "05-05 13:00"),
            ("Vor einer halben Stunde.", "05-05 14:30"),
            ("vor zwanzig Minuten", "05-05 14:40"),
            ("seit fünfundvierzig Minuten", "05-05 14:15"),
            ("seit anderthalb Stunden", "05-05 13:30"),
            ("Seit zweieinhalb Stunden", "05-05 12:30"),
            ("seit einer Stunde", "05-05 14:00"),
            ("seit einer Viertelstunde", "05-05 14:45"),
            ("ungefähr zwei Stunden", "05-05 13:00"),
            ("zwei Stunden und zehn Minuten", "05-05 12:50"),
            ("seit drei Tagen", "05-02 15:00"),
            ("Seit gestern.", "05-05 00:00"),
            ("seit vorgestern", "05-04 00:00"),
        ],
    );
}

#[test]
fn what_leaves_a_doubt_is_not_understood() {
    let english = [
        "",
        "I don't know",
        "Maybe since ten o'clock",
        "Since ten or eleven",
        "Between nine and ten o'clock",
        "Not since ten o'clock",
        "Since this morning",
        "Since yesterday morning",
        "Since last night",
        "Since Monday",
        "For a few hours",
        "For three weeks",
        "Since nine or so",
        "Shortly after ten o'clock",
        "before ten o'clock",
        "By ten o'clock",
        "After ten o'clock",
        "Since the update",
        "The server reboots every 20 minutes",
        "Since ten o'clock, so for five hours",
        "Since 25 o'clock",
        "since 9:75",
        "Since four o'clock",
        "since yesterday at ten",
        "for 400 hours",
        "for 0 minutes",
        "ten",
        "2 servers since ten o'clock",
        "since ten o'clock on Monday",
        "0815",
        "for one thousand minutes",
        "since 2.5",
        "Since four tomorrow",
    ];
    for text in english {
        assert_eq!(heard_in("en", text, AFTERNOON), None, "{text}");
    }
    let german = [
        "keine Ahnung",
        "Vielleicht seit zehn Uhr",
        "Zwischen neun und zehn Uhr",
        "vor zehn Uhr",
        "nach zehn Uhr",
        "Kurz vor zehn",
        "seit heute Morgen",
        "seit gestern Abend",
        "seit Montag",
        "seit ein paar Stunden",
        "seit Viertel zehn",
        "seit letzter Woche",
        "bis zehn Uhr",
        "seit zehn oder elf",
        "alle zehn Minuten",
        "seit 16 Uhr",
        "gestern um zehn",
        "seit dem Update",
        "seit 15 Uhr morgens",
        "gestern um Mitternacht",
        "zehn",
    ];
    for text in german {
        assert_eq!(heard_in("de", text, AFTERNOON), None, "{text}");
    }
}

#[test]
fn the_half_of_the_day_must_be_clear() {
    // At eleven in the evening "ten o'clock" may be either.
    assert_eq!(heard_in("en", "since ten o'clock", EVENING), None);
    assert_eq!(heard_in("en", "since ten pm", EVENING).as_deref(), Some("05-05 22:00"));
    assert_eq!(heard_in("de", "seit 22 Uhr", EVENING).as_deref(), Some("05-05 22:00"));
    // Nearly three: who says "since three" may mean the three that comes.
    assert_eq!(heard_in("en", "since three o'clock", "2028-05-05T14:50:00+02:00"), None);
    // The small hours are believed while they are near.
    assert_eq!(heard_in("en", "since two o'clock", "2028-05-05T05:00:00+02:00").as_deref(), Some("05-05 02:00"));
    assert_eq!(heard_in("en", "since two o'clock", "2028-05-05T12:00:00+02:00"), None);
}

#[test]
fn without_a_zone_only_lengths_are_understood() {
    let at: Timestamp = AFTERNOON.parse().unwrap();
    let heard = |text: &str| since(text, &Language("en".to_owned()), at, None);
    assert_eq!(heard("since ten o'clock"), None);
    assert_eq!(heard("since yesterday"), None);
    assert_eq!(heard("for two hours"), at.checked_sub(SignedDuration::from_hours(2)).ok());
    assert_eq!(since("depuis dix heures", &Language("fr".to_owned()), at, None), None);
}

#[test]
fn a_day_with_another_length_is_counted_by_the_calendar() {
    // The clock went forward in the night to 26 March 2028: a day is 23 hours.
    let said = "2028-03-26T12:00:00+02:00";
    assert_eq!(heard_in("en", "for a day", said).as_deref(), Some("03-25 12:00"));
    assert_eq!(heard_in("en", "for 24 hours", said).as_deref(), Some("03-25 11:00"));
    assert_eq!(heard_in("de", "seit gestern", said).as_deref(), Some("03-26 00:00"));
}

#[test]
fn whatever_is_said_the_beginning_is_past_and_not_far() {
    // Any words in any order: never a panic, never a moment to come, never one far back.
    let words = [
        "since",
        "for",
        "ten",
        "o'clock",
        "half",
        "past",
        "to",
        "twenty",
        "minutes",
        "hours",
        "an",
        "hour",
        "ago",
        "yesterday",
        "at",
        "9:40",
        "pm",
        "in",
        "the",
        "morning",
        "seit",
        "vor",
        "einer",
        "halben",
        "stunde",
        "uhr",
        "gestern",
        "zehn",
        "um",
        "abend",
        "und",
        "3",
        "24",
        "tagen",
        "mitternacht",
        "viertel",
        "nach",
        "eins",
        "59",
    ];
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let said_at: Timestamp = AFTERNOON.parse().unwrap();
    let (mut seed, mut known) = (0x2545_f491_4f6c_dd1d_u64, 0);
    for _ in 0..40_000 {
        let mut text = String::new();
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..=next() % 6 {
            let place = usize::try_from(next() % 39).unwrap();
            text.push_str(words[place]);
            text.push(' ');
        }
        for tag in ["en", "de"] {
            let Some(began) = since(&text, &Language(tag.to_owned()), said_at, Some(&zone)) else { continue };
            known += 1;
            let back = said_at.duration_since(began);
            assert!(!back.is_negative() && back <= LENGTH_MAX, "{tag} {text}: {began}");
        }
    }
    assert!(known > 500, "{known}");
}

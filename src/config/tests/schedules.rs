//! `[[schedules]]` as they are read, and as the documents that are kept.

use std::time::Duration;

use hotline_core::ids::ScheduleId;
use hotline_core::oncall::{Cover, Length, Member, Mode, OverrideDeed, Restriction, Schedule, edit};
use jiff::Timestamp;

use super::super::{Config, Document, load_from};
use crate::switch::schedules::document;

const PEOPLE: &str = "
[[users]]\nid = \"ada\"\nskills = [\"network\"]\n[[users]]\nid = \"ben\"\n[[users]]\nid = \"cy\"\n
[[teams]]\nid = \"net\"\nmembers = [\"ada\", \"ben\"]\n
[[calendars]]\nid = \"office\"\ntime_zone = \"Europe/Berlin\"\nwindows = [{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }]\n
";

const FULL: &str = r#"
[[schedules]]
id = "all"
name = "Everything"
time_zone = "Europe/Berlin"
mode = "together"
cover = "calendar:office"
team = "net"
notices = ["1h", "48h"]
holidays = "office"
weights = { night = 175, night_from = 21 }

[[schedules.layers]]
id = "nights"
name = "By night"
members = ["ada", "team:net", "-"]
length = ["4 days", "72 hours"]
start = "2028-01-03T09:00"
restrictions = [{ days = ["mon-fri"], from = "20:00", to = "08:00" }, { from = "fri 17:00", to = "mon 08:00" }]
skills = ["Network"]
from = "2028-01-01T00:00"
until = "2029-01-01T00:00"

[[schedules.layers]]
id = "sydney"
members = ["cy"]
length = "1 month"
start = "2028-01-31T09:00"
time_zone = "Australia/Sydney"
calendar = "closed:office"
since = "2028-06-01T00:00"
first = 1
[[schedules.layers.before]]
members = ["ben", "cy"]
start = "2028-01-31T09:00"

[[schedules.overrides]]
id = "x"
user = "ben"
instead_of = "ada"
layers = ["nights"]
from = "2028-12-24T18:00"
to = "2028-12-27T09:00"
reason = "holidays"
[[schedules.overrides]]
user = "cy"
deed = "add"
from = "2028-12-24T18:00"
to = "2028-12-27T09:00"

[[schedules.swaps]]
id = "s"
giver = "ada"
taker = "ben"
from = "2028-11-01T00:00"
to = "2028-11-02T00:00"
"#;

fn read(text: &str) -> Result<Config, String> {
    let text = format!("{PEOPLE}{text}");
    load_from(&text, "hotline.toml".as_ref(), &std::collections::BTreeMap::new(), false)
        .map_err(|error| error.to_string())
}

fn schedule(text: &str, id: &str) -> Schedule {
    read(text).unwrap().directory.schedules[&ScheduleId::from(id)].clone()
}

#[test]
fn everything_is_read() {
    let all = schedule(FULL, "all");
    assert_eq!((all.mode, all.cover.clone()), (Mode::Together, Cover::Calendar("office".into())));
    assert_eq!(all.notices, [Duration::from_hours(48), Duration::from_hours(1)]);
    assert_eq!((all.weights.night, all.weights.night_hours, all.weights.holiday), (175, (21, 6), 200));
    let nights = &all.layers[0];
    assert_eq!(nights.rotations[0].members, [Member::from("ada"), Member::Team("net".into()), Member::Nobody]);
    assert_eq!(nights.rotations[0].length, Length::Cycle(vec![96, 72]));
    assert_eq!(nights.skills, ["network"]);
    assert!(matches!(nights.restrictions[..], [Restriction::Day(_), Restriction::Week(_)]));
    let sydney = &all.layers[1];
    assert_eq!(sydney.rotations.len(), 2);
    assert_eq!(sydney.rotations[0].since, None);
    assert_eq!(sydney.rotations[1].since, Some("2028-05-31T14:00:00Z".parse().unwrap()), "local time of the layer");
    assert!(!sydney.calendar.as_ref().unwrap().open);
    assert_eq!(all.overrides[0].deed, OverrideDeed::InsteadOf("ada".into()));
    assert_eq!(all.overrides[1].deed, OverrideDeed::Add);
    assert_eq!(all.swaps[0].taker, Some("ben".into()));
}

#[test]
fn a_document_says_the_same_as_what_it_was_made_of() {
    let short = "[[schedules]]\nid = \"all\"\nmembers = [\"ada\", \"ben\"]\nweeks = 2\nstart = \"2028-01-03T09:00\"\ntime_zone = \"Europe/Berlin\"\n";
    for text in [FULL, short] {
        let mut wanted = schedule(text, "all");
        for round in 0..3 {
            let config = read("").unwrap();
            let document = Document { kind: "schedules".to_owned(), id: "all".to_owned(), body: document(&wanted) };
            let again = config
                .composer
                .compose(std::slice::from_ref(&document))
                .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
            let again = again.unwrap().directory.schedules[&ScheduleId::from("all")].clone();
            assert_eq!(again, wanted, "round {round}: {}", document.body);
            // After an edit there are versions to keep.
            let at: Timestamp = "2028-08-10T12:00:00Z".parse().unwrap();
            let layer = wanted.layers[0].id.clone();
            wanted = edit::edit_members(&again, &layer, vec![Member::from("cy"), Member::from("ada")], at).unwrap();
        }
    }
    assert!(document(&schedule(short, "all")).get("layers").is_none(), "the short form stays short");
}

#[test]
fn mistakes_are_told_with_the_remedy() {
    let with = |lines: &str| {
        format!(
            "[[schedules]]\nid = \"s\"\ntime_zone = \"Europe/Berlin\"\nmembers = [\"ada\"]\nstart = \"2028-01-03T09:00\"\n{lines}"
        )
    };
    let layer = |lines: &str| {
        format!(
            "[[schedules]]\nid = \"s\"\ntime_zone = \"Europe/Berlin\"\n[[schedules.layers]]\nid = \"a\"\nmembers = [\"ada\"]\nstart = \"2028-01-03T09:00\"\n{lines}"
        )
    };
    for (text, expected) in [
        (with("mode = \"piled\""), "`mode`: `piled` is not known"),
        (with("length = \"a while\""), "write \"12 hours\", \"1 day\", \"2 weeks\", \"1 month\""),
        (with("length = \"0 days\""), "can't be read"),
        (with("weeks = 1\nlength = \"1 day\""), "keep one of them"),
        (with("length = [\"1 month\", \"1 day\"]"), "a list can't have months"),
        (with("cover = \"sometimes\""), "write \"always\", \"planned\" or \"calendar:NAME\""),
        (with("holidays = \"nowhere\""), "there is no calendar `nowhere`"),
        (with("notices = [\"1m\"]"), "a time before the shift"),
        (
            with("[[schedules.layers]]\nid = \"a\"\nmembers = []\nstart = \"2028-01-03T09:00\""),
            "has `members` and `layers`",
        ),
        (
            with(
                "[[schedules.overrides]]\nuser = \"ben\"\nlayers = [\"a\"]\nfrom = \"2028-01-03T09:00\"\nto = \"2028-01-04T09:00\"",
            ),
            "there is no layer `a`",
        ),
        (
            with(
                "[[schedules.overrides]]\nuser = \"ben\"\ndeed = \"add\"\ninstead_of = \"ada\"\nfrom = \"2028-01-03T09:00\"\nto = \"2028-01-04T09:00\"",
            ),
            "keep one of them",
        ),
        (
            with(
                "[[schedules.swaps]]\nid = \"1\"\ngiver = \"ada\"\ntaker = \"ada\"\nfrom = \"2028-01-03T09:00\"\nto = \"2028-01-04T09:00\"",
            ),
            "nobody can take their own shift",
        ),
        (layer("time_zone = \"Mars/Olympus\""), "there is no zone `Mars/Olympus`"),
        (layer("restrictions = [{ days = [\"mon\"], from = \"08:00\", to = \"08:00\" }]"), "has no length"),
        (layer("restrictions = [{ from = \"fri 17:00\", to = \"fri 17:00\" }]"), "has no length"),
        (layer("restrictions = [{ from = \"fri 17:00\", to = \"someday 08:00\" }]"), "a weekday and a time such as"),
        (layer("from = \"2028-02-01T00:00\"\nuntil = \"2028-01-01T00:00\""), "ends before it begins"),
        (
            layer(
                "[[schedules.layers.before]]\nmembers = [\"ben\"]\nstart = \"2028-01-03T09:00\"\nsince = \"2028-01-03T09:00\"",
            ),
            "overlap",
        ),
        (
            layer("[[schedules.layers]]\nid = \"a\"\nmembers = [\"ben\"]\nstart = \"2028-01-03T09:00\""),
            "two layers `a`",
        ),
        (layer("calendar = \"closed:nowhere\""), "there is no calendar `nowhere`"),
    ] {
        let told = read(&text).unwrap_err();
        assert!(told.contains(expected), "{text}\n→ {told}");
    }
    let seconds = with("").replace("09:00\"", "09:00:30\"");
    assert!(read(&seconds).unwrap_err().contains("whole minute"));
}

#[test]
fn nobody_is_worth_a_warning() {
    let empty =
        "[[schedules]]\nid = \"s\"\ntime_zone = \"Europe/Berlin\"\nmembers = []\nstart = \"2028-01-03T09:00\"\n";
    assert!(read(empty).unwrap().warnings.iter().any(|warning| warning.contains("nobody is in the rotation of")));
    let none = "[[schedules]]\nid = \"s\"\ntime_zone = \"Europe/Berlin\"\nlayers = []\n";
    assert!(read(none).unwrap().warnings.iter().any(|warning| warning.contains("has no layers")));
}

#[test]
fn holidays_and_absences_come_from_calendars() {
    let folder = tempfile::tempdir().unwrap();
    let event =
        |lines: &str| format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    let yearly = event("DTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:May Day");
    std::fs::write(folder.path().join("days.ics"), yearly).unwrap();
    let leave = event("DTSTART;VALUE=DATE:20200701\r\nDTEND;VALUE=DATE:20200708\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Leave");
    std::fs::write(folder.path().join("leave.ics"), leave).unwrap();
    let read = |text: &str| {
        let file = folder.path().join("hotline.toml");
        load_from(text, &file, &std::collections::BTreeMap::new(), false).map_err(|error| error.to_string())
    };
    let config = read(
        "[[calendars]]\nid = \"de\"\ntime_zone = \"Europe/Berlin\"\nical_file = \"days.ics\"\n\
         [[users]]\nid = \"ada\"\ntime_zone = \"Europe/Berlin\"\nabsences_ical_file = \"leave.ics\"\n",
    )
    .unwrap();
    let holidays = &config.directory.calendars[&"de".into()].holidays;
    assert!((5..=9).contains(&holidays.len()), "{holidays:?}");
    assert!(holidays.iter().all(|(day, name)| (day.month(), day.day()) == (5, 1) && name == "May Day"));
    assert!(config.directory.users[&"ada".into()].absences.len() >= 5);
    let missing =
        read("[[calendars]]\nid = \"de\"\ntime_zone = \"Europe/Berlin\"\nical_file = \"nowhere.ics\"\n").unwrap_err();
    assert!(missing.contains("can't be read"), "{missing}");
    let wrong = read("[[calendars]]\nid = \"de\"\ntime_zone = \"Europe/Berlin\"\nical = \"hello\"\n").unwrap_err();
    assert!(wrong.contains("it is no iCalendar text"), "{wrong}");
    let document = |key: &str| Document {
        kind: "calendars".to_owned(),
        id: "api".to_owned(),
        body: serde_json::json!({ "time_zone": "UTC", key: if key == "ical" { event("DTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:x") } else { "days.ics".to_owned() } }),
    };
    let config = read("").unwrap();
    assert!(
        !config.composer.compose(&[document("ical")]).unwrap().directory.calendars[&"api".into()].holidays.is_empty()
    );
    let faults = config.composer.compose(&[document("ical_file")]).unwrap_err();
    assert!(faults[0].to_string().contains("send the text itself"), "a document names no file of the server");
}

//! Drills: a past incident or call as an exercise. People are really called, by the escalation that there is; customers never
//! hear of it, and no report, clock or status page counts it.
//!
//! A drill's alert comes from the source [`SOURCE`] and has no customer and no service: nothing that asks by customer or service
//! ever finds it. Its title begins with a mark in the people's language, so that every message, call and page says what it is.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::directory::Directory;
use crate::ids::{AlertId, CallId, DrillId, IncidentId, PolicyId, UserId};
use crate::paper::{Block, Paper};

/// The alert source of every drill.
pub const SOURCE: &str = "drill";
/// Characters of a title at most, the mark not counted.
pub const TITLE_MAX: usize = 200;
/// A drill that was due longer ago than this is left out: nobody is woken late because a service was down.
pub const LATE: SignedDuration = SignedDuration::from_mins(30);

/// An exercise as it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// Its identity.
    pub id: DrillId,
    /// What it is called, without the mark.
    pub title: String,
    /// What is told to those who look at the alert.
    pub text: String,
    /// What is replayed.
    pub replays: Replays,
    /// Language of the mark.
    pub language: String,
    /// How the alert escalates; `None`: as every alert that nothing else says a policy for.
    pub policy: Option<PolicyId>,
    /// When it is due; `None`: by hand only, or over.
    pub next_at: Option<Timestamp>,
    /// How often.
    pub every: Every,
    /// The wall clock that recurring drills follow.
    pub zone: TimeZone,
}

/// What is replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replays {
    /// An incident.
    Incident(IncidentId),
    /// An alert.
    Alert(AlertId),
    /// A call.
    Call(CallId),
    /// Nothing that happened.
    Nothing,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Once.
    Once,
    /// Each week.
    Week,
    /// Each month, on its last day where it has no such day.
    Month,
    /// Each three months.
    Quarter,
}
crate::fact::words!(Every { Once = "once", Week = "week", Month = "month", Quarter = "quarter" });

/// The mark in a language.
pub fn mark(language: &str) -> &'static str {
    if language.starts_with("de") { "ÜBUNG" } else { "DRILL" }
}

/// A title with the mark, once.
pub fn marked(title: &str, language: &str) -> String {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = unmarked(&title);
    let short: String = title.chars().take(TITLE_MAX).collect();
    format!("{}: {short}", mark(language))
}

/// Whether a title says that it is a drill.
pub fn is_marked(title: &str) -> bool {
    unmarked(title).len() < title.len()
}

fn unmarked(title: &str) -> &str {
    ["DRILL: ", "ÜBUNG: "].iter().find_map(|mark| title.strip_prefix(mark)).unwrap_or(title)
}

/// Whether an alert is one of a drill, by its source.
pub fn is_drill(source: Option<&str>) -> bool {
    source == Some(SOURCE)
}

/// What to do about a drill that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Wait,
    /// Begin it; the next one follows then.
    Begin(Option<Timestamp>),
    /// It is too late for this one.
    Skip(Option<Timestamp>),
}

/// Whether it begins now.
pub fn due(drill: &Drill, now: Timestamp) -> Due {
    let Some(at) = drill.next_at.filter(|at| *at <= now) else { return Due::Wait };
    let next = next(drill.every, at, &drill.zone, now);
    if now.duration_since(at) > LATE { Due::Skip(next) } else { Due::Begin(next) }
}

/// The first moment of the series after `now`: the same time of day on the wall clock, whatever the clocks do in spring and autumn.
fn next(every: Every, from: Timestamp, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let begin: DateTime = from.to_zoned(zone.clone()).datetime();
    // From the beginning each time: the 31st must not become the 28th for ever.
    (1..=600).find_map(|times: i64| {
        let span = match every {
            Every::Once => return None,
            Every::Week => (times * 7).days(),
            Every::Month => times.months(),
            Every::Quarter => (times * 3).months(),
        };
        let at = begin.checked_add(span).ok()?.to_zoned(zone.clone()).ok()?.timestamp();
        (at > now).then_some(at)
    })
}

/// Somebody was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who.
    pub user: UserId,
    /// When it was planned to tell them.
    pub at: Timestamp,
    /// By what (`call`, `sms`).
    pub by: String,
    /// When that came to its end, and whether it came through or was answered.
    pub end: Option<(Timestamp, Reached)>,
}

/// What came of telling somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// It was not delivered, or nobody answered.
    No,
    /// It was delivered.
    Delivered,
    /// The person answered.
    Answered,
}

/// Who was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Who.
    pub user: UserId,
    /// When they were first told; `None`: they came by themselves.
    pub told: Option<Timestamp>,
    /// When they first reacted: acknowledged, answered, joined.
    pub reacted: Option<Timestamp>,
    /// They took it.
    pub took: bool,
}

impl Attendance {
    /// From being told to reacting.
    pub fn took_so_long(&self) -> Option<SignedDuration> {
        Some(self.reacted?.duration_since(self.told?).max(SignedDuration::ZERO))
    }
}

/// A drill that was held.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// As it was planned.
    pub title: String,
    /// Language tag of the report.
    pub language: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Whom it told.
    pub told: Vec<Told>,
    /// Who took it, when.
    pub taken: Option<(Option<UserId>, Timestamp)>,
    /// Who else said that they were there, when.
    pub joined: Vec<(UserId, Timestamp)>,
    /// In which zone times are written.
    pub zone: TimeZone,
}

/// Who reacted when; those who were told first come first.
pub fn attendance(held: &Held) -> Vec<Attendance> {
    let mut all: Vec<Attendance> = Vec::new();
    let entry = |all: &mut Vec<Attendance>, user: &UserId| -> usize {
        if let Some(place) = all.iter().position(|one| one.user == *user) {
            return place;
        }
        all.push(Attendance { user: user.clone(), told: None, reacted: None, took: false });
        all.len() - 1
    };
    let earlier = |own: Option<Timestamp>, at: Timestamp| Some(own.map_or(at, |own| own.min(at)));
    for told in &held.told {
        let place = entry(&mut all, &told.user);
        all[place].told = earlier(all[place].told, told.at);
        if let Some((at, Reached::Answered)) = told.end {
            all[place].reacted = earlier(all[place].reacted, at);
        }
    }
    for (user, at) in &held.joined {
        let place = entry(&mut all, user);
        all[place].reacted = earlier(all[place].reacted, *at);
    }
    if let Some((Some(user), at)) = &held.taken {
        let place = entry(&mut all, user);
        all[place].reacted = earlier(all[place].reacted, *at);
        all[place].took = true;
    }
    all.sort_by_key(|one| (one.told.or(one.reacted), one.user.clone()));
    all
}

/// Who reacted when, as a document.
pub fn report(held: &Held, directory: &Directory, foot: &str) -> Paper {
    let german = held.language.starts_with("de");
    let word = |english: &str, german_word: &str| if german { german_word } else { english }.to_owned();
    let clock = |at: Timestamp| at.to_zoned(held.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let all = attendance(held);
    let reacted = all.iter().filter(|one| one.reacted.is_some()).count();
    let until_taken = held.taken.as_ref().map(|(_, at)| length(at.duration_since(held.begun)));
    let nobody = word("nobody", "niemand");
    let row = |one: &Attendance| {
        let reaction = match (one.took, one.reacted) {
            (true, _) => word("took it", "übernahm"),
            (false, Some(_)) => word("reacted", "reagierte"),
            (false, None) => word("did not react", "keine Reaktion"),
        };
        vec![
            directory.name_of(&one.user).to_owned(),
            one.told.map(clock).unwrap_or_default(),
            one.reacted.map(clock).unwrap_or_default(),
            one.took_so_long().map(length).unwrap_or_default(),
            reaction,
        ]
    };
    let told = held.told.iter().map(|told| {
        let end = match told.end {
            Some((_, Reached::Answered)) => word("answered", "beantwortet"),
            Some((_, Reached::Delivered)) => word("delivered", "zugestellt"),
            Some((_, Reached::No)) => word("not reached", "nicht erreicht"),
            None => word("open", "offen"),
        };
        vec![clock(told.at), directory.name_of(&told.user).to_owned(), way(&told.by, german).to_owned(), end]
    });
    let heads = |words: [(&str, &str); 5]| words.map(|(english, german)| word(english, german)).to_vec();
    let blocks = vec![
        Block::Note(word(
            "This was an exercise; no customer was touched.",
            "Dies war eine Übung; kein Kunde war betroffen.",
        )),
        Block::Figures(vec![
            (word("Told", "Benachrichtigt"), all.iter().filter(|one| one.told.is_some()).count().to_string()),
            (word("Reacted", "Reagiert"), reacted.to_string()),
            (word("Until taken", "Bis zur Übernahme"), until_taken.unwrap_or(nobody)),
        ]),
        Block::Heading(1, word("Attendance", "Teilnahme")),
        Block::Table {
            head: heads([
                ("Who", "Wer"),
                ("Told", "Benachrichtigt"),
                ("Reacted", "Reagiert"),
                ("After", "Nach"),
                ("How", "Wie"),
            ]),
            numbers: vec![3],
            rows: all.iter().map(row).collect(),
        },
        Block::Heading(1, word("Who was told", "Wer benachrichtigt wurde")),
        Block::Table {
            head: vec![word("When", "Wann"), word("Who", "Wer"), word("By", "Womit"), word("Result", "Ergebnis")],
            numbers: Vec::new(),
            rows: told.collect(),
        },
    ];
    let over = held.ended.map_or_else(|| word("still running", "läuft noch"), clock);
    Paper {
        title: marked(&held.title, &held.language),
        subtitle: format!("{} – {over} ({})", clock(held.begun), held.zone.iana_name().unwrap_or("UTC")),
        language: held.language.clone(),
        foot: foot.to_owned(),
        blocks,
    }
}

fn way(by: &str, german: bool) -> &str {
    match by {
        "call" if german => "Telefon",
        "call" => "telephone",
        "email" if german => "E-Mail",
        "email" => "e-mail",
        "sms" => "SMS",
        other => other,
    }
}

fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::User;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn drill(every: Every, next_at: &str) -> Drill {
        Drill {
            id: DrillId(uuid::Uuid::from_u128(1)),
            title: "Mail down".to_owned(),
            text: String::new(),
            replays: Replays::Nothing,
            language: "de".to_owned(),
            policy: None,
            next_at: Some(at(next_at)),
            every,
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        }
    }

    #[test]
    fn titles_are_marked_once() {
        assert_eq!(marked("Mail\n down", "de"), "ÜBUNG: Mail down");
        assert_eq!(marked("ÜBUNG: Mail down", "en"), "DRILL: Mail down");
        assert!(is_marked("DRILL: x") && !is_marked("Drill press broken"));
        assert_eq!(marked(&"ä".repeat(900), "en").chars().count(), 7 + TITLE_MAX);
        assert!(is_drill(Some("drill")) && !is_drill(Some("by-hand")) && !is_drill(None));
    }

    #[test]
    fn a_series_keeps_its_time_of_day_and_its_day() {
        let weekly = drill(Every::Week, "2026-10-21T08:00:00Z");
        assert_eq!(due(&weekly, at("2026-10-21T07:59:00Z")), Due::Wait);
        // 10:00 in Berlin before and after the clocks change.
        assert_eq!(due(&weekly, at("2026-10-21T08:00:05Z")), Due::Begin(Some(at("2026-10-28T09:00:00Z"))));
        assert_eq!(due(&weekly, at("2026-11-05T00:00:00Z")), Due::Skip(Some(at("2026-11-11T09:00:00Z"))));
        let monthly = drill(Every::Month, "2026-01-31T09:00:00Z");
        assert_eq!(due(&monthly, at("2026-01-31T09:00:00Z")), Due::Begin(Some(at("2026-02-28T09:00:00Z"))));
        assert_eq!(due(&monthly, at("2026-03-01T00:00:00Z")), Due::Skip(Some(at("2026-03-31T08:00:00Z"))));
        assert_eq!(due(&drill(Every::Once, "2026-01-31T09:00:00Z"), at("2026-01-31T09:10:00Z")), Due::Begin(None));
    }

    #[test]
    fn the_report_says_who_reacted_when() {
        let told = |user: &str, time: &str, end: Option<(&str, Reached)>| Told {
            user: user.into(),
            at: at(time),
            by: "call".to_owned(),
            end: end.map(|(time, how)| (at(time), how)),
        };
        let held = Held {
            title: "Mail down".to_owned(),
            language: "en".to_owned(),
            begun: at("2026-11-22T10:00:00Z"),
            ended: None,
            told: vec![
                told("ben", "2026-11-22T10:05:00Z", Some(("2026-11-22T10:05:40Z", Reached::Answered))),
                told("ada", "2026-11-22T10:00:00Z", Some(("2026-11-22T10:00:35Z", Reached::No))),
                told("ada", "2026-11-22T10:02:00Z", None),
            ],
            taken: Some((Some("ben".into()), at("2026-11-22T10:06:00Z"))),
            joined: vec![("eve".into(), at("2026-11-22T10:20:00Z"))],
            zone: TimeZone::UTC,
        };
        let all = attendance(&held);
        let said: Vec<_> = all.iter().map(|one| (one.user.0.as_str(), one.took_so_long(), one.took)).collect();
        assert_eq!(
            said,
            [("ada", None, false), ("ben", Some(SignedDuration::from_secs(40)), true), ("eve", None, false),]
        );
        let mut directory = Directory::default();
        let ben = User { id: "ben".into(), name: "Ben Sommer".to_owned(), ..User::default() };
        directory.users.insert(ben.id.clone(), ben);
        let paper = report(&held, &directory, "");
        assert_eq!(paper.title, "DRILL: Mail down");
        let whole = format!("{paper:?}");
        for said in ["Ben Sommer", "took it", "did not react", "6 min 0 s", "\"40 s\""] {
            assert!(whole.contains(said), "{said}: {whole}");
        }
    }
}

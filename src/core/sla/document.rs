//! A contract as a document that a customer reads and signs.

use jiff::SignedDuration;
use jiff::civil::Weekday;

use super::{Parties, Terms};
use crate::call::flow::HoursWindow;
use crate::oncall::Calendar;
use crate::paper::{Block, Paper};

/// Words of one language.
struct Words {
    title: &'static str,
    between: &'static str,
    and: &'static str,
    with: &'static str,
    revision: &'static str,
    applies: &'static str,
    all_services: &'static str,
    category: &'static str,
    targets: &'static str,
    head: [&'static str; 4],
    hours: &'static str,
    always: &'static str,
    all_day: &'static str,
    zone: &'static str,
    closed: &'static str,
    counting: &'static str,
    counted: &'static str,
    terms: &'static str,
    hash: &'static str,
    days: [&'static str; 7],
    units: [&'static str; 2],
}

const ENGLISH: Words = Words {
    title: "Service level agreement",
    between: "Between",
    and: "and",
    with: "With",
    revision: "Revision",
    applies: "What it is about",
    all_services: "All services that have no agreement of their own.",
    category: "All services of the category",
    targets: "What is promised",
    head: ["Priority", "Somebody has it within", "It is over within", "Word to you every"],
    hours: "When time counts",
    always: "At all hours, on all days.",
    all_day: "All day",
    zone: "Times are those of",
    closed: "Closed on",
    counting: "How time is counted",
    counted: "Time counts from the moment a fault is known to us, within the hours above. While we wait for you it stands still. The priority says how much is affected: P1 everything, P2 important parts, P3 an inconvenience, P4 little, P5 for information.",
    terms: "Further terms",
    hash: "Hash of the agreement (SHA-256)",
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    units: ["h", "min"],
};

const GERMAN: Words = Words {
    title: "Servicevereinbarung (SLA)",
    between: "Zwischen",
    and: "und",
    with: "Mit",
    revision: "Fassung",
    applies: "Wofür sie gilt",
    all_services: "Alle Leistungen ohne eigene Vereinbarung.",
    category: "Alle Leistungen der Kategorie",
    targets: "Was zugesagt ist",
    head: ["Priorität", "Übernommen innerhalb von", "Behoben innerhalb von", "Nachricht an Sie alle"],
    hours: "Wann die Zeit zählt",
    always: "Zu jeder Stunde an allen Tagen.",
    all_day: "Ganztägig",
    zone: "Die Zeiten sind die von",
    closed: "Geschlossen am",
    counting: "Wie die Zeit gezählt wird",
    counted: "Die Zeit zählt von dem Augenblick an, in dem uns eine Störung bekannt ist, innerhalb der genannten Zeiten. Während wir auf Sie warten, steht sie still. Die Priorität sagt, wie viel betroffen ist: P1 alles, P2 wichtige Teile, P3 eine Unannehmlichkeit, P4 wenig, P5 zur Kenntnis.",
    terms: "Weitere Bestimmungen",
    hash: "Prüfsumme der Vereinbarung (SHA-256)",
    days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    units: ["h", "min"],
};

/// The contract in `language` (German, else English). `sha256`: the hash of the revision's canonical form, which is what is signed.
/// Every name in it is that of the revision: what was signed does not change afterwards.
pub fn document(terms: &Terms, sha256: &str, language: &str) -> Paper {
    let german = language.starts_with("de");
    let words = if german { &GERMAN } else { &ENGLISH };
    let sla = &terms.sla;
    let about = sla
        .category
        .as_ref()
        .map_or_else(|| words.all_services.to_owned(), |category| format!("{} {category}.", words.category));
    let mut blocks = vec![
        Block::Heading(2, words.applies.to_owned()),
        Block::Text(about),
        Block::Heading(2, words.targets.to_owned()),
        targets(terms, words),
        Block::Heading(2, words.hours.to_owned()),
    ];
    match &terms.hours {
        None => blocks.push(Block::Text(words.always.to_owned())),
        Some(hours) => blocks.extend(opening(hours, words)),
    }
    blocks.push(Block::Heading(2, words.counting.to_owned()));
    blocks.push(Block::Text(words.counted.to_owned()));
    if let Some(text) = &sla.terms {
        blocks.push(Block::Heading(2, words.terms.to_owned()));
        blocks.extend(text.split("\n\n").map(|part| Block::Text(part.to_owned())));
    }
    Paper {
        title: format!("{}: {}", words.title, sla.name),
        subtitle: format!("{}, {} {}", parties(&terms.between, words), words.revision, terms.revision),
        language: if german { "de" } else { "en" }.to_owned(),
        foot: format!("{}: {sha256}", words.hash),
        blocks,
    }
}

fn parties(between: &Parties, words: &Words) -> String {
    let Parties { provider, customer } = between;
    match provider {
        Some(provider) => format!("{} {provider} {} {customer}", words.between, words.and),
        None => format!("{} {customer}", words.with),
    }
}

fn targets(terms: &Terms, words: &Words) -> Block {
    let time = |length: Option<SignedDuration>| length.map_or_else(|| "–".to_owned(), |length| spoken(length, words));
    let rows = terms
        .sla
        .targets
        .iter()
        .map(|(priority, targets)| {
            vec![priority.word().to_owned(), time(targets.response), time(targets.resolution), time(targets.update)]
        })
        .collect();
    Block::Table { head: words.head.map(str::to_owned).to_vec(), numbers: vec![1, 2, 3], rows }
}

/// Whole hours and minutes: what a day is would be a question of the hours.
fn spoken(length: SignedDuration, words: &Words) -> String {
    let minutes = length.as_mins();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} {}", words.units[1]),
        (hours, 0) => format!("{hours} {}", words.units[0]),
        (hours, minutes) => format!("{hours} {} {minutes} {}", words.units[0], words.units[1]),
    }
}

fn opening(hours: &Calendar, words: &Words) -> Vec<Block> {
    let window = |window: &HoursWindow| {
        let days: Vec<&str> = window.days.iter().map(|day| words.days[place(*day)]).collect();
        format!("{}: {}–{}", days.join(", "), window.from.strftime("%H:%M"), window.to.strftime("%H:%M"))
    };
    let mut list: Vec<String> = hours.windows.iter().map(window).collect();
    if list.is_empty() {
        list.push(words.all_day.to_owned());
    }
    let mut blocks = vec![Block::List(list)];
    blocks.push(Block::Text(format!("{} {}.", words.zone, hours.time_zone.iana_name().unwrap_or("UTC"))));
    if !hours.holidays.is_empty() {
        let mut days: Vec<String> = hours
            .holidays
            .iter()
            .map(|(day, name)| if name.is_empty() { day.to_string() } else { format!("{day} ({name})") })
            .collect();
        days.sort();
        blocks.push(Block::Text(format!("{}: {}.", words.closed, days.join(", "))));
    }
    blocks
}

fn place(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or(0).min(6)
}

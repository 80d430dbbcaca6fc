//! The words that go out where nobody has written templates: German and English.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::message::{is_german, moment_shown};
use super::rules::{Places, Template, fill};
use super::{Incident, Kind, Phase};
use crate::directory::{Directory, Language};

/// Phase, title and text in English; title and text in German.
const WORDS: [(Phase, [&str; 4]); 8] = [
    (
        Phase::Investigating,
        [
            "Disturbance: {service}",
            "We know of a disturbance of {service} since {since} and are looking for its cause. Next update: {next_update}.",
            "Störung: {service}",
            "Seit {since} ist {service} gestört. Wir suchen die Ursache. Nächste Nachricht: {next_update}.",
        ],
    ),
    (
        Phase::Identified,
        [
            "Disturbance: {service}",
            "We have found the cause of the disturbance of {service} and are mending it. Next update: {next_update}.",
            "Störung: {service}",
            "Die Ursache der Störung von {service} ist gefunden und wird behoben. Nächste Nachricht: {next_update}.",
        ],
    ),
    (
        Phase::Monitoring,
        [
            "Disturbance: {service}",
            "{service} should work again. We are watching it. Next update: {next_update}.",
            "Störung: {service}",
            "{service} sollte wieder laufen. Wir beobachten es noch. Nächste Nachricht: {next_update}.",
        ],
    ),
    (
        Phase::Resolved,
        [
            "Disturbance: {service}",
            "The disturbance of {service} is over.",
            "Störung: {service}",
            "Die Störung von {service} ist behoben.",
        ],
    ),
    (
        Phase::Scheduled,
        [
            "Planned work: {service}",
            "We will work on {service} from {from} to {until}.",
            "Geplante Arbeiten: {service}",
            "Von {from} bis {until} arbeiten wir an {service}.",
        ],
    ),
    (
        Phase::InProgress,
        [
            "Planned work: {service}",
            "The planned work on {service} has begun. It should be done by {until}.",
            "Geplante Arbeiten: {service}",
            "Die geplanten Arbeiten an {service} haben begonnen. Sie sollen bis {until} fertig sein.",
        ],
    ),
    (
        Phase::Verifying,
        [
            "Planned work: {service}",
            "The planned work on {service} is being checked.",
            "Geplante Arbeiten: {service}",
            "Die geplanten Arbeiten an {service} werden geprüft.",
        ],
    ),
    (
        Phase::Completed,
        [
            "Planned work: {service}",
            "The planned work on {service} is done.",
            "Geplante Arbeiten: {service}",
            "Die geplanten Arbeiten an {service} sind abgeschlossen.",
        ],
    ),
];

/// The usual templates, to be put behind those that were written.
pub fn templates() -> Vec<Template> {
    let one = |phase: Phase, tag: &str, title: &str, text: &str| Template {
        id: format!("usual-{}-{tag}", phase.word().replace('_', "-")),
        phase,
        language: Language(tag.to_owned()),
        title: Some(title.to_owned()),
        text: text.to_owned(),
    };
    WORDS
        .iter()
        .flat_map(|(phase, [title, text, titel, worte])| {
            [one(*phase, "en", title, text), one(*phase, "de", titel, worte)]
        })
        .collect()
}

/// Those that are configured, then the usual ones.
pub fn all(directory: &Directory) -> Vec<Template> {
    directory.update_templates.iter().cloned().chain(templates()).collect()
}

/// What `{service}` stands for: names of the affected services that all readers may know, else "a service" as people say it.
/// A service that is one customer's own is named only where nobody else reads it.
pub fn services_named(incident: &Incident, directory: &Directory, language: &Language) -> String {
    let touched = incident.touched(directory);
    let may = |owner: &Option<crate::ids::CustomerId>| {
        owner.as_ref().is_none_or(|owner| touched.iter().all(|customer| customer == owner))
    };
    let affected = incident.affected.iter().filter_map(|affected| directory.services.get(&affected.service));
    let names: Vec<&str> =
        affected.filter(|service| may(&service.customer)).map(crate::directory::Service::name_for_customers).collect();
    let german = is_german(language);
    match (names.as_slice(), incident.kind, german) {
        ([], Kind::Fault, false) => "a service".to_owned(),
        ([], Kind::Fault, true) => "ein Dienst".to_owned(),
        ([], Kind::Maintenance, false) => "our systems".to_owned(),
        ([], Kind::Maintenance, true) => "unseren Systemen".to_owned(),
        ([one], ..) => (*one).to_owned(),
        ([others @ .., last], _, german) => {
            format!("{} {} {last}", others.join(", "), if german { "und" } else { "and" })
        }
    }
}

/// A template's title and words for this incident, filled. `next`: when customers hear again.
pub fn filled(
    incident: &Incident,
    template: &Template,
    directory: &Directory,
    next: Option<Timestamp>,
    now: Timestamp,
) -> (Option<String>, String) {
    let language = &template.language;
    let (zone, named) = zone(incident, directory);
    let shown = |at: Timestamp| format!("{}{named}", moment_shown(at, now, &zone, language));
    let german = is_german(language);
    let none = || if german { "sobald es Neues gibt" } else { "as soon as there is news" }.to_owned();
    let told = incident.updates.iter().find(|update| update.is_published()).map(|update| update.at);
    let since = incident.since(told);
    let places = Places {
        service: services_named(incident, directory, language),
        since: shown(since),
        next_update: next.map_or_else(none, shown),
        reference: incident.reference.clone(),
        from: incident.scheduled.map(|(from, _)| shown(from)).unwrap_or_default(),
        until: incident.scheduled.map(|(_, until)| shown(until)).unwrap_or_default(),
    };
    (template.title.as_ref().map(|title| capital(&fill(title, &places))), capital(&fill(&template.text, &places)))
}

/// Sentences begin with a capital letter, whatever a place was filled with.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The clock that all readers share, else UTC, said so.
fn zone(incident: &Incident, directory: &Directory) -> (TimeZone, &'static str) {
    let touched = incident.touched(directory);
    let mut zones = touched.iter().filter_map(|id| directory.customers.get(id)).map(|customer| &customer.time_zone);
    match zones.next() {
        Some(Some(first)) if zones.all(|other| other.as_ref() == Some(first)) => (first.clone(), ""),
        Some(_) | None => (TimeZone::UTC, " UTC"),
    }
}

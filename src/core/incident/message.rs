//! What a customer's contact reads about an update, and a caller when it is over: only what is theirs to see, in their language and
//! by their clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Incident, Kind, Phase, Seen, Update};
use crate::directory::{CustomerContact, Directory, Language, Service};
use crate::ids::{CustomerId, UpdateId};

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// The mail's words.
    pub text: String,
    /// The same for an SMS, short.
    pub short: String,
}

/// A contact that is told of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader<'a> {
    /// Whose.
    pub customer: CustomerId,
    /// Who.
    pub contact: &'a CustomerContact,
    /// The language that they are written to in.
    pub language: Language,
    /// By whose clock times are said.
    pub time_zone: TimeZone,
}

/// Words of a language.
struct Words {
    phases: [&'static str; 8],
    fault: &'static str,
    planned: &'static str,
    since: &'static str,
    services: &'static str,
    next: &'static str,
    foot: &'static str,
}

const ENGLISH: Words = Words {
    phases: [
        "being looked into",
        "cause found",
        "being watched",
        "resolved",
        "planned",
        "in progress",
        "being checked",
        "completed",
    ],
    fault: "Disturbance",
    planned: "Planned work",
    since: "Since",
    services: "Affected",
    next: "You hear from us again by",
    foot: "You get this because you are named as a contact for disturbances.",
};

const GERMAN: Words = Words {
    phases: [
        "wird untersucht",
        "Ursache gefunden",
        "wird beobachtet",
        "behoben",
        "geplant",
        "im Gang",
        "wird geprüft",
        "abgeschlossen",
    ],
    fault: "Störung",
    planned: "Geplante Arbeiten",
    since: "Seit",
    services: "Betroffen",
    next: "Sie hören wieder von uns bis",
    foot: "Sie bekommen dies, weil Sie als Kontakt für Störungen genannt sind.",
};

pub(super) fn is_german(language: &Language) -> bool {
    language.0.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("de"))
}

fn of(language: &Language) -> &'static Words {
    if is_german(language) { &GERMAN } else { &ENGLISH }
}

/// The phase as customers read it.
pub fn phase_shown(phase: Phase, language: &Language) -> &'static str {
    let place = Phase::ALL.iter().position(|known| *known == phase).unwrap_or_default();
    of(language).phases[place]
}

/// A moment as people of this language read it: `23.11. 09:40`, `23 Nov 09:40`; only the time where it is the same day as `now`.
pub fn moment_shown(at: Timestamp, now: Timestamp, zone: &TimeZone, language: &Language) -> String {
    let (local, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    if local.date() == today.date() {
        return local.strftime("%H:%M").to_string();
    }
    local.strftime(if is_german(language) { "%d.%m.%Y %H:%M" } else { "%-d %b %Y %H:%M" }).to_string()
}

impl Incident {
    /// The contacts that are told of this update: of customers who may read it, by their wish and its severity.
    pub fn readers<'a>(&self, update: UpdateId, directory: &'a Directory) -> Vec<Reader<'a>> {
        let Some(update) = self.update(update).filter(|_| self.drill.is_none()) else { return Vec::new() };
        let mut readers = Vec::new();
        for id in super::preview::readers(self, update, directory) {
            let Some(customer) = directory.customers.get(&id) else { continue };
            let wanted = |contact: &&CustomerContact| {
                // Planned work and what nobody notices concerns whoever wants to hear of anything at all.
                let severe = contact.severities.contains(&self.severity);
                severe || (self.kind == Kind::Maintenance && !contact.severities.is_empty())
            };
            readers.extend(customer.contacts.iter().filter(wanted).map(|contact| Reader {
                customer: id.clone(),
                contact,
                language: contact.language(customer).cloned().unwrap_or_default(),
                time_zone: customer.time_zone.clone().unwrap_or(TimeZone::UTC),
            }));
        }
        readers
    }
}

/// What the contact reads of the update; `None`: it is not theirs to see.
pub fn letter(
    incident: &Incident,
    update: &Update,
    reader: &Reader<'_>,
    directory: &Directory,
    now: Timestamp,
) -> Option<Letter> {
    let seen = incident.seen_by(&reader.customer, directory)?;
    if !seen.updates.iter().any(|own| own.id == update.id) {
        return None;
    }
    let (words, text) = (of(&reader.language), update.text_in(&reader.language));
    let phase = phase_shown(update.phase, &reader.language);
    let title = seen.title_in(&reader.language);
    let subject = format!("[{}] {title} – {phase}", seen.reference());
    let shown = |at| moment_shown(at, now, &reader.time_zone, &reader.language);
    let mut lines = vec![text.to_owned(), String::new()];
    lines.push(format!("{}: {title}", heading(&seen, words)));
    if let Some((from, until)) = seen.scheduled() {
        lines.push(format!("{} – {}", shown(from), shown(until)));
    } else {
        lines.push(format!("{}: {}", words.since, shown(seen.since())));
    }
    let services = services(&seen, directory);
    if !services.is_empty() {
        lines.push(format!("{}: {}", words.services, services.join(", ")));
    }
    if let Some(next) = seen.next_update() {
        lines.push(format!("{} {}.", words.next, shown(next)));
    }
    lines.extend([String::new(), words.foot.to_owned()]);
    let short = format!("{title} – {phase}: {text}");
    Some(Letter { subject, text: lines.join("\n"), short })
}

/// What a caller reads who wanted to know when it is over, in an SMS; `None`: it has no title for customers. Plain quotation marks:
/// others would halve what fits into an SMS.
pub fn over(
    incident: &Incident,
    customer: Option<&CustomerId>,
    language: &Language,
    directory: &Directory,
) -> Option<String> {
    let seen = customer.and_then(|customer| incident.seen_by(customer, directory));
    let title = seen.map(|seen| seen.title_in(language)).or_else(|| incident.title_in(language))?;
    let what = match (incident.kind, is_german(language)) {
        (Kind::Fault, false) => format!("The disturbance \"{title}\" is over. You asked us to let you know."),
        (Kind::Fault, true) => format!("Die Störung \"{title}\" ist behoben. Sie wollten Bescheid bekommen."),
        (Kind::Maintenance, false) => {
            format!("The planned work \"{title}\" is completed. You asked us to let you know.")
        }
        (Kind::Maintenance, true) => {
            format!("Die geplanten Arbeiten \"{title}\" sind abgeschlossen. Sie wollten Bescheid bekommen.")
        }
    };
    let company = directory.company.as_deref();
    Some(company.map_or_else(|| what.clone(), |company| format!("{company}: {what}")))
}

const fn heading(seen: &Seen<'_>, words: &'static Words) -> &'static str {
    match seen.kind() {
        Kind::Fault => words.fault,
        Kind::Maintenance => words.planned,
    }
}

fn services<'d>(seen: &Seen<'_>, directory: &'d Directory) -> Vec<&'d str> {
    let known = seen.affected.iter().filter_map(|affected| directory.services.get(&affected.service));
    known.map(Service::name_for_customers).collect()
}

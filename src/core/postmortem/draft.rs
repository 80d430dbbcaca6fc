//! From facts to sections, German and English. Nothing is said that the facts do not say.

use super::show::moment;
use super::{Facts, Noticed, Sections, length};
use crate::incident::{Origin, Severity};

/// The question that stands where the cause belongs.
pub(super) const fn question(language: &str) -> &'static str {
    if is_german(language) {
        "(Noch offen. Was hat sich geändert, bevor es begann? Welche Bedingung machte die Störung möglich, und was hätte sie aufgehalten?)"
    } else {
        "(Still open. What changed before it began? Which condition made the fault possible, and what would have stopped it?)"
    }
}

pub(super) const fn is_german(language: &str) -> bool {
    let bytes = language.as_bytes();
    bytes.len() >= 2 && bytes[0] == b'd' && bytes[1] == b'e'
}

/// The sections as the facts give them.
pub fn draft(facts: &Facts, language: &str) -> Sections {
    if is_german(language) { german(facts) } else { english(facts) }
}

fn listed(names: &[String], and: &str, none: &str) -> String {
    match names {
        [] => none.to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} {and} {last}", all.join(", ")),
    }
}

fn english(facts: &Facts) -> Sections {
    let clock = |at| moment(at, &facts.zone, false);
    let services = listed(&facts.services, "and", "no configured service");
    let customers = listed(&facts.customers, "and", "no customer");
    let severity = match facts.severity {
        Severity::Critical => "critical",
        Severity::Major => "major",
        Severity::Minor => "minor",
        Severity::None => "minimal",
    };
    let what = if facts.planned { "Planned work" } else { "Incident" };
    let over = match (facts.resolved, facts.duration()) {
        (Some(end), Some(time)) => format!("It was over at {} after {}.", clock(end), length(time)),
        (Some(_) | None, _) => "It is not over yet.".to_owned(),
    };
    let began = match facts.began {
        Some((at, origin)) => {
            let source = match origin {
                Origin::Payload => "says the monitoring tool",
                Origin::Caller => "says the caller",
                Origin::Person => "says a person who looked into it",
            };
            format!("It began at {} ({source}).", clock(at))
        }
        None => "When it began is not known.".to_owned(),
    };
    let by = match &facts.detected_by {
        Some(Noticed::Call(reference)) => format!(" by a call ({reference})"),
        Some(Noticed::Monitoring(source)) => format!(" by the monitoring ({source})"),
        Some(Noticed::Person) => " by a person who opened it".to_owned(),
        None => String::new(),
    };
    let noticed = facts.began.filter(|(at, _)| *at < facts.detected).map_or_else(String::new, |(at, _)| {
        format!(" That was {} after the beginning.", length(facts.detected.duration_since(at)))
    });
    let taken = facts.taken.map_or_else(
        || " Nobody acknowledged an alert of it.".to_owned(),
        |at| format!(" The first person had it after {}.", length(at.duration_since(facts.detected))),
    );
    Sections {
        summary: format!(
            "{what} {}: {}. Severity {severity}, affected: {services}. {began} {over}",
            facts.reference,
            facts.title.trim_end_matches('.')
        ),
        impact: format!(
            "Services: {services}. Customers: {customers}. {}",
            facts.duration().map_or_else(
                || "How long is not known yet.".to_owned(),
                |time| format!("The disturbance lasted {}.", length(time))
            )
        ),
        detection: format!("It was noticed at {}{by}.{noticed}{taken}", clock(facts.detected)),
        root_cause: question("en").to_owned(),
        went_well: went_well_english(facts),
        public: public(facts, "en"),
    }
}

fn went_well_english(facts: &Facts) -> String {
    let mut lines = Vec::new();
    if let Some(at) = facts.taken {
        lines.push(format!("- Somebody had it {} after it was noticed.", length(at.duration_since(facts.detected))));
    }
    if let Some(at) = facts.first_told {
        let after = length(at.duration_since(facts.detected));
        let missed = undelivered(facts.undelivered, " (", " messages did not arrive)");
        lines.push(format!("- Customers were told {after} after it was noticed, {} times in all{missed}.", facts.told));
    }
    let done = facts.tasks.iter().filter(|(_, done)| *done).count();
    if done > 0 {
        lines.push(format!("- {done} of {} tasks were done.", facts.tasks.len()));
    }
    if lines.is_empty() { "- (Nothing in the records says so. What helped?)".to_owned() } else { lines.join("\n") }
}

fn german(facts: &Facts) -> Sections {
    let clock = |at| moment(at, &facts.zone, true);
    let services = listed(&facts.services, "und", "kein eingerichteter Dienst");
    let customers = listed(&facts.customers, "und", "kein Kunde");
    let severity = match facts.severity {
        Severity::Critical => "kritisch",
        Severity::Major => "schwer",
        Severity::Minor => "leicht",
        Severity::None => "gering",
    };
    let what = if facts.planned { "Geplante Arbeit" } else { "Störung" };
    let over = match (facts.resolved, facts.duration()) {
        (Some(end), Some(time)) => format!("Um {} war sie nach {} vorbei.", clock(end), length(time)),
        (Some(_) | None, _) => "Sie ist noch nicht vorbei.".to_owned(),
    };
    let began = match facts.began {
        Some((at, origin)) => {
            let source = match origin {
                Origin::Payload => "laut Überwachung",
                Origin::Caller => "laut Anrufer",
                Origin::Person => "laut Nachforschung",
            };
            format!("Beginn {} ({source}).", clock(at))
        }
        None => "Der Beginn ist nicht bekannt.".to_owned(),
    };
    let by = match &facts.detected_by {
        Some(Noticed::Call(reference)) => format!(" durch einen Anruf ({reference})"),
        Some(Noticed::Monitoring(source)) => format!(" durch die Überwachung ({source})"),
        Some(Noticed::Person) => " durch eine Person, die den Vorfall eröffnete".to_owned(),
        None => String::new(),
    };
    let noticed = facts.began.filter(|(at, _)| *at < facts.detected).map_or_else(String::new, |(at, _)| {
        format!(" Das war {} nach dem Beginn.", length(facts.detected.duration_since(at)))
    });
    let taken = facts.taken.map_or_else(
        || " Niemand hat einen Alarm dazu übernommen.".to_owned(),
        |at| format!(" Übernommen wurde nach {}.", length(at.duration_since(facts.detected))),
    );
    Sections {
        summary: format!(
            "{what} {}: {}. Schwere: {severity}, betroffen: {services}. {began} {over}",
            facts.reference,
            facts.title.trim_end_matches('.')
        ),
        impact: format!(
            "Dienste: {services}. Kunden: {customers}. {}",
            facts.duration().map_or_else(
                || "Die Dauer ist noch nicht bekannt.".to_owned(),
                |time| format!("Die Beeinträchtigung dauerte {}.", length(time))
            )
        ),
        detection: format!("Bemerkt um {}{by}.{noticed}{taken}", clock(facts.detected)),
        root_cause: question("de").to_owned(),
        went_well: went_well_german(facts),
        public: public(facts, "de"),
    }
}

fn went_well_german(facts: &Facts) -> String {
    let mut lines = Vec::new();
    if let Some(at) = facts.taken {
        lines.push(format!("- Übernommen wurde {} nach dem Bemerken.", length(at.duration_since(facts.detected))));
    }
    if let Some(at) = facts.first_told {
        let after = length(at.duration_since(facts.detected));
        let missed = undelivered(facts.undelivered, " (", " Nachrichten kamen nicht an)");
        lines.push(format!(
            "- Kunden wurden {after} nach dem Bemerken informiert, insgesamt {}-mal{missed}.",
            facts.told
        ));
    }
    let done = facts.tasks.iter().filter(|(_, done)| *done).count();
    if done > 0 {
        lines.push(format!("- {done} von {} Aufgaben wurden erledigt.", facts.tasks.len()));
    }
    if lines.is_empty() {
        "- (In den Aufzeichnungen steht nichts dazu. Was hat geholfen?)".to_owned()
    } else {
        lines.join("\n")
    }
}

fn undelivered(count: usize, before: &str, after: &str) -> String {
    if count == 0 { String::new() } else { format!("{before}{count}{after}") }
}

/// For customers: no internal title, no names; which services, they see by their own.
fn public(facts: &Facts, language: &str) -> String {
    let Some(title) = &facts.public_title else { return String::new() };
    let title = title.trim_end_matches('.');
    match (facts.duration(), is_german(language)) {
        (Some(time), false) => format!("{title}. The disturbance lasted {} and is over.", length(time)),
        (Some(time), true) => format!("{title}. Die Beeinträchtigung dauerte {} und ist behoben.", length(time)),
        (None, _) => format!("{title}."),
    }
}

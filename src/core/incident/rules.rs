//! Who may publish, what a second person looks at first, what goes by itself, and the words that are prepared.

use std::time::Duration;

use super::{Impact, Phase, Severity};
use crate::directory::Language;
use crate::fact::Priority;
use crate::ids::ServiceId;

/// `[incident_rules]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Words of the logins' roles that may publish. Nobody else can; who has the incident's role `lead` or `communication` may
    /// as well.
    pub publishers: Vec<String>,
    /// Severities whose updates need a second person.
    pub review: Vec<Severity>,
    /// Services whose alerts open a published incident by themselves once somebody has taken the alert.
    pub auto_services: Vec<ServiceId>,
    /// … of alerts at least as urgent as this.
    pub auto_priority: Priority,
    /// How the service is shown then.
    pub auto_impact: Impact,
    /// How long customers may wait for the next word, by severity, where no contract says it.
    pub update_every: Vec<(Severity, Duration)>,
    /// Reminded when so many percent of that time have passed.
    pub remind_at_percent: u8,
}

impl Default for Rules {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            publishers: vec!["admin".to_owned(), "dispatcher".to_owned()],
            review: Vec::new(),
            auto_services: Vec::new(),
            auto_priority: Priority::P1,
            auto_impact: Impact::MajorOutage,
            update_every: vec![(Severity::Critical, minutes(30)), (Severity::Major, minutes(60))],
            remind_at_percent: 75,
        }
    }
}

impl Rules {
    /// Whether the rules open an incident by themselves for an acknowledged alert of this service.
    pub fn opens_itself(&self, service: &ServiceId, priority: Priority) -> bool {
        self.auto_services.contains(service) && priority <= self.auto_priority
    }

    /// The time between updates where no contract says it.
    pub fn every(&self, severity: Severity) -> Option<Duration> {
        self.update_every.iter().find(|(known, _)| *known == severity).map(|(_, every)| *every)
    }
}

/// `[[update_templates]]`: words for a phase in a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub id: String,
    /// For which phase.
    pub phase: Phase,
    /// In which language.
    pub language: Language,
    /// A title for customers; `None`: it brings none.
    pub title: Option<String>,
    /// The words, with `{service}`, `{since}`, `{next_update}`, `{reference}`, `{from}`, `{until}`.
    pub text: String,
}

/// What stands for the places of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `{service}`: names of what is affected.
    pub service: String,
    /// `{since}`: when it began.
    pub since: String,
    /// `{next_update}`: by when customers hear again.
    pub next_update: String,
    /// `{reference}`.
    pub reference: String,
    /// `{from}` of planned work.
    pub from: String,
    /// `{until}` of planned work.
    pub until: String,
}

/// The places that a template may have.
pub const PLACES: [&str; 6] = ["service", "since", "next_update", "reference", "from", "until"];

impl Places {
    fn of(&self, place: &str) -> Option<&str> {
        Some(match place {
            "service" => &self.service,
            "since" => &self.since,
            "next_update" => &self.next_update,
            "reference" => &self.reference,
            "from" => &self.from,
            "until" => &self.until,
            _ => return None,
        })
    }
}

/// The first of `{…}` in the text that is no place; `None`: all are.
pub fn unknown_place(text: &str) -> Option<&str> {
    pieces(text).find_map(|piece| match piece {
        Piece::Place(place) if !PLACES.contains(&place) => Some(place),
        Piece::Place(_) | Piece::Words(_) => None,
    })
}

/// The text with its places filled. One pass: what is filled in is not looked at again. Escaping is for whoever shows it.
pub fn fill(text: &str, places: &Places) -> String {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Words(words) => filled.push_str(words),
            Piece::Place(place) => filled.push_str(places.of(place).unwrap_or_default()),
        }
    }
    filled
}

/// The template for a phase in this language, else in English, else any.
pub fn template<'a>(templates: &'a [Template], phase: Phase, language: &Language) -> Option<&'a Template> {
    let of_phase = || templates.iter().filter(move |template| template.phase == phase);
    let main = |language: &Language| language.0.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    of_phase()
        .find(|template| template.language == *language)
        .or_else(|| of_phase().find(|template| main(&template.language) == main(language)))
        .or_else(|| of_phase().find(|template| main(&template.language) == "en"))
        .or_else(|| of_phase().next())
}

enum Piece<'a> {
    Words(&'a str),
    Place(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(open) = rest.find('{') else { return Some(Piece::Words(std::mem::take(&mut rest))) };
        if open > 0 {
            let (words, behind) = rest.split_at(open);
            rest = behind;
            return Some(Piece::Words(words));
        }
        let inner = &rest[1..];
        match inner.find(['}', '{']) {
            Some(close) if inner[close..].starts_with('}') => {
                rest = &inner[close + 1..];
                Some(Piece::Place(&inner[..close]))
            }
            // A brace that nothing closes stays a brace.
            Some(_) | None => {
                rest = inner;
                Some(Piece::Words("{"))
            }
        }
    })
}

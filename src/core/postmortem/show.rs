//! The postmortem as a document; what customers may read of it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::draft::is_german;
use super::{Facts, Moment, Origin, Postmortem, State};
use crate::directory::Directory;
use crate::ids::PostmortemId;
use crate::incident::Incident;
use crate::paper::{Block, Paper};
use crate::runbook;

/// The whole document, for the MSP's own people.
pub fn paper(postmortem: &Postmortem, facts: &Facts, directory: &Directory, foot: &str) -> Paper {
    let german = is_german(&postmortem.language);
    let word = |english: &str, german_word: &str| if german { german_word } else { english }.to_owned();
    let mut blocks = Vec::new();
    if facts.drill {
        blocks.push(Block::Note(word("DRILL: this was an exercise.", "ÜBUNG: Dies war eine Übung.")));
    }
    blocks.extend(mark(&postmortem.origin, german).map(Block::Note));
    let sections = &postmortem.sections;
    for (heading, text) in [
        (word("Summary", "Zusammenfassung"), &sections.summary),
        (word("Impact", "Auswirkung"), &sections.impact),
        (word("Detection", "Erkennung"), &sections.detection),
    ] {
        section(&mut blocks, heading, text);
    }
    if !postmortem.timeline.is_empty() {
        blocks.push(Block::Heading(1, word("Timeline", "Zeitverlauf")));
        let row = |entry: &Moment| vec![moment(entry.at, &facts.zone, german), entry.what.clone()];
        blocks.push(Block::Table {
            head: vec![word("When", "Wann"), word("What", "Was")],
            numbers: Vec::new(),
            rows: postmortem.timeline.iter().map(row).collect(),
        });
    }
    section(&mut blocks, word("Root cause", "Ursache"), &sections.root_cause);
    section(&mut blocks, word("What went well", "Was gut lief"), &sections.went_well);
    blocks.push(Block::Heading(1, word("Actions", "Maßnahmen")));
    if postmortem.actions.is_empty() {
        blocks.push(Block::Text(word("None yet.", "Noch keine.")));
    } else {
        let rows = postmortem.actions.iter().map(|action| {
            vec![
                action.number.to_string(),
                action.text.clone(),
                action.owner.as_ref().map(|owner| directory.name_of(owner).to_owned()).unwrap_or_default(),
                action.due.map(|due| day(due, german)).unwrap_or_default(),
                action.done.map(|at| moment(at, &facts.zone, german)).unwrap_or_default(),
            ]
        });
        blocks.push(Block::Table {
            head: vec![
                word("No.", "Nr."),
                word("Action", "Maßnahme"),
                word("Owner", "Zuständig"),
                word("Due", "Bis"),
                word("Done", "Erledigt"),
            ],
            numbers: vec![0],
            rows: rows.collect(),
        });
    }
    let state = match postmortem.state {
        State::Draft => word("draft", "Entwurf"),
        State::Reviewed => word("reviewed", "geprüft"),
        State::Published => word("published", "veröffentlicht"),
    };
    Paper {
        title: postmortem.title.clone(),
        subtitle: format!(
            "{} · {state} · {} {}",
            facts.reference,
            word("times of", "Zeiten von"),
            facts.zone.iana_name().unwrap_or("UTC")
        ),
        language: postmortem.language.clone(),
        foot: foot.to_owned(),
        blocks,
    }
}

/// A day and time as it is written.
pub(super) fn moment(at: Timestamp, zone: &TimeZone, german: bool) -> String {
    let format = if german { "%d.%m.%Y %H:%M" } else { "%Y-%m-%d %H:%M" };
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

fn day(day: Date, german: bool) -> String {
    if german { day.strftime("%d.%m.%Y").to_string() } else { day.to_string() }
}

/// Who wrote the first draft, where that is worth a word.
fn mark(origin: &Origin, german: bool) -> Option<String> {
    match origin {
        Origin::Model(name) => Some(if german {
            format!(
                "Zusammenfassung, Auswirkung und Erkennung schrieb zuerst ein Sprachmodell ({name}) aus den Fakten; Personen haben den Text geprüft, wo der Stand „geprüft“ ist."
            )
        } else {
            format!(
                "Summary, impact and detection were first written by a language model ({name}) from the facts; people have checked them where the state is \"reviewed\"."
            )
        }),
        Origin::Facts(Some(why)) => Some(if german {
            format!("Aus den Fakten allein: {why}.")
        } else {
            format!("From the facts alone: {why}.")
        }),
        Origin::Facts(None) => None,
    }
}

fn section(blocks: &mut Vec<Block>, heading: String, text: &str) {
    if !text.trim().is_empty() {
        blocks.push(Block::Heading(1, heading));
        blocks.extend(runbook::blocks(text));
    }
}

/// What customers may read of a published postmortem, and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its identity.
    pub id: PostmortemId,
    /// When it was published.
    pub at: Timestamp,
    /// Language tag of its text.
    pub language: String,
    /// Markdown.
    pub text: String,
}

impl Postmortem {
    /// What customers may read of it; `None`: nothing, it is not published. Who of them does follows from the incident: those who
    /// were told of it ([`crate::status::view()`]).
    pub fn published(&self, at: Timestamp) -> Option<Published> {
        let text = self.sections.public.trim();
        (self.state == State::Published && !text.is_empty()).then(|| Published {
            id: self.id,
            at,
            language: self.language.clone(),
            text: text.to_owned(),
        })
    }
}

/// What a public text names although customers must not read it: people of the MSP, customers, services of one customer,
/// the internal title and reference.
pub fn internal_names(text: &str, incident: &Incident, directory: &Directory) -> Vec<String> {
    let lower = text.to_lowercase();
    let people = directory.users.values().flat_map(|user| [user.name.as_str(), user.id.0.as_str()]);
    let surnames = directory.users.values().flat_map(|user| user.name.split_whitespace());
    let customers = directory.customers.values().flat_map(|customer| [customer.name.as_str(), customer.id.0.as_str()]);
    let own = directory.services.values().filter(|service| service.customer.is_some());
    let internal = [incident.title.as_str(), incident.reference.as_str()];
    let allowed = incident.public_title.as_deref().unwrap_or_default().to_lowercase();
    let mut found: Vec<String> = people
        .chain(surnames.filter(|name| name.chars().count() > 3))
        .chain(customers)
        .chain(own.map(|service| service.name.as_str()))
        .chain(internal)
        .filter(|name| name.chars().count() > 2 && has_word(&lower, &name.to_lowercase()))
        // What customers were told already is no secret.
        .filter(|name| !has_word(&allowed, &name.to_lowercase()))
        .map(str::to_owned)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn has_word(text: &str, word: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    text.match_indices(word)
        .any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + word.len()..].chars().next()))
}

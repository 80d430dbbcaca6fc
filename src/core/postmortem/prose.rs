//! What a language model is asked, and whether what it answers may be used.
//!
//! The model gets facts and gives prose; it decides nothing. An answer with a time, number or name that is not in the facts is not
//! used at all: nobody can tell what else in it is invented.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::draft::is_german;
use super::{Facts, Sections};

/// Characters of one text of an answer at most.
pub const TEXT_MAX: usize = 2_000;
/// Entries of the timeline that are told to the model.
const TOLD: usize = 40;

/// What is taken from a model; the rest stays as the facts give it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prose {
    /// What happened, in short.
    pub summary: String,
    /// Whom it touched.
    pub impact: String,
    /// How it was noticed.
    pub detection: String,
}

/// What the model is told to be.
pub const fn system(language: &str) -> &'static str {
    if is_german(language) {
        "Du schreibst den sachlichen Teil eines Rückblicks auf eine IT-Störung. Benutze nur die genannten Fakten. Erfinde keine \
         Zeiten, Zahlen, Namen oder Ursachen. Gib niemandem die Schuld. Antworte nur mit einem JSON-Objekt mit den Schlüsseln \
         summary, impact und detection; jeder Wert ist ein deutscher Text aus ein bis drei Sätzen."
    } else {
        "You write the factual part of a review of an IT incident. Use only the facts given. Invent no times, numbers, names or \
         causes. Blame nobody. Answer only with a JSON object with the keys summary, impact and detection; each value is a text of \
         one to three sentences."
    }
}

/// The facts as they are told to the model: no names of persons, no words of callers.
pub fn question(facts: &Facts, drafted: &Sections) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "summary: {}", drafted.summary);
    let _ = writeln!(text, "impact: {}", drafted.impact);
    let _ = writeln!(text, "detection: {}", drafted.detection);
    for moment in facts.bare.iter().take(TOLD) {
        let _ = writeln!(text, "{} {}", facts.clock(moment.at), moment.what);
    }
    text
}

/// Why an answer is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nonsense {
    /// A text is missing or empty.
    Empty(&'static str),
    /// A text is too long.
    Long(&'static str),
    /// A number or time that is not in the facts.
    Number(String),
    /// A name that is not in the facts.
    Name(String),
    /// It refuses, or talks about itself.
    Refusal,
}

impl Nonsense {
    /// In one plain clause.
    pub fn said(&self) -> String {
        match self {
            Self::Empty(what) => format!("the language model's answer has no {what}"),
            Self::Long(what) => format!("the language model's {what} is too long"),
            Self::Number(number) => format!("the language model named {number}, which is not in the facts"),
            Self::Name(name) => format!("the language model named {name}, which is not in the facts"),
            Self::Refusal => "the language model refused or spoke of itself".to_owned(),
        }
    }
}

/// Whether the prose says nothing but what the facts say. `known`: names of people, customers and services of the installation.
pub fn checked(prose: &Prose, facts: &Facts, drafted: &Sections, known: &[String]) -> Result<(), Nonsense> {
    let told = question(facts, drafted);
    let texts = [("summary", &prose.summary), ("impact", &prose.impact), ("detection", &prose.detection)];
    for (name, text) in texts {
        if text.trim().is_empty() {
            return Err(Nonsense::Empty(name));
        }
        if text.chars().count() > TEXT_MAX {
            return Err(Nonsense::Long(name));
        }
        if refuses(text) {
            return Err(Nonsense::Refusal);
        }
        if let Some(number) = strange_number(text, &told) {
            return Err(Nonsense::Number(number));
        }
        if let Some(name) = strange_name(text, &told, known) {
            return Err(Nonsense::Name(name));
        }
    }
    Ok(())
}

fn refuses(text: &str) -> bool {
    let text = text.to_lowercase();
    let phrases = [
        "as an ai",
        "language model",
        "i cannot",
        "i can't",
        "i'm sorry",
        "i am sorry",
        "als ki",
        "sprachmodell",
        "ich kann nicht",
        "es tut mir leid",
        "ich kann diese",
    ];
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// Runs of digits with the marks within them (`09:40`, `2026-11-22`, `1.5`).
fn numbers(text: &str) -> BTreeSet<String> {
    let of_number = |letter: char| letter.is_ascii_digit() || matches!(letter, ':' | '.' | ',' | '-' | '/');
    let runs = text.split(|letter: char| !of_number(letter));
    let runs = runs.map(|run| run.trim_matches(|letter: char| !letter.is_ascii_digit()));
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

fn strange_number(text: &str, told: &str) -> Option<String> {
    let known = numbers(told);
    numbers(text).into_iter().find(|number| !known.contains(number))
}

/// A configured name that the facts do not have, or capitalised words beside each other that they do not have.
fn strange_name(text: &str, told: &str, known: &[String]) -> Option<String> {
    let (lower, told) = (text.to_lowercase(), told.to_lowercase());
    let configured = known.iter().filter(|name| name.chars().count() > 2).find(|name| {
        let name = name.to_lowercase();
        has_word(&lower, &name) && !has_word(&told, &name)
    });
    if let Some(name) = configured {
        return Some(name.clone());
    }
    let words: Vec<(&str, bool)> = sentence_words(text);
    let strange = |(word, begins): &(&str, bool)| {
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        capital && !begins && !has_word(&told, &word.to_lowercase())
    };
    // German writes every noun with a capital: there it takes two beside each other.
    words.windows(2).find(|pair| pair.iter().all(strange)).map(|pair| format!("{} {}", pair[0].0, pair[1].0))
}

/// Words, and whether each begins a sentence.
fn sentence_words(text: &str) -> Vec<(&str, bool)> {
    let mut begins = true;
    text.split_whitespace()
        .map(|word| {
            let first = std::mem::replace(&mut begins, word.ends_with(['.', '!', '?', ':']));
            (word.trim_matches(|letter: char| !letter.is_alphanumeric()), first)
        })
        .filter(|(word, _)| !word.is_empty())
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    text.match_indices(word)
        .any(|(at, _)| edge(text[..at].chars().next_back()) && edge(text[at + word.len()..].chars().next()))
}

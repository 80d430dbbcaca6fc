//! Wording about persons, where the system is what can be mended: where it stands and what may stand there instead.

/// Something that reads as blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In which section (`summary`), or `action 3`.
    pub section: String,
    /// The line within it, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// The words.
    pub words: String,
    /// What may stand there instead.
    pub suggestion: String,
}

/// Findings at most: then the text should be written anew anyway.
const FINDINGS_MAX: usize = 100;

const CONDITION: (&str, &str) = (
    "say which condition made it possible (\"the check did not exist\", \"the alert was not routed\")",
    "sag, welche Bedingung es möglich machte („die Prüfung gab es nicht“, „der Alarm hatte kein Ziel“)",
);
const CHANGE: (&str, &str) = (
    "say what would have helped (\"a reminder in the runbook would have …\")",
    "sag, was geholfen hätte („eine Erinnerung im Runbook hätte …“)",
);
const ROLE: (&str, &str) = (
    "name the role or the system, not the person (\"the engineer on call\")",
    "nenne die Rolle oder das System, nicht die Person („die Bereitschaft“)",
);

/// Phrases in lower case; whether German.
const PHRASES: [(&str, bool, (&str, &str)); 58] = [
    ("you forgot", false, CONDITION),
    ("forgot to", false, CONDITION),
    ("failed to", false, CONDITION),
    ("neglected to", false, CONDITION),
    ("should have", false, CHANGE),
    ("shouldn't have", false, CHANGE),
    ("could have known", false, CHANGE),
    ("must have known", false, CHANGE),
    ("ought to have", false, CHANGE),
    ("fault of", false, CONDITION),
    ("'s fault", false, CONDITION),
    ("’s fault", false, CONDITION),
    ("his fault", false, CONDITION),
    ("her fault", false, CONDITION),
    ("their fault", false, CONDITION),
    ("to blame", false, CONDITION),
    ("human error", false, CONDITION),
    ("careless", false, CONDITION),
    ("negligen", false, CONDITION),
    ("incompeten", false, CONDITION),
    ("lazy", false, CONDITION),
    ("sloppy", false, CONDITION),
    ("did not bother", false, CONDITION),
    ("didn't bother", false, CONDITION),
    ("ignored the", false, CONDITION),
    ("overlooked", false, CONDITION),
    ("culprit", false, CONDITION),
    ("guilty", false, CONDITION),
    ("you should", false, CHANGE),
    ("because of him", false, CONDITION),
    ("because of her", false, CONDITION),
    ("du hast", true, CONDITION),
    ("hast du", true, CONDITION),
    ("vergaß", true, CONDITION),
    ("vergessen", true, CONDITION),
    ("versäumt", true, CONDITION),
    ("hätte müssen", true, CHANGE),
    ("hätten müssen", true, CHANGE),
    ("hätte wissen", true, CHANGE),
    ("hätte merken", true, CHANGE),
    ("hätte sehen", true, CHANGE),
    ("hätte tun", true, CHANGE),
    ("hätte nicht dürfen", true, CHANGE),
    ("schuld", true, CONDITION),
    ("verschuld", true, CONDITION),
    ("fehler von", true, CONDITION),
    ("sein fehler", true, CONDITION),
    ("ihr fehler", true, CONDITION),
    ("menschliches versagen", true, CONDITION),
    ("menschlicher fehler", true, CONDITION),
    ("versagt", true, CONDITION),
    ("fahrlässig", true, CONDITION),
    ("schlamp", true, CONDITION),
    ("unfähig", true, CONDITION),
    ("übersehen", true, CONDITION),
    ("nicht aufgepasst", true, CONDITION),
    ("unaufmerksam", true, CONDITION),
    ("ignoriert", true, CONDITION),
];

/// All that reads as blame in these texts, in order. `people`: names of users, whole and as they are called.
pub fn check<'a>(
    texts: impl IntoIterator<Item = (String, &'a str)>,
    people: &[String],
    language: &str,
) -> Vec<Finding> {
    let german = super::draft::is_german(language);
    let mut findings = Vec::new();
    for (section, text) in texts {
        for (number, line) in text.lines().enumerate() {
            for (at, length, advice) in in_line(line, people) {
                let words = &line[at..at + length];
                findings.push(Finding {
                    section: section.clone(),
                    line: number + 1,
                    column: line[..at].chars().count() + 1,
                    words: words.to_owned(),
                    suggestion: if german { advice.1 } else { advice.0 }.to_owned(),
                });
                if findings.len() == FINDINGS_MAX {
                    return findings;
                }
            }
        }
    }
    findings
}

/// Byte place and length of each finding in a line, and the advice.
fn in_line(line: &str, people: &[String]) -> Vec<(usize, usize, (&'static str, &'static str))> {
    let lower = lowered(line);
    let mut found: Vec<(usize, usize, (&str, &str))> = Vec::new();
    for (phrase, _, advice) in PHRASES {
        // Stems and genitives go on or begin within a word.
        let begins = phrase.starts_with('\'') || phrase.starts_with('’');
        let mut add = |at: usize, length: usize| found.push((at, length, advice));
        each(&lower, phrase, |at| {
            if begins || starts_word(&lower, at) || phrase == "schuld" {
                add(at, whole(&lower, at, phrase.len()));
            }
        });
    }
    found.extend(split_verbs(&lower));
    for name in people.iter().filter(|name| name.chars().count() > 2) {
        let name = lowered(name);
        each(&lower, &name, |at| {
            if starts_word(&lower, at) && ends_word(&lower, at + name.len()) {
                found.push((at, name.len(), ROLE));
            }
        });
    }
    found.sort_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)));
    // What lies within another finding is said with it.
    let mut end = 0;
    found.retain(|(at, length, _)| {
        let new = *at >= end;
        end = end.max(at + length);
        new
    });
    found
}

/// `hätte … müssen`, `hätte … sollen` with other words between, within a sentence.
fn split_verbs(lower: &str) -> Vec<(usize, usize, (&'static str, &'static str))> {
    let mut found = Vec::new();
    for first in ["hätte ", "hätten ", "hättest "] {
        each(lower, first, |at| {
            let rest = &lower[at..];
            let sentence = &rest[..rest.find(['.', ';', '!', '?']).unwrap_or(rest.len())];
            let verb =
                ["müssen", "sollen", "dürfen"].iter().filter_map(|verb| Some((sentence.find(verb)?, verb.len())));
            if let Some((place, length)) = verb.min()
                && starts_word(lower, at)
            {
                found.push((at, place + length, CHANGE));
            }
        });
    }
    found
}

fn each(text: &str, what: &str, mut then: impl FnMut(usize)) {
    if what.is_empty() {
        return;
    }
    text.match_indices(what).for_each(|(at, _)| then(at));
}

/// Lower case of the same length in bytes, so that places fit the text.
fn lowered(text: &str) -> String {
    text.chars()
        .map(|letter| {
            let mut lower = letter.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) if one.len_utf8() == letter.len_utf8() => one,
                (Some(_) | None, _) => letter,
            }
        })
        .collect()
}

fn starts_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|letter| !letter.is_alphanumeric())
}

fn ends_word(text: &str, at: usize) -> bool {
    text[at..].chars().next().is_none_or(|letter| !letter.is_alphanumeric())
}

/// To the end of the word.
fn whole(text: &str, at: usize, length: usize) -> usize {
    let rest = &text[at + length..];
    length + rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len())
}

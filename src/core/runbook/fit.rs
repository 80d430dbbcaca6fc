//! Which documents belong to an alert.

use super::{Document, Rule, words};
use crate::ids::{CustomerId, ServiceId};

/// Letters that a word must have to be found within a longer one (German compounds).
const WITHIN: usize = 5;

/// What an alert is about, as far as rules ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Its title.
    pub title: &'a str,
    /// The service.
    pub service: Option<&'a ServiceId>,
    /// The customer.
    pub customer: Option<&'a CustomerId>,
    /// The service's category.
    pub category: Option<&'a str>,
    /// The alert source's id.
    pub source: Option<&'a str>,
}

/// How many things the rule says that fit; `None`: one does not, or it says nothing.
pub fn fits(rule: &Rule, subject: &Subject<'_>) -> Option<u32> {
    let title: Vec<String> = words::folded(subject.title).collect();
    let said = [
        (!rule.services.is_empty()).then(|| subject.service.is_some_and(|service| rule.services.contains(service))),
        (!rule.customers.is_empty())
            .then(|| subject.customer.is_some_and(|customer| rule.customers.contains(customer))),
        (!rule.categories.is_empty()).then(|| {
            let own = subject.category.map(str::to_lowercase);
            own.is_some_and(|own| rule.categories.iter().any(|category| category.to_lowercase() == own))
        }),
        (!rule.words.is_empty()).then(|| rule.words.iter().any(|phrase| says(&title, phrase))),
        (!rule.sources.is_empty())
            .then(|| subject.source.is_some_and(|source| rule.sources.iter().any(|one| one == source))),
    ];
    let said: Vec<bool> = said.into_iter().flatten().collect();
    (!said.is_empty() && said.iter().all(|fits| *fits)).then_some(said.len() as u32)
}

/// The documents that belong to it: those that say most first, then by title. One that is a customer's belongs to alerts
/// of that customer only.
pub fn matching<'a, K>(documents: &'a [(K, Document)], subject: &Subject<'_>) -> Vec<&'a (K, Document)> {
    let own = |document: &Document| document.customer.as_ref().is_none_or(|own| subject.customer == Some(own));
    let mut found: Vec<(u32, &(K, Document))> = documents
        .iter()
        .filter(|(_, document)| own(document))
        .filter_map(|entry| Some((fits(&entry.1.rule, subject)?, entry)))
        .collect();
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.1.title.cmp(&other.1.title)));
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// Whether the title has these words beside each other.
fn says(title: &[String], phrase: &str) -> bool {
    let phrase: Vec<String> = words::folded(phrase).collect();
    let same = |own: &String, word: &String| {
        words::stem(own) == words::stem(word) || (word.len() >= WITHIN && own.contains(word.as_str()))
    };
    !phrase.is_empty()
        && title.windows(phrase.len()).any(|part| part.iter().zip(&phrase).all(|(own, word)| same(own, word)))
}

//! Before something is published: who will be told by which way, who by none, and whom the words name that should not be.

use super::{Incident, Update};
use crate::directory::Directory;
use crate::ids::CustomerId;

/// What publishing would lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Every reader, with the ways it is told by: `page`, `email`, `sms`; in order of their names.
    pub told: Vec<(CustomerId, Vec<Way>)>,
    /// Readers that have neither page nor contact: nobody will tell them.
    pub silent: Vec<CustomerId>,
    /// Customers that the words (or the title) name, or a service of theirs, while others read it.
    pub names: Vec<Named>,
}

/// A way to tell a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Its status page.
    Page(String),
    /// A named contact: the contact's name, and `email` or `sms`.
    Contact(String, &'static str),
}

/// A customer that the words give away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Whose name, or whose service's.
    pub customer: CustomerId,
    /// The words.
    pub words: String,
}

/// Names shorter than this would be found everywhere.
const NAME_MIN: usize = 3;

/// Looks at an update as it is now. `ways` says how a customer can be told.
pub fn preview(
    incident: &Incident,
    update: &Update,
    title: Option<&str>,
    directory: &Directory,
    ways: &dyn Fn(&CustomerId) -> Vec<Way>,
) -> Preview {
    let readers = readers(incident, update, directory);
    let told: Vec<(CustomerId, Vec<Way>)> = if incident.drill.is_some() {
        // An exercise reaches nobody.
        Vec::new()
    } else {
        readers.iter().map(|customer| (customer.clone(), ways(customer))).collect()
    };
    let silent = told.iter().filter(|(_, ways)| ways.is_empty()).map(|(customer, _)| customer.clone()).collect();
    let own = update.heading.as_ref().filter(|_| title.is_none());
    let title = title.or(own.map(|heading| heading.title.as_str())).or(incident.public_title.as_deref());
    let title = title.unwrap_or_default();
    let titles = own.map_or(&incident.public_titles, |heading| &heading.others);
    let words = update.translations.iter().chain(titles).map(|(_, words)| words.as_str());
    let all: Vec<&str> = words.chain([update.text.as_str(), title]).collect();
    Preview { told, silent, names: names(&all, &readers, directory) }
}

/// Who would read it: the touched customers, or those of them that it is meant for.
pub fn readers(incident: &Incident, update: &Update, directory: &Directory) -> Vec<CustomerId> {
    let touched = incident.touched(directory);
    let meant = |customer: &CustomerId| update.customers.is_empty() || update.customers.contains(customer);
    touched.into_iter().filter(|customer| directory.customers.contains_key(customer) && meant(customer)).collect()
}

/// Customers that are named although somebody else reads it.
fn names(texts: &[&str], readers: &[CustomerId], directory: &Directory) -> Vec<Named> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let alone = |customer: &CustomerId| readers.iter().all(|reader| reader == customer);
    let mut found = Vec::new();
    let mut look = |customer: &CustomerId, name: &str| {
        let wanted = name.trim().to_lowercase();
        if wanted.chars().count() >= NAME_MIN && !alone(customer) && texts.iter().any(|text| has(text, &wanted)) {
            found.push(Named { customer: customer.clone(), words: name.trim().to_owned() });
        }
    };
    for (id, customer) in &directory.customers {
        look(id, &customer.name);
        if !customer.name.trim().eq_ignore_ascii_case(&id.0) {
            look(id, &id.0);
        }
    }
    for service in directory.services.values() {
        // A name that a shared service or another reader's has as well gives nobody away.
        let common = directory.services.values().any(|other| {
            other.name.eq_ignore_ascii_case(&service.name)
                && other.customer != service.customer
                && other.customer.as_ref().is_none_or(|owner| readers.contains(owner))
        });
        if let Some(owner) = service.customer.as_ref().filter(|_| !common) {
            look(owner, &service.name);
        }
    }
    found.sort_unstable();
    found.dedup_by(|a, b| a.customer == b.customer && a.words.eq_ignore_ascii_case(&b.words));
    found
}

/// As words of their own, not within others.
fn has(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

//! What a customer sees of an incident, and nothing else: pages, feeds, mails, stakeholders and the hotline ask here.

use jiff::Timestamp;

use super::{Affected, Incident, Phase, Update, in_language};
use crate::directory::{Directory, Language};
use crate::ids::CustomerId;

/// An incident in one customer's eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<'a> {
    /// The whole of it; only its id, reference, kind and times are the customer's to see.
    incident: &'a Incident,
    /// The title that they were told, as it was written first.
    pub title: &'a str,
    /// The same in other languages.
    titles: &'a [(Language, String)],
    /// As the last update published to them says.
    pub phase: Phase,
    /// Their own services and shared ones, as they are now.
    pub affected: Vec<&'a Affected>,
    /// What was published to them, oldest first; never empty.
    pub updates: Vec<&'a Update>,
}

impl<'a> Seen<'a> {
    /// Its reference.
    pub fn reference(&self) -> &str {
        &self.incident.reference
    }

    /// Its identity.
    pub const fn id(&self) -> crate::ids::IncidentId {
        self.incident.id
    }

    /// Disturbance or planned work.
    pub const fn kind(&self) -> super::Kind {
        self.incident.kind
    }

    /// Their title in this language, if it was written in it; else as it is.
    pub fn title_in(&self, language: &Language) -> &'a str {
        in_language(self.titles, language).unwrap_or(self.title)
    }

    /// Since when; see [`Incident::since`].
    pub fn since(&self) -> Timestamp {
        self.incident.since(self.updates.first().map(|update| update.at))
    }

    /// Planned work: from, until.
    pub const fn scheduled(&self) -> Option<(Timestamp, Timestamp)> {
        self.incident.scheduled
    }

    /// By when they hear again, if that is promised and it goes on for them.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.incident.update_due.filter(|_| self.is_open())
    }

    /// Whether it goes on, as far as they were told.
    pub const fn is_open(&self) -> bool {
        !self.phase.is_over()
    }

    /// When it was over, as far as they were told.
    pub fn over_at(&self) -> Option<Timestamp> {
        self.updates.last().filter(|update| update.phase.is_over()).map(|update| update.at)
    }
}

impl Incident {
    /// What this customer sees; `None`: nothing. It must be touched, something must be published to it, and it is no drill. One that
    /// was added later sees nothing until the next word goes out (which is looked at with its readers in mind): neither text nor
    /// title that others were told before.
    pub fn seen_by<'a>(&'a self, customer: &'a CustomerId, directory: &Directory) -> Option<Seen<'a>> {
        if !self.touches(customer, directory) {
            return None;
        }
        let updates = self.published_to(customer, directory);
        let phase = updates.last()?.phase;
        let (title, titles) = self.title_told(&updates)?;
        Some(Seen { incident: self, title, titles, phase, affected: self.services_of(customer, directory), updates })
    }

    /// The title of who has read these updates, oldest first: that of the last one which was meant for some only and had a title of its
    /// own, else the incident's.
    pub(crate) fn title_told<'a>(&'a self, read: &[&'a Update]) -> Option<(&'a str, &'a [(Language, String)])> {
        let own = || Some((self.public_title.as_deref()?, self.public_titles.as_slice()));
        let told = read.iter().rev().find_map(|update| Some((*update, update.heading.as_ref()?)));
        let special = told.filter(|(update, _)| !update.customers.is_empty());
        special.map(|(_, heading)| (heading.title.as_str(), heading.others.as_slice())).or_else(own)
    }

    /// Whether this customer is touched: named, or by a service of its own or a shared one.
    pub fn touches(&self, customer: &CustomerId, directory: &Directory) -> bool {
        let known = directory.customers.contains_key(customer);
        known && (self.customers.contains(customer) || !self.services_of(customer, directory).is_empty())
    }
}

impl Update {
    /// It is out.
    pub const fn is_published(&self) -> bool {
        matches!(self.state, super::UpdateState::Published { .. })
    }

    /// Whether it was for this customer when it went out: addressed to it, or to all who were touched then, and it was one of them.
    /// `before`: it had read one before; a word that names no service is for those too.
    pub fn was_for(&self, customer: &CustomerId, directory: &Directory, before: bool) -> bool {
        if !self.customers.is_empty() {
            return self.customers.contains(customer);
        }
        let theirs = |affected: &Affected| {
            let service = directory.services.get(&affected.service);
            service.is_some_and(|service| service.customer.as_ref().is_none_or(|owner| owner == customer))
        };
        let touched = if self.affected.is_empty() { before } else { self.affected.iter().any(theirs) };
        touched || self.named.contains(customer)
    }

    /// The words in this language, if they were written in it; else as they are.
    pub fn text_in(&self, language: &Language) -> &str {
        in_language(&self.translations, language).unwrap_or(&self.text)
    }
}

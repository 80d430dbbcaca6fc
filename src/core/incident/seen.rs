//! What a customer sees of an incident, and nothing else: pages, feeds, mails, stakeholders and the hotline ask here.

use jiff::Timestamp;

use super::{Affected, Incident, Phase, Update};
use crate::directory::{Directory, Language};
use crate::ids::CustomerId;

/// An incident in one customer's eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<'a> {
    /// The whole of it; only its id, reference, kind and times are the customer's to see.
    incident: &'a Incident,
    /// The public title.
    pub title: &'a str,
    /// As the last update published to them says.
    pub phase: Phase,
    /// Their own services and shared ones, as they are now.
    pub affected: Vec<&'a Affected>,
    /// What was published to them, oldest first; never empty.
    pub updates: Vec<&'a Update>,
}

impl Seen<'_> {
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

    /// Since when: the beginning if it is known, else when it was noticed; of planned work when it is to begin.
    pub fn since(&self) -> Timestamp {
        match (self.incident.scheduled, &self.incident.began) {
            (Some((from, _)), _) => from,
            (None, Some(began)) => began.at,
            (None, None) => self.incident.detected_at,
        }
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
    /// What this customer sees; `None`: nothing. It must be touched, something must be published to it, and it is no drill.
    pub fn seen_by<'a>(&'a self, customer: &'a CustomerId, directory: &Directory) -> Option<Seen<'a>> {
        if !self.touches(customer, directory) {
            return None;
        }
        let updates: Vec<&Update> = self.published_to(customer).collect();
        let phase = updates.last()?.phase;
        let title = self.public_title.as_deref()?;
        Some(Seen { incident: self, title, phase, affected: self.services_of(customer, directory), updates })
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

    /// The words in this language, if they were written in it; else as they are.
    pub fn text_in(&self, language: &Language) -> &str {
        let main = |language: &Language| language.0.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let exact = self.translations.iter().find(|(known, _)| known == language);
        let close = || self.translations.iter().find(|(known, _)| main(known) == main(language));
        exact.or_else(close).map_or(self.text.as_str(), |(_, words)| words)
    }
}

//! Open incidents in memory: what calls tell their callers, and what the clock looks at. Follows the database within moments, on
//! every node; while that is away, what was known last counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hotline_core::call::outside::KnownIncident;
use hotline_core::directory::Language;
use hotline_core::ids::{CustomerId, IncidentId};
use hotline_core::incident::{Incident, Phase};
use hotline_core::private::Private;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::{Change, Switch};
use crate::clock::now;
use crate::store::StoreError;

/// Characters of an update that are spoken.
const SPOKEN_MAX: usize = 600;
/// Characters that the voice speaks at a time.
const PIECE_MAX: usize = 78;

/// The open incidents.
#[derive(Debug, Default)]
pub struct Memory {
    open: ArcSwap<BTreeMap<IncidentId, Arc<Incident>>>,
    writing: Mutex<()>,
    pub(super) poke: Notify,
}

impl Memory {
    fn put(&self, incident: &Incident) {
        let _one_by_one = self.writing.lock();
        let mut open = BTreeMap::clone(&self.open.load());
        let newer = open.get(&incident.id).is_some_and(|known| known.version > incident.version);
        if newer {
            return;
        }
        if incident.is_open() {
            open.insert(incident.id, Arc::new(incident.clone()));
        } else {
            open.remove(&incident.id);
        }
        self.open.store(Arc::new(open));
    }

    fn replace(&self, incidents: Vec<Incident>) {
        let _one_by_one = self.writing.lock();
        let before = self.open.load();
        let open = incidents.into_iter().filter(Incident::is_open).map(|incident| {
            // What was changed here while the database was asked is newer.
            let newer = before.get(&incident.id).filter(|known| known.version > incident.version).cloned();
            (incident.id, newer.unwrap_or_else(|| Arc::new(incident)))
        });
        self.open.store(Arc::new(open.collect()));
    }

    /// All of them, the oldest first.
    pub fn open(&self) -> Arc<BTreeMap<IncidentId, Arc<Incident>>> {
        self.open.load_full()
    }
}

impl Switch {
    /// The open incidents, from memory.
    pub fn open_incidents(&self) -> Vec<Arc<Incident>> {
        self.0.incidents.open().values().cloned().collect()
    }

    /// Looks all of them up; what changed is told.
    pub async fn reload_incidents(&self) -> Result<(), StoreError> {
        let open = self.0.store.open_and_since(now().wall).await?;
        let before = self.0.incidents.open();
        self.0.incidents.replace(open);
        let after = self.0.incidents.open();
        for (id, incident) in after.iter() {
            if before.get(id).is_none_or(|known| known.version != incident.version) {
                self.prepare_incident(incident);
                self.tell(Change::Incident(*id));
            }
        }
        for id in before.keys().filter(|id| !after.contains_key(id)) {
            self.tell(Change::Incident(*id));
        }
        Ok(())
    }

    /// Another node changed it.
    pub(in crate::switch) async fn hear_of_incident(&self, id: IncidentId) {
        match self.0.store.incident(id).await {
            Ok(Some(incident)) => self.remember_incident(&incident),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "an incident of another node can't be read; looked at again soon"),
        }
        self.tell(Change::Incident(id));
        self.0.incidents.poke.notify_one();
    }

    pub(super) fn remember_incident(&self, incident: &Incident) {
        self.0.incidents.put(incident);
        self.prepare_incident(incident);
    }

    /// What callers will hear is spoken beforehand, in every language: a call waits for nothing.
    fn prepare_incident(&self, incident: &Incident) {
        if !incident.is_published() || incident.drill.is_some() || !incident.is_open() {
            return;
        }
        let mut words = Vec::new();
        for language in self.0.prompts.languages() {
            let title = incident.title_in(&language).into_iter().flat_map(pieces);
            let published = incident.updates.iter().rev().filter(|update| update.is_published());
            let texts = published.flat_map(|update| pieces(update.text_in(&language)));
            words.extend(title.chain(texts).map(|piece| (language.clone(), piece)));
        }
        self.0.prompts.prepare(words);
    }

    /// What a caller of this customer is told before waiting: the open incident of theirs that was noticed first, as it was
    /// published to them. From memory, at once.
    pub(in crate::switch) fn known_incident(
        &self,
        customer: &CustomerId,
        language: &Language,
        caller: Option<&Private<String>>,
    ) -> Option<KnownIncident> {
        let directory = self.directory();
        let open = self.0.incidents.open();
        let mut known: Vec<_> = open
            .values()
            .filter_map(|incident| incident.seen_by(customer, &directory))
            .filter(|seen| seen.is_open() && seen.phase != Phase::Scheduled)
            .collect();
        known.sort_by_key(|seen| (seen.since(), seen.id()));
        let seen = known.first()?;
        let update = seen.updates.last()?;
        let can_tell = caller.is_some_and(|caller| self.can_text(caller.reveal()));
        Some(KnownIncident {
            id: seen.id(),
            reference: seen.reference().to_owned(),
            title: pieces(seen.title_in(language)).into_iter().map(Into::into).collect(),
            since: seen.since(),
            update: pieces(update.text_in(language)).into_iter().map(Into::into).collect(),
            can_tell,
        })
    }
}

/// A text in pieces that the voice can speak: whole sentences where they are short enough, else whole words.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let text: String = text.chars().take(SPOKEN_MAX).collect();
    let mut pieces = Vec::new();
    for sentence in text.split_inclusive(['.', '!', '?', ';', ':', '\n']) {
        let mut piece = String::new();
        for word in sentence.split_whitespace() {
            let word: String = word.chars().take(PIECE_MAX).collect();
            if !piece.is_empty() && piece.chars().count() + word.chars().count() + 1 > PIECE_MAX {
                pieces.push(std::mem::take(&mut piece));
            }
            if !piece.is_empty() {
                piece.push(' ');
            }
            piece.push_str(&word);
        }
        if piece.chars().any(char::is_alphanumeric) {
            pieces.push(piece);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{PIECE_MAX, pieces};

    #[test]
    fn long_texts_are_spoken_in_pieces() {
        assert_eq!(pieces("Mail is slow. We are\non it!"), ["Mail is slow.", "We are", "on it!"]);
        assert_eq!(pieces(" . … \n"), Vec::<String>::new());
        let long = "word ".repeat(200);
        let spoken = pieces(&long);
        assert!(spoken.iter().all(|piece| piece.chars().count() <= PIECE_MAX && piece.ends_with("word")));
        assert!(spoken.len() > 5);
    }
}

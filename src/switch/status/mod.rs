//! Status pages as they run: everything that any visitor sees, in memory.
//!
//! | file | does |
//! |---|---|
//! | `token` | visitors' tokens and links |
//! | `words` | phases and states in two languages |
//! | `shape` | statuspage.io's JSON |
//! | `subscribe` | who wants to be told; who proves what |
//! | `tell` | what is sent to them, once each |
//! | `letter` | the mails |
//!
//! The snapshot is swapped as a whole: at once when this node or another says that an incident changed, and by a look every
//! second in case nobody said so. Without the database it stays as it is; a start without the database takes the copy of the data
//! folder. What is seen of it is decided by `hotline_core::status::view` alone.

pub mod letter;
pub mod shape;
pub mod subscribe;
pub mod tell;
pub mod token;
pub mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use hotline_core::directory::Directory;
use hotline_core::ids::{ServiceId, StatusPageId};
use hotline_core::incident::Incident;
use hotline_core::private::Private;
use hotline_core::status::{self, DAYS, Existence, Lessons, StatusPage, View, Visitor, World};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, OnceCell};

use super::Switch;
use crate::clock::now;
use crate::store::StoreError;
use crate::store::status::{Mark, Told};

/// What all pages are made of at a moment.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every change: what was made of an older one is stale.
    pub generation: u64,
    /// The pages, and whose services are whose.
    pub directory: Arc<Directory>,
    /// Open ones, and those of the last 90 days, of which anything was published.
    pub incidents: Arc<Vec<Incident>>,
    /// Since when services are there.
    pub since: Arc<Existence>,
    /// Published postmortems.
    pub lessons: Arc<Lessons>,
}

impl Snapshot {
    /// The page of this name.
    pub fn page(&self, id: &str) -> Option<&StatusPage> {
        self.directory.status_pages.get(&StatusPageId::from(id))
    }

    /// What this visitor sees of it; `None`: nothing.
    pub fn view(&self, page: &StatusPage, visitor: &Visitor, at: Timestamp) -> Option<View> {
        let (incidents, lessons) = (self.incidents.as_slice(), &*self.lessons);
        let world = World { incidents, lessons, directory: &self.directory, since: &self.since };
        status::view(page, visitor, &world, at)
    }
}

/// The switch's part of status pages.
#[derive(Debug, Default)]
pub(super) struct Pages {
    snapshot: ArcSwapOption<Snapshot>,
    /// One refresh at a time; what the database said at the last one.
    seen: tokio::sync::Mutex<Option<Mark>>,
    /// For the swap itself.
    swapping: Mutex<()>,
    key: OnceCell<Private<String>>,
    poke: Notify,
}

impl Switch {
    /// What all pages are made of, with the directory in force; `None`: nothing is known yet.
    pub fn status_snapshot(&self) -> Option<Arc<Snapshot>> {
        let snapshot = self.0.status.snapshot.load_full()?;
        if Arc::ptr_eq(&snapshot.directory, &self.directory()) {
            return Some(snapshot);
        }
        self.swap_status(None)
    }

    /// Swaps; `None`: only the directory is another.
    fn swap_status(&self, news: Option<Told>) -> Option<Arc<Snapshot>> {
        let _turn = self.0.status.swapping.lock();
        let (before, directory) = (self.0.status.snapshot.load_full(), self.directory());
        let (incidents, since, lessons) = match (news, &before) {
            (Some(told), _) => (Arc::new(told.incidents), Arc::new(told.since), Arc::new(told.lessons)),
            (None, Some(before)) => (before.incidents.clone(), before.since.clone(), before.lessons.clone()),
            (None, None) => return None,
        };
        let generation = before.as_ref().map_or(1, |before| before.generation + 1);
        let unchanged = before.filter(|before| {
            Arc::ptr_eq(&before.directory, &directory)
                && before.incidents == incidents
                && before.since == since
                && before.lessons == lessons
        });
        if unchanged.is_some() {
            return unchanged;
        }
        let snapshot = Arc::new(Snapshot { generation, directory, incidents, since, lessons });
        self.0.status.snapshot.store(Some(snapshot.clone()));
        self.0.status.poke.notify_one();
        Some(snapshot)
    }

    /// At the start: from the database, else from the copy in the data folder.
    pub async fn load_status(&self) {
        let Err(error) = self.refresh_status().await else { return };
        let store = self.0.store.clone();
        let cached = tokio::task::spawn_blocking(move || store.cached_incidents()).await.ok().flatten();
        tracing::warn!(%error, cached = cached.is_some(), "status pages begin without the database, as they last were");
        if let Some(cached) = cached {
            self.swap_status(Some(cached));
        }
    }

    /// Reads again what changed since. Cheap when nothing did.
    pub async fn refresh_status(&self) -> Result<(), StoreError> {
        let mut seen = self.0.status.seen.lock().await;
        let at = now().wall;
        let horizon = at - SignedDuration::from_hours(24 * i64::from(DAYS));
        let mark = self.0.store.incidents_mark(horizon).await?;
        let directory = self.directory();
        let services = services(&directory);
        let current = self.0.status.snapshot.load_full();
        let knows = |current: &Arc<Snapshot>| services.iter().all(|service| current.since.contains_key(service));
        if *seen == Some(mark) && current.as_ref().is_some_and(knows) {
            // What became too old is no longer seen either way: the view has its own horizon.
            return Ok(());
        }
        let since = self.0.store.services_since(&services, at).await?;
        let mut incidents = self.0.store.open_and_since(horizon).await?;
        incidents.retain(|incident| incident.drill.is_none() && incident.is_published());
        let lessons = self.0.store.lessons(horizon).await?;
        *seen = Some(mark);
        let store = self.0.store.clone();
        let told = Told { incidents, since, lessons };
        let copy = told.clone();
        self.swap_status(Some(told));
        // Waited for, so that an older copy never replaces a newer one.
        let kept = tokio::task::spawn_blocking(move || store.cache_incidents(&copy)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!("{error}");
        }
        Ok(())
    }

    /// Resolves when something of the snapshot changed since the last look. For the one job that tells subscribers.
    pub async fn status_poked(&self) {
        self.0.status.poke.notified().await;
    }

    /// The key of links and cookies, the same on all nodes; `None`: the database has never been there.
    async fn status_key(&self) -> Option<&Private<String>> {
        let made = self.0.status.key.get_or_try_init(|| async {
            let candidate = Private::new(hex::encode(rand::random::<[u8; 32]>()));
            self.0.store.shared_secret("status", &candidate).await.inspect_err(|error| {
                tracing::warn!(%error, "the key of status pages can't be read; visitors by mail are strangers meanwhile");
            })
        });
        made.await.ok()
    }
}

/// The services that pages tell about.
fn services(directory: &Directory) -> Vec<ServiceId> {
    let all = directory.status_pages.values().flat_map(|page| &page.components);
    let mut services: Vec<ServiceId> = all.map(|component| component.service.clone()).collect();
    services.sort_unstable();
    services.dedup();
    services
}

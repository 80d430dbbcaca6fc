//! The runbooks and articles in force, read once and kept in memory: an alert, a call and a page ask here and wait for nothing.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hotline_core::directory::Directory;
use hotline_core::ids::{CustomerId, ServiceId};
use hotline_core::runbook::{self, Document, Subject};

use super::Switch;
use crate::clock::now;
use crate::store::runbooks::{NewRunbook, RunbookFilter, RunbookRow, Saved};
use crate::store::{Store, StoreError};

/// The starters: name, text. Made once; who takes one away has it away.
const STARTERS: [(&str, &str); 3] = [
    ("disk-full", include_str!("starters/disk-full.md")),
    ("server-down", include_str!("starters/server-down.md")),
    ("vpn-trouble", include_str!("starters/vpn-trouble.md")),
];
/// Of an alert's runbooks this many are named on the telephone.
const SPOKEN: usize = 2;

/// A document with its name.
pub type Shelved = (String, Document);

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct Library(ArcSwap<Vec<Shelved>>);

/// Why a text was not saved.
#[derive(Debug, thiserror::Error)]
pub enum RunbookError {
    /// What is wrong with it.
    #[error("the text has mistakes")]
    Faults(Vec<runbook::Fault>),
    /// Somebody else saved before; the version that is there.
    #[error("somebody else saved it meanwhile")]
    Overtaken(i64),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A text to be saved.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The document's name.
    pub id: String,
    /// Markdown.
    pub text: String,
    /// The version that the author saw (0: none); `None`: whatever is there.
    pub seen: Option<i64>,
    /// Take it out of use.
    pub archive: bool,
    /// Who, as shown.
    pub by: String,
}

impl Switch {
    /// Reads all documents anew. One that can't be read any more (the format of a later release) is left out.
    pub async fn refresh_library(&self) -> Result<(), StoreError> {
        let rows = self.0.store.runbooks(&RunbookFilter::default()).await?;
        let shelved = rows.into_iter().filter_map(|row| Some((row.id, runbook::read(&row.body).ok()?)));
        self.0.library.0.store(Arc::new(shelved.collect()));
        Ok(())
    }

    /// The documents that belong to an alert, those that say most first. By title, service, customer and source.
    pub fn runbooks_for(
        &self,
        title: &str,
        service: Option<&ServiceId>,
        customer: Option<&CustomerId>,
        source: Option<&str>,
    ) -> Vec<Shelved> {
        let all = self.0.library.0.load();
        let directory = self.directory();
        let category = service.and_then(|id| directory.services.get(id)?.category.as_deref());
        let subject = Subject { title, service, customer, category, source };
        runbook::matching(&all, &subject).into_iter().cloned().collect()
    }

    /// What is said on the telephone about an alert's runbooks; `None`: there is none.
    pub(super) fn spoken_runbooks(
        &self,
        title: &str,
        service: Option<&ServiceId>,
        customer: Option<&CustomerId>,
        source: Option<&str>,
    ) -> Option<String> {
        let found = self.runbooks_for(title, service, customer, source);
        let titles: Vec<&str> = found
            .iter()
            .filter(|(_, document)| document.kind == runbook::Kind::Runbook)
            .map(|(_, document)| document.title.as_str())
            .take(SPOKEN)
            .collect();
        (!titles.is_empty()).then(|| format!("Runbook: {}.", titles.join("; ")))
    }

    /// What is in force.
    pub fn library(&self) -> Arc<Vec<Shelved>> {
        self.0.library.0.load_full()
    }

    /// Makes the starters, once for ever.
    pub async fn make_starters(&self) -> Result<(), StoreError> {
        for (id, text) in STARTERS {
            let what = format!("runbook {id}");
            if !self.0.store.make_once(&what, now().wall).await? {
                continue;
            }
            let draft = Draft {
                id: id.to_owned(),
                text: text.to_owned(),
                seen: Some(0),
                archive: false,
                by: "the hotline".to_owned(),
            };
            let saved = save(&self.0.store, &self.directory(), &draft).await;
            if let Err(RunbookError::Store(error)) = saved {
                self.0.store.unmake(&what).await?;
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Checks a text against the format and the directory and saves it as a new version. In force when the library was refreshed.
pub async fn save(store: &Store, directory: &Directory, draft: &Draft) -> Result<i64, RunbookError> {
    let new = checked(draft, directory).map_err(RunbookError::Faults)?;
    match store.save_runbook(&new, now().wall).await? {
        Saved::Version(version) => Ok(version),
        Saved::Overtaken(version) => Err(RunbookError::Overtaken(version)),
    }
}

fn checked(draft: &Draft, directory: &Directory) -> Result<NewRunbook, Vec<runbook::Fault>> {
    let document = runbook::read(&draft.text)?;
    // What is taken out of use may name what is gone.
    let unknown = if draft.archive { Vec::new() } else { document.unknown_names(&draft.text, directory) };
    if !unknown.is_empty() {
        return Err(unknown);
    }
    Ok(NewRunbook {
        words: runbook::index(&format!("{}\n{}", document.title, draft.text)),
        row: RunbookRow {
            id: draft.id.clone(),
            kind: document.kind.word().to_owned(),
            title: document.title,
            customer: document.customer.map(|customer| customer.0),
            owner: document.owner.map(|owner| owner.0),
            review: document.review.map(|day| day.to_string()),
            version: 0,
            body: draft.text.clone(),
            archived: i64::from(draft.archive),
            updated_at: 0,
            updated_by: draft.by.clone(),
        },
        seen: draft.seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starters_are_right() {
        for (id, text) in STARTERS {
            let read = runbook::read(text).unwrap_or_else(|faults| panic!("{id}: {faults:?}"));
            assert!(read.steps.len() >= 5 && !read.detection.is_empty() && !read.contacts.is_empty(), "{id}");
            assert!(read.unknown_names(text, &Directory::default()).is_empty(), "{id}");
            assert!(read.steps.iter().any(|step| step.part == runbook::Part::Verification), "{id}");
        }
    }

    #[test]
    fn the_starters_fit_what_people_write() {
        let all: Vec<Shelved> =
            STARTERS.iter().map(|(id, text)| ((*id).to_owned(), runbook::read(text).unwrap())).collect();
        let first = |title| {
            let found = runbook::matching(&all, &Subject { title, ..Subject::default() });
            found.first().map(|(id, _)| id.as_str())
        };
        for (title, id) in [
            ("Disk full on db-7", Some("disk-full")),
            ("Speicherplatz auf fs01 unter 5 %", Some("disk-full")),
            ("Host web-3 is DOWN", Some("server-down")),
            ("Server nicht erreichbar", Some("server-down")),
            ("VPN tunnel to Hamburg flaps", Some("vpn-trouble")),
            ("Printer jam", None),
        ] {
            assert_eq!(first(title), id, "{title}");
        }
    }
}

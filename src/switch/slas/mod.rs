//! Promises to customers: contracts revision by revision, and the clocks of what is open.

pub mod body;
mod report;
mod say;
mod sign;
mod stand;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hotline_core::directory::Directory;
use hotline_core::sla::Terms;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::Switch;
use crate::clock::now;
use crate::store::StoreError;

pub use report::{Due, ReportError};
pub use sign::{NAME_MAX, Sheet, SignError, Signing};
pub use stand::{Promises, Standing};
pub use watch::WaitingError;

/// Revisions remembered; they never change.
const REMEMBERED: usize = 2_000;

/// What is known of contracts.
#[derive(Debug, Default)]
pub(super) struct Contracts {
    /// What this node last kept.
    kept: Mutex<Kept>,
    /// What revisions say.
    terms: Mutex<HashMap<(String, u32), Arc<Terms>>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The hash of each contract.
    hashes: BTreeMap<String, String>,
    /// The directory that they were read from.
    directory: Option<Arc<Directory>>,
}

impl Switch {
    /// Keeps a revision of every contract that has changed since this node last looked. A node that has still the older documents keeps
    /// nothing: its own contracts did not change.
    pub async fn keep_contracts(&self, by: &str) -> Result<(), StoreError> {
        let directory = self.directory();
        let new: Vec<_> = {
            let kept = self.0.contracts.kept.lock();
            if kept.directory.as_ref().is_some_and(|looked| Arc::ptr_eq(looked, &directory)) {
                return Ok(());
            }
            let all = directory.slas.values().map(|sla| body::revision(sla, &directory));
            all.filter(|new| kept.hashes.get(&new.sla) != Some(&new.sha256)).collect()
        };
        let made = if new.is_empty() { Vec::new() } else { self.0.store.keep_revisions(&new, now().wall, by).await? };
        for (sla, revision) in &made {
            tracing::info!(%sla, revision, "a contract has a new revision");
        }
        let mut kept = self.0.contracts.kept.lock();
        kept.hashes.extend(new.into_iter().map(|new| (new.sla, new.sha256)));
        kept.directory = Some(directory);
        Ok(())
    }

    /// What a revision says; `None`: there is none.
    pub async fn terms(&self, sla: &str, revision: u32) -> Result<Option<Arc<Terms>>, StoreError> {
        let key = (sla.to_owned(), revision);
        if let Some(terms) = self.0.contracts.terms.lock().get(&key) {
            return Ok(Some(terms.clone()));
        }
        let rows = self.0.store.revisions(sla).await?;
        let mut known = self.0.contracts.terms.lock();
        if known.len() > REMEMBERED {
            known.clear();
        }
        for row in rows {
            if let Some(terms) = body::terms(&row.body, row.number) {
                known.insert((row.sla, row.number), Arc::new(terms));
            }
        }
        Ok(known.get(&key).cloned())
    }

    /// The revision of a contract that was in force at that moment; `None`: there was none yet.
    pub(in crate::switch) async fn terms_at(&self, sla: &str, at: Timestamp) -> Result<Option<Arc<Terms>>, StoreError> {
        let rows = self.0.store.revisions(sla).await?;
        match rows.iter().find(|row| row.since <= at) {
            Some(row) => self.terms(sla, row.number).await,
            None => Ok(None),
        }
    }
}

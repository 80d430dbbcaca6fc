//! Many documents of one kind in one go: all of them or none.

use hotline_core::fact::Actor;
use serde_json::Value;

use super::{DOCUMENTS_MAX, DocumentError, Fault, InForce, Loaded, TRIES, audited, keep_copy, name, shown_actor};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::documents::{DocumentChange, DocumentRow, Documents};
use crate::switch::{Switch, secrets, strict};

/// What became (or would become) of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It was not there.
    Created,
    /// Something of it is new.
    Changed,
    /// It was so already.
    Same,
}

impl Switch {
    /// Puts these fields (RFC 7396) into documents of a kind that need no key of their own, new ones among them: checked all together, kept in
    /// one transaction under one revision. `keep` false: only says what would become of them. What each became, in their order.
    pub async fn write_documents(
        &self,
        kind: &str,
        patches: &[(String, Value)],
        keep: bool,
        by: &Actor,
    ) -> Result<Vec<Became>, DocumentError> {
        let mut faults = Vec::new();
        for (id, body) in patches {
            let place = name(kind, id);
            if secrets::is_forged(body) {
                faults.push(fault(&place, "`$sealed` is written by the hotline only; send the secret itself"));
            }
            faults.extend(strict::unreadable(&place, body));
        }
        if !faults.is_empty() {
            return Err(DocumentError::Invalid(faults));
        }
        let _turn = self.0.writing.lock().await;
        for _ in 0..TRIES {
            let documents = self.0.store.documents().await?;
            if let Some(became) = self.try_write_many(documents, kind, patches, keep, by).await? {
                return Ok(became);
            }
        }
        Err(StoreError::Timeout.into())
    }

    /// `None`: another node was faster.
    async fn try_write_many(
        &self,
        mut documents: Documents,
        kind: &str,
        patches: &[(String, Value)],
        keep: bool,
        by: &Actor,
    ) -> Result<Option<Vec<Became>>, DocumentError> {
        let in_file: Vec<Fault> = {
            let in_force = self.0.in_force.load();
            let of_file = |id: &String| {
                in_force.things.get(kind).and_then(|of_kind| of_kind.get(id)).is_some_and(|thing| thing.in_file)
            };
            let what = "it stands in hotline.toml and can only be changed there; leave its line out";
            patches.iter().filter(|(id, _)| of_file(id)).map(|(id, _)| fault(&name(kind, id), what)).collect()
        };
        if !in_file.is_empty() {
            return Err(DocumentError::Invalid(in_file));
        }
        let (wall, checked_at, who) = (now().wall, documents.revision, shown_actor(by));
        let (mut became, mut changes, mut deeds) = (Vec::new(), Vec::new(), Vec::new());
        for (id, patch) in patches {
            let place = name(kind, id);
            let at = documents.items.iter().position(|row| row.kind == kind && row.id == *id);
            let old: Option<Value> = at.and_then(|at| serde_json::from_str(&documents.items[at].body).ok());
            let old = old.map(|body| secrets::opened(&self.0.seal, &place, body, &mut 0));
            let known = old.as_ref().map(secrets::shown).unwrap_or_default();
            let body = secrets::kept(secrets::patched(&known, patch), old.as_ref());
            if old.as_ref() == Some(&body) {
                became.push(Became::Same);
                continue;
            }
            became.push(if at.is_some() { Became::Changed } else { Became::Created });
            let sealed = secrets::sealed(&self.0.seal, &place, &body).to_string();
            let change =
                DocumentChange { kind: kind.to_owned(), id: id.clone(), body: Some(sealed.clone()), by: who.clone() };
            deeds.push(audited(by, &change, old.as_ref(), Some(&body)));
            let row = DocumentRow {
                kind: kind.to_owned(),
                id: id.clone(),
                version: checked_at + 1,
                body: sealed,
                updated_at: wall.as_millisecond(),
                updated_by: who.clone(),
            };
            match at {
                Some(at) => documents.items[at] = row,
                None => documents.items.push(row),
            }
            changes.push(change);
        }
        if documents.items.len() > DOCUMENTS_MAX {
            return Err(DocumentError::Full);
        }
        let places: Vec<String> = patches.iter().map(|(id, _)| name(kind, id)).collect();
        let loaded = self.checked(&documents, &places).await?;
        if changes.is_empty() || !keep {
            return Ok(Some(became));
        }
        let Some(revision) = self.0.store.write_documents(&changes, checked_at, &deeds, wall).await? else {
            return Ok(None);
        };
        documents.revision = revision;
        self.put_in_force(Loaded { in_force: InForce { revision, ..loaded.in_force }, ..loaded }).await?;
        if let Err(error) = self.keep_contracts(&shown_actor(by)).await {
            tracing::debug!(%error, "revisions of contracts are kept with the next look");
        }
        keep_copy(&self.0.store, &documents).await;
        Ok(Some(became))
    }
}

fn fault(place: &str, what: &str) -> Fault {
    Fault { document: Some(place.to_owned()), field: None, place: place.to_owned(), what: what.to_owned() }
}

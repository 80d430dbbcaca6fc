//! The directory as it is put together: hotline.toml, the demo, and the documents that were written through the API.
//!
//! A change is checked with everything else before it is kept: a reference that would lead nowhere is refused, and says
//! where it stands. Then it is kept durably, the snapshot is swapped, phones and trunks follow, and the other nodes
//! see the new revision within seconds. Calls that run keep the snapshot they began with.

mod many;

use std::collections::BTreeMap;
use std::sync::Arc;

use hotline_core::directory::{Address, Contact, Destination, Directory};
use hotline_core::fact::Actor;
use hotline_core::ids::UserId;
use hotline_core::private::Private;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Switch, secrets, strict};
use crate::clock::now;
use crate::sip::SipSettings;
use crate::store::alerts::Audited;
use crate::store::documents::{DocumentChange, DocumentRow, Documents};
use crate::store::seal::Seal;
use crate::store::{Store, StoreError};

pub use many::Became;

/// Somebody else writes at the same time: looked at again so often.
const TRIES: u32 = 5;
/// A start leaves mistaken documents out in so many rounds.
const ROUNDS: usize = 20;
/// Documents of all kinds together.
pub const DOCUMENTS_MAX: usize = 50_000;

/// A document in clear, on its way into the directory.
#[derive(Clone, PartialEq)]
pub struct Clear {
    /// `users`, `escalation_policies`.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The keys of its table in the file.
    pub body: Value,
}

impl std::fmt::Debug for Clear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// A configured thing, wherever it was written. Its body holds secrets.
#[derive(Clone, PartialEq)]
pub struct Thing {
    /// The keys of its table.
    pub body: Value,
    /// It stands in the file (or is the demo's): not to be changed here.
    pub in_file: bool,
}

impl std::fmt::Debug for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Thing(in_file: {})", self.in_file)
    }
}

/// By kind and name.
pub type Things = BTreeMap<String, BTreeMap<String, Thing>>;

/// One thing that is wrong, or that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The document (`users/ada`); `None`: hotline.toml.
    pub document: Option<String>,
    /// Its field.
    pub field: Option<String>,
    /// For people: the document, or file and line.
    pub place: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// A checked directory with everything that follows from it.
#[derive(Debug, Clone)]
pub struct Composed {
    /// The snapshot.
    pub directory: Directory,
    /// Phones and trunks with their secrets.
    pub sip: SipSettings,
    /// Worth saying.
    pub warnings: Vec<String>,
    /// As they were written.
    pub things: Things,
}

/// What puts file, environment, demo and documents together. Takes its time: not for async threads.
#[derive(Clone)]
pub struct Compose(pub Arc<PutTogether>);

/// From the documents to everything that is configured, or what is wrong with it.
pub type PutTogether = dyn Fn(&[Clear]) -> Result<Composed, Vec<Fault>> + Send + Sync;

impl std::fmt::Debug for Compose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compose")
    }
}

/// When and by whom a document was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Revision: the document's version.
    pub version: i64,
    /// Epoch ms.
    pub at: i64,
    /// As shown.
    pub by: String,
}

/// What is in force.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    /// Of the documents.
    pub revision: i64,
    /// Everything that is configured.
    pub things: Things,
    /// Of each document: by kind and name.
    pub written: BTreeMap<(String, String), Written>,
}

/// One thing, as it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its name.
    pub id: String,
    /// Without secrets.
    pub body: Value,
    /// It stands in the file.
    pub in_file: bool,
    /// `None`: it stands in the file.
    pub written: Option<Written>,
}

/// What must be so for a write to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// It is there, at one of these versions (empty: any).
    Version(Vec<i64>),
    /// It is not there.
    Absent,
}

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There is none of this name.
    #[error("there is no such document")]
    Unknown,
    /// It stands in hotline.toml (or is the demo's).
    #[error("it stands in hotline.toml and can only be changed there")]
    InFile,
    /// It is not as it was expected to be.
    #[error("it was changed meanwhile")]
    Changed,
    /// The document itself is wrong.
    #[error("the document is not valid")]
    Invalid(Vec<Fault>),
    /// Others need what is taken away or changed.
    #[error("others stand in the way")]
    InTheWay(Vec<Fault>),
    /// There are too many.
    #[error("there are {DOCUMENTS_MAX} documents already")]
    Full,
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The prompts that its flows name can't be read, or a fault of ours.
    #[error("{0}")]
    Unusable(String),
}

/// A write that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// As it is now; `None`: it is gone.
    pub shown: Option<Shown>,
    /// It was not there before.
    pub created: bool,
    /// The key that was made for it: told this once.
    pub key: Option<Private<String>>,
}

/// What somebody wants to do with a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// This is it, whole.
    Put(Value),
    /// These fields are new (RFC 7396).
    Patch(Value),
    /// It goes.
    Delete,
}

/// The documents of a start, put together with the rest.
#[derive(Debug)]
pub struct Loaded {
    /// To be put in force.
    pub composed: Composed,
    /// What goes with it.
    pub in_force: InForce,
}

/// At the start: the documents of the database, else those of the last run. What can't be used is left out and told; calls do
/// not wait for it. Faults in what the files say are an error.
pub async fn load(store: &Store, seal: &Seal, compose: &Compose) -> Result<Loaded, Vec<Fault>> {
    let documents = match store.documents().await {
        Ok(documents) => {
            keep_copy(store, &documents).await;
            documents
        }
        Err(error) => {
            let cached = store.cached_documents();
            tracing::warn!(%error, cached = cached.is_some(), "the documents could not be read at the start; the last known ones count");
            // Revision 0 is older than whatever the database has: it is read as soon as it is back.
            cached.map(|documents| Documents { revision: 0, ..documents }).unwrap_or_default()
        }
    };
    let (seal, compose) = (seal.clone(), compose.clone());
    let put_together = move || put_together(&documents, &seal, &compose);
    tokio::task::spawn_blocking(put_together).await.unwrap_or_else(|error| Err(vec![fault_of_ours(&error)]))
}

fn fault_of_ours(error: &dyn std::fmt::Display) -> Fault {
    Fault { document: None, field: None, place: "the directory".to_owned(), what: format!("a fault of ours: {error}") }
}

/// Waited for, so that an older copy never replaces a newer one.
async fn keep_copy(store: &Store, documents: &Documents) {
    let (store, documents) = (store.clone(), documents.clone());
    let written = tokio::task::spawn_blocking(move || store.cache_documents(&documents)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!("{error}");
    }
}

/// Leaves out documents that are mistaken until the rest fits together.
fn put_together(documents: &Documents, seal: &Seal, compose: &Compose) -> Result<Loaded, Vec<Fault>> {
    let (mut clear, mut told) = clear(&documents.items, seal);
    let mut composed = None;
    for _ in 0..ROUNDS {
        let faults = match (compose.0)(&clear) {
            Ok(done) => {
                composed = Some(done);
                break;
            }
            Err(faults) => faults,
        };
        let before = clear.len();
        clear.retain(|document| {
            let name = name(&document.kind, &document.id);
            let fault = faults.iter().find(|fault| fault.document.as_deref() == Some(name.as_str()));
            told.extend(fault.map(|fault| format!("{name} is left out: {}; mend it through the API", fault.what)));
            fault.is_none()
        });
        if clear.len() == before {
            if clear.is_empty() {
                return Err(faults);
            }
            // They fit together with each other but not with the file.
            told.extend(faults.iter().map(|fault| format!("{}: {}", fault.place, fault.what)));
            told.push("the documents of the API are left out: they don't fit the file".to_owned());
            clear.clear();
        }
    }
    let mut composed = match composed {
        Some(composed) => composed,
        None => (compose.0)(&[])?,
    };
    composed.warnings.extend(told);
    prove(&mut composed.directory, documents);
    let written = documents.items.iter().map(written).collect();
    let in_force = InForce { revision: documents.revision, things: composed.things.clone(), written };
    Ok(Loaded { composed, in_force })
}

fn written(row: &DocumentRow) -> ((String, String), Written) {
    let written = Written { version: row.version, at: row.updated_at, by: row.updated_by.clone() };
    ((row.kind.clone(), row.id.clone()), written)
}

/// As messages and the API's paths name it.
pub fn name(kind: &str, id: &str) -> String {
    if kind == "settings" { kind.to_owned() } else { format!("{}/{id}", kind.replace('_', "-")) }
}

/// Documents with their secrets opened, and what is to be said about those that could not be.
fn clear(rows: &[DocumentRow], seal: &Seal) -> (Vec<Clear>, Vec<String>) {
    let (mut documents, mut told) = (Vec::new(), Vec::new());
    for row in rows {
        let place = name(&row.kind, &row.id);
        let Ok(body) = serde_json::from_str(&row.body) else {
            told.push(format!("{place} can't be read from the database and is left out; write it again"));
            continue;
        };
        let mut lost = 0;
        let body = secrets::opened(seal, &place, body, &mut lost);
        if lost > 0 {
            told.push(format!(
                "{lost} secrets of {place} can't be opened: this node has another key; set HOTLINE_SECRET_KEY (or \
                 secret_key_file) the same on all nodes, or write them again"
            ));
        }
        documents.push(Clear { kind: row.kind.clone(), id: row.id.clone(), body });
    }
    (documents, told)
}

/// Contacts that were proven by a code are verified, unless they have another address by now.
fn prove(directory: &mut Directory, documents: &Documents) {
    for proof in &documents.proofs {
        let user = directory.users.get_mut(&UserId::from(proof.user_id.as_str()));
        let contact = user.and_then(|user| user.contacts.iter_mut().find(|contact| contact.id == proof.contact));
        if let Some(contact) = contact.filter(|contact| address_hash(&contact.address) == proof.address) {
            contact.verified = true;
        }
    }
}

/// What a proof remembers of an address.
pub fn address_hash(address: &Address) -> String {
    let value = match address {
        Address::Call(Destination::Phone(phone)) => format!("phone:{phone}"),
        // By whichever carrier: it is the same telephone.
        Address::Call(Destination::Number { number, .. }) => format!("number:{}", number.reveal()),
        Address::Call(Destination::Sip(uri)) => uri.clone(),
        Address::Sms(value)
        | Address::Email(value)
        | Address::Ntfy(value)
        | Address::Telegram(value)
        | Address::Slack(value)
        | Address::Teams(value)
        | Address::Webhook(value) => value.reveal().clone(),
    };
    hex::encode(Sha256::digest(format!("{} {value}", address.kind())))
}

/// Whether the PIN that is being set is somebody else's already: both would be strangers on the telephone. Who that is, is not told.
fn takes_anothers_pin(directory: &Directory, id: &str, old: Option<&Value>, new: Option<&Value>) -> bool {
    let pin_of = |body: Option<&Value>| body?.get("pin")?.as_str().map(str::to_owned);
    let Some(pin) = pin_of(new).filter(|pin| pin_of(old).as_ref() != Some(pin)) else { return false };
    let theirs = |own: &Private<String>| *own.reveal() == pin;
    directory.users.values().any(|user| user.id.0 != id && user.pin.as_ref().is_some_and(theirs))
}

impl Switch {
    /// What is configured.
    pub fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.load_full()
    }

    /// A person's contact, if there is such a one.
    pub fn contact(&self, user: &UserId, contact: &str) -> Option<Contact> {
        let directory = self.directory();
        directory.users.get(user)?.contacts.iter().find(|known| known.id == contact).cloned()
    }

    /// Does the write: checked with everything else, kept durably, in force when it returns.
    pub async fn write_document(
        &self,
        kind: &str,
        id: &str,
        write: Write,
        expect: &Expect,
        by: &Actor,
    ) -> Result<Done, DocumentError> {
        if let Write::Put(body) | Write::Patch(body) = &write
            && secrets::is_forged(body)
        {
            let what = "`$sealed` is written by the hotline only; send the secret itself".to_owned();
            let place = name(kind, id);
            return Err(DocumentError::Invalid(vec![Fault {
                document: Some(place.clone()),
                field: None,
                place,
                what,
            }]));
        }
        if let Write::Put(body) | Write::Patch(body) = &write
            && let Some(fault) = strict::unreadable(&name(kind, id), body)
        {
            return Err(DocumentError::Invalid(vec![fault]));
        }
        // One after the other on this node; the revision keeps nodes apart.
        let _turn = self.0.writing.lock().await;
        for _ in 0..TRIES {
            let documents = self.0.store.documents().await?;
            if let Some(done) = self.try_write(documents, kind, id, &write, expect, by).await? {
                return Ok(done);
            }
        }
        Err(StoreError::Timeout.into())
    }

    /// `None`: another node was faster.
    async fn try_write(
        &self,
        mut documents: Documents,
        kind: &str,
        id: &str,
        write: &Write,
        expect: &Expect,
        by: &Actor,
    ) -> Result<Option<Done>, DocumentError> {
        let at = documents.items.iter().position(|row| row.kind == kind && row.id == id);
        let before = at.map(|at| documents.items[at].clone());
        self.expected(kind, id, before.as_ref(), write, expect)?;
        let place = name(kind, id);
        let old = before.as_ref().and_then(|row| serde_json::from_str(&row.body).ok());
        let old = old.map(|body| secrets::opened(&self.0.seal, &place, body, &mut 0));
        let (body, key) = match write {
            Write::Delete => (None, None),
            Write::Put(new) => prepared(kind, secrets::kept(new.clone(), old.as_ref()), new),
            Write::Patch(patch) => {
                let old = old.as_ref();
                let known = old.map(secrets::shown).unwrap_or_default();
                prepared(kind, secrets::kept(secrets::patched(&known, patch), old), patch)
            }
        };
        let sealed = body.as_ref().map(|body| secrets::sealed(&self.0.seal, &place, body).to_string());
        let wall = now().wall;
        let change = DocumentChange { kind: kind.to_owned(), id: id.to_owned(), body: sealed, by: shown_actor(by) };
        let checked_at = documents.revision;
        at.map(|at| documents.items.remove(at));
        if let Some(body) = &change.body {
            if documents.items.len() >= DOCUMENTS_MAX {
                return Err(DocumentError::Full);
            }
            documents.items.push(DocumentRow {
                kind: change.kind.clone(),
                id: change.id.clone(),
                version: checked_at + 1,
                body: body.clone(),
                updated_at: wall.as_millisecond(),
                updated_by: change.by.clone(),
            });
        } else if kind == "users" {
            documents.proofs.retain(|proof| proof.user_id != id);
        }
        let mut loaded = self.checked(&documents, std::slice::from_ref(&place)).await?;
        if kind == "users" && takes_anothers_pin(&loaded.composed.directory, id, old.as_ref(), body.as_ref()) {
            let what = "`pin` can't be told from another person's; choose another".to_owned();
            let field = Some("pin".to_owned());
            return Err(DocumentError::Invalid(vec![Fault { document: Some(place.clone()), field, place, what }]));
        }
        if kind == "users" {
            let faults = strict::contacts(&self.directory(), &loaded.composed.directory, id, &place);
            if !faults.is_empty() {
                return Err(DocumentError::Invalid(faults));
            }
        }
        let (mut change, mut body) = (change, body);
        // Whoever edits a schedule does not restart its rotations: the versions of what is in force go on.
        let settled = super::schedules::settled(&self.directory(), &loaded.composed.directory, id, wall);
        if let Some(settled) = settled.filter(|_| kind == "schedules") {
            let sealed = secrets::sealed(&self.0.seal, &place, &settled).to_string();
            change.body = Some(sealed.clone());
            if let Some(row) = documents.items.last_mut() {
                row.body = sealed;
            }
            body = Some(settled);
            loaded = self.checked(&documents, std::slice::from_ref(&place)).await?;
        }
        let audited = audited(by, &change, old.as_ref(), body.as_ref());
        let Some(revision) = self.0.store.write_document(&change, checked_at, &[audited], wall).await? else {
            return Ok(None);
        };
        documents.revision = revision;
        self.put_in_force(Loaded { in_force: InForce { revision, ..loaded.in_force }, ..loaded }).await?;
        if let Err(error) = self.keep_contracts(&shown_actor(by)).await {
            tracing::debug!(%error, "revisions of contracts are kept with the next look");
        }
        keep_copy(&self.0.store, &documents).await;
        Ok(Some(Done { shown: self.shown(kind, id), created: before.is_none(), key }))
    }

    fn expected(
        &self,
        kind: &str,
        id: &str,
        before: Option<&DocumentRow>,
        write: &Write,
        expect: &Expect,
    ) -> Result<(), DocumentError> {
        let in_force = self.0.in_force.load();
        let in_file = in_force.things.get(kind).and_then(|of_kind| of_kind.get(id)).is_some_and(|thing| thing.in_file);
        if in_file {
            return Err(DocumentError::InFile);
        }
        // The settings are always there to be changed.
        let may_be_new = matches!(write, Write::Put(_)) || (kind == "settings" && matches!(write, Write::Patch(_)));
        if before.is_none() && !may_be_new {
            return Err(DocumentError::Unknown);
        }
        let fits = match (expect, before) {
            (Expect::Anything, _) | (Expect::Absent, None) => true,
            (Expect::Version(versions), Some(row)) => versions.is_empty() || versions.contains(&row.version),
            (Expect::Absent, Some(_)) | (Expect::Version(_), None) => false,
        };
        if fits { Ok(()) } else { Err(DocumentError::Changed) }
    }

    /// The directory with these documents, none left out. `places`: those that are being written.
    async fn checked(&self, documents: &Documents, places: &[String]) -> Result<Loaded, DocumentError> {
        let (compose, seal) = (self.0.compose.load_full(), self.0.seal.clone());
        let (documents, all) = (documents.clone(), documents.clone());
        let work = move || {
            let (clear, told) = clear(&documents.items, &seal);
            let mut composed = (compose.0)(&clear)?;
            composed.warnings.extend(told);
            prove(&mut composed.directory, &documents);
            let written = documents.items.iter().map(written).collect();
            let in_force = InForce { revision: documents.revision, things: composed.things.clone(), written };
            Ok(Loaded { composed, in_force })
        };
        let done = tokio::task::spawn_blocking(work).await;
        let faults: Vec<Fault> = match done {
            Ok(Ok(loaded)) => return Ok(loaded),
            Ok(Err(faults)) => faults,
            Err(error) => return Err(DocumentError::Unusable(error.to_string())),
        };
        let (own, others): (Vec<Fault>, Vec<Fault>) =
            faults.into_iter().partition(|fault| fault.document.as_ref().is_some_and(|own| places.contains(own)));
        if !own.is_empty() {
            return Err(DocumentError::Invalid(own));
        }
        // Documents that were left out before (the file changed under them) stand in nobody's way: else they could not
        // even be mended one after the other.
        let in_force = self.0.in_force.load_full();
        let left_out = |fault: &Fault| {
            fault.document.as_deref().is_some_and(|document| {
                let known =
                    |row: &DocumentRow| in_force.things.get(&row.kind).is_some_and(|of| of.contains_key(&row.id));
                all.items.iter().any(|row| name(&row.kind, &row.id) == document && !known(row))
            })
        };
        if !others.iter().all(left_out) {
            return Err(DocumentError::InTheWay(others));
        }
        let (compose, seal) = (self.0.compose.load_full(), self.0.seal.clone());
        let loaded = tokio::task::spawn_blocking(move || put_together(&all, &seal, &compose)).await;
        match loaded {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(faults)) => Err(DocumentError::InTheWay(faults)),
            Err(error) => Err(DocumentError::Unusable(error.to_string())),
        }
    }

    async fn put_in_force(&self, loaded: Loaded) -> Result<(), DocumentError> {
        let switch = self.clone();
        let work = move || {
            switch.reload(loaded.composed.directory, loaded.composed.warnings)?;
            switch.0.sip.reload(loaded.composed.sip);
            switch.0.in_force.store(Arc::new(loaded.in_force));
            Ok::<(), crate::speech::SpeechError>(())
        };
        let done =
            tokio::task::spawn_blocking(work).await.map_err(|error| DocumentError::Unusable(error.to_string()))?;
        done.map_err(|error| DocumentError::Unusable(error.to_string()))
    }

    /// Another file (SIGHUP): put together with the documents; with mistakes everything stays as it was.
    pub async fn recompose(&self, compose: Compose) -> Result<(), Vec<Fault>> {
        let _turn = self.0.writing.lock().await;
        let loaded = load(&self.0.store, &self.0.seal, &compose).await?;
        self.put_in_force(loaded).await.map_err(|error| vec![fault_of_ours(&error)])?;
        self.0.compose.store(Arc::new(compose));
        Ok(())
    }

    /// What other nodes wrote since. To be asked every few seconds.
    pub async fn follow_documents(&self) -> Result<(), StoreError> {
        if self.0.store.documents_revision().await? == self.0.in_force.load().revision {
            return Ok(());
        }
        let _turn = self.0.writing.lock().await;
        let documents = self.0.store.documents().await?;
        if documents.revision == self.0.in_force.load().revision {
            return Ok(());
        }
        keep_copy(&self.0.store, &documents).await;
        let (compose, seal) = (self.0.compose.load_full(), self.0.seal.clone());
        let work = move || put_together(&documents, &seal, &compose);
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(loaded)) => {
                let revision = loaded.in_force.revision;
                match self.put_in_force(loaded).await {
                    Ok(()) => {
                        tracing::info!(revision, "the directory was changed on another node and is in force here");
                    }
                    Err(error) => tracing::error!(%error, "the directory of another node can't be used here"),
                }
            }
            Ok(Err(faults)) => {
                tracing::error!(faults = faults.len(), "the directory of another node can't be used here");
            }
            Err(error) => tracing::error!(%error, "a fault of ours while the directory was put together"),
        }
        Ok(())
    }

    /// One thing as it may be shown.
    pub fn shown(&self, kind: &str, id: &str) -> Option<Shown> {
        self.0.in_force.load().shown(kind, id)
    }
}

impl InForce {
    /// One thing as it may be shown.
    pub fn shown(&self, kind: &str, id: &str) -> Option<Shown> {
        let thing = self.things.get(kind)?.get(id)?;
        let written = if thing.in_file { None } else { self.written.get(&(kind.to_owned(), id.to_owned())).cloned() };
        Some(Shown { id: id.to_owned(), body: secrets::shown(&thing.body), in_file: thing.in_file, written })
    }
}

/// The body as it is kept, and the key that was made where it needs one: of a key only its hash stays. `"key": null` in
/// what was `sent` asks for a new one.
fn prepared(kind: &str, mut body: Value, sent: &Value) -> (Option<Value>, Option<Private<String>>) {
    let needs_key = matches!(kind, "alert_sources" | "heartbeats");
    let Some(entries) = body.as_object_mut().filter(|_| needs_key) else { return (Some(body), None) };
    if let Some(key) = entries.get("key") {
        // A weak key stays for the reader of the configuration to refuse it.
        let strong = |key: &str| {
            (16..=200).contains(&key.len())
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if let Some(hash) = key.as_str().filter(|key| strong(key)).map(|key| hex::encode(Sha256::digest(key))) {
            entries.remove("key");
            entries.insert("key_sha256".to_owned(), Value::from(hash));
        } else {
            entries.remove("key_sha256");
        }
        return (Some(body), None);
    }
    let renew = sent.get("key").is_some_and(Value::is_null);
    if entries.contains_key("key_sha256") && !renew {
        return (Some(body), None);
    }
    let key = Private::new(hex::encode(rand::random::<[u8; 20]>()));
    entries.insert("key_sha256".to_owned(), Value::from(hex::encode(Sha256::digest(key.reveal()))));
    (Some(body), Some(key))
}

fn shown_actor(by: &Actor) -> String {
    match by {
        Actor::Person(user) => user.0.clone(),
        Actor::Login(name) => format!("login {name}"),
        Actor::Token(name) => format!("token {name}"),
        Actor::System => "the hotline".to_owned(),
    }
}

/// The word for one thing of a kind: `escalation-policy`.
fn one_of(kind: &str) -> String {
    let kind = kind.replace('_', "-");
    match kind.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => kind.strip_suffix('s').unwrap_or(&kind).to_owned(),
    }
}

/// Which fields were changed, not their values: those may be about people.
fn audited(by: &Actor, change: &DocumentChange, before: Option<&Value>, after: Option<&Value>) -> Audited {
    let keys = |body: Option<&Value>| -> BTreeMap<String, Value> {
        body.and_then(Value::as_object).cloned().unwrap_or_default().into_iter().collect()
    };
    let (old, new) = (keys(before), keys(after));
    let mut fields: Vec<&String> = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).collect();
    fields.sort();
    fields.dedup();
    let shown = |body: Option<&Value>| body.map(secrets::shown).map(|body| body.to_string());
    let personal = [("before", shown(before)), ("after", shown(after))];
    let verb = if after.is_some() { "put" } else { "delete" };
    Audited {
        actor: shown_actor(by),
        action: format!("{}.{verb}", one_of(&change.kind)),
        // The audit knows people by this form, and keeps them as hashes.
        object: if change.kind == "users" { format!("user:{}", change.id) } else { name(&change.kind, &change.id) },
        detail: serde_json::json!({ "fields": fields }).to_string(),
        personal: personal.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use hotline_core::directory::User;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pin_is_one_persons() {
        let mut directory = Directory::default();
        for (id, pin) in [("ada", "280465"), ("ben", "111111")] {
            let user = User { id: id.into(), pin: Some(Private::from(pin)), ..User::default() };
            directory.users.insert(id.into(), user);
        }
        let takes = |id: &str, old: Option<&Value>, new: &Value| takes_anothers_pin(&directory, id, old, Some(new));
        let adas = json!({ "pin": "280465" });
        assert!(takes("cem", None, &adas));
        assert!(takes("ben", Some(&json!({ "pin": "111111" })), &adas));
        assert!(!takes("ada", None, &adas), "their own");
        assert!(!takes("cem", None, &json!({ "pin": "222222" })));
        assert!(!takes("cem", None, &json!({ "name": "Cem" })));
        assert!(
            !takes("cem", Some(&adas), &json!({ "pin": "280465", "name": "C." })),
            "it was so before; a name may change"
        );
    }
}

//! What is configured through the API: documents, each with its version, under one revision that counts every write.
//!
//! A directory is checked as a whole before it is kept, outside the transaction; it is kept only if the
//! revision it was checked at is still the latest. Secrets come sealed and stay so here.
//!
//! The latest documents also lie in a file of the data folder: a start without the database has them.

use std::path::PathBuf;

use hotline_core::directory::code::{GOOD_FOR_MS, TRIES, tries, wait};
use hotline_core::ids::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row, query, query_as};

use super::alerts::Audited;
use super::pages::in_time;
use super::writer::{self, Tries, WriteError};
use super::{Store, StoreError};

/// The file in the data folder.
const FILE: &str = "documents.json";

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct DocumentRow {
    /// `users`, `escalation_policies`: the key in the file.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The revision at which it was written.
    pub version: i64,
    /// JSON, its secrets sealed.
    pub body: String,
    /// Epoch ms.
    pub updated_at: i64,
    /// By whom, as shown.
    pub updated_by: String,
}

/// A contact that was proven by a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct ProofRow {
    /// `UserId`.
    pub user_id: String,
    /// `Contact::id`.
    pub contact: String,
    /// Hash of the address that was proven.
    pub address: String,
}

/// Everything at one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    /// Counts up with every write.
    pub revision: i64,
    /// By kind and name.
    pub items: Vec<DocumentRow>,
    /// Contacts that are verified.
    pub proofs: Vec<ProofRow>,
}

/// A write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentChange {
    /// Kind of the document.
    pub kind: String,
    /// Its name.
    pub id: String,
    /// Its new body (secrets sealed); `None`: it is taken away.
    pub body: Option<String>,
    /// By whom, as shown.
    pub by: String,
}

/// A code that waits to be typed in.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CodeRow {
    /// Hash of the address it was sent to.
    pub address: String,
    /// Hash of the code; `None`: used up.
    pub code: Option<String>,
    /// Wrong tries so far.
    pub tries: i64,
    /// Epoch ms.
    pub sent_at: Option<i64>,
    /// The contact was verified then.
    pub verified_at: Option<i64>,
}

/// A code that is made, or a try that is counted.
#[derive(Debug, Clone, Copy)]
struct CodeWork<'a> {
    user: &'a UserId,
    contact: &'a str,
    address: &'a str,
    /// Hash of the new code; `None`: a try.
    code: Option<&'a str>,
    at: Timestamp,
}

impl CodeWork<'_> {
    /// A code: how long to wait, if it is too soon. A try: how many are left after it, if there was one.
    async fn write(
        self,
        connection: &mut AnyConnection,
        lately: &[(Option<i64>, i64)],
    ) -> Result<Option<i64>, sqlx::Error> {
        let now = self.at.as_millisecond();
        let Some(code) = self.code else {
            let left = TRIES - 1 - tries(lately, now);
            if left < 0 {
                return Ok(None);
            }
            let count = query(
                "UPDATE contact_proofs SET tries = tries + 1 WHERE user_id = $1 AND contact = $2 AND code IS NOT NULL",
            );
            let count = count.bind(self.user.0.clone()).bind(self.contact.to_owned());
            return Ok((count.execute(connection).await?.rows_affected() == 1).then_some(left));
        };
        let wait = wait(lately, now);
        if wait > 0 {
            return Ok(Some(wait));
        }
        // A new code does not make the tries of the last minutes undone.
        let put = query(
            "INSERT INTO contact_proofs (user_id, contact, address, code, tries, sent_at, verified_at)
             VALUES ($1, $2, $3, $4, 0, $5, NULL)
             ON CONFLICT (user_id, contact) DO UPDATE
             SET code = excluded.code, sent_at = excluded.sent_at,
                 tries = CASE WHEN contact_proofs.sent_at > $6 THEN contact_proofs.tries ELSE 0 END,
                 verified_at = CASE WHEN contact_proofs.address = excluded.address THEN contact_proofs.verified_at END,
                 address = excluded.address",
        )
        .bind(self.user.0.clone())
        .bind(self.contact.to_owned())
        .bind(self.address.to_owned())
        .bind(code.to_owned())
        .bind(now)
        .bind(now - GOOD_FOR_MS);
        put.execute(connection).await.map(|_| None)
    }
}

/// What is written under a revision.
#[derive(Debug, Clone, Copy)]
enum Work<'a> {
    Documents(&'a [DocumentChange]),
    Proof { user: &'a UserId, contact: &'a str, code: &'a str },
}

impl Work<'_> {
    /// How many rows it wrote.
    async fn write(self, connection: &mut AnyConnection, revision: i64, at: Timestamp) -> Result<u64, sqlx::Error> {
        let changes = match self {
            Self::Documents(changes) => changes,
            Self::Proof { user, contact, code } => {
                let verify = query(
                    "UPDATE contact_proofs SET verified_at = $4, code = NULL, tries = 0
                     WHERE user_id = $1 AND contact = $2 AND code = $3",
                )
                .bind(user.0.clone())
                .bind(contact.to_owned())
                .bind(code.to_owned())
                .bind(at.as_millisecond());
                return verify.execute(connection).await.map(|done| done.rows_affected());
            }
        };
        for change in changes {
            put(connection, change, revision, at).await?;
        }
        Ok(u64::try_from(changes.len()).unwrap_or(u64::MAX))
    }
}

/// One document's row.
async fn put(
    connection: &mut AnyConnection,
    change: &DocumentChange,
    revision: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let put = query(
        "INSERT INTO documents (kind, id, version, body, deleted, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (kind, id) DO UPDATE
         SET version = excluded.version, body = excluded.body, deleted = excluded.deleted,
             updated_at = excluded.updated_at, updated_by = excluded.updated_by",
    )
    .bind(change.kind.clone())
    .bind(change.id.clone())
    .bind(revision)
    .bind(change.body.clone().unwrap_or_else(|| "{}".to_owned()))
    .bind(i64::from(change.body.is_none()))
    .bind(at.as_millisecond())
    .bind(change.by.clone());
    put.execute(&mut *connection).await?;
    if change.kind == "users" && change.body.is_none() {
        let proofs = query("DELETE FROM contact_proofs WHERE user_id = $1").bind(change.id.clone());
        proofs.execute(&mut *connection).await?;
    }
    Ok(())
}

impl Store {
    /// All documents that are there.
    pub async fn documents(&self) -> Result<Documents, StoreError> {
        in_time(async {
            let mut connection = self.shared.pool.acquire().await?;
            // Before the documents: one that is written meanwhile is then read again, never missed.
            let revision = revision(&mut connection).await?;
            let items = query_as(
                "SELECT kind, id, version, body, updated_at, updated_by FROM documents
                 WHERE deleted = 0 ORDER BY kind, id",
            );
            let items = items.fetch_all(&mut *connection).await?;
            let proofs = query_as(
                "SELECT user_id, contact, address FROM contact_proofs WHERE verified_at IS NOT NULL
                 ORDER BY user_id, contact",
            );
            let proofs = proofs.fetch_all(&mut *connection).await?;
            Ok(Documents { revision, items, proofs })
        })
        .await
    }

    /// The latest revision.
    pub async fn documents_revision(&self) -> Result<i64, StoreError> {
        in_time(async {
            let mut connection = self.shared.pool.acquire().await?;
            revision(&mut connection).await
        })
        .await
    }

    /// Keeps the change durably if `checked_at` is still the latest revision, and what the audit chain says about it with
    /// it. `Some`: the new revision; `None`: somebody was faster, look again.
    pub async fn write_document(
        &self,
        change: &DocumentChange,
        checked_at: i64,
        audited: &[Audited],
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let done =
            self.at_revision(Some(checked_at), audited, at, Work::Documents(std::slice::from_ref(change))).await?;
        Ok(done.map(|(revision, _)| revision))
    }

    /// The same for many at once: all of them or none, under one revision.
    pub async fn write_documents(
        &self,
        changes: &[DocumentChange],
        checked_at: i64,
        audited: &[Audited],
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let done = self.at_revision(Some(checked_at), audited, at, Work::Documents(changes)).await?;
        Ok(done.map(|(revision, _)| revision))
    }

    /// What waits for a code to be typed in.
    pub async fn contact_code(&self, user: &UserId, contact: &str) -> Result<Option<CodeRow>, StoreError> {
        let code = query_as(
            "SELECT address, code, tries, sent_at, verified_at FROM contact_proofs WHERE user_id = $1 AND contact = $2",
        );
        in_time(code.bind(user.0.clone()).bind(contact.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    /// A code was made for this address; one before it is worth nothing any more. What was verified stays so, unless
    /// it was another address. `Some`: nothing was kept; in so many ms it may be asked for again.
    pub async fn put_contact_code(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        code: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        self.with_codes(CodeWork { user, contact, address, code: Some(code), at }).await
    }

    /// Counts a try before it is judged, so that many at once get no more than [`TRIES`], for all contacts of the
    /// person and of the address together. How many are left after it; `None`: there was none left, or no code.
    pub async fn count_code_try(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        self.with_codes(CodeWork { user, contact, address, code: None, at }).await
    }

    async fn with_codes(&self, work: CodeWork<'_>) -> Result<Option<i64>, StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.with_codes_once(work).await {
                    Ok(done) => return Ok(done),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn with_codes_once(&self, work: CodeWork<'_>) -> Result<Option<i64>, WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        // One after the other, on both engines: else many at once would all find the pause over.
        query("UPDATE directory_revision SET revision = revision WHERE one = 1").execute(&mut *transaction).await?;
        let lately = query_as("SELECT sent_at, tries FROM contact_proofs WHERE user_id = $1 OR address = $2")
            .bind(work.user.0.clone())
            .bind(work.address.to_owned());
        let lately: Vec<(Option<i64>, i64)> = lately.fetch_all(&mut *transaction).await?;
        let done = work.write(&mut transaction, &lately).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(done)
    }

    /// The code was right: the contact is verified, on every node. `false`: somebody else used the code up.
    pub async fn verify_contact(
        &self,
        user: &UserId,
        contact: &str,
        code: &str,
        audited: &[Audited],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = self.at_revision(None, audited, at, Work::Proof { user, contact, code }).await?;
        Ok(done.is_some_and(|(_, rows)| rows == 1))
    }

    /// Writes under the next revision, in one transaction: that revision, and how many rows. `None`: `checked_at` is not the
    /// latest any more.
    async fn at_revision(
        &self,
        checked_at: Option<i64>,
        audited: &[Audited],
        at: Timestamp,
        work: Work<'_>,
    ) -> Result<Option<(i64, u64)>, StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.at_revision_once(checked_at, audited, at, work).await {
                    Ok(done) => return Ok(done),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn at_revision_once(
        &self,
        checked_at: Option<i64>,
        audited: &[Audited],
        at: Timestamp,
        work: Work<'_>,
    ) -> Result<Option<(i64, u64)>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        // The row's lock makes writers come one after the other, on both engines.
        let next = query(
            "UPDATE directory_revision SET revision = revision + 1
             WHERE one = 1 AND (revision = $1 OR $1 < 0) RETURNING revision",
        )
        .bind(checked_at.unwrap_or(-1));
        let Some(row) = next.fetch_optional(&mut *transaction).await? else {
            transaction.rollback().await?;
            writer.keep();
            return Ok(None);
        };
        let revision: i64 = row.try_get(0)?;
        let rows = work.write(&mut transaction, revision, at).await?;
        let audited = if rows == 0 { Vec::new() } else { audited.iter().map(|deed| (deed.clone(), at)).collect() };
        super::lines::audit(&mut transaction, &inner.node, audited).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(Some((revision, rows)))
    }

    /// The documents of the last start or change, from the data folder: for a start without the database.
    pub fn cached_documents(&self) -> Option<Documents> {
        let text = std::fs::read(self.documents_file()).ok()?;
        serde_json::from_slice(&text)
            .inspect_err(|_| {
                tracing::warn!("the copy of the documents in the data folder can't be read; it is left aside");
            })
            .ok()
    }

    /// Puts a copy into the data folder. Blocking.
    pub fn cache_documents(&self, documents: &Documents) -> Result<(), StoreError> {
        let text = serde_json::to_vec(documents).map_err(|error| StoreError::Journal(error.to_string()))?;
        super::disk::replace(&self.documents_file(), &text).map_err(|error| {
            StoreError::Journal(super::disk::plain("the copy of the documents can't be written", &error))
        })
    }

    fn documents_file(&self) -> PathBuf {
        self.shared.recordings.data_dir().join(FILE)
    }
}

async fn revision(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    let row = query("SELECT revision FROM directory_revision WHERE one = 1").fetch_one(connection).await?;
    row.try_get(0)
}

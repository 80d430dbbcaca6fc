//! Contracts revision by revision, and who signed them.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Row, query};
use uuid::Uuid;

use super::alert_rows::{at, count, moment, text};
use super::alerts::Audited;
use super::apply::ms;
use super::pages::in_time;
use super::writer::{Tries, WriteError, in_time as written_in_time};
use super::{Store, StoreError, lines, pages};

/// A contract as it was at a time; never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// Which contract.
    pub sla: String,
    /// From 1.
    pub number: u32,
    /// Whose.
    pub customer: String,
    /// In force from then until the next one.
    pub since: Timestamp,
    /// Canonical JSON.
    pub body: String,
    /// Hash of the body's bytes, hex.
    pub sha256: String,
    /// Who wrote it, as shown.
    pub created_by: String,
}

/// A contract as it is configured now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevision {
    /// Which contract.
    pub sla: String,
    /// Whose.
    pub customer: String,
    /// Canonical JSON.
    pub body: String,
    /// Hash of the body's bytes, hex.
    pub sha256: String,
}

/// Somebody was asked to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    /// UUID.
    pub id: String,
    /// Which contract.
    pub sla: String,
    /// Which revision of it.
    pub number: u32,
    /// Hash of the document that was shown, hex.
    pub sha256: String,
    /// Which of the customer's contacts.
    pub contact: String,
    /// The contact's name then.
    pub contact_name: String,
    /// When they were asked.
    pub requested_at: Timestamp,
    /// By whom, as shown.
    pub requested_by: String,
    /// The link is good until then.
    pub expires_at: Timestamp,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// The name that was typed.
    pub signed_name: Option<String>,
}

/// What came of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// It is signed now.
    Done(SignatureRow),
    /// It was signed before.
    Already(SignatureRow),
    /// No such link, or not any more.
    Unknown,
}

const SIGNATURE: &str = "id, sla, number, sha256, contact, contact_name, requested_at, requested_by, expires_at,
    signed_at, signed_name";

fn revision(row: &AnyRow) -> Result<RevisionRow, sqlx::Error> {
    Ok(RevisionRow {
        sla: row.try_get(0)?,
        number: count(row, 1)?,
        customer: row.try_get(2)?,
        since: at(row, 3)?,
        body: row.try_get(4)?,
        sha256: row.try_get(5)?,
        created_by: row.try_get(6)?,
    })
}

fn signature(row: &AnyRow) -> Result<SignatureRow, sqlx::Error> {
    Ok(SignatureRow {
        id: row.try_get(0)?,
        sla: row.try_get(1)?,
        number: count(row, 2)?,
        sha256: row.try_get(3)?,
        contact: row.try_get(4)?,
        contact_name: row.try_get(5)?,
        requested_at: at(row, 6)?,
        requested_by: row.try_get(7)?,
        expires_at: at(row, 8)?,
        signed_at: moment(row, 9)?,
        signed_name: text(row, 10)?,
    })
}

fn all<T>(rows: &[AnyRow], read: impl Fn(&AnyRow) -> Result<T, sqlx::Error>) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| pages::database(&error))
}

impl Store {
    /// Keeps a contract as it is now where it differs from its latest revision: from `at` on that is in force. Those that were made.
    pub async fn keep_revisions(
        &self,
        now: &[NewRevision],
        at: Timestamp,
        by: &str,
    ) -> Result<Vec<(String, u32)>, StoreError> {
        let mut tries = Tries::default();
        written_in_time(async {
            loop {
                match self.keep_revisions_once(now, at, by).await {
                    Ok(made) => return Ok(made),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn keep_revisions_once(
        &self,
        now: &[NewRevision],
        at: Timestamp,
        by: &str,
    ) -> Result<Vec<(String, u32)>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        // One after the other, on both engines: the number that follows is one's own.
        query("UPDATE directory_revision SET revision = revision WHERE one = 1").execute(&mut *transaction).await?;
        let (mut made, mut audited) = (Vec::new(), Vec::new());
        for new in now {
            let latest = query("SELECT number, sha256 FROM sla_revisions WHERE sla = $1 ORDER BY number DESC LIMIT 1")
                .bind(new.sla.clone())
                .fetch_optional(&mut *transaction)
                .await?;
            let (number, hash) = match &latest {
                Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?),
                None => (0, String::new()),
            };
            if hash == new.sha256 {
                continue;
            }
            query(
                "INSERT INTO sla_revisions (sla, number, customer, since, body, sha256, created_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(new.sla.clone())
            .bind(number + 1)
            .bind(new.customer.clone())
            .bind(ms(at))
            .bind(new.body.clone())
            .bind(new.sha256.clone())
            .bind(by.to_owned())
            .execute(&mut *transaction)
            .await?;
            let deed = Audited {
                actor: by.to_owned(),
                action: "sla.revise".to_owned(),
                object: format!("slas/{}", new.sla),
                detail: serde_json::json!({ "revision": number + 1, "sha256": new.sha256 }).to_string(),
                personal: Vec::new(),
            };
            audited.push((deed, at));
            made.push((new.sla.clone(), u32::try_from(number + 1).unwrap_or(u32::MAX)));
        }
        lines::audit(&mut transaction, &inner.node, audited).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(made)
    }

    /// A contract's revisions, the latest first.
    pub async fn revisions(&self, sla: &str) -> Result<Vec<RevisionRow>, StoreError> {
        let asked = query(
            "SELECT sla, number, customer, since, body, sha256, created_by FROM sla_revisions
             WHERE sla = $1 ORDER BY number DESC LIMIT 1000",
        )
        .bind(sla.to_owned());
        all(&in_time(asked.fetch_all(&self.shared.pool)).await?, revision)
    }

    /// The latest revision of every contract.
    pub async fn latest_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        let asked = query(
            "SELECT r.sla, r.number, r.customer, r.since, r.body, r.sha256, r.created_by FROM sla_revisions r
             WHERE r.number = (SELECT MAX(o.number) FROM sla_revisions o WHERE o.sla = r.sla) ORDER BY r.sla",
        );
        all(&in_time(asked.fetch_all(&self.shared.pool)).await?, revision)
    }

    /// The signatures of a contract's revisions (of all contracts), asked for and given, the oldest first.
    pub async fn signatures(&self, sla: Option<&str>) -> Result<Vec<SignatureRow>, StoreError> {
        let sql = format!(
            "SELECT {SIGNATURE} FROM sla_signatures WHERE sla = $1 OR $2 = 1 ORDER BY requested_at, id LIMIT 10000"
        );
        let asked =
            query(sqlx::AssertSqlSafe(sql)).bind(sla.unwrap_or_default().to_owned()).bind(i64::from(sla.is_none()));
        all(&in_time(asked.fetch_all(&self.shared.pool)).await?, signature)
    }

    /// The request behind a link, by the hash of its secret.
    pub async fn signature(&self, token_hash: &str) -> Result<Option<SignatureRow>, StoreError> {
        let sql = format!("SELECT {SIGNATURE} FROM sla_signatures WHERE token_hash = $1");
        let asked = query(sqlx::AssertSqlSafe(sql)).bind(token_hash.to_owned());
        let row = in_time(asked.fetch_optional(&self.shared.pool)).await?;
        row.as_ref().map(signature).transpose().map_err(|error| pages::database(&error))
    }

    /// Keeps a request to sign. A link of the same contact for the same revision that is not signed yet is worth nothing any more.
    pub async fn request_signature(
        &self,
        request: &SignatureRow,
        token_hash: &str,
        audited: &Audited,
    ) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        written_in_time(async {
            loop {
                match self.request_once(request, token_hash, audited).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn request_once(
        &self,
        request: &SignatureRow,
        token_hash: &str,
        audited: &Audited,
    ) -> Result<(), WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        query("DELETE FROM sla_signatures WHERE sla = $1 AND number = $2 AND contact = $3 AND signed_at IS NULL")
            .bind(request.sla.clone())
            .bind(i64::from(request.number))
            .bind(request.contact.clone())
            .execute(&mut *transaction)
            .await?;
        query(
            "INSERT INTO sla_signatures (id, sla, number, sha256, contact, contact_name, token_hash, requested_at,
                 requested_by, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(Uuid::now_v7().to_string())
        .bind(request.sla.clone())
        .bind(i64::from(request.number))
        .bind(request.sha256.clone())
        .bind(request.contact.clone())
        .bind(request.contact_name.clone())
        .bind(token_hash.to_owned())
        .bind(ms(request.requested_at))
        .bind(request.requested_by.clone())
        .bind(ms(request.expires_at))
        .execute(&mut *transaction)
        .await?;
        lines::audit(&mut transaction, &inner.node, vec![(audited.clone(), request.requested_at)]).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// Signs what the link shows, once; not what a later revision has replaced. `audited` says what goes into the chain.
    pub async fn sign(
        &self,
        token_hash: &str,
        name: &str,
        at: Timestamp,
        audited: impl Fn(&SignatureRow) -> Audited + Send + Sync,
    ) -> Result<Signed, StoreError> {
        let mut tries = Tries::default();
        written_in_time(async {
            loop {
                match self.sign_once(token_hash, name, at, &audited).await {
                    Ok(signed) => return Ok(signed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn sign_once(
        &self,
        token_hash: &str,
        name: &str,
        at: Timestamp,
        audited: &(impl Fn(&SignatureRow) -> Audited + Send + Sync),
    ) -> Result<Signed, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let done = query(
            "UPDATE sla_signatures SET signed_at = $2, signed_name = $3
             WHERE token_hash = $1 AND signed_at IS NULL AND expires_at > $2
                 AND NOT EXISTS (SELECT 1 FROM sla_revisions newer
                                 WHERE newer.sla = sla_signatures.sla AND newer.number > sla_signatures.number)",
        )
        .bind(token_hash.to_owned())
        .bind(ms(at))
        .bind(super::bulk::storable(name.to_owned()))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        let sql = format!("SELECT {SIGNATURE} FROM sla_signatures WHERE token_hash = $1");
        let row = query(sqlx::AssertSqlSafe(sql)).bind(token_hash.to_owned()).fetch_optional(&mut *transaction).await?;
        let signed = match row.as_ref().map(signature).transpose()? {
            Some(row) if done > 0 => {
                lines::audit(&mut transaction, &inner.node, vec![(audited(&row), at)]).await?;
                Signed::Done(row)
            }
            Some(row) if row.signed_at.is_some() => Signed::Already(row),
            Some(_) | None => Signed::Unknown,
        };
        transaction.commit().await?;
        writer.keep();
        Ok(signed)
    }
}

//! Answers of POSTs by their `Idempotency-Key`, for a day.

use jiff::Timestamp;
use sqlx::{Row, query};

use super::pages::{database, in_time};
use super::{Store, StoreError};

/// An answer is given again for so long.
const DAY_MS: i64 = 24 * 3_600_000;
/// A request that is not answered after so long died with its node.
const DEAD_MS: i64 = 60_000;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is new: do it, then tell the answer.
    Ours,
    /// It was used for another request.
    Other,
    /// The first request is not answered yet.
    Running,
    /// It was answered.
    Answered(Answered),
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Its content type.
    pub kind: Option<String>,
    /// Its `Location`.
    pub location: Option<String>,
    /// Its body; `None`: it held a secret.
    pub body: Option<String>,
}

impl Store {
    /// Takes a key for one request, or says what became of the one that has it.
    pub async fn claim_idempotency(
        &self,
        who: &str,
        key: &str,
        request: &str,
        at: Timestamp,
    ) -> Result<Claim, StoreError> {
        let now = at.as_millisecond();
        let purge = query("DELETE FROM idempotency WHERE created_at < $1 OR (status IS NULL AND created_at < $2)")
            .bind(now - DAY_MS)
            .bind(now - DEAD_MS);
        in_time(purge.execute(&self.shared.pool)).await?;
        let claim = query(
            "INSERT INTO idempotency (who, idem_key, request, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (who, idem_key) DO NOTHING",
        )
        .bind(who.to_owned())
        .bind(key.to_owned())
        .bind(request.to_owned())
        .bind(now);
        if in_time(claim.execute(&self.shared.pool)).await?.rows_affected() == 1 {
            return Ok(Claim::Ours);
        }
        let known = query("SELECT request, status, headers, body FROM idempotency WHERE who = $1 AND idem_key = $2")
            .bind(who.to_owned())
            .bind(key.to_owned());
        let Some(row) = in_time(known.fetch_optional(&self.shared.pool)).await? else { return Ok(Claim::Running) };
        let read = || -> Result<Claim, sqlx::Error> {
            if row.try_get::<String, _>(0)? != request {
                return Ok(Claim::Other);
            }
            let Some(status) = row.try_get::<Option<i64>, _>(1)? else { return Ok(Claim::Running) };
            let headers: Option<String> = row.try_get(2)?;
            let (kind, location) =
                headers.and_then(|headers| serde_json::from_str(&headers).ok()).unwrap_or((None, None));
            let status = u16::try_from(status).unwrap_or(200);
            Ok(Claim::Answered(Answered { status, kind, location, body: row.try_get(3)? }))
        };
        read().map_err(|error| database(&error))
    }

    /// The answer that was given.
    pub async fn finish_idempotency(&self, who: &str, key: &str, answered: &Answered) -> Result<(), StoreError> {
        let headers = serde_json::to_string(&(&answered.kind, &answered.location)).unwrap_or_default();
        let finish =
            query("UPDATE idempotency SET status = $3, headers = $4, body = $5 WHERE who = $1 AND idem_key = $2")
                .bind(who.to_owned())
                .bind(key.to_owned())
                .bind(i64::from(answered.status))
                .bind(headers)
                .bind(answered.body.clone());
        in_time(finish.execute(&self.shared.pool)).await.map(|_| ())
    }

    /// It came to nothing: the key may be used again.
    pub async fn forget_idempotency(&self, who: &str, key: &str) -> Result<(), StoreError> {
        let forget = query("DELETE FROM idempotency WHERE who = $1 AND idem_key = $2 AND status IS NULL")
            .bind(who.to_owned())
            .bind(key.to_owned());
        in_time(forget.execute(&self.shared.pool)).await.map(|_| ())
    }
}

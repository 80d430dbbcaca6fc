//! What on-call keeps beside its documents: secret addresses of calendar feeds. And what reports ask: who was disturbed when.

use hotline_core::ids::UserId;
use hotline_core::oncall::hours::Interruption;
use jiff::Timestamp;
use sqlx::{Row, query};

use super::pages::in_time;
use super::{Store, StoreError};

/// Interruptions of one report at most.
const INTERRUPTIONS_MAX: i64 = 200_000;

impl Store {
    /// Keeps the hash of a feed's secret. `kind`: `schedule`, `user`.
    pub async fn add_feed(
        &self,
        hash: &str,
        kind: &str,
        object: &str,
        at: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        let add = query(
            "INSERT INTO calendar_feeds (hash, kind, object, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(hash.to_owned())
        .bind(kind.to_owned())
        .bind(object.to_owned())
        .bind(at.as_millisecond())
        .bind(by.to_owned());
        in_time(add.execute(&self.shared.pool)).await.map(|_| ())
    }

    /// Whether this secret opens the feed of this object.
    pub async fn feed_is(&self, hash: &str, kind: &str, object: &str) -> Result<bool, StoreError> {
        let look = query("SELECT hash FROM calendar_feeds WHERE hash = $1 AND kind = $2 AND object = $3")
            .bind(hash.to_owned())
            .bind(kind.to_owned())
            .bind(object.to_owned());
        in_time(look.fetch_optional(&self.shared.pool)).await.map(|row| row.is_some())
    }

    /// Closes all feeds of an object; how many there were.
    pub async fn remove_feeds(&self, kind: &str, object: &str) -> Result<u64, StoreError> {
        let remove = query("DELETE FROM calendar_feeds WHERE kind = $1 AND object = $2")
            .bind(kind.to_owned())
            .bind(object.to_owned());
        in_time(remove.execute(&self.shared.pool)).await.map(|done| done.rows_affected())
    }

    /// Who was disturbed when in `[from, to)`, oldest first: telephones that rang for a caller, and messages about alerts that left.
    /// A notification by telephone is both, and counts once, as its message. Exercises do not count.
    pub async fn interruptions(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Interruption>, StoreError> {
        let rows = query(
            "SELECT person, at FROM (
                 SELECT person, started_at AS at FROM legs
                 WHERE person IS NOT NULL AND started_at >= $1 AND started_at < $2
                 AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.id = legs.call_id AND c.direction = 'notification')
                 UNION ALL
                 SELECT user_id AS person, finished_at AS at FROM notifications
                 WHERE user_id IS NOT NULL AND kind = 'alert' AND attempts > 0 AND finished_at >= $3 AND finished_at < $4
                 AND (NOT EXISTS (SELECT 1 FROM drill_runs d WHERE d.alert = notifications.alert_id)
                      OR EXISTS (SELECT 1 FROM notifications o WHERE o.bundle = notifications.id
                                 AND NOT EXISTS (SELECT 1 FROM drill_runs d WHERE d.alert = o.alert_id)))
             ) AS disturbed
             ORDER BY at, person LIMIT $5",
        )
        .bind(from.as_millisecond())
        .bind(to.as_millisecond())
        .bind(from.as_millisecond())
        .bind(to.as_millisecond())
        .bind(INTERRUPTIONS_MAX);
        let rows = in_time(rows.fetch_all(&self.shared.pool)).await?;
        rows.iter()
            .map(|row| {
                let user: String = row.try_get(0)?;
                let at: i64 = row.try_get(1)?;
                let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(Interruption { user: UserId(user), at })
            })
            .collect::<Result<Vec<_>, sqlx::Error>>()
            .map_err(|error| StoreError::Database(error.to_string()))
    }
}

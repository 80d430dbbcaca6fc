//! Drills as they are planned and as they were held.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, FromRow, query, query_as};

use super::pages::in_time;
use super::{Store, StoreError};

const DRILL: &str =
    "id, title, text, replays, language, policy, next_at, every, zone, created_at, created_by FROM drills";
const RUN: &str = "id, drill, title, language, zone, begun_at, begun_by, alert FROM drill_runs";

/// A drill as it is planned.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DrillRow {
    /// `DrillId`.
    pub id: String,
    /// Without the mark.
    pub title: String,
    /// For those who look at the alert.
    pub text: String,
    /// `incident:ID`, `alert:ID`, `call:ID`, `nothing`.
    pub replays: String,
    /// Language tag of the mark.
    pub language: String,
    /// `PolicyId`.
    pub policy: Option<String>,
    /// Epoch ms.
    pub next_at: Option<i64>,
    /// `once`, `week`, `month`, `quarter`.
    pub every: String,
    /// IANA zone.
    pub zone: String,
    /// Epoch ms.
    pub created_at: i64,
    /// By whom, as shown.
    pub created_by: String,
}

/// A drill that was begun.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DrillRunRow {
    /// Its identity.
    pub id: String,
    /// `DrillId`.
    pub drill: String,
    /// Without the mark.
    pub title: String,
    /// Language tag.
    pub language: String,
    /// IANA zone.
    pub zone: String,
    /// Epoch ms.
    pub begun_at: i64,
    /// By whom, as shown.
    pub begun_by: String,
    /// `AlertId`.
    pub alert: Option<String>,
}

impl Store {
    /// All that are planned, the next first.
    pub async fn drills(&self) -> Result<Vec<DrillRow>, StoreError> {
        let sql = format!("SELECT {DRILL} ORDER BY COALESCE(next_at, 9000000000000000), created_at DESC LIMIT 1000");
        in_time(query_as(AssertSqlSafe(sql)).fetch_all(&self.shared.pool)).await
    }

    /// One of them.
    pub async fn drill(&self, id: &str) -> Result<Option<DrillRow>, StoreError> {
        let sql = format!("SELECT {DRILL} WHERE id = $1");
        in_time(query_as(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    /// Those that are due.
    pub async fn due_drills(&self, at: Timestamp) -> Result<Vec<DrillRow>, StoreError> {
        let sql = format!("SELECT {DRILL} WHERE next_at IS NOT NULL AND next_at <= $1 ORDER BY next_at LIMIT 20");
        in_time(query_as(AssertSqlSafe(sql)).bind(at.as_millisecond()).fetch_all(&self.shared.pool)).await
    }

    /// Plans one.
    pub async fn add_drill(&self, row: &DrillRow) -> Result<(), StoreError> {
        let add = query(
            "INSERT INTO drills (id, title, text, replays, language, policy, next_at, every, zone, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(row.id.clone())
        .bind(row.title.clone())
        .bind(row.text.clone())
        .bind(row.replays.clone())
        .bind(row.language.clone())
        .bind(row.policy.clone())
        .bind(row.next_at)
        .bind(row.every.clone())
        .bind(row.zone.clone())
        .bind(row.created_at)
        .bind(row.created_by.clone());
        in_time(add.execute(&self.shared.pool)).await.map(|_| ())
    }

    /// Plans it no more; what was held stays. `false`: there was none.
    pub async fn remove_drill(&self, id: &str) -> Result<bool, StoreError> {
        let remove = query("DELETE FROM drills WHERE id = $1").bind(id.to_owned());
        Ok(in_time(remove.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// Moves it on to its next date; `false`: another node has done so.
    pub async fn move_drill(&self, row: &DrillRow, next_at: Option<i64>) -> Result<bool, StoreError> {
        let moved = query("UPDATE drills SET next_at = $3 WHERE id = $1 AND next_at = $2")
            .bind(row.id.clone())
            .bind(row.next_at)
            .bind(next_at);
        Ok(in_time(moved.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// It was begun.
    pub async fn add_drill_run(&self, row: &DrillRunRow) -> Result<(), StoreError> {
        let add = query(
            "INSERT INTO drill_runs (id, drill, title, language, zone, begun_at, begun_by, alert)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET alert = excluded.alert",
        )
        .bind(row.id.clone())
        .bind(row.drill.clone())
        .bind(row.title.clone())
        .bind(row.language.clone())
        .bind(row.zone.clone())
        .bind(row.begun_at)
        .bind(row.begun_by.clone())
        .bind(row.alert.clone());
        in_time(add.execute(&self.shared.pool)).await.map(|_| ())
    }

    /// When it was held, the newest first; `None`: all drills.
    pub async fn drill_runs(&self, drill: Option<&str>) -> Result<Vec<DrillRunRow>, StoreError> {
        let only = if drill.is_some() { "WHERE drill = $1" } else { "WHERE drill <> $1" };
        let sql = format!("SELECT {RUN} {only} ORDER BY begun_at DESC, id DESC LIMIT 500");
        let asked = query_as(AssertSqlSafe(sql)).bind(drill.unwrap_or_default().to_owned());
        in_time(asked.fetch_all(&self.shared.pool)).await
    }

    /// One that was begun, by its id or its alert's.
    pub async fn drill_run(&self, id: &str) -> Result<Option<DrillRunRow>, StoreError> {
        let sql = format!("SELECT {RUN} WHERE id = $1 OR alert = $1");
        in_time(query_as(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&self.shared.pool)).await
    }
}

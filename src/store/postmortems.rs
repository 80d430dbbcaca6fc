//! Postmortems with their actions.

use hotline_core::status::Lessons;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, FromRow, query, query_as};

use super::pages::in_time as read_in_time;
use super::runbooks::Saved;
use super::writer::{Tries, WriteError, in_time};
use super::{Store, StoreError};

pub use super::record_postmortem::{actions, read, row};

const COLUMNS: &str = "id, incident, title, language, state, body, created_at, updated_at, updated_by, published_at, version FROM postmortems";

/// A postmortem; `body` is JSON that `http` reads and writes.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PostmortemRow {
    /// `PostmortemId`.
    pub id: String,
    /// `IncidentId`.
    pub incident: String,
    /// One line.
    pub title: String,
    /// Language tag.
    pub language: String,
    /// `draft`, `reviewed`, `published`.
    pub state: String,
    /// Sections, timeline, origin, facts.
    pub body: String,
    /// Epoch ms.
    pub created_at: i64,
    /// Epoch ms.
    pub updated_at: i64,
    /// By whom, as shown.
    pub updated_by: String,
    /// Epoch ms.
    pub published_at: Option<i64>,
    /// Counts every change.
    pub version: i64,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PostmortemActionRow {
    /// `PostmortemId`.
    pub postmortem: String,
    /// From 1.
    pub number: i64,
    /// What.
    pub text: String,
    /// `UserId`.
    pub owner: Option<String>,
    /// ISO day.
    pub due: Option<String>,
    /// Epoch ms.
    pub done_at: Option<i64>,
    /// Epoch ms.
    pub reminded_at: Option<i64>,
}

impl Store {
    /// All of them, the newest first.
    pub async fn postmortems(&self) -> Result<Vec<PostmortemRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} ORDER BY created_at DESC, id DESC LIMIT 1000");
        read_in_time(query_as(AssertSqlSafe(sql)).fetch_all(&self.shared.pool)).await
    }

    /// One of them, by its id or its incident's.
    pub async fn postmortem(&self, id: &str) -> Result<Option<PostmortemRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE id = $1 OR incident = $1");
        let asked = query_as(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&self.shared.pool);
        read_in_time(asked).await
    }

    /// What customers may read of those whose incidents ended at `since` or later.
    pub async fn lessons(&self, since: Timestamp) -> Result<Lessons, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} WHERE state = 'published'
             AND incident IN (SELECT id FROM incidents WHERE is_open = 0 AND resolved_at >= $1)"
        );
        let asked = query_as(AssertSqlSafe(sql)).bind(since.as_millisecond()).fetch_all(&self.shared.pool);
        let rows: Vec<PostmortemRow> = read_in_time(asked).await?;
        let lesson = |row: &PostmortemRow| {
            let postmortem = read(row, &[])?;
            let at = Timestamp::from_millisecond(row.published_at.unwrap_or(row.updated_at)).ok()?;
            Some((postmortem.incident, postmortem.published(at)?))
        };
        Ok(rows.iter().filter_map(lesson).collect())
    }

    /// Its actions.
    pub async fn postmortem_actions(&self, id: &str) -> Result<Vec<PostmortemActionRow>, StoreError> {
        let asked = query_as(
            "SELECT postmortem, number, text, owner, due, done_at, reminded_at FROM postmortem_actions
             WHERE postmortem = $1 ORDER BY number",
        );
        read_in_time(asked.bind(id.to_owned()).fetch_all(&self.shared.pool)).await
    }

    /// Actions that are not done and were due before this ISO day, and whose owner was not reminded since.
    pub async fn overdue_actions(&self, day: &str, since: Timestamp) -> Result<Vec<PostmortemActionRow>, StoreError> {
        let asked = query_as(
            "SELECT postmortem, number, text, owner, due, done_at, reminded_at FROM postmortem_actions
             WHERE done_at IS NULL AND owner IS NOT NULL AND due IS NOT NULL AND due < $1
             AND (reminded_at IS NULL OR reminded_at < $2) ORDER BY due LIMIT 200",
        );
        let asked = asked.bind(day.to_owned()).bind(since.as_millisecond());
        read_in_time(asked.fetch_all(&self.shared.pool)).await
    }

    /// The owner is being reminded; `false`: another node did it.
    pub async fn reminding(&self, action: &PostmortemActionRow, at: Timestamp) -> Result<bool, StoreError> {
        let sql =
            "UPDATE postmortem_actions SET reminded_at = $3 WHERE postmortem = $1 AND number = $2 AND done_at IS NULL
                   AND COALESCE(reminded_at, 0) = $4";
        let told = query(sql)
            .bind(action.postmortem.clone())
            .bind(action.number)
            .bind(at.as_millisecond())
            .bind(action.reminded_at.unwrap_or(0));
        Ok(read_in_time(told.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// Keeps it with its actions. `row.version` is the version that the author saw (0: it is new).
    pub async fn save_postmortem(
        &self,
        row: &PostmortemRow,
        actions: &[PostmortemActionRow],
        at: Timestamp,
    ) -> Result<Saved, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.save_postmortem_once(row, actions, at).await {
                    Ok(saved) => return Ok(saved),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn save_postmortem_once(
        &self,
        row: &PostmortemRow,
        actions: &[PostmortemActionRow],
        at: Timestamp,
    ) -> Result<Saved, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let sql =
            format!("SELECT version FROM postmortems WHERE id = $1 OR incident = $2{}", inner.engine.for_update());
        let held: Option<(i64,)> = query_as(AssertSqlSafe(sql))
            .bind(row.id.clone())
            .bind(row.incident.clone())
            .fetch_optional(&mut *transaction)
            .await?;
        let held = held.map_or(0, |(version,)| version);
        if held != row.version {
            return Ok(Saved::Overtaken(held));
        }
        query(
            "INSERT INTO postmortems (id, incident, title, language, state, body, created_at, updated_at, updated_by,
             published_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, language = excluded.language, state = excluded.state,
             body = excluded.body, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
             published_at = excluded.published_at, version = excluded.version",
        )
        .bind(row.id.clone())
        .bind(row.incident.clone())
        .bind(row.title.clone())
        .bind(row.language.clone())
        .bind(row.state.clone())
        .bind(row.body.clone())
        .bind(row.created_at)
        .bind(at.as_millisecond())
        .bind(row.updated_by.clone())
        .bind(row.published_at)
        .bind(held + 1)
        .execute(&mut *transaction)
        .await?;
        let drop = query("DELETE FROM postmortem_actions WHERE postmortem = $1").bind(row.id.clone());
        drop.execute(&mut *transaction).await?;
        for action in actions {
            query(
                "INSERT INTO postmortem_actions (postmortem, number, text, owner, due, done_at, reminded_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(row.id.clone())
            .bind(action.number)
            .bind(action.text.clone())
            .bind(action.owner.clone())
            .bind(action.due.clone())
            .bind(action.done_at)
            .bind(action.reminded_at)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(Saved::Version(held + 1))
    }
}

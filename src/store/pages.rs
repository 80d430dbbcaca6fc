//! The reading side of [`Store`]: pages by keyset cursor, single rows, timelines. Every one answers
//! within [`READ_TIMEOUT`] or fails.

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotline_core::directory::Language;
use hotline_core::ids::CustomerId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row, query, query_as};

use super::engine::Engine;
use super::read::{AlertFilter, AlertRow, CallFilter, CallRow, LegRow, LoginRow, Page, RecordingRow, TimelineRow};
use super::{READ_TIMEOUT, Store, StoreError, TranscriptJob};

const CALL: &str = "SELECT id, direction, number, reference, caller, source, customer, language, alert_id,
    started_at, answered_at, taken_at, taken_by, ended_at, outcome FROM calls";
const RECORDING: &str = "SELECT id, call_id, kind, started_at, duration_ms, speech, reason, transcript_state,
    transcript, transcript_note FROM recordings";
const ALERT: &str = "SELECT id, reference, status, priority, title, customer, number, call_id, caller, created_at,
    acknowledged_at, acknowledged_by, resolved_at, resolved_by, rings, next_ring_at FROM alerts";
const TIMELINE: &str = "SELECT seq, call_id, alert_id, at, kind, what, why FROM timeline";

/// Rows of a page at most.
const LIMIT_MAX: u32 = 200;

/// What a list is ordered and filtered by.
struct List<'a> {
    select: &'static str,
    /// The column of time; the id breaks ties.
    by: &'static str,
    /// Column and wanted word.
    filters: Vec<(&'static str, &'a Option<String>)>,
    /// Only these customers'.
    customers: Option<&'a [String]>,
    /// In the title, or the whole reference.
    search: Option<&'a str>,
}

impl Store {
    pub(super) async fn read_calls(
        &self,
        filter: &CallFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CallRow>, StoreError> {
        let list = List {
            select: CALL,
            by: "started_at",
            filters: vec![
                ("number", &filter.number),
                ("outcome", &filter.outcome),
                ("customer", &filter.customer),
                ("direction", &filter.direction),
            ],
            customers: filter.customers.as_deref(),
            search: None,
        };
        self.page(list, cursor, limit, |row: &CallRow| (row.started_at, row.id.clone())).await
    }

    pub(super) async fn read_alerts(
        &self,
        filter: &AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AlertRow>, StoreError> {
        let list = List {
            select: ALERT,
            by: "created_at",
            filters: vec![("status", &filter.status), ("priority", &filter.priority), ("customer", &filter.customer)],
            customers: filter.customers.as_deref(),
            search: filter.search.as_deref(),
        };
        self.page(list, cursor, limit, |row: &AlertRow| (row.created_at, row.id.clone())).await
    }

    async fn page<T>(
        &self,
        list: List<'_>,
        cursor: Option<&str>,
        limit: u32,
        key: impl Fn(&T) -> (i64, String),
    ) -> Result<Page<T>, StoreError>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let limit = limit.clamp(1, LIMIT_MAX) as usize;
        let after = cursor.map(from_cursor).transpose()?;
        let wanted: Vec<(&str, &String)> =
            list.filters.iter().filter_map(|(column, word)| Some((*column, word.as_ref()?))).collect();
        let mut conditions: Vec<String> =
            wanted.iter().enumerate().map(|(index, (column, _))| format!("{column} = ${}", index + 1)).collect();
        let customers = list.customers.unwrap_or_default();
        if list.customers.is_some() {
            let places: Vec<String> = (1..=customers.len()).map(|nth| format!("${}", wanted.len() + nth)).collect();
            // `IN ()` is no SQL on PostgreSQL.
            let of =
                if places.is_empty() { "1 = 0".to_owned() } else { format!("customer IN ({})", places.join(", ")) };
            conditions.push(of);
        }
        let mut places = wanted.len() + customers.len();
        if list.search.is_some() {
            conditions.push(format!("(LOWER(title) LIKE LOWER(${}) ESCAPE '!' OR reference = ${})", places + 1, places + 2));
            places += 2;
        }
        if after.is_some() {
            let (time, id) = (places + 1, places + 2);
            conditions.push(format!("({by} < ${time} OR ({by} = ${time} AND id < ${id}))", by = list.by));
        }
        let condition =
            if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        // Only our own column names and placeholder numbers go into the text.
        let sql = format!("{}{condition} ORDER BY {by} DESC, id DESC LIMIT {}", list.select, limit + 1, by = list.by);
        let mut query = query_as::<_, T>(AssertSqlSafe(sql));
        for (_, word) in wanted {
            query = query.bind(word.clone());
        }
        for customer in customers {
            query = query.bind(customer.clone());
        }
        if let Some(search) = list.search {
            let escaped = search.replace('!', "!!").replace('%', "!%").replace('_', "!_");
            query = query.bind(format!("%{escaped}%")).bind(search.trim_start_matches('#').to_owned());
        }
        if let Some((time, id)) = after {
            query = query.bind(time).bind(id);
        }
        let mut items = in_time(query.fetch_all(&self.shared.pool)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(|row| to_cursor(&key(row))) } else { None };
        Ok(Page { items, next_cursor })
    }

    pub(super) async fn read_call(&self, id: &str) -> Result<Option<CallRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{CALL} WHERE id = $1"));
        in_time(query_as(sql).bind(id.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    pub(super) async fn read_legs(&self, call: &str) -> Result<Vec<LegRow>, StoreError> {
        let legs = query_as(
            "SELECT leg, person, destination, started_at, answered_at, accepted_at, ended_at, cause
             FROM legs WHERE call_id = $1 ORDER BY leg",
        );
        in_time(legs.bind(call.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_recordings(&self, call: &str) -> Result<Vec<RecordingRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{RECORDING} WHERE call_id = $1 ORDER BY started_at, seq"));
        in_time(query_as(sql).bind(call.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_recording(&self, id: &str) -> Result<Option<RecordingRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{RECORDING} WHERE id = $1"));
        in_time(query_as(sql).bind(id.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    pub(super) async fn read_alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{ALERT} WHERE id = $1"));
        in_time(query_as(sql).bind(id.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    pub(super) async fn read_call_timeline(&self, call: &str) -> Result<Vec<TimelineRow>, StoreError> {
        let sql = AssertSqlSafe(format!("{TIMELINE} WHERE call_id = $1 ORDER BY at, seq"));
        in_time(query_as(sql).bind(call.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_alert_timeline(&self, alert: &str) -> Result<Vec<TimelineRow>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "{TIMELINE} WHERE alert_id = $1 OR call_id IN (SELECT id FROM calls WHERE alert_id = $1) ORDER BY at, seq"
        ));
        in_time(query_as(sql).bind(alert.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_next_transcript(&self) -> Result<Option<TranscriptJob>, StoreError> {
        let next = query(
            "SELECT r.id, r.call_id, c.alert_id, c.language, c.customer
             FROM recordings r JOIN calls c ON c.id = r.call_id
             WHERE r.transcript_state = 'waiting'
             ORDER BY CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END, r.started_at, r.seq LIMIT 1",
        );
        let Some(row) = in_time(next.fetch_optional(&self.shared.pool)).await? else { return Ok(None) };
        let job = || -> Result<TranscriptJob, sqlx::Error> {
            let bad = |error: uuid::Error| sqlx::Error::Decode(Box::new(error));
            let alert: Option<String> = row.try_get(2)?;
            Ok(TranscriptJob {
                recording: row.try_get::<String, _>(0)?.parse().map_err(bad)?,
                call: row.try_get::<String, _>(1)?.parse().map_err(bad)?,
                alert: alert.map(|id| id.parse()).transpose().map_err(bad)?,
                language: Language(row.try_get(3)?),
                customer: row.try_get::<Option<String>, _>(4)?.map(CustomerId),
            })
        };
        job().map(Some).map_err(|error| database(&error))
    }

    pub(super) async fn count_transcripts_waiting(&self) -> Result<u64, StoreError> {
        let count = query("SELECT COUNT(*) FROM recordings WHERE transcript_state = 'waiting'");
        let row = in_time(count.fetch_one(&self.shared.pool)).await?;
        let count: i64 = row.try_get(0).map_err(|error| database(&error))?;
        Ok(count.unsigned_abs())
    }

    pub(super) async fn read_login(&self, name: &str) -> Result<Option<LoginRow>, StoreError> {
        let login = query_as("SELECT name, password_hash, role, user_id, customers, teams FROM logins WHERE name = $1");
        in_time(login.bind(name.to_owned()).fetch_optional(&self.shared.pool)).await
    }

    pub(super) async fn write_login(&self, login: &LoginRow) -> Result<(), StoreError> {
        let put = query(
            "INSERT INTO logins (name, password_hash, role, user_id, customers, teams) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE
             SET password_hash = excluded.password_hash, role = excluded.role, user_id = excluded.user_id,
                 customers = excluded.customers, teams = excluded.teams",
        )
        .bind(login.name.clone())
        .bind(login.password_hash.clone())
        .bind(login.role.clone())
        .bind(login.user_id.clone())
        .bind(login.customers.clone())
        .bind(login.teams.clone());
        in_time(put.execute(&self.shared.pool)).await.map(|_| ())
    }

    pub(super) async fn read_session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError> {
        let session = query_as("SELECT data, expires_at FROM sessions WHERE id = $1 AND expires_at > $2")
            .bind(session_key(id))
            .bind(now_ms());
        in_time(session.fetch_optional(&self.shared.pool)).await
    }

    pub(super) async fn write_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError> {
        let purge = query("DELETE FROM sessions WHERE expires_at <= $1").bind(now_ms());
        in_time(purge.execute(&self.shared.pool)).await?;
        let put = query(
            "INSERT INTO sessions (id, data, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at",
        )
        .bind(session_key(id))
        .bind(data.to_owned())
        .bind(expires_at);
        in_time(put.execute(&self.shared.pool)).await.map(|_| ())
    }

    pub(super) async fn delete_session(&self, id: &str) -> Result<(), StoreError> {
        let delete = query("DELETE FROM sessions WHERE id = $1").bind(session_key(id));
        in_time(delete.execute(&self.shared.pool)).await.map(|_| ())
    }
}

/// The answer within [`READ_TIMEOUT`], or `Timeout`.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(READ_TIMEOUT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => Err(StoreError::Timeout),
        Ok(Err(error)) => Err(database(&error)),
    }
}

pub(super) fn database(error: &sqlx::Error) -> StoreError {
    StoreError::Database(Engine::plain(error))
}

fn now_ms() -> i64 {
    crate::clock::now().wall.as_millisecond()
}

fn session_key(id: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(id.as_bytes()))
}

pub(super) fn to_cursor((time, id): &(i64, String)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{time},{id}"))
}

pub(super) fn from_cursor(cursor: &str) -> Result<(i64, String), StoreError> {
    let parsed = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (time, id) = text.split_once(',')?;
        Some((time.parse().ok()?, id.to_owned()))
    };
    parsed().ok_or(StoreError::Cursor)
}

//! The reading side of [`Store`]: pages by keyset cursor, single rows, timelines. Every one answers
//! within [`READ_TIMEOUT`] or fails.

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotline_core::directory::Language;
use hotline_core::fact::RecordingKind;
use hotline_core::ids::CustomerId;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row, query, query_as};

use super::alert_rows;
use super::bulk;
use super::engine::{Engine, Kind};
use super::read::{
    AlertFilter, AlertOrder, AlertRow, CallFilter, CallRow, LegRow, LoginRow, Page, RecordingRow, TimelineRow,
};
use super::{READ_TIMEOUT, Store, StoreError, TranscriptJob};

const CALL: &str = "SELECT id, direction, number, reference, caller, source, customer, language, alert_id,
    started_at, answered_at, taken_at, taken_by, ended_at, outcome FROM calls";
const RECORDING: &str = "SELECT id, call_id, kind, started_at, duration_ms, speech, reason, transcript_state,
    transcript, transcript_note, removed_at FROM recordings";
const ALERT: &str = "SELECT id, reference, status, priority, urgency, title, details, customer, service, source,
    number, call_id, caller, created_at, began_at, began_origin, link, last_event_at, events, dedup_key, group_key, merged_into,
    policy, assigned, snoozed_until, acknowledged_at, acknowledged_by, resolved_at, resolved_by, rings, next_ring_at,
    esc_round, esc_step, esc_due FROM alerts";
const TIMELINE: &str = "SELECT seq, call_id, alert_id, at, kind, what, why, text FROM timeline";

/// Rows of a page at most.
const LIMIT_MAX: u32 = 200;

/// What a list is ordered and filtered by.
pub(super) struct List {
    select: &'static str,
    order: Order,
    pub conditions: Vec<String>,
    /// For the conditions' places.
    words: Vec<String>,
}

/// In which order; the id breaks ties.
enum Order {
    /// By this column of time.
    Newest(&'static str),
    /// Alerts by priority, then age.
    Urgent,
}

/// Where a row stands in its order; what a cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    priority: Option<String>,
    time: i64,
    id: String,
}

/// The place of a row in a list that begins at the newest.
pub(super) fn newest(time: i64, id: &str) -> Key {
    Key { priority: None, time, id: id.to_owned() }
}

impl List {
    /// Begins at the newest by this column.
    pub fn new(select: &'static str, by: &'static str) -> Self {
        Self { select, order: Order::Newest(by), conditions: Vec::new(), words: Vec::new() }
    }

    /// Only rows with this word, if there is one.
    pub fn equal(&mut self, column: &'static str, word: Option<String>) {
        if let Some(word) = word {
            let place = self.place(word);
            self.conditions.push(format!("{column} = {place}"));
        }
    }

    /// Only rows with one of these words.
    pub fn one_of(&mut self, column: &'static str, words: &[String]) {
        let places: Vec<String> = words.iter().map(|word| self.place(word.clone())).collect();
        self.conditions.push(if places.is_empty() {
            "1 = 0".to_owned()
        } else {
            format!("{column} IN ({})", places.join(", "))
        });
    }

    /// The place of a word that a condition names.
    pub fn place(&mut self, word: String) -> String {
        self.words.push(bulk::storable(word));
        format!("${}", self.words.len())
    }

    /// The statement for the rows behind `after`.
    fn sql(&self, after: Option<&Key>, limit: usize) -> String {
        let mut conditions = self.conditions.clone();
        let place = |offset: usize| format!("${}", self.words.len() + offset);
        let order = match self.order {
            Order::Newest(by) => {
                if after.is_some() {
                    let (time, id) = (place(1), place(2));
                    conditions.push(format!("({by} < {time} OR ({by} = {time} AND id < {id}))"));
                }
                format!("{by} DESC, id DESC")
            }
            Order::Urgent => {
                if after.is_some() {
                    let (time, id, priority) = (place(1), place(2), place(3));
                    conditions.push(format!(
                        "(priority > {priority} OR (priority = {priority} AND
                         (created_at > {time} OR (created_at = {time} AND id > {id}))))"
                    ));
                }
                "priority, created_at, id".to_owned()
            }
        };
        let condition =
            if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        format!("{}{condition} ORDER BY {order} LIMIT {}", self.select, limit + 1)
    }
}

/// The operator and the pattern for "contains this text, in capitals or not". Neither engine is asked to fold letters: `SQLite` knows
/// ASCII's only, and `PostgreSQL` those of the database's locale.
fn contains(kind: Kind, text: &str) -> (&'static str, String) {
    let letters = text.chars().map(|letter| {
        let mut forms = vec![letter];
        for other in [single(letter.to_lowercase()), single(letter.to_uppercase())].into_iter().flatten() {
            if !forms.contains(&other) {
                forms.push(other);
            }
        }
        forms
    });
    let pattern = letters.map(|forms| match (forms.as_slice(), kind) {
        ([one @ ('*' | '?' | '[')], Kind::Sqlite) => format!("[{one}]"),
        ([one], Kind::Postgres) if one.is_ascii_punctuation() => format!("\\{one}"),
        ([one], _) => one.to_string(),
        (several, _) => format!("[{}]", several.iter().collect::<String>()),
    });
    match kind {
        Kind::Sqlite => ("GLOB", format!("*{}*", pattern.collect::<String>())),
        Kind::Postgres => ("~", pattern.collect()),
    }
}

/// A letter whose other form is one letter, too (`ß` has none).
fn single(mut forms: impl Iterator<Item = char>) -> Option<char> {
    let first = forms.next();
    first.filter(|_| forms.next().is_none())
}

impl Store {
    pub(super) async fn read_calls(
        &self,
        filter: &CallFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<CallRow>, StoreError> {
        let mut list = List::new(CALL, "started_at");
        list.equal("number", filter.number.clone());
        list.equal("outcome", filter.outcome.clone());
        list.equal("customer", filter.customer.clone());
        list.equal("direction", filter.direction.clone());
        if let Some(customers) = &filter.customers {
            list.one_of("customer", customers);
        }
        self.page(list, cursor, limit, |row: &CallRow| newest(row.started_at, &row.id)).await
    }

    pub(super) async fn read_alerts(
        &self,
        filter: &AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AlertRow>, StoreError> {
        let mut list = List::new(ALERT, "created_at");
        list.equal("status", filter.status.clone());
        list.equal("priority", filter.priority.clone());
        list.equal("urgency", filter.urgency.clone());
        list.equal("customer", filter.customer.clone());
        list.equal("service", filter.service.clone());
        list.equal("source", filter.source.clone());
        list.equal("assigned", filter.assigned.clone());
        if let Some(customers) = &filter.customers {
            list.one_of("customer", customers);
        }
        if filter.open || filter.order == AlertOrder::Urgent {
            list.conditions.push("status <> 'resolved'".to_owned());
        }
        if let Some(text) = filter.search.as_ref().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let (matches, pattern) = contains(self.shared.engine.kind(), text);
            let (pattern, exact) = (list.place(pattern), list.place(text.to_owned()));
            list.conditions.push(format!("(title {matches} {pattern} OR reference = {exact})"));
        }
        match filter.order {
            AlertOrder::Newest => {
                self.page(list, cursor, limit, |row: &AlertRow| newest(row.created_at, &row.id)).await
            }
            AlertOrder::Urgent => {
                list.order = Order::Urgent;
                let key =
                    |row: &AlertRow| Key { priority: Some(row.priority.clone()), ..newest(row.created_at, &row.id) };
                self.page(list, cursor, limit, key).await
            }
        }
    }

    pub(super) async fn page<T>(
        &self,
        list: List,
        cursor: Option<&str>,
        limit: u32,
        key: impl Fn(&T) -> Key,
    ) -> Result<Page<T>, StoreError>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let limit = limit.clamp(1, LIMIT_MAX) as usize;
        let after = cursor.map(|cursor| from_cursor(cursor, &list.order)).transpose()?;
        // Only our own column names and placeholder numbers go into the text.
        let mut query = query_as::<_, T>(AssertSqlSafe(list.sql(after.as_ref(), limit)));
        for word in list.words {
            query = query.bind(word);
        }
        if let Some(Key { priority, time, id }) = after {
            query = query.bind(time).bind(id);
            if let Some(priority) = priority {
                query = query.bind(priority);
            }
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
            "SELECT leg, person, destination, started_at, answered_at, accepted_at, ended_at, cause, quality
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
        let sql = AssertSqlSafe(format!("{TIMELINE} WHERE call_id = $1 ORDER BY at, journal, seq"));
        in_time(query_as(sql).bind(call.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_alert_timeline(&self, alert: &str) -> Result<Vec<TimelineRow>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "{TIMELINE} WHERE alert_id = $1 OR call_id IN (SELECT id FROM calls WHERE alert_id = $1) ORDER BY at, journal, seq"
        ));
        in_time(query_as(sql).bind(alert.to_owned()).fetch_all(&self.shared.pool)).await
    }

    pub(super) async fn read_next_transcript(&self) -> Result<Option<TranscriptJob>, StoreError> {
        let next = query(
            "SELECT r.id, r.call_id, c.alert_id, c.language, c.customer, r.kind, r.started_at, c.number
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
                kind: alert_rows::word(&row, 5, RecordingKind::from_word)?,
                started_at: alert_rows::at(&row, 6)?,
                number: row.try_get::<String, _>(7)?.as_str().into(),
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

/// The cursor of lists that know time and id only.
pub(super) fn moment_cursor(time: i64, id: &str) -> String {
    to_cursor(&newest(time, id))
}

/// What such a cursor says.
pub(super) fn moment_of(cursor: &str) -> Result<(i64, String), StoreError> {
    from_cursor(cursor, &Order::Newest("at")).map(|key| (key.time, key.id))
}

fn to_cursor(Key { priority, time, id }: &Key) -> String {
    let first = priority.as_ref().map(|priority| format!("{priority},")).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{first}{time},{id}"))
}

fn from_cursor(cursor: &str, order: &Order) -> Result<Key, StoreError> {
    let parsed = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        if text.contains('\0') {
            return None;
        }
        let (priority, rest) = match order {
            Order::Newest(_) => (None, text.as_str()),
            Order::Urgent => text.split_once(',').map(|(priority, rest)| (Some(priority.to_owned()), rest))?,
        };
        let (time, id) = rest.split_once(',')?;
        Some(Key { priority, time: time.parse().ok()?, id: id.to_owned() })
    };
    parsed().ok_or(StoreError::Cursor)
}

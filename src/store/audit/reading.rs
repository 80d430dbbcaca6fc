//! The chain as people read it: newest first by pages, or all of it in order.

use std::collections::HashMap;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row, query};

use super::{in_time, told};
use crate::store::pages::{moment_cursor, moment_of};
use crate::store::read::Page;
use crate::store::{Store, StoreError};

const ENTRY: &str = "SELECT node, seq, id, at, actor, action, object, detail, personal, prev, hash FROM audit";

/// An entry with what is known of its personal fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The node whose chain it is in.
    pub node: String,
    /// Place in the chain, from 1.
    pub seq: i64,
    /// Unique over all nodes.
    pub id: String,
    /// When, epoch milliseconds.
    pub at: i64,
    /// Who, in clear; `None`: erased.
    pub actor: Option<String>,
    /// What: a stable word (`alert.acknowledge`).
    pub action: String,
    /// To what, in clear; `None`: erased.
    pub object: Option<String>,
    /// JSON object without personal data.
    pub detail: String,
    /// The other personal fields; `None`: erased.
    pub personal: Vec<(String, Option<String>)>,
    /// Salted hashes of all personal fields as they stand in the chain.
    pub hashes: Vec<(String, String)>,
    /// Hash of the entry before, hex.
    pub prev: String,
    /// Its own, hex.
    pub hash: String,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this node's chain.
    pub node: Option<String>,
    /// By them, as shown (`login admin`, `engineer-1`).
    pub actor: Option<String>,
    /// This word, or those that begin with it up to a dot (`alert` means `alert.acknowledge` too).
    pub action: Option<String>,
    /// To this (`alert:0199…`).
    pub object: Option<String>,
    /// From this moment on, epoch milliseconds.
    pub from: Option<i64>,
    /// Before this moment, epoch milliseconds.
    pub to: Option<i64>,
}

/// Conditions with their values in order.
#[derive(Default)]
struct Conditions {
    words: Vec<String>,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Conditions {
    /// `condition` names the value as `?`, as often as it likes.
    fn add(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        self.words.push(condition.replace('?', &format!("${}", self.values.len())));
    }

    fn of(filter: &AuditFilter) -> Self {
        let mut all = Self::default();
        let personal = |column: &str| {
            format!(
                "({column} = ? OR EXISTS (SELECT 1 FROM audit_personal p WHERE p.value = ? AND p.node = audit.node
                  AND p.seq = audit.seq AND p.field = '{column}'))"
            )
        };
        if let Some(node) = &filter.node {
            all.add("node = ?", Value::Text(node.clone()));
        }
        if let Some(actor) = &filter.actor {
            all.add(&personal("actor"), Value::Text(actor.clone()));
        }
        if let Some(object) = &filter.object {
            all.add(&personal("object"), Value::Text(object.clone()));
        }
        if let Some(action) = &filter.action {
            // `alert.` up to, not including, `alert/`: all that begin with it, by the index.
            all.values.push(Value::Text(action.clone()));
            let exact = all.values.len();
            all.values.push(Value::Text(format!("{action}.")));
            all.values.push(Value::Text(format!("{action}/")));
            all.words.push(format!("(action = ${exact} OR (action >= ${} AND action < ${}))", exact + 1, exact + 2));
        }
        if let Some(from) = filter.from {
            all.add("at >= ?", Value::Number(from));
        }
        if let Some(to) = filter.to {
            all.add("at < ?", Value::Number(to));
        }
        all
    }

    fn sql(&self, rest: &str) -> String {
        let condition =
            if self.words.is_empty() { String::new() } else { format!(" WHERE {}", self.words.join(" AND ")) };
        format!("{ENTRY}{condition} {rest}")
    }

    fn bind(self, mut query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }
}

impl Store {
    /// Entries of all chains, newest first. `limit` 1–200.
    pub async fn audit_list(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuditRow>, StoreError> {
        let limit = limit.clamp(1, 200) as usize;
        let mut conditions = Conditions::of(filter);
        if let Some((at, id)) = cursor.map(moment_of).transpose()? {
            conditions.values.push(Value::Number(at));
            conditions.values.push(Value::Text(id));
            let (at, id) = (conditions.values.len() - 1, conditions.values.len());
            conditions.words.push(format!("(at < ${at} OR (at = ${at} AND id < ${id}))"));
        }
        let mut items = self.audit_rows(conditions, &format!("ORDER BY at DESC, id DESC LIMIT {}", limit + 1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|row| moment_cursor(row.at, &row.id));
        Ok(Page { items, next_cursor })
    }

    /// Entries of all chains in the order of node and place, behind `after`. `limit` 1–1,000.
    pub async fn audit_walk(
        &self,
        filter: &AuditFilter,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut conditions = Conditions::of(filter);
        if let Some((node, seq)) = after {
            conditions.values.push(Value::Text(node.to_owned()));
            conditions.values.push(Value::Number(seq));
            let (node, seq) = (conditions.values.len() - 1, conditions.values.len());
            conditions.words.push(format!("(node > ${node} OR (node = ${node} AND seq > ${seq}))"));
        }
        self.audit_rows(conditions, &format!("ORDER BY node, seq LIMIT {}", limit.clamp(1, 1_000))).await
    }

    async fn audit_rows(&self, conditions: Conditions, rest: &str) -> Result<Vec<AuditRow>, StoreError> {
        // Only our own column names and placeholder numbers go into the text.
        let sql = conditions.sql(rest);
        let rows = in_time(conditions.bind(query(AssertSqlSafe(sql))).fetch_all(&self.shared.pool)).await?;
        let mut entries = rows.iter().map(of_row).collect::<Result<Vec<_>, _>>().map_err(|error| told(&error))?;
        let mut values = self.audit_values(&entries).await?;
        for entry in &mut entries {
            let mut known = values.remove(&(entry.node.clone(), entry.seq)).unwrap_or_default();
            for (field, _) in &entry.hashes {
                let value = known.remove(field).flatten();
                match field.as_str() {
                    "actor" => entry.actor = value,
                    "object" => entry.object = value,
                    _ => entry.personal.push((field.clone(), value)),
                }
            }
        }
        Ok(entries)
    }

    /// What `audit_personal` has about these entries.
    async fn audit_values(&self, entries: &[AuditRow]) -> Result<Values, StoreError> {
        let mut values = Values::new();
        let mut nodes: HashMap<&str, Vec<i64>> = HashMap::new();
        for entry in entries.iter().filter(|entry| !entry.hashes.is_empty()) {
            nodes.entry(&entry.node).or_default().push(entry.seq);
        }
        for (node, places) in nodes {
            for some in places.chunks(200) {
                // Numbers of our own.
                let list = some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let sql = format!("SELECT seq, field, value FROM audit_personal WHERE node = $1 AND seq IN ({list})");
                let found = query(AssertSqlSafe(sql)).bind(node.to_owned());
                for row in in_time(found.fetch_all(&self.shared.pool)).await? {
                    let (seq, field, value) = field_of(&row).map_err(|error| told(&error))?;
                    values.entry((node.to_owned(), seq)).or_default().insert(field, value);
                }
            }
        }
        Ok(values)
    }
}

/// Values of the personal fields, by node and place.
type Values = HashMap<(String, i64), HashMap<String, Option<String>>>;

fn field_of(row: &AnyRow) -> Result<(i64, String, Option<String>), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Without the values of its personal fields.
fn of_row(row: &AnyRow) -> Result<AuditRow, sqlx::Error> {
    let hashes: String = row.try_get(8)?;
    Ok(AuditRow {
        node: row.try_get(0)?,
        seq: row.try_get(1)?,
        id: row.try_get(2)?,
        at: row.try_get(3)?,
        actor: Some(row.try_get(4)?),
        action: row.try_get(5)?,
        object: Some(row.try_get(6)?),
        detail: row.try_get(7)?,
        personal: Vec::new(),
        hashes: serde_json::from_str(&hashes).unwrap_or_default(),
        prev: row.try_get(9)?,
        hash: row.try_get(10)?,
    })
}

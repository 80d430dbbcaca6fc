//! The faults within an alert that several were grouped into: which of them still fire. An alert of one fault has no rows; its
//! own key stands in its own row. Rows of alerts that are over are gone.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use hotline_core::alert::Alert;
use hotline_core::alert::intake::{Action, Faults};
use hotline_core::ids::{AlertId, SourceId};
use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::alert_rows::parsed;
use super::alerts::Received;
use super::apply::ms;
use super::bulk::{self, Cell};
use super::fold::AlertRecord;

/// Faults that are named when one of several is over.
const NAMED: usize = 5;

/// A fault: the tool, and its key; an empty one where it gives none.
type Fault = (SourceId, String);

/// What a batch of events knows about the faults of its alerts.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Alerts by the keys of faults that joined them.
    of: HashMap<Fault, AlertId>,
    /// Whether it still fires, and what it is called.
    states: HashMap<(AlertId, Fault), (bool, String)>,
    /// Of alerts of several faults: how many fire. Loaded where an event of the batch says that a fault is over.
    firing: HashMap<AlertId, u32>,
    /// Some of those that fire.
    titles: HashMap<AlertId, BTreeMap<Fault, String>>,
    /// First faults of alerts that a second one joined: rows unless they are there.
    seeds: Vec<(AlertId, Fault, String)>,
    /// Rows to write: when it was over.
    changed: HashMap<(AlertId, Fault), (String, Option<i64>)>,
}

/// The keys of the events by source, in an order.
fn keys_of(events: &[Received]) -> Vec<(&SourceId, Vec<String>)> {
    let mut keys: BTreeMap<&SourceId, Vec<String>> = BTreeMap::new();
    for event in events {
        let of_source = keys.entry(&event.source).or_default();
        of_source.extend(event.event.dedup_key.clone());
        of_source.extend(event.own_key.clone());
    }
    keys.into_iter().filter(|(_, keys)| !keys.is_empty()).collect()
}

/// Open alerts that faults of these events have joined.
pub(super) async fn joined(connection: &mut AnyConnection, events: &[Received]) -> Result<Vec<String>, sqlx::Error> {
    let mut found = Vec::new();
    for (source, keys) in keys_of(events) {
        for chunk in bulk::chunks(keys) {
            let places = bulk::list(2, chunk.len());
            let sql = format!("SELECT DISTINCT alert_id FROM alert_keys WHERE source = $1 AND dedup_key IN ({places})");
            let mut statement = query(AssertSqlSafe(sql)).bind(source.0.clone());
            for key in chunk {
                statement = statement.bind(bulk::storable(key));
            }
            for row in statement.fetch_all(&mut *connection).await? {
                found.push(row.try_get::<String, _>(0)?);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

impl Keys {
    /// What the rows say about these open alerts, which are locked.
    pub async fn load(
        connection: &mut AnyConnection,
        events: &[Received],
        known: &[AlertRecord],
    ) -> Result<Self, sqlx::Error> {
        let mut keys = Self::default();
        let ids: Vec<String> = known.iter().map(|record| record.alert.id.to_string()).collect();
        let resolves = events.iter().filter(|event| event.event.action == Action::Resolve).count();
        if ids.is_empty() {
            return Ok(keys);
        }
        keys.load_states(connection, events, known).await?;
        for chunk in bulk::chunks(if resolves > 0 { ids } else { Vec::new() }) {
            // As many more as the batch may end, so that some are left to be named.
            let sql = format!(
                "SELECT alert_id, source, dedup_key, title, firing FROM (
                    SELECT alert_id, source, dedup_key, title,
                           ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY dedup_key, source) AS place,
                           COUNT(*) OVER (PARTITION BY alert_id) AS firing
                    FROM alert_keys WHERE recovered_at IS NULL AND alert_id IN ({})) AS found
                 WHERE place <= {}",
                bulk::list(1, chunk.len()),
                NAMED.saturating_add(resolves)
            );
            let mut statement = query(AssertSqlSafe(sql));
            for id in chunk {
                statement = statement.bind(id);
            }
            for row in statement.fetch_all(&mut *connection).await? {
                let alert: AlertId = parsed(&row, 0)?;
                let fault = (SourceId(row.try_get(1)?), row.try_get::<String, _>(2)?);
                let title: String = row.try_get(3)?;
                keys.firing.insert(alert, u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(u32::MAX));
                keys.states.entry((alert, fault.clone())).or_insert_with(|| (true, title.clone()));
                keys.titles.entry(alert).or_default().insert(fault, title);
            }
        }
        Ok(keys)
    }

    async fn load_states(
        &mut self,
        connection: &mut AnyConnection,
        events: &[Received],
        known: &[AlertRecord],
    ) -> Result<(), sqlx::Error> {
        let open: std::collections::HashSet<AlertId> = known.iter().map(|record| record.alert.id).collect();
        for (source, keys) in keys_of(events) {
            for chunk in bulk::chunks(keys) {
                let sql = format!(
                    "SELECT alert_id, dedup_key, title, recovered_at FROM alert_keys
                     WHERE source = $1 AND dedup_key IN ({}) ORDER BY alert_id",
                    bulk::list(2, chunk.len())
                );
                let mut statement = query(AssertSqlSafe(sql)).bind(source.0.clone());
                for key in chunk {
                    statement = statement.bind(bulk::storable(key));
                }
                for row in statement.fetch_all(&mut *connection).await? {
                    let alert: AlertId = parsed(&row, 0)?;
                    if !open.contains(&alert) {
                        continue;
                    }
                    let fault = (source.clone(), row.try_get::<String, _>(1)?);
                    let fires = row.try_get::<Option<i64>, _>(3)?.is_none();
                    self.of.insert(fault.clone(), alert);
                    self.states.insert((alert, fault), (fires, row.try_get(2)?));
                }
            }
        }
        Ok(())
    }

    /// The alert that a fault of this key has joined.
    pub fn alert_of(&self, source: &SourceId, key: &str) -> Option<AlertId> {
        self.of.get(&(source.clone(), key.to_owned())).copied()
    }

    /// How the faults of this alert stand, seen from one of them.
    pub fn faults(&self, alert: AlertId, event: &Received) -> Faults {
        let Some(firing) = self.firing.get(&alert) else { return Faults::default() };
        let fault = fault_of(event);
        let own = self.states.get(&(alert, fault.clone()));
        let fires = own.is_none_or(|(fires, _)| *fires);
        let others = self.titles.get(&alert).into_iter().flatten().filter(|(other, _)| **other != fault);
        Faults {
            recovered: !fires,
            title: own.map(|(_, title)| title.clone()),
            others: firing.saturating_sub(u32::from(fires)),
            titles: others.map(|(_, title)| title.clone()).take(NAMED).collect(),
        }
    }

    /// A fault fires within this open alert.
    pub fn fires(&mut self, alert: &Alert, event: &Received) {
        let fault = fault_of(event);
        let place = (alert.id, fault.clone());
        let known = self.states.get(&place).map(|(fires, _)| *fires);
        let first = first_of(alert);
        if known == Some(true) || (known.is_none() && first == fault) {
            return;
        }
        if first != fault && !self.states.contains_key(&(alert.id, first.clone())) {
            self.states.insert((alert.id, first.clone()), (true, alert.title.clone()));
            self.seeds.push((alert.id, first.clone(), alert.title.clone()));
            // Where rows are there already they were counted.
            if let Entry::Vacant(none) = self.firing.entry(alert.id) {
                none.insert(1);
                self.titles.entry(alert.id).or_default().insert(first, alert.title.clone());
            }
        }
        let title = event.event.title.clone();
        *self.firing.entry(alert.id).or_insert(0) += 1;
        self.titles.entry(alert.id).or_default().insert(fault.clone(), title.clone());
        self.states.insert(place.clone(), (true, title.clone()));
        self.changed.insert(place, (title, None));
        if !fault.1.is_empty() {
            self.of.insert(fault, alert.id);
        }
    }

    /// A fault of this open alert is over.
    pub fn recovers(&mut self, alert: AlertId, event: &Received, at: Timestamp) {
        let fault = fault_of(event);
        let Some(firing) = self.firing.get_mut(&alert) else { return };
        let Some((fires, title)) = self.states.get_mut(&(alert, fault.clone())) else { return };
        if std::mem::replace(fires, false) {
            *firing = firing.saturating_sub(1);
            self.changed.insert((alert, fault.clone()), (title.clone(), Some(ms(at))));
            if let Some(titles) = self.titles.get_mut(&alert) {
                titles.remove(&fault);
            }
        }
    }

    /// Writes what changed about alerts that are still open.
    pub async fn keep(
        self,
        connection: &mut AnyConnection,
        is_open: impl Fn(AlertId) -> bool,
    ) -> Result<(), sqlx::Error> {
        let row = |alert: AlertId, (source, key): Fault, title: String, recovered: Option<i64>| {
            vec![
                Cell::Text(alert.to_string()),
                Cell::Text(source.0),
                Cell::Text(key),
                Cell::Text(title),
                Cell::MaybeInt(recovered),
            ]
        };
        let seeds = self.seeds.into_iter().filter(|(alert, _, _)| is_open(*alert));
        let seeds: Vec<_> = seeds.map(|(alert, fault, title)| row(alert, fault, title, None)).collect();
        let changed = self.changed.into_iter().filter(|((alert, _), _)| is_open(*alert));
        let mut changed: Vec<_> = changed.collect();
        // Two nodes lock rows in the same order.
        changed.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let changed = changed.into_iter().map(|((alert, fault), (title, at))| row(alert, fault, title, at)).collect();
        bulk::values(connection, INSERT, 5, UNLESS_THERE, seeds).await?;
        bulk::values(connection, INSERT, 5, ANEW, changed).await.map(|_| ())
    }
}

const INSERT: &str = "INSERT INTO alert_keys (alert_id, source, dedup_key, title, recovered_at)";
const UNLESS_THERE: &str = " ON CONFLICT (alert_id, source, dedup_key) DO NOTHING";
const ANEW: &str = " ON CONFLICT (alert_id, source, dedup_key)
    DO UPDATE SET title = excluded.title, recovered_at = excluded.recovered_at";

fn fault_of(event: &Received) -> Fault {
    (event.source.clone(), event.event.dedup_key.clone().unwrap_or_default())
}

/// The fault that opened it; a call's alert has no key, and no tool can say that it is over.
fn first_of(alert: &Alert) -> Fault {
    (alert.source.clone().unwrap_or_default(), alert.dedup_key.clone().unwrap_or_default())
}

/// The faults of one alert are another's from now on: it is over when all are.
pub(super) async fn merge(connection: &mut AnyConnection, from: &Alert, into: &Alert) -> Result<(), sqlx::Error> {
    for alert in [into, from] {
        let (source, key) = first_of(alert);
        // Rows that are there say more.
        query(
            "INSERT INTO alert_keys (alert_id, source, dedup_key, title) VALUES ($1, $2, $3, $4)
             ON CONFLICT (alert_id, source, dedup_key) DO NOTHING",
        )
        .bind(alert.id.to_string())
        .bind(source.0)
        .bind(bulk::storable(key))
        .bind(bulk::storable(alert.title.clone()))
        .execute(&mut *connection)
        .await?;
    }
    query(
        "INSERT INTO alert_keys (alert_id, source, dedup_key, title, recovered_at)
         SELECT $1, source, dedup_key, title, recovered_at FROM alert_keys WHERE alert_id = $2
         ON CONFLICT (alert_id, source, dedup_key) DO NOTHING",
    )
    .bind(into.id.to_string())
    .bind(from.id.to_string())
    .execute(connection)
    .await
    .map(|_| ())
}

/// Alerts that are over need none.
pub(super) async fn forget(connection: &mut AnyConnection, alerts: Vec<AlertId>) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(alerts.iter().map(ToString::to_string).collect()) {
        let sql = format!("DELETE FROM alert_keys WHERE alert_id IN ({})", bulk::list(1, chunk.len()));
        let mut statement = query(AssertSqlSafe(sql));
        for id in chunk {
            statement = statement.bind(id);
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

//! A batch of tools' events in one durable transaction: what is open is looked up once, all is decided in memory,
//! and what changed goes into the database in a few statements.

use std::borrow::Cow;
use std::collections::HashMap;

use hotline_core::alert::intake::{Action, Decision, Open};
use hotline_core::alert::{Alert, Status};
use hotline_core::fact::Fact;
use hotline_core::ids::{AlertId, SourceId};
use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};
use uuid::Uuid;

use super::alerts::{Audited, Decide, Received, Taken};
use super::engine::Engine;
use super::fold::AlertRecord;
use super::keys::{self, Keys};
use super::lines::{self, Lines};
use super::open::Inner;
use super::writer::{Tries, WriteError, Writer, in_time};
use super::{Store, StoreError, alert_rows, bulk};

/// References are reserved so many at a time; what a stop leaves unused is lost, which does no harm.
const RESERVED: i64 = 1_000;
/// References of tools' alerts: six digits. Those of calls have five at most.
const REFERENCES_BEFORE: i64 = 100_000;
const REFERENCE_LAST: i64 = 999_999;

impl Store {
    /// Takes a batch of events in one durable transaction (one look-up, multi-row inserts); the answers are in their order. An
    /// event sees what those before it in the batch did. What an alert opened here must do next is due at once.
    pub async fn take_events(&self, events: &[Received], decide: Decide<'_>) -> Result<Vec<Taken>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.take_once(events, decide).await {
                    Ok(taken) => return Ok(taken),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn take_once(&self, events: &[Received], decide: Decide<'_>) -> Result<Vec<Taken>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut references = inner.take_references(&mut writer, events.len()).await?;
        let mut transaction = writer.begin().await?;
        let known = look_up(&mut transaction, &inner.engine, events).await?;
        let keys = Keys::load(&mut transaction, events, &known).await?;
        let mut batch = Batch::new(known, keys);
        let taken = batch.take_all(events, decide, &mut references)?;
        let touched = batch.keep(&mut transaction, &inner.node).await?;
        inner.tell_alerts(&mut transaction, &touched).await?;
        transaction.commit().await?;
        writer.keep();
        inner.references.lock().extend(references);
        Ok(taken)
    }
}

impl Inner {
    /// So many free references, in order.
    async fn take_references(&self, writer: &mut Writer<'_>, count: usize) -> Result<Vec<i64>, WriteError> {
        {
            let mut free = self.references.lock();
            if free.len() >= count {
                return Ok(free.drain(..count).collect());
            }
        }
        let more = RESERVED.max(i64::try_from(count).unwrap_or(RESERVED));
        // Committed by itself: other nodes need not wait for this batch.
        let mut transaction = writer.begin().await?;
        let row = query(
            "UPDATE counters SET value = CASE WHEN value + $1 > $2 THEN $3 + $1 ELSE value + $1 END
             WHERE name = 'alert_reference' RETURNING value",
        )
        .bind(more)
        .bind(REFERENCE_LAST)
        .bind(REFERENCES_BEFORE)
        .fetch_one(&mut *transaction)
        .await?;
        let last: i64 = row.try_get(0)?;
        transaction.commit().await?;
        let mut free = self.references.lock();
        free.extend(last - more + 1..=last);
        Ok(free.drain(..count).collect())
    }
}

/// The open alerts that the events may belong to, locked in the order of their ids.
async fn look_up(
    connection: &mut AnyConnection,
    engine: &Engine,
    events: &[Received],
) -> Result<Vec<AlertRecord>, sqlx::Error> {
    let mut keys: HashMap<&SourceId, Vec<String>> = HashMap::new();
    let mut groups = Vec::new();
    for event in events {
        if let Some(key) = &event.event.dedup_key {
            let of_source = keys.entry(&event.source).or_default();
            of_source.push(key.clone());
            of_source.extend(event.own_key.clone());
        }
        groups.extend(event.route.group_key.clone());
    }
    let mut sources: Vec<_> = keys.into_iter().collect();
    sources.sort_unstable();
    let lock = if engine.for_update().is_empty() { "" } else { " FOR UPDATE OF a" };
    let select = alert_rows::select(engine);
    let mut found = Vec::new();
    for (source, keys) in sources {
        for chunk in bulk::chunks(keys) {
            let places = bulk::list(2, chunk.len());
            let sql = format!(
                "{select} WHERE a.source = $1 AND a.dedup_key IN ({places}) AND a.status <> 'resolved'
                 ORDER BY a.id{lock}"
            );
            let mut statement = query(AssertSqlSafe(sql)).bind(source.0.clone());
            for key in chunk {
                statement = statement.bind(bulk::storable(key));
            }
            found.extend(statement.fetch_all(&mut *connection).await?);
        }
    }
    for chunk in bulk::chunks(keys::joined(connection, events).await?) {
        let places = bulk::list(1, chunk.len());
        let sql = format!("{select} WHERE a.id IN ({places}) AND a.status <> 'resolved' ORDER BY a.id{lock}");
        let mut statement = query(AssertSqlSafe(sql));
        for id in chunk {
            statement = statement.bind(id);
        }
        found.extend(statement.fetch_all(&mut *connection).await?);
    }
    for chunk in bulk::chunks(groups) {
        let places = (1..=chunk.len()).map(|place| format!("(${place})")).collect::<Vec<_>>().join(",");
        let sql = format!(
            "{select} WHERE a.id IN (
                SELECT (SELECT b.id FROM alerts b WHERE b.group_key = v.column1 AND b.status <> 'resolved'
                        ORDER BY b.created_at DESC, b.id DESC LIMIT 1)
                FROM (VALUES {places}) AS v)
             ORDER BY a.id{lock}"
        );
        let mut statement = query(AssertSqlSafe(sql));
        for group in chunk {
            statement = statement.bind(bulk::storable(group));
        }
        found.extend(statement.fetch_all(&mut *connection).await?);
    }
    found.iter().map(alert_rows::record).collect()
}

/// An alert of the batch.
struct Slot {
    record: AlertRecord,
    /// Opened by this batch.
    new: bool,
    /// More than its counters changed.
    changed: bool,
    counted: bool,
}

/// What is decided so far.
struct Batch {
    slots: HashMap<AlertId, Slot>,
    /// In the order in which they came into the batch.
    order: Vec<AlertId>,
    by_key: HashMap<(SourceId, String), AlertId>,
    by_group: HashMap<String, AlertId>,
    keys: Keys,
    lines: Lines,
    audited: Vec<(Audited, Timestamp)>,
}

impl Batch {
    fn new(known: Vec<AlertRecord>, keys: Keys) -> Self {
        let mut batch = Self {
            slots: HashMap::new(),
            order: Vec::new(),
            by_key: HashMap::new(),
            by_group: HashMap::new(),
            keys,
            lines: Lines::new(),
            audited: Vec::new(),
        };
        for record in known {
            batch.put(record, false);
        }
        batch
    }

    fn put(&mut self, record: AlertRecord, new: bool) {
        let alert = &record.alert;
        let id = alert.id;
        if self.slots.contains_key(&id) {
            return;
        }
        if let (Some(source), Some(key)) = (&alert.source, &alert.dedup_key) {
            self.by_key.insert((source.clone(), key.clone()), id);
        }
        if let Some(group) = &alert.group_key {
            let younger = |other: &Alert| (other.opened_at, other.id) > (alert.opened_at, id);
            let has_younger = self.by_group.get(group).is_some_and(|other| younger(&self.slots[other].record.alert));
            if new || !has_younger {
                self.by_group.insert(group.clone(), id);
            }
        }
        self.slots.insert(id, Slot { record, new, changed: false, counted: false });
        self.order.push(id);
    }

    fn take_all(
        &mut self,
        events: &[Received],
        decide: Decide<'_>,
        references: &mut Vec<i64>,
    ) -> Result<Vec<Taken>, sqlx::Error> {
        let mut used = 0;
        let mut taken = Vec::with_capacity(events.len());
        for event in events {
            let event = &*self.of_customer(event);
            let reference = references[used].to_string();
            let same = event.event.dedup_key.as_ref().and_then(|key| self.same(&event.source, key));
            let faults = same.map(|alert| self.keys.faults(alert.id, event)).unwrap_or_default();
            let group = event.route.group_key.as_ref().and_then(|group| self.by_group.get(group));
            let group = group.map(|id| &self.slots[id].record.alert);
            let decision = decide(event, Open { same, faults: &faults, group }, &reference);
            if matches!(decision, Decision::Open { .. }) {
                used += 1;
            }
            taken.push(self.carry_out(event, decision)?);
        }
        references.drain(..used);
        Ok(taken)
    }

    /// The event under its own key where the tool's names an open alert of another customer: nobody's fault may hide in an
    /// alert that they don't see.
    fn of_customer<'e>(&self, event: &'e Received) -> Cow<'e, Received> {
        let (Some(key), Some(own)) = (&event.event.dedup_key, &event.own_key) else { return Cow::Borrowed(event) };
        let under_own = match self.same(&event.source, key) {
            Some(open) => open.customer.is_some() && open.customer != event.route.customer,
            None => self.same(&event.source, own).is_some(),
        };
        if !under_own {
            return Cow::Borrowed(event);
        }
        let mut event = event.clone();
        event.event.dedup_key = Some(own.clone());
        Cow::Owned(event)
    }

    /// The open alert that a fault of this key opened or joined.
    fn same(&self, source: &SourceId, key: &str) -> Option<&Alert> {
        let opened = self.by_key.get(&(source.clone(), key.to_owned())).copied();
        let id = opened.or_else(|| self.keys.alert_of(source, key))?;
        self.slots.get(&id).map(|slot| &slot.record.alert).filter(|alert| alert.status != Status::Resolved)
    }

    fn carry_out(&mut self, event: &Received, decision: Decision) -> Result<Taken, sqlx::Error> {
        let at = event.at;
        match decision {
            Decision::Nothing => Ok(Taken { alert: None, opened: false }),
            Decision::Open { facts } => {
                let id = AlertId(Uuid::now_v7());
                let opened = facts.first().and_then(|(fact, _)| AlertRecord::opened(id, fact, at));
                let Some(mut record) = opened else {
                    return Err(sqlx::Error::Encode("an alert opens with `Change::Received`".into()));
                };
                for (fact, why) in &facts {
                    record.take_in(fact, at);
                    self.lines.add(id, fact, why, at);
                }
                self.audited.push((deed(event, id, "alert.open", &record), at));
                self.put(record, true);
                Ok(Taken { alert: Some(id), opened: true })
            }
            Decision::Join { alert, facts } => {
                let Some(slot) = self.slots.get_mut(&alert) else { return Ok(Taken { alert: None, opened: false }) };
                self.keys.fires(&slot.record.alert, event);
                let events = slot.record.alert.events.saturating_add(1);
                slot.record.alert.last_event_at = slot.record.alert.last_event_at.max(at);
                slot.counted = true;
                self.apply(alert, &facts, at);
                let joined = self.slots.get_mut(&alert).map(|slot| &mut slot.record.alert);
                if let Some(joined) = joined {
                    joined.events = joined.events.max(events);
                }
                Ok(Taken { alert: Some(alert), opened: false })
            }
            Decision::Settle { alert, facts } => {
                let Some(slot) = self.slots.get(&alert) else { return Ok(Taken { alert: None, opened: false }) };
                let ends = facts.iter().any(|(fact, _)| matches!(fact, Fact::AlertResolved { .. }));
                let one_of_many = event.event.action == Action::Resolve && !ends;
                if one_of_many {
                    self.keys.recovers(alert, event, at);
                } else if !facts.is_empty() {
                    let action = format!("alert.{}", event.event.action.word());
                    self.audited.push((deed(event, alert, &action, &slot.record), at));
                }
                self.apply(alert, &facts, at);
                Ok(Taken { alert: Some(alert), opened: false })
            }
        }
    }

    fn apply(&mut self, id: AlertId, facts: &[(Fact, String)], at: Timestamp) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let before = slot.record.clone();
        for (fact, why) in facts {
            slot.record.take_in(fact, at);
            self.lines.add(id, fact, why, at);
        }
        let now = &slot.record;
        // Counters alone are written in a way of their own.
        let mut same = before;
        same.alert.events = now.alert.events;
        same.alert.last_event_at = now.alert.last_event_at;
        slot.counted = true;
        slot.changed |= same != *now;
        if now.alert.status == Status::Resolved {
            self.forget(id);
        }
    }

    /// A resolved alert takes no more events.
    fn forget(&mut self, id: AlertId) {
        let alert = &self.slots[&id].record.alert;
        if let (Some(source), Some(key)) = (alert.source.clone(), alert.dedup_key.clone()) {
            let key = (source, key);
            if self.by_key.get(&key) == Some(&id) {
                self.by_key.remove(&key);
            }
        }
        let Some(group) = alert.group_key.clone() else { return };
        if self.by_group.get(&group) != Some(&id) {
            return;
        }
        let open = self
            .slots
            .values()
            .map(|slot| &slot.record.alert)
            .filter(|other| other.group_key.as_ref() == Some(&group) && other.status != Status::Resolved);
        match open.max_by_key(|other| (other.opened_at, other.id)).map(|other| other.id) {
            Some(next) => self.by_group.insert(group, next),
            None => self.by_group.remove(&group),
        };
    }

    /// Writes what changed; whom it concerns.
    async fn keep(self, connection: &mut AnyConnection, node: &str) -> Result<Vec<AlertId>, sqlx::Error> {
        let slots = || self.order.iter().map(|id| &self.slots[id]);
        let changed = slots().filter(|slot| !slot.new && slot.changed).map(|slot| &slot.record);
        let counted = slots().filter(|slot| !slot.new && !slot.changed && slot.counted).map(|slot| &slot.record);
        let new = slots().filter(|slot| slot.new).map(|slot| &slot.record);
        // Resolved ones first: their key may have been opened anew since.
        alert_rows::update(connection, changed).await?;
        alert_rows::update_counters(connection, counted).await?;
        alert_rows::insert(connection, new).await?;
        let is_open = |id| self.slots.get(&id).is_some_and(|slot| slot.record.alert.status != Status::Resolved);
        self.keys.keep(connection, is_open).await?;
        let touched = slots().filter(|slot| slot.new || slot.counted).map(|slot| slot.record.alert.id).collect();
        self.lines.keep(connection).await?;
        lines::audit(connection, node, self.audited).await?;
        Ok(touched)
    }
}

fn deed(event: &Received, id: AlertId, action: &str, record: &AlertRecord) -> Audited {
    let detail = serde_json::json!({ "priority": record.alert.priority.word(), "reference": record.alert.reference });
    Audited {
        actor: format!("source {}", event.source),
        action: action.to_owned(),
        object: format!("alert:{id}"),
        detail: detail.to_string(),
        personal: Vec::new(),
    }
}

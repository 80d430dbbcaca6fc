//! Alerts' rows: read with what decides, written whole.

use hotline_core::alert::{Alert, Status, Urgency};
use hotline_core::escalation::Progress;
use hotline_core::fact::Priority;
use hotline_core::ids::{AlertId, CustomerId, NumberId, PolicyId, ServiceId, SourceId, UserId};
use hotline_core::incident::{Began, Origin};
use hotline_core::private::Private;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::apply::ms;
use super::bulk::{self, Cell};
use super::engine::Engine;
use super::fold::AlertRecord;
use super::keys;

const COLUMNS: &str = "a.id, a.reference, a.status, a.priority, a.urgency, a.title, a.customer, a.service, a.number,
    a.call_id, a.caller, a.source, a.dedup_key, a.group_key, a.merged_into, a.events, a.assigned, a.snoozed_until,
    a.policy, a.created_at, a.last_event_at, a.acknowledged_at, a.esc_round, a.esc_step, a.esc_due, a.details,
    a.began_at, a.link, a.acknowledged_by, a.resolved_at, a.resolved_by, a.rings,
    a.esc_cycle, a.esc_step_due, a.next_ring_at, a.began_origin";

const INSERT: &str = "INSERT INTO alerts (id, reference, status, priority, urgency, title, customer, service, number,
    call_id, caller, source, dedup_key, group_key, merged_into, events, assigned, snoozed_until, policy, created_at,
    last_event_at, acknowledged_at, esc_round, esc_step, esc_due, details, began_at, link, acknowledged_by,
    resolved_at, resolved_by, rings, next_ring_at, esc_cycle, esc_step_due, began_origin)";
const INSERTED: usize = 36;

/// `column1` … are the names of a VALUES list's columns in both engines.
const UPDATE: &str = "UPDATE alerts SET status = v.column2, priority = v.column3, urgency = v.column4,
    title = v.column5, customer = v.column6, service = v.column7, merged_into = v.column8, events = v.column9,
    assigned = v.column10, snoozed_until = v.column11, policy = v.column12, last_event_at = v.column13,
    acknowledged_at = v.column14, acknowledged_by = v.column15, resolved_at = v.column16, resolved_by = v.column17,
    rings = v.column18, next_ring_at = v.column19, esc_round = v.column20, esc_step = v.column21,
    esc_due = v.column22, esc_cycle = v.column23, esc_step_due = v.column24, began_at = v.column25,
    began_origin = v.column26 FROM (";
const UPDATED: usize = 26;

const COUNT: &str = "UPDATE alerts SET events = v.column2, last_event_at = v.column3 FROM (";
const OF_ROW: &str = ") AS v WHERE alerts.id = v.column1";

/// `SELECT` of records, up to and without `WHERE`.
pub(super) fn select(engine: &Engine) -> String {
    format!(
        "SELECT {COLUMNS}, (SELECT COUNT(*) FROM calls c WHERE c.id = a.call_id AND {}) FROM alerts a",
        engine.call_runs()
    )
}

/// One record, locked until the transaction ends.
pub(super) async fn locked(
    connection: &mut AnyConnection,
    engine: &Engine,
    id: AlertId,
) -> Result<Option<AlertRecord>, sqlx::Error> {
    let sql = format!("{} WHERE a.id = $1{}", select(engine), engine.for_update());
    let row = query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(connection).await?;
    row.as_ref().map(record).transpose()
}

/// The records of these, locked until the transaction ends, in the order of their ids; without those that another transaction works
/// on.
pub(super) async fn locked_free(
    connection: &mut AnyConnection,
    engine: &Engine,
    ids: &[AlertId],
) -> Result<Vec<AlertRecord>, sqlx::Error> {
    let (select, lock) = (select(engine), engine.for_update_free());
    let mut found = Vec::new();
    for chunk in bulk::chunks(ids.iter().map(ToString::to_string).collect()) {
        let places = bulk::list(1, chunk.len());
        let sql = format!("{select} WHERE a.id IN ({places}) ORDER BY a.id{lock}");
        let mut statement = query(AssertSqlSafe(sql));
        for id in chunk {
            statement = statement.bind(id);
        }
        found.extend(statement.fetch_all(&mut *connection).await?);
    }
    found.iter().map(record).collect()
}

/// The record in a row of [`select`].
pub(super) fn record(row: &AnyRow) -> Result<AlertRecord, sqlx::Error> {
    let number: String = row.try_get(8)?;
    let alert = Alert {
        id: parsed(row, 0)?,
        reference: row.try_get(1)?,
        status: word(row, 2, Status::from_word)?,
        priority: word(row, 3, Priority::from_word)?,
        urgency: word(row, 4, Urgency::from_word)?,
        title: row.try_get(5)?,
        customer: text(row, 6)?.map(CustomerId),
        service: text(row, 7)?.map(ServiceId),
        number: (!number.is_empty()).then_some(NumberId(number)),
        call: maybe_parsed(row, 9)?,
        call_running: row.try_get::<i64, _>(36)? > 0,
        caller: text(row, 10)?.map(Private::new),
        source: text(row, 11)?.map(SourceId),
        dedup_key: text(row, 12)?,
        group_key: text(row, 13)?,
        merged_into: maybe_parsed(row, 14)?,
        events: count(row, 15)?,
        assigned: text(row, 16)?.map(UserId),
        snoozed_until: moment(row, 17)?,
        policy: text(row, 18)?.map(PolicyId),
        began: began(row, 26, 35)?,
        opened_at: at(row, 19)?,
        last_event_at: at(row, 20)?,
        acknowledged_at: moment(row, 21)?,
        progress: Progress {
            cycle: count(row, 32)?,
            round: count(row, 22)?,
            step: count(row, 23)?,
            due: moment(row, 33)?,
            look: moment(row, 24)?,
        },
    };
    Ok(AlertRecord {
        alert,
        details: text(row, 25)?,
        link: text(row, 27)?,
        acknowledged_by: text(row, 28)?,
        resolved_at: moment(row, 29)?,
        resolved_by: text(row, 30)?,
        rings: count(row, 31)?,
        next_ring_at: moment(row, 34)?,
    })
}

/// New rows.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    records: impl IntoIterator<Item = &AlertRecord>,
) -> Result<u64, sqlx::Error> {
    let rows = records.into_iter().map(inserted).collect();
    bulk::values(connection, INSERT, INSERTED, "", rows).await
}

/// A new row, unless the same alert or an open one of the same fault is there. True: it was made.
pub(super) async fn insert_new(connection: &mut AnyConnection, record: &AlertRecord) -> Result<bool, sqlx::Error> {
    let made = bulk::values(connection, INSERT, INSERTED, " ON CONFLICT DO NOTHING", vec![inserted(record)]).await?;
    Ok(made > 0)
}

/// All that can change of rows that are there.
pub(super) async fn update(
    connection: &mut AnyConnection,
    records: impl IntoIterator<Item = &AlertRecord>,
) -> Result<(), sqlx::Error> {
    let (mut rows, mut over) = (Vec::new(), Vec::new());
    for record in records {
        rows.push(updated(record));
        if record.alert.status == Status::Resolved {
            over.push(record.alert.id);
        }
    }
    bulk::values(connection, UPDATE, UPDATED, OF_ROW, rows).await?;
    keys::forget(connection, over).await
}

/// The counters of rows that are there; no index is touched.
pub(super) async fn update_counters(
    connection: &mut AnyConnection,
    records: impl IntoIterator<Item = &AlertRecord>,
) -> Result<(), sqlx::Error> {
    let row = |record: &AlertRecord| {
        let alert = &record.alert;
        vec![Cell::Text(alert.id.to_string()), Cell::Int(alert.events.into()), Cell::Int(ms(alert.last_event_at))]
    };
    let rows = records.into_iter().map(row).collect();
    bulk::values(connection, COUNT, 3, OF_ROW, rows).await.map(|_| ())
}

fn inserted(record: &AlertRecord) -> Vec<Cell> {
    let alert = &record.alert;
    let text = |text: &Option<String>| Cell::MaybeText(text.clone());
    let time = |at: Option<Timestamp>| Cell::MaybeInt(at.map(ms));
    vec![
        Cell::Text(alert.id.to_string()),
        Cell::Text(alert.reference.clone()),
        Cell::Text(alert.status.word().to_owned()),
        Cell::Text(alert.priority.word().to_owned()),
        Cell::Text(alert.urgency.word().to_owned()),
        Cell::Text(alert.title.clone()),
        Cell::MaybeText(alert.customer.as_ref().map(|id| id.0.clone())),
        Cell::MaybeText(alert.service.as_ref().map(|id| id.0.clone())),
        Cell::Text(alert.number.as_ref().map(|id| id.0.clone()).unwrap_or_default()),
        Cell::MaybeText(alert.call.map(|id| id.to_string())),
        Cell::MaybeText(alert.caller.as_ref().map(|caller| caller.reveal().clone())),
        Cell::MaybeText(alert.source.as_ref().map(|id| id.0.clone())),
        text(&alert.dedup_key),
        text(&alert.group_key),
        Cell::MaybeText(alert.merged_into.map(|id| id.to_string())),
        Cell::Int(alert.events.into()),
        Cell::MaybeText(alert.assigned.as_ref().map(|id| id.0.clone())),
        time(alert.snoozed_until),
        Cell::MaybeText(alert.policy.as_ref().map(|id| id.0.clone())),
        Cell::Int(ms(alert.opened_at)),
        Cell::Int(ms(alert.last_event_at)),
        time(alert.acknowledged_at),
        Cell::Int(alert.progress.round.into()),
        Cell::Int(alert.progress.step.into()),
        time(alert.progress.look),
        text(&record.details),
        time(alert.began.as_ref().map(|began| began.at)),
        text(&record.link),
        text(&record.acknowledged_by),
        time(record.resolved_at),
        text(&record.resolved_by),
        Cell::Int(record.rings.into()),
        time(record.next_ring_at),
        Cell::Int(alert.progress.cycle.into()),
        time(alert.progress.due),
        Cell::MaybeText(origin(alert)),
    ]
}

/// Who knows when it began.
fn origin(alert: &Alert) -> Option<String> {
    alert.began.as_ref().map(|began| began.origin.word().to_owned())
}

fn updated(record: &AlertRecord) -> Vec<Cell> {
    let alert = &record.alert;
    let text = |text: &Option<String>| Cell::MaybeText(text.clone());
    let time = |at: Option<Timestamp>| Cell::MaybeInt(at.map(ms));
    vec![
        Cell::Text(alert.id.to_string()),
        Cell::Text(alert.status.word().to_owned()),
        Cell::Text(alert.priority.word().to_owned()),
        Cell::Text(alert.urgency.word().to_owned()),
        Cell::Text(alert.title.clone()),
        Cell::MaybeText(alert.customer.as_ref().map(|id| id.0.clone())),
        Cell::MaybeText(alert.service.as_ref().map(|id| id.0.clone())),
        Cell::MaybeText(alert.merged_into.map(|id| id.to_string())),
        Cell::Int(alert.events.into()),
        Cell::MaybeText(alert.assigned.as_ref().map(|id| id.0.clone())),
        time(alert.snoozed_until),
        Cell::MaybeText(alert.policy.as_ref().map(|id| id.0.clone())),
        Cell::Int(ms(alert.last_event_at)),
        time(alert.acknowledged_at),
        text(&record.acknowledged_by),
        time(record.resolved_at),
        text(&record.resolved_by),
        Cell::Int(record.rings.into()),
        time(record.next_ring_at),
        Cell::Int(alert.progress.round.into()),
        Cell::Int(alert.progress.step.into()),
        time(alert.progress.look),
        Cell::Int(alert.progress.cycle.into()),
        time(alert.progress.due),
        time(alert.began.as_ref().map(|began| began.at)),
        Cell::MaybeText(origin(alert)),
    ]
}

/// A beginning that was kept without who knows it is a tool's: others came later.
pub(super) fn began(row: &AnyRow, at: usize, origin: usize) -> Result<Option<Began>, sqlx::Error> {
    let Some(at) = moment(row, at)? else { return Ok(None) };
    let known = text(row, origin)?;
    let known = known.map(|word| Origin::from_word(&word).ok_or_else(|| bad("origin", &word))).transpose()?;
    Ok(Some(Began { at, origin: known.unwrap_or(Origin::Payload) }))
}

pub(super) fn text(row: &AnyRow, index: usize) -> Result<Option<String>, sqlx::Error> {
    row.try_get(index)
}

pub(super) fn count(row: &AnyRow, index: usize) -> Result<u32, sqlx::Error> {
    Ok(u32::try_from(row.try_get::<i64, _>(index)?).unwrap_or(u32::MAX))
}

pub(super) fn at(row: &AnyRow, index: usize) -> Result<Timestamp, sqlx::Error> {
    let ms: i64 = row.try_get(index)?;
    Timestamp::from_millisecond(ms).map_err(|_| bad("moment", &ms.to_string()))
}

pub(super) fn moment(row: &AnyRow, index: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    let ms: Option<i64> = row.try_get(index)?;
    ms.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| bad("moment", &ms.to_string()))).transpose()
}

pub(super) fn parsed<T: std::str::FromStr>(row: &AnyRow, index: usize) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(index)?;
    text.parse().map_err(|_| bad("id", &text))
}

pub(super) fn maybe_parsed<T: std::str::FromStr>(row: &AnyRow, index: usize) -> Result<Option<T>, sqlx::Error> {
    text(row, index)?.map(|text| text.parse().map_err(|_| bad("id", &text))).transpose()
}

pub(super) fn word<T>(row: &AnyRow, index: usize, from: impl FnOnce(&str) -> Option<T>) -> Result<T, sqlx::Error> {
    let word: String = row.try_get(index)?;
    from(&word).ok_or_else(|| bad("word of this column", &word))
}

pub(super) fn bad(what: &str, word: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("`{word}` is no {what}").into())
}

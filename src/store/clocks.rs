//! The clocks of promises: kept with what was said about them, in the same transaction as the timeline's lines.

use hotline_core::alert::Alert;
use hotline_core::drill::SOURCE;
use hotline_core::fact::{Fact, Priority};
use hotline_core::ids::{AlertId, SlaId};
use hotline_core::notify::Planned;
use hotline_core::report::Kept;
use hotline_core::sla::{End, Measured, Pause, Promise};
use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query, query_scalar};

use super::alert_rows::{self, at, count, moment, parsed, text, word};
use super::alerts::{Audited, Verdict, keep};
use super::apply::ms;
use super::fold::AlertRecord;
use super::pages::in_time;
use super::writer::{Tries, WriteError, in_time as written_in_time};
use super::{Store, StoreError, bulk, notifications, pages};

/// What a clock is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An alert.
    Alert,
    /// An incident.
    Incident,
}

impl Subject {
    /// As it is kept.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Incident => "incident",
        }
    }
}

/// A promise that is or was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRow {
    /// The id of what it is about.
    pub id: String,
    /// Whose promise.
    pub customer: String,
    /// About which service.
    pub service: Option<String>,
    /// What is measured, and what was said.
    pub measured: Measured,
    /// When it is due; `None`: the customer is waited for.
    pub due_at: Option<Timestamp>,
    /// When there may be something to say by itself.
    pub look_at: Option<Timestamp>,
    /// Counted time at the last look.
    pub elapsed: SignedDuration,
}

/// An alert with all that decides about its promises.
#[derive(Debug, Clone, Copy)]
pub struct UnderWatch<'a> {
    /// The alert, locked.
    pub alert: &'a Alert,
    /// The person who took it, where that is known.
    pub holder: Option<&'a str>,
    /// When somebody first had it.
    pub answered: Option<Timestamp>,
    /// When it was over.
    pub over: Option<Timestamp>,
    /// Its clocks.
    pub clocks: &'a [ClockRow],
    /// When the customer was waited for, in order.
    pub pauses: &'a [Pause],
}

/// What was decided about it.
#[derive(Debug, Default)]
pub struct Watched {
    /// For the timeline, in order, each with its why.
    pub facts: Vec<(Fact, String)>,
    /// Whom to tell, and what.
    pub notify: Vec<(Planned, String)>,
    /// For the audit chain.
    pub audit: Vec<Audited>,
    /// Clocks as they are now, those that changed and new ones.
    pub clocks: Vec<ClockRow>,
    /// The customer is waited for from now on (true), or not any more.
    pub waiting: Option<bool>,
}

const CLOCK: &str = "id, promise, sla, revision, customer, service, priority, target, started_at, stopped_at, due_at,
    look_at, warned, breached_at, ended, elapsed";

fn clock(row: &AnyRow) -> Result<ClockRow, sqlx::Error> {
    let ended: Option<String> = text(row, 14)?;
    Ok(ClockRow {
        id: row.try_get(0)?,
        customer: row.try_get(4)?,
        service: text(row, 5)?,
        measured: Measured {
            promise: word(row, 1, Promise::from_word)?,
            sla: SlaId(row.try_get(2)?),
            revision: count(row, 3)?,
            priority: word(row, 6, Priority::from_word)?,
            target: SignedDuration::from_millis(row.try_get(7)?),
            started: at(row, 8)?,
            stopped: moment(row, 9)?,
            warned: count(row, 12)?,
            breached: moment(row, 13)?,
            end: ended
                .map(|word| End::from_word(&word).ok_or_else(|| alert_rows::bad("end of a clock", &word)))
                .transpose()?,
        },
        due_at: moment(row, 10)?,
        look_at: moment(row, 11)?,
        elapsed: SignedDuration::from_millis(row.try_get(15)?),
    })
}

fn millis(length: SignedDuration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

async fn clocks_of(connection: &mut AnyConnection, subject: Subject, id: &str) -> Result<Vec<ClockRow>, sqlx::Error> {
    let sql = format!("SELECT {CLOCK} FROM sla_clocks WHERE subject = $1 AND id = $2 ORDER BY promise DESC");
    let rows = query(AssertSqlSafe(sql)).bind(subject.word()).bind(id.to_owned()).fetch_all(connection).await?;
    rows.iter().map(clock).collect()
}

/// Those of all ids that begin with this one (a UUID).
pub(super) async fn clocks_below(
    connection: &mut AnyConnection,
    subject: Subject,
    id: &str,
) -> Result<Vec<ClockRow>, sqlx::Error> {
    let sql = format!(
        "SELECT {CLOCK} FROM sla_clocks WHERE subject = $1 AND substr(id, 1, 36) = $2 ORDER BY id, promise DESC"
    );
    let rows = query(AssertSqlSafe(sql)).bind(subject.word()).bind(id.to_owned()).fetch_all(connection).await?;
    rows.iter().map(clock).collect()
}

async fn pauses_of(connection: &mut AnyConnection, subject: Subject, id: &str) -> Result<Vec<Pause>, sqlx::Error> {
    let rows = query("SELECT from_at, to_at FROM sla_pauses WHERE subject = $1 AND id = $2 ORDER BY from_at")
        .bind(subject.word())
        .bind(id.to_owned())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok(Pause { from: at(row, 0)?, to: moment(row, 1)? })).collect()
}

/// Those of all ids that begin with this one (a UUID), each with its id.
pub(super) async fn pauses_below(
    connection: &mut AnyConnection,
    subject: Subject,
    id: &str,
) -> Result<Vec<(String, Pause)>, sqlx::Error> {
    let rows = query(
        "SELECT id, from_at, to_at FROM sla_pauses WHERE subject = $1 AND substr(id, 1, 36) = $2 ORDER BY id, from_at",
    )
    .bind(subject.word())
    .bind(id.to_owned())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, Pause { from: at(row, 1)?, to: moment(row, 2)? }))).collect()
}

pub(super) async fn put(connection: &mut AnyConnection, subject: Subject, row: &ClockRow) -> Result<(), sqlx::Error> {
    let measured = &row.measured;
    query(
        "INSERT INTO sla_clocks (subject, id, promise, sla, revision, customer, service, priority, target, started_at,
             stopped_at, due_at, look_at, warned, breached_at, ended, elapsed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (subject, id, promise) DO UPDATE SET
             priority = excluded.priority, target = excluded.target, stopped_at = excluded.stopped_at,
             due_at = excluded.due_at, look_at = excluded.look_at, warned = excluded.warned,
             breached_at = excluded.breached_at, ended = excluded.ended, elapsed = excluded.elapsed",
    )
    .bind(subject.word())
    .bind(row.id.clone())
    .bind(measured.promise.word())
    .bind(measured.sla.0.clone())
    .bind(i64::from(measured.revision))
    .bind(row.customer.clone())
    .bind(row.service.clone())
    .bind(measured.priority.word())
    .bind(millis(measured.target))
    .bind(ms(measured.started))
    .bind(measured.stopped.map(ms))
    .bind(row.due_at.map(ms))
    .bind(row.look_at.map(ms))
    .bind(i64::from(measured.warned))
    .bind(measured.breached.map(ms))
    .bind(measured.end.map(End::word))
    .bind(millis(row.elapsed))
    .execute(connection)
    .await
    .map(|_| ())
}

pub(super) async fn wait(
    connection: &mut AnyConnection,
    subject: Subject,
    id: &str,
    waits: bool,
    moment: Timestamp,
) -> Result<(), sqlx::Error> {
    let change = if waits {
        "INSERT INTO sla_pauses (subject, id, from_at, to_at) VALUES ($1, $2, $3, NULL)
         ON CONFLICT (subject, id, from_at) DO UPDATE SET to_at = NULL"
    } else {
        "UPDATE sla_pauses SET to_at = $3 WHERE subject = $1 AND id = $2 AND to_at IS NULL"
    };
    query(change).bind(subject.word()).bind(id.to_owned()).bind(ms(moment)).execute(connection).await.map(|_| ())
}

/// Everything that decides about one alert, and what was decided.
async fn watch_one(
    connection: &mut AnyConnection,
    record: &AlertRecord,
    decide: &(impl Fn(&UnderWatch<'_>) -> Watched + Send + Sync),
) -> Result<Watched, sqlx::Error> {
    let key = record.alert.id.to_string();
    let clocks = clocks_of(connection, Subject::Alert, &key).await?;
    let pauses = pauses_of(connection, Subject::Alert, &key).await?;
    let answered: Option<i64> =
        query_scalar("SELECT MIN(at) FROM timeline WHERE alert_id = $1 AND kind = 'alert-acknowledged'")
            .bind(key)
            .fetch_one(&mut *connection)
            .await?;
    let answered = answered.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let holder = match record.acknowledged_by.as_deref() {
        Some(shown) => match shown.strip_prefix("login ") {
            Some(login) => {
                let user: Option<Option<String>> = query_scalar("SELECT user_id FROM logins WHERE name = $1")
                    .bind(login.to_owned())
                    .fetch_optional(&mut *connection)
                    .await?;
                user.flatten()
            }
            None => Some(shown.to_owned()).filter(|shown| !shown.contains(' ')),
        },
        None => None,
    };
    Ok(decide(&UnderWatch {
        alert: &record.alert,
        holder: holder.as_deref(),
        answered: answered.or(record.alert.acknowledged_at),
        over: record.resolved_at,
        clocks: &clocks,
        pauses: &pauses,
    }))
}

/// Keeps clocks, pauses and messages; what is left is the alert's own.
async fn keep_one(
    connection: &mut AnyConnection,
    record: &AlertRecord,
    watched: Watched,
    at: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    let key = record.alert.id.to_string();
    for row in &watched.clocks {
        put(connection, Subject::Alert, row).await?;
    }
    if let Some(waits) = watched.waiting {
        wait(connection, Subject::Alert, &key, waits, at).await?;
    }
    query("UPDATE alerts SET sla_seen = 1 WHERE id = $1 AND sla_seen = 0").bind(key).execute(&mut *connection).await?;
    for (planned, words) in &watched.notify {
        notifications::insert(connection, std::slice::from_ref(planned), Some(words), at).await?;
    }
    Ok(Verdict { facts: watched.facts, audit: watched.audit, ..Verdict::default() })
}

impl Store {
    /// Loads alerts with their clocks (locked against others), asks `decide` about each, and keeps what it says, all in one transaction. Those that
    /// are not there are left out. `decide` may run more than once.
    pub async fn watch_alerts(
        &self,
        ids: &[AlertId],
        at: Timestamp,
        decide: impl Fn(&UnderWatch<'_>) -> Watched + Send + Sync,
    ) -> Result<Vec<Alert>, StoreError> {
        let mut ids = ids.to_vec();
        // Always in the same order, so that two nodes never wait for each other.
        ids.sort_unstable();
        ids.dedup();
        let mut tries = Tries::default();
        written_in_time(async {
            loop {
                match self.watch_once(&ids, at, &decide).await {
                    Ok(watched) => return Ok(watched),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn watch_once(
        &self,
        ids: &[AlertId],
        at: Timestamp,
        decide: &(impl Fn(&UnderWatch<'_>) -> Watched + Send + Sync),
    ) -> Result<Vec<Alert>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let (mut records, mut verdicts) = (Vec::new(), Vec::new());
        for id in ids {
            let Some(record) = alert_rows::locked(&mut transaction, &inner.engine, *id).await? else { continue };
            let watched = watch_one(&mut transaction, &record, decide).await?;
            verdicts.push(keep_one(&mut transaction, &record, watched, at).await?);
            records.push(record);
        }
        let said = records.iter_mut().zip(verdicts).filter(|(_, verdict)| !verdict.is_empty()).collect::<Vec<_>>();
        if !said.is_empty() {
            keep(&mut transaction, inner, said, at).await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(records.into_iter().map(|record| record.alert).collect())
    }

    /// Alerts whose clocks must be looked at: their time has come, or something happened to the alert.
    pub async fn due_clocks(&self, at: Timestamp, limit: u32) -> Result<Vec<AlertId>, StoreError> {
        let asked = query(
            "SELECT DISTINCT c.id FROM sla_clocks c JOIN alerts a ON a.id = c.id
             WHERE c.subject = 'alert' AND c.ended IS NULL AND (
                 c.look_at <= $1 OR a.status = 'resolved' OR a.priority <> c.priority
                 OR (c.promise = 'response' AND a.status = 'acknowledged'))
             LIMIT $2",
        )
        .bind(ms(at))
        .bind(i64::from(limit));
        let rows = in_time(asked.fetch_all(&self.shared.pool)).await?;
        rows.iter().map(|row| parsed(row, 0)).collect::<Result<_, _>>().map_err(|error| pages::database(&error))
    }

    /// Alerts that nobody has looked at for their promises: the customer is known, or it is over. Those from before the first
    /// contract (`since`) and exercises are passed over for good. With each its customer and service.
    pub async fn unseen_alerts(&self, since: Timestamp, limit: u32) -> Result<Vec<UnseenAlert>, StoreError> {
        let asked = query(
            "SELECT id, customer, service, created_at FROM alerts
             WHERE sla_seen = 0 AND created_at >= $1 AND (customer IS NOT NULL OR status = 'resolved')
                 AND (source IS NULL OR source <> $2)
             ORDER BY created_at LIMIT $3",
        )
        .bind(ms(since))
        .bind(SOURCE)
        .bind(i64::from(limit));
        let rows = in_time(asked.fetch_all(&self.shared.pool)).await?;
        let read = |row: &AnyRow| {
            Ok(UnseenAlert {
                id: parsed(row, 0)?,
                customer: text(row, 1)?,
                service: text(row, 2)?,
                opened_at: at(row, 3)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(|error| pages::database(&error))
    }

    /// These are under no promise.
    pub async fn pass_over(&self, alerts: Vec<AlertId>) -> Result<(), StoreError> {
        for chunk in bulk::chunks(alerts.iter().map(ToString::to_string).collect()) {
            let places = bulk::list(1, chunk.len());
            let mut change =
                query(AssertSqlSafe(format!("UPDATE alerts SET sla_seen = 1 WHERE sla_seen = 0 AND id IN ({places})")));
            for id in chunk {
                change = change.bind(id);
            }
            in_time(change.execute(&self.shared.pool)).await?;
        }
        Ok(())
    }

    /// The moment of the first revision of any contract; `None`: there is none.
    pub async fn first_contract(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = in_time(query("SELECT MIN(since) FROM sla_revisions").fetch_one(&self.shared.pool)).await?;
        moment(&row, 0).map_err(|error| pages::database(&error))
    }

    /// The clocks of an alert or incident, and when the customer was waited for.
    pub async fn clocks(&self, subject: Subject, id: &str) -> Result<(Vec<ClockRow>, Vec<Pause>), StoreError> {
        in_time(async {
            let mut connection = self.shared.pool.acquire().await?;
            let clocks = clocks_of(&mut connection, subject, id).await?;
            Ok((clocks, pauses_of(&mut connection, subject, id).await?))
        })
        .await
    }

    /// The clocks that began in `[from, to)`, of one customer or of all, with what they are about, oldest first; and all other clocks of the
    /// same faults (an incident with its alerts), whenever they began: the core says which of them counts.
    pub async fn clocks_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<ClockOf>, StoreError> {
        // An alert in two incidents is counted with the first.
        let sql = format!(
            "WITH near(id) AS (
                 SELECT substr(c.id, 1, 36) FROM sla_clocks c
                 WHERE c.subject = 'incident' AND c.started_at >= $1 AND c.started_at < $2
                 UNION SELECT l.incident_id FROM incident_alerts l
                 JOIN sla_clocks c ON c.subject = 'alert' AND c.id = l.alert_id
                 WHERE c.started_at >= $1 AND c.started_at < $2)
             SELECT {CLOCK}, subject, COALESCE((SELECT a.reference FROM alerts a WHERE a.id = sla_clocks.id),
                 (SELECT i.reference FROM incidents i WHERE i.id = substr(sla_clocks.id, 1, 36))),
                 COALESCE((SELECT MIN(l.incident_id) FROM incident_alerts l JOIN incidents i ON i.id = l.incident_id
                           WHERE l.alert_id = sla_clocks.id AND i.drill = 0), substr(sla_clocks.id, 1, 36))
             FROM sla_clocks
             WHERE ((started_at >= $1 AND started_at < $2)
                 OR (subject = 'incident' AND substr(id, 1, 36) IN (SELECT near.id FROM near))
                 OR (subject = 'alert' AND id IN (SELECT l.alert_id FROM incident_alerts l
                                                  WHERE l.incident_id IN (SELECT near.id FROM near))))
                 AND (customer = $3 OR $4 = 1)
             ORDER BY started_at, id, promise LIMIT 200001"
        );
        let asked = query(AssertSqlSafe(sql))
            .bind(ms(from))
            .bind(ms(to))
            .bind(customer.unwrap_or_default().to_owned())
            .bind(i64::from(customer.is_none()));
        let rows = in_time(asked.fetch_all(&self.shared.pool)).await?;
        let read = |row: &AnyRow| {
            Ok(ClockOf {
                subject: row.try_get(16)?,
                reference: text(row, 17)?.unwrap_or_default(),
                fault: row.try_get(18)?,
                row: clock(row)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(|error| pages::database(&error))
    }
}

/// A clock and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockOf {
    /// `alert`, `incident`.
    pub subject: String,
    /// The alert's short number; empty: it is none, or past its retention time.
    pub reference: String,
    /// The incident to which the alert belongs, else the id of what it is about.
    pub fault: String,
    /// The clock.
    pub row: ClockRow,
}

impl ClockOf {
    /// As reports count it, with the short number of what it is about.
    pub fn counted(self) -> (String, Kept) {
        let measured = self.row.measured;
        let kept = Kept {
            id: self.row.id,
            fault: self.fault,
            customer: self.row.customer,
            sla: measured.sla.0,
            promise: measured.promise,
            priority: measured.priority,
            target: measured.target,
            elapsed: self.row.elapsed,
            started: measured.started,
            counts_at: measured.started,
            end: measured.end,
            breached: measured.breached.is_some(),
        };
        (self.reference, kept)
    }
}

/// An alert whose promises nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnseenAlert {
    /// Which.
    pub id: AlertId,
    /// Whose.
    pub customer: Option<String>,
    /// Of which service.
    pub service: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

//! Alerts as they are decided on: loaded with a row lock, decided by the core, kept in one transaction.
//!
//! The database is the truth for alerts. What calls do to their alerts comes through the journal ([`super::apply`]) and
//! meets the same rows; every such fact makes the escalation due at once, so that the engine looks again.

use hotline_core::alert::intake::{Decision, Event, Open, Route};
use hotline_core::alert::{Alert, Change};
use hotline_core::escalation::Progress;
use hotline_core::fact::Fact;
use hotline_core::ids::{AlertId, SourceId};
use hotline_core::notify::Planned;
use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, query};

use super::apply::ms;
use super::fold::AlertRecord;
use super::lines::{self, Lines};
use super::open::Inner;
use super::writer::{Tries, WriteError, in_time};
use super::{Store, StoreError, alert_rows, keys, notifications};

/// What was decided about an alert; kept as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Facts with their whys, in order: rows and timeline.
    pub facts: Vec<(Fact, String)>,
    /// How its escalation goes on; `None`: as it was.
    pub progress: Option<Progress>,
    /// Notifications to be made; one whose key is there already is left out.
    pub notify: Vec<Planned>,
    /// The waiting notifications of this alert are not needed any more.
    pub cancel: bool,
    /// Goes into the audit chain.
    pub audit: Vec<Audited>,
}

/// A deed for the audit chain, before it has its place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Who, as shown.
    pub actor: String,
    /// Stable word (`alert.acknowledge`).
    pub action: String,
    /// To what (`alert:0199…`).
    pub object: String,
    /// JSON object without personal data.
    pub detail: String,
    /// Personal fields in clear: kept apart with their salt, erasable; the chain has their hashes.
    pub personal: Vec<(String, String)>,
}

/// An event of a tool on its way into the database.
#[derive(Debug, Clone)]
pub struct Received {
    /// From where.
    pub source: SourceId,
    /// What.
    pub event: Event,
    /// Where it belongs.
    pub route: Route,
    /// Its key where a fault of another customer's is open under the tool's own: tools that serve several customers know
    /// nothing of keys that are unique among them all. `None`: the source is one customer's, or nobody's is known.
    pub own_key: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The alert it opened, joined or ended; `None`: nothing was open.
    pub alert: Option<AlertId>,
    /// Opened by this event.
    pub opened: bool,
}

/// Decides about one event: see `hotline_core::alert::intake::decide`. Arguments: the event, what is open, a free reference.
pub type Decide<'a> = &'a (dyn Fn(&Received, Open<'_>, &str) -> Decision + Send + Sync);

impl Store {
    /// An alert with everything that decides; follows the rows, not the journal.
    pub async fn alert_state(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let sql = format!("{} WHERE a.id = $1", alert_rows::select(&self.shared.engine));
        let asked = query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(&self.shared.pool);
        let row = super::pages::in_time(asked).await?;
        let record =
            row.as_ref().map(alert_rows::record).transpose().map_err(|error| super::pages::database(&error))?;
        Ok(record.map(|record| record.alert))
    }

    /// Loads the alert (locked against others), asks `decide` and keeps its verdict in the same transaction, durably. `Ok(None)`: no such
    /// alert. An `Err` of `decide` keeps nothing. `decide` may run more than once (a conflict), so it must have no effects.
    pub async fn change_alert<E: Send>(
        &self,
        id: AlertId,
        at: Timestamp,
        decide: impl Fn(&Alert) -> Result<Verdict, E> + Send + Sync,
    ) -> Result<Option<Result<Alert, E>>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.change_once(id, at, &decide).await {
                    Ok(changed) => return Ok(changed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn change_once<E: Send>(
        &self,
        id: AlertId,
        at: Timestamp,
        decide: &(impl Fn(&Alert) -> Result<Verdict, E> + Send + Sync),
    ) -> Result<Option<Result<Alert, E>>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let mut changed = None;
        if let Some(mut record) = alert_rows::locked(&mut transaction, &inner.engine, id).await? {
            changed = Some(match decide(&record.alert) {
                Ok(verdict) if verdict.is_empty() => Ok(record.alert),
                Ok(verdict) => {
                    keep(&mut transaction, inner, vec![(&mut record, verdict)], at).await?;
                    Ok(record.alert)
                }
                Err(refusal) => Err(refusal),
            });
        }
        // A refusal has changed nothing: committing it is as good as not.
        transaction.commit().await?;
        writer.keep();
        Ok(changed)
    }

    /// Merges one alert into another in one transaction: both locked (in the order of their ids), both verdicts kept.
    pub async fn change_two<E: Send>(
        &self,
        ids: (AlertId, AlertId),
        at: Timestamp,
        decide: impl Fn(&Alert, &Alert) -> Result<(Verdict, Verdict), E> + Send + Sync,
    ) -> Result<Option<Result<(), E>>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.change_two_once(ids, at, &decide).await {
                    Ok(changed) => return Ok(changed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn change_two_once<E: Send>(
        &self,
        ids: (AlertId, AlertId),
        at: Timestamp,
        decide: &(impl Fn(&Alert, &Alert) -> Result<(Verdict, Verdict), E> + Send + Sync),
    ) -> Result<Option<Result<(), E>>, WriteError> {
        let inner = &*self.shared;
        if ids.0 == ids.1 {
            return Ok(None);
        }
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let (first, second) = (ids.0.min(ids.1), ids.0.max(ids.1));
        let first = alert_rows::locked(&mut transaction, &inner.engine, first).await?;
        let second = alert_rows::locked(&mut transaction, &inner.engine, second).await?;
        let mut changed = None;
        if let (Some(first), Some(second)) = (first, second) {
            let (mut one, mut other) = if ids.0 < ids.1 { (first, second) } else { (second, first) };
            changed = Some(match decide(&one.alert, &other.alert) {
                Ok((of_one, of_other)) => {
                    // What is merged brings its events along.
                    let brings = (took(&of_one, ids.1, &other), took(&of_other, ids.0, &one));
                    one.alert.events = one.alert.events.saturating_add(brings.0);
                    other.alert.events = other.alert.events.saturating_add(brings.1);
                    for (from, into, brings) in [(&other, &one, brings.0), (&one, &other, brings.1)] {
                        if brings > 0 {
                            keys::merge(&mut transaction, &from.alert, &into.alert).await?;
                        }
                    }
                    keep(&mut transaction, inner, vec![(&mut one, of_one), (&mut other, of_other)], at).await?;
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            });
        }
        transaction.commit().await?;
        writer.keep();
        Ok(changed)
    }

    /// Alerts whose escalation is due, the longest overdue first, those nobody was told about yet before all. On PostgreSQL rows that
    /// another node works on are skipped.
    pub async fn due_escalations(&self, at: Timestamp, limit: u32) -> Result<Vec<AlertId>, StoreError> {
        let limit = limit.clamp(1, 1_000) as usize;
        let mut due = self.due_of("esc_round = 0", at, limit).await?;
        if due.len() < limit {
            due.extend(self.due_of("esc_round > 0", at, limit - due.len()).await?);
        }
        Ok(due)
    }

    async fn due_of(&self, which: &str, at: Timestamp, limit: usize) -> Result<Vec<AlertId>, StoreError> {
        // A lock of this statement lasts as long as the statement: it only leaves out what others hold.
        let free = self.shared.engine.for_update_free();
        let sql = format!(
            "SELECT id FROM alerts WHERE esc_due IS NOT NULL AND esc_due <= $1 AND {which}
             ORDER BY esc_due LIMIT {limit}{free}"
        );
        let asked = query(AssertSqlSafe(sql)).bind(ms(at)).fetch_all(&self.shared.pool);
        let rows = super::pages::in_time(asked).await?;
        rows.iter()
            .map(|row| alert_rows::parsed(row, 0))
            .collect::<Result<_, _>>()
            .map_err(|error| super::pages::database(&error))
    }

    /// When the next escalation is due; `None`: none waits.
    pub async fn next_escalation(&self) -> Result<Option<Timestamp>, StoreError> {
        let asked = query("SELECT MIN(esc_due) FROM alerts WHERE esc_due IS NOT NULL").fetch_one(&self.shared.pool);
        let row = super::pages::in_time(asked).await?;
        alert_rows::moment(&row, 0).map_err(|error| super::pages::database(&error))
    }

    /// Tells the chain (see `AuditEntry`); for deeds that touch no alert. Durable when it returns.
    pub async fn audit(&self, audited: Vec<Audited>, at: Timestamp) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.audit_once(audited.clone(), at).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn audit_once(&self, audited: Vec<Audited>, at: Timestamp) -> Result<(), WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        lines::audit(&mut transaction, &inner.node, audited.into_iter().map(|deed| (deed, at)).collect()).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }
}

impl Verdict {
    pub(super) fn is_empty(&self) -> bool {
        let Self { facts, progress, notify, cancel, audit } = self;
        facts.is_empty() && progress.is_none() && notify.is_empty() && !cancel && audit.is_empty()
    }
}

/// How many events `from` brings into the alert whose verdict this is.
fn took(verdict: &Verdict, id: AlertId, from: &AlertRecord) -> u32 {
    let takes = |fact: &Fact| matches!(fact, Fact::Alert(Change::Took { from }) if *from == id);
    if verdict.facts.iter().any(|(fact, _)| takes(fact)) { from.alert.events } else { 0 }
}

/// Keeps verdicts about locked alerts, of all of them together in few statements; the records are as they are then.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    inner: &Inner,
    verdicts: Vec<(&mut AlertRecord, Verdict)>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut lines = Lines::new();
    let (mut records, mut cancelled, mut planned) = (Vec::new(), Vec::new(), Vec::new());
    let (mut touched, mut audited) = (Vec::new(), Vec::new());
    for (record, verdict) in verdicts {
        let id = record.alert.id;
        for (fact, why) in &verdict.facts {
            record.apply(fact, at);
            lines.add(id, fact, why, at);
            if let Fact::Alert(Change::CallJoined { call }) = fact {
                joined(connection, id, &call.to_string()).await?;
            }
        }
        if let Some(progress) = verdict.progress {
            record.go_on(progress);
        }
        if verdict.cancel {
            cancelled.push(id);
        }
        planned.extend(verdict.notify);
        audited.extend(verdict.audit.into_iter().map(|deed| (deed, at)));
        touched.push(id);
        records.push(&*record);
    }
    alert_rows::update(connection, records).await?;
    // What is planned now is not meant.
    for id in cancelled {
        notifications::cancel(connection, id, at, &mut lines).await?;
    }
    notifications::insert_all(connection, &planned, at).await?;
    lines.keep(connection).await?;
    lines::audit(connection, &inner.node, audited).await?;
    inner.tell_alerts(connection, &touched).await
}

/// The call belongs to this alert from now on.
pub(super) async fn joined(connection: &mut AnyConnection, alert: AlertId, call: &str) -> Result<(), sqlx::Error> {
    query("UPDATE calls SET alert_id = $1 WHERE id = $2")
        .bind(alert.to_string())
        .bind(call.to_owned())
        .execute(connection)
        .await
        .map(|_| ())
}

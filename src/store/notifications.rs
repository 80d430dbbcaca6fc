//! Notifications: rows that wait, are sent by one node, and tell what came of them.

use std::time::Duration;

use hotline_core::alert::Change;
use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Address;
use hotline_core::fact::Fact;
use hotline_core::ids::{AlertId, ChannelId, NotificationId, UserId};
use hotline_core::notify::{Kind, Next, Planned, To, Waiting};
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query, query_as};
use uuid::Uuid;

use super::alert_rows::{bad, count, maybe_parsed, moment, parsed, text, word};
use super::apply::ms;
use super::bulk::{self, Cell};
use super::claim::free;
use super::lines::Lines;
use super::pages::{self, List};
use super::record_address::{address_from, address_text, place};
use super::writer::{Tries, WriteError, in_time};
use super::{Store, StoreError};

/// A notification as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Which.
    pub id: NotificationId,
    /// About which alert.
    pub alert: Option<AlertId>,
    /// All alerts that this message speaks of, its own first (a bundle has several).
    pub alerts: Vec<AlertId>,
    /// To whom.
    pub to: To,
    /// Where, as planned.
    pub address: Address,
    /// What for.
    pub kind: Kind,
    /// What to say, where it is not about an alert (a code, a shift, the caller's message).
    pub text: Option<String>,
    /// Why this person, why then.
    pub why: String,
    /// Tries so far.
    pub attempts: u32,
}

/// How a try went.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// It is over, with what came of it and a word for the timeline (no private data).
    Done(NotifyOutcome, String),
    /// Again then; the reason.
    Again(Timestamp, String),
    /// Not from this node (its phones are not registered here): another node may. `Again` when no other is there.
    Elsewhere(String),
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct NotificationRow {
    /// `NotificationId`.
    pub id: String,
    /// `AlertId`.
    pub alert_id: Option<String>,
    /// `UserId`.
    pub user_id: Option<String>,
    /// `ChannelId`.
    pub channel: Option<String>,
    /// `Address::kind`.
    pub by: String,
    /// `Kind` word.
    pub kind: String,
    /// `waiting`, `sending`, or a `NotifyOutcome` word.
    pub state: String,
    /// When it was or is due.
    pub due_at: i64,
    /// Tries.
    pub attempts: i64,
    /// The last try's word.
    pub note: Option<String>,
    /// Why.
    pub why: String,
    /// Planned.
    pub created_at: i64,
    /// Over.
    pub finished_at: Option<i64>,
}

/// What leaves for one contact now: see `hotline_core::notify::next`. Arguments: where to, what waits for it, when it was used.
pub type Choose<'a> = &'a (dyn Fn(&Address, &[Waiting], &[Timestamp]) -> Next + Send + Sync);

/// Where no other node can send it, this one tries again after so long.
const ALONE: Duration = Duration::from_secs(10);
/// So many failed tries are told one by one.
const RETRIES_TOLD: u32 = 2;
/// A node that said "not from here" takes it all the same after so long.
const NOT_HERE: Duration = Duration::from_secs(30);

/// What is left to another node is looked at again after so long: a dead one is known to be dead by then.
const LEFT: Duration = Duration::from_secs(10);

const ROW: &str = "SELECT id, alert_id, user_id, channel, by_kind AS \"by\", kind, state, due_at, attempts, note, why,
    created_at, finished_at FROM notifications";

/// A notification's row, as decisions about it need it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub id: NotificationId,
    pub alert: Option<AlertId>,
    pub to: To,
    pub place: String,
    pub by: String,
    pub address: Address,
    pub kind: Kind,
    pub text: Option<String>,
    pub why: String,
    pub due: Timestamp,
    pub attempts: u32,
}

/// Up to and without `WHERE`.
pub(super) const KEPT: &str = "SELECT n.id, n.alert_id, n.user_id, n.contact, n.channel, n.place, n.by_kind, n.address,
    n.kind, n.text, n.why, n.due_at, n.attempts FROM notifications n";

impl Kept {
    pub fn from(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let to = match (text(row, 2)?, text(row, 3)?, text(row, 4)?) {
            (Some(user), Some(contact), _) => To::Person { user: UserId(user), contact },
            (_, _, Some(channel)) => To::Channel(ChannelId(channel)),
            (_, _, None) => To::Outside,
        };
        let address: String = row.try_get(7)?;
        Ok(Self {
            id: parsed(row, 0)?,
            alert: maybe_parsed(row, 1)?,
            to,
            place: row.try_get(5)?,
            by: row.try_get(6)?,
            // The text itself may be a number: it does not go into an error.
            address: address_from(&address).ok_or_else(|| bad("address", "…"))?,
            kind: word(row, 8, Kind::from_word)?,
            text: text(row, 9)?,
            why: row.try_get(10)?,
            due: super::alert_rows::at(row, 11)?,
            attempts: count(row, 12)?,
        })
    }

    fn user(&self) -> Option<UserId> {
        match &self.to {
            To::Person { user, .. } => Some(user.clone()),
            To::Channel(_) | To::Outside => None,
        }
    }

    /// The fact that it is over.
    pub fn over(&self, outcome: NotifyOutcome) -> Fact {
        let by = match &self.to {
            To::Channel(channel) => channel.0.clone(),
            To::Person { .. } | To::Outside => self.by.clone(),
        };
        Fact::Alert(Change::Notified { notification: self.id, user: self.user(), by, outcome })
    }
}

impl Store {
    /// Makes notifications that belong to no alert's change (codes, tests, shifts, the caller's SMS). A key that is there is left
    /// out. `text` goes with each.
    pub async fn notify(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<NotificationId>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.notify_once(planned, text, at).await {
                    Ok(made) => return Ok(made),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn notify_once(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<NotificationId>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let made = insert(&mut transaction, planned, text, at).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(made)
    }

    /// Takes what is due for this node, leased: whoever dies with it loses it after `lease`, and another node sends it. `choose` is
    /// `hotline_core::notify::next` with the directory's limits, asked once for each contact that has something due. What is not wanted any
    /// more (the alert was taken) is ended as `Skipped`, what a bundle swallows as `Limited` with the carrier's id, each with its fact
    /// on the timeline, in the same transaction.
    pub async fn claim_notifications(
        &self,
        at: Timestamp,
        lease: Duration,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<Notification>, StoreError> {
        // Most looks find nothing: those take no writer's turn from events and escalation.
        if !pages::in_time(self.has_due(at)).await? {
            return Ok(Vec::new());
        }
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.claim_once(at, lease, limit, choose).await {
                    Ok(claimed) => return Ok(claimed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    /// Whether there is anything to be claimed.
    async fn has_due(&self, at: Timestamp) -> Result<bool, sqlx::Error> {
        let inner = &*self.shared;
        let mut connection = inner.pool.acquire().await?;
        let waiting = query(AssertSqlSafe(format!(
            "SELECT n.id FROM notifications n WHERE n.state = 'waiting' AND n.due_at <= $1 AND {} LIMIT 1",
            may_send(2, 1)
        )));
        let waiting = waiting.bind(ms(at)).bind(inner.node.clone());
        if waiting.fetch_optional(&mut *connection).await?.is_some() {
            return Ok(true);
        }
        let now = inner.engine.now(&mut connection, at).await?;
        let lost = format!("SELECT n.id FROM notifications n WHERE n.state = 'sending' AND {} LIMIT 1", free(inner));
        let lost = query(AssertSqlSafe(lost)).bind(now).bind(inner.node.clone());
        Ok(lost.fetch_optional(&mut *connection).await?.is_some())
    }

    /// At the start: what this node was sending when it stopped is sent again, without waiting for its lease's end. How many.
    pub async fn release_own_notifications(&self) -> Result<u64, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.release_once().await {
                    Ok(count) => return Ok(count),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn release_once(&self) -> Result<u64, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let released = query("UPDATE notifications SET lease_until = 0 WHERE state = 'sending' AND node = $1")
            .bind(inner.node.clone())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        transaction.commit().await?;
        writer.keep();
        Ok(released)
    }

    /// Still at it (a phone rings): the lease runs from now. `false`: it was lost to another node, or is not needed any more.
    pub async fn hold_notification(
        &self,
        id: NotificationId,
        at: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.hold_once(id, at, lease).await {
                    Ok(held) => return Ok(held),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn hold_once(&self, id: NotificationId, at: Timestamp, lease: Duration) -> Result<bool, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let now = inner.engine.now(&mut transaction, at).await?;
        let held = query("UPDATE notifications SET lease_until = $1 WHERE id = $2 AND state = 'sending' AND node = $3")
            .bind(later(now, lease))
            .bind(id.to_string())
            .bind(inner.node.clone())
            .execute(&mut *transaction)
            .await?
            .rows_affected()
            > 0;
        let wanted = held && is_wanted(&mut transaction, id, at).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(wanted)
    }

    /// How a try went; its fact goes on the alert's timeline in the same transaction (`Change::Notified` for `Done`).
    pub async fn finish_notification(
        &self,
        id: NotificationId,
        at: Timestamp,
        tried: &Tried,
    ) -> Result<(), StoreError> {
        let mut turns = Tries::default();
        in_time(async {
            loop {
                match self.finish_once(id, at, tried).await {
                    Ok(()) => return Ok(()),
                    Err(error) => turns.again(error).await?,
                }
            }
        })
        .await
    }

    async fn finish_once(&self, id: NotificationId, at: Timestamp, tried: &Tried) -> Result<(), WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        match tried {
            Tried::Done(outcome, note) => {
                let told = done(&mut transaction, inner.engine.for_update(), id, at, *outcome, note).await?;
                inner.tell_alerts(&mut transaction, &told).await?;
            }
            Tried::Again(due, note) => {
                if wait(&mut transaction, id, &inner.node, *due, note, None).await? {
                    let told = retried(&mut transaction, id, at, *due, note).await?;
                    inner.tell_alerts(&mut transaction, &told).await?;
                }
            }
            Tried::Elsewhere(note) => {
                let other = inner.engine.has_other_node(&mut transaction, &inner.node).await?;
                let (due, not_node) = if other { (at, Some(inner.node.clone())) } else { (after(at, ALONE), None) };
                if wait(&mut transaction, id, &inner.node, due, note, not_node).await? {
                    let alerts = unused(&mut transaction, id).await?;
                    inner.tell_alerts(&mut transaction, &alerts).await?;
                }
            }
        }
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// The message that carried this one together with others; `None`: it went by itself.
    pub async fn carrier(&self, id: &str) -> Result<Option<NotificationRow>, StoreError> {
        let sql = format!("{ROW} WHERE id = (SELECT bundle FROM notifications WHERE id = $1)");
        let asked = query_as(AssertSqlSafe(sql)).bind(id.to_owned());
        super::pages::in_time(asked.fetch_optional(&self.shared.pool)).await
    }

    /// The list, newest first: of an alert, a person, or all.
    pub async fn notifications(
        &self,
        alert: Option<AlertId>,
        user: Option<&UserId>,
        state: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<super::read::Page<NotificationRow>, StoreError> {
        let mut list = List::new(ROW, "created_at");
        list.equal("alert_id", alert.map(|id| id.to_string()));
        list.equal("user_id", user.map(|user| user.0.clone()));
        list.equal("state", state.map(str::to_owned));
        self.page(list, cursor, limit, |row: &NotificationRow| pages::newest(row.created_at, &row.id)).await
    }

    /// When the next notification is due; `None`: none waits.
    pub async fn next_notification(&self) -> Result<Option<Timestamp>, StoreError> {
        let inner = &*self.shared;
        // By the node's own clock or the database's: a lease that is looked at too early is found held, no more.
        let here = query(
            "SELECT MIN(due_at) FROM notifications WHERE state = 'waiting' AND (not_node IS NULL OR not_node <> $1)
             AND (for_node IS NULL OR for_node = $1)",
        )
        .bind(inner.node.clone());
        let not_here = query("SELECT MIN(due_at) FROM notifications WHERE state = 'waiting' AND not_node = $1")
            .bind(inner.node.clone());
        let leased = query("SELECT MIN(lease_until) FROM notifications WHERE state = 'sending'");
        let database = |error| pages::database(&error);
        let here = moment(&pages::in_time(here.fetch_one(&inner.pool)).await?, 0).map_err(database)?;
        let not_here = moment(&pages::in_time(not_here.fetch_one(&inner.pool)).await?, 0).map_err(database)?;
        let leased = moment(&pages::in_time(leased.fetch_one(&inner.pool)).await?, 0).map_err(database)?;
        Ok([here, not_here.map(|due| after(due, NOT_HERE)), leased].into_iter().flatten().min())
    }
}

/// The moment so much later.
pub(super) fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A lease's end, epoch ms.
pub(super) fn later(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}

/// A condition on `n`, with this node as `$node` and the moment as `$at`: this node may send it.
pub(super) fn may_send(node: usize, at: usize) -> String {
    format!(
        "(n.not_node IS NULL OR n.not_node <> ${node} OR n.due_at <= ${at} - {})
         AND (n.for_node IS NULL OR n.for_node = ${node} OR n.due_at <= ${at} - {})",
        NOT_HERE.as_millis(),
        LEFT.as_millis()
    )
}

const INSERT: &str = "INSERT INTO notifications (id, key, alert_id, user_id, contact, channel, place, by_kind, address,
    kind, rank, text, why, state, due_at, attempts, created_at)";
const INSERTED: usize = 17;
const ONCE: &str = " ON CONFLICT (key) DO NOTHING";

/// New rows; the ids of those that were not there.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    planned: &[Planned],
    text: Option<&str>,
    at: Timestamp,
) -> Result<Vec<NotificationId>, sqlx::Error> {
    let mut made = Vec::new();
    for planned in planned {
        let id = NotificationId(Uuid::now_v7());
        // One by one: which of them were there already is part of the answer, and they are few.
        let row = vec![inserted(id, planned, text, at)];
        if bulk::values(connection, INSERT, INSERTED, ONCE, row).await? > 0 {
            made.push(id);
        }
    }
    Ok(made)
}

/// The same for many, whoever of them was there already.
pub(super) async fn insert_all(
    connection: &mut AnyConnection,
    planned: &[Planned],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let row = |planned: &Planned| inserted(NotificationId(Uuid::now_v7()), planned, None, at);
    bulk::values(connection, INSERT, INSERTED, ONCE, planned.iter().map(row).collect()).await.map(|_| ())
}

fn inserted(id: NotificationId, planned: &Planned, text: Option<&str>, at: Timestamp) -> Vec<Cell> {
    let (user, contact, channel) = match &planned.to {
        To::Person { user, contact } => (Some(user.0.clone()), Some(contact.clone()), None),
        To::Channel(channel) => (None, None, Some(channel.0.clone())),
        To::Outside => (None, None, None),
    };
    let rank = Kind::ALL.iter().position(|kind| *kind == planned.kind).unwrap_or_default();
    vec![
        Cell::Text(id.to_string()),
        Cell::Text(planned.key.clone()),
        Cell::MaybeText(planned.alert.map(|id| id.to_string())),
        Cell::MaybeText(user),
        Cell::MaybeText(contact),
        Cell::MaybeText(channel),
        Cell::Text(place(&planned.to, &planned.address)),
        Cell::Text(planned.address.kind().to_owned()),
        Cell::Text(address_text(&planned.address)),
        Cell::Text(planned.kind.word().to_owned()),
        Cell::Int(i64::try_from(rank).unwrap_or(i64::MAX)),
        Cell::MaybeText(text.map(str::to_owned)),
        Cell::Text(planned.why.clone()),
        Cell::Text("waiting".to_owned()),
        Cell::Int(ms(planned.due)),
        Cell::Int(0),
        Cell::Int(ms(at)),
    ]
}

/// Ends what waits to tell people about this alert. What speaks for other alerts too is looked at when it is due.
pub(super) async fn cancel(
    connection: &mut AnyConnection,
    alert: AlertId,
    at: Timestamp,
    lines: &mut Lines,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "{KEPT} WHERE n.alert_id = $1 AND n.state = 'waiting' AND n.kind = 'alert'
         AND NOT EXISTS (SELECT 1 FROM notifications b WHERE b.bundle = n.id) ORDER BY n.created_at, n.id"
    );
    let rows = query(AssertSqlSafe(sql)).bind(alert.to_string()).fetch_all(&mut *connection).await?;
    let waiting = rows.iter().map(Kept::from).collect::<Result<Vec<_>, _>>()?;
    for notification in &waiting {
        lines.add(alert, &notification.over(NotifyOutcome::Skipped), "It is not needed any more.", at);
    }
    let ids = waiting.iter().map(|notification| notification.id).collect();
    end(connection, ids, NotifyOutcome::Skipped, "not needed any more", None, at).await
}

/// Ends waiting notifications.
pub(super) async fn end(
    connection: &mut AnyConnection,
    ids: Vec<NotificationId>,
    outcome: NotifyOutcome,
    note: &str,
    bundle: Option<NotificationId>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(ids.iter().map(ToString::to_string).collect()) {
        let sql = format!(
            "UPDATE notifications SET state = $1, note = $2, bundle = $3, finished_at = $4, lease_until = NULL
             WHERE id IN ({}) AND finished_at IS NULL",
            bulk::list(5, chunk.len())
        );
        let mut statement = query(AssertSqlSafe(sql))
            .bind(outcome.word())
            .bind(note.to_owned())
            .bind(bundle.map(|id| id.to_string()))
            .bind(ms(at));
        for id in chunk {
            statement = statement.bind(id);
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// It waits again, if this node still has it.
async fn wait(
    connection: &mut AnyConnection,
    id: NotificationId,
    node: &str,
    due: Timestamp,
    reason: &str,
    not_node: Option<String>,
) -> Result<bool, sqlx::Error> {
    query(
        "UPDATE notifications SET state = 'waiting', due_at = $1, note = $2, not_node = $3, node = NULL,
                for_node = NULL, lease_until = NULL
         WHERE id = $4 AND state = 'sending' AND node = $5",
    )
    .bind(ms(due))
    .bind(bulk::storable(reason.to_owned()))
    .bind(not_node)
    .bind(id.to_string())
    .bind(node.to_owned())
    .execute(connection)
    .await
    .map(|done| done.rows_affected() > 0)
}

/// The first tries that fail are told at once: the last may be days away. The alerts whose timelines say so.
async fn retried(
    connection: &mut AnyConnection,
    id: NotificationId,
    at: Timestamp,
    due: Timestamp,
    reason: &str,
) -> Result<Vec<AlertId>, sqlx::Error> {
    let row = query(AssertSqlSafe(format!("{KEPT} WHERE n.id = $1")))
        .bind(id.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let notification = Kept::from(&row)?;
    if notification.attempts > RETRIES_TOLD {
        return Ok(Vec::new());
    }
    let wait = hotline_core::escalation::span(at.duration_until(due).unsigned_abs());
    let why = bulk::storable(format!("try {}: {reason}; tried again in {wait}", notification.attempts));
    let alerts = alerts_of(connection, &notification).await?;
    let mut lines = Lines::new();
    for alert in &alerts {
        lines.add(*alert, &notification.over(NotifyOutcome::Retried), &why, at);
    }
    lines.keep(connection).await?;
    Ok(alerts)
}

/// Nothing was sent to its contact after all: that does not count as a use. The alert it is about, which the other nodes
/// are told of.
async fn unused(connection: &mut AnyConnection, id: NotificationId) -> Result<Vec<AlertId>, sqlx::Error> {
    let row = query("SELECT place, alert_id FROM notifications WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let place: String = row.try_get(0)?;
    query(
        "DELETE FROM contact_uses WHERE place = $1 AND at = (SELECT MAX(u.at) FROM contact_uses u WHERE u.place = $1)",
    )
    .bind(place)
    .execute(connection)
    .await?;
    Ok(maybe_parsed(&row, 1)?.into_iter().collect())
}

/// It is over; the alerts whose timelines say so. Who comes second, after its lease was lost, changes nothing.
async fn done(
    connection: &mut AnyConnection,
    lock: &str,
    id: NotificationId,
    at: Timestamp,
    outcome: NotifyOutcome,
    note: &str,
) -> Result<Vec<AlertId>, sqlx::Error> {
    let sql = format!("{KEPT} WHERE n.id = $1 AND n.finished_at IS NULL{lock}");
    let row = query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(&mut *connection).await?;
    let Some(notification) = row.as_ref().map(Kept::from).transpose()? else { return Ok(Vec::new()) };
    let note = bulk::storable(note.to_owned());
    end(connection, vec![id], outcome, &note, None, at).await?;
    let alerts = alerts_of(connection, &notification).await?;
    let mut lines = Lines::new();
    for alert in &alerts {
        lines.add(*alert, &notification.over(outcome), &note, at);
    }
    lines.keep(connection).await?;
    Ok(alerts)
}

/// All alerts that it speaks of, its own first.
pub(super) async fn alerts_of(
    connection: &mut AnyConnection,
    notification: &Kept,
) -> Result<Vec<AlertId>, sqlx::Error> {
    let mut alerts: Vec<AlertId> = notification.alert.into_iter().collect();
    let rows = query("SELECT alert_id FROM notifications WHERE bundle = $1 ORDER BY created_at, id")
        .bind(notification.id.to_string())
        .fetch_all(connection)
        .await?;
    for row in &rows {
        if let Some(alert) = maybe_parsed(row, 0)?
            && !alerts.contains(&alert)
        {
            alerts.push(alert);
        }
    }
    Ok(alerts)
}

/// Whether one of the alerts that it speaks of still needs it; always so for what is about no alert's trouble.
async fn is_wanted(connection: &mut AnyConnection, id: NotificationId, at: Timestamp) -> Result<bool, sqlx::Error> {
    let row = query(
        "SELECT COUNT(*) FROM notifications n
         WHERE (n.id = $1 OR n.bundle = $1)
           AND (n.kind <> 'alert' OR n.alert_id IS NULL OR EXISTS (
                SELECT 1 FROM alerts a WHERE a.id = n.alert_id AND a.status = 'triggered'
                AND (a.snoozed_until IS NULL OR a.snoozed_until <= $2)))",
    )
    .bind(id.to_string())
    .bind(ms(at))
    .fetch_one(connection)
    .await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}

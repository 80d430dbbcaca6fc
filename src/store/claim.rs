//! Which notifications leave now: what is due is taken by one node, looked at contact by contact.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::ids::{AlertId, NotificationId};
use hotline_core::notify::{Kind, Next, Waiting};
use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::Store;
use super::alert_rows::{at as moment_of, parsed};
use super::apply::ms;
use super::bulk;
use super::lines::Lines;
use super::nodes::is_silent;
use super::notifications::{Choose, KEPT, Kept, Notification, after, alerts_of, end, later, may_send};
use super::open::Inner;
use super::writer::WriteError;

/// So many due notifications are looked at in one go.
const LOOK_AT: u32 = 1_000;
/// A contact's uses are remembered so long, and at most so many.
const REMEMBER: Duration = Duration::from_hours(7 * 24);
const USES: u32 = 200;
/// What waits for a telephone that is being rung is looked at again after so long.
const BUSY: Duration = Duration::from_secs(5);

/// What one look decides, before it is written.
struct Look {
    lines: Lines,
    told: Vec<AlertId>,
    skipped: Vec<NotificationId>,
    /// Contact, moment, reason.
    put_off: Vec<(Vec<NotificationId>, Timestamp, String)>,
    /// Left to another node.
    elsewhere: Vec<(Vec<NotificationId>, String)>,
    bundled: Vec<(NotificationId, Vec<NotificationId>)>,
    claimed: Vec<Kept>,
}

impl Store {
    pub(super) async fn claim_once(
        &self,
        at: Timestamp,
        lease: Duration,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<Notification>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        inner.engine.claim_turn(&mut transaction).await?;
        let now = inner.engine.now(&mut transaction, at).await?;
        let due = due(&mut transaction, inner, at, now).await?;
        if due.is_empty() {
            transaction.commit().await?;
            writer.keep();
            return Ok(Vec::new());
        }
        let look = look(&mut transaction, inner, due, at, now, limit, choose).await?;
        let claimed = look.keep(&mut transaction, inner, at, later(now, lease)).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(claimed)
    }
}

/// What is due, the most pressing first, and what a node has died with; locked.
async fn due(connection: &mut AnyConnection, inner: &Inner, at: Timestamp, now: i64) -> Result<Vec<Kept>, sqlx::Error> {
    let lock = match inner.engine.for_update_free() {
        "" => "",
        _ => " FOR UPDATE OF n SKIP LOCKED",
    };
    let here = may_send(2, 1);
    let waiting = format!("{KEPT} WHERE n.state = 'waiting' AND n.due_at <= $1 AND {here}");
    let pressing = format!("{waiting} AND n.rank < 2 ORDER BY n.due_at LIMIT 100{lock}");
    let waiting = format!("{waiting} ORDER BY n.due_at LIMIT {LOOK_AT}{lock}");
    let free = free(inner);
    let lost = format!("{KEPT} WHERE n.state = 'sending' AND {free} ORDER BY n.lease_until LIMIT {LOOK_AT}{lock}");
    let mut rows = Vec::new();
    for sql in [pressing, waiting] {
        let statement = query(AssertSqlSafe(sql)).bind(ms(at)).bind(inner.node.clone());
        rows.extend(statement.fetch_all(&mut *connection).await?);
    }
    rows.extend(query(AssertSqlSafe(lost)).bind(now).bind(inner.node.clone()).fetch_all(connection).await?);
    let mut seen = HashSet::new();
    let mut due = Vec::new();
    for row in &rows {
        let kept = Kept::from(row)?;
        if seen.insert(kept.id) {
            due.push(kept);
        }
    }
    Ok(due)
}

/// A condition on `n`, with the lease's time as `$1` and this node as `$2`: nobody is at it any more. A node that is silent
/// has lost what it had at once, not with the end of its lease.
pub(super) fn free(inner: &Inner) -> String {
    let silent = if inner.watch.may_judge() { is_silent("n.node", 1) } else { "1 = 0".to_owned() };
    format!("(n.lease_until <= $1 OR (n.node <> $2 AND {silent}))")
}

/// Decides contact by contact.
async fn look(
    connection: &mut AnyConnection,
    inner: &Inner,
    due: Vec<Kept>,
    at: Timestamp,
    now: i64,
    limit: u32,
    choose: Choose<'_>,
) -> Result<Look, sqlx::Error> {
    let carried = carried(connection, &due).await?;
    let spoken_of = |kept: &Kept| -> Vec<AlertId> {
        let others = carried.get(&kept.id).into_iter().flatten().copied();
        kept.alert.into_iter().chain(others).collect()
    };
    let needy = needy(connection, due.iter().flat_map(&spoken_of).collect(), at).await?;
    let mut look = Look {
        lines: Lines::new(),
        told: Vec::new(),
        skipped: Vec::new(),
        put_off: Vec::new(),
        elsewhere: Vec::new(),
        bundled: Vec::new(),
        claimed: Vec::new(),
    };
    // By contact, each in the order in which it was found: the most pressing first.
    let mut places: Vec<Vec<Kept>> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for kept in due {
        let alerts = spoken_of(&kept);
        let wanted = kept.kind != Kind::Alert || alerts.is_empty() || alerts.iter().any(|id| needy.contains(id));
        if !wanted {
            look.skip(&kept, &alerts, at);
            continue;
        }
        let next = places.len();
        let place = *index.entry(kept.place.clone()).or_insert(next);
        if place == next {
            places.push(Vec::new());
        }
        places[place].push(kept);
    }
    let ringing = ringing(connection, inner, now).await?;
    let mut left = limit as usize;
    for due in places {
        if left == 0 {
            break;
        }
        let first = &due[0];
        // A lost lease is in here too, but not held by anybody.
        if first.by == "call" && ringing.contains(&first.place) {
            let ids = due.iter().map(|kept| kept.id).collect();
            look.put_off.push((ids, after(at, BUSY), "the telephone is being rung already".to_owned()));
            continue;
        }
        let waiting: Vec<Waiting> = due
            .iter()
            .map(|kept| Waiting { id: kept.id, kind: kept.kind, alert: kept.alert, due: kept.due, wanted: true })
            .collect();
        let sent = uses(connection, &first.place, at).await?;
        let next = choose(&first.address, &waiting, &sent);
        left -= look.decide(due, next, at);
    }
    Ok(look)
}

impl Look {
    /// It is not wanted any more.
    fn skip(&mut self, kept: &Kept, alerts: &[AlertId], at: Timestamp) {
        for alert in alerts {
            self.lines.add(*alert, &kept.over(NotifyOutcome::Skipped), "It is not needed any more.", at);
            self.told.push(*alert);
        }
        self.skipped.push(kept.id);
    }

    /// What becomes of one contact's; how many are sent.
    fn decide(&mut self, due: Vec<Kept>, next: Next, at: Timestamp) -> usize {
        let ids = |due: &[Kept]| due.iter().map(|kept| kept.id).collect();
        match next {
            Next::One(id) => self.claim(due, id),
            Next::Bundle(bundle) => {
                let Some(carrier) = bundle.first().copied() else { return 0 };
                let mut swallowed = Vec::new();
                for kept in due.iter().filter(|kept| kept.id != carrier && bundle.contains(&kept.id)) {
                    swallowed.push(kept.id);
                    if let Some(alert) = kept.alert {
                        let why = format!("Told together with others, in notification {carrier}.");
                        self.lines.add(alert, &kept.over(NotifyOutcome::Limited), &why, at);
                        self.told.push(alert);
                    }
                }
                self.bundled.push((carrier, swallowed));
                self.claim(due, carrier)
            }
            Next::Later(then, reason) => {
                // Never at once: that would be asked again and again.
                let then = then.max(after(at, Duration::from_millis(200)));
                self.put_off.push((ids(&due), then, reason));
                0
            }
            Next::Elsewhere(node) => {
                self.told.extend(due.iter().filter_map(|kept| kept.alert));
                self.elsewhere.push((ids(&due), node));
                0
            }
            Next::Idle => {
                self.put_off.push((ids(&due), after(at, BUSY), "nothing was to be sent".to_owned()));
                0
            }
        }
    }

    fn claim(&mut self, due: Vec<Kept>, id: NotificationId) -> usize {
        let Some(kept) = due.into_iter().find(|kept| kept.id == id) else { return 0 };
        self.claimed.push(kept);
        1
    }

    /// Writes what was decided.
    async fn keep(
        self,
        connection: &mut AnyConnection,
        inner: &Inner,
        at: Timestamp,
        lease_until: i64,
    ) -> Result<Vec<Notification>, sqlx::Error> {
        end(connection, self.skipped, NotifyOutcome::Skipped, "not needed any more", None, at).await?;
        for (carrier, swallowed) in self.bundled {
            // What they carried themselves goes along.
            for chunk in bulk::chunks(swallowed.iter().map(ToString::to_string).collect()) {
                let places = bulk::list(2, chunk.len());
                let sql = format!("UPDATE notifications SET bundle = $1 WHERE bundle IN ({places})");
                let mut statement = query(AssertSqlSafe(sql)).bind(carrier.to_string());
                for id in chunk {
                    statement = statement.bind(id);
                }
                statement.execute(&mut *connection).await?;
            }
            let note = format!("told together with others, in {carrier}");
            end(connection, swallowed, NotifyOutcome::Limited, &note, Some(carrier), at).await?;
        }
        for (ids, due, reason) in self.put_off {
            put_off(connection, ids, due, &reason).await?;
        }
        for (ids, node) in self.elsewhere {
            leave_to(connection, ids, &node, at).await?;
        }
        if !self.claimed.is_empty() {
            // The first sign of life may still be on its way.
            inner.beat(connection).await?;
        }
        let mut claimed = Vec::new();
        for kept in self.claimed {
            claim(connection, inner, &kept, at, lease_until).await?;
            let alerts = alerts_of(connection, &kept).await?;
            claimed.push(Notification {
                id: kept.id,
                alert: kept.alert,
                alerts,
                to: kept.to,
                address: kept.address,
                kind: kept.kind,
                text: kept.text,
                why: kept.why,
                attempts: kept.attempts + 1,
            });
        }
        self.lines.keep(connection).await?;
        inner.tell_alerts(connection, &self.told).await?;
        Ok(claimed)
    }
}

async fn claim(
    connection: &mut AnyConnection,
    inner: &Inner,
    kept: &Kept,
    at: Timestamp,
    lease_until: i64,
) -> Result<(), sqlx::Error> {
    query(
        "UPDATE notifications SET state = 'sending', node = $1, lease_until = $2, attempts = attempts + 1
         WHERE id = $3",
    )
    .bind(inner.node.clone())
    .bind(lease_until)
    .bind(kept.id.to_string())
    .execute(&mut *connection)
    .await?;
    query("DELETE FROM contact_uses WHERE place = $1 AND at < $2")
        .bind(kept.place.clone())
        .bind(ms(at).saturating_sub(later(0, REMEMBER)))
        .execute(&mut *connection)
        .await?;
    query("INSERT INTO contact_uses (place, at) VALUES ($1, $2)")
        .bind(kept.place.clone())
        .bind(ms(at))
        .execute(connection)
        .await
        .map(|_| ())
}

async fn put_off(
    connection: &mut AnyConnection,
    ids: Vec<NotificationId>,
    due: Timestamp,
    reason: &str,
) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(ids.iter().map(ToString::to_string).collect()) {
        let sql = format!(
            "UPDATE notifications SET state = 'waiting', due_at = $1, note = $2, node = NULL, lease_until = NULL
             WHERE id IN ({})",
            bulk::list(3, chunk.len())
        );
        let mut statement = query(AssertSqlSafe(sql)).bind(ms(due)).bind(bulk::storable(reason.to_owned()));
        for id in chunk {
            statement = statement.bind(id);
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// They are this node's to send; it is waited for from now on.
async fn leave_to(
    connection: &mut AnyConnection,
    ids: Vec<NotificationId>,
    node: &str,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(ids.iter().map(ToString::to_string).collect()) {
        let sql = format!(
            "UPDATE notifications SET state = 'waiting', due_at = $1, note = $2, for_node = $3, not_node = NULL, node = NULL,
                    lease_until = NULL
             WHERE id IN ({})",
            bulk::list(4, chunk.len())
        );
        let reason = format!("node {node} rings: the phone is registered there");
        let mut statement =
            query(AssertSqlSafe(sql)).bind(ms(at)).bind(bulk::storable(reason)).bind(bulk::storable(node.to_owned()));
        for id in chunk {
            statement = statement.bind(id);
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The alerts of what these already speak for, after an earlier try.
async fn carried(
    connection: &mut AnyConnection,
    due: &[Kept],
) -> Result<BTreeMap<NotificationId, Vec<AlertId>>, sqlx::Error> {
    let mut carried: BTreeMap<NotificationId, Vec<AlertId>> = BTreeMap::new();
    let tried = due.iter().filter(|kept| kept.attempts > 0).map(|kept| kept.id.to_string()).collect();
    for chunk in bulk::chunks(tried) {
        let places = bulk::list(1, chunk.len());
        let sql =
            format!("SELECT bundle, alert_id FROM notifications WHERE bundle IN ({places}) AND alert_id IS NOT NULL");
        let mut statement = query(AssertSqlSafe(sql));
        for id in chunk {
            statement = statement.bind(id);
        }
        for row in statement.fetch_all(&mut *connection).await? {
            carried.entry(parsed(&row, 0)?).or_default().push(parsed(&row, 1)?);
        }
    }
    Ok(carried)
}

/// Those of the alerts that still need somebody.
async fn needy(
    connection: &mut AnyConnection,
    alerts: Vec<AlertId>,
    at: Timestamp,
) -> Result<HashSet<AlertId>, sqlx::Error> {
    let mut needy = HashSet::new();
    for chunk in bulk::chunks(alerts.iter().map(ToString::to_string).collect()) {
        let sql = format!(
            "SELECT id FROM alerts WHERE status = 'triggered' AND (snoozed_until IS NULL OR snoozed_until <= $1)
             AND id IN ({})",
            bulk::list(2, chunk.len())
        );
        let mut statement = query(AssertSqlSafe(sql)).bind(ms(at));
        for id in chunk {
            statement = statement.bind(id);
        }
        for row in statement.fetch_all(&mut *connection).await? {
            needy.insert(parsed(&row, 0)?);
        }
    }
    Ok(needy)
}

/// Contacts whose telephone some node rings at this moment.
async fn ringing(connection: &mut AnyConnection, inner: &Inner, now: i64) -> Result<HashSet<String>, sqlx::Error> {
    let rows = query(AssertSqlSafe(format!(
        "SELECT DISTINCT n.place FROM notifications n WHERE n.state = 'sending' AND NOT {} AND n.by_kind = 'call'",
        free(inner)
    )))
    .bind(now)
    .bind(inner.node.clone())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// When the contact was used, newest last.
async fn uses(connection: &mut AnyConnection, place: &str, at: Timestamp) -> Result<Vec<Timestamp>, sqlx::Error> {
    let rows = query(AssertSqlSafe(format!(
        "SELECT at FROM contact_uses WHERE place = $1 AND at >= $2 ORDER BY at DESC LIMIT {USES}"
    )))
    .bind(place.to_owned())
    .bind(ms(at).saturating_sub(later(0, REMEMBER)))
    .fetch_all(connection)
    .await?;
    let mut moments = rows.iter().map(|row| moment_of(row, 0)).collect::<Result<Vec<_>, _>>()?;
    moments.reverse();
    Ok(moments)
}

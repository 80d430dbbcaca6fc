//! Several nodes on one database: each says that it is alive and which phones and trunks it has, hears what the others
//! change, and takes over from the dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::postgres::PgListener;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row, query};
use tokio::sync::broadcast;

use super::engine::{Engine, Kind, back_off};
use super::identity::Identity;
use super::journal::{Claim, Shared};
use super::postgres::{self, CHANNEL};
use super::writer::{Tries, WriteError, in_time};
use super::{Changed, Store, StoreError, pages};
use crate::clock::now;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(2);
/// A node whose last word is older counts as dead. With the two seconds between two looks at what is due, another has taken
/// over long before 10 s are past. The statements in `postgres` say the same number.
pub(super) const DEAD: Duration = Duration::from_secs(6);
/// A beat that takes longer has failed.
const BEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Since when this node's own signs of life have reached the database. Who was away himself can't tell whether the others
/// are dead or were away as well.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<Instant>>);

impl Watch {
    fn beat(&self, went_well: bool) {
        let mut since = self.0.lock();
        *since = if went_well { Some(since.unwrap_or_else(|| now().mono)) } else { None };
    }

    /// Whether this node may say of another that it is dead.
    pub fn may_judge(&self) -> bool {
        self.0.lock().is_some_and(|since| now().mono.saturating_duration_since(since) >= DEAD)
    }
}

/// Says every two seconds that this node is alive; for ever.
pub(super) async fn stay_alive(engine: Engine, shared: Arc<Shared>, watch: Arc<Watch>) {
    let mut connection: Option<AnyConnection> = None;
    let mut failures = 0;
    loop {
        let beat = tokio::time::timeout(BEAT_TIMEOUT, async {
            let mut alive = match connection.take() {
                Some(connection) => connection,
                None => engine.connect_writer().await?,
            };
            // Until the name is this process's (a start without the database) the drain asks for it.
            let claim = shared.claim();
            let held = claim != Claim::Open && engine.beat(&mut alive, &shared.identity).await?;
            if claim != Claim::Open {
                shared.set_claim(held);
            }
            watch.beat(held);
            Ok::<_, sqlx::Error>(alive)
        })
        .await;
        if !matches!(beat, Ok(Ok(_))) {
            watch.beat(false);
        }
        if let Ok(Ok(alive)) = beat {
            connection = Some(alive);
            failures = 0;
            tokio::time::sleep(BEAT).await;
        } else {
            failures += 1;
            tokio::time::sleep(back_off(failures)).await;
        }
    }
}

/// Hands on what other nodes change; connects anew by itself, and says then that something may have been missed.
pub(super) async fn listen(url: String, node: String, changed: broadcast::Sender<Changed>) {
    let mut failures = 0;
    loop {
        if let Ok(mut listener) = PgListener::connect(&url).await
            && listener.listen(CHANNEL).await.is_ok()
        {
            if failures > 0 {
                let _ = changed.send(Changed::All);
            }
            failures = 0;
            // `None`: the connection was lost and is there again.
            while let Ok(message) = listener.try_recv().await {
                let Some(message) = message else {
                    let _ = changed.send(Changed::All);
                    continue;
                };
                for change in heard(message.payload(), &node) {
                    // Nobody may listen.
                    let _ = changed.send(change);
                }
            }
        }
        failures += 1;
        tokio::time::sleep(back_off(failures)).await;
    }
}

/// What a message says, if another node sent it.
fn heard(message: &str, node: &str) -> Vec<Changed> {
    // A node's name may hold a bar; the rest doesn't.
    let mut parts = message.rsplitn(3, '|');
    let (Some(ids), Some(kind), Some(from)) = (parts.next(), parts.next(), parts.next()) else { return Vec::new() };
    if from == node {
        return Vec::new();
    }
    let ids = ids.split(',');
    match kind {
        "alert" => ids.filter_map(|id| Some(Changed::Alert(id.parse().ok()?))).collect(),
        "call" => ids.filter_map(|id| Some(Changed::Call(id.parse().ok()?))).collect(),
        "incident" => ids.filter_map(|id| Some(Changed::Incident(id.parse().ok()?))).collect(),
        "directory" => vec![Changed::Directory],
        _ => Vec::new(),
    }
}

/// A condition: the node whose name stands in this column has been silent for too long. The database's time is `$now`.
pub(super) fn is_silent(node: &str, now: usize) -> String {
    let dead = DEAD.as_millis();
    format!("NOT EXISTS (SELECT 1 FROM nodes o WHERE o.name = {node} AND o.seen_at > ${now} - {dead})")
}

/// What is wrong when another live process has this node's name, and what to do.
pub(super) fn name_taken(own: &Identity) -> String {
    format!(
        "another hotline is alive on the same database under this node's name `{}`: give this one a name of its own (`node` in \
         [server] of hotline.toml, or HOTLINE_NODE) and start it again, or stop the other one first (one that was killed \
         counts as alive for {} s)",
        own.node,
        DEAD.as_secs()
    )
}

/// This process stops.
pub(super) async fn leave(engine: &Engine, own: &Identity) {
    if engine.kind() == Kind::Sqlite {
        return;
    }
    let left = async {
        let mut connection = engine.connect_writer().await?;
        postgres::leave(&mut connection, own).await?;
        Connection::close(connection).await
    };
    if let Err(error) = left.await {
        tracing::debug!(%error, "store: the database was not told that this node stops");
    }
}

impl Store {
    /// The next number of a caller's call that no other node gives out; `None`: nobody shares the database, or it was away for
    /// too long.
    pub fn call_reference(&self) -> Option<u32> {
        self.shared.call_references.as_ref()?.take()
    }

    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.shared.engine.kind() == Kind::Postgres
    }

    /// Tells the other nodes which phones and trunks this one has, a name each.
    pub async fn share_lines(&self, lines: &[String]) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.share_lines_once(lines).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn share_lines_once(&self, lines: &[String]) -> Result<(), WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        // The row is there from the first sign of life on.
        inner.beat(&mut transaction).await?;
        query("UPDATE nodes SET lines = $1 WHERE name = $2")
            .bind(lines.join("\n"))
            .bind(inner.node.clone())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// Phones and trunks of the other nodes that are alive, each with its node.
    pub async fn lines_elsewhere(&self) -> Result<Vec<(String, String)>, StoreError> {
        let inner = &*self.shared;
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let asked = async {
            let mut connection = inner.pool.acquire().await?;
            let at = inner.engine.now(&mut connection, now().wall).await?;
            let rows = query("SELECT name, lines FROM nodes WHERE name <> $1 AND seen_at > $2 ORDER BY name")
                .bind(inner.node.clone())
                .bind(at.saturating_sub(i64::try_from(DEAD.as_millis()).unwrap_or(i64::MAX)))
                .fetch_all(&mut *connection)
                .await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<(String, String)>, _>>()
        };
        let lines = pages::in_time(asked).await?;
        let each = |(node, lines): &(String, String)| {
            lines.lines().map(|line| (line.to_owned(), node.clone())).collect::<Vec<_>>()
        };
        Ok(lines.iter().flat_map(each).collect())
    }

    /// Alerts whose calls ended with their node are looked at now: their callers are gone, and nobody was told yet. How many.
    pub async fn wake_orphans(&self) -> Result<u64, StoreError> {
        if !self.is_shared() || !self.shared.watch.may_judge() {
            return Ok(0);
        }
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.wake_orphans_once().await {
                    Ok(count) => return Ok(count),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn wake_orphans_once(&self) -> Result<u64, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let wall = now().wall;
        let at = inner.engine.now(&mut transaction, wall).await?;
        // Once: after the first step the escalation looks after itself.
        let silent = is_silent("c.node", 2);
        let woken = query(AssertSqlSafe(format!(
            "UPDATE alerts SET esc_due = $1 WHERE status = 'triggered' AND esc_round = 0 AND esc_step_due IS NULL
             AND esc_due > $1 AND snoozed_until IS NULL
             AND call_id IN (SELECT c.id FROM calls c WHERE c.ended_at IS NULL AND {silent})"
        )))
        .bind(super::apply::ms(wall))
        .bind(at)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        writer.keep();
        Ok(woken)
    }
}

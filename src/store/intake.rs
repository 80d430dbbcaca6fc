//! Rows of the intake: heartbeats, runs of actions. Each statement stands for itself and may be done again;
//! what it changed is durable when it returns.

use std::time::Duration;

use hotline_core::ids::{ActionId, AlertId, HeartbeatId};
use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::{Any, query, query_as};
use uuid::Uuid;

use super::pages::in_time;
use super::writer::{self, Tries, WriteError};
use super::{Store, StoreError};

/// How a monitor is.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HeartbeatRow {
    /// `HeartbeatId`.
    pub id: String,
    /// The clock began.
    pub first_ping: i64,
    /// Last sign of life.
    pub last_ping: i64,
    /// `healthy` or `overdue`.
    pub state: String,
    /// Since when.
    pub changed_at: i64,
}

/// One run of an action.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ActionRunRow {
    /// Its id: the delivery id of a webhook, the same for every try.
    pub id: String,
    /// `ActionId`.
    pub action: String,
    /// `AlertId`.
    pub alert_id: String,
    /// Who started it (`system`, `person:ada`, `login:ada`, `token:ci`).
    pub started_by: String,
    /// `waiting`, `running`, `done`, `failed`, `unknown` (cut off by a crash; not repeated).
    pub state: String,
    /// Tries so far.
    pub attempts: i64,
    /// When it was or is due.
    pub due_at: i64,
    /// Asked for.
    pub created_at: i64,
    /// Over.
    pub finished_at: Option<i64>,
    /// What it said (the last 4,000 characters).
    pub output: Option<String>,
}

/// How a try of an action went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionTried {
    /// It is over.
    Over {
        /// `done`, `failed` or `unknown`.
        state: &'static str,
        /// What it said.
        output: String,
    },
    /// Again then.
    Again {
        /// When.
        at: Timestamp,
        /// What it said.
        output: String,
    },
}

const RUN: &str = "SELECT id, action, alert_id, started_by, state, attempts, due_at, created_at, finished_at, output FROM action_runs";

type Statement = Query<'static, Any, sqlx::any::AnyArguments>;

impl Store {
    /// A monitor was alive at `at`. What is older than what is known changes nothing.
    pub async fn keep_ping(&self, heartbeat: &HeartbeatId, at: Timestamp) -> Result<(), StoreError> {
        let keep = || {
            query(
                "INSERT INTO heartbeats (id, first_ping, last_ping, state, changed_at, lease_until)
             VALUES ($1, $2, $2, 'healthy', $2, 0)
             ON CONFLICT (id) DO UPDATE SET last_ping = excluded.last_ping
             WHERE heartbeats.last_ping < excluded.last_ping",
            )
            .bind(heartbeat.0.clone())
            .bind(at.as_millisecond())
        };
        self.done(keep).await.map(drop)
    }

    /// All monitors that have ever pinged.
    pub async fn heartbeats(&self) -> Result<Vec<HeartbeatRow>, StoreError> {
        let all = query_as("SELECT id, first_ping, last_ping, state, changed_at FROM heartbeats ORDER BY id");
        in_time(all.fetch_all(&self.shared.pool)).await
    }

    /// One of them.
    pub async fn heartbeat(&self, id: &HeartbeatId) -> Result<Option<HeartbeatRow>, StoreError> {
        let one = query_as("SELECT id, first_ping, last_ping, state, changed_at FROM heartbeats WHERE id = $1");
        in_time(one.bind(id.0.clone()).fetch_optional(&self.shared.pool)).await
    }

    /// Whether this node may change the monitor's state (raise or end its alert) now; no other does until `until`.
    pub async fn lease_heartbeat(
        &self,
        row: &HeartbeatRow,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let lease = || {
            query(
                "UPDATE heartbeats SET lease_until = $1
             WHERE id = $2 AND state = $3 AND last_ping = $4 AND lease_until <= $5",
            )
            .bind(until.as_millisecond())
            .bind(row.id.clone())
            .bind(row.state.clone())
            .bind(row.last_ping)
            .bind(at.as_millisecond())
        };
        Ok(self.done(lease).await? == 1)
    }

    /// The monitor's state from now on; its lease is over. Where a ping came in between, the next look ends what was raised.
    pub async fn turn_heartbeat(&self, id: &str, state: &str, at: Timestamp) -> Result<(), StoreError> {
        let turn = || {
            query("UPDATE heartbeats SET state = $1, changed_at = $2, lease_until = 0 WHERE id = $3")
                .bind(state.to_owned())
                .bind(at.as_millisecond())
                .bind(id.to_owned())
        };
        self.done(turn).await.map(drop)
    }

    /// Asks for a run. A key that is there already is the same run: its id, and whether it is new.
    pub async fn ask_action(
        &self,
        key: &str,
        action: &ActionId,
        alert: AlertId,
        started_by: &str,
        repeatable: bool,
        at: Timestamp,
    ) -> Result<(String, bool), StoreError> {
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            at.as_second().unsigned_abs(),
            at.subsec_nanosecond().unsigned_abs(),
        ))
        .to_string();
        let ask = || {
            query(
            "INSERT INTO action_runs (id, key, action, alert_id, started_by, state, repeatable, attempts, due_at, lease_until, created_at)
             VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0, $7, 0, $7) ON CONFLICT (key) DO NOTHING",
        )
        .bind(id.clone())
        .bind(key.to_owned())
        .bind(action.0.clone())
        .bind(alert.to_string())
        .bind(started_by.to_owned())
        .bind(i64::from(repeatable))
        .bind(at.as_millisecond())
        };
        if self.done(ask).await? == 1 {
            return Ok((id, true));
        }
        let (known,): (String,) = in_time(
            query_as("SELECT id FROM action_runs WHERE key = $1").bind(key.to_owned()).fetch_one(&self.shared.pool),
        )
        .await?;
        Ok((known, false))
    }

    /// Takes the runs that are due for this node. A run that is taken counts as a try.
    pub async fn claim_actions(
        &self,
        node: &str,
        at: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<ActionRunRow>, StoreError> {
        let sql =
            sqlx::AssertSqlSafe(format!("{RUN} WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, id LIMIT $2"));
        let due: Vec<ActionRunRow> =
            in_time(query_as(sql).bind(at.as_millisecond()).bind(i64::from(limit)).fetch_all(&self.shared.pool))
                .await?;
        let mut mine = Vec::new();
        for mut run in due {
            let claim = || {
                query(
                    "UPDATE action_runs SET state = 'running', attempts = attempts + 1, node = $1, lease_until = $2
                 WHERE id = $3 AND state = 'waiting' AND attempts = $4",
                )
                .bind(node.to_owned())
                .bind(at.as_millisecond() + lease.as_millis() as i64)
                .bind(run.id.clone())
                .bind(run.attempts)
            };
            if self.done(claim).await? == 1 {
                run.attempts += 1;
                mine.push(run);
            }
        }
        Ok(mine)
    }

    /// Runs whose node did not come back: what may be repeated waits again, what may not is `unknown` from now on and given
    /// back, to be told.
    pub async fn lapsed_actions(&self, at: Timestamp) -> Result<Vec<ActionRunRow>, StoreError> {
        let again = || {
            query(
                "UPDATE action_runs SET state = 'waiting', due_at = $1, attempts = attempts - 1
             WHERE state = 'running' AND lease_until < $1 AND repeatable = 1",
            )
        };
        self.done(|| again().bind(at.as_millisecond())).await?;
        let sql = sqlx::AssertSqlSafe(format!("{RUN} WHERE state = 'running' AND lease_until < $1"));
        let lapsed: Vec<ActionRunRow> =
            in_time(query_as(sql).bind(at.as_millisecond()).fetch_all(&self.shared.pool)).await?;
        let mut mine = Vec::new();
        for mut run in lapsed {
            let turn = || {
                query(
                    "UPDATE action_runs SET state = 'unknown', finished_at = $1
                 WHERE id = $2 AND state = 'running' AND lease_until < $1",
                )
            };
            if self.done(|| turn().bind(at.as_millisecond()).bind(run.id.clone())).await? == 1 {
                "unknown".clone_into(&mut run.state);
                mine.push(run);
            }
        }
        Ok(mine)
    }

    /// Runs of this node that were going on when it stopped: they are over, and `lapsed_actions` finds them.
    pub async fn lapse_own_actions(&self, node: &str) -> Result<u64, StoreError> {
        let sql = "UPDATE action_runs SET lease_until = 0 WHERE state = 'running' AND node = $1";
        self.done(|| query(sql).bind(node.to_owned())).await
    }

    /// How a try went. `false`: the run was lost to another node meanwhile.
    pub async fn finish_action(&self, id: &str, at: Timestamp, tried: &ActionTried) -> Result<bool, StoreError> {
        let finish = || match tried {
            ActionTried::Over { state, output } => query(
                "UPDATE action_runs SET state = $1, finished_at = $2, output = $3 WHERE id = $4 AND state = 'running'",
            )
            .bind((*state).to_owned())
            .bind(at.as_millisecond())
            .bind(output.clone()),
            ActionTried::Again { at, output } => {
                query("UPDATE action_runs SET state = $1, due_at = $2, output = $3 WHERE id = $4 AND state = 'running'")
                    .bind("waiting")
                    .bind(at.as_millisecond())
                    .bind(output.clone())
            }
        };
        Ok(self.done(|| finish().bind(id.to_owned())).await? == 1)
    }

    /// An alert's runs, oldest first.
    pub async fn action_runs(&self, alert: AlertId) -> Result<Vec<ActionRunRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} WHERE alert_id = $1 ORDER BY created_at, id"));
        in_time(query_as(sql).bind(alert.to_string()).fetch_all(&self.shared.pool)).await
    }

    /// Alerts opened since `from` (exclusive of `after` at that moment), oldest first: (when, which).
    pub async fn opened_since(&self, from: Timestamp, limit: u32) -> Result<Vec<(i64, String)>, StoreError> {
        let since =
            query_as("SELECT created_at, id FROM alerts WHERE created_at >= $1 ORDER BY created_at, id LIMIT $2")
                .bind(from.as_millisecond())
                .bind(i64::from(limit));
        in_time(since.fetch_all(&self.shared.pool)).await
    }

    /// One statement; how many rows it changed.
    pub(super) async fn done(&self, statement: impl Fn() -> Statement + Send + Sync) -> Result<u64, StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.done_once(statement()).await {
                    Ok(changed) => return Ok(changed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn done_once(&self, statement: Statement) -> Result<u64, WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let changed = statement.execute(&mut *transaction).await?.rows_affected();
        transaction.commit().await?;
        writer.keep();
        Ok(changed)
    }
}

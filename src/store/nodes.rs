//! Several nodes on one database: each says that it is alive, and hears what the others change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{AnyConnection, Connection, query, query_as};
use tokio::sync::broadcast;

use super::engine::{Engine, Kind, back_off};
use super::identity::Identity;
use super::journal::{Claim, Shared};
use super::postgres::{self, CHANNEL};
use super::writer::{Tries, WriteError, in_time};
use super::{Changed, Store, StoreError, pages};

/// A node whose last word is older than 10 s counts as dead.
const BEAT: Duration = Duration::from_secs(2);
/// A beat that takes longer has failed.
const BEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// What is wrong when another live process has this node's name, and what to do.
pub(super) fn name_taken(own: &Identity) -> String {
    format!(
        "another hotline is alive on the same database under this node's name `{}`: give this one a name of its own (`node` in \
         [server] of hotline.toml, or HOTLINE_NODE) and start it again, or stop the other one first (one that was killed \
         counts as alive for 10 s)",
        own.node
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
    /// Whether other nodes may share the database.
    pub fn is_shared(&self) -> bool {
        self.shared.engine.kind() == Kind::Postgres
    }

    /// The next number of a caller's call that no other node gives out; `None`: nobody shares the database, or it was away for
    /// too long.
    pub fn call_reference(&self) -> Option<u32> {
        self.shared.call_references.as_ref()?.take()
    }

    /// By which lines (`phone lobby`, `trunk carrier`) this node can ring from now on; the other nodes are told.
    pub async fn set_lines(&self, lines: &BTreeSet<String>) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.set_lines_once(lines).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn set_lines_once(&self, lines: &BTreeSet<String>) -> Result<(), WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let old = query("DELETE FROM node_lines WHERE node = $1").bind(inner.node.clone());
        old.execute(&mut *transaction).await?;
        for line in lines {
            query("INSERT INTO node_lines (node, line) VALUES ($1, $2) ON CONFLICT (node, line) DO NOTHING")
                .bind(inner.node.clone())
                .bind(line.clone())
                .execute(&mut *transaction)
                .await?;
        }
        inner.engine.tell(&mut transaction, &inner.node, &[Changed::Lines]).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// Lines by which other nodes that are alive can ring, each with its node.
    pub async fn lines_of_others(&self) -> Result<Vec<(String, String)>, StoreError> {
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let lines = query_as(postgres::LINES_OF_OTHERS).bind(self.shared.node.clone());
        pages::in_time(lines.fetch_all(&self.shared.pool)).await
    }
}

/// Says every two seconds that this node is alive; for ever.
pub(super) async fn stay_alive(engine: Engine, shared: Arc<Shared>) {
    let mut connection: Option<AnyConnection> = None;
    let mut failures = 0;
    loop {
        let beat = tokio::time::timeout(BEAT_TIMEOUT, async {
            let mut alive = match connection.take() {
                Some(connection) => connection,
                None => engine.connect_writer().await?,
            };
            // Until the name is this process's (a start without the database) the drain asks for it.
            if shared.claim() != Claim::Open {
                let held = engine.beat(&mut alive, &shared.identity).await?;
                shared.set_claim(held);
            }
            Ok::<_, sqlx::Error>(alive)
        })
        .await;
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
        "directory" => vec![Changed::Directory],
        "lines" => vec![Changed::Lines],
        _ => Vec::new(),
    }
}

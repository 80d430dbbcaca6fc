//! Several nodes on one database: each says that it is alive, and hears what the others change.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;

use super::Changed;
use super::engine::{Engine, back_off};
use super::postgres::CHANNEL;

/// A node whose last word is older than 10 s counts as dead.
const BEAT: Duration = Duration::from_secs(2);
/// A beat that takes longer has failed.
const BEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Says every two seconds that this node is alive; for ever.
pub(super) async fn stay_alive(engine: Engine, node: String) {
    let mut connection: Option<AnyConnection> = None;
    let mut failures = 0;
    loop {
        let beat = tokio::time::timeout(BEAT_TIMEOUT, async {
            let mut alive = match connection.take() {
                Some(connection) => connection,
                None => engine.connect_writer().await?,
            };
            engine.beat(&mut alive, &node).await?;
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
        _ => Vec::new(),
    }
}

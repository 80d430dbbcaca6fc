//! Puts this node's deeds into its audit chain, and notes the chain's end outside the database.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError};

/// How long a deed may wait for its place.
const TICK: Duration = Duration::from_millis(500);

/// Until stopped; then what is queued still gets its place.
pub async fn run(store: Store, node: String, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            _ = tick.tick() => false,
        };
        match turn(&store, &node).await {
            Ok(()) => told = None,
            Err(error) => {
                // Once: health tells of a database that is away.
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the audit chain waits");
                    told = Some(error);
                }
            }
        }
        if last {
            return;
        }
    }
}

/// Moves what is there.
async fn turn(store: &Store, node: &str) -> Result<(), StoreError> {
    loop {
        let (moved, head) = store.audit_move(node).await?;
        let Some(head) = head.filter(|_| moved > 0) else { return Ok(()) };
        let (own, noted, at) = (store.clone(), head.clone(), crate::clock::now().wall);
        let written = tokio::task::spawn_blocking(move || own.audit_note(&noted, at)).await;
        if written.unwrap_or(Ok(false))? {
            tracing::info!(node = head.node, seq = head.seq, hash = head.hash, "the audit chain ends here today");
        }
    }
}

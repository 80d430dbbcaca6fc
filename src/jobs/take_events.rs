//! Keeps the events of tools, batch by batch.

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// Until stopped and nothing waits any more.
pub async fn run(switch: Switch, stop: CancellationToken) {
    switch.keep_events(&stop).await;
}

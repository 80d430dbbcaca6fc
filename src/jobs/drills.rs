//! Begins the drills that are due.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// How late a drill begins at most.
const TICK: Duration = Duration::from_secs(10);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    loop {
        // While the database is away the next look does it; what is overdue for long then is left out.
        if let Err(error) = switch.begin_due_drills().await {
            tracing::warn!(%error, "drills that are due could not be begun; tried again in 10 s");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

//! Has the runbooks in memory that the database has, and makes the starters once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// What another node saved is in force here within this.
const TICK: Duration = Duration::from_secs(5);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut made = false;
    loop {
        // While the database is away the next look does it, and what is in memory stays in force.
        if !made {
            made = switch.make_starters().await.is_ok();
        }
        let _ = switch.refresh_library().await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

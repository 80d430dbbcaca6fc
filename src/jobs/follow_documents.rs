//! Sees what other nodes wrote into the directory.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

const TICK: Duration = Duration::from_secs(2);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // Health tells that the database is away; here it is only asked again.
        let _ = switch.follow_documents().await;
    }
}

//! After a start without the database: alerts that only it knows go onto the board as soon as it answers,
//! or nobody would be rung about them until the next start.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::switch::Switch;

const TICK: Duration = Duration::from_secs(2);

/// Until done or stopped. `started`: what is younger came to the board by itself.
pub async fn run(switch: Switch, store: Store, started: Timestamp, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        let health = switch.health().store;
        // Only then the database knows what the journal had at the start (an acknowledgement, perhaps).
        if health.database_fault.is_some() || health.undrained > 0 {
            continue;
        }
        if let Ok(alerts) = store.open_alerts().await {
            return switch.restore_missed(alerts, started);
        }
    }
}

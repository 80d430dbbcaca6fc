//! Follows open incidents: reminds of the next update, lets planned work begin and end, keeps memory as the database is.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::switch::Switch;

/// The database is asked for all that is open so often, in case something was missed.
const RELOAD: Duration = Duration::from_secs(20);
/// Nothing is looked at more often.
const SHORTEST: Duration = Duration::from_millis(100);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut reload = tokio::time::interval(RELOAD);
    reload.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut next = now().wall;
    loop {
        let wait = Duration::try_from(next.duration_since(now().wall)).unwrap_or_default().clamp(SHORTEST, RELOAD);
        tokio::select! {
            () = stop.cancelled() => return,
            _ = reload.tick() => {
                // The warning about the database is somebody else's.
                if let Err(error) = switch.reload_incidents().await {
                    tracing::debug!(%error, "the open incidents can't be read now");
                }
            }
            () = switch.incidents_changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
        next = switch.watch_incidents().await;
    }
}

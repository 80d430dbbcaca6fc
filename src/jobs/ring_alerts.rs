//! Without the database: rings people about alerts of calls that nobody has, as soon as one is due.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// How late a ring may be.
const TICK: Duration = Duration::from_millis(500);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => switch.ring_due(),
        }
    }
}

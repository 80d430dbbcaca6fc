//! Tells the other nodes by which phones and trunks this one can ring, and learns theirs.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// A phone that registered is known to the others after that, and a node that died is found out.
const TICK: Duration = Duration::from_secs(1);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut told = None;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => switch.share_lines(&mut told).await,
        }
    }
}

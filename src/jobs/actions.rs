//! Starts what alerts start.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::switch::Switch;
use crate::switch::actions::Seen;

/// How late a run begins that nobody told of.
const TICK: Duration = Duration::from_secs(2);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut seen = Seen::new(now().wall);
    let mut own_ended = false;
    loop {
        if !own_ended {
            own_ended = switch.end_own_actions().await.is_ok();
        }
        // While the database is away the next look does it.
        let found = switch.find_opened(&mut seen).await.unwrap_or_default();
        if own_ended && switch.apply_rules(found).await.is_ok() {
            let _ = switch.run_actions().await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = switch.until_actions() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

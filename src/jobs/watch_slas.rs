//! Looks at the promises to customers: begins their clocks, warns, says when one was not kept.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// While there is more than one look takes.
const SOON: Duration = Duration::from_millis(50);
/// So many in a look: there may be more.
const MANY: usize = 200;

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut away = false;
    loop {
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = switch.watch_promises() => looked,
        };
        if let Err(error) = &looked
            && !away
        {
            tracing::warn!(%error, "the promises to customers can't be looked at now; it is tried again");
        }
        away = looked.is_err();
        let wait = if looked.is_ok_and(|looked| looked >= MANY) { SOON } else { EVERY };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

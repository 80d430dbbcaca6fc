//! Where several nodes share a database: tells the others which phones and trunks this one has, sees theirs, and looks for
//! calls that ended with their node.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::switch::Switch;

/// Between two looks. A phone that registers is known everywhere after that.
const EVERY: Duration = Duration::from_secs(1);

/// Until stopped. A database that is away is tried again the next time.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    if !store.is_shared() {
        return stop.cancelled().await;
    }
    let mut shared: Option<Vec<String>> = None;
    loop {
        let own = switch.own_lines();
        if shared.as_ref() != Some(&own) && store.share_lines(&own).await.is_ok() {
            shared = Some(own);
        }
        if let Ok(lines) = store.lines_elsewhere().await {
            switch.see_lines_elsewhere(lines);
        }
        if store.wake_orphans().await.is_ok_and(|woken| woken > 0) {
            switch.wake_escalation();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

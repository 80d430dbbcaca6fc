//! A look at the open alerts of the database every now and then: whoever calls again about a report that another node
//! took hears how far it is, and what was done there to alerts of this node is seen here. Calls themselves only ask
//! the memory.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::switch::Switch;

const EVERY: Duration = Duration::from_secs(10);

/// Until stopped. A database that is away is looked at again the next time.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let behind = || switch.health().store.undrained > 0;
        let before = behind();
        if let Ok(alerts) = store.open_alerts().await {
            switch.see_open_alerts(alerts, before || behind());
        }
    }
}

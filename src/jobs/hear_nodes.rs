//! Follows what other nodes of the same database change.

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::store::{Changed, Store};
use crate::switch::Switch;

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    let mut news = store.listen();
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = news.recv() => heard,
        };
        match heard {
            Ok(changed) => switch.hear(changed).await,
            Err(RecvError::Lagged(_)) => switch.hear(Changed::All).await,
            Err(RecvError::Closed) => return stop.cancelled().await,
        }
    }
}

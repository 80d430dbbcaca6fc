//! Sends what is due: at once when somebody says so, when the next is due, and every two seconds at the latest (another node may have
//! planned something).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::switch::Switch;

/// Between two looks at most.
const AT_LATEST: Duration = Duration::from_secs(2);
/// Between two looks at least, whatever is due: what can't be taken now is not asked for without an end.
const AT_LEAST: Duration = Duration::from_millis(20);
/// Before the database is asked again at the start.
const AGAIN: Duration = Duration::from_millis(500);
/// So long after the first to say so.
const TOGETHER: Duration = Duration::from_millis(10);
/// Between tries to tell Telegram where buttons lead.
const TELEGRAM: Duration = Duration::from_mins(1);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        ((), ()) = async { tokio::join!(deliver(&switch), register(&switch)) } => {}
    }
}

async fn deliver(switch: &Switch) {
    while !switch.take_up_own_deliveries().await {
        tokio::time::sleep(AGAIN).await;
    }
    loop {
        let next = switch.deliver_due().await;
        let wait = next.map_or(AT_LATEST, |at| {
            let wait = at.duration_since(now().wall);
            Duration::try_from(wait).unwrap_or_default().clamp(AT_LEAST, AT_LATEST)
        });
        tokio::select! {
            // In a storm many say so: one look for all who do within a moment.
            () = switch.delivery_poked() => tokio::time::sleep(TOGETHER).await,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn register(switch: &Switch) {
    while !switch.register_telegram().await {
        tokio::time::sleep(TELEGRAM).await;
    }
}

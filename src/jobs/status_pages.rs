//! Status pages: what is shown is never older than a second or two; subscribers are told; what is of no use any more goes.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::switch::{Change, Switch};

/// Between two looks at what nobody told of.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at what is due.
const TELL: Duration = Duration::from_secs(2);
/// Between two tidyings.
const TIDY: Duration = Duration::from_mins(10);

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        ((), (), (), ()) = async {
            let news = Notify::new();
            tokio::join!(follow(&switch), mail(&switch, &news), post(&switch, &news), tidy(&store))
        } => {}
    }
}

async fn follow(switch: &Switch) {
    let mut feed = switch.subscribe();
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let look = tokio::select! {
            _ = tick.tick() => true,
            change = feed.recv() => match change {
                Ok(Change::Incident(_)) | Err(RecvError::Lagged(_)) => true,
                Ok(Change::Call(_) | Change::Alert(_) | Change::Health) => false,
                Err(RecvError::Closed) => return,
            },
        };
        if look {
            // Health tells that the database is away; the pages stay as they are.
            let _ = switch.refresh_status().await;
        }
    }
}

/// Plans what is to be told, and sends the mails.
async fn mail(switch: &Switch, news: &Notify) {
    // Told of by this generation's updates already; after a start everything is looked at once.
    let mut planned = None;
    loop {
        let generation = switch.status_snapshot().map(|snapshot| snapshot.generation);
        if generation != planned && switch.plan_status_updates().await.is_ok() {
            planned = generation;
        }
        news.notify_one();
        // What can't be read now is asked for again.
        let _ = switch.mail_status().await;
        tokio::select! {
            () = switch.status_poked() => {}
            () = tokio::time::sleep(TELL) => {}
        }
    }
}

/// Calls webhooks, at its own pace.
async fn post(switch: &Switch, news: &Notify) {
    loop {
        tokio::select! {
            () = news.notified() => {}
            () = tokio::time::sleep(TELL) => {}
        }
        let _ = switch.post_status().await;
    }
}

async fn tidy(store: &Store) {
    loop {
        let _ = store.tidy_status(crate::clock::now().wall).await;
        tokio::time::sleep(TIDY).await;
    }
}

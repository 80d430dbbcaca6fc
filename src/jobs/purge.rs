//! What is past its customer's `retention_days` goes: sound, transcripts, numbers, private words.

use std::time::Duration;

use hotline_core::directory::Directory;
use hotline_core::ids::CustomerId;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::store::{Store, StoreError};
use crate::switch::Switch;

/// Between two looks at what is past its time.
const LOOK: Duration = Duration::from_mins(30);
/// Between two looks at files: what was refused or deleted is gone soon.
const FILES: Duration = Duration::from_secs(20);
/// Between two small transactions: others write, too.
const PAUSE: Duration = Duration::from_millis(50);
/// For callers nobody knows, and customers that are in the directory no more.
const DAYS: u32 = 90;

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        ((), ()) = async { tokio::join!(rows(&switch, &store), files(&store)) } => {}
    }
}

async fn rows(switch: &Switch, store: &Store) {
    loop {
        // The database may be away: next time.
        if let Err(error) = purge(store, &switch.directory(), now().wall).await {
            tracing::debug!(%error, "what is past its retention time is not removed yet");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn files(store: &Store) {
    loop {
        while matches!(store.remove_files(now().wall).await, Ok(1..)) {
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(FILES).await;
    }
}

/// Everything that is past its time at `now`; says of how many calls.
pub async fn purge(store: &Store, directory: &Directory, now: Timestamp) -> Result<usize, StoreError> {
    let mut all = 0;
    for (customer, oldest) in store.unpurged().await? {
        let Some(before) = cutoff(directory, customer.as_ref(), now).filter(|before| oldest < *before) else {
            continue;
        };
        loop {
            let count = store.purge_calls(customer.as_ref(), before, now).await?;
            if count == 0 {
                break;
            }
            all += count;
            tokio::time::sleep(PAUSE).await;
        }
    }
    if let Some(before) = cutoff(directory, None, now) {
        store.purge_messages(before).await?;
    }
    Ok(all)
}

/// What is older is past its time.
fn cutoff(directory: &Directory, customer: Option<&CustomerId>, now: Timestamp) -> Option<Timestamp> {
    let known = customer.and_then(|id| directory.customers.get(id));
    let days = known.map_or(DAYS, |customer| customer.retention_days);
    now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::directory::Customer;

    #[test]
    fn each_customer_has_its_own_time_and_strangers_ninety_days() {
        let mut directory = Directory::default();
        let short = Customer { id: "short".into(), retention_days: 7, ..Default::default() };
        directory.customers.insert("short".into(), short);
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let day = |customer: Option<&str>| {
            let customer = customer.map(|id| CustomerId(id.to_owned()));
            cutoff(&directory, customer.as_ref(), now).unwrap().to_string()
        };
        assert_eq!(day(Some("short")), "2026-11-23T12:00:00Z");
        assert_eq!(
            (day(Some("gone")), day(None)),
            ("2026-09-01T12:00:00Z".to_owned(), "2026-09-01T12:00:00Z".to_owned())
        );
    }
}

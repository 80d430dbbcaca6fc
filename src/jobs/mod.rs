//! Work that is due by the clock: one file per job. They reach calls and alerts
//! only through the switch.

pub mod actions;
pub mod audit;
pub mod catch_up;
pub mod deliver;
pub mod drills;
pub mod escalate;
pub mod follow_documents;
pub mod hear_nodes;
pub mod heartbeats;
pub mod incidents;
pub mod library;
pub mod purge;
pub mod remind_actions;
pub mod ring_alerts;
pub mod see_alerts;
pub mod send_reports;
pub mod share_lines;
pub mod status_pages;
pub mod take_events;
pub mod transcribe;
pub mod watch_health;
pub mod watch_schedules;
pub mod watch_slas;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

/// Between a fault of a job and its next beginning.
const AGAIN: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_secs(2) };

/// Runs a job to its end; one that panics is told and begun again, so that no fault silences alerts for good.
pub async fn kept_up<J: Future<Output = ()>>(name: &str, job: impl Fn() -> J) {
    while AssertUnwindSafe(async { job().await }).catch_unwind().await.is_err() {
        tracing::error!(job = name, "a fault of ours ended a job; it begins again");
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_job_that_panics_begins_again() {
        let tries = AtomicU32::new(0);
        super::kept_up("test", || async {
            assert_ne!(tries.fetch_add(1, Ordering::Relaxed), 0, "asked for by a test");
        })
        .await;
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }
}

//! Escalates alerts that nobody has, as soon as a step is due.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::switch::Switch;

/// Between two looks at least, so that many small changes are one look.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at most.
const LONGEST: Duration = Duration::from_secs(2);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = switch.escalate_due() => next,
        };
        let wait = next
            .map_or(LONGEST, |at| now().wall.duration_until(at).max(SignedDuration::ZERO).unsigned_abs().min(LONGEST));
        tokio::select! {
            () = stop.cancelled() => return,
            () = switch.escalation_woken() => {}
            () = tokio::time::sleep(wait) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

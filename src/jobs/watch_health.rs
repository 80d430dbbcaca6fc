//! Tells the log and the page when something breaks or is mended: each warning once when it
//! comes, once when it goes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

const TICK: Duration = Duration::from_secs(2);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // Numbers within a warning change; its first words name it.
        let health = switch.health();
        let now: BTreeSet<String> = health.warnings.iter().map(|warning| stem(warning)).collect();
        for warning in health.warnings.iter().filter(|warning| !known.contains(&stem(warning))) {
            tracing::warn!("{warning}");
        }
        for gone in known.difference(&now) {
            tracing::info!("no longer so: {gone} …");
        }
        if known != now {
            switch.health_changed();
        }
        known = now;
    }
}

fn stem(warning: &str) -> String {
    warning.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
}

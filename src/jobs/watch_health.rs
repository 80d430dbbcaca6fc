//! Tells the log and the page when something breaks or is mended: each warning once when it
//! comes, once when it goes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::switch::Switch;

const TICK: Duration = Duration::from_secs(2);

/// Until stopped.
pub async fn run(switch: Switch, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        // Numbers within a warning change; its first words name it.
        let health = switch.health();
        let now: BTreeMap<String, String> =
            health.warnings.iter().map(|warning| (stem(warning), warning.clone())).collect();
        for (_, warning) in now.iter().filter(|(stem, _)| !known.contains_key(*stem)) {
            tracing::warn!("{warning}");
        }
        for (_, gone) in known.iter().filter(|(stem, _)| !now.contains_key(*stem)) {
            tracing::info!("no longer so: {gone}");
        }
        if !known.keys().eq(now.keys()) {
            switch.health_changed();
        }
        known = now;
    }
}

fn stem(warning: &str) -> String {
    warning.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
}

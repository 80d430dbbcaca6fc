//! Signs of life of monitors: noted here at once, kept and judged by a job.

use std::collections::BTreeMap;

use hotline_core::ids::HeartbeatId;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::Switch;

/// The last ping of each monitor that is not kept yet. Bounded: only configured ones ping.
#[derive(Debug, Default)]
pub(super) struct Pings(Mutex<BTreeMap<HeartbeatId, Timestamp>>);

impl Switch {
    /// A monitor is alive. Kept within a second; while the database is away it is remembered.
    pub fn ping(&self, heartbeat: &HeartbeatId, at: Timestamp) {
        let mut pings = self.0.pings.0.lock();
        let last = pings.entry(heartbeat.clone()).or_insert(at);
        *last = (*last).max(at);
    }

    /// The pings that are not kept yet; whoever takes them keeps them, or gives them back by [`Switch::ping`].
    pub fn take_pings(&self) -> BTreeMap<HeartbeatId, Timestamp> {
        std::mem::take(&mut *self.0.pings.0.lock())
    }
}

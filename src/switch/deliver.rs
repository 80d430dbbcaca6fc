//! Notifications that are due, sent: by `notify`, or as a call of our own.

use jiff::Timestamp;

use super::Switch;

impl Switch {
    /// Claims what is due, sends it (each in a task of its own, bounded), keeps what came of it. Returns when to look again at the latest.
    pub async fn deliver_due(&self) -> Option<Timestamp> {
        todo!("switch/deliver")
    }
}

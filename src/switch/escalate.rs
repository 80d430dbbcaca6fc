//! One look at the escalations that are due.

use jiff::Timestamp;

use super::Switch;

impl Switch {
    /// Does every step that is due; each in one transaction of its own, decided by `hotline_core::escalation::advance`. Returns when to look
    /// again at the latest. Safe to be called by several nodes at once.
    pub async fn escalate_due(&self) -> Option<Timestamp> {
        todo!("switch/escalate")
    }
}

//! What the doors reach: the switch and the store in the service, a fake in tests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hotline_core::alert::intake::Event;
use hotline_core::directory::Directory;
use hotline_core::ids::{HeartbeatId, SourceId};
use jiff::Timestamp;

use crate::store::Store;
use crate::switch::Switch;
use crate::switch::events::{IntakeError, Outcome};

/// A look at the database for an old delivery takes no longer; without it the delivery counts as new.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    /// The snapshot in force.
    fn directory(&self) -> Arc<Directory>;
    /// Takes the events; returns when they are durable.
    async fn take(&self, source: &SourceId, events: Vec<Event>) -> Result<Outcome, IntakeError>;
    /// A monitor is alive.
    fn ping(&self, heartbeat: &HeartbeatId, at: Timestamp);
    /// The answer that this delivery was given before, here or by another node.
    async fn answered(&self, source: &SourceId, delivery: &str) -> Option<String>;
    /// Remembers the answer for the next time.
    async fn remember(&self, source: &SourceId, deliveries: &[String], answer: &str, at: Timestamp);
}

/// The switch and the store.
#[derive(Debug, Clone)]
pub struct SwitchDoor {
    /// Events and pings go there.
    pub switch: Switch,
    /// Deliveries are remembered there.
    pub store: Store,
}

#[async_trait]
impl Door for SwitchDoor {
    fn directory(&self) -> Arc<Directory> {
        self.switch.directory()
    }

    async fn take(&self, source: &SourceId, events: Vec<Event>) -> Result<Outcome, IntakeError> {
        self.switch.receive_events(source, events).await
    }

    fn ping(&self, heartbeat: &HeartbeatId, at: Timestamp) {
        self.switch.ping(heartbeat, at);
    }

    async fn answered(&self, source: &SourceId, delivery: &str) -> Option<String> {
        let looked = tokio::time::timeout(PATIENCE, self.store.delivery_answer(source, delivery)).await;
        looked.ok()?.ok()?
    }

    async fn remember(&self, source: &SourceId, deliveries: &[String], answer: &str, at: Timestamp) {
        // This node remembers it in any case; another one makes the same keys and joins the same alerts.
        let kept = tokio::time::timeout(PATIENCE, self.store.keep_delivery(source, deliveries, answer, at)).await;
        if !matches!(kept, Ok(Ok(()))) {
            tracing::debug!(%source, "a delivery is remembered in memory only");
        }
    }
}

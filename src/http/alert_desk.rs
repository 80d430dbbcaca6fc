//! What the API of alerts needs beside [`super::Records`] and [`super::Board`]: people's words, alerts by hand, actions.

use async_trait::async_trait;
use hotline_core::alert::intake::Event;
use hotline_core::alert::{Alert, Command};
use hotline_core::fact::Actor;
use hotline_core::ids::{ActionId, AlertId, HeartbeatId, UserId};
use jiff::Timestamp;

use super::sources::soon;
use crate::store::intake::{ActionRunRow, HeartbeatRow};
use crate::store::notifications::NotificationRow;
use crate::store::read::Page;
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::switch::actions::ActionError;
use crate::switch::commands::CommandError;
use crate::switch::events::{IntakeError, Origin, Outcome};

/// Which notifications to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// About this alert.
    pub alert: Option<AlertId>,
    /// To this person.
    pub user: Option<UserId>,
    /// `waiting`, `sending`, or what came of it.
    pub state: Option<String>,
}

/// What is kept about alerts beside their rows.
#[async_trait]
pub trait AlertRecords: Send + Sync + 'static {
    /// An alert with everything that decides.
    async fn alert_state(&self, id: AlertId) -> Result<Option<Alert>, StoreError>;
    /// Notifications, newest first.
    async fn notifications(
        &self,
        filter: &NotificationFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<NotificationRow>, StoreError>;
    /// An alert's actions, oldest first.
    async fn action_runs(&self, alert: AlertId) -> Result<Vec<ActionRunRow>, StoreError>;
    /// A monitor that has pinged.
    async fn heartbeat(&self, id: &HeartbeatId) -> Result<Option<HeartbeatRow>, StoreError>;
}

/// What people do to alerts.
#[async_trait]
pub trait AlertDesk: Send + Sync + 'static {
    /// Carries a person's word out; kept when it returns.
    async fn command(&self, alert: AlertId, command: Command, by: Actor) -> Result<(), CommandError>;
    /// Opens an alert by hand, or joins the one with the same key; durable when it returns.
    async fn open_alert(&self, origin: Origin, event: Event) -> Result<Outcome, IntakeError>;
    /// Starts an action; the run's id, and whether it is a new one.
    async fn start_action(
        &self,
        alert: AlertId,
        action: &ActionId,
        by: &Actor,
        once: Option<&str>,
    ) -> Result<(String, bool), ActionError>;
    /// What happens next by itself, and when.
    fn next_of(&self, alert: &Alert, now: Timestamp) -> (String, Option<Timestamp>);
}

#[async_trait]
impl AlertRecords for Store {
    async fn alert_state(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        soon(Self::alert_state(self, id)).await
    }
    async fn notifications(
        &self,
        filter: &NotificationFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<NotificationRow>, StoreError> {
        let NotificationFilter { alert, user, state } = filter;
        soon(Self::notifications(self, *alert, user.as_ref(), state.as_deref(), cursor, limit)).await
    }
    async fn action_runs(&self, alert: AlertId) -> Result<Vec<ActionRunRow>, StoreError> {
        soon(Self::action_runs(self, alert)).await
    }
    async fn heartbeat(&self, id: &HeartbeatId) -> Result<Option<HeartbeatRow>, StoreError> {
        soon(Self::heartbeat(self, id)).await
    }
}

#[async_trait]
impl AlertDesk for Switch {
    async fn command(&self, alert: AlertId, command: Command, by: Actor) -> Result<(), CommandError> {
        Self::command(self, alert, command, by).await
    }
    async fn open_alert(&self, origin: Origin, event: Event) -> Result<Outcome, IntakeError> {
        self.receive_from(origin, vec![event]).await
    }
    async fn start_action(
        &self,
        alert: AlertId,
        action: &ActionId,
        by: &Actor,
        once: Option<&str>,
    ) -> Result<(String, bool), ActionError> {
        Self::start_action(self, alert, action, by, once).await
    }
    fn next_of(&self, alert: &Alert, now: Timestamp) -> (String, Option<Timestamp>) {
        Self::next_of(self, alert, now)
    }
}

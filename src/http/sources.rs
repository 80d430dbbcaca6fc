//! Where HTTP reads and acts, as two small traits: the store and the switch, or a fake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hotline_core::call::CallView;
use hotline_core::directory::Directory;
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, RecordingId};
use hotline_core::oncall::{self, OnCall, Schedule};
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::alert_desk::{AlertDesk, AlertRecords};
use super::plan_desk::{PlanDesk, PlanRecords};
use crate::sip::{Registered, SipCounters, TrunkState};
use crate::store::read::{
    AlertFilter, AlertRow, CallFilter, CallRow, LegRow, LoginRow, Page, RecordingRow, TimelineRow, TokenRow,
};
use crate::store::{OpenAlert, Store, StoreError};
use crate::switch::{AlertError, Change, Health, Switch};

/// Nobody waits longer for the database than this; then the page says that it is away.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is kept: the read half of the store, logins and sessions.
#[async_trait]
pub trait Records: AlertRecords + PlanRecords + Send + Sync + 'static {
    /// Calls, newest first.
    async fn calls(&self, filter: &CallFilter, cursor: Option<&str>, limit: u32) -> Result<Page<CallRow>, StoreError>;
    /// One call.
    async fn call(&self, id: &str) -> Result<Option<CallRow>, StoreError>;
    /// A call's legs in order.
    async fn legs(&self, call: &str) -> Result<Vec<LegRow>, StoreError>;
    /// A call's recordings in order.
    async fn recordings(&self, call: &str) -> Result<Vec<RecordingRow>, StoreError>;
    /// One recording.
    async fn recording(&self, id: &str) -> Result<Option<RecordingRow>, StoreError>;
    /// Alerts, newest first.
    async fn alerts(
        &self,
        filter: &AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AlertRow>, StoreError>;
    /// One alert.
    async fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError>;
    /// A call's timeline, oldest first.
    async fn call_timeline(&self, call: &str) -> Result<Vec<TimelineRow>, StoreError>;
    /// An alert's timeline, oldest first.
    async fn alert_timeline(&self, alert: &str) -> Result<Vec<TimelineRow>, StoreError>;
    /// A console login by name.
    async fn login(&self, name: &str) -> Result<Option<LoginRow>, StoreError>;
    /// Creates or replaces a console login.
    async fn put_login(&self, login: &LoginRow) -> Result<(), StoreError>;
    /// A bearer token by its hash (SHA-256, hex).
    async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError>;
    /// Session data and expiry (epoch ms) by key.
    async fn session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError>;
    /// Creates or replaces a session.
    async fn put_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError>;
    /// Forgets a session.
    async fn remove_session(&self, id: &str) -> Result<(), StoreError>;
    /// The finished WAV of a recording, if it is there.
    fn wav_path(&self, recording: RecordingId) -> PathBuf;
}

/// What is going on: the switch.
#[async_trait]
pub trait Board: AlertDesk + PlanDesk + Send + Sync + 'static {
    /// The snapshot in force.
    fn directory(&self) -> Arc<Directory>;
    /// The calls running now, oldest first.
    fn calls(&self) -> Vec<CallView>;
    /// The open alerts, newest first, without the database.
    fn open_alerts(&self) -> Vec<OpenAlert>;
    /// Feed of changes from now on.
    fn subscribe(&self) -> broadcast::Receiver<Change>;
    /// How the service is.
    fn health(&self) -> Health;
    /// Phones registered now.
    fn registered(&self) -> Vec<Registered>;
    /// The carriers' state.
    fn trunks(&self) -> Vec<TrunkState>;
    /// What the gate counted.
    fn sip_counters(&self) -> SipCounters;
    /// Somebody has it.
    async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError>;
    /// It is over.
    async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError>;
    /// Who is on call by this schedule at that moment.
    fn on_call(&self, schedule: &Schedule, directory: &Directory, at: Timestamp) -> OnCall {
        oncall::on_call(schedule, directory, at)
    }
    /// The first moment after `after` at which somebody else may be on call.
    fn next_change(&self, schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
        oncall::next_change(schedule, &self.directory(), after)
    }
}

pub(super) async fn soon<T>(answer: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(StoreError::Timeout))
}

#[async_trait]
impl Records for Store {
    async fn calls(&self, filter: &CallFilter, cursor: Option<&str>, limit: u32) -> Result<Page<CallRow>, StoreError> {
        soon(Self::calls(self, filter, cursor, limit)).await
    }
    async fn call(&self, id: &str) -> Result<Option<CallRow>, StoreError> {
        soon(Self::call(self, id)).await
    }
    async fn legs(&self, call: &str) -> Result<Vec<LegRow>, StoreError> {
        soon(Self::legs(self, call)).await
    }
    async fn recordings(&self, call: &str) -> Result<Vec<RecordingRow>, StoreError> {
        soon(Self::recordings(self, call)).await
    }
    async fn recording(&self, id: &str) -> Result<Option<RecordingRow>, StoreError> {
        soon(Self::recording(self, id)).await
    }
    async fn alerts(
        &self,
        filter: &AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AlertRow>, StoreError> {
        soon(Self::alerts(self, filter, cursor, limit)).await
    }
    async fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        soon(Self::alert(self, id)).await
    }
    async fn call_timeline(&self, call: &str) -> Result<Vec<TimelineRow>, StoreError> {
        soon(Self::call_timeline(self, call)).await
    }
    async fn alert_timeline(&self, alert: &str) -> Result<Vec<TimelineRow>, StoreError> {
        soon(Self::alert_timeline(self, alert)).await
    }
    async fn login(&self, name: &str) -> Result<Option<LoginRow>, StoreError> {
        soon(Self::login(self, name)).await
    }
    async fn put_login(&self, login: &LoginRow) -> Result<(), StoreError> {
        soon(Self::put_login(self, login)).await
    }
    async fn token(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        soon(Self::token(self, hash)).await
    }
    async fn session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError> {
        soon(Self::session(self, id)).await
    }
    async fn put_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError> {
        soon(Self::put_session(self, id, data, expires_at)).await
    }
    async fn remove_session(&self, id: &str) -> Result<(), StoreError> {
        soon(Self::remove_session(self, id)).await
    }
    fn wav_path(&self, recording: RecordingId) -> PathBuf {
        Self::wav_path(self, recording)
    }
}

#[async_trait]
impl Board for Switch {
    fn directory(&self) -> Arc<Directory> {
        Self::directory(self)
    }
    fn calls(&self) -> Vec<CallView> {
        Self::calls(self)
    }
    fn open_alerts(&self) -> Vec<OpenAlert> {
        Self::open_alert_list(self)
    }
    fn subscribe(&self) -> broadcast::Receiver<Change> {
        Self::subscribe(self)
    }
    fn health(&self) -> Health {
        Self::health(self)
    }
    fn registered(&self) -> Vec<Registered> {
        Self::registered(self)
    }
    fn trunks(&self) -> Vec<TrunkState> {
        Self::trunks(self)
    }
    fn sip_counters(&self) -> SipCounters {
        Self::sip_counters(self)
    }
    async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Self::acknowledge(self, alert, by).await
    }
    async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Self::resolve(self, alert, by).await
    }
}

//! Where HTTP reads and acts, as two small traits: the store and the switch, or a fake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hotline_core::call::CallView;
use hotline_core::call::supervise::{Supervise, SupervisorAnswer};
use hotline_core::directory::Directory;
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, CallId, NotificationId, PhoneId, RecordingId, UserId};
use hotline_core::notify::Planned;
use hotline_core::oncall::{self, OnCall, Schedule};
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::alert_desk::{AlertDesk, AlertRecords};
use super::glances::Glances;
use super::incident_desk::{IncidentDesk, IncidentRecords};
use super::plan_desk::PlanRecords;
use super::sla_desk::{SlaDesk, SlaRecords};
use crate::rtp::MediaCounters;
use crate::sip::{Registered, SipCounters, TrunkState};
use crate::store::alerts::Audited;
use crate::store::documents::CodeRow;
use crate::store::idempotency::{Answered, Claim};
use crate::store::read::{
    AlertFilter, AlertRow, CallFilter, CallRow, LegRow, LoginRow, Page, RecordingRow, TimelineRow, TokenRow,
};
use crate::store::{OpenAlert, Store, StoreError};
use crate::switch::documents::{DocumentError, Done, Expect, InForce, Write};
use crate::switch::supervise::SuperviseError;
use crate::switch::{AlertError, Change, Health, Switch};

/// Nobody waits longer for the database than this; then the page says that it is away.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is kept: the read half of the store, logins and sessions.
#[async_trait]
pub trait Records: AlertRecords + IncidentRecords + Glances + PlanRecords + SlaRecords + Send + Sync + 'static {
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
    /// All tokens by name.
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    /// Keeps a new token; `false`: there is one of this name.
    async fn add_token(&self, token: &TokenRow) -> Result<bool, StoreError>;
    /// Takes a token back; `false`: there was none.
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError>;
    /// Takes an `Idempotency-Key` for one request.
    async fn claim_idempotency(&self, who: &str, key: &str, request: &str, at: Timestamp) -> Result<Claim, StoreError>;
    /// The answer that was given.
    async fn finish_idempotency(&self, who: &str, key: &str, answered: &Answered) -> Result<(), StoreError>;
    /// It came to nothing.
    async fn forget_idempotency(&self, who: &str, key: &str) -> Result<(), StoreError>;
    /// What waits for a code of this contact.
    async fn contact_code(&self, user: &UserId, contact: &str) -> Result<Option<CodeRow>, StoreError>;
    /// A code was made; `Some`: it is too soon for it, by so many ms.
    async fn put_contact_code(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        code: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError>;
    /// Counts a try: how many are left after it; `None`: there was none left.
    async fn count_code_try(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError>;
    /// The code was right.
    async fn verify_contact(
        &self,
        user: &UserId,
        contact: &str,
        code: &str,
        audited: &[Audited],
        at: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Notifications that belong to no alert: codes, tests.
    async fn notify(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<NotificationId>, StoreError>;
    /// Session data and expiry (epoch ms) by key.
    async fn session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError>;
    /// Creates or replaces a session.
    async fn put_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError>;
    /// Forgets a session.
    async fn remove_session(&self, id: &str) -> Result<(), StoreError>;
    /// Removes a recording: words, sound, all of it. False: there is none.
    async fn delete_recording(&self, recording: RecordingId, by: &str, at: Timestamp) -> Result<bool, StoreError>;
    /// The finished WAV of a recording, if it is there.
    fn wav_path(&self, recording: RecordingId) -> PathBuf;
    /// The store itself, for what has no shorter way (runbooks, postmortems, drills).
    fn store(&self) -> Option<&Store> {
        None
    }
}

/// What is going on: the switch.
#[async_trait]
pub trait Board: AlertDesk + IncidentDesk + SlaDesk + Send + Sync + 'static {
    /// The snapshot in force.
    fn directory(&self) -> Arc<Directory>;
    /// Everything that is configured, as it was written.
    fn in_force(&self) -> Arc<InForce>;
    /// Writes a document: checked, kept and in force when it returns.
    async fn write_document(
        &self,
        kind: &str,
        id: &str,
        write: Write,
        expect: &Expect,
        by: &Actor,
    ) -> Result<Done, DocumentError>;
    /// Looks at once for what was written elsewhere.
    async fn follow_documents(&self) -> Result<(), StoreError>;
    /// The calls running now, oldest first.
    fn calls(&self) -> Vec<CallView>;
    /// Rings a phone that shall listen to a call, whisper or speak on it.
    async fn supervise(&self, call: CallId, ask: Supervise) -> Result<SupervisorAnswer, SuperviseError> {
        match self.switch() {
            Some(switch) => switch.supervise(call, ask).await,
            None => Err(SuperviseError::NoCall),
        }
    }
    /// Ends that; false: no such phone is on the call.
    async fn dismiss(&self, call: CallId, phone: PhoneId, by: Actor) -> Result<bool, SuperviseError> {
        match self.switch() {
            Some(switch) => switch.dismiss(call, phone, by).await,
            None => Err(SuperviseError::NoCall),
        }
    }
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
    /// What media counted.
    fn media_counters(&self) -> MediaCounters;
    /// Somebody has it.
    async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError>;
    /// It is over.
    async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError>;
    /// Runbooks and articles in force, in memory; `None`: ask the store.
    fn library(&self) -> Option<Arc<Vec<crate::switch::library::Shelved>>> {
        None
    }
    /// A runbook was saved: what is in memory follows.
    async fn library_changed(&self) {}
    /// The switch itself, for what has no shorter way (drills, prose).
    fn switch(&self) -> Option<&Switch> {
        None
    }
    /// Where answers from outside lead to; `None`: there is no such door.
    fn replies(&self) -> Option<&dyn super::inbound::Replies> {
        None
    }
    /// Who is on call by this schedule at that moment.
    fn on_call(&self, schedule: &Schedule, directory: &Directory, at: Timestamp) -> OnCall {
        oncall::on_call(schedule, directory, at)
    }
    /// Only the first of those on call: the reasons in words cost more than the question.
    fn first_on_call(&self, schedule: &Schedule, directory: &Directory, at: Timestamp) -> Option<UserId> {
        oncall::on_duty(schedule, directory, at).into_iter().next().map(|duty| duty.user)
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
    fn store(&self) -> Option<&Store> {
        Some(self)
    }
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
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        soon(Self::tokens(self)).await
    }
    async fn add_token(&self, token: &TokenRow) -> Result<bool, StoreError> {
        soon(Self::add_token(self, token)).await
    }
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        soon(Self::remove_token(self, id)).await
    }
    async fn claim_idempotency(&self, who: &str, key: &str, request: &str, at: Timestamp) -> Result<Claim, StoreError> {
        soon(Self::claim_idempotency(self, who, key, request, at)).await
    }
    async fn finish_idempotency(&self, who: &str, key: &str, answered: &Answered) -> Result<(), StoreError> {
        soon(Self::finish_idempotency(self, who, key, answered)).await
    }
    async fn forget_idempotency(&self, who: &str, key: &str) -> Result<(), StoreError> {
        soon(Self::forget_idempotency(self, who, key)).await
    }
    async fn contact_code(&self, user: &UserId, contact: &str) -> Result<Option<CodeRow>, StoreError> {
        soon(Self::contact_code(self, user, contact)).await
    }
    async fn put_contact_code(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        code: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        soon(Self::put_contact_code(self, user, contact, address, code, at)).await
    }
    async fn count_code_try(
        &self,
        user: &UserId,
        contact: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        soon(Self::count_code_try(self, user, contact, address, at)).await
    }
    async fn verify_contact(
        &self,
        user: &UserId,
        contact: &str,
        code: &str,
        audited: &[Audited],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        soon(Self::verify_contact(self, user, contact, code, audited, at)).await
    }
    async fn notify(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<NotificationId>, StoreError> {
        soon(Self::notify(self, planned, text, at)).await
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
    async fn delete_recording(&self, recording: RecordingId, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        let found = soon(Self::delete_recording(self, recording, by, at)).await?;
        // Another node's files go by its own purge; a fault here by ours.
        let store = self.clone();
        let _ = tokio::task::spawn_blocking(move || store.remove_recording(recording)).await;
        Ok(found)
    }
    fn wav_path(&self, recording: RecordingId) -> PathBuf {
        Self::wav_path(self, recording)
    }
}

#[async_trait]
impl Board for Switch {
    fn library(&self) -> Option<Arc<Vec<crate::switch::library::Shelved>>> {
        Some(Self::library(self))
    }
    async fn library_changed(&self) {
        // The job's next look does it otherwise.
        let _ = self.refresh_library().await;
    }
    fn switch(&self) -> Option<&Switch> {
        Some(self)
    }
    fn directory(&self) -> Arc<Directory> {
        Self::directory(self)
    }
    fn in_force(&self) -> Arc<InForce> {
        Self::in_force(self)
    }
    async fn write_document(
        &self,
        kind: &str,
        id: &str,
        write: Write,
        expect: &Expect,
        by: &Actor,
    ) -> Result<Done, DocumentError> {
        Self::write_document(self, kind, id, write, expect, by).await
    }
    async fn follow_documents(&self) -> Result<(), StoreError> {
        Self::follow_documents(self).await
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
    fn media_counters(&self) -> MediaCounters {
        Self::media_counters(self)
    }
    async fn acknowledge(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Self::acknowledge(self, alert, by).await
    }
    async fn resolve(&self, alert: AlertId, by: Actor) -> Result<(), AlertError> {
        Self::resolve(self, alert, by).await
    }
    fn replies(&self) -> Option<&dyn super::inbound::Replies> {
        Some(self)
    }
}

//! The only place where commands become deeds: one task per call, the registry
//! of running calls, the board of open alerts and its feed.
//!
//! `http` and `jobs` reach calls and alerts only through [`Switch`].

use std::sync::Arc;

use hotline_core::call::CallView;
use hotline_core::directory::Directory;
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, CallId};
use tokio::sync::broadcast;

use crate::sip::{Registered, SipCounters, TrunkState};
use crate::store::StoreHealth;

/// Handle to everything that is going on. Clones share it.
#[derive(Debug, Clone)]
pub struct Switch {}

/// Something changed; look it up. Sent when the change is in the journal (the
/// database follows within a second).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A call began, moved on or ended.
    Call(CallId),
    /// An alert was opened or changed.
    Alert(AlertId),
    /// Health changed (disk, database, trunks, phones).
    Health,
}

/// Why an alert could not be acknowledged or resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// No such alert among the open ones (it may be long resolved).
    #[error("no open alert has this id")]
    NotOpen,
    /// It could not be kept; nothing was changed.
    #[error("the journal could not keep it: {0}")]
    NotKept(String),
}

/// How the service is, for `/readyz`, the page and `doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// False: no new calls should be sent here (shutting down, SIP or media not up).
    pub takes_calls: bool,
    /// Journal and database.
    pub store: StoreHealth,
    /// What is wrong, one plain sentence each with the remedy; empty: all is well.
    pub warnings: Vec<String>,
    /// Calls running now.
    pub calls: usize,
    /// Recordings that wait for their transcript.
    pub transcripts_waiting: u64,
    /// `None`: transcripts are made; else why not and what to do.
    pub transcripts_off: Option<String>,
}

impl Switch {
    /// The snapshot in force.
    pub fn directory(&self) -> Arc<Directory> {
        todo!("switch")
    }

    /// The calls running now, oldest first.
    pub fn calls(&self) -> Vec<CallView> {
        todo!("switch")
    }

    /// Feed of changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        todo!("switch")
    }

    /// How the service is.
    pub fn health(&self) -> Health {
        todo!("switch")
    }

    /// Phones registered now.
    pub fn registered(&self) -> Vec<Registered> {
        todo!("switch")
    }

    /// The carriers' state.
    pub fn trunks(&self) -> Vec<TrunkState> {
        todo!("switch")
    }

    /// What the gate counted.
    pub fn sip_counters(&self) -> SipCounters {
        todo!("switch")
    }

    /// Somebody has it: no more ringing. Kept in the journal before it returns; acknowledging
    /// an acknowledged alert changes nothing and is fine.
    pub async fn acknowledge(&self, _alert: AlertId, _by: Actor) -> Result<(), AlertError> {
        todo!("switch")
    }

    /// It is over. Kept before it returns; resolving a resolved alert is `NotOpen`.
    pub async fn resolve(&self, _alert: AlertId, _by: Actor) -> Result<(), AlertError> {
        todo!("switch")
    }
}

//! What people do to alerts, from page, API, links, SMS, chat and telephone alike.
//!
//! The database decides (its row is locked while the core says what follows). Where it is away, alerts that this node's board knows
//! can still be acknowledged and resolved: by the journal, which the database gets later.

use hotline_core::alert::{Command, Refusal};
use hotline_core::fact::Actor;
use hotline_core::ids::AlertId;

use super::Switch;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such alert.
    #[error("no such alert")]
    Unknown,
    /// The core says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Neither database nor journal can keep it now.
    #[error("it can't be kept at the moment: {0}")]
    NotKept(String),
}

impl Switch {
    /// Carries it out and keeps it durably before it returns; stops or restarts the escalation with it; tells the alert's calls and
    /// listeners. `audit` words go into the chain.
    pub async fn command(&self, alert: AlertId, command: Command, by: Actor) -> Result<(), CommandError> {
        let _ = (alert, command, by);
        todo!("switch/commands")
    }
}

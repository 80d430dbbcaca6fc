//! Alerts as they are decided on: loaded with a row lock, decided by the core, kept in one transaction.
//!
//! The database is the truth for alerts. What calls do to their alerts comes through the journal ([`super::apply`]) and
//! meets the same rows; every such fact makes the escalation due at once, so that the engine looks again.

use std::time::Duration;

use hotline_core::alert::intake::{Decision, Event, Route};
use hotline_core::alert::{Alert, Change, Status};
use hotline_core::audit::AuditEntry;
use hotline_core::escalation::Progress;
use hotline_core::fact::Fact;
use hotline_core::ids::{AlertId, SourceId};
use hotline_core::notify::Planned;
use jiff::Timestamp;

use super::{Store, StoreError};

/// What was decided about an alert; kept as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Facts with their whys, in order: rows and timeline.
    pub facts: Vec<(Fact, String)>,
    /// How its escalation goes on; `None`: as it was.
    pub progress: Option<Progress>,
    /// Notifications to be made; one whose key is there already is left out.
    pub notify: Vec<Planned>,
    /// The waiting notifications of this alert are not needed any more.
    pub cancel: bool,
    /// Goes into the audit chain.
    pub audit: Vec<Audited>,
}

/// A deed for the audit chain, before it has its place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Who, as shown.
    pub actor: String,
    /// Stable word (`alert.acknowledge`).
    pub action: String,
    /// To what (`alert:0199…`).
    pub object: String,
    /// JSON object without personal data.
    pub detail: String,
    /// Personal fields in clear: kept apart with their salt, erasable; the chain has their hashes.
    pub personal: Vec<(String, String)>,
}

/// An event of a tool on its way into the database.
#[derive(Debug, Clone)]
pub struct Received {
    /// From where.
    pub source: SourceId,
    /// What.
    pub event: Event,
    /// Where it belongs.
    pub route: Route,
    /// When it came.
    pub at: Timestamp,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The alert it opened, joined or ended; `None`: nothing was open.
    pub alert: Option<AlertId>,
    /// Opened by this event.
    pub opened: bool,
}

/// Decides about one event: see `hotline_core::alert::intake::decide`. Arguments: the event, the open alert with the same dedup
/// key, the open alert of the same group, a free reference.
pub type Decide<'a> = &'a (dyn Fn(&Received, Option<&Alert>, Option<&Alert>, &str) -> Decision + Send + Sync);

impl Store {
    /// An alert with everything that decides; follows the rows, not the journal.
    pub async fn alert_state(&self, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let _ = (id, Status::Triggered, Change::Woke);
        todo!("store/alerts")
    }

    /// Loads the alert (locked against others), asks `decide` and keeps its verdict in the same transaction, durably. `Ok(None)`: no such
    /// alert. An `Err` of `decide` keeps nothing. `decide` may run more than once (a conflict), so it must have no effects.
    pub async fn change_alert<E: Send>(
        &self,
        id: AlertId,
        at: Timestamp,
        decide: impl Fn(&Alert) -> Result<Verdict, E> + Send + Sync,
    ) -> Result<Option<Result<Alert, E>>, StoreError> {
        let _ = (id, at, decide);
        todo!("store/alerts")
    }

    /// Merges one alert into another in one transaction: both locked (in the order of their ids), both verdicts kept.
    pub async fn change_two<E: Send>(
        &self,
        ids: (AlertId, AlertId),
        at: Timestamp,
        decide: impl Fn(&Alert, &Alert) -> Result<(Verdict, Verdict), E> + Send + Sync,
    ) -> Result<Option<Result<(), E>>, StoreError> {
        let _ = (ids, at, decide);
        todo!("store/alerts")
    }

    /// Takes a batch of events in one durable transaction (one look-up, multi-row inserts); the answers are in their order. An
    /// event sees what those before it in the batch did. What an alert opened here must do next is due at once.
    pub async fn take_events(&self, events: &[Received], decide: Decide<'_>) -> Result<Vec<Taken>, StoreError> {
        let _ = (events, decide);
        todo!("store/alerts")
    }

    /// Alerts whose escalation is due, the longest overdue first, those nobody was told about yet before all. On PostgreSQL rows that
    /// another node works on are skipped.
    pub async fn due_escalations(&self, at: Timestamp, limit: u32) -> Result<Vec<AlertId>, StoreError> {
        let _ = (at, limit);
        todo!("store/alerts")
    }

    /// When the next escalation is due; `None`: none waits.
    pub async fn next_escalation(&self) -> Result<Option<Timestamp>, StoreError> {
        todo!("store/alerts")
    }

    /// Tells the chain (see `AuditEntry`); for deeds that touch no alert. Durable when it returns.
    pub async fn audit(&self, audited: Vec<Audited>, at: Timestamp) -> Result<(), StoreError> {
        let _ = (audited, at, Duration::ZERO, None::<AuditEntry>);
        todo!("store/audit")
    }
}

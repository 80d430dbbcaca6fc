//! What the API and pages of incidents need beside [`super::Records`] and [`super::Board`]. A source without incidents has none.

use async_trait::async_trait;
use hotline_core::ids::{AlertId, CustomerId, IncidentId, UpdateId};
use hotline_core::incident::preview::Preview;
use hotline_core::incident::{AlertSeen, By, Command, Incident, Opening, Phase};
use jiff::Timestamp;

use super::sources::soon;
use crate::store::incidents::{IncidentFilter, IncidentLineRow, IncidentMessageRow};
use crate::store::read::Page;
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::switch::incidents::{CustomerPromises, IncidentError, IncidentWaitingError, Prepared};

/// What is kept about incidents.
#[async_trait]
pub trait IncidentRecords: Send + Sync + 'static {
    /// Incidents, newest first.
    async fn incidents(
        &self,
        _filter: &IncidentFilter,
        _cursor: Option<&str>,
        _limit: u32,
    ) -> Result<Page<Incident>, StoreError> {
        Ok(Page { items: Vec::new(), next_cursor: None })
    }
    /// One incident.
    async fn incident(&self, _id: IncidentId) -> Result<Option<Incident>, StoreError> {
        Ok(None)
    }
    /// Its timeline, oldest first.
    async fn incident_timeline(&self, _id: IncidentId) -> Result<Vec<IncidentLineRow>, StoreError> {
        Ok(Vec::new())
    }
    /// Who was told of it.
    async fn incident_messages(&self, _id: IncidentId) -> Result<Vec<IncidentMessageRow>, StoreError> {
        Ok(Vec::new())
    }
}

/// What people do to incidents.
#[async_trait]
pub trait IncidentDesk: Send + Sync + 'static {
    /// Opens one; kept when it returns.
    async fn open_incident(&self, _opening: Opening, _by: By) -> Result<Incident, IncidentError> {
        Err(IncidentError::Unknown)
    }
    /// Carries words out, all or none; kept when it returns.
    async fn incident_commands(
        &self,
        _id: IncidentId,
        _words: Vec<Command>,
        _by: By,
        _version: Option<i64>,
    ) -> Result<Incident, IncidentError> {
        Err(IncidentError::Unknown)
    }
    /// The promises about it, customer by customer, as they stand now.
    async fn incident_promises(&self, _id: IncidentId) -> Result<Vec<CustomerPromises>, StoreError> {
        Ok(Vec::new())
    }
    /// A customer (`None`: all of them) is waited for, or not any more.
    async fn set_incident_waiting(
        &self,
        _id: IncidentId,
        _customer: Option<&CustomerId>,
        _waits: bool,
        _by: &By,
    ) -> Result<(), IncidentWaitingError> {
        Err(IncidentWaitingError::Unknown)
    }
    /// An alert as an incident sees it.
    async fn alert_seen(&self, id: AlertId) -> Result<AlertSeen, IncidentError> {
        Err(IncidentError::UnknownAlert(id))
    }
    /// What publishing would lead to.
    fn preview_update(&self, _incident: &Incident, _update: UpdateId, _title: Option<&str>) -> Option<Preview> {
        None
    }
    /// The templates' words for this phase, filled.
    fn prepared_update(&self, _incident: &Incident, _phase: Phase, _at: Timestamp) -> Option<Prepared> {
        None
    }
}

#[async_trait]
impl IncidentRecords for Store {
    async fn incidents(
        &self,
        filter: &IncidentFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Incident>, StoreError> {
        soon(Self::incidents(self, filter, cursor, limit)).await
    }
    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        soon(Self::incident(self, id)).await
    }
    async fn incident_timeline(&self, id: IncidentId) -> Result<Vec<IncidentLineRow>, StoreError> {
        soon(Self::incident_timeline(self, id)).await
    }
    async fn incident_messages(&self, id: IncidentId) -> Result<Vec<IncidentMessageRow>, StoreError> {
        soon(Self::incident_messages(self, id)).await
    }
}

#[async_trait]
impl IncidentDesk for Switch {
    async fn open_incident(&self, opening: Opening, by: By) -> Result<Incident, IncidentError> {
        Self::open_incident(self, opening, by).await
    }
    async fn incident_commands(
        &self,
        id: IncidentId,
        words: Vec<Command>,
        by: By,
        version: Option<i64>,
    ) -> Result<Incident, IncidentError> {
        Self::incident_commands(self, id, words, by, version).await
    }
    async fn incident_promises(&self, id: IncidentId) -> Result<Vec<CustomerPromises>, StoreError> {
        soon(Self::incident_promises(self, id)).await
    }
    async fn set_incident_waiting(
        &self,
        id: IncidentId,
        customer: Option<&CustomerId>,
        waits: bool,
        by: &By,
    ) -> Result<(), IncidentWaitingError> {
        Self::set_incident_waiting(self, id, customer, waits, by).await
    }
    async fn alert_seen(&self, id: AlertId) -> Result<AlertSeen, IncidentError> {
        Self::alert_seen(self, id).await
    }
    fn preview_update(&self, incident: &Incident, update: UpdateId, title: Option<&str>) -> Option<Preview> {
        Self::preview_update(self, incident, update, title)
    }
    fn prepared_update(&self, incident: &Incident, phase: Phase, at: Timestamp) -> Option<Prepared> {
        Self::prepared_update(self, incident, phase, at)
    }
}

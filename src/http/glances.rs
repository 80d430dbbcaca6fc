//! What pages need beside [`super::Records`] and [`super::Board`]: alerts at a glance, notifications, the audit chain.

use async_trait::async_trait;
use hotline_core::ids::AlertId;

use super::sources::soon;
use crate::store::alerts::Audited;
use crate::store::audit::{AuditFilter, AuditReport, AuditRow};
use crate::store::glance::{Glance, OpenGlance};
use crate::store::notifications::NotificationRow;
use crate::store::read::Page;
use crate::store::{Store, StoreError};

/// What is kept, as pages need it.
#[async_trait]
pub trait Glances: Send + Sync + 'static {
    /// The open alerts of these customers (`None`: all), the most urgent first.
    async fn open_glance(&self, customers: Option<&[String]>, limit: u32) -> Result<OpenGlance, StoreError>;
    /// One alert.
    async fn glance(&self, id: AlertId) -> Result<Option<Glance>, StoreError>;
    /// Of these alerts, those whose escalation came to nothing last, with the timeline's word for it.
    async fn unreached(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, StoreError>;
    /// Who was told about an alert, newest first.
    async fn notifications_of(&self, alert: AlertId) -> Result<Vec<NotificationRow>, StoreError>;
    /// Entries of the audit chains, newest first.
    async fn audit_list(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuditRow>, StoreError>;
    /// Entries in the order of the chains.
    async fn audit_walk(
        &self,
        filter: &AuditFilter,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError>;
    /// Puts a deed that touches no alert on its way into the audit chain; durable when it returns.
    async fn note_audit(&self, deed: Audited) -> Result<(), StoreError>;
    /// Whether the chains are whole.
    async fn audit_verify(&self) -> Result<AuditReport, StoreError>;
}

#[async_trait]
impl Glances for Store {
    async fn open_glance(&self, customers: Option<&[String]>, limit: u32) -> Result<OpenGlance, StoreError> {
        soon(Self::open_glance(self, customers, limit)).await
    }
    async fn glance(&self, id: AlertId) -> Result<Option<Glance>, StoreError> {
        soon(Self::glance(self, id)).await
    }
    async fn unreached(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, StoreError> {
        soon(Self::unreached(self, alerts)).await
    }
    async fn notifications_of(&self, alert: AlertId) -> Result<Vec<NotificationRow>, StoreError> {
        Ok(soon(self.notifications(Some(alert), None, None, None, 100)).await?.items)
    }
    async fn audit_list(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuditRow>, StoreError> {
        soon(Self::audit_list(self, filter, cursor, limit)).await
    }
    async fn audit_walk(
        &self,
        filter: &AuditFilter,
        after: Option<(&str, i64)>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        soon(Self::audit_walk(self, filter, after, limit)).await
    }
    async fn note_audit(&self, deed: Audited) -> Result<(), StoreError> {
        soon(self.audit(vec![deed], crate::clock::now().wall)).await
    }
    async fn audit_verify(&self) -> Result<AuditReport, StoreError> {
        let own = self.clone();
        let noted = tokio::task::spawn_blocking(move || own.audit_noted()).await.unwrap_or_default();
        Self::audit_verify(self, &noted).await
    }
}

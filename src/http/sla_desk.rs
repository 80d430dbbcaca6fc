//! What the API of customers, contracts and reports needs beside [`super::Records`] and [`super::Board`].

use std::sync::Arc;

use async_trait::async_trait;
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, CustomerId};
use hotline_core::paper::Paper;
use hotline_core::report::{Case, Rung};
use hotline_core::sla::Terms;
use jiff::Timestamp;
use serde_json::Value;

use super::sources::soon;
use crate::store::clocks::ClockOf;
use crate::store::slas::{RevisionRow, SignatureRow};
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::switch::documents::{Became, DocumentError};
use crate::switch::slas::{Promises, ReportError, SignError, Signing, WaitingError};

/// What is kept of contracts.
#[async_trait]
pub trait SlaRecords: Send + Sync + 'static {
    /// A contract's revisions, the latest first.
    async fn revisions(&self, sla: &str) -> Result<Vec<RevisionRow>, StoreError>;
    /// The latest revision of every contract.
    async fn latest_revisions(&self) -> Result<Vec<RevisionRow>, StoreError>;
    /// The alerts that were opened in a time.
    async fn report_cases(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<Case>, StoreError>;
    /// The calls that came in a time, each with the number that was rung.
    async fn report_calls(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<(String, Rung)>, StoreError>;
    /// The clocks that began in a time.
    async fn clocks_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<ClockOf>, StoreError>;
    /// Who was asked to sign a contract (any contract), and who did.
    async fn signatures(&self, sla: Option<&str>) -> Result<Vec<SignatureRow>, StoreError>;
}

/// What people do to customers and contracts.
#[async_trait]
pub trait SlaDesk: Send + Sync + 'static {
    /// Puts fields into many documents of a kind at once, all or none; `keep` false: only says what would become of them.
    async fn write_documents(
        &self,
        kind: &str,
        patches: &[(String, Value)],
        keep: bool,
        by: &Actor,
    ) -> Result<Vec<Became>, DocumentError>;
    /// The promises that an alert is under, as they stand now.
    async fn promises(&self, alert: AlertId) -> Result<Promises, StoreError>;
    /// The customer is waited for, or not any more.
    async fn set_waiting(&self, alert: AlertId, waits: bool, by: &Actor) -> Result<(), WaitingError>;
    /// What a revision says.
    async fn terms(&self, sla: &str, revision: u32) -> Result<Option<Arc<Terms>>, StoreError>;
    /// What happened to a customer in a time.
    async fn customer_report(
        &self,
        id: &CustomerId,
        from: Timestamp,
        to: Timestamp,
        language: Option<&str>,
    ) -> Result<Paper, ReportError>;
    /// Mails a link to sign to one of the customer's people.
    async fn request_signature(
        &self,
        sla: &str,
        number: u32,
        contact: &str,
        by: &Actor,
    ) -> Result<SignatureRow, SignError>;
    /// What a link to sign shows.
    async fn look_signing(&self, token: &str) -> Result<Signing, StoreError>;
    /// Signs what it shows.
    async fn sign(&self, token: &str, name: &str) -> Result<Signing, StoreError>;
}

#[async_trait]
impl SlaRecords for Store {
    async fn revisions(&self, sla: &str) -> Result<Vec<RevisionRow>, StoreError> {
        soon(Self::revisions(self, sla)).await
    }
    async fn latest_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        soon(Self::latest_revisions(self)).await
    }
    async fn report_cases(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<Case>, StoreError> {
        soon(Self::report_cases(self, from, to, customer)).await
    }
    async fn report_calls(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<(String, Rung)>, StoreError> {
        soon(Self::report_calls(self, from, to, customer)).await
    }
    async fn clocks_between(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<ClockOf>, StoreError> {
        soon(Self::clocks_between(self, from, to, customer)).await
    }
    async fn signatures(&self, sla: Option<&str>) -> Result<Vec<SignatureRow>, StoreError> {
        soon(Self::signatures(self, sla)).await
    }
}

#[async_trait]
impl SlaDesk for Switch {
    async fn write_documents(
        &self,
        kind: &str,
        patches: &[(String, Value)],
        keep: bool,
        by: &Actor,
    ) -> Result<Vec<Became>, DocumentError> {
        Self::write_documents(self, kind, patches, keep, by).await
    }
    async fn promises(&self, alert: AlertId) -> Result<Promises, StoreError> {
        soon(Self::promises(self, alert)).await
    }
    async fn set_waiting(&self, alert: AlertId, waits: bool, by: &Actor) -> Result<(), WaitingError> {
        Self::set_waiting(self, alert, waits, by).await
    }
    async fn terms(&self, sla: &str, revision: u32) -> Result<Option<Arc<Terms>>, StoreError> {
        soon(Self::terms(self, sla, revision)).await
    }
    async fn customer_report(
        &self,
        id: &CustomerId,
        from: Timestamp,
        to: Timestamp,
        language: Option<&str>,
    ) -> Result<Paper, ReportError> {
        Self::customer_report(self, id, from, to, language).await
    }
    async fn request_signature(
        &self,
        sla: &str,
        number: u32,
        contact: &str,
        by: &Actor,
    ) -> Result<SignatureRow, SignError> {
        Self::request_signature(self, sla, number, contact, by).await
    }
    async fn look_signing(&self, token: &str) -> Result<Signing, StoreError> {
        soon(Self::look_signing(self, token)).await
    }
    async fn sign(&self, token: &str, name: &str) -> Result<Signing, StoreError> {
        Self::sign(self, token, name).await
    }
}

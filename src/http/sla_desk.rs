//! What the API of customers, contracts and reports needs beside [`super::Records`] and [`super::Board`].

use async_trait::async_trait;
use hotline_core::fact::Actor;
use serde_json::Value;

use crate::switch::Switch;
use crate::switch::documents::{Became, DocumentError};

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
}

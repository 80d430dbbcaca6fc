//! Where status pages come from and what visitors' wishes lead to: the switch, or a fake.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hotline_core::ids::StatusPageId;
use hotline_core::status::{StatusPage, Tongue};

use crate::http::sources::soon;
use crate::store::StoreError;
use crate::store::status::Subscription;
use crate::switch::Switch;
use crate::switch::status::Snapshot;
use crate::switch::status::subscribe::{Followed, Offers};
use crate::switch::status::token::{Believed, Purpose};

/// What is behind status pages.
#[async_trait]
pub trait StatusDesk: Send + Sync + 'static {
    /// What all pages are made of; `None`: nothing is known yet.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;
    /// What can be offered.
    fn offers(&self) -> Offers;
    /// Whom a token shows.
    async fn visitor(&self, page: &StatusPage, token: &str) -> Option<Believed>;
    /// Somebody asks for a link into their mailbox. Returns at once.
    fn ask_access(&self, page: &str, address: &str, tongue: Tongue);
    /// Whether such a link is good.
    async fn look_access(&self, page: &str, token: &str) -> Result<Followed, StoreError>;
    /// Uses it: the cookie's value and its seconds.
    async fn use_access(&self, page: &str, token: &str) -> Result<Option<(String, i64)>, StoreError>;
    /// Somebody wants to be told. Returns at once.
    fn subscribe(&self, wanted: Subscription);
    /// Whether a link to confirm or to end is good.
    async fn look_subscription(&self, purpose: Purpose, page: &str, token: &str) -> Result<Followed, StoreError>;
    /// "Yes."
    async fn confirm(&self, page: &str, token: &str) -> Result<Followed, StoreError>;
    /// "No more."
    async fn unsubscribe(&self, page: &str, token: &str) -> Result<Followed, StoreError>;
    /// How many each page has: by mail, by webhook, switched off.
    async fn subscribers(&self) -> Result<BTreeMap<StatusPageId, [i64; 3]>, StoreError>;
}

#[async_trait]
impl StatusDesk for Switch {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.status_snapshot()
    }
    fn offers(&self) -> Offers {
        self.status_offers()
    }
    async fn visitor(&self, page: &StatusPage, token: &str) -> Option<Believed> {
        self.status_visitor(page, token).await
    }
    fn ask_access(&self, page: &str, address: &str, tongue: Tongue) {
        self.ask_status_access(page, address, tongue);
    }
    async fn look_access(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        soon(self.look_status_access(page, token)).await
    }
    async fn use_access(&self, page: &str, token: &str) -> Result<Option<(String, i64)>, StoreError> {
        soon(self.use_status_access(page, token)).await
    }
    fn subscribe(&self, wanted: Subscription) {
        self.subscribe_status(wanted);
    }
    async fn look_subscription(&self, purpose: Purpose, page: &str, token: &str) -> Result<Followed, StoreError> {
        soon(self.look_status_subscription(purpose, page, token)).await
    }
    async fn confirm(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        soon(self.confirm_status(page, token)).await
    }
    async fn unsubscribe(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        soon(self.unsubscribe_status(page, token)).await
    }
    async fn subscribers(&self) -> Result<BTreeMap<StatusPageId, [i64; 3]>, StoreError> {
        soon(self.status_subscribers()).await
    }
}

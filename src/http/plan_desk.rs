//! What the API of on-call needs beside [`super::Records`]: secret addresses of feeds, interruptions.

use async_trait::async_trait;
use hotline_core::oncall::hours::Interruption;
use jiff::Timestamp;

use super::sources::soon;
use crate::store::{Store, StoreError};

/// What is kept for on-call.
#[async_trait]
pub trait PlanRecords: Send + Sync + 'static {
    /// Keeps the hash of a feed's secret.
    async fn add_feed(&self, hash: &str, kind: &str, object: &str, at: Timestamp, by: &str) -> Result<(), StoreError>;
    /// Whether this secret opens this feed.
    async fn feed_is(&self, hash: &str, kind: &str, object: &str) -> Result<bool, StoreError>;
    /// Closes all feeds of an object.
    async fn remove_feeds(&self, kind: &str, object: &str) -> Result<u64, StoreError>;
    /// Who was disturbed when.
    async fn interruptions(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Interruption>, StoreError>;
}

#[async_trait]
impl PlanRecords for Store {
    async fn add_feed(&self, hash: &str, kind: &str, object: &str, at: Timestamp, by: &str) -> Result<(), StoreError> {
        soon(Self::add_feed(self, hash, kind, object, at, by)).await
    }
    async fn feed_is(&self, hash: &str, kind: &str, object: &str) -> Result<bool, StoreError> {
        soon(Self::feed_is(self, hash, kind, object)).await
    }
    async fn remove_feeds(&self, kind: &str, object: &str) -> Result<u64, StoreError> {
        soon(Self::remove_feeds(self, kind, object)).await
    }
    async fn interruptions(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Interruption>, StoreError> {
        soon(Self::interruptions(self, from, to)).await
    }
}

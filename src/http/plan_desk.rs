//! What the API of schedules needs beside [`super::Records`] and [`super::Board`]: a schedule's document, feeds, interruptions.

use async_trait::async_trait;
use hotline_core::fact::Actor;
use hotline_core::oncall::Schedule;
use hotline_core::oncall::hours::Interruption;
use jiff::Timestamp;

use super::sources::soon;
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::switch::documents::{DocumentError, Expect, Write};
use crate::switch::schedules;

/// Kind of the documents.
const SCHEDULES: &str = "schedules";

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

/// Schedules as documents.
#[async_trait]
pub trait PlanDesk: Send + Sync + 'static {
    /// The version of the schedule's document in force; `None`: it stands in the file.
    fn schedule_version(&self, id: &str) -> Option<i64>;
    /// Keeps the schedule in place of the version given.
    async fn write_schedule(&self, schedule: &Schedule, version: i64, by: &Actor) -> Result<(), DocumentError>;
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

#[async_trait]
impl PlanDesk for Switch {
    fn schedule_version(&self, id: &str) -> Option<i64> {
        let in_force = self.in_force();
        in_force.written.get(&(SCHEDULES.to_owned(), id.to_owned())).map(|written| written.version)
    }
    async fn write_schedule(&self, schedule: &Schedule, version: i64, by: &Actor) -> Result<(), DocumentError> {
        let body = Write::Put(schedules::document(schedule));
        let expect = Expect::Version(vec![version]);
        self.write_document(SCHEDULES, &schedule.id.0, body, &expect, by).await.map(|_| ())
    }
}

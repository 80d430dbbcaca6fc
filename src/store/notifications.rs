//! Notifications: rows that wait, are sent by one node, and tell what came of them.

use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Address;
use hotline_core::ids::{AlertId, NotificationId, UserId};
use hotline_core::notify::{Kind, Next, Planned, To};
use jiff::Timestamp;

use super::{Store, StoreError};

/// A notification as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Which.
    pub id: NotificationId,
    /// About which alert.
    pub alert: Option<AlertId>,
    /// All alerts that this message speaks of, its own first (a bundle has several).
    pub alerts: Vec<AlertId>,
    /// To whom.
    pub to: To,
    /// Where, as planned.
    pub address: Address,
    /// What for.
    pub kind: Kind,
    /// What to say, where it is not about an alert (a code, a shift, the caller's message).
    pub text: Option<String>,
    /// Why this person, why then.
    pub why: String,
    /// Tries so far.
    pub attempts: u32,
}

/// How a try went.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// It is over, with what came of it and a word for the timeline (no private data).
    Done(NotifyOutcome, String),
    /// Again then; the reason.
    Again(Timestamp, String),
    /// Not from this node (its phones are not registered here): another node may. `Again` when no other is there.
    Elsewhere(String),
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct NotificationRow {
    /// `NotificationId`.
    pub id: String,
    /// `AlertId`.
    pub alert_id: Option<String>,
    /// `UserId`.
    pub user_id: Option<String>,
    /// `ChannelId`.
    pub channel: Option<String>,
    /// `Address::kind`.
    pub by: String,
    /// `Kind` word.
    pub kind: String,
    /// `waiting`, `sending`, or a `NotifyOutcome` word.
    pub state: String,
    /// When it was or is due.
    pub due_at: i64,
    /// Tries.
    pub attempts: i64,
    /// The last try's word.
    pub note: Option<String>,
    /// Why.
    pub why: String,
    /// Planned.
    pub created_at: i64,
    /// Over.
    pub finished_at: Option<i64>,
}

impl Store {
    /// Makes notifications that belong to no alert's change (codes, tests, shifts, the caller's SMS). A key that is there is left
    /// out. `text` goes with each.
    pub async fn notify(
        &self,
        planned: &[Planned],
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<NotificationId>, StoreError> {
        let _ = (planned, text, at);
        todo!("store/notifications")
    }

    /// Takes what is due for this node, leased: whoever dies with it loses it after `lease`, and another node sends it. `choose` is
    /// `hotline_core::notify::next` with the directory's limits, asked once for each contact that has something due. What is not wanted any
    /// more (the alert was taken) is ended as `Skipped`, what a bundle swallows as `Limited` with the carrier's id, each with its fact
    /// on the timeline, in the same transaction.
    pub async fn claim_notifications(
        &self,
        at: Timestamp,
        lease: Duration,
        limit: u32,
        choose: &(dyn Fn(&Address, &[hotline_core::notify::Waiting], &[Timestamp]) -> Next + Send + Sync),
    ) -> Result<Vec<Notification>, StoreError> {
        let _ = (at, lease, limit, choose);
        todo!("store/notifications")
    }

    /// Still at it (a phone rings): the lease runs from now. `false`: it was lost to another node, or is not needed any more.
    pub async fn hold_notification(
        &self,
        id: NotificationId,
        at: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let _ = (id, at, lease);
        todo!("store/notifications")
    }

    /// How a try went; its fact goes on the alert's timeline in the same transaction (`Change::Notified` for `Done`).
    pub async fn finish_notification(
        &self,
        id: NotificationId,
        at: Timestamp,
        tried: &Tried,
    ) -> Result<(), StoreError> {
        let _ = (id, at, tried);
        todo!("store/notifications")
    }

    /// The list, newest first: of an alert, a person, or all.
    pub async fn notifications(
        &self,
        alert: Option<AlertId>,
        user: Option<&UserId>,
        state: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<super::read::Page<NotificationRow>, StoreError> {
        let _ = (alert, user, state, cursor, limit);
        todo!("store/notifications")
    }

    /// When the next notification is due; `None`: none waits.
    pub async fn next_notification(&self) -> Result<Option<Timestamp>, StoreError> {
        todo!("store/notifications")
    }
}

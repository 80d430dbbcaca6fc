//! Who was told of what: for replies ("1"), receipts of providers, and the next contact when one fails. And the keys that
//! all nodes share.

use hotline_core::ids::{AlertId, NotificationId, UserId};
use hotline_core::private::Private;
use sqlx::{query, query_as, query_scalar};

use super::pages::in_time;
use super::{Store, StoreError};

/// Within the key of a notification that takes the place of one that failed; the first one's id follows.
pub const INSTEAD_OF: &str = "/instead-of/";
/// Alerts that one message is asked about at most.
const CARRIED_MAX: i64 = 50;

/// Whom a notification that is over was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// About which alert.
    pub alert: Option<AlertId>,
    /// To whom.
    pub user: Option<UserId>,
    /// By which contact.
    pub contact: Option<String>,
    /// What for.
    pub kind: String,
}

impl Store {
    /// The key of this name; `candidate` becomes it where there is none. All nodes get the same.
    pub async fn shared_secret(&self, name: &str, candidate: &Private<String>) -> Result<Private<String>, StoreError> {
        let add = query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name.to_owned())
            .bind(candidate.reveal().clone());
        let known = query_scalar::<_, String>("SELECT value FROM secrets WHERE name = $1").bind(name.to_owned());
        if let Some(value) = in_time(known.fetch_optional(&self.shared.pool)).await? {
            return Ok(value.into());
        }
        in_time(add.execute(&self.shared.pool)).await?;
        let known = query_scalar::<_, String>("SELECT value FROM secrets WHERE name = $1").bind(name.to_owned());
        Ok(in_time(known.fetch_one(&self.shared.pool)).await?.into())
    }

    /// The first of a row of notifications of which each took the place of the one before, which had failed.
    pub async fn origin_of(&self, id: NotificationId) -> Result<NotificationId, StoreError> {
        let key = query_scalar::<_, String>("SELECT key FROM notifications WHERE id = $1").bind(id.to_string());
        let key = in_time(key.fetch_optional(&self.shared.pool)).await?;
        // `{alert}/instead-of/{first}/{contact}`, as `switch/deliver` makes it.
        let first = key.as_deref().and_then(|key| key.split_once(INSTEAD_OF)?.1.split('/').next()?.parse().ok());
        Ok(first.unwrap_or(id))
    }

    /// The person's contacts that this alert was or will be told by since this notification was planned, its own among them.
    pub async fn contacts_told(
        &self,
        alert: AlertId,
        user: &UserId,
        since: NotificationId,
    ) -> Result<Vec<String>, StoreError> {
        let told = query_scalar(
            "SELECT contact FROM notifications
             WHERE alert_id = $1 AND user_id = $2 AND contact IS NOT NULL
               AND (finished_at IS NULL
                    OR created_at >= (SELECT created_at FROM notifications WHERE id = $3))",
        )
        .bind(alert.to_string())
        .bind(user.0.clone())
        .bind(since.to_string());
        in_time(told.fetch_all(&self.shared.pool)).await
    }

    /// The alerts of the last message of this kind (`sms`) that this person got, the one that carried the others first.
    pub async fn last_told(&self, user: &UserId, by: &str) -> Result<Vec<AlertId>, StoreError> {
        let last = query_scalar::<_, String>(
            "SELECT id FROM notifications
             WHERE user_id = $1 AND by_kind = $2 AND kind = 'alert' AND state IN ('delivered', 'sending')
             ORDER BY COALESCE(finished_at, due_at) DESC, id DESC LIMIT 1",
        )
        .bind(user.0.clone())
        .bind(by.to_owned());
        let Some(last) = in_time(last.fetch_optional(&self.shared.pool)).await? else { return Ok(Vec::new()) };
        let alerts = query_scalar::<_, String>(
            "SELECT alert_id FROM notifications WHERE (id = $1 OR bundle = $1) AND alert_id IS NOT NULL
             ORDER BY bundle IS NOT NULL, created_at, id LIMIT $2",
        )
        .bind(last)
        .bind(CARRIED_MAX);
        let found = in_time(alerts.fetch_all(&self.shared.pool)).await?;
        let mut alerts: Vec<AlertId> = Vec::new();
        for id in found.iter().filter_map(|id| id.parse().ok()) {
            if !alerts.contains(&id) {
                alerts.push(id);
            }
        }
        Ok(alerts)
    }

    /// The newest alert with this reference that this person was told of, by whatever way.
    pub async fn told_by_reference(&self, user: &UserId, reference: &str) -> Result<Option<AlertId>, StoreError> {
        let alert = query_scalar::<_, String>(
            "SELECT a.id FROM alerts a
             WHERE a.reference = $1
               AND EXISTS (SELECT 1 FROM notifications n WHERE n.alert_id = a.id AND n.user_id = $2 AND n.kind = 'alert')
             ORDER BY a.created_at DESC, a.id DESC LIMIT 1",
        )
        .bind(reference.to_owned())
        .bind(user.0.clone());
        let found = in_time(alert.fetch_optional(&self.shared.pool)).await?;
        Ok(found.and_then(|id| id.parse().ok()))
    }

    /// A provider says later that what it took did not arrive: the row says so from now on. Whom it was for; `None`: there is no such
    /// notification, or that was known.
    pub async fn not_arrived(&self, id: NotificationId, note: &str) -> Result<Option<Receiver>, StoreError> {
        let failed =
            query("UPDATE notifications SET state = 'failed', note = $1 WHERE id = $2 AND state = 'delivered'")
                .bind(note.to_owned())
                .bind(id.to_string());
        if in_time(failed.execute(&self.shared.pool)).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let row = query_as::<_, (Option<String>, Option<String>, Option<String>, String)>(
            "SELECT alert_id, user_id, contact, kind FROM notifications WHERE id = $1",
        )
        .bind(id.to_string());
        let found = in_time(row.fetch_optional(&self.shared.pool)).await?;
        Ok(found.map(|(alert, user, contact, kind)| Receiver {
            alert: alert.and_then(|id| id.parse().ok()),
            user: user.map(UserId),
            contact,
            kind,
        }))
    }
}

//! Who wants to be told, and who proves whose mailbox they have. What is asked for is done behind the answer: the answer is the
//! same whether or not an address is known, and takes the same time.

use std::collections::BTreeMap;

use hotline_core::ids::{StatusPageId, SubscriptionId};
use hotline_core::private::Private;
use hotline_core::status::{StatusPage, Tongue, Visitor};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::token::{self, Believed, MAIL_MAX_S, Purpose, Said};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::status::{ProofRow, StatusDelivery, SubscriberKind, Subscription};
use crate::switch::Switch;

/// A mailed link opens the page so long.
const ACCESS: SignedDuration = SignedDuration::from_mins(15);

/// What came of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// It was done (or can be, before the button).
    Done,
    /// It is none of ours, was used, or is too old.
    Worthless,
}

/// What may be offered to visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// Mail can be sent, and links lead somewhere.
    pub mail: bool,
    /// Links lead somewhere.
    pub webhook: bool,
}

impl Switch {
    /// What can be offered here.
    pub fn status_offers(&self) -> Offers {
        let links = self.0.public_url.is_some();
        Offers { mail: links && self.0.notifier.has_mail(), webhook: links }
    }

    /// Whom a token or cookie shows; `None`: nobody.
    pub async fn status_visitor(&self, page: &StatusPage, token: &str) -> Option<Believed> {
        let key = if token.starts_with("m1.") { self.status_key().await } else { None };
        token::read(token, page, key, &self.directory(), now().wall)
    }

    /// Somebody says that this is their mailbox and wants to open the page. Mailed if its domain is a customer's who may.
    pub fn ask_status_access(&self, page: &str, address: &str, tongue: Tongue) {
        let (switch, page, address) = (self.clone(), StatusPageId::from(page), address.trim().to_owned());
        self.0.tasks.spawn(async move {
            if let Err(error) = switch.mail_access(page, address, tongue).await {
                tracing::warn!(%error, "a visitor's link could not be mailed");
            }
        });
    }

    async fn mail_access(&self, page: StatusPageId, address: String, tongue: Tongue) -> Result<(), StoreError> {
        let directory = self.directory();
        let (Some(page), Some(customer)) = (directory.status_pages.get(&page), directory.customer_by_email(&address))
        else {
            return Ok(());
        };
        let visitor = Visitor::Customer(customer.id.clone());
        if page.eyes(&visitor).is_none() || !self.status_offers().mail {
            return Ok(());
        }
        let at = now().wall;
        let proof = ProofRow {
            id: Uuid::from_u128(rand::random()),
            page: page.id.clone(),
            customer: customer.id.clone(),
            address: Private::new(address),
            language: tongue,
            expires_at: at + ACCESS,
        };
        self.0.store.add_proof(&proof).await?;
        self.plan_one(proof.id, "access", at).await
    }

    async fn plan_one(&self, owner: Uuid, what: &str, at: Timestamp) -> Result<(), StoreError> {
        let key = format!("{owner}/{what}/{}", at.as_millisecond());
        let delivery = StatusDelivery { key, owner, what: what.to_owned(), due_at: at, tries: 0 };
        self.0.store.plan_status(std::slice::from_ref(&delivery), at).await?;
        self.0.status.poke.notify_one();
        Ok(())
    }

    /// Whether a mailed link still opens this page; it is not used up.
    pub async fn look_status_access(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        let Some(id) = self.linked_id(Purpose::Access, token).await else { return Ok(Followed::Worthless) };
        let proof = self.0.store.proof(id, now().wall).await?;
        Ok(proof.filter(|proof| proof.page.0 == page).map_or(Followed::Worthless, |_| Followed::Done))
    }

    /// Uses a mailed link: the visitor's cookie, and for how many seconds.
    pub async fn use_status_access(&self, page: &str, token: &str) -> Result<Option<(String, i64)>, StoreError> {
        let at = now().wall;
        let Some(id) = self.linked_id(Purpose::Access, token).await else { return Ok(None) };
        // Of another page's address it is not used up.
        if self.0.store.proof(id, at).await?.is_none_or(|proof| proof.page.0 != page) {
            return Ok(None);
        }
        let Some(proof) = self.0.store.use_proof(id, at).await? else { return Ok(None) };
        let directory = self.directory();
        let (Some(page), Some(key)) = (directory.status_pages.get(&proof.page), self.status_key().await) else {
            return Ok(None);
        };
        let domain = proof.address.reveal().rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        let said = Said {
            customer: proof.customer.0,
            visitor: domain.unwrap_or_default(),
            expires: at.as_second() + MAIL_MAX_S,
        };
        Ok(Some((token::make("m1", key, page, &said), MAIL_MAX_S)))
    }

    async fn linked_id(&self, purpose: Purpose, token: &str) -> Option<Uuid> {
        token::read_link(self.status_key().await?, purpose, token)
    }

    /// Somebody wants to be told; a mail or a challenge asks them whether it is true. Known addresses get nothing new.
    pub fn subscribe_status(&self, wanted: Subscription) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = switch.keep_subscription(wanted).await {
                tracing::warn!(%error, "a subscription of a status page could not be kept");
            }
        });
    }

    async fn keep_subscription(&self, wanted: Subscription) -> Result<(), StoreError> {
        let at = now().wall;
        let Some(kept) = self.0.store.add_subscription(&wanted, at).await? else { return Ok(()) };
        let what = match kept.kind {
            SubscriberKind::Email => "confirm",
            SubscriberKind::Webhook => "challenge",
        };
        self.plan_one(kept.id.0, what, at).await
    }

    /// What a link to confirm or to end is about; nothing is done.
    pub async fn look_status_subscription(
        &self,
        purpose: Purpose,
        page: &str,
        token: &str,
    ) -> Result<Followed, StoreError> {
        let Some(id) = self.linked_id(purpose, token).await else { return Ok(Followed::Worthless) };
        let known = self.0.store.subscription(SubscriptionId(id)).await?;
        // What has ended already is fine for whoever wants to end it.
        let done = match (purpose, &known) {
            (Purpose::Unsubscribe, None) => true,
            (Purpose::Unsubscribe | Purpose::Confirm | Purpose::Access, _) => {
                known.is_some_and(|one| one.page.0 == page)
            }
        };
        Ok(if done { Followed::Done } else { Followed::Worthless })
    }

    /// "Yes."
    pub async fn confirm_status(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        if self.look_status_subscription(Purpose::Confirm, page, token).await? == Followed::Worthless {
            return Ok(Followed::Worthless);
        }
        let Some(id) = self.linked_id(Purpose::Confirm, token).await else { return Ok(Followed::Worthless) };
        let known = self.0.store.confirm_subscription(SubscriptionId(id), now().wall).await?;
        Ok(if known { Followed::Done } else { Followed::Worthless })
    }

    /// "No more." Everything about them is deleted.
    pub async fn unsubscribe_status(&self, page: &str, token: &str) -> Result<Followed, StoreError> {
        if self.look_status_subscription(Purpose::Unsubscribe, page, token).await? == Followed::Worthless {
            return Ok(Followed::Worthless);
        }
        let Some(id) = self.linked_id(Purpose::Unsubscribe, token).await else { return Ok(Followed::Worthless) };
        self.0.store.remove_subscription(SubscriptionId(id)).await?;
        Ok(Followed::Done)
    }

    /// How many each page has: by mail, by webhook, switched off.
    pub async fn status_subscribers(&self) -> Result<BTreeMap<StatusPageId, [i64; 3]>, StoreError> {
        self.0.store.count_subscriptions().await
    }
}

/// Whether somebody can be written to there, as far as a look can tell.
pub fn is_mailbox(text: &str) -> bool {
    text.len() <= 254 && !text.contains(['<', ' ', ',']) && crate::notify::is_mailbox(text)
}

/// Whether it can be posted to, as far as a look can tell; what lies behind the name is judged when it is done.
pub fn is_webhook(text: &str) -> bool {
    crate::notify::letter::is_webhook_url(text)
}

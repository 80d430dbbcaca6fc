//! What is sent to subscribers: planned from what each of them sees, once each by its key; sent and tried again.
//!
//! At the moment of sending it is looked at again: whoever has ended it, or may not see it any more, gets nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use hotline_core::ids::{IncidentId, ServiceId, StatusPageId, SubscriptionId, UpdateId};
use hotline_core::status::{Eyes, IncidentView, StatusPage, UpdateView, View, Visitor};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::Snapshot;
use super::letter::Envelope;
use super::shape::Shape;
use super::token::{self, Purpose};
use crate::clock::now;
use crate::notify::SendError;
use crate::store::StoreError;
use crate::store::status::{StatusDelivery, SubscriberKind, Subscription};
use crate::switch::Switch;

/// Updates that are older are told to nobody any more: who was away for so long reads the page.
const NEWS: SignedDuration = SignedDuration::from_hours(24);
/// Whoever takes a delivery has it for so long.
const TAKEN: SignedDuration = SignedDuration::from_mins(2);
/// Tries of one delivery.
const TRIES: i64 = 8;
/// Deliveries in a row that come to nothing switch a subscription off.
const FAILURES: i64 = 3;
/// Mails that are sent at a time.
const LETTERS_AT_ONCE: usize = 8;
/// Receivers of webhooks that are called at a time.
const RECEIVERS_AT_ONCE: usize = 64;
/// Calls of one receiver between two looks: more than a page's usual news, less than what would keep the others waiting.
const HOOKS_PER_RECEIVER: usize = 4;

/// Before the next try.
fn pause(tries: i64) -> SignedDuration {
    SignedDuration::from_secs(30).saturating_mul(1 << tries.clamp(0, 7))
}

/// Why nothing is sent.
enum Not {
    /// There is nothing to tell any more.
    Needed,
    /// It could not be sent.
    Sent(SendError),
    /// The database is away.
    Kept(StoreError),
}

impl From<StoreError> for Not {
    fn from(error: StoreError) -> Self {
        Self::Kept(error)
    }
}

impl From<SendError> for Not {
    fn from(error: SendError) -> Self {
        Self::Sent(error)
    }
}

/// Through whose eyes a subscriber sees the page; `None`: not at all any more.
fn view_of(snapshot: &Snapshot, subscription: &Subscription, at: Timestamp) -> Option<(Eyes, View)> {
    let page = snapshot.directory.status_pages.get(&subscription.page)?;
    let visitor = subscription.customer.clone().map_or(Visitor::Nobody, Visitor::Customer);
    let eyes = page.eyes(&visitor)?;
    Some((eyes, snapshot.view(page, &visitor, at)?))
}

/// All that is seen, with what was told of it.
fn updates(view: &View) -> impl Iterator<Item = (&IncidentView, &UpdateView)> {
    let all = view.incidents.iter().chain(&view.maintenances).chain(&view.past);
    all.flat_map(|incident| incident.updates.iter().map(move |update| (incident, update)))
}

/// Whether an update is about what this subscriber asked for.
fn is_wanted(page: &StatusPage, view: &View, update: &UpdateView, services: Option<&BTreeSet<ServiceId>>) -> bool {
    let Some(services) = services else { return true };
    let wanted: Vec<String> = services.iter().map(|service| page.component_id(service)).collect();
    update.changes.iter().any(|change| wanted.contains(&view.components[change.component].id))
}

/// What one subscriber is to be told of, newest last.
pub(super) fn planned(
    page: &StatusPage,
    view: &View,
    subscription: &Subscription,
    at: Timestamp,
) -> Vec<StatusDelivery> {
    let Some(confirmed) = subscription.confirmed_at else { return Vec::new() };
    let since = confirmed.max(at.checked_sub(NEWS).unwrap_or(Timestamp::MIN));
    let mut planned = Vec::new();
    for (incident, update) in updates(view).filter(|(_, update)| update.at > since) {
        if !is_wanted(page, view, update, subscription.services.as_ref()) {
            continue;
        }
        let mut plan = |what: String| {
            planned.push(StatusDelivery {
                key: format!("{}/{what}", subscription.id),
                owner: subscription.id.0,
                what,
                due_at: at,
                tries: 0,
            });
        };
        plan(format!("update:{}:{}", incident.id, update.id));
        if subscription.kind == SubscriberKind::Webhook {
            for change in update.changes.iter().filter(|change| change.old != change.new) {
                let component = &view.components[change.component].id;
                plan(format!("component:{}:{}:{component}", incident.id, update.id));
            }
        }
    }
    planned
}

impl Switch {
    /// Plans what subscribers are to be told of by now. How many deliveries are new.
    pub async fn plan_status_updates(&self) -> Result<u64, StoreError> {
        let Some(snapshot) = self.status_snapshot() else { return Ok(0) };
        let at = now().wall;
        let fresh = |incident: &hotline_core::incident::Incident| {
            incident.updates.iter().any(|update| at.duration_since(update.at) < NEWS)
        };
        if !snapshot.incidents.iter().any(fresh) {
            return Ok(0);
        }
        let mut views: BTreeMap<(StatusPageId, Eyes), View> = BTreeMap::new();
        let mut all = Vec::new();
        for subscription in self.0.store.subscriptions().await? {
            let Some(page) = snapshot.directory.status_pages.get(&subscription.page) else { continue };
            let visitor = subscription.customer.clone().map_or(Visitor::Nobody, Visitor::Customer);
            let Some(eyes) = page.eyes(&visitor) else { continue };
            let key = (page.id.clone(), eyes);
            if !views.contains_key(&key) {
                let Some(view) = snapshot.view(page, &visitor, at) else { continue };
                views.insert(key.clone(), view);
            }
            all.extend(planned(page, &views[&key], &subscription, at));
        }
        self.0.store.plan_status(&all, at).await
    }

    /// Sends the mails that are due. Apart from the webhooks: their receivers are strangers', and may hang.
    pub async fn mail_status(&self) -> Result<(), StoreError> {
        let due = self.0.store.status_letters_due(now().wall).await?;
        stream::iter(&due).for_each_concurrent(LETTERS_AT_ONCE, |one| self.tell_one(one)).await;
        Ok(())
    }

    /// Calls the webhooks that are due: of one receiver few and one after the other, so that one that hangs holds up itself.
    /// What is left is due at the next look.
    pub async fn post_status(&self) -> Result<(), StoreError> {
        let mut receivers: BTreeMap<Option<String>, Vec<StatusDelivery>> = BTreeMap::new();
        for (one, address) in self.0.store.status_hooks_due(now().wall).await? {
            let url = url::Url::parse(address.reveal()).ok();
            let some = receivers.entry(url.and_then(|url| url.host_str().map(str::to_owned))).or_default();
            if some.len() < HOOKS_PER_RECEIVER {
                some.push(one);
            }
        }
        let call = |some: Vec<StatusDelivery>| async move {
            for one in &some {
                self.tell_one(one).await;
            }
        };
        stream::iter(receivers.into_values()).for_each_concurrent(RECEIVERS_AT_ONCE, call).await;
        Ok(())
    }

    async fn tell_one(&self, one: &StatusDelivery) {
        match self.0.store.take_status(one, now().wall + TAKEN).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::debug!(%error, "a message of a status page waits for the database"),
        }
        let sent = self.send_status(one).await;
        let at = now().wall;
        let tries = one.tries + 1;
        let kept = match sent {
            Ok(()) => self.told(one, Some(true), at).await,
            Err(Not::Needed) => self.told(one, None, at).await,
            Err(Not::Sent(SendError::Later { after, .. })) if tries < TRIES => {
                let asked = after.and_then(|after| SignedDuration::try_from(after).ok()).unwrap_or_default();
                self.0.store.delay_status(&one.key, at + pause(tries).max(asked)).await
            }
            Err(Not::Sent(error)) => {
                tracing::warn!(%error, tries, "a message of a status page is given up");
                self.told(one, Some(false), at).await
            }
            // It is taken for a while, then due again.
            Err(Not::Kept(error)) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "what became of a message of a status page could not be kept; it may come twice");
        }
    }

    /// It is over; `well`: `None` where nothing had to be sent.
    async fn told(&self, one: &StatusDelivery, well: Option<bool>, at: Timestamp) -> Result<(), StoreError> {
        self.0.store.finish_status(&one.key, at).await?;
        match (one.what.as_str(), well) {
            // A receiver that does not answer the challenge never wanted it.
            ("challenge", Some(false)) => {
                self.0.store.remove_subscription(SubscriptionId(one.owner)).await?;
            }
            ("access" | "confirm", _) | (_, None) => {}
            (_, Some(well)) => {
                if self.0.store.subscription_told(SubscriptionId(one.owner), well, FAILURES, at).await? {
                    tracing::warn!(
                        subscription = %one.owner,
                        "nothing reaches this subscriber of a status page: it is switched off after {FAILURES} failures in a row"
                    );
                }
            }
        }
        Ok(())
    }

    async fn send_status(&self, one: &StatusDelivery) -> Result<(), Not> {
        let away = || Not::Kept(StoreError::Timeout);
        let (Some(key), Some(snapshot)) = (self.status_key().await, self.status_snapshot()) else { return Err(away()) };
        let Some(base) = self.0.public_url.as_deref().map(|url| url.trim_end_matches('/')) else {
            return Err(Not::Needed);
        };
        let at = now().wall;
        if one.what == "access" {
            let Some(proof) = self.0.store.proof(one.owner, at).await? else { return Err(Not::Needed) };
            let Some(page) = snapshot.directory.status_pages.get(&proof.page) else { return Err(Not::Needed) };
            let link = format!("{base}/status/{}", page.id);
            let url = format!("{link}/access/{}", token::link(key, Purpose::Access, proof.id));
            let id = format!("status-{}", one.owner);
            let envelope = Envelope { page, tongue: proof.language, id: &id, link: &link };
            return Ok(self.0.notifier.send_letter(&proof.address, &envelope.access(&url)).await?);
        }
        let subscription = self.0.store.subscription(SubscriptionId(one.owner)).await?;
        let Some(subscription) = subscription.filter(|one| !one.is_off) else { return Err(Not::Needed) };
        let Some((_, view)) = view_of(&snapshot, &subscription, at) else { return Err(Not::Needed) };
        let Some(page) = snapshot.directory.status_pages.get(&subscription.page) else { return Err(Not::Needed) };
        let sender = Sender { switch: self, one, key, base, page, view: &view, subscription: &subscription };
        match subscription.kind {
            SubscriberKind::Email => sender.mail().await,
            SubscriberKind::Webhook => sender.post().await,
        }
    }
}

/// Everything that one message is made of.
struct Sender<'a> {
    switch: &'a Switch,
    one: &'a StatusDelivery,
    key: &'a hotline_core::private::Private<String>,
    base: &'a str,
    page: &'a StatusPage,
    view: &'a View,
    subscription: &'a Subscription,
}

impl Sender<'_> {
    fn unsubscribe(&self) -> String {
        let token = token::link(self.key, Purpose::Unsubscribe, self.subscription.id.0);
        format!("{}/status/{}/unsubscribe/{token}", self.base, self.page.id)
    }

    /// The update that this message is about, if it is still seen, and the component.
    fn about(&self) -> Option<(&IncidentView, &UpdateView, Option<usize>)> {
        self.subscription.confirmed_at?;
        let mut parts = self.one.what.split(':');
        let kind = parts.next()?;
        let incident: IncidentId = parts.next()?.parse().ok()?;
        let update: UpdateId = parts.next()?.parse().ok()?;
        let component = parts.next();
        let (incident, update) = updates(self.view).find(|(one, told)| one.id == incident && told.id == update)?;
        let place = match (kind, component) {
            ("update", None) => None,
            ("component", Some(id)) => Some(self.view.components.iter().position(|one| one.id == id)?),
            _ => return None,
        };
        Some((incident, update, place))
    }

    async fn mail(&self) -> Result<(), Not> {
        let link = format!("{}/status/{}", self.base, self.page.id);
        let id = format!("status-{}", message_id(&self.one.key));
        let envelope = Envelope { page: self.page, tongue: self.subscription.language, id: &id, link: &link };
        let letter = if self.one.what == "confirm" {
            if self.subscription.confirmed_at.is_some() {
                return Err(Not::Needed);
            }
            envelope
                .confirm(&format!("{link}/confirm/{}", token::link(self.key, Purpose::Confirm, self.subscription.id.0)))
        } else {
            let (incident, update, _) = self.about().ok_or(Not::Needed)?;
            envelope.update(self.view, incident, update, &self.unsubscribe())
        };
        Ok(self.switch.0.notifier.send_letter(&self.subscription.address, &letter).await?)
    }

    async fn post(&self) -> Result<(), Not> {
        let (url, id) = (self.subscription.address.reveal(), self.subscription.id.0);
        let secret = token::webhook_secret(self.key, id);
        let notifier = &self.switch.0.notifier;
        if self.one.what == "challenge" {
            if self.subscription.confirmed_at.is_some() {
                return Err(Not::Needed);
            }
            let challenge = token::challenge(self.key, id);
            let body = json!({
                "type": "challenge",
                "challenge": challenge,
                "secret": secret.reveal(),
                "page": { "id": self.page.id.0, "name": self.page.title },
                "meta": { "unsubscribe": self.unsubscribe() },
            });
            let answer = notifier.post_signed_by(&secret, url, &self.one.key, &body).await?;
            if !answer.contains(&challenge) {
                let reason = "webhook: the answer does not hold the challenge".to_owned();
                return Err(Not::Sent(SendError::Later { reason, after: None }));
            }
            self.switch.0.store.confirm_subscription(self.subscription.id, now().wall).await?;
            return Ok(());
        }
        let (incident, update, place) = self.about().ok_or(Not::Needed)?;
        let shape = Shape { page: self.page, view: self.view, base: self.base };
        let unsubscribe = self.unsubscribe();
        let body = match place {
            None => shape.incident_webhook(incident, &unsubscribe),
            Some(place) => shape.component_webhook(update, place, &unsubscribe).ok_or(Not::Needed)?,
        };
        notifier.post_signed_by(&secret, url, &self.one.key, &body).await?;
        Ok(())
    }
}

/// A key as a Message-ID may hold it, and as nobody can read it.
fn message_id(key: &str) -> Uuid {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(key);
    Uuid::from_slice(&digest[..16]).unwrap_or_default()
}

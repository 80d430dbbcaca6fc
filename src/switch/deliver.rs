//! Notifications that are due, sent: by `notify`, or as a call of our own.
//!
//! The store gives them out under a lease; each is sent in a task of its own. Every channel has its own slots, so that a slow
//! provider holds up nobody else. A crash or a lost database after sending means that it is sent once more: a
//! message that comes twice is better than none. What failed for good is told by the person's next contact at once.

mod address;
mod message;
mod outcome;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use hotline_core::alert::change::NotifyOutcome;
use hotline_core::alert::{Alert, Status};
use hotline_core::directory::{Address, Directory};
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, NotificationId, UserId};
use hotline_core::notify::{self, Kind, Next, Planned, To};
use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell, Semaphore, SemaphorePermit};

use super::commands::CommandError;
use super::links::Seal;
use super::phone::PhoneAnswer;
use super::{Switch, notified};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::notifications::{Notification, Tried};
use crate::store::told::INSTEAD_OF;
use outcome::{Came, after};

/// Who dies with a notification loses it after this.
const LEASE: Duration = Duration::from_mins(1);
/// Taken at a time.
const CLAIM: u32 = 100;
/// While a channel's slots are taken and others queue for them, further ones wait in the database.
const BUSY: Duration = Duration::from_secs(2);
/// Tries to keep what came of one, and the pause between them.
const KEEP: (u32, Duration) = (5, Duration::from_secs(2));
/// At this failure an alert is told by the next contact as well, while this one is tried further.
const FALL_BACK_AT: u32 = 2;

/// Messages on their way out.
#[derive(Debug)]
pub(super) struct Delivery {
    poke: Notify,
    lanes: [Lane; 8],
    taken_up: AtomicBool,
    pub(super) seal: OnceCell<Seal>,
}

/// One channel's slots.
#[derive(Debug)]
struct Lane {
    slots: Semaphore,
    count: usize,
    under_way: AtomicUsize,
}

impl Default for Delivery {
    fn default() -> Self {
        // In the order of `lane`: calls, SMS, mail (few connections), the rest.
        let lane = |count| Lane { slots: Semaphore::new(count), count, under_way: AtomicUsize::new(0) };
        Self {
            poke: Notify::new(),
            lanes: [64, 16, 4, 16, 16, 16, 16, 32].map(lane),
            taken_up: AtomicBool::new(false),
            seal: OnceCell::new(),
        }
    }
}

impl Delivery {
    const fn lane(&self, address: &Address) -> &Lane {
        let index = match address {
            Address::Call(_) => 0,
            Address::Sms(_) => 1,
            Address::Email(_) => 2,
            Address::Ntfy(_) => 3,
            Address::Telegram(_) => 4,
            Address::Slack(_) => 5,
            Address::Teams(_) => 6,
            Address::Webhook(_) => 7,
        };
        &self.lanes[index]
    }
}

impl Lane {
    /// Three times the slots are under way: more would only wait here, under a lease.
    fn is_full(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) >= self.count * 3
    }
}

/// Counts one that is under way, however it ends.
struct UnderWay<'a>(&'a Lane);

impl<'a> UnderWay<'a> {
    fn begin(lane: &'a Lane) -> Self {
        lane.under_way.fetch_add(1, Ordering::Relaxed);
        Self(lane)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The alerts that a notification speaks of, as they are now.
#[derive(Debug)]
struct Matter {
    directory: std::sync::Arc<Directory>,
    alerts: Vec<Alert>,
}

impl Switch {
    /// Something is due now: look.
    pub fn poke_delivery(&self) {
        self.0.delivery.poke.notify_one();
    }

    /// Resolves when [`Switch::poke_delivery`] was called since the last look.
    pub async fn delivery_poked(&self) {
        self.0.delivery.poke.notified().await;
    }

    /// Before the first look: what this node was sending when it was killed is due at once. False: the database is away.
    pub async fn take_up_own_deliveries(&self) -> bool {
        let delivery = &self.0.delivery;
        // Once in a run: later it would be what is being sent now.
        if delivery.taken_up.load(Ordering::Relaxed) {
            return true;
        }
        match self.0.store.release_own_notifications().await {
            Ok(count) => {
                delivery.taken_up.store(true, Ordering::Relaxed);
                if count > 0 {
                    tracing::info!(count, "messages that were on their way at the last stop are sent again");
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Claims what is due, sends it (each in a task of its own, bounded), keeps what came of it. Returns when to look again at the latest.
    pub async fn deliver_due(&self) -> Option<Timestamp> {
        let at = now().wall;
        let directory = self.directory();
        let delivery = &self.0.delivery;
        let reach = self.reaches();
        let choose = |address: &Address, waiting: &[notify::Waiting], sent: &[Timestamp]| {
            if let Address::Call(destination) = address
                && let Some(node) = reach.node_for(destination)
            {
                return Next::Elsewhere(node.to_owned());
            }
            if delivery.lane(address).is_full() {
                return Next::Later(at + BUSY, format!("many messages by {} are on their way", address.kind()));
            }
            notify::next(address, waiting, sent, &directory.limits, at)
        };
        let claimed = match self.0.store.claim_notifications(at, LEASE, CLAIM, &choose).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "notifications can't be taken from the database; tried again at once");
                return None;
            }
        };
        let full = claimed.len() >= CLAIM as usize;
        for notification in claimed {
            let switch = self.clone();
            self.0.tasks.spawn(async move { switch.deliver(notification).await });
        }
        if full { Some(at) } else { self.0.store.next_notification().await.ok().flatten() }
    }

    /// One notification from its turn to its end; a fault in it costs no other.
    async fn deliver(&self, notification: Notification) {
        let lane = self.0.delivery.lane(&notification.address);
        let _under_way = UnderWay::begin(lane);
        let Some(_slot) = self.turn(lane, &notification).await else { return };
        let tried = AssertUnwindSafe(self.try_once(&notification)).catch_unwind().await;
        let came = tried.unwrap_or_else(|_| {
            tracing::error!(notification = %notification.id, "a fault of ours while sending; everything else goes on");
            Came::Later("a fault of ours".to_owned(), None)
        });
        let ended = AssertUnwindSafe(self.end(&notification, came)).catch_unwind().await;
        if ended.is_err() {
            tracing::error!(notification = %notification.id, "a fault of ours while keeping what came of a message");
        }
    }

    /// A slot of the channel, the lease held meanwhile; `None`: it was lost, or is not needed any more (the store ends it).
    async fn turn<'a>(&self, lane: &'a Lane, notification: &Notification) -> Option<SemaphorePermit<'a>> {
        loop {
            tokio::select! {
                slot = lane.slots.acquire() => return slot.ok(),
                () = tokio::time::sleep(LEASE / 3) => {}
            }
            if !self.hold(notification).await {
                return None;
            }
        }
    }

    /// Whether it is still ours and needed; unknown while the database is away: then it is.
    async fn hold(&self, notification: &Notification) -> bool {
        self.0.store.hold_notification(notification.id, now().wall, LEASE).await.unwrap_or(true)
    }

    async fn try_once(&self, notification: &Notification) -> Came {
        let matter = match self.matter(notification).await {
            Ok(matter) => matter,
            Err(error) => return Came::Later(format!("the alert can't be read: {error}"), None),
        };
        if notification.kind == Kind::Alert && !notification.alerts.is_empty() && matter.alerts.is_empty() {
            return Came::Over(NotifyOutcome::Skipped, "not needed any more".to_owned());
        }
        let current = match notification.kind {
            Kind::Customer => match self.customers_place(notification).await {
                Ok(current) => current,
                Err(error) => return Came::Later(format!("the incident can't be read: {error}"), None),
            },
            Kind::Verification | Kind::Test | Kind::Alert | Kind::Caller | Kind::OnCall | Kind::Status => {
                address::current(notification, &matter.directory, &matter.alerts)
            }
        };
        let address = match current {
            Ok(address) => address,
            Err(why) => return Came::Failed(why),
        };
        if let Address::Call(destination) = &address {
            let notice = self.notice(notification, &matter, destination.clone()).await;
            return self.ring_about(notification, notice).await;
        }
        let message = self.message(notification, &matter).await;
        match self.0.notifier.send(&address, &message).await {
            Ok(_) => Came::Over(NotifyOutcome::Delivered, notification.why.clone()),
            Err(error) => error.into(),
        }
    }

    /// Its alerts; of those that somebody must take, the ones that nobody has.
    async fn matter(&self, notification: &Notification) -> Result<Matter, StoreError> {
        let mut alerts = Vec::new();
        for id in &notification.alerts {
            let wanted = |alert: &Alert| notification.kind != Kind::Alert || alert.status == Status::Triggered;
            alerts.extend(self.0.store.alert_state(*id).await?.filter(wanted));
        }
        Ok(Matter { directory: self.directory(), alerts })
    }

    /// Rings, holds the lease as long as that takes, and does what the key says.
    async fn ring_about(&self, notification: &Notification, notice: super::phone::PhoneNotice) -> Came {
        let alerts: Vec<AlertId> = notice.alerts.iter().map(|alert| alert.id).collect();
        let ringing = self.phone(notice);
        tokio::pin!(ringing);
        let answer = loop {
            tokio::select! {
                answer = &mut ringing => break answer,
                // Somebody may be listening already: it rings on, whoever has it now, and a key counts.
                () = tokio::time::sleep(LEASE / 3) => drop(self.hold(notification).await),
            }
        };
        let command = match &answer {
            PhoneAnswer::Acknowledged | PhoneAnswer::Joined => Some(hotline_core::alert::Command::Acknowledge),
            PhoneAnswer::Escalate => Some(hotline_core::alert::Command::Escalate),
            PhoneAnswer::Heard | PhoneAnswer::NoAnswer | PhoneAnswer::Busy | PhoneAnswer::Unreachable(_) => None,
        };
        let by = match &notification.to {
            To::Person { user, .. } => Actor::Person(user.clone()),
            // A partner's telephone: the policy says that their key counts.
            To::Channel(_) | To::Outside => Actor::System,
        };
        for alert in alerts {
            let Some(command) = command.clone() else { break };
            match self.command(alert, command, by.clone()).await {
                // Over, or gone meanwhile: as they wished.
                Ok(()) | Err(CommandError::Unknown | CommandError::Refused(_)) => {}
                Err(error @ CommandError::NotKept(_)) => tracing::error!(%alert, %error, "a key's word was lost"),
            }
        }
        outcome::of_call(answer, notification.attempts)
    }

    /// Keeps what came of it, and begins with the next contact where that is needed.
    async fn end(&self, notification: &Notification, came: Came) {
        let at = now().wall;
        let mut tried = after(came, &notification.address, notification.attempts, at);
        let note = match &mut tried {
            // Once: by then the next contact was told already.
            Tried::Done(NotifyOutcome::Failed, note) if notification.attempts <= FALL_BACK_AT => Some(note),
            Tried::Again(_, note) if notification.attempts == FALL_BACK_AT => Some(note),
            Tried::Done(..) | Tried::Again(..) | Tried::Elsewhere(_) => None,
        };
        if let Some(note) = note {
            let told = self.fall_back(notification, note, at).await;
            if let Some(next) = told {
                *note = format!("{note}; told by {next} instead, at once");
            }
        }
        for attempt in 1..=KEEP.0 {
            match self.0.store.finish_notification(notification.id, at, &tried).await {
                Ok(()) => {
                    if let Tried::Done(outcome, _) = &tried {
                        notified::count(&notification.address, *outcome);
                    }
                    break;
                }
                Err(error) if attempt == KEEP.0 => {
                    tracing::error!(notification = %notification.id, %error, "what came of a message can't be kept; it will be sent again");
                }
                Err(_) => tokio::time::sleep(KEEP.1).await,
            }
        }
        for alert in &notification.alerts {
            self.tell(super::Change::Alert(*alert));
        }
        self.poke_delivery();
    }

    /// Plans the person's next contact for each alert that is not told by it anyway; the contact.
    async fn fall_back(&self, notification: &Notification, reason: &str, at: Timestamp) -> Option<String> {
        let To::Person { user, contact } = &notification.to else { return None };
        if notification.kind != Kind::Alert {
            return None;
        }
        self.instead_of(notification.id, &notification.alerts, user, contact, reason, at).await
    }

    /// The same for a contact that failed later (a provider's receipt).
    pub(super) async fn instead_of(
        &self,
        failed: NotificationId,
        alerts: &[AlertId],
        user: &UserId,
        contact: &str,
        reason: &str,
        at: Timestamp,
    ) -> Option<String> {
        let directory = self.directory();
        let user = directory.users.get(user)?;
        // No contact is asked twice, however many fail one after the other.
        let first = match self.0.store.origin_of(failed).await {
            Ok(first) => first,
            Err(error) => {
                tracing::warn!(%error, "can't look which contact is next");
                return None;
            }
        };
        let reach = self.reaches();
        let mut planned = Vec::new();
        let mut next_contact = None;
        for alert in alerts {
            let told = match self.0.store.contacts_told(*alert, &user.id, first).await {
                Ok(told) => told,
                Err(error) => {
                    tracing::warn!(%error, "can't look which contact is next");
                    continue;
                }
            };
            let Some(next) = address::next_contact(user, contact, &told, &|contact| reach.reaches(contact)) else {
                continue;
            };
            planned.push(Planned {
                key: format!("{alert}{INSTEAD_OF}{first}/{}", next.id),
                alert: Some(*alert),
                to: To::Person { user: user.id.clone(), contact: next.id.clone() },
                address: next.address.clone(),
                due: at,
                kind: Kind::Alert,
                why: format!("{contact} could not be reached ({reason})."),
            });
            next_contact.get_or_insert(next.id);
        }
        match self.0.store.notify(&planned, None, at).await {
            Ok(made) if made.is_empty() => None,
            Ok(_) => next_contact,
            Err(error) => {
                tracing::error!(%error, "the next contact can't be planned");
                None
            }
        }
    }

    /// Tells Telegram where pressed buttons lead; see [`crate::notify::Notifier::register_telegram`]. `false`: not now, try again.
    pub async fn register_telegram(&self) -> bool {
        match self.0.notifier.register_telegram().await {
            Ok(registered) => {
                if registered {
                    tracing::info!("Telegram reports pressed buttons to us");
                }
                true
            }
            Err(crate::notify::SendError::Later { reason, .. }) => {
                tracing::warn!(%reason, "Telegram could not be told where buttons lead; tried again");
                false
            }
            Err(crate::notify::SendError::Never(reason)) => {
                tracing::warn!(%reason, "Telegram does not report pressed buttons to us; acknowledge by links instead");
                true
            }
        }
    }
}

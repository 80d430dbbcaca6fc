//! What a notification says: the alerts as they are now, with names and links, in the receiver's language.

use hotline_core::alert::Alert;
use hotline_core::directory::{Destination, Directory, Language};
use hotline_core::fact::RecordingKind;
use hotline_core::ids::RecordingId;
use hotline_core::notify::{Kind, To};

use super::super::Switch;
use super::super::links::{Action, Seal, Ticket, card};
use super::super::phone::{PhoneNotice, SpokenAlert};
use super::Matter;
use crate::clock::now;
use crate::notify::{AlertCard, Message, texts};
use crate::store::notifications::Notification;

impl Switch {
    /// As it is sent.
    pub(super) async fn message(&self, notification: &Notification, matter: &Matter) -> Message {
        let language = language(notification, matter);
        let seal = self.seal().await;
        let alerts: Vec<AlertCard> =
            matter.alerts.iter().map(|alert| self.linked(notification, alert, matter, seal.as_ref())).collect();
        let (subject, text) = texts::of(&language).compose(notification.kind, notification.text.as_deref(), &alerts);
        Message { id: notification.id, kind: notification.kind, language, subject, text, alerts }
    }

    fn linked(&self, notification: &Notification, alert: &Alert, matter: &Matter, seal: Option<&Seal>) -> AlertCard {
        let mut card = card(alert, &matter.directory);
        // The caller has no account here, and a partner none either.
        let insider = !matches!(notification.to, To::Outside);
        let base = self.0.public_url.as_deref().map(|url| url.trim_end_matches('/')).filter(|_| insider);
        card.url = base.map(|base| format!("{base}/alerts/{}", alert.id));
        let Some(seal) = seal.filter(|_| notification.kind == Kind::Alert && insider) else { return card };
        let at = now().wall;
        let token = |user, action| seal.token(&Ticket { alert: alert.id, user, action }, at);
        // A link names its person; in a channel nobody would know who pressed.
        if let (To::Person { user, .. }, Some(base)) = (&notification.to, base) {
            card.acknowledge_url = Some(format!("{base}/a/{}", token(Some(user.clone()), Action::Acknowledge)));
        }
        if base.is_some() {
            card.acknowledge_token = Some(token(None, Action::Acknowledge));
            card.resolve_token = Some(token(None, Action::Resolve));
        }
        card
    }

    /// As it is spoken.
    pub(super) async fn notice(
        &self,
        notification: &Notification,
        matter: &Matter,
        destination: Destination,
    ) -> PhoneNotice {
        let mut alerts = Vec::new();
        if matches!(notification.kind, Kind::Alert | Kind::Status) {
            for alert in &matter.alerts {
                alerts.push(self.spoken(alert, &matter.directory).await);
            }
        }
        let user = match &notification.to {
            To::Person { user, .. } => Some(user.clone()),
            To::Channel(_) | To::Outside => None,
        };
        let language = language(notification, matter);
        let text = match notification.kind {
            Kind::Alert | Kind::Status => notification.text.clone(),
            // The telephone has recorded words of its own for that.
            Kind::Test if notification.text.is_none() => None,
            Kind::Verification | Kind::Test | Kind::Caller | Kind::OnCall | Kind::Customer => {
                Some(texts::of(&language).compose(notification.kind, notification.text.as_deref(), &[]).1)
            }
        };
        PhoneNotice { user, destination, language, alerts, text }
    }

    async fn spoken(&self, alert: &Alert, directory: &Directory) -> SpokenAlert {
        let shown = card(alert, directory);
        let rows = match alert.call {
            // What was said can't be played while the database is away; the alert is told all the same.
            Some(call) => self.0.store.recordings(&call.to_string()).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let recordings: Vec<RecordingId> = rows
            .iter()
            // What the caller said to the hotline, not to an engineer.
            .filter(|row| {
                row.speech != 0 && row.duration_ms.is_some() && row.kind != RecordingKind::Conversation.word()
            })
            .filter_map(|row| row.id.parse().ok())
            .collect();
        SpokenAlert {
            id: alert.id,
            reference: shown.reference,
            title: shown.title,
            priority: shown.priority,
            customer: shown.customer,
            runbook: self.spoken_runbooks(
                &alert.title,
                alert.service.as_ref(),
                alert.customer.as_ref(),
                alert.source.as_ref().map(|source| source.0.as_str()),
            ),
            recordings,
        }
    }
}

/// A person's own; of others the customer's, then the number's that was rung.
pub(super) fn language(notification: &Notification, matter: &Matter) -> Language {
    let directory = &matter.directory;
    if let To::Person { user, .. } = &notification.to
        && let Some(user) = directory.users.get(user)
    {
        return user.language.clone();
    }
    let of_alert = |alert: &Alert| {
        let customer = alert.customer.as_ref().and_then(|id| directory.customers.get(id)?.language.clone());
        customer.or_else(|| Some(directory.numbers.get(alert.number.as_ref()?)?.language.clone()))
    };
    matter.alerts.iter().find_map(of_alert).unwrap_or_default()
}

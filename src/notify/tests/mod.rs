//! Every channel against a receiver of ours: the exact request, and what each kind of failure is taken for.

mod channels;
mod failures;
mod mail;
mod proofs;
pub(crate) mod receiver;
mod smtp;

use std::time::Duration;

use hotline_core::directory::{Address, Language};
use hotline_core::ids::NotificationId;
use hotline_core::network::Network;
use hotline_core::notify::Kind;
use hotline_core::private::Private;

use super::{AlertCard, Message, Notifier, NotifySettings, SmsProvider};
use receiver::{Receiver, Say};

const ID: &str = "019aab2c-7d11-7000-8000-00000000abcd";
const NUMBER: &str = "+4369912345678";

/// Loopback is allowed, as it must be for a receiver there.
fn settings() -> NotifySettings {
    NotifySettings {
        allow_networks: vec![Network::parse("127.0.0.0/8").unwrap()],
        timeout: Duration::from_secs(20),
        ..NotifySettings::default()
    }
}

fn twilio(receiver: &Receiver) -> NotifySettings {
    NotifySettings {
        sms: Some(SmsProvider::Twilio {
            account: "AC00ff00ff".to_owned(),
            token: Private::from("twilio-token-secret"),
            from: "+4367600000".to_owned(),
            base: Some(receiver.url("")),
        }),
        public_url: Some("https://ring.example".to_owned()),
        ..settings()
    }
}

fn card(reference: &str) -> AlertCard {
    AlertCard {
        id: format!("019aab2c-0000-7000-8000-00000000{reference}"),
        reference: reference.to_owned(),
        title: "db-7 <disk> full & slow".to_owned(),
        priority: "P1".to_owned(),
        status: "triggered".to_owned(),
        customer: Some("Müller Bau".to_owned()),
        service: Some("Mail".to_owned()),
        url: Some(format!("https://ring.example/alerts/{reference}")),
        acknowledge_url: Some(format!("https://ring.example/a/token{reference}")),
        acknowledge_token: Some(format!("ack-{reference}")),
        resolve_token: Some(format!("res-{reference}")),
    }
}

fn message(language: &str, references: &[&str]) -> Message {
    let language = Language(language.to_owned());
    let alerts: Vec<AlertCard> = references.iter().map(|reference| card(reference)).collect();
    let own = references.is_empty().then_some("The code is 123456.");
    let kind = if references.is_empty() { Kind::Verification } else { Kind::Alert };
    let (subject, text) = super::texts::of(&language).compose(kind, own, &alerts);
    Message { id: ID.parse::<NotificationId>().unwrap(), kind, language, subject, text, alerts }
}

fn sms() -> Address {
    Address::Sms(Private::from(NUMBER))
}

fn webhook(url: String) -> Address {
    Address::Webhook(Private::from(url))
}

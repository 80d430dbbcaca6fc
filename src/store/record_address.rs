//! Where a notification goes, as its row has it: JSON, and the name by which limits count.

use hotline_core::directory::{Address, Destination};
use hotline_core::ids::{PhoneId, TrunkId};
use hotline_core::notify::To;
use hotline_core::private::Private;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
enum AddressRecord {
    Phone { phone: String },
    Number { trunk: String, number: String },
    Sip { uri: String },
    Sms { to: String },
    Email { to: String },
    Ntfy { to: String },
    Telegram { to: String },
    Slack { to: String },
    Teams { to: String },
    Webhook { to: String },
}

/// The address as JSON.
pub(super) fn address_text(address: &Address) -> String {
    let to = |text: &Private<String>| text.reveal().clone();
    let record = match address {
        Address::Call(Destination::Phone(phone)) => AddressRecord::Phone { phone: phone.0.clone() },
        Address::Call(Destination::Number { trunk, number }) => {
            AddressRecord::Number { trunk: trunk.0.clone(), number: to(number) }
        }
        Address::Call(Destination::Sip(uri)) => AddressRecord::Sip { uri: uri.clone() },
        Address::Sms(text) => AddressRecord::Sms { to: to(text) },
        Address::Email(text) => AddressRecord::Email { to: to(text) },
        Address::Ntfy(text) => AddressRecord::Ntfy { to: to(text) },
        Address::Telegram(text) => AddressRecord::Telegram { to: to(text) },
        Address::Slack(text) => AddressRecord::Slack { to: to(text) },
        Address::Teams(text) => AddressRecord::Teams { to: to(text) },
        Address::Webhook(text) => AddressRecord::Webhook { to: to(text) },
    };
    serde_json::to_string(&record).expect("plain structs and strings always become JSON")
}

/// The address in the JSON, if it is one.
pub(super) fn address_from(json: &str) -> Option<Address> {
    Some(match serde_json::from_str(json).ok()? {
        AddressRecord::Phone { phone } => Address::Call(Destination::Phone(PhoneId(phone))),
        AddressRecord::Number { trunk, number } => {
            Address::Call(Destination::Number { trunk: TrunkId(trunk), number: Private::new(number) })
        }
        AddressRecord::Sip { uri } => Address::Call(Destination::Sip(uri)),
        AddressRecord::Sms { to } => Address::Sms(Private::new(to)),
        AddressRecord::Email { to } => Address::Email(Private::new(to)),
        AddressRecord::Ntfy { to } => Address::Ntfy(Private::new(to)),
        AddressRecord::Telegram { to } => Address::Telegram(Private::new(to)),
        AddressRecord::Slack { to } => Address::Slack(Private::new(to)),
        AddressRecord::Teams { to } => Address::Teams(Private::new(to)),
        AddressRecord::Webhook { to } => Address::Webhook(Private::new(to)),
    })
}

/// What limits count: one contact of a person, one channel, one outside address (hashed: it may be a number).
pub(super) fn place(to: &To, address: &Address) -> String {
    use sha2::Digest;
    match to {
        To::Person { user, contact } => format!("user/{user}/{contact}"),
        To::Channel(channel) => format!("channel/{channel}"),
        To::Outside => format!("outside/{}", hex::encode(sha2::Sha256::digest(address_text(address)))),
    }
}

//! Where people and channels are reached, and by which rules.

use std::time::Duration;

use jiff::Timestamp;

use crate::alert::Urgency;
use crate::ids::ChannelId;
use crate::private::Private;

use super::Destination;

/// A place that a notification can be sent to. Comes from the directory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A telephone: rung by our own SIP.
    Call(Destination),
    /// A mobile number, E.164.
    Sms(Private<String>),
    /// A mailbox.
    Email(Private<String>),
    /// A topic of an ntfy server (the configured one).
    Ntfy(Private<String>),
    /// A Telegram chat id.
    Telegram(Private<String>),
    /// A Slack channel or member id, through the configured bot; or the whole URL of an incoming webhook.
    Slack(Private<String>),
    /// The URL of a Microsoft Teams workflow.
    Teams(Private<String>),
    /// Any HTTP receiver; signed.
    Webhook(Private<String>),
}

impl Address {
    /// The words of all kinds, in the order of the enum.
    pub const KINDS: [&'static str; 8] = ["call", "sms", "email", "ntfy", "telegram", "slack", "teams", "webhook"];

    /// Stable word of the kind: `call`, `sms`, `email`, `ntfy`, `telegram`, `slack`, `teams`, `webhook`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Sms(_) => "sms",
            Self::Email(_) => "email",
            Self::Ntfy(_) => "ntfy",
            Self::Telegram(_) => "telegram",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// One way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Unique among the person's contacts (`mobile`, `phone-1`).
    pub id: String,
    /// Where.
    pub address: Address,
    /// Written in `hotline.toml` by the operator, or proven by a code. Nothing but a code is sent to one that is not.
    pub verified: bool,
}

/// "Push at once, SMS after two minutes, call after five."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyRule {
    /// For which alerts; `None`: all.
    pub urgency: Option<Urgency>,
    /// How long after the person's turn came.
    pub after: Duration,
    /// Which of the person's contacts (`Contact::id`).
    pub contact: String,
}

/// A person is away: not on call, not rung, in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub to: Timestamp,
    /// As shown to those who plan ("holiday").
    pub reason: String,
}

/// A chat room, mailbox or receiver that is no person: a target of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Configured name.
    pub id: ChannelId,
    /// As shown.
    pub name: String,
    /// Where.
    pub address: Address,
}

//! Out to people's devices and rooms, one file per channel: a message becomes a request. Calls are not here: the
//! switch places them.
//!
//! Decides nothing about who or when; knows no alert's row. Every request goes through one client that does not reach private
//! addresses unless the configuration allows them (SSRF), follows no redirects, and is timed out. Secrets are in no log,
//! error or answer.

use std::net::IpAddr;
use std::time::Duration;

use hotline_core::directory::{Address, Language};
use hotline_core::ids::NotificationId;
use hotline_core::notify::Kind;
use hotline_core::private::Private;

/// Providers and secrets, from `[notify]` of `hotline.toml` and the environment.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// Mail server; `None`: mail can't be sent.
    pub smtp: Option<Smtp>,
    /// SMS provider.
    pub sms: Option<SmsProvider>,
    /// `https://ntfy.sh` or an own server, with an access token.
    pub ntfy: Option<(String, Option<Private<String>>)>,
    /// Telegram bot token, and the API's address if not the usual one.
    pub telegram: Option<(Private<String>, Option<String>)>,
    /// Slack bot token, and the API's address if not the usual one.
    pub slack: Option<(Private<String>, Option<String>)>,
    /// Slack's signing secret, for its buttons.
    pub slack_signing_secret: Option<Private<String>>,
    /// Secrets that sign our webhooks, newest first: each signs, so that receivers can change over.
    pub webhook_secrets: Vec<Private<String>>,
    /// Private networks that may be reached (`10.0.0.0/8`); `127.0.0.0/8` only if it stands here.
    pub allow_networks: Vec<hotline_core::network::Network>,
    /// Longest wait for one request; 5 s if zero.
    pub timeout: Duration,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Host and port.
    pub server: (String, u16),
    /// `tls` (465), `starttls` (587), `none` (loopback and tests).
    pub security: SmtpSecurity,
    /// Login.
    pub login: Option<(String, Private<String>)>,
    /// `Hotline <hotline@example.com>`.
    pub from: String,
}

/// How the mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, required.
    StartTls,
    /// Without.
    None,
}

/// Who sends SMS.
#[derive(Debug, Clone)]
pub enum SmsProvider {
    /// Twilio's Messages API.
    Twilio {
        /// `AC…`
        account: String,
        /// Auth token; also proves Twilio's incoming requests.
        token: Private<String>,
        /// Sender's number or messaging service.
        from: String,
        /// API's address if not the usual one.
        base: Option<String>,
    },
    /// seven.io.
    Seven {
        /// API key.
        key: Private<String>,
        /// Sender.
        from: String,
        /// API's address if not the usual one.
        base: Option<String>,
    },
    /// Any HTTP API: URL, headers and body are templates with `{{ to }}`, `{{ text }}`, `{{ from }}`, `{{ id }}`.
    Http {
        /// Where to POST.
        url: String,
        /// Headers, secrets among them.
        headers: Vec<(String, Private<String>)>,
        /// Body template.
        body: String,
        /// Its type.
        content_type: String,
        /// Sender.
        from: String,
    },
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The notification: idempotency key of providers and webhooks.
    pub id: NotificationId,
    /// What for.
    pub kind: Kind,
    /// Language of the receiver.
    pub language: Language,
    /// One line.
    pub subject: String,
    /// The whole text, plain; SMS cuts it.
    pub text: String,
    /// The alerts it speaks of.
    pub alerts: Vec<AlertCard>,
}

/// An alert as a message shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertCard {
    /// `AlertId`.
    pub id: String,
    /// Short number.
    pub reference: String,
    /// One line.
    pub title: String,
    /// `P1` … `P5`.
    pub priority: String,
    /// `triggered`, `acknowledged`, `resolved`.
    pub status: String,
    /// Customer's name.
    pub customer: Option<String>,
    /// Service's name.
    pub service: Option<String>,
    /// The page of the alert.
    pub url: Option<String>,
    /// Signed link that acknowledges after a click on its page (GET shows, POST does: mail scanners press nothing).
    pub acknowledge_url: Option<String>,
}

/// The other side took it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// The provider's own id of the message, for replies and delivery reports.
    pub provider_id: Option<String>,
}

/// It could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Time-out, 429, 5xx, connection refused: again later. `after`: what `Retry-After` asked for.
    #[error("{reason}")]
    Later {
        /// Why, without secrets and numbers.
        reason: String,
        /// What the other side asked for.
        after: Option<Duration>,
    },
    /// 4xx, not configured, an address that may not be reached: never.
    #[error("{0}")]
    Never(String),
}

/// Sends. Clones share it.
#[derive(Debug, Clone)]
pub struct Notifier {
    settings: std::sync::Arc<NotifySettings>,
}

impl Notifier {
    /// With these providers.
    pub fn new(settings: NotifySettings) -> Self {
        Self { settings: std::sync::Arc::new(settings) }
    }

    /// Whether addresses of this kind can be sent to at all; else what to configure. A call: always fine here.
    pub fn can(&self, address: &Address) -> Result<(), String> {
        let _ = (address, &self.settings);
        todo!("notify")
    }

    /// One try. Never longer than the time-out. `Address::Call` is `Never` here.
    pub async fn send(&self, address: &Address, message: &Message) -> Result<Sent, SendError> {
        let _ = (address, message);
        todo!("notify")
    }

    /// A signed POST of any JSON to any URL (actions, subscribers): headers `Hotline-Signature: v1=…,v1=…` (HMAC-SHA256 over
    /// `timestamp.body` with `Hotline-Timestamp`), `Hotline-Delivery: id`.
    pub async fn post_signed(&self, url: &str, delivery: &str, body: &serde_json::Value) -> Result<String, SendError> {
        let _ = (url, delivery, body, None::<IpAddr>);
        todo!("notify/webhook")
    }
}

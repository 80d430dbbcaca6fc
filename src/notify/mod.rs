//! Out to people's devices and rooms, one file per channel: a message becomes a request. Calls are not here: the
//! switch places them.
//!
//! | file | does |
//! |---|---|
//! | `guard` | the one client: judged addresses, bounded answers, classes of errors |
//! | `proof` | signatures, ours and others' |
//! | `texts` | what is said, in each language |
//! | `sms` | what fits into an SMS; `sms_twilio`, `sms_seven`, `sms_http` carry it |
//! | `letter` | mails to people outside, who can end them |
//! | `language_model` | prose from a model, for whoever judges it |
//! | `email`, `ntfy`, `telegram`, `slack`, `teams`, `webhook` | one channel each |
//!
//! Decides nothing about who or when; knows no alert's row. Every request goes through one client that does not reach private
//! addresses unless the configuration allows them (SSRF), follows no redirects, and is timed out. Secrets are in no log,
//! error or answer.

mod email;
mod guard;
mod language_model;
pub mod letter;
mod ntfy;
pub(crate) mod proof;
mod slack;
mod sms;
pub mod sms_http;
mod sms_seven;
mod sms_twilio;
mod teams;
mod telegram;
pub mod texts;
mod webhook;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hotline_core::directory::{Address, Language};
use hotline_core::ids::NotificationId;
use hotline_core::notify::Kind;
use hotline_core::private::Private;
use jiff::Timestamp;

use guard::Guard;
pub use language_model::{LanguageModel, LanguageModelSettings};

/// A provider that takes longer is tried again later.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A mail is a conversation: so many times as long as one request.
const MAIL_TIMES: u32 = 4;

/// Providers and secrets, from `[notify]` of `hotline.toml` and the environment.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// Mail server; `None`: mail can't be sent.
    pub smtp: Option<Smtp>,
    /// SMS provider.
    pub sms: Option<SmsProvider>,
    /// Proves SMS that come back through seven.io or a generic gateway: part of their URL, or the key of their signature.
    pub sms_inbound_secret: Option<Private<String>>,
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
    /// Longest wait for one request; 5 s if zero. A mail may take four times as long.
    pub timeout: Duration,
    /// What addresses of ours begin with, for providers that report back; `None`: they can't.
    pub public_url: Option<String>,
    /// Writes prose; `None`: nobody does.
    pub language_model: Option<LanguageModelSettings>,
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
#[derive(Clone)]
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

/// Templates may hold secrets as well: only the kind is shown.
impl fmt::Debug for SmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twilio { .. } => "Twilio { … }",
            Self::Seven { .. } => "Seven { … }",
            Self::Http { .. } => "Http { … }",
        })
    }
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
    /// What a chat's button sends back to acknowledge, at most 64 bytes; who pressed is known by the chat.
    pub acknowledge_token: Option<String>,
    /// What a chat's button sends back to resolve.
    pub resolve_token: Option<String>,
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

/// What somebody outside brings to prove that a request is from whom it says.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// `X-Twilio-Signature` over one of these spellings of the URL and the form.
    Twilio {
        /// As the request may have been addressed.
        urls: &'a [String],
        /// The form.
        form: &'a [(String, String)],
        /// The header.
        signature: &'a str,
    },
    /// A secret as part of the URL.
    SmsPath(&'a str),
    /// `Hotline-Signature` and `Hotline-Timestamp` over the body, with the inbound secret.
    SmsSigned {
        /// The header.
        timestamp: &'a str,
        /// The header.
        signature: &'a str,
        /// The raw body.
        body: &'a [u8],
    },
    /// `X-Slack-Signature` and `X-Slack-Request-Timestamp` over the body.
    Slack {
        /// The header.
        timestamp: &'a str,
        /// The header.
        signature: &'a str,
        /// The raw body.
        body: &'a [u8],
    },
    /// `X-Telegram-Bot-Api-Secret-Token`.
    Telegram(&'a str),
}

/// What a claim is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It holds.
    Right,
    /// It does not.
    Wrong,
    /// The provider is not set up here, so nothing of it is believed.
    NotSetUp,
}

/// Sends. Clones share it.
#[derive(Debug, Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    settings: NotifySettings,
    guard: Guard,
    timeout: Duration,
    mailer: OnceLock<email::Mailer>,
    language_model: Option<LanguageModel>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Notifier {
    /// With these providers.
    pub fn new(settings: NotifySettings) -> Self {
        let guard = Guard::new(settings.allow_networks.clone(), timeout(&settings));
        Self::behind(settings, guard)
    }

    fn behind(settings: NotifySettings, guard: Guard) -> Self {
        let timeout = timeout(&settings);
        let allowed = || settings.allow_networks.clone();
        let language_model = settings.language_model.clone().map(|model| LanguageModel::new(model, allowed()));
        Self(Arc::new(Inner { settings, guard, timeout, mailer: OnceLock::new(), language_model }))
    }

    /// The language model, if one is configured.
    pub fn language_model(&self) -> Option<&LanguageModel> {
        self.0.language_model.as_ref()
    }

    /// Whether addresses of this kind can be sent to at all; else what to configure. A call: always fine here.
    pub fn can(&self, address: &Address) -> Result<(), String> {
        let settings = &self.0.settings;
        let need = |there: bool, what: &str| if there { Ok(()) } else { Err(what.to_owned()) };
        let url = |url: &Private<String>| {
            need(guard::is_url(url.reveal()), "the contact's address is no URL; write https://…")
        };
        match address {
            Address::Call(_) => Ok(()),
            Address::Sms(_) => {
                need(settings.sms.is_some(), "no SMS provider is set up; add [notify.sms] to hotline.toml")
            }
            Address::Email(_) => {
                need(settings.smtp.is_some(), "no mail server is set up; add [notify.smtp] to hotline.toml")
            }
            Address::Ntfy(_) => {
                need(settings.ntfy.is_some(), "no ntfy server is set up; add [notify.ntfy] to hotline.toml")
            }
            Address::Telegram(_) => {
                need(settings.telegram.is_some(), "no Telegram bot is set up; add [notify.telegram] to hotline.toml")
            }
            Address::Slack(to) if is_webhook(to) => url(to),
            Address::Slack(_) => {
                need(settings.slack.is_some(), "no Slack bot is set up; add [notify.slack] to hotline.toml")
            }
            Address::Teams(to) => url(to),
            Address::Webhook(to) => {
                url(to)?;
                need(!settings.webhook_secrets.is_empty(), webhook::NO_SECRET)
            }
        }
    }

    /// One try. Never longer than the time-out. `Address::Call` is `Never` here.
    pub async fn send(&self, address: &Address, message: &Message) -> Result<Sent, SendError> {
        self.can(address).map_err(SendError::Never)?;
        let Inner { settings, guard, timeout, .. } = &*self.0;
        // `can` said that it is there.
        let missing = || SendError::Never("this channel is not set up".to_owned());
        match address {
            Address::Call(_) => Err(SendError::Never("calls are placed by the switch".to_owned())),
            Address::Sms(to) => self.send_sms(to.reveal(), message).await,
            Address::Email(to) => {
                let smtp = settings.smtp.as_ref().ok_or_else(missing)?;
                email::send(self.mailer(smtp)?, &smtp.from, to.reveal(), message, *timeout * MAIL_TIMES).await
            }
            Address::Ntfy(topic) => {
                let (server, token) = settings.ntfy.as_ref().ok_or_else(missing)?;
                ntfy::send(guard, server, token.as_ref(), topic.reveal(), message).await
            }
            Address::Telegram(chat) => {
                let (token, base) = settings.telegram.as_ref().ok_or_else(missing)?;
                telegram::send(guard, token, base.as_deref(), chat.reveal(), message).await
            }
            Address::Slack(to) => {
                let buttons = settings.slack_signing_secret.is_some();
                if is_webhook(to) {
                    return slack::send_to_webhook(guard, to.reveal(), message, buttons).await;
                }
                let (token, base) = settings.slack.as_ref().ok_or_else(missing)?;
                slack::send(guard, token, base.as_deref(), to.reveal(), message, buttons).await
            }
            Address::Teams(url) => teams::send(guard, url.reveal(), message).await,
            Address::Webhook(url) => {
                let body = webhook::body(message);
                let id = message.id.to_string();
                webhook::post(guard, &settings.webhook_secrets, url.reveal(), &id, &body).await.map(|_| Sent::default())
            }
        }
    }

    async fn send_sms(&self, to: &str, message: &Message) -> Result<Sent, SendError> {
        let Inner { settings, guard, .. } = &*self.0;
        match &settings.sms {
            None => Err(SendError::Never("no SMS provider is set up".to_owned())),
            Some(SmsProvider::Twilio { account, token, from, base }) => {
                let own = sms_twilio::Account { sid: account, token, from, base: base.as_deref() };
                let status = settings.public_url.as_deref().map(|url| {
                    format!("{}/inbound/twilio/status?notification={}", url.trim_end_matches('/'), message.id)
                });
                sms_twilio::send(guard, &own, to, message, status.as_deref()).await
            }
            Some(SmsProvider::Seven { key, from, base }) => {
                sms_seven::send(guard, key, from, base.as_deref(), to, message).await
            }
            Some(SmsProvider::Http { url, headers, body, content_type, from }) => {
                let template = sms_http::Template { url, headers, body, content_type, from };
                sms_http::send(guard, &template, to, message).await
            }
        }
    }

    fn mailer(&self, smtp: &Smtp) -> Result<&email::Mailer, SendError> {
        if let Some(mailer) = self.0.mailer.get() {
            return Ok(mailer);
        }
        let mailer = email::mailer(smtp, self.0.timeout)?;
        Ok(self.0.mailer.get_or_init(|| mailer))
    }

    /// A signed POST of any JSON to any URL (actions, subscribers): headers `Hotline-Signature: v1=…,v1=…` (HMAC-SHA256 over
    /// `timestamp.body` with `Hotline-Timestamp`), `Hotline-Delivery: id`. The answer's text, at most 64 KiB.
    pub async fn post_signed(&self, url: &str, delivery: &str, body: &serde_json::Value) -> Result<String, SendError> {
        webhook::post(&self.0.guard, &self.0.settings.webhook_secrets, url, delivery, body).await
    }

    /// Whether a request from outside is from whom it says.
    pub fn prove(&self, claim: Claim<'_>, now: Timestamp) -> Proof {
        let settings = &self.0.settings;
        let held = match claim {
            Claim::Twilio { urls, form, signature } => match &settings.sms {
                Some(SmsProvider::Twilio { token, .. }) => {
                    Some(urls.iter().any(|url| proof::twilio(token, url, form, signature)))
                }
                Some(SmsProvider::Seven { .. } | SmsProvider::Http { .. }) | None => None,
            },
            Claim::SmsPath(given) => settings
                .sms_inbound_secret
                .as_ref()
                .map(|secret| proof::same(given.as_bytes(), secret.reveal().as_bytes())),
            Claim::SmsSigned { timestamp, signature, body } => settings
                .sms_inbound_secret
                .as_ref()
                .map(|secret| proof::incoming(std::slice::from_ref(secret), timestamp, body, signature, now)),
            Claim::Slack { timestamp, signature, body } => settings
                .slack_signing_secret
                .as_ref()
                .map(|secret| proof::slack(secret, timestamp, body, signature, now)),
            Claim::Telegram(given) => settings
                .telegram
                .as_ref()
                .map(|(token, _)| proof::same(given.as_bytes(), telegram::webhook_secret(token).as_bytes())),
        };
        match held {
            None => Proof::NotSetUp,
            Some(true) => Proof::Right,
            Some(false) => Proof::Wrong,
        }
    }

    /// Tells Slack what a pressed button led to; seen by whoever pressed it.
    pub async fn answer_slack(&self, response_url: &str, text: &str) -> Result<(), SendError> {
        slack::answer(&self.0.guard, response_url, text).await
    }

    /// Tells Telegram where pressed buttons are to be reported: here, with a secret of ours. `Ok(false)`: there is no bot, or no public
    /// address of ours that Telegram would take (https).
    pub async fn register_telegram(&self) -> Result<bool, SendError> {
        let settings = &self.0.settings;
        let own = settings.public_url.as_deref().filter(|url| url.starts_with("https://") || cfg!(test));
        let (Some((token, base)), Some(own)) = (&settings.telegram, own) else { return Ok(false) };
        telegram::register(&self.0.guard, token, base.as_deref(), own).await.map(|()| true)
    }
}

/// Whether a mail can be from or to it: `a@b.example`, `Name <a@b.example>`.
pub fn is_mailbox(text: &str) -> bool {
    text.parse::<lettre::message::Mailbox>().is_ok()
}

fn timeout(settings: &NotifySettings) -> Duration {
    if settings.timeout.is_zero() { TIMEOUT } else { settings.timeout }
}

fn is_webhook(address: &Private<String>) -> bool {
    address.reveal().contains("://")
}

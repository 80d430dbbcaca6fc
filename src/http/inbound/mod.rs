//! Answers from outside: signed links, SMS that come back, buttons of chats, receipts of providers. None of them has a session; each
//! proves itself by a signature or a secret, and can do the one thing that it is about.
//!
//! | path | who | proof |
//! |---|---|---|
//! | `GET`, `POST /a/{token}` | a person's browser, ntfy's button | the token (`switch/links`) |
//! | `POST /inbound/twilio/sms`, `/status` | Twilio | `X-Twilio-Signature` |
//! | `POST /inbound/seven/{secret}` | seven.io | the secret |
//! | `POST /inbound/sms`, `/inbound/sms/{secret}` | any gateway | `Hotline-Signature` over `timestamp.body`, or the secret |
//! | `POST /inbound/slack` | Slack | `X-Slack-Signature` |
//! | `POST /inbound/telegram` | Telegram | `X-Telegram-Bot-Api-Secret-Token` |

mod chat;
mod link;
mod sms;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::routing::{get, post};
use hotline_core::directory::Language;
use hotline_core::ids::NotificationId;

use super::AppState;
use super::problem::Problem;
use crate::store::StoreError;
use crate::switch::Switch;
use crate::switch::links::LinkPage;
use crate::switch::replies::{Answer, Claim, Presser, Proof};

/// What answers from outside lead to: the switch, or a fake.
#[async_trait]
pub trait Replies: Send + Sync {
    /// Whether a request is from whom it says.
    fn prove(&self, claim: Claim<'_>) -> Proof;
    /// A link's page, before anything is pressed.
    async fn look_link(&self, token: &str, language: &Language) -> LinkPage;
    /// A link's button was pressed.
    async fn press_link(&self, token: &str, language: &Language) -> LinkPage;
    /// An SMS came in; `None`: from nobody whom we know.
    async fn reply_by_sms(&self, from: &str, text: &str) -> Option<Answer>;
    /// Answers an SMS by an SMS of its own.
    async fn answer_by_sms(&self, answer: &Answer, incoming: &str);
    /// A chat's button was pressed; what is shown.
    async fn press_button(&self, who: Presser<'_>, token: &str, language: &Language) -> String;
    /// Tells Slack what it led to.
    fn answer_slack(&self, response_url: String, text: String);
    /// A provider says that a message did not arrive.
    async fn not_arrived(&self, id: NotificationId, word: &str) -> Result<(), StoreError>;
}

#[async_trait]
impl Replies for Switch {
    fn prove(&self, claim: Claim<'_>) -> Proof {
        Self::prove(self, claim)
    }
    async fn look_link(&self, token: &str, language: &Language) -> LinkPage {
        Self::look_link(self, token, language).await
    }
    async fn press_link(&self, token: &str, language: &Language) -> LinkPage {
        Self::press_link(self, token, language).await
    }
    async fn reply_by_sms(&self, from: &str, text: &str) -> Option<Answer> {
        Self::reply_by_sms(self, from, text).await
    }
    async fn answer_by_sms(&self, answer: &Answer, incoming: &str) {
        Self::answer_by_sms(self, answer, incoming).await;
    }
    async fn press_button(&self, who: Presser<'_>, token: &str, language: &Language) -> String {
        Self::press_button(self, who, token, language).await
    }
    fn answer_slack(&self, response_url: String, text: String) {
        Self::answer_slack(self, response_url, text);
    }
    async fn not_arrived(&self, id: NotificationId, word: &str) -> Result<(), StoreError> {
        Self::not_arrived(self, id, word).await
    }
}

/// The routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/a/{token}", get(link::show).post(link::press))
        .route("/inbound/twilio/sms", post(sms::twilio))
        .route("/inbound/twilio/status", post(sms::twilio_status))
        .route("/inbound/seven/{secret}", post(sms::seven))
        .route("/inbound/sms", post(sms::signed))
        .route("/inbound/sms/{secret}", post(sms::by_path))
        .route("/inbound/slack", post(chat::slack))
        .route("/inbound/telegram", post(chat::telegram))
}

fn replies(state: &AppState) -> Result<&dyn Replies, Problem> {
    state.board().replies().ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))
}

/// Goes on only where the claim holds.
fn proven(replies: &dyn Replies, claim: Claim<'_>) -> Result<(), Problem> {
    match replies.prove(claim) {
        Proof::Right => Ok(()),
        Proof::Wrong => Err(Problem::forbidden(
            "signature-wrong",
            "The signature (or the secret in the address) is wrong, or too old. Check secret and public address on both sides, and the clocks.",
        )),
        Proof::NotSetUp => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "provider-not-set-up",
            "This provider is not set up",
            "Nothing is taken from this provider here. Set it up in [notify] of hotline.toml.",
        )),
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A form's fields in their order; what is no UTF-8 becomes `\u{fffd}`.
fn form(body: &Bytes) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

fn unreadable(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-body", "The body could not be read", detail)
}

/// How the sender may have spelled our address: the public one, else the host that was asked for.
fn spellings(state: &AppState, headers: &HeaderMap, uri: &Uri) -> Vec<String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = text_of(headers, "host");
    let public = state.settings().public_url.as_deref().map(|url| format!("{}{path}", url.trim_end_matches('/')));
    public.into_iter().chain([format!("https://{host}{path}"), format!("http://{host}{path}")]).collect()
}

/// What a browser wants to read, of the two that there are.
fn browser_language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = wanted.split([',', ';']).map(str::trim).find(|tag| {
        let main = tag.split('-').next().unwrap_or_default();
        main.eq_ignore_ascii_case("de") || main.eq_ignore_ascii_case("en")
    });
    first.map_or_else(Language::default, |tag| Language(tag.to_owned()))
}

#[cfg(test)]
mod tests;

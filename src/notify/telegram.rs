//! Telegram: `sendMessage` of the Bot API, with buttons whose data is our own signed token (at most 64 bytes).
//! The bot's token is part of the URL, so the URL is in no error.

use hotline_core::notify::Kind;
use hotline_core::private::Private;
use serde_json::{Value, json};

use super::guard::Guard;
use super::proof;
use super::texts::{self, Texts};
use super::{AlertCard, Message, SendError, Sent};

const CHANNEL: &str = "telegram";
const BASE: &str = "https://api.telegram.org";
/// The Bot API takes no more in one message, after entities are parsed.
const TEXT_MAX: usize = 4_000;
/// Bytes of `callback_data`.
const DATA_MAX: usize = 64;
/// Alerts with buttons of their own.
const BUTTONS_MAX: usize = 8;

/// One try.
pub(super) async fn send(
    guard: &Guard,
    token: &Private<String>,
    base: Option<&str>,
    chat: &str,
    message: &Message,
) -> Result<Sent, SendError> {
    let url = format!("{}/bot{}/sendMessage", base.unwrap_or(BASE).trim_end_matches('/'), token.reveal());
    let body = body(chat, message);
    let answer = guard.post(CHANNEL, &url)?.with(|request| request.json(&body)).send().await?.json();
    if answer["ok"] != Value::Bool(true) {
        return Err(SendError::Never(format!("{CHANNEL}: refused{}", refused(&answer))));
    }
    Ok(Sent { provider_id: answer["result"]["message_id"].as_i64().map(|id| id.to_string()) })
}

/// What Telegram's requests to us carry: made of the bot's token, so that there is nothing to configure.
pub(super) fn webhook_secret(token: &Private<String>) -> String {
    hex::encode(proof::hmac_sha256(token.reveal().as_bytes(), &[b"hotline: telegram webhook"]))
}

/// Asks for pressed buttons to be posted to us.
pub(super) async fn register(
    guard: &Guard,
    token: &Private<String>,
    base: Option<&str>,
    public_url: &str,
) -> Result<(), SendError> {
    let url = format!("{}/bot{}/setWebhook", base.unwrap_or(BASE).trim_end_matches('/'), token.reveal());
    let body = json!({
        "url": format!("{}/inbound/telegram", public_url.trim_end_matches('/')),
        "secret_token": webhook_secret(token),
        "allowed_updates": ["callback_query"],
    });
    let answer = guard.post(CHANNEL, &url)?.with(|request| request.json(&body)).send().await?.json();
    if answer["ok"] == Value::Bool(true) {
        return Ok(());
    }
    Err(SendError::Never(format!("{CHANNEL}: the webhook was refused{}", refused(&answer))))
}

fn refused(answer: &Value) -> String {
    answer["error_code"].as_u64().map(|code| format!(" ({code})")).unwrap_or_default()
}

fn body(chat: &str, message: &Message) -> Value {
    let t = texts::of(&message.language);
    let text: String = message.text.chars().take(TEXT_MAX - 400).collect();
    let subject: String = message.subject.chars().take(300).collect();
    let mut body = json!({
        "chat_id": chat.parse::<i64>().map_or_else(|_| json!(chat), |id| json!(id)),
        "text": format!("<b>{}</b>\n{}", escaped(&subject), escaped(&text)),
        "parse_mode": "HTML",
        "disable_web_page_preview": true,
    });
    let rows: Vec<Value> = match message.kind {
        Kind::Alert => {
            message.alerts.iter().take(BUTTONS_MAX).filter_map(|card| row(t, card, &message.alerts)).collect()
        }
        Kind::Verification | Kind::Test | Kind::Caller | Kind::OnCall | Kind::Status | Kind::Customer => Vec::new(),
    };
    if !rows.is_empty() {
        body["reply_markup"] = json!({ "inline_keyboard": rows });
    }
    body
}

/// The buttons of one alert; of several, each says which.
fn row(t: &Texts, card: &AlertCard, all: &[AlertCard]) -> Option<Value> {
    let which = if all.len() > 1 { format!(" #{}", card.reference) } else { String::new() };
    let button = |label: &str, data: &Option<String>| {
        let data = data.as_ref().filter(|data| data.len() <= DATA_MAX)?;
        Some(json!({"text": format!("{label}{which}"), "callback_data": data}))
    };
    let mut buttons: Vec<Value> =
        [button(t.acknowledge, &card.acknowledge_token), button(t.resolve, &card.resolve_token)]
            .into_iter()
            .flatten()
            .collect();
    // Telegram takes no links to hosts that it can't look up.
    let open = card.url.as_ref().filter(|url| url.starts_with("https://"));
    buttons.extend(open.map(|url| json!({"text": format!("{}{which}", t.open), "url": url})));
    (!buttons.is_empty()).then_some(Value::Array(buttons))
}

/// The three characters that have a meaning in its HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

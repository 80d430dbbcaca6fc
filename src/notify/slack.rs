//! Slack: `chat.postMessage` with blocks and buttons by the bot, or an incoming webhook's URL. Its answer is 200 even when
//! it refuses.

use hotline_core::notify::Kind;
use hotline_core::private::Private;
use serde_json::{Value, json};

use super::guard::{Guard, plain_word};
use super::texts::{self, Texts};
use super::{AlertCard, Message, SendError, Sent};

const CHANNEL: &str = "slack";
const BASE: &str = "https://slack.com";
/// Characters in a section's text.
const SECTION_MAX: usize = 2_900;
/// Alerts that get blocks of their own; a message holds 50 blocks.
const BLOCKS_MAX: usize = 12;

/// By the bot. `buttons`: they lead somewhere (a signing secret is set up), else links do.
pub(super) async fn send(
    guard: &Guard,
    token: &Private<String>,
    base: Option<&str>,
    channel: &str,
    message: &Message,
    buttons: bool,
) -> Result<Sent, SendError> {
    let url = format!("{}/api/chat.postMessage", base.unwrap_or(BASE).trim_end_matches('/'));
    let mut body = body(message, buttons);
    body["channel"] = json!(channel);
    let answer =
        guard.post(CHANNEL, &url)?.with(|request| request.bearer_auth(token.reveal()).json(&body)).send().await?.json();
    if answer["ok"] == Value::Bool(true) {
        return Ok(Sent { provider_id: answer["ts"].as_str().map(str::to_owned) });
    }
    match answer["error"].as_str().and_then(plain_word) {
        Some(
            word @ ("ratelimited"
            | "rate_limited"
            | "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"),
        ) => Err(SendError::Later { reason: format!("{CHANNEL}: {word}"), after: None }),
        Some(word) => Err(SendError::Never(format!("{CHANNEL}: {word}"))),
        None => Err(SendError::Later { reason: format!("{CHANNEL}: an answer that can't be understood"), after: None }),
    }
}

/// By an incoming webhook; it answers `ok`.
pub(super) async fn send_to_webhook(
    guard: &Guard,
    url: &str,
    message: &Message,
    buttons: bool,
) -> Result<Sent, SendError> {
    let body = body(message, buttons);
    guard.post(CHANNEL, url)?.with(|request| request.json(&body)).send().await?;
    Ok(Sent::default())
}

/// An answer to whoever pressed a button, seen by them alone.
pub(super) async fn answer(guard: &Guard, response_url: &str, text: &str) -> Result<(), SendError> {
    let body = json!({"response_type": "ephemeral", "replace_original": false, "text": escaped(text)});
    guard.post(CHANNEL, response_url)?.with(|request| request.json(&body)).send().await.map(|_| ())
}

fn body(message: &Message, buttons: bool) -> Value {
    let t = texts::of(&message.language);
    let mut blocks = Vec::new();
    if message.alerts.len() != 1 {
        blocks.push(section(&format!("*{}*", escaped(&message.subject))));
    }
    if message.alerts.is_empty() {
        blocks.push(section(&escaped(&message.text)));
    }
    for card in message.alerts.iter().take(BLOCKS_MAX) {
        blocks.extend(alert(t, card, message.kind, buttons));
    }
    if let Some(left) = message.alerts.len().checked_sub(BLOCKS_MAX).filter(|left| *left > 0) {
        blocks.push(section(&format!("… {left} {}", t.more)));
    }
    let color = if message.kind == Kind::Alert { "#a81e2c" } else { "#0f6b6b" };
    json!({
        "text": escaped(&message.subject),
        "attachments": [{ "color": color, "blocks": blocks }],
    })
}

fn alert(t: &Texts, card: &AlertCard, kind: Kind, buttons: bool) -> Vec<Value> {
    let line = escaped(&texts::line(card)).replace('|', "¦");
    let title = match &card.url {
        Some(url) => format!("*<{}|{line}>*", escaped(url)),
        None => format!("*{line}*"),
    };
    let facts: Vec<String> = t.facts(card).into_iter().map(|(label, value)| format!("{label}: {value}")).collect();
    let mut blocks = vec![
        section(&title),
        json!({"type": "context", "elements": [{"type": "plain_text", "text": shortened(&facts.join(" · "))}]}),
    ];
    let mut elements = Vec::new();
    if kind == Kind::Alert {
        let pressed = |id: &str, label: &str, token: &Option<String>| {
            let token = token.as_ref().filter(|_| buttons)?;
            Some(
                json!({"type": "button", "action_id": id, "value": token, "text": {"type": "plain_text", "text": label}}),
            )
        };
        elements.extend(pressed("hotline_acknowledge", t.acknowledge, &card.acknowledge_token));
        elements.extend(pressed("hotline_resolve", t.resolve, &card.resolve_token));
        if elements.is_empty()
            && let Some(url) = &card.acknowledge_url
        {
            elements.push(json!({
                "type": "button", "action_id": "hotline_link", "url": url,
                "text": {"type": "plain_text", "text": t.acknowledge},
            }));
        }
    }
    if !elements.is_empty() {
        blocks.push(json!({"type": "actions", "block_id": format!("hotline-{}", card.id), "elements": elements}));
    }
    blocks
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": shortened(text)}})
}

fn shortened(text: &str) -> String {
    text.chars().take(SECTION_MAX).collect()
}

/// The three characters that have a meaning in its markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

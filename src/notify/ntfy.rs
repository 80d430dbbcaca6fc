//! ntfy: JSON to the server's root. The button "Acknowledge" posts to the signed link, without a browser.

use hotline_core::notify::Kind;
use hotline_core::private::Private;
use serde_json::{Value, json};

use super::guard::Guard;
use super::texts;
use super::{Message, SendError, Sent};

const CHANNEL: &str = "ntfy";

/// One try.
pub(super) async fn send(
    guard: &Guard,
    server: &str,
    token: Option<&Private<String>>,
    topic: &str,
    message: &Message,
) -> Result<Sent, SendError> {
    if !(1..=64).contains(&topic.len()) || !topic.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(SendError::Never(format!("{CHANNEL}: a topic has 1 to 64 letters, digits, - and _")));
    }
    let body = body(topic, message);
    let answer = guard
        .post(CHANNEL, server)?
        .with(|request| {
            let request = request.json(&body);
            match token {
                Some(token) => request.bearer_auth(token.reveal()),
                None => request,
            }
        })
        .send()
        .await?;
    Ok(Sent { provider_id: answer.json()["id"].as_str().map(str::to_owned) })
}

fn body(topic: &str, message: &Message) -> Value {
    let t = texts::of(&message.language);
    let mut body = json!({
        "topic": topic,
        "title": message.subject,
        "message": message.text,
        "priority": priority(message),
        "tags": if message.kind == Kind::Alert { ["rotating_light"] } else { ["information_source"] },
    });
    let Some(first) = message.alerts.first() else { return body };
    if let Some(url) = &first.url {
        body["click"] = json!(url);
    }
    let mut actions = Vec::new();
    // One button can't take several.
    if let ([one], Kind::Alert) = (message.alerts.as_slice(), message.kind)
        && let Some(url) = &one.acknowledge_url
    {
        actions.push(json!({"action": "http", "label": t.acknowledge, "url": url, "method": "POST", "clear": true}));
    }
    if let Some(url) = &first.url {
        actions.push(json!({"action": "view", "label": t.open, "url": url}));
    }
    if !actions.is_empty() {
        body["actions"] = Value::Array(actions);
    }
    body
}

/// 5 rings through, 3 is the usual.
fn priority(message: &Message) -> u8 {
    if message.kind != Kind::Alert {
        return 3;
    }
    let most = message.alerts.iter().map(|card| card.priority.as_str()).min();
    match most {
        Some("P1" | "P2") => 5,
        Some("P3") => 4,
        Some("P5") => 2,
        Some(_) | None => 3,
    }
}

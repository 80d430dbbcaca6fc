//! Microsoft Teams: an adaptive card to a workflow ("Post to a channel when a webhook request is received"). Cards of workflows can
//! only open links; acknowledging happens on the page behind the signed one.

use hotline_core::notify::Kind;
use serde_json::{Value, json};

use super::guard::Guard;
use super::texts;
use super::{Message, SendError, Sent};

const CHANNEL: &str = "teams";
/// Alerts that the card names; it may have 28 KB.
const NAMED_MAX: usize = 8;
/// Characters of one text.
const TEXT_MAX: usize = 2_000;

/// One try.
pub(super) async fn send(guard: &Guard, url: &str, message: &Message) -> Result<Sent, SendError> {
    let body = body(message);
    guard.post(CHANNEL, url)?.with(|request| request.json(&body)).send().await?;
    Ok(Sent::default())
}

fn body(message: &Message) -> Value {
    let t = texts::of(&message.language);
    let block = |text: &str, rest: Value| {
        let text: String = text.chars().take(TEXT_MAX).collect();
        let mut block = json!({"type": "TextBlock", "text": text, "wrap": true});
        for (key, value) in rest.as_object().into_iter().flatten() {
            block[key] = value.clone();
        }
        block
    };
    let color = if message.kind == Kind::Alert { "Attention" } else { "Default" };
    let mut card = vec![block(&message.subject, json!({"weight": "Bolder", "size": "Large", "color": color}))];
    match message.alerts.as_slice() {
        [] => card.push(block(&message.text, json!({}))),
        [one] => {
            let facts: Vec<Value> =
                t.facts(one).into_iter().map(|(title, value)| json!({"title": title, "value": value})).collect();
            card.push(json!({"type": "FactSet", "facts": facts}));
        }
        several => {
            card.extend(several.iter().take(NAMED_MAX).map(|one| block(&texts::line(one), json!({}))));
            if several.len() > NAMED_MAX {
                card.push(block(&format!("… {} {}", several.len() - NAMED_MAX, t.more), json!({})));
            }
        }
    }
    let mut actions = Vec::new();
    if let [one] = message.alerts.as_slice() {
        let link = |label: &str, url: &Option<String>| {
            url.as_ref().map(|url| json!({"type": "Action.OpenUrl", "title": label, "url": url}))
        };
        if message.kind == Kind::Alert {
            actions.extend(link(t.acknowledge, &one.acknowledge_url));
        }
        actions.extend(link(t.open, &one.url));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": card,
                "actions": actions,
                "msteams": {"width": "full"},
            },
        }],
    })
}

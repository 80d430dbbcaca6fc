//! Signed webhooks.
//!
//! ```text
//! POST … content-type: application/json
//! Hotline-Delivery: 0199…           the same for every try: take it once
//! Hotline-Timestamp: 1790000000     Unix seconds, of this try
//! Hotline-Signature: v1=hex,v1=hex  HMAC-SHA256(secret, timestamp + "." + body), one for each secret, newest first
//! ```
//!
//! A receiver computes the HMAC with its secret over the raw body, compares it with each `v1=` in constant time, and refuses
//! timestamps more than five minutes from its own clock (a recorded request played again). While a secret is
//! changed both sign, so the receiver can change over at any time in between.

use serde_json::{Value, json};

use hotline_core::private::Private;

use super::guard::Guard;
use super::proof;
use super::{AlertCard, Message, SendError};

const CHANNEL: &str = "webhook";

/// One try; the answer's text.
pub(super) async fn post(
    guard: &Guard,
    secrets: &[Private<String>],
    url: &str,
    delivery: &str,
    body: &Value,
) -> Result<String, SendError> {
    if secrets.is_empty() {
        return Err(SendError::Never(NO_SECRET.to_owned()));
    }
    let body = body.to_string();
    let timestamp = crate::clock::now().wall.as_second().to_string();
    let signature = proof::outgoing(secrets, &timestamp, body.as_bytes());
    let answer = guard
        .post(CHANNEL, url)?
        .with(|request| {
            request
                .header("Content-Type", "application/json")
                .header("Hotline-Delivery", delivery)
                .header("Hotline-Timestamp", timestamp)
                .header("Hotline-Signature", signature)
                .body(body)
        })
        .send()
        .await?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// Nothing leaves unsigned.
pub(super) const NO_SECRET: &str =
    "webhook: there is no secret to sign with; set webhook_secrets in [notify] (or HOTLINE_NOTIFY_WEBHOOK_SECRETS)";

/// What a notification looks like to a receiver.
pub(super) fn body(message: &Message) -> Value {
    let alert = |card: &AlertCard| {
        json!({
            "id": card.id, "reference": card.reference, "title": card.title, "priority": card.priority,
            "status": card.status, "customer": card.customer, "service": card.service, "url": card.url,
        })
    };
    json!({
        "id": message.id.to_string(),
        "kind": message.kind.word(),
        "subject": message.subject,
        "text": message.text,
        "alerts": message.alerts.iter().map(alert).collect::<Vec<_>>(),
    })
}

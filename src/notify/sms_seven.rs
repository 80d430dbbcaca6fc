//! SMS by seven.io: JSON and an API key; the answer is 200 whatever happened, and says what.

use hotline_core::private::Private;
use serde_json::{Value, json};

use super::guard::Guard;
use super::{Message, SendError, Sent, sms};

const CHANNEL: &str = "sms (seven.io)";
const BASE: &str = "https://gateway.seven.io";

/// One try.
pub(super) async fn send(
    guard: &Guard,
    key: &Private<String>,
    from: &str,
    base: Option<&str>,
    to: &str,
    message: &Message,
) -> Result<Sent, SendError> {
    let to = sms::number(to)?;
    let url = format!("{}/api/sms", base.unwrap_or(BASE).trim_end_matches('/'));
    let body = json!({
        "to": to.trim_start_matches('+'),
        "from": from,
        "text": sms::text(message),
        "foreign_id": message.id.to_string(),
    });
    let answer = guard
        .post(CHANNEL, &url)?
        .with(|request| request.header("X-Api-Key", key.reveal()).header("Accept", "application/json").json(&body))
        .send()
        .await?;
    read(&answer.json())
}

/// The provider's code: as `success`, or the whole answer.
fn read(answer: &Value) -> Result<Sent, SendError> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let code = word(answer).or_else(|| word(&answer["success"])).unwrap_or_default();
    let first = &answer["messages"][0];
    let refused = first["success"] == Value::Bool(false);
    if code == "100" && !refused {
        return Ok(Sent { provider_id: word(&first["id"]) });
    }
    let never = |what: &str| Err(SendError::Never(format!("{CHANNEL}: {what}")));
    match code.as_str() {
        "201" => never("the sender is not allowed (201); change `from` in [notify.sms]"),
        "202" => never("the number is not a mobile number (202)"),
        "500" => never("no credit is left (500); top up the account"),
        "900" | "901" | "902" => never("the API key is not accepted; check [notify.sms]"),
        "903" => never("this server's address is not allowed there (903)"),
        // A lock against repetitions, a carrier's failure, an unknown fault: may pass.
        "402" | "403" | "600" | "700" => {
            Err(SendError::Later { reason: format!("{CHANNEL}: answered {code}"), after: None })
        }
        "100" | "101" => never("the message was refused"),
        other if !other.is_empty() && other.len() <= 4 && other.bytes().all(|b| b.is_ascii_digit()) => {
            never(&format!("answered {other}"))
        }
        _ => Err(SendError::Later { reason: format!("{CHANNEL}: an answer that can't be understood"), after: None }),
    }
}

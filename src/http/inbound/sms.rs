//! SMS that come back, and what Twilio says became of those that left.

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::NotificationId;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Claim, Replies, field, form, proven, replies, spellings, text_of, unreadable};
use crate::http::AppState;
use crate::http::problem::Problem;

/// Twilio's own way to answer: `TwiML`, an SMS goes back for it.
pub async fn twilio(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let replies = replies(&state)?;
    let form = form(&body);
    let urls = spellings(&state, &headers, &uri);
    proven(replies, Claim::Twilio { urls: &urls, form: &form, signature: text_of(&headers, "x-twilio-signature") })?;
    let answer = replies.reply_by_sms(field(&form, "From"), field(&form, "Body")).await;
    let message = answer.map(|answer| format!("<Message>{}</Message>", escaped(&answer.text))).unwrap_or_default();
    let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{message}</Response>");
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response())
}

/// Delivered is what we took it for; `failed` and `undelivered` are news.
pub async fn twilio_status(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let replies = replies(&state)?;
    let form = form(&body);
    let urls = spellings(&state, &headers, &uri);
    proven(replies, Claim::Twilio { urls: &urls, form: &form, signature: text_of(&headers, "x-twilio-signature") })?;
    let query = query.unwrap_or_default();
    let id = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "notification");
    let id = id.and_then(|(_, id)| id.parse::<NotificationId>().ok());
    let id =
        id.ok_or_else(|| Problem::invalid("notification", "notification must be the id that the request gave."))?;
    if matches!(field(&form, "MessageStatus"), "failed" | "undelivered") {
        let code = field(&form, "ErrorCode");
        replies.not_arrived(id, if code.is_empty() { "undelivered" } else { code }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// seven.io: `{"webhook_event": "sms_mo", "data": {"id", "sender", "text", …}}`, as JSON or as a form.
pub async fn seven(
    State(state): State<AppState>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let replies = replies(&state)?;
    proven(replies, Claim::SmsPath(&secret))?;
    let is_json = text_of(&headers, "content-type").starts_with("application/json");
    let (event, from, text, id) = if is_json {
        let json: Value = serde_json::from_slice(&body).map_err(|_| unreadable("It must be seven.io's JSON."))?;
        let word = |key: &str| word(&json["data"][key]);
        (self::word(&json["webhook_event"]), word("sender"), word("text"), word("id"))
    } else {
        let form = form(&body);
        let own = |name: &str| {
            let nested = field(&form, &format!("data[{name}]")).to_owned();
            if nested.is_empty() { field(&form, name).to_owned() } else { nested }
        };
        (own("webhook_event"), own("sender"), own("text"), own("id"))
    };
    // Receipts and other events are fine, and nothing to us.
    if event == "sms_mo" {
        take(replies, &from, &text, &id, &body).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Any gateway: `{"from": "+49…", "text": "1", "id": "…"}`, signed as our own webhooks are.
pub async fn signed(State(state): State<AppState>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let replies = replies(&state)?;
    let (timestamp, signature) = (text_of(&headers, "hotline-timestamp"), text_of(&headers, "hotline-signature"));
    proven(replies, Claim::SmsSigned { timestamp, signature, body: &body })?;
    generic(replies, &headers, &body).await
}

/// The same with the secret as part of the address, for gateways that can't sign.
pub async fn by_path(
    State(state): State<AppState>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let replies = replies(&state)?;
    proven(replies, Claim::SmsPath(&secret))?;
    generic(replies, &headers, &body).await
}

async fn generic(replies: &dyn Replies, headers: &HeaderMap, body: &Bytes) -> Result<Response, Problem> {
    let (from, text, id) = if text_of(headers, "content-type").starts_with("application/json") {
        let hint = r#"It must be JSON such as {"from": "+49…", "text": "1", "id": "…"}."#;
        let json: Value = serde_json::from_slice(body).map_err(|_| unreadable(hint))?;
        (word(&json["from"]), word(&json["text"]), word(&json["id"]))
    } else {
        let form = form(body);
        (field(&form, "from").to_owned(), field(&form, "text").to_owned(), field(&form, "id").to_owned())
    };
    let answer = take(replies, &from, &text, &id, body).await?;
    Ok(axum::Json(json!({ "known": answer })).into_response())
}

/// Carries it out and answers by SMS; whether the sender is known.
async fn take(replies: &dyn Replies, from: &str, text: &str, id: &str, body: &Bytes) -> Result<bool, Problem> {
    if from.is_empty() {
        return Err(unreadable("It names no sender."));
    }
    let Some(answer) = replies.reply_by_sms(from, text).await else { return Ok(false) };
    // Without an id the same body counts as the same SMS for an hour.
    let incoming = if id.is_empty() {
        let hour = crate::clock::now().wall.as_second() / 3_600;
        hex::encode(&Sha256::digest([hour.to_be_bytes().as_slice(), body].concat())[..12])
    } else {
        id.chars().filter(char::is_ascii_graphic).take(64).collect()
    };
    replies.answer_by_sms(&answer, &incoming).await;
    Ok(true)
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Not allowed in XML 1.0.
            c if c.is_control() && c != '\n' => drop(write!(escaped, " ")),
            c => escaped.push(c),
        }
    }
    escaped
}

//! Buttons that were pressed in Slack and Telegram.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hotline_core::directory::Language;
use serde_json::{Value, json};

use super::{Claim, Presser, field, form, proven, replies, text_of, unreadable};
use crate::http::AppState;
use crate::http::problem::Problem;

/// Characters that Telegram shows of an answer.
const ALERT_MAX: usize = 200;

/// Slack: a form whose `payload` is JSON. What came of it goes to its `response_url`; Slack itself waits three seconds at most.
pub async fn slack(State(state): State<AppState>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let replies = replies(&state)?;
    let (timestamp, signature) =
        (text_of(&headers, "x-slack-request-timestamp"), text_of(&headers, "x-slack-signature"));
    proven(replies, Claim::Slack { timestamp, signature, body: &body })?;
    let hint = "It must be Slack's form with a field `payload`.";
    if let Ok(json) = serde_json::from_slice::<Value>(&body) {
        // Slack asks so whether an address is ours.
        let challenge = json["challenge"].as_str().filter(|_| json["type"] == "url_verification");
        let challenge = challenge.ok_or_else(|| unreadable(hint))?;
        return Ok(Json(json!({ "challenge": challenge })).into_response());
    }
    let form = form(&body);
    let payload: Value = serde_json::from_str(field(&form, "payload")).map_err(|_| unreadable(hint))?;
    let pressed = payload["actions"].as_array().into_iter().flatten().find_map(|action| {
        let ours = matches!(action["action_id"].as_str()?, "hotline_acknowledge" | "hotline_resolve");
        action["value"].as_str().filter(|_| ours)
    });
    // A button that opens a link is reported too; there is nothing to do.
    if let (Some(token), Some(member)) = (pressed, payload["user"]["id"].as_str())
        && payload["type"] == "block_actions"
    {
        let language = language(&payload["user"]["locale"]);
        let text = replies.press_button(Presser::Slack(member), token, &language).await;
        if let Some(url) = payload["response_url"].as_str() {
            replies.answer_slack(url.to_owned(), text);
        }
    }
    Ok(StatusCode::OK.into_response())
}

/// Telegram: the answer goes with the answer to the request (`answerCallbackQuery`).
pub async fn telegram(State(state): State<AppState>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let replies = replies(&state)?;
    proven(replies, Claim::Telegram(text_of(&headers, "x-telegram-bot-api-secret-token")))?;
    let update: Value = serde_json::from_slice(&body).map_err(|_| unreadable("It must be a Telegram update."))?;
    let query = &update["callback_query"];
    let (Some(id), Some(from), Some(token)) =
        (query["id"].as_str(), query["from"]["id"].as_i64(), query["data"].as_str())
    else {
        // Other updates are taken, so that they are not sent again and again.
        return Ok(StatusCode::OK.into_response());
    };
    let language = language(&query["from"]["language_code"]);
    let text = replies.press_button(Presser::Telegram(&from.to_string()), token, &language).await;
    let text: String = text.chars().take(ALERT_MAX).collect();
    Ok(Json(json!({
        "method": "answerCallbackQuery", "callback_query_id": id, "text": text, "show_alert": true,
    }))
    .into_response())
}

fn language(tag: &Value) -> Language {
    tag.as_str().map_or_else(Language::default, |tag| Language(tag.to_owned()))
}

//! A language model behind an OpenAI-compatible API (`POST /v1/chat/completions`): asked for prose, never for decisions, and never by
//! anything that a caller or an alert waits for. Off unless `[language_model]` is configured. What it answers is judged
//! by whoever asked.

use std::fmt;
use std::time::Duration;

use hotline_core::network::Network;
use hotline_core::private::Private;
use serde_json::json;
use tokio::sync::Semaphore;

use super::SendError;
use super::guard::Guard;

/// Bytes of a question at most; the rest is left out.
const QUESTION_MAX: usize = 24 * 1024;

/// `[language_model]`.
#[derive(Debug, Clone)]
pub struct LanguageModelSettings {
    /// `https://models.example.com/v1`; `/chat/completions` is put behind it.
    pub url: String,
    /// Its name there.
    pub model: String,
    /// Bearer token.
    pub key: Option<Private<String>>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Tokens of an answer at most.
    pub tokens_max: u32,
}

/// The client. One question at a time: a second one is refused, it does not wait.
pub struct LanguageModel {
    settings: LanguageModelSettings,
    guard: Guard,
    turn: Semaphore,
}

impl fmt::Debug for LanguageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanguageModel").field("model", &self.settings.model).finish_non_exhaustive()
    }
}

impl LanguageModel {
    pub(super) fn new(settings: LanguageModelSettings, allowed: Vec<Network>) -> Self {
        let guard = Guard::new(allowed, settings.timeout);
        Self { settings, guard, turn: Semaphore::new(1) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.model
    }

    /// Its answer to a question, as text. One try, never longer than the time-out.
    pub async fn ask(&self, system: &str, question: &str) -> Result<String, SendError> {
        let Ok(_turn) = self.turn.try_acquire() else {
            let reason = "language model: it is busy with another question".to_owned();
            return Err(SendError::Later { reason, after: None });
        };
        let settings = &self.settings;
        let mut end = question.len().min(QUESTION_MAX);
        while !question.is_char_boundary(end) {
            end -= 1;
        }
        let body = json!({
            "model": settings.model,
            "messages": [
                { "role": "system", "content": system },
                { "role": "user", "content": &question[..end] },
            ],
            "max_tokens": settings.tokens_max,
            "temperature": 0.2,
            "stream": false,
            "response_format": { "type": "json_object" },
        });
        let request = self.guard.post("language model", &address(&settings.url))?.with(|request| {
            let request = request.json(&body);
            match &settings.key {
                Some(key) => request.bearer_auth(key.reveal()),
                None => request,
            }
        });
        let answer = request.send().await?.json();
        let text = answer.pointer("/choices/0/message/content").and_then(serde_json::Value::as_str);
        let never = |what: &str| SendError::Never(format!("language model: {what}"));
        let text = text.ok_or_else(|| never("the answer is not that of a chat API"))?;
        if text.trim().is_empty() { Err(never("the answer is empty")) } else { Ok(text.to_owned()) }
    }
}

/// Where questions go: below a host, below its `/v1`, or the whole address.
fn address(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/chat/completions") {
        url.to_owned()
    } else if url.ends_with("/v1") {
        format!("{url}/chat/completions")
    } else {
        format!("{url}/v1/chat/completions")
    }
}

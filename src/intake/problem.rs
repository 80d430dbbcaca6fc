//! What goes wrong, as RFC 9457 `application/problem+json`, with a stable word and what to do.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    again: Option<Duration>,
    /// Where in the body, from 1.
    at: Option<(usize, usize)>,
    /// The rest of the request is not read.
    close: bool,
}

impl Fault {
    /// A refusal of this status and word.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), again: None, at: None, close: false }
    }

    /// 404: no such key. Tells nothing else.
    pub fn unknown_key() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "key-unknown",
            "This key is not known",
            "No source has this key. Copy the whole address again from the source's page, or make a new key there.",
        )
    }

    /// 413.
    pub fn too_large() -> Self {
        let mut fault = Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            "At most 1 MiB is taken. Send fewer events at once, or leave attachments out.",
        );
        fault.close = true;
        fault
    }

    /// 400 with the place in the body.
    pub fn malformed(what: &str, line: usize, column: usize) -> Self {
        let mut fault = Self::new(
            StatusCode::BAD_REQUEST,
            "json-malformed",
            "The body is not valid JSON",
            format!(
                "Line {line}, column {column}: {what}. Nothing was taken; mend the template in the tool that sends this."
            ),
        );
        fault.at = Some((line, column));
        fault
    }

    /// 401.
    pub fn signature(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "The signature was not accepted", detail)
    }

    /// 429: come again.
    pub fn too_many(again: Duration) -> Self {
        let mut fault = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-events",
            "This source sends too many events",
            "Nothing of this body was taken. Send it again after the time in Retry-After.",
        );
        fault.again = Some(again);
        fault
    }

    /// 503: come again.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        let mut fault = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "Events can't be taken at the moment", detail);
        fault.again = Some(Duration::from_secs(5));
        fault
    }

    /// 500.
    pub fn internal() -> Self {
        Self::bare(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What a bare status of a library means here.
    pub fn bare(status: StatusCode) -> Self {
        match status.as_u16() {
            405 => Self::new(
                status,
                "method-not-allowed",
                "This method is not for this path",
                "Events are sent by POST; heartbeats by GET, HEAD or POST.",
            ),
            408 | 503 => Self::unavailable(
                "timeout",
                "It took too long; what was sent may or may not have been taken. Send it again: the same dedup_key joins the same alert.",
            ),
            _ if status.is_client_error() => Self::new(
                status,
                "bad-request",
                "The request was refused",
                "Check path, headers and body against the manual.",
            ),
            _ => Self::new(
                status,
                "internal",
                "Something went wrong on our side",
                "Send it again in a few seconds. The log has the details; please report it.",
            ),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank", "title": self.title, "status": self.status.as_u16(),
            "code": self.code, "detail": self.detail,
        });
        if let Some((line, column)) = self.at {
            body["line"] = line.into();
            body["column"] = column.into();
        }
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body.to_string()).into_response();
        let headers = response.headers_mut();
        if let Some(again) = self.again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(again.as_secs().max(1)));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

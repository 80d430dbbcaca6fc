//! Errors as RFC 9457 `application/problem+json`, each with a stable word and what to do.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for programs (`code`) and people (`title`, `detail`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "about:blank", "title": "A parameter is not valid", "status": 400, "code": "invalid-parameter",
    "detail": "limit must be a whole number from 1 to 200.", "field": "limit"
}))]
pub struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Short, the same for every problem of this code.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// HTTP status.
    pub status: u16,
    /// Stable word.
    #[schema(value_type = String)]
    pub code: Box<str>,
    /// What is wrong this time and what to do.
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// The parameter or field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub field: Option<Box<str>>,
    /// Everything that is wrong with a document, or stands in the way.
    #[serde(skip_serializing_if = "nothing")]
    #[schema(value_type = Option<Vec<FieldError>>)]
    pub errors: Box<[FieldError]>,
    /// Headers that go with it.
    #[serde(skip)]
    #[schema(ignore)]
    headers: Box<[(HeaderName, String)]>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"field": "contacts[0].address", "detail": "this telephone number can't be read; write it with its country code like +493012345678"}))]
pub struct FieldError {
    /// The field (`contacts[0].address`); where others stand in the way, the document and its field
    /// (`schedules/on-call#members[1]`) or the file and line.
    pub field: String,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of this status and word.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: title.into(),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into().into(),
            field: None,
            errors: Box::default(),
            headers: Box::default(),
        }
    }

    /// 400: a parameter or field has a value that can't be.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", "A parameter is not valid", detail);
        problem.field = Some(field.into());
        problem
    }

    /// 404: there is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            &format!("{what}-not-found"),
            &format!("There is no such {what}"),
            format!("No {what} has this id. Ids are shown in the lists; a {what} past its retention time is gone."),
        )
    }

    /// 401: who are you?
    pub fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not logged in", detail)
            .with(header::WWW_AUTHENTICATE, "Bearer realm=\"hotline\"")
    }

    /// 403: you may not.
    pub fn forbidden(code: &str, detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "Not allowed", detail)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        let mut headers = std::mem::take(&mut self.headers).into_vec();
        headers.push((name, value.into()));
        self.headers = headers.into();
        self
    }

    /// The status as axum's type.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What a bare status of a library means here.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, title, detail) = match status.as_u16() {
            400 => (
                "bad-request",
                "The request could not be understood",
                "Check path, query and body against /api/openapi.json.",
            ),
            404 => ("not-found", "There is nothing here", "Check the path; /api/openapi.json lists every one."),
            405 => (
                "method-not-allowed",
                "This method is not for this path",
                "The Allow header names the methods that are.",
            ),
            408 => ("timeout", "The request took too long", "Send it again."),
            413 => (
                "too-large",
                "The body is too large",
                "64 KiB are the limit; flows, schedules and calendars may have 1 MiB.",
            ),
            414 => ("too-large", "The address is too long", "Shorten the query."),
            415 => {
                ("unsupported-media-type", "This media type is not taken", "Send application/json, or no body at all.")
            }
            422 => ("invalid-body", "The body could not be read", "Check it against /api/openapi.json."),
            503 => (
                "unavailable",
                "Not available at the moment",
                "Try again in a few seconds; /readyz says what is wrong.",
            ),
            _ if status.is_client_error() => {
                ("bad-request", "The request was refused", "Check it against /api/openapi.json.")
            }
            _ => (
                "internal",
                "Something went wrong on our side",
                "Calls are not touched by this. The log has the details; please report it.",
            ),
        };
        Self::new(status, code, title, detail)
    }
}

#[expect(clippy::borrowed_box, reason = "serde hands the field over as it is")]
fn nothing(errors: &Box<[FieldError]>) -> bool {
    errors.is_empty()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Cursor) {
            return super::params::bad_cursor();
        }
        tracing::warn!(%error, "the store could not be read for a request");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-away",
            "The database is away",
            "Calls and alerts go on and nothing is lost; what has been kept can't be shown at the moment. Try again in a few seconds; /readyz says what is wrong.",
        )
        .with(header::RETRY_AFTER, "5")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem holds only texts and a number");
        let mut response = (self.status(), [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

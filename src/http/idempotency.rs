//! `Idempotency-Key`: a POST that is sent again with the same key gets the first answer again, for a day. So a
//! program that lost the answer can ask again without doing the thing twice.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::AppState;
use super::auth::Viewer;
use super::problem::Problem;
use crate::store::idempotency::{Answered, Claim};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Largest body of a request or answer that is remembered.
const BODY_MAX: usize = 1024 * 1024;
/// Longest key.
const KEY_MAX: usize = 200;

/// Marks an answer that holds a secret: it is told once and not kept.
#[derive(Debug, Clone, Copy)]
pub struct ToldOnce;

/// Around the API's routes.
pub async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let key = request.headers().get(&KEY).cloned();
    let wanted = request.method() == Method::POST && request.uri().path().starts_with("/api/v1/");
    let Some(key) = key.filter(|_| wanted) else { return next.run(request).await };
    // Strangers, and who was somebody once, are told so and neither leave a row nor read one.
    let (mut parts, body) = request.into_parts();
    let known = Viewer::from_request_parts(&mut parts, &state).await.is_ok();
    let request = Request::from_parts(parts, body);
    if !known {
        return next.run(request).await;
    }
    match remembered(&state, &key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn remembered(state: &AppState, key: &HeaderValue, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key.to_str().ok().map(str::trim).filter(|key| !key.is_empty() && key.len() <= KEY_MAX);
    let key = key.ok_or_else(|| {
        Problem::invalid("Idempotency-Key", format!("Idempotency-Key has 1 to {KEY_MAX} printable ASCII characters."))
    })?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))?;
    let who = who(&parts.headers);
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let print = hex::encode(Sha256::new().chain_update(path).chain_update("\0").chain_update(&body).finalize());
    let now = crate::clock::now().wall;
    let request = Request::from_parts(parts, Body::from(body));
    match state.records().claim_idempotency(&who, key, &print, now).await {
        Ok(Claim::Ours) => {}
        Ok(Claim::Other) => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was used for something else",
                "The same key came with another address or body. Take a new key for a new request.",
            ));
        }
        Ok(Claim::Running) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "idempotency-key-in-use",
                "The first request still runs",
                "Its answer is not there yet; send it again in a second.",
            )
            .with(header::RETRY_AFTER, "1"));
        }
        Ok(Claim::Answered(answered)) => return Ok(again(answered)),
        // The database is away: what can be done without it is done all the same.
        Err(_) => return Ok(next.run(request).await),
    }
    let response = next.run(request).await;
    Ok(keep(state, &who, key, response).await)
}

/// Who sent it, and was let in: keys of one are not another's.
fn who(headers: &HeaderMap) -> String {
    let mut digest = Sha256::new();
    for name in [header::AUTHORIZATION, header::COOKIE] {
        digest.update(headers.get(name).map_or(&b""[..], HeaderValue::as_bytes));
        digest.update(b"\0");
    }
    hex::encode(digest.finalize())
}

async fn keep(state: &AppState, who: &str, key: &str, response: Response) -> Response {
    let status = response.status();
    let told_once = response.extensions().get::<ToldOnce>().is_some();
    // What failed on our side, or for want of a login, may be tried again with the same key.
    if status.is_server_error() || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS) {
        let _ = state.records().forget_idempotency(who, key).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answered = Answered {
        status: status.as_u16(),
        kind: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        body: if told_once { None } else { std::str::from_utf8(&body).ok().map(str::to_owned) },
    };
    let _ = state.records().finish_idempotency(who, key, &answered).await;
    Response::from_parts(parts, Body::from(body))
}

fn again(answered: Answered) -> Response {
    let Some(body) = answered.body else {
        return Problem::new(
            StatusCode::CONFLICT,
            "told-once",
            "It was done, and its secret was told",
            "The first answer held a secret, which is told once and not kept. Take it back and make a new one if that answer was lost.",
        )
        .into_response();
    };
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(body)).into_response();
    let mut put = |name: HeaderName, value: Option<String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, answered.kind);
    put(header::LOCATION, answered.location);
    put(REPLAYED, Some("true".to_owned()));
    response
}

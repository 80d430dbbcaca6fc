//! What every answer goes through: limits, caught panics, one shape of errors, security headers.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::api::LARGE;
use super::problem::{PROBLEM_JSON, Problem};
use super::status::Embeddable;
use super::{AppState, idempotency, pages};

/// Nothing takes more, apart from documents.
const BODY_MAX: usize = 64 * 1024;
/// Until the first byte of an answer; streams go on after it.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// No inline script or style, nothing from elsewhere, no frame around us.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                   connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
];

/// For pages whose address is a key: nobody learns it from where the reader went next. What a handler says so stays.
const NO_REFERRER: &str = "no-referrer";

/// Marks an answer whose address holds a secret: no other site, no cache and no search engine gets to know it. A form on such a page
/// comes with `Origin: null`; its handler must not ask for more than the secret.
pub fn keep_secret(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(NO_REFERRER));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
}

/// Puts the guards around the routes; `large`: those that take larger bodies.
pub fn around(routes: Router<AppState>, large: Router<AppState>, state: &AppState) -> Router<AppState> {
    let large = large.layer(DefaultBodyLimit::max(LARGE)).layer(RequestBodyLimitLayer::new(LARGE));
    routes
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(RequestBodyLimitLayer::new(BODY_MAX))
        .merge(large)
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::layer))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), one_shape))
}

/// The panic hook has written what and where; the payload may hold private data and stays out.
fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a panic was caught while answering an HTTP request");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Errors of libraries become problems, problems become pages where a person looks at them; headers on everything.
async fn one_shape(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let for_people = for_people(&request);
    let mut response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && !kind.starts_with("text/html") {
        if for_people {
            response = as_page(&state, response).await;
        } else if kind != PROBLEM_JSON && kind != "application/json" {
            let bare = Problem::of_status(status).into_response();
            response = with_headers_of(bare, &response);
        }
    }
    // A public page's badge and data are made to stand on others' pages.
    let embeddable = response.extensions().get::<Embeddable>().is_some();
    let own_policy = response.extensions_mut().remove::<super::papers::OwnPolicy>();
    let headers = response.headers_mut();
    let unreferred = headers.get(header::REFERRER_POLICY).is_some_and(|policy| policy == NO_REFERRER);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if unreferred {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(NO_REFERRER));
    }
    if embeddable {
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    }
    if let Some(policy) = own_policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.0);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A browser that looks at a page, not a program that uses the API.
fn for_people(request: &Request) -> bool {
    let path = request.uri().path();
    let machine =
        ["/api/", "/healthz", "/readyz", "/metrics", "/assets/"].iter().any(|prefix| path.starts_with(prefix));
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    !machine && accepts.contains("text/html")
}

async fn as_page(state: &AppState, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let told: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let word = |name: &str| told.as_ref().and_then(|told| told.get(name)?.as_str().map(str::to_owned));
    let bare = Problem::of_status(parts.status);
    let title = word("title").unwrap_or_else(|| bare.title.into());
    let detail = word("detail").unwrap_or_else(|| bare.detail.into());
    let page = pages::error(state, parts.status, &title, &detail);
    with_headers_of(page, &Response::from_parts(parts, Body::empty()))
}

/// Keeps what matters of the first answer (`Allow`, `Retry-After`, cookies).
fn with_headers_of(mut to: Response, from: &Response) -> Response {
    for (name, value) in from.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            to.headers_mut().append(name, value.clone());
        }
    }
    to
}

//! The doors of monitoring tools: `POST /intake/generic/{key}` and `/heartbeat/{key}`.
//!
//! A payload becomes events, and an answer follows when they are durable. Nothing that came with a right key is lost for being
//! odd: what can't be understood is opened as an alert that says so. Decides nothing about alerts; knows no database.
//!
//! | file | does |
//! |---|---|
//! | `generic` | the endpoint, as a story |
//! | `body` | bytes → JSON values: JSON, forms, sizes, faults with line and column |
//! | `fields` | a JSON value → an event, by field names or the source's templates |
//! | `words` | priorities, states, moments, links as tools write them |
//! | `mapping` | the source's templates, compiled once, limited |
//! | `signature` | signed deliveries and their clock |
//! | `deliveries` | a delivery that comes twice is answered twice and done once |
//! | `rates` | so many events a source |
//! | `heartbeat` | a monitor that must ping |
//! | `door` | what all this reaches: the switch and the store, or a fake |

mod body;
mod deliveries;
mod door;
mod fields;
mod generic;
mod heartbeat;
mod mapping;
mod problem;
mod rates;
mod signature;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

pub use door::{Door, SwitchDoor};
use problem::Fault;

/// Bytes of a body at most.
pub const BODY_MAX: usize = 1024 * 1024;
/// Events of a body at most.
pub const EVENTS_MAX: usize = 1_000;
/// A body must have come in by then.
const BODY_WITHIN: Duration = Duration::from_secs(15);
/// An answer is given by then, whatever happens.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How much one source may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeSettings {
    /// Events a second, on and on.
    pub events_per_second: u32,
    /// Events at once.
    pub burst: u32,
}

impl Default for IntakeSettings {
    /// Far above what a tool sends on a bad day; a tool that runs wild still leaves room for the others.
    fn default() -> Self {
        Self { events_per_second: 2_000, burst: 60_000 }
    }
}

/// What the doors share. Clones share it.
#[derive(Clone)]
pub struct Intake(Arc<Shared>);

struct Shared {
    door: Arc<dyn Door>,
    rates: rates::Rates,
    mappings: mapping::Mappings,
    deliveries: deliveries::Deliveries,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

impl Intake {
    /// On this door.
    pub fn new(door: Arc<dyn Door>, settings: IntakeSettings) -> Self {
        Self(Arc::new(Shared {
            door,
            rates: rates::Rates::new(settings),
            mappings: mapping::Mappings::default(),
            deliveries: deliveries::Deliveries::default(),
        }))
    }
}

/// The routes, with guards of their own: they stand beside those of `http`, whose limits are for people.
pub fn router(intake: Intake) -> Router {
    Router::new()
        .route("/intake/generic/{key}", post(generic::take))
        .route("/heartbeat/{key}", get(heartbeat::ping).post(heartbeat::ping))
        .layer(DefaultBodyLimit::disable())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(one_shape))
        .with_state(intake)
}

/// The payload may hold private data and stays out of the log.
fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a panic was caught at the intake");
    Fault::internal().into_response()
}

/// Bare statuses of libraries become problems; nothing is cached.
async fn one_shape(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if (status.is_client_error() || status.is_server_error()) && kind != problem::PROBLEM_JSON {
        let allow = response.headers().get(header::ALLOW).cloned();
        response = Fault::bare(status).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

/// The one of `all` whose key this is. Looks at every one to its end: how long it takes tells nothing about any key.
fn by_key<'a, T>(key: &str, all: impl Iterator<Item = &'a T>, hash: impl Fn(&T) -> &[u8; 32]) -> Option<&'a T> {
    let wanted: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut found = None;
    for one in all {
        let differences = wanted.iter().zip(hash(one)).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        // A source without a key (all zero) can't be met by a hash.
        if differences == 0 {
            found = Some(one);
        }
    }
    found
}

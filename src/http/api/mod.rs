//! `/api/v1`: one file per resource; the `OpenAPI` file is made from the handlers themselves.

pub mod types;

mod alerts;
mod audit;
mod calls;
mod directory;
pub mod drills;
mod heartbeat_state;
pub mod incidents;
mod notifications;
mod on_call;
pub mod postmortems;
mod readiness;
mod recordings;
mod reports;
mod reports_customer;
mod reports_oncall;
pub mod runbooks;
mod schedules;
mod slas;
mod strict;
mod supervise;
mod tokens;

pub use alerts::{
    AlertPromises, Deed, PromiseClock, Said, carry_out, detail as alert_detail, filter as alert_filter,
    page as alert_page, set_waiting,
};
pub use audit::filter as audit_filter;
pub use calls::{detail as call_detail, page as call_page};
pub use directory::{LARGE, PinChanges};
pub use on_call::{OnCallNow, now as on_call_now};
pub use readiness::missing;
pub use reports::{Asked, Calls, Kepts, Report, Times, make as make_report};
pub use slas::{Revision, Signature, ask as ask_to_sign, revisions as sla_revisions};
pub use supervise::{Supervisor, join as supervise, leave as end_supervision};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Viewer;
use super::problem::Problem;
use super::{AppState, events, health};
use crate::store::alerts::Audited;
use types::Listed;

/// The frame of the `OpenAPI` file; paths and schemas come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "hotline",
        description = "The telephone side of incident management: calls, alerts, recordings, who is on call.\n\n\
                       Authorise with `Authorization: Bearer TOKEN` (`HOTLINE_ADMIN_TOKEN`), or with the cookie of a login at `/login`. \
                       Times are UTC. Lists are newest first and paged by `cursor`. Errors are RFC 9457 problems with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem, super::problem::FieldError, events::Snapshot, events::Changed)),
    tags(
        (name = "calls", description = "Calls and their recordings"),
        (name = "alerts", description = "What somebody must take care of"),
        (name = "knowledge", description = "Runbooks and articles: what to do, what to know"),
        (name = "incidents", description = "What is wrong, and what customers are told"),
        (name = "people", description = "Who is on call, and for whom"),
        (name = "slas", description = "What was promised to customers, and how it is kept"),
        (name = "lines", description = "Numbers, carriers, phones"),
        (name = "status", description = "Status pages: what customers see"),
        (name = "audit", description = "Who did what when: the hash-chained record, for admins"),
        (name = "live", description = "Changes as they happen"),
        (name = "service", description = "How the service is; no login needed")
    ),
    modifiers(&Security)
)]
struct Frame;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("hotline"))));
    }
}

/// Documented routes with bodies up to [`LARGE`].
fn documented_large() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().merge(runbooks::large()).merge(postmortems::large())
}

fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Frame::openapi())
        .routes(routes!(calls::list))
        .routes(routes!(calls::one))
        .routes(routes!(supervise::listen))
        .routes(routes!(supervise::whisper))
        .routes(routes!(supervise::barge))
        .routes(routes!(supervise::end))
        .merge(alerts::documented())
        .merge(runbooks::documented())
        .merge(postmortems::documented())
        .merge(drills::documented())
        .merge(incidents::documented())
        .routes(routes!(notifications::list))
        .routes(routes!(heartbeat_state::state))
        .routes(routes!(recordings::audio))
        .routes(routes!(recordings::remove))
        .routes(routes!(on_call::list))
        .merge(schedules::documented())
        .merge(slas::documented())
        .merge(reports::documented())
        .routes(routes!(readiness::report))
        .routes(routes!(reports_customer::report))
        .routes(routes!(reports_oncall::load))
        .routes(routes!(reports_oncall::fairness))
        .routes(routes!(reports_oncall::compensation))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::remove))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(audit::export))
        .routes(routes!(events::stream))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The API's routes, health and metrics among them.
pub fn router() -> Router<AppState> {
    let (routes, _) = documented().split_for_parts();
    routes.route("/api/openapi.json", get(openapi_json))
}

/// The `OpenAPI` 3.1 file.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut file = documented().merge(documented_large()).split_for_parts().1;
    directory::document(&mut file);
    strict::narrow(&mut file);
    file
}

/// Routes with bodies up to [`LARGE`].
pub fn large_router() -> Router<AppState> {
    directory::router().merge(documented_large().split_for_parts().0)
}

async fn openapi_json(State(state): State<AppState>) -> Response {
    let mut file = openapi();
    file.info.version.clone_from(&state.settings().version);
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(file)).into_response()
}

/// A page of what the configuration holds, in the order of its ids: the cursor is the last id.
fn page_of<T>(all: impl Iterator<Item = (String, T)>, cursor: Option<&str>, limit: u32) -> Listed<T> {
    let limit = limit as usize;
    let mut rest = all.filter(|(id, _)| cursor.is_none_or(|cursor| id.as_str() > cursor)).peekable();
    let mut items = Vec::new();
    let mut last = None;
    while items.len() < limit
        && let Some((id, item)) = rest.next()
    {
        items.push(item);
        last = Some(id);
    }
    Listed { items, next_cursor: rest.peek().and(last) }
}

/// That something was taken out of the house stands in the audit chain before it leaves. `personal`: what was searched for.
async fn note_export(
    state: &AppState,
    viewer: &Viewer,
    action: &str,
    object: &str,
    detail: &serde_json::Value,
    personal: Vec<(String, String)>,
) -> Result<(), Problem> {
    let deed = Audited {
        actor: viewer.shown(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: detail.to_string(),
        personal,
    };
    Ok(state.records().note_audit(deed).await?)
}

//! `GET /schedules/{id}/gaps`: when nobody would be on call.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::oncall;
use serde::Serialize;
use utoipa::ToSchema;

use super::{seen, window};
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// Nobody is on call although somebody should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-12-24T17:00:00.000Z", "to": "2026-12-25T08:00:00.000Z",
    "why": "nobody is on call by schedule `on-call`: layer `main`: nobody of it can; passed over: Ada Winter, who is away until …"
}))]
pub struct GapJson {
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Layer by layer, at its beginning.
    pub why: String,
}

/// When nobody is on call, by one schedule, although `cover` says that somebody should be.
#[utoipa::path(
    get, path = "/api/v1/schedules/{id}/gaps", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339 (now)"),
        ("to" = Option<String>, Query, description = "First moment after it (four weeks later); a year after `from` at most"),
    ),
    responses(
        (status = 200, description = "The gaps, all of them", body = Listed<GapJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Listed<GapJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (directory, schedule) = seen(&state, &viewer, &id)?;
    let (from, to) = window(&mut params, 28)?;
    params.done()?;
    let work = move || oncall::gaps(&schedule, &directory, from, to);
    let gaps = tokio::task::spawn_blocking(work).await;
    let gaps = gaps.map_err(|_| Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR))?;
    let shown = gaps.into_iter().map(|gap| GapJson {
        from: rfc3339(gap.from.as_millisecond()),
        to: rfc3339(gap.to.as_millisecond()),
        why: gap.why,
    });
    Ok(Json(Listed { items: shown.collect(), next_cursor: None }))
}

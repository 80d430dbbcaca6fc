//! `GET /heartbeats/{id}/state`: whether a monitor pings.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::ids::HeartbeatId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;

/// How a monitor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "backup", "state": "healthy", "first_ping_at": "2026-11-01T03:00:00.000Z", "last_ping_at": "2026-11-22T03:00:00.000Z",
    "since": "2026-11-01T03:00:00.000Z", "every_s": 93600, "overdue_at": "2026-11-23T05:00:00.000Z"
}))]
pub struct HeartbeatState {
    /// The heartbeat.
    pub id: String,
    /// `unknown` (it never pinged, the clock stands still), `healthy`, `overdue`.
    pub state: String,
    /// The clock began.
    #[schema(format = DateTime)]
    pub first_ping_at: Option<String>,
    /// Last sign of life.
    #[schema(format = DateTime)]
    pub last_ping_at: Option<String>,
    /// In this state since.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Longest silence, seconds.
    pub every_s: u64,
    /// When it is overdue unless it pings (later, where the service itself was down in between).
    #[schema(format = DateTime)]
    pub overdue_at: Option<String>,
}

/// How a monitor is.
#[utoipa::path(
    get, path = "/api/v1/heartbeats/{id}/state", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a heartbeat")),
    responses(
        (status = 200, description = "Its state", body = HeartbeatState),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such heartbeat", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn state(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<HeartbeatState>, Problem> {
    let directory = state.board().directory();
    let id = HeartbeatId(id);
    let known = directory.heartbeats.get(&id);
    let known = known.filter(|known| viewer.sees(known.customer.as_ref().map(|customer| customer.0.as_str())));
    let heartbeat = known.ok_or_else(|| Problem::not_found("heartbeat"))?;
    viewer.require(Right::HandleAlerts)?;
    let row = state.records().heartbeat(&id).await?;
    let every = heartbeat.every.as_millis() as i64;
    Ok(Json(HeartbeatState {
        id: id.0,
        state: row.as_ref().map_or_else(|| "unknown".to_owned(), |row| row.state.clone()),
        first_ping_at: row.as_ref().map(|row| rfc3339(row.first_ping)),
        last_ping_at: row.as_ref().map(|row| rfc3339(row.last_ping)),
        since: row.as_ref().map(|row| rfc3339(row.changed_at)),
        every_s: heartbeat.every.as_secs(),
        overdue_at: row.as_ref().map(|row| rfc3339(row.last_ping.saturating_add(every))),
    }))
}

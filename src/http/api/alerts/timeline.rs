//! `GET /alerts/{id}/timeline`: what happened to it, and why.

use axum::Json;
use axum::extract::{Path, State};

use crate::http::AppState;
use crate::http::api::types::{Listed, TimelineEntry, named_timeline};
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;

/// Every step of the alert and its calls, oldest first.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}/timeline", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "All of it", body = Listed<TimelineEntry>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn timeline(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Listed<TimelineEntry>>, Problem> {
    params.done()?;
    let id = super::of_id(&id)?.to_string();
    let row = state.records().alert(&id).await?.filter(|row| viewer.sees(row.customer.as_deref()));
    row.ok_or_else(|| Problem::not_found("alert"))?;
    let rows = state.records().alert_timeline(&id).await?;
    let items = named_timeline(rows, &state.board().directory());
    Ok(Json(Listed { items: told_to(&viewer, items), next_cursor: None }))
}

/// What people wrote and actions said is for those who handle alerts.
pub fn told_to(viewer: &Viewer, mut entries: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    if !viewer.may(Right::HandleAlerts) {
        for entry in &mut entries {
            entry.text = None;
        }
    }
    entries
}

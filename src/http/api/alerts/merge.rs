//! `POST /alerts/{id}/merge`: "This is the same as that one."

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::alert::Command;
use hotline_core::ids::AlertId;

use super::{Merge, Said, command, visible};
use crate::http::AppState;
use crate::http::api::types::AlertSummary;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;

/// Merges it into another open alert, and resolves it by that.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/merge", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    request_body = Merge,
    responses(
        (status = 200, description = "Kept: the alert as it is now", body = AlertSummary),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn merge(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<Merge>,
) -> Result<Json<AlertSummary>, Problem> {
    let into = AlertId::from_str(&said.into).map_err(|_| super::no_target())?;
    // Whoever does not see the other one learns nothing of it.
    visible(&state, &viewer, into).await.map_err(|_| super::no_target())?;
    command(&state, &viewer, &id, Command::Merge(into)).await.map(Json)
}

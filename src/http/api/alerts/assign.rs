//! `POST /alerts/{id}/assign`: "You take it."

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::alert::Command;

use super::{Assignment, Said, command};
use crate::http::AppState;
use crate::http::api::types::AlertSummary;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;

/// Gives it to a person: they are told, and nobody else until they do not take it.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/assign", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    request_body = Assignment,
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
pub async fn assign(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<Assignment>,
) -> Result<Json<AlertSummary>, Problem> {
    command(&state, &viewer, &id, Command::Assign(said.user.as_str().into())).await.map(Json)
}

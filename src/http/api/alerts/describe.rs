//! `PATCH /alerts/{id}`: another priority or title, the beginning of the fault.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::alert::Command;
use hotline_core::incident::{Began, Origin};

use super::{Description, Said, command, priority, title};
use crate::http::AppState;
use crate::http::api::incidents::moment;
use crate::http::api::types::AlertSummary;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;

/// Another priority, another title, when the fault began. The beginning can be said of a resolved alert, too.
#[utoipa::path(
    patch, path = "/api/v1/alerts/{id}", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    request_body = Description,
    responses(
        (status = 200, description = "Kept: the alert as it is now", body = AlertSummary),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is resolved", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn describe(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<Description>,
) -> Result<Json<AlertSummary>, Problem> {
    let priority = said.priority.as_deref().map(priority).transpose()?;
    let title = said.title.as_deref().map(title).transpose()?;
    let began = said.began_at.as_deref().map(|text| moment("began_at", text)).transpose()?;
    if priority.is_none() && title.is_none() && began.is_none() {
        return Err(Problem::invalid("priority", "Give a priority (P1 to P5), a title, or began_at."));
    }
    if let Some(at) = began {
        let word = Command::Began(Began { at, origin: Origin::Person });
        let alert = command(&state, &viewer, &id, word).await?;
        if priority.is_none() && title.is_none() {
            return Ok(Json(alert));
        }
    }
    command(&state, &viewer, &id, Command::Describe { priority, title }).await.map(Json)
}

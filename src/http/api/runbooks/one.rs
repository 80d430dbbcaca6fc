//! `GET runbooks/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::runbook;
use serde::Serialize;
use utoipa::ToSchema;

use super::{RunbookSummary, StepJson, may_read, steps, store};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::runbooks::RunbookRow;

/// A runbook or article with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunbookJson {
    /// What lists show.
    #[serde(flatten)]
    pub about: RunbookSummary,
    /// Markdown as it was written.
    pub text: String,
    /// Its steps, as they were read from the text.
    pub steps: Vec<StepJson>,
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/runbooks/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Name of a runbook or article")),
    responses(
        (status = 200, description = "It, with its text", body = RunbookJson),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such runbook", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunbookJson>, Problem> {
    params.done()?;
    let row = known(&state, &viewer, &id).await?;
    Ok(Json(RunbookJson {
        about: (&row).into(),
        steps: runbook::read(&row.body).map(|document| steps(&document)).unwrap_or_default(),
        text: row.body,
    }))
}

/// It, if it is there for this viewer.
pub async fn known(state: &AppState, viewer: &Viewer, id: &str) -> Result<RunbookRow, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let row = store(state)?.runbook(id).await?;
    row.filter(|row| may_read(viewer, row.customer.as_deref())).ok_or_else(|| Problem::not_found("runbook"))
}

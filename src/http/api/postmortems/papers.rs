//! `GET postmortems/{id}/paper`: as a page to print, Markdown or PDF.

use axum::extract::{Path, State};
use axum::response::Response;
use hotline_core::postmortem::paper as document;

use super::{foot, known};
use crate::http::AppState;
use crate::http::auth::Viewer;
use crate::http::papers;
use crate::http::params::Params;
use crate::http::problem::Problem;

/// The document. `format`: `html` (default), `md`, `pdf`.
#[utoipa::path(
    get, path = "/api/v1/postmortems/{id}/paper", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a postmortem or of its incident"),
        ("format" = Option<String>, Query, description = "`html` (default), `md`, `pdf`"),
    ),
    responses(
        (status = 200, description = "The document", body = String, content_type = "text/html"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such postmortem", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn paper(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let format = papers::format(&mut params)?;
    params.done()?;
    let known = known(&state, &viewer, &id).await?;
    let paper = document(&known.postmortem, &known.facts, &state.board().directory(), &foot(&known.row));
    Ok(papers::answer(paper, format, &format!("postmortem-{}", known.facts.reference)).await)
}

//! `PUT runbooks/{id}`: a new version. `DELETE`: out of use; the versions stay.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::runbook;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{may_read, may_write, problem, store};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;
use crate::switch::library::{self, Draft};

/// Characters of a name at most.
const NAME_MAX: usize = 64;

/// A text to be saved.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "# Mail queue stuck\n\n## Recovery\n1. Look at the queue.\n", "version": 2}))]
pub struct RunbookText {
    /// Markdown: title, and for a runbook a section `## Recovery` with a list of steps.
    pub text: String,
    /// The version that it is made from (0: there is none yet). Without: whatever is there is replaced.
    #[schema(minimum = 0)]
    pub version: Option<i64>,
}

/// What it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "mail-queue", "version": 3}))]
pub struct RunbookSaved {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: i64,
}

/// Saves a version; makes the runbook if there is none of this name. One out of use is in use again.
#[utoipa::path(
    put, path = "/api/v1/runbooks/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Its name: lower-case letters, digits and dashes")),
    request_body = RunbookText,
    responses(
        (status = 200, description = "Saved", body = RunbookSaved),
        (status = 400, description = "The text has mistakes: `errors` names their lines", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough, or it is not your customer's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "It is there, but not for you", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else saved it meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn save(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<RunbookText>,
) -> Result<Json<RunbookSaved>, Problem> {
    let version = saved(&state, &viewer, &id, said).await?;
    Ok(Json(RunbookSaved { id, version }))
}

/// Takes it out of use.
#[utoipa::path(
    delete, path = "/api/v1/runbooks/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Name of a runbook or article")),
    responses(
        (status = 204, description = "Out of use"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough, or it is not your customer's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such runbook", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn archive(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let row = super::known(&state, &viewer, &id).await?;
    may_write(&viewer, row.customer.as_deref())?;
    if row.archived == 0 {
        let draft = Draft { id, text: row.body, seen: Some(row.version), archive: true, by: viewer.shown() };
        library::save(store(&state)?, &state.board().directory(), &draft).await.map_err(problem)?;
        state.board().library_changed().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Saves a version for a viewer, from API and page.
pub async fn saved(state: &AppState, viewer: &Viewer, id: &str, said: RunbookText) -> Result<i64, Problem> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=NAME_MAX).contains(&id.len()) || !id.chars().all(good) || id.starts_with('-') {
        return Err(Problem::invalid("id", "The name has 1 to 64 of these: lower-case letters, digits, dashes."));
    }
    if said.text.contains('\0') {
        return Err(Problem::invalid("text", "The text has a NUL character in it."));
    }
    let held = store(state)?.runbook(id).await?;
    if let Some(held) = &held {
        if !may_read(viewer, held.customer.as_deref()) {
            return Err(Problem::not_found("runbook"));
        }
        may_write(viewer, held.customer.as_deref())?;
    }
    // Whose it will be.
    let customer = runbook::read(&said.text).ok().and_then(|document| document.customer);
    may_write(viewer, customer.as_ref().map(|customer| customer.0.as_str()))?;
    let draft = Draft { id: id.to_owned(), text: said.text, seen: said.version, archive: false, by: viewer.shown() };
    let version = library::save(store(state)?, &state.board().directory(), &draft).await.map_err(problem)?;
    state.board().library_changed().await;
    Ok(version)
}

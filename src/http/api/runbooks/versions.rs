//! `runbooks/{id}/versions`: who wrote what when, and what changed.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::runbook::{Line, diff};
use serde::Serialize;
use utoipa::ToSchema;

use super::{known, store};
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::Viewer;
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::runbooks::VersionRow;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionJson {
    /// From 1.
    pub version: i64,
    /// Its title then.
    pub title: String,
    /// It was taken out of use with it.
    pub archived: bool,
    /// Saved.
    #[schema(format = DateTime)]
    pub saved_at: String,
    /// By whom.
    pub saved_by: String,
}

/// A version with its text, and what changed since another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionText {
    /// What lists show.
    #[serde(flatten)]
    pub about: VersionJson,
    /// Markdown as it was written.
    pub text: String,
    /// The version that it is compared with; null: it is the first.
    pub since: Option<i64>,
    /// The lines of both: ` ` in both, `-` only in the older one, `+` only in this one.
    pub diff: Vec<DiffLine>,
}

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"mark": "+", "text": "1. Look at the queue."}))]
pub struct DiffLine {
    /// ` `, `-`, `+`.
    pub mark: String,
    /// The line.
    pub text: String,
}

/// Two versions beside each other.
pub struct Compared {
    /// The newer one.
    pub row: VersionRow,
    /// The other's number.
    pub since: Option<i64>,
    /// Their lines.
    pub lines: Vec<DiffLine>,
}

impl From<&VersionRow> for VersionJson {
    fn from(row: &VersionRow) -> Self {
        Self {
            version: row.version,
            title: row.title.clone(),
            archived: row.archived != 0,
            saved_at: rfc3339(row.saved_at),
            saved_by: row.saved_by.clone(),
        }
    }
}

/// All versions, the newest first.
#[utoipa::path(
    get, path = "/api/v1/runbooks/{id}/versions", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Name of a runbook or article")),
    responses(
        (status = 200, description = "Its versions without their texts", body = Listed<VersionJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such runbook", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Listed<VersionJson>>, Problem> {
    params.done()?;
    known(&state, &viewer, &id).await?;
    let rows = store(&state)?.runbook_versions(&id).await?;
    Ok(Json(Listed { items: rows.iter().map(Into::into).collect(), next_cursor: None }))
}

/// One version, compared with the one before, or with `since`.
#[utoipa::path(
    get, path = "/api/v1/runbooks/{id}/versions/{version}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Name of a runbook or article"),
        ("version" = i64, Path, description = "Its version"),
        ("since" = Option<i64>, Query, description = "Another version to compare with"),
    ),
    responses(
        (status = 200, description = "The version", body = VersionText),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such runbook or version", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, version)): Path<(String, i64)>,
    mut params: Params,
) -> Result<Json<VersionText>, Problem> {
    let since = params.take("since")?;
    params.done()?;
    let since = since.map(|text| {
        text.parse::<i64>().map_err(|_| Problem::invalid("since", "since must be the number of a version."))
    });
    let compared = compared(&state, &viewer, &id, version, since.transpose()?).await?;
    Ok(Json(VersionText {
        about: (&compared.row).into(),
        text: compared.row.body.clone(),
        since: compared.since,
        diff: compared.lines,
    }))
}

/// Two versions: this one and the one before, or another.
pub async fn compared(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    version: i64,
    since: Option<i64>,
) -> Result<Compared, Problem> {
    let held = known(state, viewer, id).await?;
    let mut rows = store(state)?.runbook_versions(id).await?;
    // A text that was another customer's once is not for those who see this one only.
    if viewer.customers.is_some() {
        rows.retain(|row| {
            let customer = hotline_core::runbook::read(&row.body).ok().and_then(|document| document.customer);
            customer.map(|customer| customer.0) == held.customer
        });
    }
    let missing = || Problem::not_found("version");
    let newer = rows.iter().find(|row| row.version == version).cloned().ok_or_else(missing)?;
    let older = match since {
        Some(since) => Some(rows.iter().find(|row| row.version == since).ok_or_else(missing)?),
        None => rows.iter().find(|row| row.version < version),
    };
    let shown = |line: &Line<'_>| {
        let (mark, text) = match line {
            Line::Same(text) => (" ", text),
            Line::Removed(text) => ("-", text),
            Line::Added(text) => ("+", text),
        };
        DiffLine { mark: mark.to_owned(), text: (*text).to_owned() }
    };
    let lines = diff(older.map_or("", |row| &row.body), &newer.body).iter().map(shown).collect();
    Ok(Compared { since: older.map(|row| row.version), row: newer, lines })
}

//! `GET runbooks`: all, or those that have words.

use axum::Json;
use axum::extract::State;
use hotline_core::runbook;

use super::{RunbookSummary, store};
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, bad_cursor};
use crate::http::problem::Problem;
use crate::store::runbooks::{RunbookFilter, RunbookRow};

/// Characters of a question at most.
const QUESTION_MAX: usize = 200;

/// What was found, and how it was asked for.
pub struct Found {
    /// The best first where words were asked for, else by title.
    pub rows: Vec<RunbookRow>,
    /// The words.
    pub q: String,
    /// `runbook`, `article`.
    pub kind: Option<String>,
    /// Those out of use, too.
    pub archived: bool,
}

/// Runbooks and articles, by title; with `q` those that have all these words (or their beginnings), the best first.
#[utoipa::path(
    get, path = "/api/v1/runbooks", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("q" = Option<String>, Query, description = "Words, German or English; each the beginning of a word in title or text"),
        ("kind" = Option<String>, Query, description = "`runbook` or `article`"),
        ("archived" = Option<String>, Query, description = "`1`: those out of use, too"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of them, without their texts", body = Listed<RunbookSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<RunbookSummary>>, Problem> {
    let (limit, cursor) = params.page()?;
    let found = found(&state, &viewer, params).await?;
    let from = match cursor {
        None => 0,
        Some(cursor) => cursor.parse::<usize>().map_err(|_| bad_cursor())?,
    };
    let next = from.saturating_add(limit as usize);
    Ok(Json(Listed {
        items: found.rows.iter().skip(from).take(limit as usize).map(Into::into).collect(),
        next_cursor: (next < found.rows.len()).then(|| next.to_string()),
    }))
}

/// All that this viewer may read.
pub async fn found(state: &AppState, viewer: &Viewer, mut params: Params) -> Result<Found, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let q = params.take("q")?.unwrap_or_default();
    let kind = params.word("kind", &["runbook", "article"])?;
    let archived = params.word("archived", &["1"])?.is_some();
    params.done()?;
    if q.chars().count() > QUESTION_MAX {
        return Err(Problem::invalid("q", format!("q must have at most {QUESTION_MAX} characters.")));
    }
    let words = runbook::query(&q);
    // Marks alone are no words: nothing has them.
    if words.is_empty() && !q.trim().is_empty() {
        return Ok(Found { rows: Vec::new(), q, kind, archived });
    }
    let filter =
        RunbookFilter { words: words.clone(), kind: kind.clone(), archived, customers: viewer.customers.clone() };
    let mut rows = store(state)?.runbooks(&filter).await?;
    if !words.is_empty() {
        rows.sort_by_cached_key(|row| std::cmp::Reverse(runbook::rank(&words, &row.title, &row.body)));
    }
    Ok(Found { rows, q, kind, archived })
}

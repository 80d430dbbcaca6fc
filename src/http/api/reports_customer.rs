//! `GET /reports/customer/{id}`: the report that a customer gets, as a page, Markdown or PDF.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;

use super::reports::span;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::papers;
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::switch::slas::ReportError;

/// What happened to a customer: alerts, promises kept and broken, how long it took, calls. As a page that prints, Markdown or PDF.
#[utoipa::path(
    get, path = "/api/v1/reports/customer/{id}", tag = "slas", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a customer"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339, or a day in the customer's zone (four weeks ago)"),
        ("to" = Option<String>, Query, description = "First moment (or day) after it (four weeks after `from`), at most 400 days later"),
        ("month" = Option<String>, Query, description = "Instead of both: a month as in `2026-11`"),
        ("language" = Option<String>, Query, description = "`de` or `en`; without: the customer's"),
        ("format" = Option<String>, Query, description = "`html` (usual), `md`, `pdf`"),
    ),
    responses(
        (status = 200, description = "The document", body = String, content_type = "text/html"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such customer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Too much for one report", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn report(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    viewer.require(Right::SeeAlerts)?;
    if !viewer.sees(Some(&id)) {
        return Err(Problem::not_found("customer"));
    }
    let directory = state.board().directory();
    let own = directory.customers.get(&id.as_str().into()).and_then(|customer| customer.time_zone.clone());
    let (from, to) = span(&mut params, &own.unwrap_or(TimeZone::UTC))?;
    let language = params.word("language", &["de", "en"])?;
    let format = papers::format(&mut params)?;
    params.done()?;
    let made = state.board().customer_report(&id.as_str().into(), from, to, language.as_deref()).await;
    let paper = made.map_err(|error| match error {
        ReportError::Unknown => Problem::not_found("customer"),
        ReportError::TooMuch => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-much",
            "That is too much for one report",
            "Choose a shorter time.",
        ),
        ReportError::Store(error) => error.into(),
    })?;
    let detail = serde_json::json!({ "customer": id, "from": from.to_string(), "to": to.to_string() });
    super::note_export(&state, &viewer, "report.export", &format!("customers/{id}"), &detail, Vec::new()).await?;
    Ok(papers::answer(paper, format, &format!("report-{id}")).await)
}

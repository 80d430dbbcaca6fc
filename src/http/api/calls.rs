//! `calls`: what rang, what came of it, what was said.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::fact::{Direction, Outcome};
use hotline_core::ids::CallId;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{Answer, CallSummary, Leg, Listed, Recording, TimelineEntry, answers, named_timeline};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::read::CallFilter;

/// Everything about a call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallDetail {
    /// At a glance.
    #[serde(flatten)]
    pub call: CallSummary,
    /// The caller's leg and everybody who was called.
    pub legs: Vec<Leg>,
    /// The last answer to each of the five questions.
    pub answers: Vec<Answer>,
    /// Everything that was recorded, in order.
    pub recordings: Vec<Recording>,
    /// Every step, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// The calls, newest first.
#[utoipa::path(
    get, path = "/api/v1/calls", tag = "calls", security(("token" = []), ("session" = [])),
    params(
        ("number" = Option<String>, Query, description = "The hotline number rung"),
        ("outcome" = Option<String>, Query, description = "`taken`, `voicemail`, `reported`, `abandoned`, `blocked`, `completed`, `failed`, `unanswered`"),
        ("customer" = Option<String>, Query, description = "Id of a customer"),
        ("direction" = Option<String>, Query, description = "`inbound` or `alert-ring`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = Listed<CallSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<CallSummary>>, Problem> {
    viewer.require(Right::SeeCalls)?;
    let filter = CallFilter {
        number: params.name("number")?,
        outcome: params.word("outcome", &Outcome::ALL.map(Outcome::word))?,
        customer: params.name("customer")?,
        direction: params.word("direction", &Direction::ALL.map(Direction::word))?,
        customers: viewer.customers,
    };
    let (limit, cursor) = params.page()?;
    params.done()?;
    Ok(Json(page(&state, &filter, cursor.as_deref(), limit).await?))
}

/// A page of calls; those that run say so.
pub async fn page(
    state: &AppState,
    filter: &CallFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Listed<CallSummary>, StoreError> {
    let rows = state.records().calls(filter, cursor, limit).await?;
    let directory = state.board().directory();
    let live = state.board().calls();
    let items = rows.items.iter().map(|row| {
        let view = live.iter().find(|view| view.id.to_string() == row.id);
        CallSummary::of_row(row, view, &directory)
    });
    Ok(Listed { items: items.collect(), next_cursor: rows.next_cursor })
}

/// One call with legs, answers, recordings and timeline.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}", tag = "calls", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a call")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<CallDetail>, Problem> {
    viewer.require(Right::SeeCalls)?;
    detail(&state, &viewer, &id).await?.map(Json).ok_or_else(|| Problem::not_found("call"))
}

/// One call; `None`: there is none, or not for this viewer. A call that has just begun may be known to the switch only.
pub async fn detail(state: &AppState, viewer: &Viewer, id: &str) -> Result<Option<CallDetail>, StoreError> {
    let Ok(id) = CallId::from_str(id).map(|id| id.to_string()) else {
        return Ok(None);
    };
    let records = state.records();
    let row = records.call(&id).await?;
    let directory = state.board().directory();
    let live = state.board().calls().into_iter().find(|view| view.id.to_string() == id);
    let call = match (&row, &live) {
        (Some(row), live) => CallSummary::of_row(row, live.as_ref(), &directory),
        (None, Some(live)) => CallSummary::of_view(live, &directory),
        (None, None) => return Ok(None),
    };
    if !viewer.sees(call.customer.as_ref().map(|customer| customer.id.as_str())) {
        return Ok(None);
    }
    let (legs, recordings, timeline) =
        tokio::try_join!(records.legs(&id), records.recordings(&id), records.call_timeline(&id))?;
    let recordings = super::recordings::of_rows(state, recordings);
    Ok(Some(CallDetail {
        call,
        legs: legs.into_iter().map(|row| Leg::of_row(row, &directory)).collect(),
        answers: answers(&recordings),
        recordings,
        timeline: named_timeline(timeline, &directory),
    }))
}

//! `GET /alerts/{id}`: everything about an alert.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::ids::AlertId;
use serde::Serialize;
use utoipa::ToSchema;

use super::timeline::told_to;
use super::waiting::{AlertPromises, promises};
use crate::http::AppState;
use crate::http::alert_desk::NotificationFilter;
use crate::http::api::notifications::NotificationEntry;
use crate::http::api::types::{AlertSummary, Answer, Recording, TimelineEntry, answers, named_timeline};
use crate::http::auth::{Right, Viewer};
use crate::http::params::{LIMIT_MAX, rfc3339};
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::notifications::NotificationRow;
use crate::store::read::AlertRow;

/// What happens to an alert next, if nobody does anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"what": "step 2: Ben Sommer by schedule `second`, at 03:09:00 UTC", "at": "2026-11-22T03:09:00.000Z"}))]
pub struct NextStep {
    /// In words.
    pub what: String,
    /// When; null: not by itself.
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

/// Everything about an alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertDetail {
    /// At a glance.
    #[serde(flatten)]
    pub alert: AlertSummary,
    /// All that was said, as text: one line a recording (`what: The mail server is down.`); null: nothing yet.
    pub transcript: Option<String>,
    /// The last answer to each of the five questions.
    pub answers: Vec<Answer>,
    /// What the caller said, in order.
    pub recordings: Vec<Recording>,
    /// What the tool or whoever opened it says about it, plain text.
    pub details: Option<String>,
    /// What happens next, if nobody does anything.
    pub next: Option<NextStep>,
    /// Who was told, newest first, at most 200; `GET /notifications?alert=` has all.
    pub notifications: Vec<NotificationEntry>,
    /// What was promised to the customer, and how it stands.
    pub promises: AlertPromises,
    /// Every step of the alert and its calls, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// One alert with answers, recordings and timeline.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "The alert", body = AlertDetail),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<AlertDetail>, Problem> {
    detail(&state, &viewer, &id).await?.map(Json).ok_or_else(|| Problem::not_found("alert"))
}

/// One alert; `None`: there is none, or not for this viewer.
pub async fn detail(state: &AppState, viewer: &Viewer, id: &str) -> Result<Option<AlertDetail>, StoreError> {
    let Ok(alert) = AlertId::from_str(id) else {
        return Ok(None);
    };
    let id = alert.to_string();
    let records = state.records();
    let Some(row) = records.alert(&id).await?.filter(|row| viewer.sees(row.customer.as_deref())) else {
        return Ok(None);
    };
    let said = async {
        match &row.call_id {
            Some(call) if viewer.may(Right::HearRecordings) => records.recordings(call).await,
            Some(_) | None => Ok(Vec::new()),
        }
    };
    let told = notifications(state, viewer, &id);
    let (recordings, timeline, told, next, promises) =
        tokio::try_join!(said, records.alert_timeline(&id), told, next_of(state, &row), promises(state, alert))?;
    let recordings = crate::http::api::recordings::of_rows(state, recordings);
    let directory = state.board().directory();
    let lines: Vec<String> = recordings
        .iter()
        .filter_map(|recording| Some(format!("{}: {}", recording.kind, recording.transcript.text.as_ref()?)))
        .collect();
    Ok(Some(AlertDetail {
        transcript: (!lines.is_empty()).then(|| lines.join("\n")),
        answers: answers(&recordings),
        recordings,
        details: row.details.clone(),
        next,
        notifications: told.into_iter().map(|row| NotificationEntry::of_row(row, &directory)).collect(),
        promises,
        timeline: told_to(viewer, named_timeline(timeline, &directory)),
        alert: AlertSummary::of_row(row, &directory),
    }))
}

/// Whom the alert reached is for those who handle alerts.
async fn notifications(state: &AppState, viewer: &Viewer, id: &str) -> Result<Vec<NotificationRow>, StoreError> {
    let Some(alert) = AlertId::from_str(id).ok().filter(|_| viewer.may(Right::HandleAlerts)) else {
        return Ok(Vec::new());
    };
    let filter = NotificationFilter { alert: Some(alert), ..NotificationFilter::default() };
    Ok(state.records().notifications(&filter, None, LIMIT_MAX).await?.items)
}

async fn next_of(state: &AppState, row: &AlertRow) -> Result<Option<NextStep>, StoreError> {
    let Some(id) = AlertId::from_str(&row.id).ok().filter(|_| row.status != "resolved") else { return Ok(None) };
    let Some(alert) = state.records().alert_state(id).await? else { return Ok(None) };
    let (what, at) = state.board().next_of(&alert, crate::clock::now().wall);
    Ok(Some(NextStep { what, at: at.map(|at| rfc3339(at.as_millisecond())) }))
}

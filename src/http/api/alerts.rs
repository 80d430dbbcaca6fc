//! `alerts`: what somebody must take care of, and taking care of it.

use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{AlertSummary, Answer, Listed, Recording, TimelineEntry, answers, named_timeline};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::read::{AlertFilter, AlertRow};
use crate::switch::AlertError;

/// Status words.
const STATUSES: [&str; 3] = ["triggered", "acknowledged", "resolved"];
/// What was kept in the journal is in the database within this.
const DRAINED_WITHIN: Duration = Duration::from_millis(1_200);
const LOOK_EVERY: Duration = Duration::from_millis(60);

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
    /// Every step of the alert and its calls, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// What an alert is after something was done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000002", "status": "acknowledged", "at": "2026-11-22T03:04:00.000Z", "by": "token admin"
}))]
pub struct AlertState {
    /// The alert.
    pub id: String,
    /// Its status now.
    pub status: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who has it, or who closed it.
    pub by: String,
}

/// What can be done to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Somebody has it.
    Acknowledge,
    /// It is over.
    Resolve,
}

/// The alerts, newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", security(("token" = []), ("session" = [])),
    params(
        ("status" = Option<String>, Query, description = "`triggered`, `acknowledged` or `resolved`"),
        ("priority" = Option<String>, Query, description = "`P1` to `P5`"),
        ("customer" = Option<String>, Query, description = "Id of a customer"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of alerts", body = Listed<AlertSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<AlertSummary>>, Problem> {
    let filter = filter(&viewer, &mut params)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    Ok(Json(page(&state, &filter, cursor.as_deref(), limit).await?))
}

/// The filter of a query.
pub fn filter(viewer: &Viewer, params: &mut Params) -> Result<AlertFilter, Problem> {
    Ok(AlertFilter {
        status: params.word("status", &STATUSES)?,
        priority: params.word("priority", &Priority::ALL.map(Priority::word))?,
        customer: params.name("customer")?,
        customers: viewer.customers.clone(),
        ..AlertFilter::default()
    })
}

/// A page of alerts.
pub async fn page(
    state: &AppState,
    filter: &AlertFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Listed<AlertSummary>, StoreError> {
    let rows = state.records().alerts(filter, cursor, limit).await?;
    let directory = state.board().directory();
    let items = rows.items.into_iter().map(|row| AlertSummary::of_row(row, &directory)).collect();
    Ok(Listed { items, next_cursor: rows.next_cursor })
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
    let Ok(id) = AlertId::from_str(id).map(|id| id.to_string()) else {
        return Ok(None);
    };
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
    let (recordings, timeline) = tokio::try_join!(said, records.alert_timeline(&id))?;
    let recordings = super::recordings::of_rows(state, recordings);
    let directory = state.board().directory();
    let lines: Vec<String> = recordings
        .iter()
        .filter_map(|recording| Some(format!("{}: {}", recording.kind, recording.transcript.text.as_ref()?)))
        .collect();
    Ok(Some(AlertDetail {
        alert: AlertSummary::of_row(row, &directory),
        transcript: (!lines.is_empty()).then(|| lines.join("\n")),
        answers: answers(&recordings),
        recordings,
        timeline: named_timeline(timeline, &directory),
    }))
}

/// Somebody has it: no more ringing. Done twice it changes nothing.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "Kept: people are no longer rung", body = AlertState),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is resolved already", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It counts, but the disk can't keep it: a restart would forget it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn acknowledge(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<AlertState>, Problem> {
    carry_out(&state, &viewer, &id, Deed::Acknowledge).await.map(Json)
}

/// It is over.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "Kept: the alert is closed", body = AlertState),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is resolved already", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It counts, but the disk can't keep it: a restart would forget it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resolve(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<AlertState>, Problem> {
    carry_out(&state, &viewer, &id, Deed::Resolve).await.map(Json)
}

/// These take no body yet; one that says something would be silently ignored, so it is refused.
pub struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let json = kind.starts_with("application/json");
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        if body.trim_ascii().is_empty() {
            return Ok(Self);
        }
        if !json {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response());
        }
        let problem = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body) {
            Ok(fields) => match fields.keys().next() {
                None => return Ok(Self),
                Some(name) => Problem::invalid(name, format!("{name} is not a field of this request; send no body.")),
            },
            Err(_) => Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-body",
                "The body could not be read",
                "Send a JSON object, or no body at all.",
            ),
        };
        Err(problem.into_response())
    }
}

/// Does it and tells what the alert is then; used by the page's buttons too.
pub async fn carry_out(state: &AppState, viewer: &Viewer, id: &str, deed: Deed) -> Result<AlertState, Problem> {
    let alert = AlertId::from_str(id).map_err(|_| Problem::not_found("alert"))?;
    visible(state, viewer, alert).await?;
    viewer.require(Right::HandleAlerts)?;
    let done = match deed {
        Deed::Acknowledge => state.board().acknowledge(alert, viewer.actor()).await,
        Deed::Resolve => state.board().resolve(alert, viewer.actor()).await,
    };
    match done {
        Ok(()) => Ok(after(state, viewer, alert, deed).await),
        Err(AlertError::NotOpen) => Err(not_open(state, alert).await),
        Err(AlertError::NotKept(why)) => {
            tracing::error!(%alert, %why, "an alert could not be acknowledged or resolved");
            Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-kept",
                "It counts, but could not be kept",
                "Nobody is rung about it any more, but the disk can't take it at the moment: a restart would forget it. Make room in the data folder and try again; /readyz says what is wrong.",
            )
            .with(header::RETRY_AFTER, "5"))
        }
    }
}

/// 404 for an alert that this viewer does not see.
pub async fn visible(state: &AppState, viewer: &Viewer, alert: AlertId) -> Result<(), Problem> {
    if viewer.customers.is_none() {
        return Ok(());
    }
    let open = state.board().open_alerts().into_iter().find(|open| open.id == alert);
    let customer = match open {
        Some(open) => open.customer.map(|customer| customer.0),
        None => state.records().alert(&alert.to_string()).await?.and_then(|row| row.customer),
    };
    if viewer.sees(customer.as_deref()) { Ok(()) } else { Err(Problem::not_found("alert")) }
}

/// The deed is in the journal; the database has it within a second. Waits that long for the words kept there.
async fn after(state: &AppState, viewer: &Viewer, alert: AlertId, deed: Deed) -> AlertState {
    let id = alert.to_string();
    let looks = DRAINED_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        match state.records().alert(&id).await {
            Ok(Some(row)) => {
                if let Some(kept) = kept(&row, deed) {
                    return kept;
                }
            }
            Ok(None) => {}
            Err(_) => break,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let status = match deed {
        Deed::Acknowledge => "acknowledged",
        Deed::Resolve => "resolved",
    };
    AlertState {
        id,
        status: status.to_owned(),
        at: rfc3339(crate::clock::now().wall.as_millisecond()),
        by: viewer.shown(),
    }
}

fn kept(row: &AlertRow, deed: Deed) -> Option<AlertState> {
    let (at, by) = match (row.status.as_str(), deed) {
        ("acknowledged", Deed::Acknowledge) => (row.acknowledged_at, row.acknowledged_by.as_ref()),
        ("resolved", _) => (row.resolved_at, row.resolved_by.as_ref()),
        _ => return None,
    };
    Some(AlertState { id: row.id.clone(), status: row.status.clone(), at: rfc3339(at?), by: by?.clone() })
}

async fn not_open(state: &AppState, alert: AlertId) -> Problem {
    match state.records().alert(&alert.to_string()).await {
        Ok(Some(row)) if row.status == "resolved" => {
            let by = row.resolved_by.unwrap_or_else(|| "somebody".to_owned());
            let at = row.resolved_at.map(rfc3339).unwrap_or_default();
            Problem::new(
                StatusCode::CONFLICT,
                "alert-resolved",
                "The alert is resolved already",
                format!("{by} resolved it at {at}; there is nothing left to do."),
            )
        }
        Ok(Some(_)) => Problem::new(
            StatusCode::CONFLICT,
            "alert-not-here",
            "The alert is not among the open ones",
            "The service that holds it does not know it as open. Try again in a few seconds; if it stays, restart the service and report this.",
        ),
        Ok(None) => Problem::not_found("alert"),
        Err(error) => error.into(),
    }
}

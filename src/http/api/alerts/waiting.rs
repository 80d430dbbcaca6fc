//! `POST /alerts/{id}/waiting`: "it is the customer's turn."

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::ids::AlertId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Said, not_kept, of_id, visible};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::switch::slas::{Standing, WaitingError};

/// Whose turn it is.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"waiting": true}))]
pub struct Waiting {
    /// The customer's (true): the clocks of the contract stand still. Ours again (false): they run.
    pub waiting: bool,
}

/// The promises that an alert is under.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertPromises {
    /// The customer is waited for since then; null: not.
    #[schema(format = DateTime)]
    pub waiting_since: Option<String>,
    /// One for each promise; none: nothing was promised.
    pub clocks: Vec<PromiseClock>,
}

/// A promise to the customer, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "promise": "resolution", "sla": "gold", "revision": 2, "name": "Gold", "priority": "P1", "state": "running", "target_seconds": 14_400,
    "elapsed_seconds": 7_200, "share": 50, "started_at": "2026-11-22T03:02:00.000Z", "due_at": "2026-11-22T07:02:00.000Z",
    "stopped_at": null
}))]
pub struct PromiseClock {
    /// `response`: until somebody has it; `resolution`: until it is over.
    pub promise: &'static str,
    /// By which contract.
    pub sla: String,
    /// By which revision of it: a later change of the contract does not touch this clock.
    pub revision: u32,
    /// The contract's name.
    pub name: String,
    /// Whose target this is.
    pub priority: &'static str,
    /// `running`, `paused` (the customer is waited for), `breached`, and at the end `kept`, `late` or `void`.
    pub state: &'static str,
    /// What was promised. Time counts in the contract's hours.
    pub target_seconds: i64,
    /// What has counted so far.
    pub elapsed_seconds: i64,
    /// How much of the target has passed, in hundredths.
    pub share: u32,
    /// Since when.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it is due; null: the customer is waited for.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
    /// When it was done.
    #[schema(format = DateTime)]
    pub stopped_at: Option<String>,
}

impl PromiseClock {
    /// As it stands.
    pub fn of(standing: Standing) -> Self {
        let measured = standing.row.measured;
        let at = |at: jiff::Timestamp| rfc3339(at.as_millisecond());
        Self {
            promise: measured.promise.word(),
            sla: measured.sla.0,
            revision: measured.revision,
            name: standing.name,
            priority: measured.priority.word(),
            state: standing.state,
            target_seconds: measured.target.as_secs(),
            elapsed_seconds: standing.elapsed.as_secs(),
            share: standing.share,
            started_at: at(measured.started),
            due_at: standing.due_at.map(at),
            stopped_at: measured.stopped.map(at),
        }
    }
}

/// The promises of an alert as they stand now.
pub async fn promises(state: &AppState, alert: AlertId) -> Result<AlertPromises, StoreError> {
    let promises = state.board().promises(alert).await?;
    Ok(AlertPromises {
        waiting_since: promises.waiting_since.map(|at| rfc3339(at.as_millisecond())),
        clocks: promises.clocks.into_iter().map(PromiseClock::of).collect(),
    })
}

/// The customer is waited for, or not any more: the clocks of the contract stand still meanwhile. It stands on the timeline; said twice it is
/// the same.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/waiting", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    request_body = Waiting,
    responses(
        (status = 200, description = "Kept: the promises as they stand now", body = AlertPromises),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is resolved", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn waiting(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<Waiting>,
) -> Result<Json<AlertPromises>, Problem> {
    set(&state, &viewer, &id, said.waiting).await.map(Json)
}

/// Used by the page's buttons too.
pub async fn set(state: &AppState, viewer: &Viewer, id: &str, waits: bool) -> Result<AlertPromises, Problem> {
    let alert = of_id(id)?;
    visible(state, viewer, alert).await?;
    viewer.require(Right::HandleAlerts)?;
    state.board().set_waiting(alert, waits, &viewer.actor()).await.map_err(|error| match error {
        WaitingError::Unknown => Problem::not_found("alert"),
        WaitingError::Resolved => Problem::new(
            StatusCode::CONFLICT,
            "alert-resolved",
            "The alert is resolved already",
            "Nobody is waited for any more.",
        ),
        WaitingError::Store(error) => not_kept(&error.to_string()),
    })?;
    Ok(promises(state, alert).await?)
}

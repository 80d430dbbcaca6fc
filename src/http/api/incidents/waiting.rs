//! `POST /incidents/{id}/waiting`: "it is that customer's turn"; and the promises about an incident, as they stand.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use hotline_core::ids::CustomerId;
use hotline_core::incident::Incident;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sight::Sight;
use super::types::IncidentDetail;
use super::{shown, sight};
use crate::http::AppState;
use crate::http::api::alerts::{PromiseClock, Said, not_kept};
use crate::http::api::types::Named;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::switch::incidents::IncidentWaitingError;

/// Whose turn it is.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"waiting": true, "customer": "acme"}))]
pub struct CustomerWaiting {
    /// The customer's (true): the clocks of its contract stand still. Ours again (false): they run.
    pub waiting: bool,
    /// Which customer; without: every customer with a promise that is measured.
    pub customer: Option<String>,
}

/// The promises about an incident to one customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IncidentPromises {
    /// To whom.
    pub customer: Named,
    /// The customer is waited for since then; null: not.
    #[schema(format = DateTime)]
    pub waiting_since: Option<String>,
    /// One for each promise. `response`: until the first word to the customer; `resolution`: until it is over.
    pub clocks: Vec<PromiseClock>,
}

/// The promises of an incident as they stand now, for who sees all of it.
pub async fn promises(
    state: &AppState,
    incident: &Incident,
    sight: &Sight,
) -> Result<Vec<IncidentPromises>, StoreError> {
    if *sight != Sight::Whole {
        return Ok(Vec::new());
    }
    let directory = state.board().directory();
    let found = state.board().incident_promises(incident.id).await?;
    let one = |one: crate::switch::incidents::CustomerPromises| IncidentPromises {
        customer: Named::customer(&directory, &one.customer.0),
        waiting_since: one.promises.waiting_since.map(|at| rfc3339(at.as_millisecond())),
        clocks: one.promises.clocks.into_iter().map(PromiseClock::of).collect(),
    };
    Ok(found.into_iter().map(one).collect())
}

/// A customer is waited for, or not any more: the clocks of its contract stand still meanwhile, those of other customers go on. It stands on
/// the timeline; said twice it is the same. The next update stays due: customers who are waited for are told, too.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/waiting", tag = "incidents", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an incident")),
    request_body = CustomerWaiting,
    responses(
        (status = 200, description = "Kept: the incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is over, or nothing is measured for this customer", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn waiting(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<CustomerWaiting>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    set(&state, &viewer, &incident, said.customer.as_deref(), said.waiting).await?;
    let incident = state.records().incident(incident.id).await?.ok_or_else(|| Problem::not_found("incident"))?;
    Ok(shown(&state, &viewer, &incident, StatusCode::OK).await)
}

/// Used by the page's buttons too.
pub async fn set(
    state: &AppState,
    viewer: &Viewer,
    incident: &Incident,
    customer: Option<&str>,
    waits: bool,
) -> Result<(), Problem> {
    let customer = customer.map(CustomerId::from);
    let done = state.board().set_incident_waiting(incident.id, customer.as_ref(), waits, &sight::by(viewer)).await;
    done.map_err(|error| {
        let conflict = |code: &str, title: &str| {
            Problem::new(StatusCode::CONFLICT, code, title, super::sentence(&error.to_string()))
        };
        match &error {
            IncidentWaitingError::Unknown => Problem::not_found("incident"),
            IncidentWaitingError::Over => conflict("over", "The incident is over"),
            IncidentWaitingError::NothingPromised => conflict("nothing-promised", "Nothing is measured"),
            IncidentWaitingError::Store(error) => not_kept(&error.to_string()),
        }
    })
}

//! `incidents/{id}/runbooks`: those that belong to an incident (by its title, its services and customers, and its alerts), and their steps as
//! they are done. A step that is ticked stands on the incident's timeline.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::ids::{CustomerId, ServiceId};
use hotline_core::incident::{Command, Incident};
use hotline_core::private::Private;
use hotline_core::runbook::{self, Subject};

use super::steps::{OfAlert, Ticking, fitting, set_step, shown};
use crate::http::AppState;
use crate::http::api::alerts::NoBody;
use crate::http::api::incidents::{refused, sight};
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::read::AlertRow;
use crate::switch::library::Shelved;

/// Alerts of an incident by which runbooks are looked for: what a storm brought beside says nothing new.
const ALERTS: usize = 20;

/// The runbooks and articles that belong to an incident, those that say most first.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/runbooks", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an incident")),
    responses(
        (status = 200, description = "All of them", body = Listed<OfAlert>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident, runbook or step", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Listed<OfAlert>>, Problem> {
    params.done()?;
    let incident = sight::handle(&state, &viewer, &id).await?;
    Ok(Json(Listed { items: of_incident(&state, &viewer, &incident).await?, next_cursor: None }))
}

/// Ticks a step.
#[utoipa::path(
    put, path = "/api/v1/incidents/{id}/runbooks/{runbook}/steps/{step}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("runbook" = String, Path, description = "Name of a runbook that belongs to it"),
        ("step" = u32, Path, description = "Number of a step"),
    ),
    responses(
        (status = 204, description = "Done; it stands on the timeline once"),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident, runbook or step", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn tick(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, name, step)): Path<(String, String, u32)>,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    ticked(&state, &viewer, &id, &name, step, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the tick of a step back; that stands on the timeline, too.
#[utoipa::path(
    delete, path = "/api/v1/incidents/{id}/runbooks/{runbook}/steps/{step}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("runbook" = String, Path, description = "Name of a runbook that belongs to it"),
        ("step" = u32, Path, description = "Number of a step"),
    ),
    responses(
        (status = 204, description = "Not done"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident, runbook or step", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn untick(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, name, step)): Path<(String, String, u32)>,
) -> Result<StatusCode, Problem> {
    ticked(&state, &viewer, &id, &name, step, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What belongs to an incident, for this viewer.
pub async fn of_incident(state: &AppState, viewer: &Viewer, incident: &Incident) -> Result<Vec<OfAlert>, Problem> {
    let found = matching(state, viewer, incident).await?;
    shown(state, &subject(incident), found).await
}

fn subject(incident: &Incident) -> String {
    format!("incident:{}", incident.id)
}

async fn matching(state: &AppState, viewer: &Viewer, incident: &Incident) -> Result<Vec<Shelved>, Problem> {
    let directory = state.board().directory();
    let category = |id: Option<&ServiceId>| id.and_then(|id| directory.services.get(id)?.category.as_deref());
    let mut alerts: Vec<(AlertRow, Option<ServiceId>, Option<CustomerId>)> = Vec::new();
    for id in incident.alerts.iter().take(ALERTS) {
        let Some(row) = state.records().alert(&id.to_string()).await? else { continue };
        let (service, customer) = (row.service.as_deref().map(Into::into), row.customer.as_deref().map(Into::into));
        alerts.push((row, service, customer));
    }
    let touched = incident.touched(&directory);
    let title = incident.title.as_str();
    let mut about = Vec::new();
    for affected in &incident.affected {
        let service = Some(&affected.service);
        let owner = directory.services.get(&affected.service).and_then(|service| service.customer.as_ref());
        about.push(Subject { title, service, customer: owner, category: category(service), source: None });
    }
    about.extend(touched.iter().map(|customer| Subject { title, customer: Some(customer), ..Subject::default() }));
    about.push(Subject { title, ..Subject::default() });
    about.extend(alerts.iter().map(|(row, service, customer)| Subject {
        title: &row.title,
        service: service.as_ref(),
        customer: customer.as_ref(),
        category: category(service.as_ref()),
        source: row.source.as_deref(),
    }));
    fitting(state, viewer, &about).await
}

/// Ticks a step or takes the tick back, and says so on the timeline; used by the page's buttons too.
pub async fn ticked(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    name: &str,
    number: u32,
    done: bool,
) -> Result<(), Problem> {
    let incident = sight::handle(state, viewer, id).await?;
    viewer.require(Right::HandleAlerts)?;
    let found = matching(state, viewer, &incident).await?.into_iter().find(|(own, _)| own == name);
    let (_, document) = found.ok_or_else(|| Problem::not_found("runbook"))?;
    let step = document.steps.iter().find(|step| step.number == number).ok_or_else(|| Problem::not_found("step"))?;
    let keep = async |told: runbook::Ticked| {
        let word = Command::Note(format!("{}.", told.what), Some(Private::new(told.words)));
        let done = state.board().incident_commands(incident.id, vec![word], sight::by(viewer), None).await;
        done.map(drop).map_err(|error| refused(&error))
    };
    let what = Ticking { subject: &subject(&incident), runbook: name, title: &document.title, step };
    set_step(state, viewer, &what, done, keep).await
}

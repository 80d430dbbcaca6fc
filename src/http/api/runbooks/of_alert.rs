//! `alerts/{id}/runbooks`: those that belong to an alert, and their steps as they are done. A step that is ticked stands on the
//! alert's timeline, with who and when.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hotline_core::alert::Command;
use hotline_core::ids::{ActionId, AlertId};
use hotline_core::private::Private;
use hotline_core::runbook::{self, Subject};

use super::steps::{OfAlert, Ticking, fitting, set_step, shown};
use crate::http::AppState;
use crate::http::api::alerts::{NoBody, actions, not_kept, of_id, visible};
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::read::AlertRow;
use crate::switch::actions::ActionError;
use crate::switch::commands::CommandError;
use crate::switch::library::Shelved;

/// The runbooks and articles that belong to an alert, those that say most first.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}/runbooks", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "All of them", body = Listed<OfAlert>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
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
    let (_, row) = alert(&state, &viewer, &id).await?;
    Ok(Json(Listed { items: of_alert(&state, &viewer, &row).await?, next_cursor: None }))
}

/// Ticks a step.
#[utoipa::path(
    put, path = "/api/v1/alerts/{id}/runbooks/{runbook}/steps/{step}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an alert"),
        ("runbook" = String, Path, description = "Name of a runbook that belongs to it"),
        ("step" = u32, Path, description = "Number of a step"),
    ),
    responses(
        (status = 204, description = "Done; it stands on the timeline once"),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert, runbook or step", body = Problem, content_type = "application/problem+json"),
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
    delete, path = "/api/v1/alerts/{id}/runbooks/{runbook}/steps/{step}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an alert"),
        ("runbook" = String, Path, description = "Name of a runbook that belongs to it"),
        ("step" = u32, Path, description = "Number of a step"),
    ),
    responses(
        (status = 204, description = "Not done"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert, runbook or step", body = Problem, content_type = "application/problem+json"),
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

/// Starts the action of a step, with the rights that starting it otherwise needs.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/runbooks/{runbook}/steps/{step}/start", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an alert"),
        ("runbook" = String, Path, description = "Name of a runbook that belongs to it"),
        ("step" = u32, Path, description = "Number of a step with an action"),
    ),
    responses(
        (status = 202, description = "Kept: it runs soon, once", body = actions::ActionStarted),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert, runbook, step or action", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn start(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, name, step)): Path<(String, String, u32)>,
    _: NoBody,
) -> Result<Response, Problem> {
    let started = started(&state, &viewer, &id, &name, step).await?;
    Ok((StatusCode::ACCEPTED, Json(started)).into_response())
}

/// What belongs to an alert, for this viewer.
pub async fn of_alert(state: &AppState, viewer: &Viewer, row: &AlertRow) -> Result<Vec<OfAlert>, Problem> {
    let found = matching(state, viewer, row).await?;
    shown(state, &subject(&row.id), found).await
}

fn subject(alert: &str) -> String {
    format!("alert:{alert}")
}

async fn matching(state: &AppState, viewer: &Viewer, row: &AlertRow) -> Result<Vec<Shelved>, Problem> {
    let (service, customer) = (row.service.as_deref().map(Into::into), row.customer.as_deref().map(Into::into));
    let directory = state.board().directory();
    let category = service.as_ref().and_then(|id| directory.services.get(id)?.category.as_deref());
    let about = Subject {
        title: &row.title,
        service: service.as_ref(),
        customer: customer.as_ref(),
        category,
        source: row.source.as_deref(),
    };
    fitting(state, viewer, &[about]).await
}

/// The alert, if it is there for this viewer.
async fn alert(state: &AppState, viewer: &Viewer, id: &str) -> Result<(AlertId, AlertRow), Problem> {
    let alert = of_id(id)?;
    visible(state, viewer, alert).await?;
    viewer.require(Right::HandleAlerts)?;
    let row = state.records().alert(&alert.to_string()).await?.ok_or_else(|| Problem::not_found("alert"))?;
    Ok((alert, row))
}

/// A step of a runbook that belongs to the alert.
async fn step_of(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    name: &str,
    number: u32,
) -> Result<(AlertId, String, runbook::Step), Problem> {
    let (alert, row) = alert(state, viewer, id).await?;
    let found = matching(state, viewer, &row).await?.into_iter().find(|(own, _)| own == name);
    let (_, document) = found.ok_or_else(|| Problem::not_found("runbook"))?;
    let step = document.steps.into_iter().find(|step| step.number == number);
    Ok((alert, document.title, step.ok_or_else(|| Problem::not_found("step"))?))
}

/// Ticks a step or takes the tick back, and says so on the timeline.
pub async fn ticked(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    name: &str,
    number: u32,
    done: bool,
) -> Result<(), Problem> {
    let (alert, title, step) = step_of(state, viewer, id, name, number).await?;
    let keep = async |told: runbook::Ticked| {
        let text = Private::from(format!("{}: {}", told.what, told.words));
        match state.board().command(alert, Command::Comment(text), viewer.actor()).await {
            Ok(()) => Ok(()),
            Err(CommandError::Unknown) => Err(Problem::not_found("alert")),
            Err(CommandError::Refused(refusal)) => {
                Err(Problem::new(StatusCode::CONFLICT, "refused", "This can't be done", format!("{refusal}.")))
            }
            Err(CommandError::NotKept(why)) => Err(not_kept(&why)),
        }
    };
    let what = Ticking { subject: &subject(&alert.to_string()), runbook: name, title: &title, step: &step };
    set_step(state, viewer, &what, done, keep).await
}

/// Starts the action of a step.
pub async fn started(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    name: &str,
    number: u32,
) -> Result<actions::ActionStarted, Problem> {
    let (alert, _, step) = step_of(state, viewer, id, name, number).await?;
    let action: ActionId = step.action.ok_or_else(|| Problem::not_found("action"))?;
    if !actions::may_start(viewer, &state.board().directory(), &action.0) {
        return Err(Problem::not_found("action"));
    }
    match state.board().start_action(alert, &action, &viewer.actor(), None).await {
        Ok((id, started)) => Ok(actions::ActionStarted { id, action: action.0, started }),
        Err(ActionError::UnknownAlert) => Err(Problem::not_found("alert")),
        Err(ActionError::UnknownAction) => Err(Problem::not_found("action")),
        Err(ActionError::NotKept(why)) => Err(not_kept(&why)),
    }
}

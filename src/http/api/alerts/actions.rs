//! `alerts/{id}/actions`: what an alert started, and starting something by hand.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hotline_core::directory::Directory;
use hotline_core::ids::{ActionId, AlertId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{NoBody, idempotency_key, not_kept, of_id, visible};
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::intake::ActionRunRow;
use crate::switch::actions::ActionError;

/// One run of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000009", "action": "restart-mail", "name": "Restart the mail service", "state": "done",
    "started_by": "login:ann", "attempts": 1, "created_at": "2026-11-22T03:04:00.000Z", "finished_at": "2026-11-22T03:04:02.120Z",
    "output": "mail.service restarted"
}))]
pub struct ActionRun {
    /// The run; a webhook gets it as its delivery id.
    pub id: String,
    /// Id of the action.
    pub action: String,
    /// As shown; the id where it is not configured any more.
    pub name: String,
    /// `waiting`, `running`, `done`, `failed`, `skipped` (the alert was resolved before it began), `unknown` (cut off by a crash, not repeated).
    pub state: String,
    /// `system` (by rule), `person:…`, `login:…`, `token:…`.
    pub started_by: String,
    /// Tries so far.
    pub attempts: i64,
    /// Asked for.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Over.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
    /// What it said, the last 4,000 characters.
    pub output: Option<String>,
}

impl ActionRun {
    fn of(row: ActionRunRow, state: &AppState) -> Self {
        let directory = state.board().directory();
        let name = directory
            .actions
            .get(&ActionId(row.action.clone()))
            .map_or_else(|| row.action.clone(), |action| action.name.clone());
        Self {
            id: row.id,
            name,
            action: row.action,
            state: row.state,
            started_by: row.started_by,
            attempts: row.attempts,
            created_at: rfc3339(row.created_at),
            finished_at: row.finished_at.map(rfc3339),
            output: row.output.filter(|output| !output.is_empty()),
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "019aab2c-7d11-7000-8000-000000000009", "action": "restart-mail", "started": true}))]
pub struct ActionStarted {
    /// The run.
    pub id: String,
    /// Id of the action.
    pub action: String,
    /// False: the same wish (`Idempotency-Key`) was there already.
    pub started: bool,
}

/// The runs of an alert's actions, oldest first.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}/actions", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "All runs", body = Listed<ActionRun>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn runs(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Listed<ActionRun>>, Problem> {
    params.done()?;
    let alert = known(&state, &viewer, &id).await?;
    viewer.require(Right::HandleAlerts)?;
    let rows = state.records().action_runs(alert).await?;
    Ok(Json(Listed { items: rows.into_iter().map(|row| ActionRun::of(row, &state)).collect(), next_cursor: None }))
}

/// Starts an action. It runs within seconds; its end is on the timeline.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/actions/{action}", tag = "alerts", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an alert"),
        ("action" = String, Path, description = "Id of an action"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same wish, 1 to 200 characters"),
    ),
    responses(
        (status = 202, description = "Kept: it runs soon, once", body = ActionStarted),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert or action", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn start(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let alert = known(&state, &viewer, &id).await?;
    viewer.require(Right::HandleAlerts)?;
    let once = idempotency_key(&headers)?;
    if !may_start(&viewer, &state.board().directory(), &action) {
        return Err(Problem::not_found("action"));
    }
    match state.board().start_action(alert, &ActionId(action.clone()), &viewer.actor(), once.as_deref()).await {
        Ok((id, started)) => Ok((StatusCode::ACCEPTED, Json(ActionStarted { id, action, started })).into_response()),
        Err(ActionError::UnknownAlert) => Err(Problem::not_found("alert")),
        Err(ActionError::UnknownAction) => Err(Problem::not_found("action")),
        Err(ActionError::NotKept(why)) => Err(not_kept(&why)),
    }
}

/// Who sees only some customers' things starts what belongs to one of these: an action that names no customer may touch
/// anybody's.
pub fn may_start(viewer: &Viewer, directory: &Directory, action: &str) -> bool {
    let Some(on) = directory.actions.get(&ActionId::from(action)).map(|action| action.on.as_ref()) else { return true };
    let of_service = |service| directory.services.get(service).and_then(|service| service.customer.as_ref());
    let owner = on.and_then(|on| on.customer.as_ref().or_else(|| on.service.as_ref().and_then(of_service)));
    viewer.sees(owner.map(|customer| customer.0.as_str()))
}

/// The alert, if it is there for this viewer.
async fn known(state: &AppState, viewer: &Viewer, id: &str) -> Result<AlertId, Problem> {
    let alert = of_id(id)?;
    visible(state, viewer, alert).await?;
    if state.records().alert(&alert.to_string()).await?.is_none() {
        return Err(Problem::not_found("alert"));
    }
    Ok(alert)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hotline_core::directory::{Action, ActionDeed, ActionRule};

    use super::*;
    use crate::http::auth::Role;

    #[test]
    fn who_sees_one_customer_starts_what_is_theirs() {
        let mut directory = Directory::default();
        let of = |customer: Option<&str>| {
            customer.map(|id| ActionRule { customer: Some(id.into()), ..ActionRule::default() })
        };
        for (id, on) in [("scale", of(Some("acme"))), ("restart", of(Some("harbour"))), ("reboot", of(None))] {
            let id = ActionId::from(id);
            let deed = ActionDeed::Command(vec!["true".to_owned()]);
            let action =
                Action { id: id.clone(), name: String::new(), deed, timeout: Duration::from_secs(1), retries: 0, on };
            directory.actions.insert(id, action);
        }
        let mut viewer = Viewer {
            name: "eve".to_owned(),
            role: Role::Engineer,
            token: true,
            user: None,
            customers: Some(vec!["acme".to_owned()]),
        };
        let may = |viewer: &Viewer| ["scale", "restart", "reboot"].map(|action| may_start(viewer, &directory, action));
        assert_eq!(may(&viewer), [true, false, false]);
        viewer.customers = None;
        assert_eq!(may(&viewer), [true, true, true]);
    }
}

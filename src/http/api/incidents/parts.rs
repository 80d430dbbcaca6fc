//! Comments, roles, tasks and alerts of an incident.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hotline_core::ids::{AlertId, UserId};
use hotline_core::incident::{Command, join};
use hotline_core::private::Private;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::IncidentDetail;
use super::{refused, say, sight, version};
use crate::http::AppState;
use crate::http::api::alerts::{Assignment, Comment, NoBody, Said};
use crate::http::auth::Viewer;
use crate::http::problem::Problem;
use crate::switch::incidents::IncidentError;

/// Something to do.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Ring the carrier", "owner": "engineer-2"}))]
pub struct NewTask {
    /// 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    pub text: String,
    /// Id of a user.
    pub owner: Option<String>,
}

/// What is to be changed about a task.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"done": true}))]
pub struct TaskChange {
    /// It is done, or not after all.
    pub done: Option<bool>,
    /// Id of a user; an empty one: nobody.
    pub owner: Option<String>,
}

/// An alert that belongs to it.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"alert": "019aab2c-7d11-7000-8000-000000000002"}))]
pub struct AlertField {
    /// Id of an alert.
    #[schema(format = "uuid")]
    pub alert: String,
}

/// Writes something on its timeline: what people talk by when the chat is down. Fine when it is over, too.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/comments", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    request_body = Comment,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn comment(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<Comment>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    say(&state, &viewer, &incident, vec![Command::Comment(Private::new(said.text))], None).await
}

/// Gives somebody a role: `lead`, `communication`, `scribe`, or a name of your own.
#[utoipa::path(
    put, path = "/api/v1/incidents/{id}/roles/{role}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("role" = String, Path, description = "A short word"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = Assignment,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn give_role(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, role)): Path<(String, String)>,
    headers: HeaderMap,
    Said(said): Said<Assignment>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let word = Command::Role(role, Some(UserId(said.user)));
    say(&state, &viewer, &incident, vec![word], version(&headers)?).await
}

/// Nobody has this role any more.
#[utoipa::path(
    delete, path = "/api/v1/incidents/{id}/roles/{role}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("role" = String, Path, description = "A short word"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn take_role(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    say(&state, &viewer, &incident, vec![Command::Role(role, None)], version(&headers)?).await
}

/// Adds something to do.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/tasks", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = NewTask,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn add_task(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Said(said): Said<NewTask>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let word = Command::AddTask(said.text, said.owner.map(UserId));
    say(&state, &viewer, &incident, vec![word], version(&headers)?).await
}

/// Ticks a task, or gives it to somebody.
#[utoipa::path(
    patch, path = "/api/v1/incidents/{id}/tasks/{number}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("number" = u32, Path, description = "Number of the task"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = TaskChange,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn change_task(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, number)): Path<(String, u32)>,
    headers: HeaderMap,
    Said(said): Said<TaskChange>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let owner = said.owner.map(|owner| Some(UserId(owner)).filter(|owner| !owner.0.is_empty()));
    let mut words: Vec<Command> = owner.map(|owner| Command::GiveTask(number, owner)).into_iter().collect();
    words.extend(said.done.map(|done| Command::TickTask(number, done)));
    if words.is_empty() {
        return Err(Problem::invalid("done", "Say what is to be changed: done or owner."));
    }
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

/// The alert belongs to this incident. Its payload's beginning counts, if nobody has said another.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/alerts", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = AlertField,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn join_alert(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Said(said): Said<AlertField>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let unknown = || Problem::invalid("alert", "There is no such alert; /api/v1/alerts lists them.");
    let alert: AlertId = said.alert.parse().map_err(|_| unknown())?;
    let seen = state.board().alert_seen(alert).await;
    let seen = seen.map_err(|error| match error {
        IncidentError::UnknownAlert(_) => unknown(),
        IncidentError::Unknown | IncidentError::Refused(_) | IncidentError::NotKept(_) => refused(&error),
    })?;
    if !viewer.sees(seen.customer.as_ref().map(|id| id.0.as_str())) {
        return Err(unknown());
    }
    let words = join(&incident, &seen, crate::clock::now().wall).map_err(|refusal| refused(&refusal.into()))?;
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

/// The alert does not belong to it.
#[utoipa::path(
    delete, path = "/api/v1/incidents/{id}/alerts/{alert}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("alert" = String, Path, description = "Id of an alert"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove_alert(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, alert)): Path<(String, String)>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let alert: AlertId = alert.parse().map_err(|_| Problem::not_found("alert"))?;
    say(&state, &viewer, &incident, vec![Command::RemoveAlert(alert)], version(&headers)?).await
}

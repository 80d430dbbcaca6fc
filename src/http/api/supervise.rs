//! `calls/{id}/listen`, `whisper`, `barge`: somebody joins a running conversation with their phone; and leaves it. The
//! phone is one of the directory's; a key pressed on it lets it in.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::call::CallView;
use hotline_core::call::supervise::{NotSupervised, Role, Supervise, SupervisorAnswer};
use hotline_core::call::view::SupervisorView;
use hotline_core::fact::LegCause;
use hotline_core::ids::{CallId, PhoneId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Said;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::store::alerts::Audited;
use crate::switch::supervise::SuperviseError;

/// With which phone.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "dispatch-1"}))]
pub struct SupervisorPhone {
    /// A SIP account of the directory (`GET /api/v1/phones`).
    pub phone: String,
}

/// Somebody who listens to a running call, whispers or speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"phone": "dispatch-1", "role": "listen", "state": "ringing"}))]
pub struct Supervisor {
    /// Their SIP account.
    pub phone: String,
    /// `listen`: hears both, is heard by nobody. `whisper`: hears both, is heard by the engineer only. `barge`: all hear all.
    pub role: String,
    /// `ringing` (until somebody presses 1 there), or `on` the line.
    pub state: String,
}

impl Supervisor {
    /// Those of a running call.
    pub fn of_view(live: &CallView) -> Vec<Self> {
        let supervisors = live.supervisors.iter();
        let supervisor = |there: &SupervisorView| Self {
            phone: there.phone.0.clone(),
            role: there.role.word().to_owned(),
            state: if there.on { "on" } else { "ringing" }.to_owned(),
        };
        supervisors.map(supervisor).collect()
    }
}

/// Listens in: the phone hears both sides and is heard by nobody. For a phone that is on the line the role is changed.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/listen", tag = "calls", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a running call")),
    request_body = SupervisorPhone,
    responses(
        (status = 200, description = "The phone rings (1 pressed there joins), or is on the line", body = Supervisor),
        (status = 400, description = "The body is not valid, or the phone is not in the directory", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No two people talk, or the phone is not registered, busy or on the call", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn listen(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<SupervisorPhone>,
) -> Result<Json<Supervisor>, Problem> {
    join(&state, &viewer, &id, Role::Listen, &said.phone).await.map(Json)
}

/// Whispers: the phone hears both sides and is heard by the engineer only; the caller hears nothing of it.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/whisper", tag = "calls", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a running call")),
    request_body = SupervisorPhone,
    responses(
        (status = 200, description = "The phone rings (1 pressed there joins), or is on the line", body = Supervisor),
        (status = 400, description = "The body is not valid, or the phone is not in the directory", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No two people talk, or the phone is not registered, busy or on the call", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn whisper(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<SupervisorPhone>,
) -> Result<Json<Supervisor>, Problem> {
    join(&state, &viewer, &id, Role::Whisper, &said.phone).await.map(Json)
}

/// Joins the conversation: all hear all.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/barge", tag = "calls", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a running call")),
    request_body = SupervisorPhone,
    responses(
        (status = 200, description = "The phone rings (1 pressed there joins), or is on the line", body = Supervisor),
        (status = 400, description = "The body is not valid, or the phone is not in the directory", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No two people talk, or the phone is not registered, busy or on the call", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn barge(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<SupervisorPhone>,
) -> Result<Json<Supervisor>, Problem> {
    join(&state, &viewer, &id, Role::Barge, &said.phone).await.map(Json)
}

/// Ends a supervisor's part: their phone is hung up, the two talk on.
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}/supervisors/{phone}", tag = "calls", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a running call"),
        ("phone" = String, Path, description = "The SIP account that supervises it"),
    ),
    responses(
        (status = 204, description = "The phone is hung up"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call, or no such phone on it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, phone)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    leave(&state, &viewer, &id, &phone).await.map(|()| StatusCode::NO_CONTENT)
}

/// Puts a phone on the line; used by the page's buttons too. What was asked stands in the audit chain before the phone rings.
pub async fn join(state: &AppState, viewer: &Viewer, id: &str, role: Role, phone: &str) -> Result<Supervisor, Problem> {
    let call = visible(state, viewer, id).await?;
    let phone = PhoneId::from(phone);
    if !state.board().directory().phones.contains_key(&phone) {
        return Err(Problem::invalid(
            "phone",
            "No SIP account of the directory has this name; GET /api/v1/phones lists them. Only these are rung.",
        ));
    }
    let view = state.board().calls().into_iter().find(|view| view.id == call).ok_or_else(nobody_talks)?;
    if !view.talks && !view.supervisors.iter().any(|supervisor| supervisor.phone == phone) {
        return Err(nobody_talks());
    }
    audit(state, viewer, &format!("call.{}", role.word()), call, &phone).await?;
    let ask = Supervise { role, phone: phone.clone(), by: viewer.actor() };
    let answer = state.board().supervise(call, ask).await.map_err(|error| refused(&error))?;
    let on = answer == SupervisorAnswer::On;
    let line = if on { "on" } else { "ringing" };
    Ok(Supervisor { phone: phone.0, role: role.word().to_owned(), state: line.to_owned() })
}

/// Takes a phone off the line.
pub async fn leave(state: &AppState, viewer: &Viewer, id: &str, phone: &str) -> Result<(), Problem> {
    let call = visible(state, viewer, id).await?;
    let phone = PhoneId::from(phone);
    let live = state.board().calls().into_iter().find(|view| view.id == call);
    if !live.is_some_and(|view| view.supervisors.iter().any(|there| there.phone == phone)) {
        return Err(no_supervisor());
    }
    audit(state, viewer, "call.supervision-end", call, &phone).await?;
    match state.board().dismiss(call, phone, viewer.actor()).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(no_supervisor()),
    }
}

fn no_supervisor() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "supervisor-not-found",
        "There is no such supervisor",
        "This phone is not on this call; GET /api/v1/calls/{id} names those that are.",
    )
}

/// The call, for those who may supervise it: 404 for what they do not see.
async fn visible(state: &AppState, viewer: &Viewer, id: &str) -> Result<CallId, Problem> {
    viewer.require(Right::Supervise)?;
    let call = CallId::from_str(id).map_err(|_| Problem::not_found("call"))?;
    let live = state.board().calls().into_iter().find(|view| view.id == call);
    let customer = match live {
        Some(view) => view.customer.map(|customer| customer.0),
        None => state.records().call(&call.to_string()).await?.ok_or_else(|| Problem::not_found("call"))?.customer,
    };
    if viewer.sees(customer.as_deref()) { Ok(call) } else { Err(Problem::not_found("call")) }
}

async fn audit(state: &AppState, viewer: &Viewer, action: &str, call: CallId, phone: &PhoneId) -> Result<(), Problem> {
    let deed = Audited {
        actor: viewer.shown(),
        action: action.to_owned(),
        object: format!("call {call}"),
        detail: serde_json::json!({ "phone": phone.0 }).to_string(),
        personal: Vec::new(),
    };
    Ok(state.records().note_audit(deed).await?)
}

fn conflict(code: &str, title: &str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, title, detail)
}

fn nobody_talks() -> Problem {
    conflict(
        "nobody-talks",
        "No two people talk on this call",
        "A call can be listened to while a caller talks with an engineer, on the node that has the call. Wait until GET /api/v1/calls/{id} says state `with`, and ask again.",
    )
}

fn refused(error: &SuperviseError) -> Problem {
    match error {
        SuperviseError::NoCall | SuperviseError::Refused(NotSupervised::NobodyTalks) => nobody_talks(),
        SuperviseError::Refused(NotSupervised::UnknownPhone) => conflict(
            "phone-too-new",
            "The call does not know this phone",
            "The SIP account was made after the call began, and a running call keeps the directory it began with. Use another phone.",
        ),
        SuperviseError::Refused(NotSupervised::Talks) => conflict(
            "phone-on-call",
            "The phone is on this call",
            "This phone is one of those that the call has dialled or came from. Use another one.",
        ),
        SuperviseError::Refused(NotSupervised::Full) => conflict(
            "call-full",
            "Two supervise this call already",
            "End one of them first: DELETE /api/v1/calls/{id}/supervisors/{phone}.",
        ),
        SuperviseError::NotRegistered(None) => conflict(
            "phone-not-registered",
            "The phone is not registered",
            "Switch the phone on and see that it registers here; GET /api/v1/phones says which do.",
        ),
        SuperviseError::NotRegistered(Some(node)) => conflict(
            "phone-not-registered",
            "The phone is registered elsewhere",
            format!("The phone is registered at the node {node}, the call runs on this one. Use a phone of this node."),
        ),
        SuperviseError::Ended(LegCause::Busy) => {
            conflict("phone-busy", "The phone is busy", "Hang up on it, or use another phone, and ask again.")
        }
        SuperviseError::Ended(cause) => conflict(
            "phone-not-reached",
            "The phone was not reached",
            format!("It was rung, but: {}. See that it is on and takes calls, and ask again.", cause.words()),
        ),
    }
}

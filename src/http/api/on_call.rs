//! `on-call`: who is called now, until when, who comes next, and why.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hotline_core::directory::{Destination, Directory};
use hotline_core::ids::{ScheduleId, UserId};
use hotline_core::oncall::{OnCallPerson, Schedule};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{Listed, Named};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// Changes looked at for the next person: overrides may hand over to the same one.
const CHANGES: usize = 60;

/// Who is on call by one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "schedule": {"id": "on-call", "name": "On call, 24×7"}, "at": "2026-11-22T03:00:00.000Z",
    "now": {"id": "engineer-1", "name": "Ada Winter"}, "until": "2026-11-23T08:00:00.000Z",
    "next": {"id": "engineer-2", "name": "Ben Sommer"}, "phones": ["phone engineer-1"],
    "on_duty": [{"id": "engineer-1", "name": "Ada Winter"}], "then": [{"id": "engineer-2", "name": "Ben Sommer"}],
    "why": "Ada Winter is on call until Mon 2026-11-23 09:00 Europe/Berlin by schedule `on-call`",
    "layers": [{"id": "main", "name": "main", "answers": true, "people": [{"id": "engineer-1", "name": "Ada Winter"}],
                "why": "Ada Winter on call until Mon 2026-11-23 09:00 Europe/Berlin by schedule `on-call`"}]
}))]
pub struct OnCallNow {
    /// The schedule.
    pub schedule: Named,
    /// The moment asked about.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who is called first; null: nobody.
    pub now: Option<Named>,
    /// Until when; null: no end in sight.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Who comes next.
    pub next: Option<Named>,
    /// Where the first one is called, in order; numbers are shortened.
    pub phones: Vec<String>,
    /// Everybody on call, the first included.
    pub on_duty: Vec<Named>,
    /// Who is called if those on call do not answer, in order.
    pub then: Vec<Named>,
    /// Why: which schedule, rule, override.
    pub why: String,
    /// Layer by layer: who, why, who was passed over, what rules it out.
    pub layers: Vec<LayerSays>,
}

/// What a layer of a schedule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "nights", "name": "Nights", "answers": false, "people": [], "why": "outside its hours until Mon 2026-11-23 20:00 Europe/Berlin"
}))]
pub struct LayerSays {
    /// Id of the layer; `override`: an override above all layers.
    pub id: String,
    /// As shown.
    pub name: String,
    /// Its people are on call.
    pub answers: bool,
    /// Whom it names.
    pub people: Vec<Named>,
    /// Why.
    pub why: String,
}

/// Who is on call, for each schedule.
#[utoipa::path(
    get, path = "/api/v1/on-call", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("at" = Option<String>, Query, description = "Another moment than now, RFC 3339, at most 10 years away"),
        ("schedule" = Option<String>, Query, description = "Id of a schedule"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "One entry for each schedule", body = Listed<OnCallNow>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<OnCallNow>>, Problem> {
    let at = params.planned("at")?.unwrap_or_else(|| crate::clock::now().wall);
    let only = params.name("schedule")?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let seen = viewer.schedules(&directory);
    let seen = |id: &ScheduleId| seen.as_ref().is_none_or(|seen| seen.contains(id));
    if let Some(only) = &only
        && !directory.schedules.keys().any(|id| id.0 == *only && seen(id))
    {
        return Err(Problem::invalid(
            "schedule",
            "schedule must be the id of a schedule; /api/v1/schedules lists them.",
        ));
    }
    let seen: Vec<ScheduleId> = directory.schedules.keys().filter(|id| seen(id)).cloned().collect();
    let phones = viewer.may(Right::SeeDirectory);
    // Many schedules of many layers take a moment; not on the threads that answer.
    let work = move || {
        // Those of the pages before are not asked who is on call.
        let of_page = |id: &ScheduleId| cursor.as_ref().is_none_or(|cursor| id.0 > *cursor);
        let wanted = |id: &ScheduleId| of_page(id) && only.as_ref().is_none_or(|only| id.0 == *only);
        let schedules = seen.iter().filter(|id| wanted(id)).filter_map(|id| directory.schedules.get(id));
        let entries = schedules.map(|schedule| {
            let mut entry = now(&state, &directory, schedule, at);
            if !phones {
                entry.phones.clear();
            }
            (schedule.id.0.clone(), entry)
        });
        super::page_of(entries, cursor.as_deref(), limit)
    };
    let listed = tokio::task::spawn_blocking(work).await;
    listed.map(Json).map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Who is on call by `schedule` at `at`.
pub fn now(state: &AppState, directory: &Directory, schedule: &Schedule, at: Timestamp) -> OnCallNow {
    let board = state.board();
    let on_call = board.on_call(schedule, directory, at);
    let first = on_call.people.first().filter(|person| person.duty);
    let (until, next) = next(state, directory, schedule, at, first);
    let named = |person: &OnCallPerson| Named::user(directory, &person.user.0);
    OnCallNow {
        schedule: Named { id: schedule.id.0.clone(), name: schedule.name.clone() },
        at: rfc3339(at.as_millisecond()),
        now: first.map(named),
        until: until.map(|until| rfc3339(until.as_millisecond())),
        next: next.map(|user| Named::user(directory, &user.0)),
        phones: first.map(|person| person.phones.iter().map(shown).collect()).unwrap_or_default(),
        on_duty: on_call.people.iter().filter(|person| person.duty).map(named).collect(),
        then: on_call.people.iter().filter(|person| !person.duty).map(named).collect(),
        layers: on_call
            .layers
            .into_iter()
            .map(|layer| LayerSays {
                id: layer.layer,
                name: layer.name,
                answers: layer.answers,
                people: layer.people.iter().map(|user| Named::user(directory, &user.0)).collect(),
                why: layer.why,
            })
            .collect(),
        why: on_call.why,
    }
}

/// When somebody else is on call, and who.
fn next(
    state: &AppState,
    directory: &Directory,
    schedule: &Schedule,
    at: Timestamp,
    first: Option<&OnCallPerson>,
) -> (Option<Timestamp>, Option<UserId>) {
    let mut moment = at;
    for _ in 0..CHANGES {
        let Some(change) = state.board().next_change(schedule, moment) else { break };
        if change <= moment {
            break;
        }
        let user = state.board().first_on_call(schedule, directory, change);
        if user.as_ref() != first.map(|person| &person.user) {
            return (Some(change), user);
        }
        moment = change;
    }
    (None, None)
}

/// A destination without the full number.
pub fn shown(destination: &Destination) -> String {
    match destination {
        Destination::Phone(phone) => format!("phone {phone}"),
        Destination::Number { trunk, number } => {
            let number = number.reveal();
            let end: String = number.chars().skip(number.chars().count().saturating_sub(2)).collect();
            format!("number …{end} via {trunk}")
        }
        Destination::Sip(_) => "fixed SIP address".to_owned(),
    }
}

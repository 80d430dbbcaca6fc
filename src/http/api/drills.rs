//! `drills`: exercises, planned and held, with a report of who reacted when.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::drill::{self, Attendance, Every};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::alerts::{NoBody, Said, not_kept};
use super::types::{Listed, Named};
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::http::{AppState, papers};
use crate::store::Store;
use crate::store::drills::{DrillRow, DrillRunRow};
use crate::switch::drills::{DrillError, held};

/// Characters of the text at most.
const TEXT_MAX: usize = 4_000;

/// The routes of drills.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, plan))
        .routes(routes!(remove))
        .routes(routes!(begin))
        .routes(routes!(runs))
        .routes(routes!(run))
        .routes(routes!(paper))
}

/// A drill as it is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000077", "title": "Mail outage at night", "text": "", "replays": "nothing", "language": "en",
    "policy": null, "next_at": "2026-12-01T09:00:00.000Z", "every": "month", "time_zone": "Europe/Berlin", "created_by": "login ann"
}))]
pub struct DrillJson {
    /// Its id.
    #[schema(format = "uuid")]
    pub id: String,
    /// Without the mark.
    pub title: String,
    /// For those who look at the alert.
    pub text: String,
    /// `incident:ID`, `alert:ID`, `call:ID`, `nothing`.
    pub replays: String,
    /// `en` (`DRILL`), `de` (`ÜBUNG`).
    pub language: String,
    /// Id of the escalation policy; null: the default.
    pub policy: Option<String>,
    /// When it is held next; null: by hand only, or over.
    #[schema(format = DateTime)]
    pub next_at: Option<String>,
    /// `once`, `week`, `month`, `quarter`.
    pub every: String,
    /// The wall clock that it follows.
    pub time_zone: String,
    /// Who planned it.
    pub created_by: String,
}

/// A drill to be planned.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Mail outage at night", "language": "en", "next_at": "2026-12-01T09:00:00Z", "every": "month"}))]
pub struct DrillWish {
    /// One line; the mark is put before it. Without: the title of what is replayed.
    pub title: Option<String>,
    /// For those who look at the alert, at most 4,000 characters.
    #[serde(default)]
    pub text: String,
    /// `incident:ID`, `alert:ID`, `call:ID`.
    pub replays: Option<String>,
    /// `en` (default) or `de`.
    pub language: Option<String>,
    /// Id of an escalation policy.
    pub policy: Option<String>,
    /// When it is held (first); without: by hand.
    #[schema(format = DateTime)]
    pub next_at: Option<String>,
    /// `once` (default), `week`, `month`, `quarter`.
    pub every: Option<String>,
    /// IANA name (default: that of the first rota).
    pub time_zone: Option<String>,
}

/// A drill that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DrillRun {
    /// Its id.
    #[schema(format = "uuid")]
    pub id: String,
    /// The drill's id; it may be planned no more.
    pub drill: String,
    /// With the mark.
    pub title: String,
    /// Begun.
    #[schema(format = DateTime)]
    pub begun_at: String,
    /// By whom.
    pub begun_by: String,
    /// Id of its alert; null: not kept yet.
    pub alert: Option<String>,
}

/// A drill that was held, and who was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DrillReport {
    /// What lists show.
    #[serde(flatten)]
    pub about: DrillRun,
    /// When somebody took it; null: nobody yet.
    #[schema(format = DateTime)]
    pub taken_at: Option<String>,
    /// When its alert was resolved.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Who was told and who reacted, in this order.
    pub attendance: Vec<AttendanceJson>,
}

/// Who was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttendanceJson {
    /// Who.
    pub user: Named,
    /// First told.
    #[schema(format = DateTime)]
    pub told_at: Option<String>,
    /// First reaction: answered or took it.
    #[schema(format = DateTime)]
    pub reacted_at: Option<String>,
    /// From one to the other, seconds.
    pub seconds: Option<i64>,
    /// They took it.
    pub took: bool,
}

impl From<&DrillRow> for DrillJson {
    fn from(row: &DrillRow) -> Self {
        Self {
            id: row.id.clone(),
            title: row.title.clone(),
            text: row.text.clone(),
            replays: row.replays.clone(),
            language: row.language.clone(),
            policy: row.policy.clone(),
            next_at: row.next_at.map(rfc3339),
            every: row.every.clone(),
            time_zone: row.zone.clone(),
            created_by: row.created_by.clone(),
        }
    }
}

impl From<&DrillRunRow> for DrillRun {
    fn from(row: &DrillRunRow) -> Self {
        Self {
            id: row.id.clone(),
            drill: row.drill.clone(),
            title: drill::marked(&row.title, &row.language),
            begun_at: rfc3339(row.begun_at),
            begun_by: row.begun_by.clone(),
            alert: row.alert.clone(),
        }
    }
}

/// Who sees only some customers' things has nothing to do with drills: they call everybody.
fn store<'a>(state: &'a AppState, viewer: &Viewer) -> Result<&'a Store, Problem> {
    viewer.require(Right::HandleAlerts)?;
    if viewer.customers.is_some() {
        return Err(Problem::forbidden("role-not-enough", "Drills are for those who see all customers' things."));
    }
    state.records().store().ok_or_else(|| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))
}

/// Drills that are planned, the next first.
#[utoipa::path(
    get, path = "/api/v1/drills", tag = "knowledge", security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "All of them", body = Listed<DrillJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Listed<DrillJson>>, Problem> {
    params.done()?;
    let rows = listed(&state, &viewer).await?;
    Ok(Json(Listed { items: rows.iter().map(Into::into).collect(), next_cursor: None }))
}

/// For API and page.
pub async fn listed(state: &AppState, viewer: &Viewer) -> Result<Vec<DrillRow>, Problem> {
    Ok(store(state, viewer)?.drills().await?)
}

/// Plans a drill.
#[utoipa::path(
    post, path = "/api/v1/drills", tag = "knowledge", security(("token" = []), ("session" = [])),
    request_body = DrillWish,
    responses(
        (status = 201, description = "Planned", body = DrillJson),
        (status = 400, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn plan(
    viewer: Viewer,
    State(state): State<AppState>,
    Said(wish): Said<DrillWish>,
) -> Result<Response, Problem> {
    let row = planned(&state, &viewer, wish).await?;
    let place = state.link(&format!("/api/v1/drills/{}", row.id));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(DrillJson::from(&row))).into_response())
}

/// Plans one for a viewer, from API and page.
pub async fn planned(state: &AppState, viewer: &Viewer, wish: DrillWish) -> Result<DrillRow, Problem> {
    viewer.require(Right::Plan)?;
    let store = store(state, viewer)?;
    let now = crate::clock::now().wall;
    let language = wish.language.filter(|word| !word.is_empty()).unwrap_or_else(|| "en".to_owned());
    if !matches!(language.as_str(), "en" | "de") {
        return Err(Problem::invalid("language", "language must be en or de."));
    }
    let every = wish.every.filter(|word| !word.is_empty()).unwrap_or_else(|| Every::Once.word().to_owned());
    if Every::from_word(&every).is_none() {
        return Err(Problem::invalid("every", "every must be one of once, week, month, quarter."));
    }
    let replays = wish.replays.filter(|word| !word.is_empty());
    let past = replayed(store, replays.as_deref()).await?;
    let title = wish.title.filter(|title| !title.trim().is_empty()).or(past);
    let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    if !(1..=drill::TITLE_MAX).contains(&title.chars().count()) || title.contains('\0') {
        return Err(Problem::invalid("title", "title must be one line of 1 to 200 characters."));
    }
    if wish.text.chars().count() > TEXT_MAX || wish.text.contains('\0') {
        return Err(Problem::invalid("text", "text has at most 4,000 characters, no NUL among them."));
    }
    let directory = state.board().directory();
    let policy = wish.policy.filter(|policy| !policy.is_empty());
    if policy.as_deref().is_some_and(|policy| !directory.policies.contains_key(&policy.into())) {
        return Err(Problem::invalid(
            "policy",
            "There is no such escalation policy; /api/v1/escalation-policies lists them.",
        ));
    }
    let of_rota = || directory.schedules.values().find_map(|rota| rota.time_zone.iana_name().map(str::to_owned));
    let zone = wish.time_zone.filter(|zone| !zone.is_empty()).or_else(of_rota).unwrap_or_else(|| "UTC".to_owned());
    if TimeZone::get(&zone).is_err() {
        return Err(Problem::invalid("time_zone", "time_zone must be an IANA name such as Europe/Berlin."));
    }
    let next_at = wish.next_at.filter(|at| !at.is_empty()).map(|at| at.parse::<Timestamp>());
    let next_at =
        next_at.transpose().ok().filter(|at| at.is_none_or(|at| at > now)).ok_or_else(|| {
            Problem::invalid("next_at", "next_at must be a time to come, as in 2027-12-24T03:00:00Z.")
        })?;
    if next_at.is_none() && every != Every::Once.word() {
        return Err(Problem::invalid("next_at", "A drill that comes again needs its first time."));
    }
    let row = DrillRow {
        id: Uuid::now_v7().to_string(),
        title,
        text: wish.text,
        replays: replays.unwrap_or_else(|| "nothing".to_owned()),
        language,
        policy,
        next_at: next_at.map(Timestamp::as_millisecond),
        every,
        zone,
        created_at: now.as_millisecond(),
        created_by: viewer.shown(),
    };
    store.add_drill(&row).await?;
    Ok(row)
}

/// The title of what is replayed.
async fn replayed(store: &Store, what: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(what) = what else { return Ok(None) };
    let missing = || {
        Problem::invalid(
            "replays",
            "replays names no incident, alert or call that is there: write incident:ID, alert:ID or call:ID.",
        )
    };
    let (kind, id) = what.split_once(':').ok_or_else(missing)?;
    let title = match kind {
        "incident" => store.incident(id.parse().map_err(|_| missing())?).await?.map(|incident| incident.title),
        "alert" => store.alert(id).await?.map(|row| row.title),
        "call" => store.call(id).await?.map(|row| format!("Call to {}", row.number)),
        _ => None,
    };
    title.map(Some).ok_or_else(missing)
}

/// Plans it no more. What was held stays.
#[utoipa::path(
    delete, path = "/api/v1/drills/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a drill")),
    responses(
        (status = 204, description = "It is planned no more"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such drill", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    viewer.require(Right::Plan)?;
    if store(&state, &viewer)?.remove_drill(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("drill"))
    }
}

/// Begins it now: people are called.
#[utoipa::path(
    post, path = "/api/v1/drills/{id}/begin", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a drill")),
    responses(
        (status = 202, description = "Begun", body = DrillRun),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such drill", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn begin(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Response, Problem> {
    let run = begun(&state, &viewer, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(DrillRun::from(&run))).into_response())
}

/// Begins one for a viewer, from API and page.
pub async fn begun(state: &AppState, viewer: &Viewer, id: &str) -> Result<DrillRunRow, Problem> {
    viewer.require(Right::Plan)?;
    let row = store(state, viewer)?.drill(id).await?.ok_or_else(|| Problem::not_found("drill"))?;
    let switch = state.board().switch().ok_or_else(|| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))?;
    switch.begin_drill(&row, &viewer.shown()).await.map_err(|error| match error {
        DrillError::Store(error) => error.into(),
        DrillError::NotKept(why) => not_kept(&why),
    })
}

/// Drills that were begun, the newest first.
#[utoipa::path(
    get, path = "/api/v1/drill-runs", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("drill" = Option<String>, Query, description = "Id of a drill")),
    responses(
        (status = 200, description = "The latest 500", body = Listed<DrillRun>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn runs(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<DrillRun>>, Problem> {
    let drill = params.name("drill")?;
    params.done()?;
    let rows = store(&state, &viewer)?.drill_runs(drill.as_deref()).await?;
    Ok(Json(Listed { items: rows.iter().map(Into::into).collect(), next_cursor: None }))
}

/// Those that were begun, for the page.
pub async fn latest(state: &AppState, viewer: &Viewer) -> Result<Vec<DrillRun>, Problem> {
    Ok(store(state, viewer)?.drill_runs(None).await?.iter().map(Into::into).collect())
}

/// Who reacted when, by the run's id or its alert's.
#[utoipa::path(
    get, path = "/api/v1/drill-runs/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a run or of its alert")),
    responses(
        (status = 200, description = "Who was there", body = DrillReport),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn run(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<DrillReport>, Problem> {
    params.done()?;
    let store = store(&state, &viewer)?;
    let row = store.drill_run(&id).await?.ok_or_else(|| Problem::not_found("run"))?;
    let directory = state.board().directory();
    let held = held(store, &directory, &row).await?;
    let told = |at: Option<Timestamp>| at.map(|at| rfc3339(at.as_millisecond()));
    let person = |one: Attendance| AttendanceJson {
        user: Named { name: directory.name_of(&one.user).to_owned(), id: one.user.0.clone() },
        told_at: told(one.told),
        reacted_at: told(one.reacted),
        seconds: one.took_so_long().map(|time| time.as_secs()),
        took: one.took,
    };
    Ok(Json(DrillReport {
        about: (&row).into(),
        taken_at: told(held.taken.as_ref().map(|(_, at)| *at)),
        ended_at: told(held.ended),
        attendance: drill::attendance(&held).into_iter().map(person).collect(),
    }))
}

/// The same as a document. `format`: `html` (default), `md`, `pdf`.
#[utoipa::path(
    get, path = "/api/v1/drill-runs/{id}/paper", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a run or of its alert"),
        ("format" = Option<String>, Query, description = "`html` (default), `md`, `pdf`"),
    ),
    responses(
        (status = 200, description = "The document", body = String, content_type = "text/html"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn paper(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let format = papers::format(&mut params)?;
    params.done()?;
    let store = store(&state, &viewer)?;
    let row = store.drill_run(&id).await?.ok_or_else(|| Problem::not_found("run"))?;
    let directory = state.board().directory();
    let held = held(store, &directory, &row).await?;
    let foot = format!("hotline · {}", crate::clock::now().wall.strftime("%Y-%m-%d %H:%M UTC"));
    Ok(papers::answer(drill::report(&held, &directory, &foot), format, "drill").await)
}

//! `calendar.ics`: shifts for calendars, by login or by a secret address.
//!
//! A calendar program can't log in: it is given an address with a secret in it, of which only the hash is kept. Whoever has the
//! address reads these shifts and nothing else; closing the feeds ends all addresses of that schedule or person.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::directory::Directory;
use hotline_core::ids::{TeamId, UserId};
use hotline_core::oncall::{self, Member, Schedule};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{may_plan, seen};
use crate::calendar::{Entry, Feed};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;

/// What a feed tells: so many days back and ahead.
const DAYS_BACK: i64 = 14;
const DAYS_AHEAD: i64 = 183;

/// Most shifts that a feed tells, the earliest first; calendar programs choke on more.
const ENTRIES_MAX: usize = 5_000;
/// So many feeds are computed at once.
static FEEDS_AT_ONCE: Semaphore = Semaphore::const_new(2);

type Ics = ([(HeaderName, &'static str); 3], String);

/// A secret address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"url": "https://hotline.example.com/api/v1/schedules/on-call/calendar.ics?token=2f…"}))]
pub struct FeedAddress {
    /// To be given to a calendar program; told this once.
    pub url: String,
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(format!("calendar feed\0{token}")))
}

/// The feed's secret, or a login that may see it.
async fn allowed(
    state: &AppState,
    viewer: Result<Viewer, Problem>,
    token: Option<String>,
    kind: &str,
    object: &str,
) -> Result<Option<Viewer>, Problem> {
    let Some(token) = token else { return viewer.map(Some) };
    if state.records().feed_is(&hash(&token), kind, object).await? {
        return Ok(None);
    }
    Err(Problem::unauthorized("This address is not valid (any more); make a new one: POST …/calendar-feed."))
}

/// A schedule's shifts as a calendar.
#[utoipa::path(
    get, path = "/api/v1/schedules/{id}/calendar.ics", tag = "people", security((), ("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("token" = Option<String>, Query, description = "The secret of a feed's address, instead of a login"),
    ),
    responses(
        (status = 200, description = "iCalendar (RFC 5545), two weeks back and half a year ahead", body = String, content_type = "text/calendar"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in, or the secret is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn schedule(
    viewer: Result<Viewer, Problem>,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Ics, Problem> {
    let token = params.take("token")?;
    params.done()?;
    let viewer = allowed(&state, viewer, token, "schedule", &id).await?;
    let (directory, schedule) = if let Some(viewer) = &viewer {
        seen(&state, viewer, &id)?
    } else {
        let directory = state.board().directory();
        let schedule = directory.schedules.get(&id.as_str().into()).cloned();
        let schedule = schedule.ok_or_else(|| Problem::not_found("schedule"))?;
        (directory, schedule)
    };
    let name = schedule.name.clone();
    let entries = move |at| entries(&[schedule], &directory, None, at);
    feed(name, entries).await
}

/// A person's shifts, by all schedules, as a calendar.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/calendar.ics", tag = "people", security((), ("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a user"),
        ("token" = Option<String>, Query, description = "The secret of a feed's address, instead of a login"),
    ),
    responses(
        (status = 200, description = "iCalendar (RFC 5545), two weeks back and half a year ahead", body = String, content_type = "text/calendar"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in, or the secret is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn user(
    viewer: Result<Viewer, Problem>,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Ics, Problem> {
    let token = params.take("token")?;
    params.done()?;
    let viewer = allowed(&state, viewer, token, "user", &id).await?;
    let directory = state.board().directory();
    if let Some(viewer) = &viewer {
        viewer.require(Right::SeeDirectory)?;
    }
    let user = UserId(id);
    let person = directory.users.get(&user).ok_or_else(|| Problem::not_found("user"))?;
    let name = format!("On call: {}", person.name);
    let visible = viewer.as_ref().and_then(|viewer| viewer.schedules(&directory));
    let schedules: Vec<Schedule> = directory
        .schedules
        .values()
        .filter(|schedule| visible.as_ref().is_none_or(|seen| seen.contains(&schedule.id)))
        .filter(|schedule| names(schedule, &directory, &user))
        .cloned()
        .collect();
    let entries = move |at| entries(&schedules, &directory, Some(&user), at);
    feed(name, entries).await
}

/// Whether the person can ever be on call by the schedule: by a rotation, by a team in one, by an override or a swap.
fn names(schedule: &Schedule, directory: &Directory, user: &UserId) -> bool {
    let in_team = |team: &TeamId| directory.teams.get(team).is_some_and(|team| team.members.contains(user));
    let member = |member: &Member| match member {
        Member::User(own) => own == user,
        Member::Team(team) => in_team(team),
        Member::Nobody => false,
    };
    schedule.layers.iter().flat_map(|layer| &layer.rotations).any(|rotation| rotation.members.iter().any(member))
        || schedule.overrides.iter().any(|own| own.user == *user)
        || schedule.swaps.iter().any(|swap| swap.taker.as_ref() == Some(user))
}

async fn feed(name: String, entries: impl FnOnce(Timestamp) -> Vec<Entry> + Send + 'static) -> Result<Ics, Problem> {
    let at = crate::clock::now().wall;
    // Calendar programs come in crowds; they wait for each other and not the hotline for them.
    let turn = FEEDS_AT_ONCE.acquire().await;
    let work = move || Feed { name, at, entries: entries(at) }.text();
    let text = tokio::task::spawn_blocking(work).await;
    drop(turn);
    let text = text.map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"on-call.ics\""),
        (header::CACHE_CONTROL, "private, max-age=300"),
    ];
    Ok((headers, text))
}

/// Shifts that touch the feed's window, uncut at its end so that their ids stay the same.
fn entries(schedules: &[Schedule], directory: &Directory, only: Option<&UserId>, at: Timestamp) -> Vec<Entry> {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let mut found = Vec::new();
    for schedule in schedules {
        let rotations = schedule.layers.iter().flat_map(|layer| &layer.rotations);
        let longest = i64::from(rotations.map(oncall::Rotation::days_max).max().unwrap_or(7)).min(400);
        let (Ok(from), Ok(to)) = (at.checked_sub(days(DAYS_BACK)), at.checked_add(days(DAYS_AHEAD))) else { continue };
        let far = to.checked_add(days(longest + 2)).unwrap_or(to);
        let alarms: Vec<u32> =
            schedule.notices.iter().filter_map(|notice| u32::try_from(notice.as_secs() / 60).ok()).collect();
        for shift in oncall::turns(schedule, directory, from, far) {
            let Some(user) = shift.user.as_ref().filter(|user| only.is_none_or(|only| only == *user)) else { continue };
            if shift.from >= to {
                continue;
            }
            let name = directory.name_of(user);
            let layer = shift.layer.as_ref().filter(|_| schedule.layers.len() > 1);
            let by = layer.map_or_else(String::new, |layer| format!(", layer {layer}"));
            let why = match &shift.cause {
                oncall::Cause::Turn => "It is their turn.".to_owned(),
                oncall::Cause::StandsIn(of) => format!("Stands in for {}.", directory.name_of(of)),
                oncall::Cause::Swap { giver, .. } => format!("Took the shift of {}.", directory.name_of(giver)),
                oncall::Cause::Override { .. } => "By an override.".to_owned(),
            };
            found.push(Entry {
                user: user.0.clone(),
                schedule: schedule.id.0.clone(),
                from: shift.from,
                to: shift.to,
                begun: shift.from == from,
                summary: match only {
                    Some(_) => format!("On call: {}", schedule.name),
                    None => format!("{name} on call: {}", schedule.name),
                },
                description: format!("{name} is on call by {}{by}. {why}", schedule.name),
                alarms: if only.is_some() { alarms.clone() } else { Vec::new() },
            });
        }
    }
    found.sort_by(|a, b| (a.from, &a.schedule, &a.user).cmp(&(b.from, &b.schedule, &b.user)));
    // The nearest ones.
    found.truncate(ENTRIES_MAX);
    found
}

async fn open(state: &AppState, viewer: &Viewer, kind: &str, object: &str) -> Result<Response, Problem> {
    let token = hex::encode(rand::random::<[u8; 24]>());
    let at = crate::clock::now().wall;
    state.records().add_feed(&hash(&token), kind, object, at, &viewer.shown()).await?;
    let url = state.link(&format!("/api/v1/{kind}s/{object}/calendar.ics?token={token}"));
    let mut response = (StatusCode::CREATED, Json(FeedAddress { url })).into_response();
    response.extensions_mut().insert(crate::http::idempotency::ToldOnce);
    Ok(response)
}

/// Makes a secret address of the schedule's calendar; the ones before stay valid.
#[utoipa::path(
    post, path = "/api/v1/schedules/{id}/calendar-feed", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a schedule")),
    responses(
        (status = 201, description = "The address, told this once", body = FeedAddress),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open_schedule(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    seen(&state, &viewer, &id)?;
    viewer.require(Right::SeeDirectory)?;
    open(&state, &viewer, "schedule", &id).await
}

/// Closes all secret addresses of the schedule's calendar.
#[utoipa::path(
    delete, path = "/api/v1/schedules/{id}/calendar-feed", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a schedule")),
    responses(
        (status = 204, description = "None is valid any more"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn close_schedule(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    seen(&state, &viewer, &id)?;
    viewer.require(Right::Plan)?;
    state.records().remove_feeds("schedule", &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn known(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), Problem> {
    let user = UserId::from(id);
    may_plan(viewer, Some(&user))?;
    let there = state.board().directory().users.contains_key(&user);
    if there { Ok(()) } else { Err(Problem::not_found("user")) }
}

/// Makes a secret address of a person's calendar: their own, or anybody's for those who plan.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/calendar-feed", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a user")),
    responses(
        (status = 201, description = "The address, told this once", body = FeedAddress),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open_user(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    known(&state, &viewer, &id)?;
    open(&state, &viewer, "user", &id).await
}

/// Closes all secret addresses of a person's calendar.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}/calendar-feed", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a user")),
    responses(
        (status = 204, description = "None is valid any more"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn close_user(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    known(&state, &viewer, &id)?;
    state.records().remove_feeds("user", &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `reports`: how on-call is shared, how often it disturbs, what is to be paid for it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::ScheduleId;
use hotline_core::oncall::Schedule;
use hotline_core::oncall::hours::{self, Hours};
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::schedules::{seen, window};
use super::types::Named;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// Hours by kind.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoursJson {
    /// By day, Monday to Friday.
    pub weekday: f64,
    /// By night, Monday to Friday.
    pub night: f64,
    /// Saturday and Sunday.
    pub weekend: f64,
    /// Holidays of the schedule's calendar.
    pub holiday: f64,
    /// All.
    pub total: f64,
}

fn in_hours(seconds: i64) -> f64 {
    (seconds as f64 / 36.0).round() / 100.0
}

fn by_kind(hours: &Hours) -> HoursJson {
    HoursJson {
        weekday: in_hours(hours.weekday),
        night: in_hours(hours.night),
        weekend: in_hours(hours.weekend),
        holiday: in_hours(hours.holiday),
        total: in_hours(hours.total()),
    }
}

/// How often people were disturbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-10-25T00:00:00.000Z", "to": "2026-11-22T00:00:00.000Z",
    "people": [{"user": {"id": "engineer-1", "name": "Ada Winter"}, "times": 9, "asleep": 3, "nights": 2, "days": 6}]
}))]
pub struct LoadReport {
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// The one whose sleep was broken most often first.
    pub people: Vec<LoadRow>,
}

/// How often one person was disturbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoadRow {
    /// Who.
    pub user: Named,
    /// Telephones that rang and messages about alerts.
    pub times: u32,
    /// Of these between 22:00 and 06:00 of the person's zone.
    pub asleep: u32,
    /// Nights with at least one of them.
    pub nights: u32,
    /// Days with at least one.
    pub days: u32,
}

/// How a schedule's hours are shared.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FairnessReport {
    /// The schedule.
    pub schedule: Named,
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// 0 to 100: mean over all pairs of the smaller by the larger weighted time; 95 and more is 100.
    pub evenness: u32,
    /// 0 to 100: how much of the time that must be covered had somebody.
    pub coverage: u32,
    /// Who bears most beyond their share first.
    pub people: Vec<FairnessRow>,
}

/// What one person bears.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FairnessRow {
    /// Who.
    pub user: Named,
    /// Hours on call.
    pub hours: HoursJson,
    /// Shifts.
    pub shifts: u32,
    /// Hours with nights, weekends and holidays weighted.
    pub weighted: f64,
    /// Weighted hours that would be their fair share, by the time in which they were not away.
    pub fair: f64,
}

/// How often people were disturbed: telephones that rang for callers, and messages about alerts.
#[utoipa::path(
    get, path = "/api/v1/reports/on-call-load", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("from" = Option<String>, Query, description = "First moment, RFC 3339 (four weeks ago)"),
        ("to" = Option<String>, Query, description = "First moment after it (four weeks after `from`)"),
        ("format" = Option<String>, Query, description = "`json` (usual) or `csv`"),
    ),
    responses(
        (status = 200, description = "By person", body = LoadReport),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn load(viewer: Viewer, State(state): State<AppState>, mut params: Params) -> Result<Response, Problem> {
    house(&viewer, Right::SeeDirectory)?;
    let (from, to) = past(&mut params, &state)?;
    let csv = params.word("format", &["json", "csv"])?.is_some_and(|format| format == "csv");
    params.done()?;
    let directory = state.board().directory();
    let interruptions = state.records().interruptions(from, to).await?;
    let zone = directory.schedules.values().next().map_or(TimeZone::UTC, |schedule| schedule.time_zone.clone());
    let people = hours::load(&interruptions, &directory, &zone).into_iter().map(|row| LoadRow {
        user: Named::user(&directory, &row.user.0),
        times: row.times,
        asleep: row.asleep,
        nights: row.nights,
        days: row.days,
    });
    let detail = serde_json::json!({ "from": from.to_string(), "to": to.to_string() });
    let (from, to) = (rfc3339(from.as_millisecond()), rfc3339(to.as_millisecond()));
    let report = LoadReport { from, to, people: people.collect() };
    if !csv {
        return Ok(Json(report).into_response());
    }
    super::note_export(&state, &viewer, "report.export", "on-call-load", &detail, Vec::new()).await?;
    let sheet = load_sheet(&report).map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"on-call-load.csv\""),
    ];
    Ok((headers, sheet).into_response())
}

fn load_sheet(report: &LoadReport) -> Result<Vec<u8>, csv::Error> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["user", "name", "times", "asleep", "nights", "days"])?;
    for row in &report.people {
        let counts = [row.times, row.asleep, row.nights, row.days].map(|count| count.to_string());
        let [times, asleep, nights, days] = counts;
        lines.write_record([cell(&row.user.id), cell(&row.user.name), times, asleep, nights, days])?;
    }
    lines.into_inner().map_err(|error| error.into_error().into())
}

/// How the hours of a schedule are shared among those who could take them.
#[utoipa::path(
    get, path = "/api/v1/reports/fairness", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("schedule" = String, Query, description = "Id of a schedule"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339 (four weeks ago)"),
        ("to" = Option<String>, Query, description = "First moment after it (four weeks after `from`)"),
    ),
    responses(
        (status = 200, description = "By person", body = FairnessReport),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn fairness(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<FairnessReport>, Problem> {
    house(&viewer, Right::SeeDirectory)?;
    let Some(id) = params.name("schedule")? else {
        return Err(Problem::invalid(
            "schedule",
            "schedule must be the id of a schedule; /api/v1/schedules lists them.",
        ));
    };
    let (from, to) = past(&mut params, &state)?;
    params.done()?;
    let (directory, schedule) = seen(&state, &viewer, &id)?;
    let own = directory.clone();
    let named = Named { id: schedule.id.0.clone(), name: schedule.name.clone() };
    let balance = tokio::task::spawn_blocking(move || hours::balance(&schedule, &own, from, to)).await;
    let balance = balance.map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let people = balance.rows.iter().map(|row| FairnessRow {
        user: Named::user(&directory, &row.user.0),
        hours: by_kind(&row.hours),
        shifts: row.shifts,
        weighted: in_hours(row.weighted),
        fair: in_hours(row.fair),
    });
    Ok(Json(FairnessReport {
        schedule: named,
        from: rfc3339(from.as_millisecond()),
        to: rfc3339(to.as_millisecond()),
        evenness: balance.evenness,
        coverage: balance.coverage,
        people: people.collect(),
    }))
}

/// Hours on call by person and kind, as CSV (RFC 4180, UTF-8): what is to be paid. A day of 25 hours counts 25, once, also for somebody
/// who is on call by two schedules.
#[utoipa::path(
    get, path = "/api/v1/reports/compensation.csv", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("schedule" = Option<String>, Query, description = "Id of a schedule; without: all"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339 (four weeks ago)"),
        ("to" = Option<String>, Query, description = "First moment after it (four weeks after `from`)"),
    ),
    responses(
        (status = 200, description = "The sheet", body = String, content_type = "text/csv"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn compensation(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<([(HeaderName, &'static str); 2], Vec<u8>), Problem> {
    house(&viewer, Right::Plan)?;
    let only = params.name("schedule")?;
    let (from, to) = past(&mut params, &state)?;
    params.done()?;
    let directory = state.board().directory();
    let only = only.map(ScheduleId);
    if only.as_ref().is_some_and(|only| !directory.schedules.contains_key(only)) {
        return Err(Problem::not_found("schedule"));
    }
    let detail = serde_json::json!({
        "schedule": only.as_ref().map(|only| &only.0), "from": from.to_string(), "to": to.to_string(),
    });
    super::note_export(&state, &viewer, "report.export", "compensation", &detail, Vec::new()).await?;
    let work = move || -> Result<Vec<u8>, csv::Error> {
        let schedules: Vec<&Schedule> = directory
            .schedules
            .values()
            .filter(|schedule| only.as_ref().is_none_or(|only| schedule.id == *only))
            .collect();
        let mut lines = csv::Writer::from_writer(Vec::new());
        lines.write_record([
            "user",
            "name",
            "schedules",
            "from",
            "to",
            "shifts",
            "weekday_hours",
            "night_hours",
            "weekend_hours",
            "holiday_hours",
            "total_hours",
        ])?;
        for row in hours::compensation(&schedules, &directory, from, to) {
            let hours = |seconds: i64| format!("{:.2}", in_hours(seconds));
            let schedules: Vec<&str> = row.schedules.iter().map(|schedule| schedule.0.as_str()).collect();
            lines.write_record([
                cell(&row.user.0),
                cell(directory.name_of(&row.user)),
                cell(&schedules.join(" ")),
                rfc3339(from.as_millisecond()),
                rfc3339(to.as_millisecond()),
                row.shifts.to_string(),
                hours(row.hours.weekday),
                hours(row.hours.night),
                hours(row.hours.weekend),
                hours(row.hours.holiday),
                hours(row.hours.total()),
            ])?;
        }
        lines.into_inner().map_err(|error| error.into_error().into())
    };
    let sheet = tokio::task::spawn_blocking(work).await;
    let Ok(Ok(sheet)) = sheet else { return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)) };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"compensation.csv\""),
    ];
    Ok((headers, sheet))
}

/// Spreadsheets take what begins like a formula for one.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// These are about the whole house.
fn house(viewer: &Viewer, right: Right) -> Result<(), Problem> {
    viewer.require(right)?;
    if viewer.customers.is_some() { viewer.require(Right::Plan) } else { Ok(()) }
}

/// `from` and `to`: the last four weeks unless said otherwise.
fn past(params: &mut Params, state: &AppState) -> Result<(jiff::Timestamp, jiff::Timestamp), Problem> {
    params.by_days(&super::reports::house(&state.board().directory()).unwrap_or(jiff::tz::TimeZone::UTC))?;
    let four_weeks = jiff::SignedDuration::from_hours(24 * 28);
    let usual = crate::clock::now().wall.checked_sub(four_weeks).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    params.or("from", || usual.to_string());
    window(params, 28)
}

//! `schedules`, `customers`, `numbers`: what stands in the configuration, read-only.

use axum::Json;
use axum::extract::State;
use hotline_core::ids::UserId;
use hotline_core::oncall::Length;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{Listed, Named};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// A rota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "on-call", "name": "On call, 24×7", "members": [{"id": "engineer-1", "name": "Ada Winter"}], "weeks": 1,
    "start": "2026-01-05T09:00:00", "time_zone": "Europe/Berlin",
    "overrides": [{"user": {"id": "engineer-2", "name": "Ben Sommer"}, "from": "2026-12-24T08:00:00.000Z", "to": "2026-12-26T08:00:00.000Z", "reason": "holidays"}]
}))]
pub struct ScheduleJson {
    /// Configured id.
    pub id: String,
    /// As shown.
    pub name: String,
    /// In the order of their turns.
    pub members: Vec<Named>,
    /// Length of a turn in weeks.
    pub weeks: u32,
    /// The first hand-off, local time in `time_zone`.
    pub start: String,
    /// IANA name.
    pub time_zone: String,
    /// Somebody else for a while.
    pub overrides: Vec<OverrideJson>,
}

/// Somebody else for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OverrideJson {
    /// Who takes over.
    pub user: Named,
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Why.
    pub reason: String,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "acme", "name": "Acme Logistics", "caller_ids": ["+493012345*"], "has_pin": true, "language": "en", "retention_days": 90
}))]
pub struct CustomerJson {
    /// Configured id.
    pub id: String,
    /// As spoken and shown.
    pub name: String,
    /// Numbers it calls from, E.164; `*` at the end: a prefix.
    pub caller_ids: Vec<String>,
    /// It can also be known by a PIN (which is not shown).
    pub has_pin: bool,
    /// Language tag of its prompts.
    pub language: Option<String>,
    /// Days that audio, transcripts and numbers are kept.
    pub retention_days: u32,
}

/// A hotline number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "+4930123450", "aliases": ["030123450"], "flow": "hotline", "language": "de", "schedule": "on-call", "test": false
}))]
pub struct NumberJson {
    /// As dialled.
    pub id: String,
    /// Other spellings of it.
    pub aliases: Vec<String>,
    /// The flow it belongs to.
    pub flow: String,
    /// Language tag it begins in.
    pub language: String,
    /// Whose people are rung when nobody was reached.
    pub schedule: Option<String>,
    /// A test number: its calls raise no alert.
    pub test: bool,
}

/// The rotas.
#[utoipa::path(
    get, path = "/api/v1/schedules", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of schedules", body = Listed<ScheduleJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn schedules(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<ScheduleJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let at = crate::clock::now().wall;
    let entries = directory.schedules.values().map(|schedule| {
        let rotation = schedule.layers.first().and_then(|layer| layer.current());
        let members: Vec<UserId> = schedule.layers.iter().flat_map(|layer| layer.people(&directory, at)).collect();
        let item = ScheduleJson {
            id: schedule.id.0.clone(),
            name: schedule.name.clone(),
            members: members.iter().map(|user| Named::user(&directory, &user.0)).collect(),
            weeks: rotation.map_or(0, |rotation| if let Length::Weeks(weeks) = rotation.length { weeks } else { 0 }),
            start: rotation.map(|rotation| rotation.start.to_string()).unwrap_or_default(),
            time_zone: schedule.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            overrides: schedule
                .overrides
                .iter()
                .map(|change| OverrideJson {
                    user: Named::user(&directory, &change.user.0),
                    from: rfc3339(change.from.as_millisecond()),
                    to: rfc3339(change.to.as_millisecond()),
                    reason: change.reason.clone(),
                })
                .collect(),
        };
        (item.id.clone(), item)
    });
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}

/// The customers.
#[utoipa::path(
    get, path = "/api/v1/customers", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of customers", body = Listed<CustomerJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn customers(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<CustomerJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let seen = directory.customers.values().filter(|customer| viewer.sees(Some(&customer.id.0)));
    let entries = seen.map(|customer| {
        let item = CustomerJson {
            id: customer.id.0.clone(),
            name: customer.name.clone(),
            caller_ids: customer.caller_ids.iter().map(|number| number.reveal().clone()).collect(),
            has_pin: customer.pin.is_some(),
            language: customer.language.as_ref().map(|language| language.0.clone()),
            retention_days: customer.retention_days,
        };
        (item.id.clone(), item)
    });
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}

/// The hotline numbers.
#[utoipa::path(
    get, path = "/api/v1/numbers", tag = "lines", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of numbers", body = Listed<NumberJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn numbers(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<NumberJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let entries = directory.numbers.values().map(|number| {
        let item = NumberJson {
            id: number.id.0.clone(),
            aliases: number.aliases.clone(),
            flow: number.flow.0.clone(),
            language: number.language.0.clone(),
            schedule: number.schedule.as_ref().map(|schedule| schedule.0.clone()),
            test: number.test,
        };
        (item.id.clone(), item)
    });
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}

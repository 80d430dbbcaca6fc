//! `GET /schedules/{id}/shifts`: who is on call when, all in all and by layer.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::directory::Directory;
use hotline_core::oncall::{self, Cause, Shift};
use serde::Serialize;
use utoipa::ToSchema;

use super::{seen, window};
use crate::http::AppState;
use crate::http::api::types::Named;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// Who is on call when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "schedule": {"id": "on-call", "name": "On call, 24×7"}, "from": "2026-11-22T03:00:00.000Z", "to": "2026-12-20T03:00:00.000Z",
    "shifts": [{"user": {"id": "engineer-1", "name": "Ada Winter"}, "from": "2026-11-22T03:00:00.000Z", "to": "2026-11-23T08:00:00.000Z",
                "layer": "main", "cause": "turn", "of": null, "reason": null}],
    "layers": [{"id": "main", "name": "main", "shifts": []}]
}))]
pub struct ShiftList {
    /// The schedule.
    pub schedule: Named,
    /// First moment of the window.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// All in all, in the order of their beginnings; several at once where several are on call. Cut at the window's ends.
    pub shifts: Vec<ShiftJson>,
    /// Each layer by itself.
    pub layers: Vec<LayerShifts>,
}

/// A layer's shifts by itself, whatever stands above it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LayerShifts {
    /// Id of the layer.
    pub id: String,
    /// As shown.
    pub name: String,
    /// In the order of their beginnings.
    pub shifts: Vec<ShiftJson>,
}

/// One person's time on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShiftJson {
    /// Who; null: nobody, a gap.
    pub user: Option<Named>,
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// By which layer; null: by an override above all layers, or nobody.
    pub layer: Option<String>,
    /// `turn`, `stand-in`, `swap`, `override`, `nobody`.
    pub cause: String,
    /// Whose turn it would be.
    pub of: Option<Named>,
    /// Why, as somebody wrote it.
    pub reason: Option<String>,
}

impl ShiftJson {
    /// As the API shows it.
    pub fn of(directory: &Directory, shift: &Shift) -> Self {
        let named = |user: &hotline_core::ids::UserId| Named::user(directory, &user.0);
        let said = |reason: &String| Some(reason.clone()).filter(|reason| !reason.is_empty());
        let (cause, of, reason) = match (&shift.user, &shift.cause) {
            (None, _) => ("nobody", None, None),
            (Some(_), Cause::Turn) => ("turn", None, None),
            (Some(_), Cause::StandsIn(holder)) => ("stand-in", Some(named(holder)), None),
            (Some(_), Cause::Swap { giver, reason }) => ("swap", Some(named(giver)), said(reason)),
            (Some(_), Cause::Override { reason, .. }) => ("override", None, said(reason)),
        };
        Self {
            user: shift.user.as_ref().map(named),
            from: rfc3339(shift.from.as_millisecond()),
            to: rfc3339(shift.to.as_millisecond()),
            layer: shift.layer.clone(),
            cause: cause.to_owned(),
            of,
            reason,
        }
    }
}

/// Who is on call when, by one schedule.
#[utoipa::path(
    get, path = "/api/v1/schedules/{id}/shifts", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("from" = Option<String>, Query, description = "First moment, RFC 3339 (now), at most 10 years away"),
        ("to" = Option<String>, Query, description = "First moment after it (four weeks later); a year after `from` at most"),
    ),
    responses(
        (status = 200, description = "The shifts", body = ShiftList),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<ShiftList>, Problem> {
    viewer.require(Right::SeeAlerts)?;
    let (directory, schedule) = seen(&state, &viewer, &id)?;
    let (from, to) = window(&mut params, 28)?;
    params.done()?;
    // A year of hourly turns is a moment's work; not on the threads that answer.
    let work = move || {
        let shown = |shifts: Vec<Shift>| shifts.iter().map(|shift| ShiftJson::of(&directory, shift)).collect();
        let layers = schedule.layers.iter().map(|layer| LayerShifts {
            id: layer.id.clone(),
            name: layer.name.clone(),
            shifts: shown(oncall::layer_shifts(&schedule, layer, &directory, from, to)),
        });
        ShiftList {
            schedule: Named { id: schedule.id.0.clone(), name: schedule.name.clone() },
            from: rfc3339(from.as_millisecond()),
            to: rfc3339(to.as_millisecond()),
            layers: layers.collect(),
            shifts: shown(oncall::shifts(&schedule, &directory, from, to)),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .map(Json)
        .map_err(|_| Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR))
}

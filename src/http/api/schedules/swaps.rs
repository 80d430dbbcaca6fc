//! `schedules/{id}/swaps`: shifts given away and taken.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::ids::UserId;
use hotline_core::oncall::Swap;
use hotline_core::oncall::edit;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::overrides::{moment, reason};
use super::{change, may_plan, new_id, person, seen};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;

/// Somebody asks to be relieved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "giver": "engineer-1", "from": "2026-12-24T17:00:00Z", "to": "2026-12-26T08:00:00Z", "reason": "a wedding"
}))]
pub struct NewSwap {
    /// Whose shifts; without it the login's own person.
    #[serde(default)]
    pub giver: Option<String>,
    /// First moment, RFC 3339.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Who takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"taker": "engineer-2"}))]
pub struct Taker {
    /// Without it the login's own person.
    #[serde(default)]
    pub taker: Option<String>,
}

/// A swap as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Swapping {
    /// By which it is taken or taken back.
    pub id: String,
    /// `open`, `taken`, `past-due`.
    pub state: String,
    /// Whose shifts.
    pub giver: String,
    /// Who takes them.
    pub taker: Option<String>,
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Why.
    pub reason: String,
}

fn shown(swap: &Swap) -> Swapping {
    Swapping {
        id: swap.id.clone(),
        state: swap.state(crate::clock::now().wall).word().to_owned(),
        giver: swap.giver.0.clone(),
        taker: swap.taker.as_ref().map(|taker| taker.0.clone()),
        from: rfc3339(swap.from.as_millisecond()),
        to: rfc3339(swap.to.as_millisecond()),
        reason: swap.reason.clone(),
    }
}

/// The person named, or the login's own.
fn who(viewer: &Viewer, field: &str, named: Option<&str>) -> Result<UserId, Problem> {
    named.map(UserId::from).or_else(|| viewer.user.clone()).ok_or_else(|| {
        Problem::invalid(
            field,
            format!("{field} must be the id of a user: this login belongs to no person of the directory."),
        )
    })
}

/// Asks that somebody takes these shifts. They stay the giver's until somebody does.
#[utoipa::path(
    post, path = "/api/v1/schedules/{id}/swaps", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a schedule")),
    request_body = NewSwap,
    responses(
        (status = 201, description = "Kept, and open", body = Swapping),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in hotline.toml, or lies in the past", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn ask(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(new): Said<NewSwap>,
) -> Result<(StatusCode, Json<Swapping>), Problem> {
    let (directory, _) = seen(&state, &viewer, &id)?;
    let giver = who(&viewer, "giver", new.giver.as_deref())?;
    may_plan(&viewer, Some(&giver))?;
    let giver = person(&directory, "giver", &giver.0)?;
    let (from, to) = (moment("from", &new.from)?, moment("to", &new.to)?);
    if from >= to {
        return Err(Problem::invalid("to", "to must be later than from."));
    }
    let swap = Swap { id: new_id(), giver, taker: None, from, to, reason: reason(&new.reason)? };
    let (_, kept) = change(&state, &viewer, &id, |old, at| edit::ask_swap(old, swap.clone(), at)).await?;
    let kept = kept.swaps.iter().find(|own| own.id == swap.id).unwrap_or(&swap);
    Ok((StatusCode::CREATED, Json(shown(kept))))
}

/// Takes somebody's shifts: from now on the taker stands wherever the giver would.
#[utoipa::path(
    post, path = "/api/v1/schedules/{id}/swaps/{swap}/take", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("swap" = String, Path, description = "Id of a swap"),
    ),
    request_body = Taker,
    responses(
        (status = 200, description = "Taken", body = Swapping),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or swap", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is taken, has begun, or is one's own", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn take(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, swap)): Path<(String, String)>,
    Said(taker): Said<Taker>,
) -> Result<Json<Swapping>, Problem> {
    let (directory, _) = seen(&state, &viewer, &id)?;
    let taker = who(&viewer, "taker", taker.taker.as_deref())?;
    may_plan(&viewer, Some(&taker))?;
    let taker = person(&directory, "taker", &taker.0)?;
    let (_, kept) = change(&state, &viewer, &id, |old, at| edit::take_swap(old, &swap, &taker, at)).await?;
    kept.swaps.iter().find(|own| own.id == swap).map(|own| Json(shown(own))).ok_or_else(|| Problem::not_found("swap"))
}

/// Takes a swap back: one that runs ends now.
#[utoipa::path(
    delete, path = "/api/v1/schedules/{id}/swaps/{swap}", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("swap" = String, Path, description = "Id of a swap"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or swap", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in hotline.toml, or is over", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, swap)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (_, schedule) = seen(&state, &viewer, &id)?;
    let own = schedule.swaps.iter().find(|own| own.id == swap).ok_or_else(|| Problem::not_found("swap"))?;
    // What somebody has taken is taken back by those who plan.
    may_plan(&viewer, Some(&own.giver).filter(|_| own.taker.is_none()))?;
    change(&state, &viewer, &id, |old, at| edit::remove_swap(old, &swap, at)).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `schedules/{id}/overrides`: somebody else for a while.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::oncall::edit;
use hotline_core::oncall::{Override, OverrideDeed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{change, may_plan, new_id, person, seen};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;

/// Characters of a reason at most.
pub(super) const REASON_MAX: usize = 300;

/// Somebody else for a while.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "user": "engineer-2", "from": "2026-12-24T17:00:00Z", "to": "2026-12-26T08:00:00Z", "reason": "holidays"
}))]
pub struct NewOverride {
    /// Who takes over, is there too, or is off.
    pub user: String,
    /// `replace` (instead of everybody), `add`, `remove`.
    #[serde(default)]
    pub deed: Option<String>,
    /// Takes the place of this person only.
    #[serde(default)]
    pub instead_of: Option<String>,
    /// Ids of layers; none: the whole schedule.
    #[serde(default)]
    pub layers: Vec<String>,
    /// First moment, RFC 3339; what has passed of it stays as it was.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// An override as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Overriding {
    /// By which it can be taken away.
    pub id: String,
    /// Who.
    pub user: String,
    /// `replace`, `add`, `remove`, `instead-of`.
    pub deed: String,
    /// Ids of layers; none: the whole schedule.
    pub layers: Vec<String>,
    /// First moment.
    #[schema(format = DateTime)]
    pub from: String,
    /// First moment after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// Why.
    pub reason: String,
}

impl Overriding {
    fn of(over: &Override) -> Self {
        let deed = match over.deed {
            OverrideDeed::Replace => "replace",
            OverrideDeed::InsteadOf(_) => "instead-of",
            OverrideDeed::Add => "add",
            OverrideDeed::Remove => "remove",
        };
        Self {
            id: over.id.clone(),
            user: over.user.0.clone(),
            deed: deed.to_owned(),
            layers: over.layers.clone(),
            from: rfc3339(over.from.as_millisecond()),
            to: rfc3339(over.to.as_millisecond()),
            reason: over.reason.clone(),
        }
    }
}

/// A moment in a body.
pub(super) fn moment(field: &str, text: &str) -> Result<jiff::Timestamp, Problem> {
    let wrong = || {
        Problem::invalid(
            field,
            format!("{field} must be a time as in 2026-12-24T17:00:00Z or 2026-12-24T18:00:00+01:00."),
        )
    };
    text.parse().map_err(|_| wrong())
}

/// A reason in a body.
pub(super) fn reason(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > REASON_MAX || text.chars().any(char::is_control) {
        return Err(Problem::invalid("reason", format!("reason must be one line of at most {REASON_MAX} characters.")));
    }
    Ok(text.to_owned())
}

/// Puts somebody else on call for a while.
#[utoipa::path(
    post, path = "/api/v1/schedules/{id}/overrides", tag = "people", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a schedule")),
    request_body = NewOverride,
    responses(
        (status = 201, description = "Kept, and in force", body = Overriding),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in hotline.toml, or lies in the past", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The schedule would not be valid", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn add(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(new): Said<NewOverride>,
) -> Result<(StatusCode, Json<Overriding>), Problem> {
    let (directory, _) = seen(&state, &viewer, &id)?;
    may_plan(&viewer, None)?;
    let user = person(&directory, "user", &new.user)?;
    let instead = new.instead_of.as_deref().map(|other| person(&directory, "instead_of", other)).transpose()?;
    let deed = match (instead, new.deed.as_deref()) {
        (Some(other), None | Some("replace")) => OverrideDeed::InsteadOf(other),
        (None, None | Some("replace")) => OverrideDeed::Replace,
        (None, Some("add")) => OverrideDeed::Add,
        (None, Some("remove")) => OverrideDeed::Remove,
        (Some(_) | None, Some(_)) => {
            return Err(Problem::invalid(
                "deed",
                "deed must be replace, add or remove; instead_of goes with replace only.",
            ));
        }
    };
    let (from, to) = (moment("from", &new.from)?, moment("to", &new.to)?);
    if from >= to {
        return Err(Problem::invalid("to", "to must be later than from."));
    }
    let over = Override { id: new_id(), user, deed, layers: new.layers, from, to, reason: reason(&new.reason)? };
    let (_, kept) = change(&state, &viewer, &id, |old, at| edit::add_override(old, over.clone(), at)).await?;
    let kept = kept.overrides.iter().find(|own| own.id == over.id).unwrap_or(&over);
    Ok((StatusCode::CREATED, Json(Overriding::of(kept))))
}

/// Takes an override away: one to come is forgotten, one that runs ends now.
#[utoipa::path(
    delete, path = "/api/v1/schedules/{id}/overrides/{override}", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("override" = String, Path, description = "Id of an override"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or override", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in hotline.toml, or is over", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, over)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    seen(&state, &viewer, &id)?;
    may_plan(&viewer, None)?;
    change(&state, &viewer, &id, |old, at| edit::remove_override(old, &over, at)).await?;
    Ok(StatusCode::NO_CONTENT)
}

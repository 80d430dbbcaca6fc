//! `PUT /schedules/{id}/layers/{layer}/members`: who takes turns, from now or from a day on; the rotation goes on.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::ids::TeamId;
use hotline_core::oncall::{Member, edit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::overrides::moment;
use super::{change, may_plan, person, seen};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;

/// Members of a layer at most.
const MEMBERS_MAX: usize = 500;

/// Who takes turns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"members": ["engineer-1", "engineer-2", "team:network"], "from": "2026-12-01T08:00:00Z"}))]
pub struct Members {
    /// In the order of their turns: ids of users, `team:ID`, `-` for nobody.
    pub members: Vec<String>,
    /// From when on, RFC 3339; without it from now. Later plans for this layer are dropped.
    #[serde(default)]
    pub from: Option<String>,
}

/// The list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MembersKept {
    /// In the order of their turns.
    pub members: Vec<String>,
    /// From when on.
    #[schema(format = DateTime)]
    pub from: String,
    /// Whose turn runs then.
    pub on_turn: Option<String>,
}

fn word(member: &Member) -> String {
    match member {
        Member::User(user) => user.0.clone(),
        Member::Team(team) => format!("team:{team}"),
        Member::Nobody => "-".to_owned(),
    }
}

/// Sets a layer's members. The person on call stays until the hand-off and the order goes on from there; who is taken out while on
/// call hands over to the next at once.
#[utoipa::path(
    put, path = "/api/v1/schedules/{id}/layers/{layer}/members", tag = "people", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of a schedule"),
        ("layer" = String, Path, description = "Id of a layer; `main` where the schedule has the short form"),
    ),
    request_body = Members,
    responses(
        (status = 200, description = "Kept, and in force", body = MembersKept),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule or layer", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It stands in hotline.toml, or lies in the past", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn set(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, layer)): Path<(String, String)>,
    Said(new): Said<Members>,
) -> Result<Json<MembersKept>, Problem> {
    let (directory, schedule) = seen(&state, &viewer, &id)?;
    may_plan(&viewer, None)?;
    if schedule.layer(&layer).is_none() {
        return Err(Problem::not_found("layer"));
    }
    if new.members.len() > MEMBERS_MAX {
        return Err(Problem::invalid("members", format!("members may be {MEMBERS_MAX} at most.")));
    }
    let member = |word: &String| match (word.as_str(), word.strip_prefix("team:")) {
        ("-", _) => Ok(Member::Nobody),
        (_, Some(team)) if directory.teams.contains_key(&TeamId::from(team)) => Ok(Member::Team(TeamId::from(team))),
        (_, Some(_)) => Err(Problem::invalid("members", "members: there is no such team; /api/v1/teams lists them.")),
        (user, None) => person(&directory, "members", user).map(Member::User),
    };
    let members = new.members.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    let planned = new.from.as_deref().map(|from| moment("from", from)).transpose()?;
    let begins = |at: jiff::Timestamp| planned.map_or(at, |planned| planned.max(at));
    let (_, kept) =
        change(&state, &viewer, &id, |old, at| edit::edit_members(old, &layer, members.clone(), begins(at))).await?;
    let rotation = kept.layer(&layer).and_then(|layer| layer.current()).ok_or_else(|| Problem::not_found("layer"))?;
    let from = rotation.since.unwrap_or_else(|| begins(crate::clock::now().wall));
    Ok(Json(MembersKept {
        members: rotation.members.iter().map(word).collect(),
        from: rfc3339(from.as_millisecond()),
        on_turn: rotation.member(rotation.turn(from)).map(word),
    }))
}

//! `POST postmortems/{id}/state`: draft → reviewed → published.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hotline_core::postmortem::{Refusal, State as Stage, internal_names, may_become};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{PostmortemJson, shown};
use super::{known, overtaken, store};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::store::postmortems;
use crate::store::runbooks::Saved;

/// Where it is to go.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "reviewed", "version": 4}))]
pub struct PostmortemMove {
    /// `draft`, `reviewed`, `published`.
    pub state: String,
    /// The version that you read.
    pub version: i64,
}

/// Moves it on. Whoever wrote the last change can't review it; publishing needs the role dispatcher, and a public text that names
/// no person, customer or system.
#[utoipa::path(
    post, path = "/api/v1/postmortems/{id}/state", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a postmortem or of its incident")),
    request_body = PostmortemMove,
    responses(
        (status = 200, description = "As it is then", body = PostmortemJson),
        (status = 400, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such postmortem", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something must be done first, or somebody else changed it", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn state(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<PostmortemMove>,
) -> Result<Json<PostmortemJson>, Problem> {
    moved(&state, &viewer, &id, &said.state, said.version).await.map(Json)
}

/// Moves it for a viewer, from API and page.
pub async fn moved(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    word: &str,
    version: i64,
) -> Result<PostmortemJson, Problem> {
    let to = Stage::from_word(word)
        .ok_or_else(|| Problem::invalid("state", "state must be one of draft, reviewed, published."))?;
    let known = known(state, viewer, id).await?;
    if to == Stage::Published || known.postmortem.state == Stage::Published {
        viewer.require(Right::Plan)?;
    }
    if version != known.row.version {
        return Err(overtaken(known.row.version));
    }
    let names = internal_names(&known.postmortem.sections.public, &known.incident, &state.board().directory());
    let same = known.row.updated_by == viewer.shown();
    may_become(&known.postmortem, to, same, known.incident.drill.is_some(), &names).map_err(refused)?;
    let mut postmortem = known.postmortem;
    postmortem.state = to;
    let now = crate::clock::now().wall;
    let published = (to == Stage::Published).then(|| known.row.published_at.unwrap_or(now.as_millisecond()));
    let mut row = postmortems::row(&postmortem, viewer.shown(), published);
    match store(state)?.save_postmortem(&row, &known.actions, now).await? {
        Saved::Version(version) => row.version = version,
        Saved::Overtaken(version) => return Err(overtaken(version)),
    }
    row.updated_at = now.as_millisecond();
    Ok(shown(state, &row, &known.facts.reference, &postmortem))
}

fn refused(refusal: Refusal) -> Problem {
    let conflict = |code: &str, title: &str, detail: String| Problem::new(StatusCode::CONFLICT, code, title, detail);
    match refusal {
        Refusal::NotYet(what) => conflict("not-yet", "Something must be done first", format!("It can't be: {what}.")),
        Refusal::OwnReview => conflict(
            "own-review",
            "Another person reviews it",
            "You wrote the last change. Somebody else must read it and say that it is right.".to_owned(),
        ),
        Refusal::Names(names) => conflict(
            "names-in-public-text",
            "The public text names what customers must not read",
            format!("Take these out of the public text: {}.", names.join(", ")),
        ),
        Refusal::Drill => {
            conflict("drill", "It was an exercise", "What is learned from a drill is not for customers.".to_owned())
        }
    }
}

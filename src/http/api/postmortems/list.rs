//! `GET postmortems`, `GET postmortems/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use hotline_core::postmortem::{Origin, Postmortem};
use serde::Serialize;
use utoipa::ToSchema;

use super::save::{ActionText, SectionTexts};
use super::{BlameFinding, blame, known, sees, store};
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::postmortems::PostmortemRow;

/// What lists show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostmortemSummary {
    /// Its id.
    #[schema(format = "uuid")]
    pub id: String,
    /// The incident's id.
    #[schema(format = "uuid")]
    pub incident: String,
    /// The incident's reference.
    pub reference: String,
    /// One line.
    pub title: String,
    /// `en`, `de`.
    pub language: String,
    /// `draft`, `reviewed`, `published`.
    pub state: String,
    /// Counts every change.
    pub version: i64,
    /// Drafted.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// By whom.
    pub updated_by: String,
    /// Since when customers can read its public text.
    #[schema(format = DateTime)]
    pub published_at: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"at": "2026-11-22T03:04:00.000Z", "what": "Acknowledged by login ann."}))]
pub struct MomentJson {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What.
    pub what: String,
}

/// A postmortem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostmortemJson {
    /// What lists show.
    #[serde(flatten)]
    pub about: PostmortemSummary,
    /// The language model that first wrote summary, impact and detection; null: they came from the facts.
    pub model: Option<String>,
    /// Why a language model's answer was not used.
    pub model_refused: Option<String>,
    /// The texts.
    pub sections: SectionTexts,
    /// What happened, oldest first.
    pub timeline: Vec<MomentJson>,
    /// What is to be done.
    pub actions: Vec<ActionText>,
    /// Wording about persons.
    pub blame: Vec<BlameFinding>,
}

pub(super) fn summary(row: &PostmortemRow, reference: &str) -> PostmortemSummary {
    PostmortemSummary {
        id: row.id.clone(),
        incident: row.incident.clone(),
        reference: reference.to_owned(),
        title: row.title.clone(),
        language: row.language.clone(),
        state: row.state.clone(),
        version: row.version,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
        updated_by: row.updated_by.clone(),
        published_at: row.published_at.map(rfc3339),
    }
}

/// Postmortems, the newest first.
#[utoipa::path(
    get, path = "/api/v1/postmortems", tag = "knowledge", security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "All that you may see", body = Listed<PostmortemSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Listed<PostmortemSummary>>, Problem> {
    params.done()?;
    Ok(Json(Listed { items: listed(&state, &viewer).await?, next_cursor: None }))
}

/// All that this viewer may see.
pub async fn listed(state: &AppState, viewer: &Viewer) -> Result<Vec<PostmortemSummary>, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let directory = state.board().directory();
    let mut shown = Vec::new();
    for row in store(state)?.postmortems().await? {
        let Ok(id) = row.incident.parse() else { continue };
        let Some(incident) = store(state)?.incident(id).await? else { continue };
        if sees(viewer, &incident, &directory) {
            shown.push(summary(&row, &incident.reference));
        }
    }
    Ok(shown)
}

/// One of them, by its id or its incident's.
#[utoipa::path(
    get, path = "/api/v1/postmortems/{id}", tag = "knowledge", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a postmortem or of its incident")),
    responses(
        (status = 200, description = "It, with wording that points at persons", body = PostmortemJson),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such postmortem", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<PostmortemJson>, Problem> {
    params.done()?;
    let known = known(&state, &viewer, &id).await?;
    Ok(Json(shown(&state, &known.row, &known.facts.reference, &known.postmortem)))
}

pub(super) fn shown(state: &AppState, row: &PostmortemRow, reference: &str, postmortem: &Postmortem) -> PostmortemJson {
    let (model, model_refused) = match &postmortem.origin {
        Origin::Model(name) => (Some(name.clone()), None),
        Origin::Facts(why) => (None, why.clone()),
    };
    PostmortemJson {
        about: summary(row, reference),
        model,
        model_refused,
        sections: SectionTexts::of(&postmortem.sections),
        timeline: postmortem
            .timeline
            .iter()
            .map(|one| MomentJson { at: rfc3339(one.at.as_millisecond()), what: one.what.clone() })
            .collect(),
        actions: postmortem.actions.iter().map(ActionText::of).collect(),
        blame: blame(postmortem, &state.board().directory()),
    }
}

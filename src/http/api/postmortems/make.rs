//! `POST postmortems`: a draft from an incident's facts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::PostmortemId;
use hotline_core::postmortem::{Origin, Postmortem, State as Stage, draft};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::list::{PostmortemJson, shown};
use super::{incident, store};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;
use crate::store::postmortems;
use crate::store::runbooks::Saved;

/// Of which incident.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"incident": "019aab2c-7d11-7000-8000-000000000042", "language": "en"}))]
pub struct PostmortemWish {
    /// Id of an incident.
    #[schema(format = "uuid")]
    pub incident: String,
    /// `en` (default) or `de`.
    pub language: Option<String>,
}

/// Drafts one. Where a language model is configured it is asked for the prose; what it says that is not in the facts is not used.
#[utoipa::path(
    post, path = "/api/v1/postmortems", tag = "knowledge", security(("token" = []), ("session" = [])),
    request_body = PostmortemWish,
    responses(
        (status = 201, description = "The draft", body = PostmortemJson),
        (status = 400, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The incident has a postmortem", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn make(
    viewer: Viewer,
    State(state): State<AppState>,
    Said(wish): Said<PostmortemWish>,
) -> Result<Response, Problem> {
    let made = drafted(&state, &viewer, &wish.incident, wish.language.as_deref()).await?;
    let place = state.link(&format!("/api/v1/postmortems/{}", made.about.id));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(made)).into_response())
}

/// A new draft, kept.
pub async fn drafted(
    state: &AppState,
    viewer: &Viewer,
    of: &str,
    language: Option<&str>,
) -> Result<PostmortemJson, Problem> {
    let language = language.unwrap_or("en");
    if !matches!(language, "en" | "de") {
        return Err(Problem::invalid("language", "language must be en or de."));
    }
    let (incident, facts) = incident(state, viewer, of, language).await?;
    let exists = || {
        let detail = "Each incident has one; GET it by the incident's id and change it.";
        Problem::new(StatusCode::CONFLICT, "postmortem-exists", "The incident has a postmortem", detail)
    };
    if store(state)?.postmortem(of).await?.is_some() {
        return Err(exists());
    }
    let (sections, origin) = match state.board().switch() {
        Some(switch) => switch.draft_postmortem(&facts, language).await,
        None => (draft(&facts, language), Origin::Facts(None)),
    };
    let now = crate::clock::now().wall;
    let postmortem = Postmortem {
        id: PostmortemId(Uuid::now_v7()),
        incident: incident.id,
        title: facts.title.clone(),
        language: language.to_owned(),
        state: Stage::Draft,
        origin,
        sections,
        timeline: facts.timeline.clone(),
        actions: Vec::new(),
        created_at: now,
        version: 0,
    };
    let mut row = postmortems::row(&postmortem, viewer.shown(), None);
    match store(state)?.save_postmortem(&row, &[], now).await? {
        Saved::Version(version) => row.version = version,
        Saved::Overtaken(_) => return Err(exists()),
    }
    row.updated_at = now.as_millisecond();
    Ok(shown(state, &row, &facts.reference, &postmortem))
}

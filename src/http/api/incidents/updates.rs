//! `/incidents/{id}/updates`: what customers are told. Drafted, looked at, published, withdrawn.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hotline_core::directory::Language;
use hotline_core::ids::UpdateId;
use hotline_core::incident::{Command, Draft, Heading, Incident, Phase, Update, UpdateState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sight::Sight;
use super::types::{IncidentDetail, PreviewField, UpdateField};
use super::{customers, say, sight, version};
use crate::http::AppState;
use crate::http::api::alerts::{NoBody, Said};
use crate::http::auth::Viewer;
use crate::http::params::Params;
use crate::http::problem::Problem;

/// A text for customers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phase": "identified", "text": "A cable was cut; it is being mended.", "translations": {"de": "Ein Kabel ist durchtrennt und wird repariert."},
    "publish": true, "public_title": "E-mail is delayed"
}))]
pub struct NewUpdate {
    /// The phase that it tells; without: the incident's.
    pub phase: Option<String>,
    /// The words, 1 to 4,000 characters.
    pub text: Option<String>,
    /// The same in other languages, by language tag.
    pub translations: Option<BTreeMap<String, String>>,
    /// Only for these customers (they are touched); without: for all who are.
    pub customers: Option<Vec<String>>,
    /// Publish it at once, if that is among your rights.
    pub publish: Option<bool>,
    /// A title for customers, from the publishing on.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag, all of them; another title without them stands in its one language.
    pub public_titles: Option<BTreeMap<String, String>>,
}

/// What goes with the publishing.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"public_title": "E-mail is delayed"}))]
pub struct Publishing {
    /// A title for customers; needed unless they know one.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag, all of them.
    pub public_titles: Option<BTreeMap<String, String>>,
}

/// Which update to look at: one that is kept, or words that are not.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "A cable was cut; it is being mended."}))]
pub struct PreviewRequest {
    /// Id of an update of the incident.
    pub update: Option<String>,
    /// Or the words.
    pub text: Option<String>,
    /// Only for these customers.
    pub customers: Option<Vec<String>>,
    /// The title that would go with it.
    pub public_title: Option<String>,
}

/// The words of a template, filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TemplateField {
    /// For which phase.
    pub phase: String,
    /// A title for customers.
    pub title: Option<String>,
    /// The same in other languages, by language tag.
    pub titles: BTreeMap<String, String>,
    /// The words.
    pub text: String,
    /// The same in other languages, by language tag.
    pub translations: BTreeMap<String, String>,
}

/// The updates, oldest first; drafts only for who sees the whole incident.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/updates", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    responses(
        (status = 200, description = "The updates", body = Vec<UpdateField>),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Vec<UpdateField>>, Problem> {
    let (incident, sight) = sight::look(&state, &viewer, &id).await?;
    let detail = IncidentDetail::of(&incident, &sight, &state.board().directory());
    Ok(Json(detail.map(|detail| detail.updates).unwrap_or_default()))
}

/// Writes a text for customers; with `publish` it goes out at once.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/updates", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same wish, 1 to 200 characters"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = NewUpdate,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn write(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Said(said): Said<NewUpdate>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let id = UpdateId(Uuid::now_v7());
    let mut words = vec![Command::Draft(id, draft(&viewer, &incident, &said)?)];
    if said.publish.unwrap_or_default() {
        words.push(Command::Publish(id, None));
    }
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

/// Another text in the place of a draft; it is a draft again.
#[utoipa::path(
    patch, path = "/api/v1/incidents/{id}/updates/{update}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("update" = String, Path, description = "Id of an update"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = NewUpdate,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn edit(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, update)): Path<(String, String)>,
    headers: HeaderMap,
    Said(said): Said<NewUpdate>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let id = of_id(&update)?;
    let known = incident.update(id).ok_or_else(|| Problem::not_found("update"))?;
    let mut draft = draft(&viewer, &incident, &NewUpdate { text: said.text.clone(), ..said.clone() })?;
    if said.text.is_none() {
        draft.text.clone_from(&known.text);
    }
    if said.phase.is_none() {
        draft.phase = known.phase;
    }
    if said.translations.is_none() {
        draft.translations.clone_from(&known.translations);
    }
    if said.customers.is_none() {
        draft.customers.clone_from(&known.customers);
    }
    if draft.heading.is_none() {
        draft.heading.clone_from(&known.heading);
    }
    let mut words = vec![Command::Edit(id, draft)];
    if said.publish.unwrap_or_default() {
        words.push(Command::Publish(id, None));
    }
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

/// Asks a second person to look at it.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/updates/{update}/submit", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("update" = String, Path, description = "Id of an update"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn submit(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, update)): Path<(String, String)>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    say(&state, &viewer, &incident, vec![Command::Submit(of_id(&update)?)], version(&headers)?).await
}

/// Out with it: customers read it, their named contacts get mail or SMS, callers hear it.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/updates/{update}/publish", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("update" = String, Path, description = "Id of an update"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = Publishing,
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn publish(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, update)): Path<(String, String)>,
    headers: HeaderMap,
    Said(said): Said<Publishing>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let heading = heading(&incident, said.public_title.as_ref(), said.public_titles.as_ref())?;
    let words = vec![Command::Publish(of_id(&update)?, heading)];
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

/// It does not go out. What was published stays.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/updates/{update}/withdraw", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("update" = String, Path, description = "Id of an update"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentDetail),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn withdraw(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, update)): Path<(String, String)>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    say(&state, &viewer, &incident, vec![Command::Withdraw(of_id(&update)?)], version(&headers)?).await
}

/// Who would be told by which way, who by none, and whether the words name another customer. Nothing is sent or kept.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/updates/preview", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "What publishing would lead to", body = PreviewField),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its state does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile (If-Match)", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn preview(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Said(said): Said<PreviewRequest>,
) -> Result<Json<PreviewField>, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let title = said.public_title.as_deref();
    if let Some(update) = &said.update {
        return preview_of(&state, &incident, of_id(update)?, title).map(Json);
    }
    let id = UpdateId(Uuid::now_v7());
    let mut tried = incident.clone();
    tried.updates.push(Update {
        id,
        at: crate::clock::now().wall,
        by: viewer.actor(),
        phase: incident.phase,
        heading: None,
        text: said.text.unwrap_or_default(),
        translations: Vec::new(),
        customers: customers(&viewer, said.customers.as_deref().unwrap_or_default())?,
        affected: incident.affected.clone(),
        named: incident.customers.clone(),
        state: UpdateState::Draft,
    });
    preview_of(&state, &tried, id, title).map(Json)
}

/// What publishing this update would lead to; used by the page too.
pub fn preview_of(
    state: &AppState,
    incident: &Incident,
    update: UpdateId,
    title: Option<&str>,
) -> Result<PreviewField, Problem> {
    let preview = state.board().preview_update(incident, update, title);
    let preview = preview.ok_or_else(|| Problem::not_found("update"))?;
    Ok(PreviewField::of(&preview, &state.board().directory()))
}

/// The words of the templates for a phase, filled with what is known of the incident.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/templates", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("phase" = Option<String>, Query, description = "The phase; without: the incident's"),
    ),
    responses(
        (status = 200, description = "The words", body = TemplateField),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn templates(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<TemplateField>, Problem> {
    let (incident, sight) = sight::look(&state, &viewer, &id).await?;
    if sight != Sight::Whole {
        sight.whole()?;
    }
    let phase = params.word("phase", &Phase::ALL.map(Phase::word))?;
    params.done()?;
    let phase = phase.as_deref().and_then(Phase::from_word).unwrap_or(incident.phase);
    let prepared = state.board().prepared_update(&incident, phase, crate::clock::now().wall);
    let prepared = prepared.ok_or_else(|| Problem::not_found("template"))?;
    Ok(Json(TemplateField {
        phase: phase.word().to_owned(),
        title: prepared.title,
        titles: prepared.titles.into_iter().map(|(tag, title)| (tag.0, title)).collect(),
        text: prepared.draft.text,
        translations: prepared.draft.translations.into_iter().map(|(tag, text)| (tag.0, text)).collect(),
    }))
}

fn of_id(id: &str) -> Result<UpdateId, Problem> {
    id.parse().map_err(|_| Problem::not_found("update"))
}

/// What a body says.
fn draft(viewer: &Viewer, incident: &Incident, said: &NewUpdate) -> Result<Draft, Problem> {
    let phase = match said.phase.as_deref() {
        None => incident.phase,
        Some(word) => Phase::from_word(word).ok_or_else(|| {
            Problem::invalid("phase", format!("phase must be one of {}.", Phase::ALL.map(Phase::word).join(", ")))
        })?,
    };
    Ok(Draft {
        phase,
        heading: heading(incident, said.public_title.as_ref(), said.public_titles.as_ref())?,
        text: said.text.clone().unwrap_or_default(),
        translations: said
            .translations
            .as_ref()
            .map(|all| tagged("translations", all))
            .transpose()?
            .unwrap_or_default(),
        customers: customers(viewer, said.customers.as_deref().unwrap_or_default())?,
    })
}

/// A title for customers; `None`: nothing is said of it. Other languages alone belong to the title that customers know.
fn heading(
    incident: &Incident,
    title: Option<&String>,
    titles: Option<&BTreeMap<String, String>>,
) -> Result<Option<Heading>, Problem> {
    if title.is_none() && titles.is_none() {
        return Ok(None);
    }
    let others = titles.map(|titles| tagged("public_titles", titles)).transpose()?.unwrap_or_default();
    let title = title.or(incident.public_title.as_ref());
    let title =
        title.ok_or_else(|| Problem::invalid("public_titles", "Give `public_title` too: customers know none."))?;
    Ok(Some(Heading { title: title.clone(), others }))
}

/// Texts by language.
pub(super) fn tagged(field: &str, texts: &BTreeMap<String, String>) -> Result<Vec<(Language, String)>, Problem> {
    if let Some(tag) = texts.keys().find(|tag| !is_tag(tag)) {
        return Err(Problem::invalid(field, format!("`{tag}` is no language tag such as en or de.")));
    }
    Ok(texts.iter().map(|(tag, text)| (Language(tag.clone()), text.clone())).collect())
}

/// Whether it may be a language's tag.
pub fn is_tag(tag: &str) -> bool {
    (2..=12).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

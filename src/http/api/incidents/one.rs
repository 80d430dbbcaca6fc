//! `/incidents/{id}`: one of them, its changes, its timeline, who was told.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hotline_core::incident::{Began, Command, Origin, Phase, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{IncidentDetail, IncidentLine, IncidentMessage};
use super::updates::tagged;
use super::{AffectedField, affected, customers, moment, say, shown, sight, version};
use crate::http::AppState;
use crate::http::api::alerts::{NoBody, Said};
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;

/// What is to be changed; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"severity": "critical", "affected": [{"service": "mail", "impact": "major_outage"}]}))]
pub struct IncidentChange {
    /// One line for the house.
    pub title: Option<String>,
    /// One line for customers.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag, all of them; another title without them stands in its one language.
    pub public_titles: Option<BTreeMap<String, String>>,
    /// `critical`, `major`, `minor`, `none`.
    pub severity: Option<String>,
    /// All services that are touched.
    pub affected: Option<Vec<AffectedField>>,
    /// All customers that are named beside the services' own.
    pub customers: Option<Vec<String>>,
    /// A phase; only while customers were not told anything (then an update says it).
    pub phase: Option<String>,
    /// When the fault began, by your word.
    #[schema(format = DateTime)]
    pub began_at: Option<String>,
    /// Planned work: from.
    #[schema(format = DateTime)]
    pub scheduled_from: Option<String>,
    /// Planned work: until.
    #[schema(format = DateTime)]
    pub scheduled_until: Option<String>,
    /// Planned work begins and ends by itself.
    pub by_itself: Option<bool>,
}

/// One incident. Who sees only some customers' things sees all of it where it touches nobody else, else what those see.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    responses(
        (status = 200, description = "The incident", body = IncidentDetail),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(viewer: Viewer, State(state): State<AppState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let (incident, _) = sight::look(&state, &viewer, &id).await?;
    Ok(shown(&state, &viewer, &incident, StatusCode::OK).await)
}

/// Changes titles, severity, what is touched, the beginning, the plan, the phase: all of it or nothing.
#[utoipa::path(
    patch, path = "/api/v1/incidents/{id}", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
        ("If-Match" = Option<String>, Header, description = "ETag of the version that is meant; another one is not touched (412)"),
    ),
    request_body = IncidentChange,
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
pub async fn change(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Said(said): Said<IncidentChange>,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    let words = words(&state, &viewer, &incident, &said)?;
    say(&state, &viewer, &incident, words, version(&headers)?).await
}

fn words(
    state: &AppState,
    viewer: &Viewer,
    incident: &hotline_core::incident::Incident,
    said: &IncidentChange,
) -> Result<Vec<Command>, Problem> {
    let mut words = Vec::new();
    let severity = said.severity.as_deref().map(|word| {
        let known = Severity::ALL.map(Severity::word).join(", ");
        Severity::from_word(word)
            .ok_or_else(|| Problem::invalid("severity", format!("severity must be one of {known}.")))
    });
    words.push(Command::Describe {
        title: said.title.clone(),
        public_title: said.public_title.clone(),
        severity: severity.transpose()?,
    });
    if let Some(titles) = &said.public_titles {
        words.push(Command::Titles(tagged("public_titles", titles)?));
    }
    if let Some(fields) = &said.affected {
        words.push(Command::Affect(affected(state, viewer, fields)?));
    }
    if let Some(ids) = &said.customers {
        words.push(Command::Customers(customers(viewer, ids)?));
    }
    if let Some(at) = &said.began_at {
        words.push(Command::Began(Began { at: moment("began_at", at)?, origin: Origin::Person }));
    }
    if said.scheduled_from.is_some() || said.scheduled_until.is_some() || said.by_itself.is_some() {
        viewer.require(Right::Plan)?;
        let at = |field: &str, text: &Option<String>, known: Option<jiff::Timestamp>| match text {
            Some(text) => moment(field, text),
            None => known.ok_or_else(|| Problem::invalid(field, format!("{field} is missing."))),
        };
        let from = at("scheduled_from", &said.scheduled_from, incident.scheduled.map(|(from, _)| from))?;
        let until = at("scheduled_until", &said.scheduled_until, incident.scheduled.map(|(_, until)| until))?;
        words.push(Command::Schedule(from, until, said.by_itself.unwrap_or(incident.by_itself)));
    }
    if let Some(word) = &said.phase {
        let known = Phase::ALL.map(Phase::word).join(", ");
        let phase = Phase::from_word(word);
        let phase = phase.ok_or_else(|| Problem::invalid("phase", format!("phase must be one of {known}.")))?;
        words.push(Command::Phase(phase));
    }
    Ok(words)
}

/// "It is not over after all." Customers read of it with the next update.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
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
pub async fn reopen(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let incident = sight::handle(&state, &viewer, &id).await?;
    say(&state, &viewer, &incident, vec![Command::Reopen], version(&headers)?).await
}

/// Everything that happened, oldest first. For who sees the whole incident.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/timeline", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    responses(
        (status = 200, description = "The timeline", body = Vec<IncidentLine>),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn timeline(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Vec<IncidentLine>>, Problem> {
    let (incident, sight) = sight::look(&state, &viewer, &id).await?;
    sight.whole()?;
    let rows = state.records().incident_timeline(incident.id).await?;
    Ok(Json(rows.into_iter().map(IncidentLine::from).collect()))
}

/// Who was told of it, by which way, and what came of that. For who sees the whole incident.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/messages", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Id of an incident"),
    ),
    responses(
        (status = 200, description = "The messages, oldest first", body = Vec<IncidentMessage>),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn messages(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Vec<IncidentMessage>>, Problem> {
    let (incident, sight) = sight::look(&state, &viewer, &id).await?;
    sight.whole()?;
    let rows = state.records().incident_messages(incident.id).await?;
    Ok(Json(rows.into_iter().map(IncidentMessage::from).collect()))
}

//! `incidents`: what is wrong, what is done about it, what customers are told.

mod list;
mod one;
mod open;
mod parts;
pub mod sight;
pub mod types;
mod updates;
pub mod waiting;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::{CustomerId, ServiceId};
use hotline_core::incident::{Affected, Command, Impact, Incident, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;
use crate::switch::incidents::IncidentError;
use sight::Sight;
use types::IncidentDetail;

pub use list::{open_now, page};
pub use open::{NewIncident, opened};
pub use updates::{NewUpdate, is_tag, preview_of};

/// The routes of incidents.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, open::open))
        .routes(routes!(one::one, one::change))
        .routes(routes!(one::reopen))
        .routes(routes!(one::timeline))
        .routes(routes!(one::messages))
        .routes(routes!(waiting::waiting))
        .routes(routes!(parts::comment))
        .routes(routes!(parts::give_role, parts::take_role))
        .routes(routes!(parts::add_task))
        .routes(routes!(parts::change_task))
        .routes(routes!(parts::join_alert))
        .routes(routes!(parts::remove_alert))
        .routes(routes!(updates::list, updates::write))
        .routes(routes!(updates::preview))
        .routes(routes!(updates::templates))
        .routes(routes!(updates::edit))
        .routes(routes!(updates::submit))
        .routes(routes!(updates::publish))
        .routes(routes!(updates::withdraw))
}

/// A service and how it is touched.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"service": "mail", "impact": "partial_outage"}))]
pub struct AffectedField {
    /// Id of a service.
    pub service: String,
    /// `operational`, `under_maintenance`, `degraded_performance`, `partial_outage`, `major_outage`.
    pub impact: String,
}

/// The version that is meant: `If-Match: "7"`.
fn version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Problem::invalid("If-Match", "If-Match must be the ETag of the incident, unchanged."))
}

/// Carries words out; the incident as it is then, with its `ETag`.
async fn say(
    state: &AppState,
    viewer: &Viewer,
    incident: &Incident,
    words: Vec<Command>,
    version: Option<i64>,
) -> Result<Response, Problem> {
    let done = state.board().incident_commands(incident.id, words, sight::by(viewer), version).await;
    Ok(shown(state, viewer, &done.map_err(|error| refused(&error))?, StatusCode::OK).await)
}

/// The incident with its version.
async fn shown(state: &AppState, viewer: &Viewer, incident: &Incident, status: StatusCode) -> Response {
    let directory = state.board().directory();
    let sight = Sight::of(viewer, incident, &directory);
    match IncidentDetail::of(incident, &sight, &directory) {
        Some(mut detail) => {
            // What was done is done: where its clocks can't be read just now, it is told without them.
            detail.promises = waiting::promises(state, incident, &sight).await.unwrap_or_default();
            let tag = detail.version.map(|version| (header::ETAG, format!("\"{version}\"")));
            let mut response = (status, Json(detail)).into_response();
            if let Some((name, value)) = tag.and_then(|(name, tag)| Some((name, tag.parse().ok()?))) {
                response.headers_mut().insert(name, value);
            }
            response
        }
        // What was done took it out of their sight.
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Why it is not done.
pub fn refused(error: &IncidentError) -> Problem {
    let refusal = match error {
        IncidentError::Unknown => return Problem::not_found("incident"),
        IncidentError::UnknownAlert(_) => return Problem::invalid("alert", sentence(&error.to_string())),
        IncidentError::NotKept(why) => {
            tracing::error!(%why, "something that was done to an incident could not be kept");
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-kept",
                "It could not be kept",
                "The database does not take it at the moment; nothing was done. Try again in a few seconds; /readyz says what is wrong.",
            )
            .with(header::RETRY_AFTER, "5");
        }
        IncidentError::Refused(refusal) => refusal,
    };
    let detail = sentence(&refusal.to_string());
    let conflict = |title: &str| Problem::new(StatusCode::CONFLICT, refusal.word(), title, detail.clone());
    let invalid = |field: &str| {
        let mut problem = Problem::new(StatusCode::BAD_REQUEST, refusal.word(), "A field is not valid", detail.clone());
        problem.field = Some(field.into());
        problem
    };
    match refusal {
        Refusal::Changed => {
            Problem::new(StatusCode::PRECONDITION_FAILED, "changed", "It was changed meanwhile", detail.clone())
        }
        Refusal::MayNotPublish => Problem::forbidden(refusal.word(), &detail),
        Refusal::UnknownUpdate => Problem::not_found("update"),
        Refusal::UnknownTask(_) => Problem::not_found("task"),
        Refusal::Over => conflict("The incident is over"),
        Refusal::NotOver => conflict("The incident is not over"),
        Refusal::NeedsUpdate => conflict("Customers know another phase"),
        Refusal::Settled => conflict("The update stays as it is"),
        Refusal::NeedsReview => conflict("A second person has to look first"),
        Refusal::OwnReview => conflict("Somebody else has to publish it"),
        Refusal::DrillAndReal => conflict("An exercise and what is real do not mix"),
        Refusal::NobodyTouched => conflict("Nobody would read it"),
        Refusal::EndIsForAll => conflict("The end is for everybody who was told"),
        Refusal::BeganKnown => conflict("The beginning is known"),
        Refusal::Full(_) => conflict("There are too many"),
        Refusal::NotPlanned => conflict("Only planned work has times"),
        Refusal::NoPublicTitle => invalid("public_title"),
        Refusal::NotTouched(_) | Refusal::UnknownCustomer(_) => invalid("customers"),
        Refusal::Title => invalid("title"),
        Refusal::Text | Refusal::Comment | Refusal::Task => invalid("text"),
        Refusal::UnknownService(_) => invalid("affected"),
        Refusal::UnknownUser(_) => invalid("user"),
        Refusal::Role => invalid("role"),
        Refusal::Phase(..) => invalid("phase"),
        Refusal::Schedule => invalid("scheduled_from"),
        Refusal::Began => invalid("began_at"),
    }
}

/// Services of a body. Who sees only some customers' things can name only theirs.
fn affected(state: &AppState, viewer: &Viewer, said: &[AffectedField]) -> Result<Vec<Affected>, Problem> {
    let directory = state.board().directory();
    let one = |field: &AffectedField| {
        let impact = Impact::from_word(&field.impact).ok_or_else(|| {
            let words = Impact::ALL.map(Impact::word).join(", ");
            Problem::invalid("affected", format!("impact must be one of {words}."))
        })?;
        let service = ServiceId::from(field.service.as_str());
        let owner = directory.services.get(&service).map(|service| service.customer.as_ref().map(|id| id.0.as_str()));
        match owner {
            Some(owner) if viewer.sees(owner) => Ok(Affected { service, impact }),
            Some(_) | None => {
                Err(Problem::invalid("affected", "There is no such service of your customers; see /api/v1/services."))
            }
        }
    };
    said.iter().map(one).collect()
}

fn customers(viewer: &Viewer, said: &[String]) -> Result<Vec<CustomerId>, Problem> {
    let one = |id: &String| {
        if viewer.sees(Some(id)) {
            Ok(CustomerId::from(id.as_str()))
        } else {
            Err(Problem::invalid("customers", "There is no such customer; /api/v1/customers lists them."))
        }
    };
    said.iter().map(one).collect()
}

/// A moment of a body.
pub fn moment(field: &str, text: &str) -> Result<jiff::Timestamp, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid(
            field,
            format!("{field} must be a time as in 2026-12-24T03:00:00Z or 2026-12-24T04:00:00+01:00."),
        )
    })
}

//! `POST /incidents`: a new one, by hand, from alerts, from calls.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use hotline_core::ids::{AlertId, CallId, CustomerId, IncidentId};
use hotline_core::incident::{Began, Incident, Kind, Opening, Origin, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::types::IncidentDetail;
use super::updates::tagged;
use super::{AffectedField, affected, customers, moment, refused, shown, sight};
use crate::http::AppState;
use crate::http::api::alerts::Said;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::switch::incidents::IncidentError;

/// Alerts or calls that one is opened from at most.
const MANY: usize = 100;

/// A new incident.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "title": "mail-01 does not take messages", "public_title": "E-mail is delayed", "severity": "major",
    "affected": [{"service": "mail", "impact": "partial_outage"}], "alerts": ["019aab2c-7d11-7000-8000-000000000002"]
}))]
pub struct NewIncident {
    /// `fault` (as is without it) or `maintenance`.
    pub kind: Option<String>,
    /// One line for the house, 1 to 200 characters; without: the first alert's title.
    pub title: Option<String>,
    /// One line for customers.
    pub public_title: Option<String>,
    /// The same in other languages, by language tag.
    pub public_titles: Option<BTreeMap<String, String>>,
    /// `critical`, `major`, `minor`, `none`; without: by its most urgent alert.
    pub severity: Option<String>,
    /// Services that are touched, beside those of its alerts.
    pub affected: Option<Vec<AffectedField>>,
    /// Customers that are touched beside the services' own.
    pub customers: Option<Vec<String>>,
    /// Ids of alerts that it is about.
    pub alerts: Option<Vec<String>>,
    /// Ids of calls that it is about.
    pub calls: Option<Vec<String>>,
    /// When the fault began, if you know it.
    #[schema(format = DateTime)]
    pub began_at: Option<String>,
    /// Planned work: from.
    #[schema(format = DateTime)]
    pub scheduled_from: Option<String>,
    /// Planned work: until.
    #[schema(format = DateTime)]
    pub scheduled_until: Option<String>,
    /// Planned work begins and ends at its times by itself.
    pub by_itself: Option<bool>,
}

/// Opens an incident. Nobody outside learns of it before an update is published.
#[utoipa::path(
    post, path = "/api/v1/incidents", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same wish, 1 to 200 characters"),
    ),
    request_body = NewIncident,
    responses(
        (status = 201, description = "Opened", body = IncidentDetail),
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
pub async fn open(
    viewer: Viewer,
    State(state): State<AppState>,
    Said(said): Said<NewIncident>,
) -> Result<Response, Problem> {
    let incident = opened(&state, &viewer, &said).await?;
    let place = state.link(&format!("/api/v1/incidents/{}", incident.id));
    let mut response = shown(&state, &viewer, &incident, StatusCode::CREATED).await;
    if let Ok(place) = place.parse() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Opens it; used by the page's button too.
pub async fn opened(state: &AppState, viewer: &Viewer, said: &NewIncident) -> Result<Incident, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let opening = understood(state, viewer, said).await?;
    if opening.kind == Kind::Maintenance {
        viewer.require(Right::Plan)?;
    }
    state.board().open_incident(opening, sight::by(viewer)).await.map_err(|error| refused(&error))
}

async fn understood(state: &AppState, viewer: &Viewer, said: &NewIncident) -> Result<Opening, Problem> {
    let kind = match said.kind.as_deref() {
        None => Kind::Fault,
        Some(word) => {
            Kind::from_word(word).ok_or_else(|| Problem::invalid("kind", "kind must be one of fault, maintenance."))?
        }
    };
    let severity = said.severity.as_deref().map(|word| {
        let words = Severity::ALL.map(Severity::word).join(", ");
        Severity::from_word(word)
            .ok_or_else(|| Problem::invalid("severity", format!("severity must be one of {words}.")))
    });
    let mut opening = Opening::new(IncidentId(Uuid::now_v7()), kind);
    opening.title.clone_from(&said.title);
    opening.public_title.clone_from(&said.public_title);
    opening.public_titles =
        said.public_titles.as_ref().map(|all| tagged("public_titles", all)).transpose()?.unwrap_or_default();
    opening.severity = severity.transpose()?;
    opening.affected = affected(state, viewer, said.affected.as_deref().unwrap_or_default())?;
    opening.customers = customers(viewer, said.customers.as_deref().unwrap_or_default())?;
    let began = said.began_at.as_deref().map(|text| moment("began_at", text)).transpose()?;
    opening.began = began.map(|at| Began { at, origin: Origin::Person });
    opening.scheduled = match (&said.scheduled_from, &said.scheduled_until) {
        (Some(from), Some(until)) => Some((moment("scheduled_from", from)?, moment("scheduled_until", until)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Problem::invalid("scheduled_from", "Give both scheduled_from and scheduled_until."));
        }
    };
    opening.by_itself = said.by_itself.unwrap_or_default();
    add_alerts(&mut opening, state, viewer, said.alerts.as_deref().unwrap_or_default()).await?;
    add_calls(&mut opening, state, viewer, said.calls.as_deref().unwrap_or_default()).await?;
    if viewer.customers.is_some() {
        only_theirs(&opening, state, viewer)?;
    }
    Ok(opening)
}

async fn add_alerts(
    opening: &mut Opening,
    state: &AppState,
    viewer: &Viewer,
    alerts: &[String],
) -> Result<(), Problem> {
    let unknown = || Problem::invalid("alerts", "There is no such alert; /api/v1/alerts lists them.");
    if alerts.len() > MANY {
        return Err(Problem::invalid("alerts", format!("At most {MANY} alerts at a time; join the others later.")));
    }
    for id in alerts {
        let id: AlertId = id.parse().map_err(|_| unknown())?;
        let seen = state.board().alert_seen(id).await;
        let seen = seen.map_err(|error| match error {
            IncidentError::UnknownAlert(_) => unknown(),
            error @ (IncidentError::Unknown | IncidentError::Refused(_) | IncidentError::NotKept(_)) => refused(&error),
        })?;
        if !viewer.sees(seen.customer.as_ref().map(|id| id.0.as_str())) {
            return Err(unknown());
        }
        opening.alerts.push(seen);
    }
    Ok(())
}

async fn add_calls(opening: &mut Opening, state: &AppState, viewer: &Viewer, calls: &[String]) -> Result<(), Problem> {
    let unknown = || Problem::invalid("calls", "There is no such call; /api/v1/calls lists them.");
    if calls.len() > MANY {
        return Err(Problem::invalid("calls", format!("At most {MANY} calls at a time.")));
    }
    for text in calls {
        let id: CallId = text.parse().map_err(|_| unknown())?;
        let row = state.records().call(text).await?.filter(|row| viewer.sees(row.customer.as_deref()));
        let row = row.ok_or_else(unknown)?;
        let started = jiff::Timestamp::from_millisecond(row.started_at).map_err(|_| unknown())?;
        opening.calls.push((id, started));
        if let Some(customer) = row.customer.map(CustomerId)
            && opening.affected.is_empty()
            && !opening.customers.contains(&customer)
        {
            opening.customers.push(customer);
        }
    }
    Ok(())
}

/// Who sees only some customers' things opens incidents that touch only them.
fn only_theirs(opening: &Opening, state: &AppState, viewer: &Viewer) -> Result<(), Problem> {
    let directory = state.board().directory();
    let alerts = opening.alerts.iter().filter_map(|alert| alert.service.as_ref());
    let services = opening.affected.iter().map(|affected| &affected.service).chain(alerts);
    let shared = services
        .filter_map(|id| directory.services.get(id))
        .any(|service| !viewer.sees(service.customer.as_ref().map(|id| id.0.as_str())));
    let nobody = opening.affected.is_empty() && opening.customers.is_empty() && opening.alerts.is_empty();
    if shared || nobody {
        return Err(Problem::invalid("customers", "Say which of your customers (and only of them) it touches."));
    }
    Ok(())
}

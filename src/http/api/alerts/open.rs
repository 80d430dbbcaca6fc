//! `POST /alerts`: an alert by hand.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::alert::intake::{Action, Event, dedup_key};
use hotline_core::directory::Directory;
use hotline_core::ids::{CustomerId, ServiceId};
use hotline_core::private::Private;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Said, priority, title};
use crate::http::AppState;
use crate::http::api::types::AlertSummary;
use crate::http::auth::{Right, Viewer};
use crate::http::problem::Problem;
use crate::switch::events::{IntakeError, Origin, Outcome};

/// Characters of the details at most.
const DETAILS_MAX: usize = 8_000;

/// An alert by hand.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "title": "The mail server in Hamburg is down", "details": "Reported in the corridor.", "priority": "P2",
    "customer": "acme", "service": "mail"
}))]
pub struct NewAlert {
    /// One line, 1 to 300 characters.
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// More, at most 8,000 characters.
    #[schema(max_length = 8_000)]
    pub details: Option<String>,
    /// `P1` to `P5`; the service's or P3 unless it is said.
    pub priority: Option<String>,
    /// Id of a customer.
    pub customer: Option<String>,
    /// Id of a service.
    pub service: Option<String>,
    /// Id of an escalation policy; the service's, the customer's or the default one unless it is said.
    pub policy: Option<String>,
    /// The same while it is open: no second alert, the open one is joined.
    pub dedup_key: Option<String>,
    /// A page about it (http or https).
    pub link: Option<String>,
}

/// Opens an alert. With an `Idempotency-Key` the same wish opens one alert only.
#[utoipa::path(
    post, path = "/api/v1/alerts", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for the same wish, 1 to 200 characters")),
    request_body = NewAlert,
    responses(
        (status = 201, description = "Opened", body = AlertSummary),
        (status = 200, description = "Joined the open alert with the same key", body = AlertSummary),
        (status = 202, description = "Safely on disk: the database is away, the alert is opened when it is back", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open(
    viewer: Viewer,
    State(state): State<AppState>,
    headers: HeaderMap,
    Said(said): Said<NewAlert>,
) -> Result<Response, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let directory = state.board().directory();
    let (mut origin, mut event) = understood(&said, &viewer, &directory)?;
    if event.dedup_key.is_none() {
        event.dedup_key = Some(made_key(&viewer, &headers)?);
    }
    origin.why = Some(format!("Opened by {}.", viewer.shown()));
    let taken = match state.board().open_alert(origin, event).await {
        Ok(Outcome::Kept(taken)) => taken.into_iter().next(),
        Ok(Outcome::Queued) => {
            return Ok(Problem::new(
                StatusCode::ACCEPTED,
                "queued",
                "Kept, not opened yet",
                "The database is away. The alert is safely on disk and is opened as soon as the database is back.",
            )
            .into_response());
        }
        Err(error @ (IntakeError::Full | IntakeError::NotKept(_) | IntakeError::UnknownSource)) => {
            return Err(super::not_kept(&error.to_string()));
        }
    };
    let opened = taken.as_ref().is_some_and(|taken| taken.opened);
    let Some(id) = taken.and_then(|taken| taken.alert) else {
        return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let row = state.records().alert(&id.to_string()).await?;
    let row = row.filter(|row| viewer.sees(row.customer.as_deref())).ok_or_else(|| Problem::not_found("alert"))?;
    let status = if opened { StatusCode::CREATED } else { StatusCode::OK };
    let place = state.link(&format!("/api/v1/alerts/{id}"));
    Ok((status, [(header::LOCATION, place)], Json(AlertSummary::of_row(row, &directory))).into_response())
}

/// People are told what is wrong, other than tools: they are there to mend it.
fn understood(said: &NewAlert, viewer: &Viewer, directory: &Directory) -> Result<(Origin, Event), Problem> {
    let service = said.service.as_deref().map(ServiceId::from);
    let known = service.as_ref().and_then(|id| directory.services.get(id));
    let customer =
        said.customer.as_deref().map(CustomerId::from).or_else(|| known.and_then(|service| service.customer.clone()));
    // What a viewer does not see is not known to them.
    if let Some(customer) = &customer
        && !(directory.customers.contains_key(customer) && viewer.sees(Some(&customer.0)))
    {
        return Err(Problem::invalid("customer", "There is no such customer; /api/v1/customers lists them."));
    }
    if customer.is_none() && viewer.customers.is_some() {
        return Err(Problem::invalid("customer", "Say which of your customers it is about."));
    }
    let foreign = known.is_some_and(|service| service.customer.is_some() && service.customer != customer);
    if service.is_some() && (known.is_none() || foreign) {
        return Err(Problem::invalid("service", "There is no such service of this customer."));
    }
    let mut origin = Origin::made("by-hand", "By hand");
    if let Some(policy) = said.policy.as_deref() {
        origin.source.policy = Some(policy.into());
        if origin.source.policy.as_ref().is_none_or(|policy| !directory.policies.contains_key(policy)) {
            return Err(Problem::invalid(
                "policy",
                "There is no such escalation policy; /api/v1/escalation-policies lists them.",
            ));
        }
    }
    let details = said.details.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if details.is_some_and(|text| text.chars().count() > DETAILS_MAX || text.contains('\0')) {
        return Err(Problem::invalid("details", "details has at most 8,000 characters, no NUL among them."));
    }
    let link = said.link.as_deref().map(|link| {
        let address =
            url::Url::parse(link).ok().filter(|url| matches!(url.scheme(), "http" | "https") && link.len() <= 2_000);
        address.ok_or_else(|| {
            Problem::invalid("link", "link must be an http or https address of at most 2,000 characters.")
        })
    });
    // One customer's key is not another's: who opens an alert must not join one that they don't see.
    let own_key = said.dedup_key.as_deref().and_then(dedup_key).map(|key| match &customer {
        Some(customer) => format!("{customer}/{key}"),
        None => key,
    });
    let event = Event {
        action: Action::Trigger,
        title: title(&said.title)?,
        details: details.map(Private::from),
        dedup_key: own_key.as_deref().and_then(dedup_key),
        group_key: None,
        priority: said.priority.as_deref().map(priority).transpose()?,
        customer,
        service,
        began_at: None,
        link: link.transpose()?.map(|url| url.to_string()),
    };
    Ok((origin, event))
}

/// From the viewer's own idempotency key, else a new one.
fn made_key(viewer: &Viewer, headers: &HeaderMap) -> Result<String, Problem> {
    let Some(key) = super::idempotency_key(headers)? else {
        return Ok(hex::encode(rand::random::<[u8; 16]>()));
    };
    Ok(hex::encode(&Sha256::digest(format!("{}\0{key}", viewer.shown()))[..16]))
}

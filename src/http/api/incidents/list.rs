//! `GET /incidents`: the list, newest first.

use axum::Json;
use axum::extract::State;
use hotline_core::directory::Directory;
use hotline_core::ids::{AlertId, CallId, CustomerId, ServiceId};
use hotline_core::incident::{Incident, Kind, Phase, Severity, UpdateState};

use super::sight::{self, Sight};
use super::types::IncidentSummary;
use crate::http::AppState;
use crate::http::api::types::Listed;
use crate::http::auth::{Role, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::incidents::{IncidentFilter, Touching};

/// The incidents, newest first. Stakeholders see those that were published to their customers, as these see them.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents", security(("token" = []), ("session" = [])),
    params(
        ("open" = Option<String>, Query, description = "`true`: only those that go on"),
        ("kind" = Option<String>, Query, description = "`fault` or `maintenance`"),
        ("phase" = Option<String>, Query, description = "`investigating` … `completed`"),
        ("severity" = Option<String>, Query, description = "`critical`, `major`, `minor`, `none`"),
        ("customer" = Option<String>, Query, description = "Id of a customer that is touched"),
        ("service" = Option<String>, Query, description = "Id of a service that is affected"),
        ("alert" = Option<String>, Query, description = "Id of an alert of it"),
        ("call" = Option<String>, Query, description = "Id of a call about it"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of incidents", body = Listed<IncidentSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<IncidentSummary>>, Problem> {
    page(&state, &viewer, &mut params).await.and_then(|listed| params.done().map(|()| Json(listed)))
}

/// The list that a query asks for.
pub async fn page(state: &AppState, viewer: &Viewer, params: &mut Params) -> Result<Listed<IncidentSummary>, Problem> {
    let directory = state.board().directory();
    let bad = |name: &str| Problem::invalid(name, format!("{name} must be an id."));
    let alert = params.name("alert")?.map(|id| id.parse::<AlertId>().map_err(|_| bad("alert"))).transpose()?;
    let call = params.name("call")?.map(|id| id.parse::<CallId>().map_err(|_| bad("call"))).transpose()?;
    let mut filter = IncidentFilter {
        open: params.word("open", &["true", "false"])?.as_deref() == Some("true"),
        kind: params.word("kind", &Kind::ALL.map(Kind::word))?,
        phase: params.word("phase", &Phase::ALL.map(Phase::word))?,
        severity: params.word("severity", &Severity::ALL.map(Severity::word))?,
        service: params.name("service")?.map(ServiceId),
        alert,
        call,
        ..IncidentFilter::default()
    };
    if let Some(customer) = params.name("customer")? {
        // A customer that they don't see has no incidents for them.
        let seen: Vec<CustomerId> = viewer.sees(Some(&customer)).then_some(CustomerId(customer)).into_iter().collect();
        let touching = sight::touching(seen.clone(), &directory);
        filter.touching.push(if seen.is_empty() { Touching::default() } else { touching });
    }
    // Which alerts belong together is not a customer's to know.
    if viewer.role == Role::Stakeholder && (filter.alert.is_some() || filter.call.is_some()) {
        return Ok(Listed { items: Vec::new(), next_cursor: None });
    }
    sight::narrow(&mut filter, viewer, &directory);
    let (limit, cursor) = params.page()?;
    let rows = state.records().incidents(&filter, cursor.as_deref(), limit).await?;
    let shown = |incident: &Incident| Some(seen(incident, viewer, &filter, &directory)?.1);
    Ok(Listed { items: rows.items.iter().filter_map(shown).collect(), next_cursor: rows.next_cursor })
}

/// What this viewer sees of it; `None`: nothing, or not what the filter asks for.
fn seen(
    incident: &Incident,
    viewer: &Viewer,
    filter: &IncidentFilter,
    directory: &Directory,
) -> Option<(Sight, IncidentSummary)> {
    let sight = Sight::of(viewer, incident, directory);
    let summary = IncidentSummary::of(incident, &sight, directory)?;
    (sight == Sight::Whole || is_seen(filter, &summary)).then_some((sight, summary))
}

/// Whether who sees only a part sees what the filter asks for: being found tells it too.
fn is_seen(filter: &IncidentFilter, summary: &IncidentSummary) -> bool {
    let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|wanted| wanted == has);
    let service = filter.service.as_ref();
    is(&filter.phase, &summary.phase)
        && is(&filter.severity, &summary.severity)
        && (!filter.open || summary.open)
        && (filter.alert.is_none() && filter.call.is_none())
        && service.is_none_or(|wanted| summary.affected.iter().any(|affected| affected.service.id == wanted.0))
}

/// What goes on, the latest first, each with how many of its updates wait for a second person; for the board.
pub async fn open_now(state: &AppState, viewer: &Viewer, limit: u32) -> Result<Vec<(IncidentSummary, usize)>, Problem> {
    let directory = state.board().directory();
    let mut filter = IncidentFilter { open: true, ..IncidentFilter::default() };
    sight::narrow(&mut filter, viewer, &directory);
    let rows = state.records().incidents(&filter, None, limit).await?;
    let shown = |incident: &Incident| {
        let (sight, summary) = seen(incident, viewer, &filter, &directory)?;
        let waits = incident.updates.iter().filter(|update| update.state == UpdateState::Review).count();
        Some((summary, if sight == Sight::Whole { waits } else { 0 }))
    };
    Ok(rows.items.iter().filter_map(shown).collect())
}

//! `postmortems`: drafted from an incident's facts, written by people, reviewed, published.

mod list;
mod make;
mod papers;
mod save;
mod state;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use hotline_core::directory::Directory;
use hotline_core::ids::IncidentId;
use hotline_core::incident::Incident;
use hotline_core::postmortem::{self, Facts, Noticed, Postmortem, Said, Seen, Sent};
use hotline_core::private::Private;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::api::incidents::sight::{is_only_about, own};
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::Store;
use crate::store::postmortems::{PostmortemActionRow, PostmortemRow};

pub use crate::store::postmortems::read;

pub use list::{PostmortemSummary, listed};
pub use make::drafted;
pub use save::{ActionText, PostmortemText, SectionTexts, saved};
pub use state::moved;

/// The routes of postmortems.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(list::one))
        .routes(routes!(state::state))
        .routes(routes!(papers::paper))
}

/// Those with large bodies.
pub fn large() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(make::make)).routes(routes!(save::save))
}

/// A postmortem with what it is about.
pub struct Known {
    /// As it is kept.
    pub row: PostmortemRow,
    /// Its actions as they are kept.
    pub actions: Vec<PostmortemActionRow>,
    /// The same as the core has it.
    pub postmortem: Postmortem,
    /// Its incident.
    pub incident: Incident,
    /// What is known of that.
    pub facts: Facts,
}

/// Wording that points at persons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "section": "summary", "line": 1, "column": 12, "words": "failed to", "suggestion": "say which condition made it possible"
}))]
pub struct BlameFinding {
    /// `summary` …, or `action 3`.
    pub section: String,
    /// From 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// The words.
    pub words: String,
    /// What may stand there instead.
    pub suggestion: String,
}

/// All wording about persons in it.
pub fn blame(postmortem: &Postmortem, directory: &Directory) -> Vec<BlameFinding> {
    let names = directory.users.values().flat_map(|user| {
        let first = user.name.split_whitespace().map(str::to_owned);
        std::iter::once(user.name.clone()).chain(first.filter(|name| name.chars().count() > 2))
    });
    let names: Vec<String> = names.collect();
    let sections = postmortem.sections.named().into_iter().map(|(name, text)| (name.to_owned(), text));
    let actions = postmortem.actions.iter().map(|action| (format!("action {}", action.number), action.text.as_str()));
    let found = postmortem::blame::check(sections.chain(actions), &names, &postmortem.language);
    let shown = |one: postmortem::blame::Finding| BlameFinding {
        section: one.section,
        line: one.line,
        column: one.column,
        words: one.words,
        suggestion: one.suggestion,
    };
    found.into_iter().map(shown).collect()
}

fn store(state: &AppState) -> Result<&Store, Problem> {
    state.records().store().ok_or_else(|| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))
}

/// Times of documents are those of the first rota's zone, else of the customers who were touched.
fn zone(incident: &Incident, directory: &Directory) -> TimeZone {
    let rota = directory.schedules.values().next().map(|schedule| schedule.time_zone.clone());
    let of_customers = || {
        let touched = incident.touched(directory);
        touched.iter().find_map(|id| directory.customers.get(id)?.time_zone.clone())
    };
    rota.or_else(of_customers).unwrap_or(TimeZone::UTC)
}

/// An incident with its facts. It names all customers that it touches, so it is for those who see every one of them.
async fn incident(state: &AppState, viewer: &Viewer, id: &str, language: &str) -> Result<(Incident, Facts), Problem> {
    viewer.require(Right::HandleAlerts)?;
    let missing = || Problem::not_found("incident");
    let id: IncidentId = id.parse().map_err(|_| missing())?;
    let incident = store(state)?.incident(id).await?.ok_or_else(missing)?;
    let directory = state.board().directory();
    if !sees(viewer, &incident, &directory) {
        return Err(missing());
    }
    let facts = facts_of(state, viewer, &incident, &directory, language).await?;
    Ok((incident, facts))
}

/// Who sees only some customers' things sees a postmortem if it touches no others.
pub fn sees(viewer: &Viewer, incident: &Incident, directory: &Directory) -> bool {
    if viewer.customers.is_none() {
        return true;
    }
    is_only_about(incident, &own(viewer, directory), directory)
}

async fn facts_of(
    state: &AppState,
    viewer: &Viewer,
    incident: &Incident,
    directory: &Directory,
    language: &str,
) -> Result<Facts, Problem> {
    const ALERTS: usize = 20;
    const CALLS: usize = 100;
    // As `switch/incidents/tell` marks messages to callers.
    const CALLER: &str = "caller";
    let (mut said, mut seen) = (Vec::new(), Vec::new());
    let mut calls: BTreeSet<String> = incident.calls.iter().map(ToString::to_string).collect();
    for line in store(state)?.incident_timeline(incident.id).await? {
        said.push(Said { at: moment(line.at), kind: line.kind, what: line.what, text: line.text.map(Private::new) });
    }
    for alert in incident.alerts.iter().take(ALERTS) {
        let id = alert.to_string();
        // Another customer's alert may have joined by a slip.
        let Some(alert) = state.records().alert(&id).await?.filter(|row| viewer.sees(row.customer.as_deref())) else {
            continue;
        };
        for line in state.records().alert_timeline(&id).await? {
            said.push(Said {
                at: moment(line.at),
                kind: line.kind,
                what: line.what,
                text: line.text.map(Private::new),
            });
        }
        if let Some(call) = alert.call_id {
            calls.insert(call);
            continue;
        }
        let source = alert.source.unwrap_or_default();
        let named = directory.sources.get(&source.as_str().into()).map(|source| source.name.clone());
        seen.push(Seen { at: moment(alert.created_at), by: Noticed::Monitoring(named.unwrap_or(source)) });
    }
    for call in calls.iter().take(CALLS) {
        let Some(call) = store(state)?.call(call).await? else { continue };
        if viewer.sees(call.customer.as_deref()) {
            seen.push(Seen { at: moment(call.started_at), by: Noticed::Call(call.reference) });
        }
    }
    let sent = store(state)?.incident_messages(incident.id).await?;
    let sent: Vec<Sent> = sent
        .into_iter()
        .map(|message| Sent {
            update: message.update_id.and_then(|id| id.parse().ok()),
            to_caller: message.contact.as_deref() == Some(CALLER),
            failed: matches!(message.state.as_str(), "failed" | "no-answer"),
        })
        .collect();
    let known = postmortem::Known { said: &said, seen: &seen, sent: &sent };
    Ok(postmortem::facts(incident, &known, directory, &zone(incident, directory), language))
}

fn moment(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// A postmortem, by its id or its incident's, if it is there for this viewer.
pub async fn known(state: &AppState, viewer: &Viewer, id: &str) -> Result<Known, Problem> {
    viewer.require(Right::HandleAlerts)?;
    let missing = || Problem::not_found("postmortem");
    let row = store(state)?.postmortem(id).await?.ok_or_else(missing)?;
    let actions = store(state)?.postmortem_actions(&row.id).await?;
    let postmortem = read(&row, &actions).ok_or_else(|| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let found = incident(state, viewer, &row.incident, &row.language).await;
    let (incident, facts) = found.map_err(|problem| if problem.status == 404 { missing() } else { problem })?;
    Ok(Known { row, actions, postmortem, incident, facts })
}

/// At the foot of every page.
fn foot(row: &PostmortemRow) -> String {
    format!("hotline · version {} · {}", row.version, rfc3339(row.updated_at))
}

fn overtaken(version: i64) -> Problem {
    let detail = format!("Version {version} is the newest. Read it, put your change into it, and save again.");
    Problem::new(StatusCode::CONFLICT, "overtaken", "Somebody else saved it meanwhile", detail)
}
